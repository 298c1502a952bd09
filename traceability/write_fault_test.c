/* What the daemon writes beside commands, while the n-th call of SQLite or the n-th allocation
 * fails: one clear error each time; after the rollback the record is what it was, and the same deed
 * goes well. */
#include "base/crypto.h"
#include "base/json.h"
#include "base/test_nth.h"
#include "traceability/feed.h"
#include "traceability/rebuild.h"
#include "traceability/test_store.h"
#include "traceability/verify.h"

/* ---- what is written ---- */

static int configure(struct fix *f, const char *line, const char *map, struct err *e)
{
    uint32_t no = 0;
    json_t *details = json_pack("{s:s}", "map", map);
    int rc = line_configure(f->s, line, details, &no, e);
    json_decref(details);
    return rc;
}

static int new_line(struct fix *f, struct err *e)
{
    return configure(f, "b", "sorter", e);
}

static int line_as_it_was(struct fix *f, struct err *e)
{
    return configure(f, "a", "sorter", e);
}

static int line_changed(struct fix *f, struct err *e)
{
    return configure(f, "a", "other", e);
}

static int epoch(struct fix *f, struct err *e)
{
    uint32_t epoch = 0;
    int rc = epoch_propose(f->s, f->line, 8, &epoch, e);
    return rc ? rc : epoch_shown(f->s, f->line, epoch, 8, e);
}

static int epoch_of_a_restored_plc(struct fix *f, struct err *e)
{
    return epoch_unknown(f->s, f->line, f->epoch + 77, 5, 9, e);
}

static int items(struct fix *f, struct err *e)
{
    int rc = 0;
    for (uint32_t n = 5; rc == 0 && n <= 18; n++) { /* over the edge of a row of held words */
        struct item it = fix_item(f, n);
        struct outcome o = fix_outcome(f, n);
        it.run = n > 10 ? 2 : 1; /* a segment of its own */
        rc = item_append(f->s, &it, e);
        if (rc == 0)
            rc = outcome_append(f->s, &o, e);
    }
    return rc;
}

static int items_again(struct fix *f, struct err *e)
{
    struct item it = fix_item(f, 3);
    struct outcome o = fix_outcome(f, 3);
    int rc = item_append(f->s, &it, e);
    return rc ? rc : outcome_append(f->s, &o, e);
}

static int items_blocked(struct fix *f, struct err *e)
{
    int rc = items(f, e);
    return rc ? rc : item_blocks(f->s, mono_now(), true, e);
}

static int holes(struct fix *f, struct err *e)
{
    struct gap items = {GAP_ITEMS, f->line, f->epoch, 5, 9, 5, "overwritten"};
    struct gap outcomes = {GAP_OUTCOMES, f->line, f->epoch, 0, 0, 3, "outcomes-overrun"};
    int rc = gap_append(f->s, &items, e);
    if (rc == 0)
        rc = gap_append(f->s, &outcomes, e);
    return rc ? rc : gap_append(f->s, &outcomes, e); /* the same once more */
}

static int small_events(struct fix *f, struct err *e)
{
    int rc = line_quarantine(f->s, f->line, f->epoch, 2, "range", e);
    if (rc == 0)
        rc = clock_stepped(f->s, 3600000, e);
    return rc ? rc : feed_stop(f->s, f->line, true, "uid:1000", e);
}

static int restored(struct fix *f, struct err *e)
{
    return store_restored(f->s, "uid:1000", e);
}

static int key_rotated(struct fix *f, struct err *e)
{
    json_t *ret = NULL;
    int rc = fix_command(f, "k1", "key.rotate", NULL, &ret, NULL, e);
    json_decref(ret);
    return rc;
}

static const struct deed {
    const char *name;
    int (*act)(struct fix *f, struct err *e);
    bool writes;
} deeds[] = {
    {"a new line", new_line, true},
    {"a line as it was", line_as_it_was, false},
    {"a line that changed", line_changed, true},
    {"an epoch", epoch, true},
    {"an epoch that a PLC brings", epoch_of_a_restored_plc, true},
    {"items and outcomes", items, true},
    {"items and outcomes again", items_again, false},
    {"blocks", items_blocked, true},
    {"holes", holes, true},
    {"small events", small_events, true},
    {"a restored store", restored, true},
    {"a new key", key_rotated, true},
};

/* ---- the record as a whole ---- */

static void add_line(void *ctx, const char *line)
{
    sha256_add(ctx, line, strlen(line) + 1);
}

static void fingerprint(struct db *db, uint8_t ret[SHA256_LEN])
{
    char names[2000] = "";
    struct sha256 sum;
    struct stmt *q =
        db_q(db, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE "
                 "type='table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name)");
    assert_int_equal(q_one(q), 1);
    snprintf(names, sizeof names, "%s", q_str(q, 0));
    q_done(q);
    sha256_init(&sum);
    OK(db_dump(db, names, add_line, &sum, e));
    sha256_end(&sum, ret);
}

/* Kinds and keys of the events that are not committed yet: what a lost value would be missed in. */
static void shape(struct fix *f, char ret[4000])
{
    struct stmt *q =
        db_q(store_db(f->s), "SELECT group_concat(kind || ' ' || (SELECT group_concat(key) FROM "
                             "json_each(CAST(body AS TEXT))), ';') FROM event WHERE seq > ?");
    assert_int_equal(q_one(q_int(q, 1, store_head(f->s))), 1);
    snprintf(ret, 4000, "%s", q_str(q, 0));
    q_done(q);
}

/* Line "a" with four items, one buyer, all committed. */
static void prepare(struct fix *f)
{
    json_t *ret = NULL;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 4);
    OK(fix_command(f, "b1", "buyer.register", json_pack("{s:s}", "buyer", "buyer-1"), &ret, NULL,
                   e));
    json_decref(ret);
    fix_commit(f);
}

static void fails_at(struct fix *f, const struct deed *d, int n, const uint8_t before[SHA256_LEN],
                     const char *whole)
{
    struct err e = {0};
    uint8_t after[SHA256_LEN];
    char written[4000];
    fix_begin(f);
    nth_arm();
    int rc = d->act(f, &e);
    bool fired = nth_fired();
    if (rc > 0 || (rc && (!e.text[0] || e.code != rc)))
        fail_msg("%s, failure %d: %d says \"%s\"", d->name, n, rc, e.text);
    if (rc && !fired)
        fail_msg("%s: %s without a failure", d->name, e.text);
    if (rc == 0)
        shape(f, written);
    if (rc == 0 && strcmp(written, whole) != 0)
        fail_msg("%s, failure %d: \"%s\" was written as if it were \"%s\"", d->name, n, written,
                 whole);
    store_rollback(f->s);
    fingerprint(store_db(f->s), after);
    if (memcmp(before, after, sizeof after) != 0)
        fail_msg("%s, failure %d: something was left after the rollback", d->name, n);
}

static void goes_well(struct fix *f, const struct deed *d, const uint8_t before[SHA256_LEN])
{
    uint8_t after[SHA256_LEN];
    json_t *report = NULL;
    int64_t events = 0;
    fix_begin(f);
    OK(d->act(f, e));
    fix_commit(f);
    fingerprint(store_db(f->s), after);
    assert_int_equal(memcmp(before, after, sizeof after) != 0, d->writes);
    OK(verify_store(store_db(f->s), NULL, &report, e));
    json_decref(report);
    OK(rebuild_check(store_db(f->s), f->dir, &events, e));
}

static void every_deed(enum nth_what what)
{
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        void *fresh = NULL;
        uint8_t before[SHA256_LEN];
        char whole[4000];
        int turns = 0;
        fix_start(&fresh);
        prepare(fresh);
        fix_begin(fresh);
        OK(deeds[i].act(fresh, e));
        shape(fresh, whole);
        store_rollback(((struct fix *)fresh)->s);
        fingerprint(store_db(((struct fix *)fresh)->s), before);
        nth.dense = what == NTH_SQL ? 0 : 12;
        NTH_EVERY(what, n)
        {
            fails_at(fresh, &deeds[i], n, before, whole);
            turns = n;
        }
        assert_true(turns > 1);
        goes_well(fresh, &deeds[i], before);
        fix_stop(&fresh);
    }
}

static void a_failed_statement_leaves_nothing_and_the_deed_can_be_done_again(void **state)
{
    (void)state;
    every_deed(NTH_SQL);
}

static void a_failed_allocation_leaves_nothing_and_the_deed_can_be_done_again(void **state)
{
    (void)state;
    every_deed(NTH_MEMORY);
}

int main(void)
{
    json_use_malloc(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_statement_leaves_nothing_and_the_deed_can_be_done_again),
        cmocka_unit_test(a_failed_allocation_leaves_nothing_and_the_deed_can_be_done_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
