/* Items, outcomes, gaps: order, once, blocks, and what a rollback leaves. */
#include "traceability/test_store.h"
#include "traceability/merkle.h"
#include "traceability/store_inner.h"
#include "traceability/verify.h"

static int append(struct fix *f, uint32_t seq)
{
    struct item it = fix_item(f, seq);
    return item_append(f->s, &it, NULL);
}

static int gap(struct fix *f, enum gap_kind kind, uint32_t from, uint32_t to, uint32_t count)
{
    struct gap g = {kind, f->line, f->epoch, from, to, count, "overwritten"};
    return gap_append(f->s, &g, NULL);
}

static void same_item_once(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 10);
    fix_rows(f, 1, 10);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM item"), 10);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM outcome"), 10);
    fix_commit(f);
    fix_close(f);
    fix_open(f); /* and after a restart */
    fix_begin(f);
    fix_rows(f, 1, 12);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM item"), 12);
}

static void other_words(void **state)
{
    struct fix *f = *state;
    struct err e;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 3);
    struct item it = fix_item(f, 2);
    it.words[5]++;
    assert_int_equal(item_append(f->s, &it, &e), ERR_EPOCH);
    assert_non_null(strstr(e.text, "item 2"));
    struct outcome o = fix_outcome(f, 2);
    o.outlet++;
    assert_int_equal(outcome_append(f->s, &o, NULL), ERR_EPOCH);
    o = fix_outcome(f, 2);
    o.reason++;
    assert_int_equal(outcome_append(f->s, &o, NULL), ERR_EPOCH);
    o = fix_outcome(f, 2);
    o.seq++;
    assert_int_equal(outcome_append(f->s, &o, NULL), ERR_EPOCH);
    fix_commit(f);
}

/* Long after: the words' slot belongs to a newer item, the measured values decide. */
static void other_measures(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 1060);
    assert_int_equal(append(f, 2), 0);
    for (int i = 0; i < 5; i++) {
        struct item it = fix_item(f, 2);
        it.net_mg += i == 0;
        it.dia_um += i == 1;
        it.flags = (uint16_t)(it.flags + (i == 2));
        it.lane = (uint16_t)(it.lane + (i == 3));
        it.mid_um = i == 4 ? 5 : it.mid_um;
        assert_int_equal(item_append(f->s, &it, NULL), ERR_EPOCH);
    }
    fix_commit(f);
}

static void order(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    assert_int_equal(append(f, 0), ERR_STATE);
    assert_int_equal(append(f, 2), ERR_STATE);
    assert_int_equal(append(f, 1), 0);
    assert_int_equal(append(f, 3), ERR_STATE);
    struct outcome o = fix_outcome(f, 2);
    assert_int_equal(outcome_append(f->s, &o, NULL), ERR_STATE);
    struct item it = fix_item(f, 2);
    it.epoch++;
    assert_int_equal(item_append(f->s, &it, NULL), ERR_STATE);
    it = fix_item(f, 2);
    it.line = 9;
    assert_int_equal(item_append(f->s, &it, NULL), ERR_STATE);
    it.line = 0;
    assert_int_equal(item_append(f->s, &it, NULL), ERR_RANGE);
    it.line = 257;
    assert_int_equal(item_append(f->s, &it, NULL), ERR_RANGE);
    store_rollback(f->s);
    assert_int_equal(append(f, 1), ERR_STATE); /* no transaction */
}

static void gaps(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    assert_int_equal(gap(f, GAP_ITEMS, 1, 4, 4), 0);
    assert_int_equal(gap(f, GAP_ITEMS, 1, 4, 4), 0); /* the same again */
    assert_int_equal(append(f, 5), 0);
    assert_int_equal(append(f, 3), ERR_EPOCH); /* what was lost cannot turn up */
    assert_int_equal(gap(f, GAP_ITEMS, 5, 6, 2), ERR_EPOCH);
    assert_int_equal(gap(f, GAP_ITEMS, 7, 8, 2), ERR_STATE);
    assert_int_equal(gap(f, GAP_ITEMS, 6, 5, 0), ERR_STATE);
    assert_int_equal(gap(f, GAP_ITEMS, 0, 0, 17), 0); /* no bounds: nothing moves */
    assert_int_equal(gap(f, GAP_ITEMS, 0, 0, 17), 0);
    assert_int_equal(append(f, 6), 0);
    assert_int_equal(gap(f, GAP_OUTCOMES, 1, 2, 2), 0);
    struct outcome o = fix_outcome(f, 3);
    assert_int_equal(outcome_append(f->s, &o, NULL), 0);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM gap"), 3);
    assert_int_equal(fix_number(store_db(f->s), "SELECT sum(count) FROM gap"), 23);
    fix_commit(f);
    fix_close(f);
    fix_open(f);
    struct item_line_state st;
    OK(item_line_state(f->s, f->line, &st, e));
    assert_int_equal(st.seq, 6);
    assert_int_equal(st.out, 3);
    fix_begin(f);
    assert_int_equal(gap(f, GAP_ITEMS, 7, 9, 3),
                     0); /* a gap at the end counts after a restart, too */
    fix_commit(f);
    fix_close(f);
    fix_open(f);
    OK(item_line_state(f->s, f->line, &st, e));
    assert_int_equal(st.seq, 9);
}

static void runs_make_segments(void **state)
{
    struct fix *f = *state;
    static const uint32_t runs[] = {1, 1, 2, 2, 1, 0, 0};
    fix_open(f);
    fix_line(f);
    for (uint32_t i = 0; i < 7; i++) {
        struct item it = fix_item(f, i + 1);
        it.run = runs[i];
        OK(item_append(f->s, &it, e));
        struct outcome o = fix_outcome(f, i + 1);
        OK(outcome_append(f->s, &o, e));
    }
    struct db *db = store_db(f->s);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM segment"), 4);
    assert_int_equal(fix_number(db, "SELECT first_seq FROM segment WHERE run=2"), 3);
    assert_int_equal(fix_number(db, "SELECT count(DISTINCT id>>32) FROM item"), 4);
    assert_int_equal(fix_number(db, "SELECT count(DISTINCT id>>32) FROM outcome"), 1);
    fix_commit(f);
    fix_close(f);
    fix_open(f);
    fix_begin(f);
    for (uint32_t i = 0; i < 8; i++) { /* repeats are found in their own segments */
        struct item it = fix_item(f, i + 1);
        it.run = i < 7 ? runs[i] : 0;
        OK(item_append(f->s, &it, e));
    }
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM segment"), 4);
    fix_commit(f);
}

struct words_seen {
    uint32_t n, first, last;
};

static void see(void *ctx, uint32_t seq, const uint16_t words[ITEM_WORDS])
{
    struct words_seen *w = ctx;
    w->first = w->n++ ? w->first : seq;
    w->last = seq;
    assert_int_equal(words[3], (uint16_t)(seq * 31 + 3));
}

static void rollback_forgets(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 4);
    fix_commit(f);
    fix_begin(f);
    fix_rows(f, 5, 9);
    struct item it = fix_item(f, 10);
    it.run = 5;
    OK(item_append(f->s, &it, e));
    store_rollback(f->s);
    fix_begin(f);
    assert_int_equal(append(f, 6), ERR_STATE);
    fix_rows(f, 5, 6);
    fix_commit(f);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM item"), 6);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM segment"), 1);
    fix_close(f);
    fix_open(f);
    struct words_seen w = {0};
    OK(item_held_words(f->s, f->line, f->epoch, 0, UINT32_MAX, see, &w));
    assert_int_equal(w.n, 6);
}

static void held_words(void **state)
{
    struct fix *f = *state;
    struct words_seen w = {0};
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 1500);
    OK(item_held_words(f->s, f->line, f->epoch, 1490, 1500, see, &w));
    assert_int_equal(w.n, 10);
    assert_int_equal(w.first, 1491);
    assert_int_equal(w.last, 1500);
    w = (struct words_seen){0};
    OK(item_held_words(f->s, f->line, f->epoch, 0, UINT32_MAX, see, &w));
    assert_int_equal(w.last, 1500);
    assert_in_range(w.n, 1024, 1024 + 15); /* all that a ring can hold, and it never grows */
    assert_int_equal(w.first, 1501 - w.n);
    w = (struct words_seen){0};
    OK(item_held_words(f->s, f->line, f->epoch + 1, 0, UINT32_MAX, see, &w));
    assert_int_equal(w.n, 0);
    fix_commit(f);
}

static void full_values(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    struct item it = fix_item(f, 1);
    it.net_mg = ITEM_NO_MG;
    it.dia_um = it.len_um = ITEM_NO_VALUE;
    it.bow_ppm = -1;
    it.defects = UINT32_MAX;
    it.flags = it.lane = it.grade = it.outlet = it.why = it.outlet_why = UINT16_MAX;
    it.rule = UINT32_MAX;
    it.recovered = true;
    OK(item_append(f->s, &it, e));
    OK(item_append(f->s, &it, e));
    struct db *db = store_db(f->s);
    assert_int_equal(
        fix_number(db,
                   "SELECT net_mg IS NULL AND dia_um IS NULL AND mid_um IS NULL AND len_um IS NULL"
                   " AND bow_ppm=-1 AND defects=4294967295 AND flags=65535 AND rule=4294967295"
                   " AND recovered=1 FROM item"),
        1);
    OK(item_blocks(f->s, mono_now(), true, e));
    fix_commit(f);
    /* the leaf's text, written here by hand from item.h */
    char text[400], root[65];
    struct merkle_hash leaf;
    int n = snprintf(
        text, sizeof text,
        "i1 %lld - - - - -1 4294967295 65535 65535 65535 65535 65535 65535 4294967295 1 %lld",
        1LL << 32 | 1, (long long)it.at.ms);
    merkle_leaf(text, (size_t)n, &leaf);
    hex_text(leaf.b, 32, root, sizeof root);
    struct stmt *q = db_q(db, "SELECT lower(hex(root)) FROM block");
    assert_int_equal(q_one(q), 1);
    assert_string_equal(q_str(q, 0), root);
    q_done(q);
}

static int64_t blocks(struct fix *f)
{
    return fix_number(store_db(f->s), "SELECT count(*) FROM block");
}

static void blocks_close(void **state)
{
    struct fix *f = *state;
    struct mono now = {1000000000};
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 255);
    OK(item_blocks(f->s, now, false, e));
    assert_int_equal(blocks(f), 0);
    fix_rows(f, 256, 256);
    OK(item_blocks(f->s, now, false, e)); /* full */
    assert_int_equal(blocks(f), 1);
    fix_rows(f, 257, 900);
    OK(item_blocks(f->s, mono_add_ms(now, 1000), false, e)); /* a pile: as many as are full */
    assert_int_equal(blocks(f), 3);
    OK(item_blocks(f->s, mono_add_ms(now, 9000), false, e));
    assert_int_equal(blocks(f), 3);
    OK(item_blocks(f->s, mono_add_ms(now, 11000), false, e)); /* old */
    assert_int_equal(blocks(f), 4);
    OK(item_blocks(f->s, mono_add_ms(now, 60000), false, e)); /* nothing new */
    assert_int_equal(blocks(f), 4);
    assert_int_equal(
        fix_number(store_db(f->s), "SELECT sum(items)=900 AND sum(outcomes)=900 FROM block"), 1);
    fix_rows(f, 901, 901);
    store_rollback(f->s);
}

/* Rows that were committed before a crash get their block after it. */
static void blocks_after_restart(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 5);
    struct item it = fix_item(f, 6);
    it.run = 2;
    OK(item_append(f->s, &it, e));
    fix_commit(f);
    fix_close(f);
    fix_open(f);
    fix_begin(f);
    struct mono now = {1000000000};
    OK(item_blocks(f->s, now, false, e));
    assert_int_equal(blocks(f), 0);
    OK(item_blocks(f->s, mono_add_ms(now, 9000), false, e));
    assert_int_equal(blocks(f), 2);
    struct outcome o =
        fix_outcome(f, 6); /* its id stands in the first segment, behind that one's block */
    OK(outcome_append(f->s, &o, e));
    OK(item_blocks(f->s, now, true, e));
    assert_int_equal(blocks(f), 3);
    assert_int_equal(
        fix_number(store_db(f->s), "SELECT sum(items)=6 AND sum(outcomes)=6 FROM block"), 1);
    fix_commit(f);
}

/* Outcomes before any item: of items that were lost. */
static void outcomes_alone(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    struct outcome o = fix_outcome(f, 1);
    OK(outcome_append(f->s, &o, e));
    OK(item_blocks(f->s, mono_now(), true, e));
    assert_int_equal(append(f, 1), 0);
    OK(item_blocks(f->s, mono_now(), true, e));
    assert_int_equal(
        fix_number(store_db(f->s), "SELECT sum(items)=1 AND sum(outcomes)=1 FROM block"), 1);
    fix_commit(f);
}

static void items_alone(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    OK(item_blocks(f->s, mono_now(), false, e)); /* it has looked */
    for (uint32_t n = 1; n <= 600; n++) {
        assert_int_equal(append(f, n), 0);
        if (n % 100 == 0)
            OK(item_blocks(f->s, mono_now(), false, e));
    }
    assert_int_equal(blocks(f), 2);
    fix_commit(f);
}

/* What is committed; an item's words and a line's place must follow it through everything. */
struct walk {
    struct fix *f;
    uint64_t seed;
    uint32_t seq, out, run; /* as appended in the open transaction */
    uint32_t kept_seq, kept_out, kept_run;
    struct mono now;
};

static void walk_append(struct walk *w, uint32_t items, uint32_t outcomes)
{
    for (uint32_t i = 0; i < items; i++) {
        struct item it = fix_item(w->f, ++w->seq);
        it.run = w->run;
        OK(item_append(w->f->s, &it, e));
    }
    for (uint32_t i = 0; i < outcomes && w->out < w->seq; i++) {
        struct outcome o = fix_outcome(w->f, ++w->out);
        OK(outcome_append(w->f->s, &o, e));
    }
}

static void walk_step(struct walk *w)
{
    struct fix *f = w->f;
    uint32_t n = (uint32_t)(seed_next(&w->seed) % 300);
    w->now = mono_add_ms(w->now, (int64_t)(seed_next(&w->seed) % 3000));
    switch (seed_next(&w->seed) % 12) {
    case 0: w->run++; break;
    case 1:
        assert_int_equal(gap(f, GAP_ITEMS, w->seq + 1, w->seq + n + 1, n + 1), 0);
        w->seq += n + 1;
        break;
    case 2:
        assert_int_equal(gap(f, GAP_OUTCOMES, w->out + 1, w->out + n + 1, n + 1), 0);
        w->out += n + 1;
        break;
    case 3:
        store_rollback(f->s);
        fix_begin(f);
        w->seq = w->kept_seq, w->out = w->kept_out, w->run = w->kept_run;
        break;
    case 4: /* a handler that closes blocks and is then refused */
        OK(db_savepoint(store_db(f->s)));
        OK(item_blocks(f->s, w->now, true, e));
        db_undo(store_db(f->s));
        item_places_forget(&f->s->places);
        break;
    case 5:
        fix_commit(f);
        fix_close(f);
        fix_open(f);
        fix_begin(f);
        break;
    default: walk_append(w, n, n + 20); break;
    }
    OK(item_blocks(f->s, w->now, false, e));
    if (seed_next(&w->seed) % 2) {
        fix_commit(f);
        fix_begin(f);
    }
    if (!store_dirty(f->s))
        w->kept_seq = w->seq, w->kept_out = w->out, w->kept_run = w->run;
}

static void every_row_stands_in_one_block_whatever_happens_between(void **state)
{
    struct walk w = {.f = *state, .seed = seed_print(__func__), .run = 1, .now = {1000000000}};
    struct fix *f = w.f;
    json_t *report;
    fix_open(f);
    fix_line(f);
    fix_commit(f);
    fix_begin(f);
    for (int i = 0; i < 60; i++)
        walk_step(&w);
    OK(item_blocks(f->s, w.now, true, e));
    fix_commit(f);
    OK(verify_store(store_db(f->s), NULL, &report, e));
    assert_int_equal(json_integer_value(json_object_get(report, "unblocked")), 0);
    json_decref(report);
    assert_int_equal(fix_number(store_db(f->s), "SELECT (SELECT count(*) FROM item)=(SELECT"
                                                " sum(items) FROM block)"),
                     1);
}

static void rows_are_for_ever(void **state)
{
    static const char *const sql[] = {"UPDATE item SET grade=1",
                                      "DELETE FROM item",
                                      "UPDATE outcome SET outlet=1",
                                      "DELETE FROM outcome",
                                      "UPDATE event SET at_ms=1",
                                      "DELETE FROM event",
                                      "INSERT OR REPLACE INTO item SELECT * FROM item",
                                      "INSERT OR REPLACE INTO outcome SELECT * FROM outcome",
                                      "INSERT OR REPLACE INTO event SELECT * FROM event"};
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 3);
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        assert_int_equal(db_exec(store_db(f->s), sql[i], NULL), ERR_DB);
    fix_commit(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(same_item_once),
        FIX_TEST(other_words),
        FIX_TEST(other_measures),
        FIX_TEST(order),
        FIX_TEST(gaps),
        FIX_TEST(runs_make_segments),
        FIX_TEST(rollback_forgets),
        FIX_TEST(held_words),
        FIX_TEST(full_values),
        FIX_TEST(blocks_close),
        FIX_TEST(outcomes_alone),
        FIX_TEST(items_alone),
        FIX_TEST(blocks_after_restart),
        FIX_TEST(every_row_stands_in_one_block_whatever_happens_between),
        FIX_TEST(rows_are_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
