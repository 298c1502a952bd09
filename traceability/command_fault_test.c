/* A day in the shed on which everything fails once: each statement of each command, and each piece
 * of memory that one asks for. A command that met a failure ends with a reason; nothing of it is
 * left after the turn was rolled back, and the same request goes well afterwards. */
#include "base/crypto.h"
#include "traceability/test_farm.h"
#include "traceability/step.h"
#include "traceability/test_fault.h"

static enum fault_kind kind;
static int
    every; /* 1: each point of failure; 5: each fifth, beginning elsewhere with each command */

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

/* ---- the day ---- */

static void people_and_papers(struct farm *m)
{
    farm_ok(m, "coop.set", "{s:s,s:s,s:s,s:s,s:s}", "name_zh", "甲", "name_en", "A", "contact", "0",
            "township_zh", "东镇", "township_en", "East township");
    farm_people(m);
    farm_ok(m, "product.add", "{s:s,s:s,s:s,s:s,s:s}", "product", "lu", "crop", "codonopsis",
            "gtin", "06901234567892", "name_zh", "党参", "name_en", "Codonopsis");
    json_decref(farm_run(m, "scale.configure",
                         farm_scale("bench", "static", "C-2", wall_now().ms + DAY_MS), 0, NULL));
    json_decref(farm_weigh(m, "check", 20000000, "{s:I}", "applied_mg", (json_int_t)20500000));
    farm_ok(m, "buyer.register", "{s:s}", "buyer", "market");
}

static json_t *routes(void)
{
    return json_pack("[{s:i,s:[i]},{s:i,s:[i,i]},{s:i,s:[i]}]", "grade", 1, "outlets", 1, "grade",
                     2, "outlets", 2, 3, "grade", 3, "outlets", 3);
}

static void the_belt(struct farm *m, struct farm_demo *d)
{
    farm_lot(m, m->farmer1, 2000000, d->lot1);
    farm_lot(m, m->farmer2, 1000000, d->lot2);
    farm_take_run(farm_do(m, "run.start", "{s:s,s:s,s:[s,s],s:o,s:o}", "line", "a", "product",
                          "codonopsis-lu", "lots", d->lot1, d->lot2, "rules",
                          farm_rules("codonopsis"), "routes", routes()),
                  &d->run);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    farm_ok(m, "box.open", "{s:s,s:i,s:i}", "line", "a", "outlet", 2, "out", (int)m->out);
    farm_ok(m, "box.cancel", "{s:s,s:i,s:s}", "line", "a", "outlet", 2, "reason", "torn");
    for (int i = 0; i < 9; i++)
        farm_item(m, d->run.run, (uint16_t)(i % 3 + 1), 250000, (uint16_t)(i % 3 + 1),
                  (uint16_t)(i % 3 + 1), i < 8 ? 1 : 0);
    farm_text(farm_weigh(m, "box", 750000, "{s:s,s:i}", "line", "a", "outlet", 1), "box", d->box,
              sizeof d->box);
    json_decref(farm_weigh(m, "run.waste", 100000, "{s:s,s:s}", "run", d->run.id, "grade", "soil"));
    json_decref(farm_weigh(m, "run.back", 500000, "{s:s,s:s}", "run", d->run.id, "lot", d->lot1));
    farm_ok(m, "run.calibrate", "{s:i,s:i,s:i,s:s}", "run", (int)d->run.run, "pieces", 10,
            "weighed_mg", 90, "detail", "calliper");
}

/* The last piece is still on its way when the run is stopped. */
static void the_belt_ends(struct farm *m, struct farm_demo *d)
{
    struct outcome o = {.line = m->f.line,
                        .epoch = m->f.epoch,
                        .out = ++m->out,
                        .seq = m->seq,
                        .outlet = 3,
                        .reason = 1};
    char weighing[40];
    json_t *a = farm_do(m, "run.stop", "{s:s}", "run", d->run.id);
    assert_string_equal(json_text_or(a, "state", ""), "stopping");
    json_decref(a);
    OK(outcome_append(m->f.s, &o, e));
    a = farm_do(m, "run.stop", "{s:s}", "run", d->run.id);
    assert_string_equal(json_text_or(a, "state", ""), "closed");
    json_decref(a);
    farm_text(farm_weigh(m, "run.back", 100000, "{s:s,s:s}", "run", d->run.id, "lot", d->lot2),
              "weighing", weighing, sizeof weighing);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing, "reason", "wrong crate");
}

static void mistakes_are_voided(struct farm *m, struct farm_demo *d)
{
    char open[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], weighing[4][40];
    farm_text(farm_do(m, "lot.open", "{s:s,s:s,s:s,s:s,s:s}", "farmer", m->farmer1, "deliverer",
                      m->farmer2, "product", "codonopsis-lu", "township_zh", "西镇", "township_en",
                      "West"),
              "lot", open, sizeof open);
    farm_text(farm_weigh(m, "intake", 4000000, "{s:s}", "lot", open), "weighing", weighing[0],
              sizeof weighing[0]);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing[0], "reason", "twice");
    json_t *a =
        farm_weigh(m, "hand.out", 1000000, "{s:s,s:s}", "lot", d->lot3, "worker", m->worker);
    snprintf(task, sizeof task, "%s", json_text_or(a, "task", ""));
    farm_text(a, "weighing", weighing[1], sizeof weighing[1]);
    farm_text(farm_weigh(m, "hand.back", 500000, "{s:s,s:s}", "task", task, "grade", "3"),
              "weighing", weighing[2], sizeof weighing[2]);
    farm_text(farm_weigh(m, "box", 100000, "{s:s}", "lot", d->hand1), "weighing", weighing[3],
              sizeof weighing[3]);
    for (int i = 3; i > 0; i--)
        farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing[i], "reason", "not this one");
}

static void trouble_with_goods(struct farm *m, struct farm_demo *d)
{
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", d->lot2, "reason", "smells");
    farm_ok(m, "hold.release", "{s:s,s:s}", "lot", d->lot2, "reason", "aired");
    farm_ok(m, "recall.drill", "{s:s}", "id", d->box);
    farm_ok(m, "problem.report", "{s:s,s:s}", "id", d->box, "text", "two stones");
    farm_ok(m, "recall.start", "{s:s,s:s}", "id", d->box, "reason", "stones");
}

static void a_day(struct farm *m)
{
    struct farm_demo d;
    m->trial = trial;
    people_and_papers(m);
    the_belt(m, &d);
    the_belt_ends(m, &d);
    farm_hands(m, &d);
    mistakes_are_voided(m, &d);
    trouble_with_goods(m, &d);
    farm_ok(m, "key.rotate", "{}");
    farm_ok(m, "store.restored", "{}");
    farm_rebuilds(m);
}

static void a_statement_that_fails_undoes_its_command(void **state)
{
    kind = FAULT_STEP;
    every = 1;
    a_day(*state);
}

static void memory_that_is_not_there_undoes_its_command(void **state)
{
    kind = FAULT_JSON;
    every = 5;
    a_day(*state);
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
