/* What a line tells of itself (epochs, gaps, items, outcomes) while a statement fails or memory is
 * short: it is recorded whole or not at all, with a reason, and is recorded when the batch is
 * applied again. */
#include "traceability/feed.h"
#include "traceability/step.h"
#include "traceability/store_inner.h"
#include "traceability/test_fault.h"
#include "traceability/test_store.h"

static json_t *details;

static int configure(struct fix *f, struct err *e)
{
    uint32_t no;
    return line_configure(f->s, "b", details, &no, e);
}

static int propose(struct fix *f, struct err *e)
{
    uint32_t epoch;
    return epoch_propose(f->s, f->line, 8, &epoch, e);
}

static int show(struct fix *f, struct err *e)
{
    return epoch_shown(f->s, f->line, f->epoch, 9, e);
}

static int item(struct fix *f, struct err *e)
{
    struct item it = fix_item(f, 4);
    return item_append(f->s, &it, e);
}

static int item_of_another_run(struct fix *f, struct err *e)
{
    struct item it = fix_item(f, 5);
    it.run = 2;
    return item_append(f->s, &it, e);
}

static int outcome(struct fix *f, struct err *e)
{
    struct outcome o = fix_outcome(f, 4);
    return outcome_append(f->s, &o, e);
}

static int gap(struct fix *f, struct err *e)
{
    struct gap g = {.kind = GAP_ITEMS,
                    .line = f->line,
                    .epoch = f->epoch,
                    .from = 6,
                    .to = 9,
                    .count = 4,
                    .cause = "overwritten"};
    return gap_append(f->s, &g, e);
}

static int gap_of_outcomes(struct fix *f, struct err *e)
{
    struct gap g = {
        .kind = GAP_OUTCOMES, .line = f->line, .epoch = f->epoch, .count = 4, .cause = "overrun"};
    return gap_append(f->s, &g, e);
}

static int blocks(struct fix *f, struct err *e)
{
    return item_blocks(f->s, mono_now(), true, e);
}

static int quarantine(struct fix *f, struct err *e)
{
    return line_quarantine(f->s, f->line, f->epoch, 3, "ERR_EPOCH", e);
}

static int clock_step(struct fix *f, struct err *e)
{
    return clock_stepped(f->s, -3000, e);
}

static int stop_feed(struct fix *f, struct err *e)
{
    return feed_stop(f->s, f->line, true, "daemon", e);
}

static int unknown(struct fix *f, struct err *e)
{
    return epoch_unknown(f->s, f->line, f->epoch + 7, 5, 11, e);
}

/* In this order, each on what the ones before it left. */
static const struct {
    const char *name;
    int (*tell)(struct fix *f, struct err *e);
} told[] = {
    {"line.configured", configure},
    {"epoch.proposed", propose},
    {"epoch.shown", show},
    {"an item", item},
    {"an item of another run", item_of_another_run},
    {"an outcome", outcome},
    {"a gap of items", gap},
    {"a gap of outcomes", gap_of_outcomes},
    {"blocks", blocks},
    {"line.quarantined", quarantine},
    {"clock.stepped", clock_step},
    {"line.feed-stop", stop_feed},
    {"an unknown epoch", unknown},
};

static int64_t rows_of(struct fix *f)
{
    return fix_number(
        store_db(f->s),
        "SELECT (SELECT count(*) FROM event) * 1000000 + (SELECT count(*) FROM item) * 10000 + "
        "(SELECT "
        "count(*) FROM outcome) * 1000 + (SELECT count(*) FROM gap) * 100 + (SELECT count(*) FROM "
        "segment) * 10 + (SELECT count(*) FROM line)");
}

static void every_failure(struct fix *f, enum fault_kind kind)
{
    details = json_pack("{s:s}", "map", "sorter");
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 3);
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        fix_commit(f);
        int64_t before = rows_of(f);
        for (int n = 0;; n++) {
            struct err why = {0};
            fix_begin(f);
            fault_set(kind, n);
            int rc = told[i].tell(f, &why);
            bool fired = fault_end();
            if (!fired && rc == 0)
                break;
            if (!step_trouble(rc) || why.code != rc || !why.text[0])
                fail_msg("%s, failure %d: %s \"%s\"", told[i].name, n, err_name(rc), why.text);
            store_rollback(f->s);
            assert_int_equal(rows_of(f), before);
        }
        if (rows_of(f) <= before)
            fail_msg("%s left nothing", told[i].name);
    }
    fix_commit(f);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM item"), 5);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM outcome"), 4);
    json_decref(details);
}

static void a_statement_that_fails_leaves_nothing_half_told(void **state)
{
    every_failure(*state, FAULT_STEP);
}

static void memory_that_is_not_there_leaves_nothing_half_told(void **state)
{
    every_failure(*state, FAULT_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(a_statement_that_fails_leaves_nothing_half_told),
        FIX_TEST(memory_that_is_not_there_leaves_nothing_half_told),
    };
    json_use_malloc(fault_malloc);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
