/* A day in the shed on which everything fails once: each statement of each command, and each piece
 * of memory that one asks for. A command that met a failure ends with a reason; nothing of it is
 * left after the turn was rolled back, and the same request goes well afterwards. */
#include "base/crypto.h"
#include "traceability/test_day.h"
#include "traceability/step.h"
#include "traceability/test_fault.h"

static enum fault_kind kind;
static int
    every; /* 1: each point of failure; 9: each ninth, beginning elsewhere with each command */

/* ---- what stands in the record ---- */

static void add_line(void *ctx, const char *line)
{
    sha256_add(ctx, line, strlen(line));
    sha256_add(ctx, "\n", 1);
}

/* A hash over all rows of all tables. */
static void fingerprint(struct db *db, struct sha256 *h)
{
    char tables[2000] = "";
    size_t n = 0;
    struct stmt *s =
        db_q(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE "
                 "'sqlite%' ORDER BY 1");
    while (q_step(s) == 1 && n < sizeof tables)
        n += (size_t)snprintf(tables + n, sizeof tables - n, "%s%s", n ? "," : "", q_str(s, 0));
    assert_true(n > 0 && n < sizeof tables);
    OK(db_dump(db, tables, add_line, h, e));
}

static void record_of(struct farm *m, uint8_t ret[SHA256_LEN])
{
    struct sha256 h;
    sha256_init(&h);
    fingerprint(store_db(m->f.s), &h);
    fingerprint(store_people(m->f.s), &h);
    sha256_end(&h, ret);
}

/* ---- each command, before it goes well ---- */

/* True when the n-th was reached. */
static bool fails_at(struct farm *m, int n, const struct actor *a, const char *id, const char *name,
                     const json_t *args)
{
    struct err why = {0};
    json_t *ret = NULL;
    fix_begin(&m->f);
    fault_set(kind, n);
    int rc = command_run(m->f.s, a, id, name, args, &ret, NULL, &why);
    bool fired = fault_end();
    store_rollback(m->f.s);
    if (!fired && rc)
        fail_msg("%s: %s: %s", name, err_name(rc), why.text);
    if (fired && (!step_trouble(rc) || why.code != rc || !why.text[0] || ret))
        fail_msg("%s, failure %d: %s \"%s\"%s", name, n, err_name(rc), why.text,
                 ret ? ", with an answer" : "");
    json_decref(ret);
    return fired;
}

static void trial(struct farm *m, const struct actor *a, const char *id, const char *name,
                  const json_t *args)
{
    uint8_t before[SHA256_LEN], after[SHA256_LEN];
    fix_commit(&m->f);
    record_of(m, before);
    int n = every > 1 ? (int)m->request % every : 0;
    while (fails_at(m, n, a, id, name, args))
        n += every;
    assert_true(n >= every);
    record_of(m, after);
    if (memcmp(before, after, sizeof before) != 0)
        fail_msg("%s: something was left of a command that failed", name);
    fix_begin(&m->f);
}

static void a_statement_that_fails_undoes_its_command(void **state)
{
    kind = FAULT_STEP;
    every = 1;
    a_day(*state, trial);
}

static void memory_that_is_not_there_undoes_its_command(void **state)
{
    kind = FAULT_JSON;
    every = 9;
    a_day(*state, trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_statement_that_fails_undoes_its_command),
        FARM_TEST(memory_that_is_not_there_undoes_its_command),
    };
    json_use_malloc(fault_malloc);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
