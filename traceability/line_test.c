/* Lines and epochs: numbers, proposals, what an unknown epoch and a restore do. */
#include "traceability/test_store.h"

static uint32_t propose(struct fix *f, uint32_t nonce)
{
    uint32_t epoch = 0;
    OK(epoch_propose(f->s, f->line, nonce, &epoch, e));
    return epoch;
}

static int64_t events(struct fix *f)
{
    return fix_number(store_db(f->s), "SELECT count(*) FROM event");
}

static struct item_line_state line_of(struct fix *f)
{
    struct item_line_state st;
    OK(item_line_state(f->s, f->line, &st, e));
    return st;
}

static void numbers_and_changes(void **state)
{
    struct fix *f = *state;
    uint32_t a = 0, b = 0;
    json_t *x = json_pack("{s:i}", "x", 1), *y = json_pack("{s:i,s:{s:s}}", "x", 2, "m", "k", "v");
    fix_open(f);
    fix_begin(f);
    OK(line_configure(f->s, "a", x, &a, e));
    OK(line_configure(f->s, "b", x, &b, e));
    assert_true(a == 1 && b == 2);
    int64_t n = events(f);
    OK(line_configure(f->s, "a", x, &a, e));
    assert_int_equal(events(f), n); /* nothing new, no event */
    OK(line_configure(f->s, "a", y, &a, e));
    assert_int_equal(events(f), n + 1);
    assert_int_equal(a, 1);
    fix_commit(f);
    fix_close(f);
    fix_open(f);
    fix_begin(f);
    OK(line_configure(f->s, "a", y, &a, e));
    assert_int_equal(events(f), n + 1);
    assert_int_equal(line_configure(f->s, "", x, &a, NULL), ERR_RANGE);
    assert_int_equal(line_configure(f->s, "A", x, &a, NULL), ERR_RANGE);
    assert_int_equal(line_configure(f->s, "a-name-of-25-characters-xx", x, &a, NULL), ERR_RANGE);
    assert_int_equal(line_configure(f->s, "c", NULL, &a, NULL), ERR_RANGE);
    json_decref(x);
    json_decref(y);
}

static void proposals(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    assert_true(f->epoch >= 1 && f->epoch <= 1 << 30);
    struct item_line_state st = line_of(f);
    assert_int_equal(st.epoch, f->epoch);
    assert_true(st.epoch_seen && st.epoch_nonce == 7 && st.boot_nonce == 7);
    assert_int_equal(st.next_epoch, f->epoch + 1);
    uint32_t next = propose(f, 8);
    assert_int_equal(next, f->epoch + 1);
    assert_int_equal(propose(f, 8), next); /* the same start of the PLC, never shown */
    assert_false(line_of(f).epoch_seen);
    assert_int_equal(propose(f, 9), next + 1); /* another start */
    OK(epoch_shown(f->s, f->line, next + 1, 9, e));
    assert_int_equal(propose(f, 9), next + 2); /* it had shown it */
    uint32_t other = 0;
    assert_int_equal(epoch_propose(f->s, 5, 1, &other, NULL), ERR_NOT_FOUND);
    assert_int_equal(epoch_shown(f->s, f->line, 1u << 31, 9, NULL), ERR_NOT_FOUND);
    assert_int_equal(epoch_shown(f->s, f->line, 0, 9, NULL), ERR_NOT_FOUND);
    fix_commit(f);
}

/* A retentive PLC restarts under the same epoch: its new nonce is knowledge worth keeping. */
static void shown_again(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    int64_t n = events(f);
    OK(epoch_shown(f->s, f->line, f->epoch, 7, e));
    assert_int_equal(events(f), n);
    OK(epoch_shown(f->s, f->line, f->epoch, 99, e));
    assert_int_equal(events(f), n + 1);
    assert_true(line_of(f).boot_nonce == 99 && line_of(f).epoch_nonce == 7);
    fix_commit(f);
}

static void unknown_epoch(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 3);
    uint32_t strange = f->epoch + 1000, own = f->epoch;
    OK(epoch_unknown(f->s, f->line, strange, 41, 77, e));
    OK(epoch_unknown(f->s, f->line, strange, 41, 77, e)); /* the batch again */
    struct item_line_state st = line_of(f);
    assert_true(st.epoch == strange && st.seq == 40 && st.epoch_seen && st.boot_nonce == 77);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM gap"), 1);
    f->epoch = strange;
    for (uint32_t seq = 41; seq <= 42; seq++) {
        struct item it = fix_item(f, seq);
        OK(item_append(f->s, &it, e));
    }
    OK(epoch_unknown(f->s, f->line, strange, 43, 77, e)); /* and once more, later: all is known */
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM gap"), 1);
    assert_int_equal(line_of(f).next_epoch, own + 1); /* a stranger's number does not lead ours */
    OK(epoch_unknown(f->s, f->line, own, 6, 78,
                     e)); /* back to an old one of ours: 4 and 5 are lost */
    assert_true(line_of(f).epoch == own && line_of(f).seq == 5);
    assert_int_equal(fix_number(store_db(f->s), "SELECT sum(count) FROM gap"), 42);
    assert_int_equal(epoch_unknown(f->s, f->line, 0, 1, 1, NULL), ERR_RANGE);
    assert_int_equal(epoch_unknown(f->s, 77, 5, 1, 1, NULL), ERR_NOT_FOUND);
    fix_commit(f);
}

static void first_epochs_are_random(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    uint32_t before = f->epoch;
    propose(f, 8);
    OK(store_restored(f->s, "uid:0", e));
    uint32_t after = propose(f, 9);
    assert_true(after <= 1 << 30 && after != before && after != before + 1);
    assert_true(after != before + 2); /* one in 2^30 to fail by chance */
    assert_int_equal(propose(f, 10), after + 1 == before ? before + 2 : after + 1);
    fix_commit(f);
}

static void notes_of_trouble(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    int64_t n = events(f);
    OK(line_quarantine(f->s, f->line, f->epoch, 12, "epoch-conflict", e));
    OK(clock_stepped(f->s, -4200, e));
    assert_int_equal(events(f), n + 2);
    fix_commit(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(numbers_and_changes), FIX_TEST(proposals),
        FIX_TEST(shown_again),         FIX_TEST(unknown_epoch),
        FIX_TEST(notes_of_trouble),    FIX_TEST(first_epochs_are_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
