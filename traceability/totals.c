/* Sums over items and outcomes (contract: totals.h). Any database handle; writes nothing.
 * item.id = segment << 32 | seq, outcome.id = first segment of its epoch << 32 | index: the
 * searches below are ranges of primary keys.
 *
 * 1. Every item of a run counts once: in its grade, in rework, or as unknown. */
#include "traceability/totals.h"
#include "crops/crop.h"

/* Of an item i and its outcome o in run `run`: the grade it counts to, and whether it went where
 * that grade goes. The parameters: WHY_PLANNED, WHY_RECOVERED, WHY_TABLE_MODE. */
#define GRADE_OF(run, table)                                                                       \
    "CASE i.outlet_why WHEN " table " THEN coalesce((SELECT t.grade FROM run_route t WHERE "       \
    "t.run = " run " AND t.outlet = o.outlet), 0) ELSE i.grade END"
#define AS_PLANNED(planned, recovered, table)                                                      \
    "o.reason = 1 AND (i.outlet_why = " table                                                      \
    " OR o.outlet = i.outlet AND i.outlet_why IN (" planned ", " recovered "))"

#define LOW    INT64_C(0xffffffff)
#define FLIGHT 1024 /* RING_N of a mailbox is at most this: more cannot be on the way */

struct span {
    int64_t segment, base, first_seq, out_from;
};

/* The segments of a run; at most `cap`, newest first. */
static int spans_of(struct db *db, uint32_t run, struct span *sp, size_t cap, size_t *ret_n)
{
    struct stmt *s =
        db_q(db, "SELECT s.id, (SELECT min(b.id) FROM segment b WHERE b.line = s.line AND "
                 "b.epoch = s.epoch), s.first_seq, r.out_from FROM segment s JOIN run r ON "
                 "r.run = s.run WHERE s.run = ?1 ORDER BY s.id DESC");
    size_t n = 0;
    int rc;
    q_int(s, 1, run);
    while (n < cap && (rc = q_step(s)) == 1)
        sp[n++] = (struct span){q_col(s, 0), q_col(s, 1), q_col(s, 2), q_col(s, 3)};
    q_done(s);
    if (n < cap && rc < 0)
        return rc;
    *ret_n = n;
    return 0;
}

static int64_t first_outcome(const struct span *sp)
{
    int64_t from = sp->base << 32;
    return sp->out_from > from ? sp->out_from : from;
}

static int add_items(struct db *db, const struct span *sp, struct totals *t)
{
    struct stmt *s =
        db_q(db, "SELECT count(*), coalesce(sum(net_mg), 0), count(*) - count(net_mg), "
                 "coalesce(sum(outlet_why = ?3), 0) FROM item WHERE id BETWEEN ?1 AND ?2");
    q_int(q_int(s, 1, sp->segment << 32), 2, sp->segment << 32 | LOW);
    int rc = q_one(q_int(s, 3, WHY_TABLE_MODE));
    if (rc < 0)
        return rc;
    t->items.pieces += q_col(s, 0);
    t->items.mg += q_col(s, 1);
    t->no_weight += q_col(s, 2);
    t->by_table += q_col(s, 3);
    q_done(s);
    return 0;
}

/* Invariant 1: the first outcome of an item counts, however often a PLC tells it. */
static int add_outcomes(struct db *db, const struct span *sp, uint32_t run, uint32_t grades,
                        struct totals *t)
{
    struct stmt *s = db_q(
        db, "SELECT " GRADE_OF("?7", "?6") ", " AS_PLANNED(
                "?4", "?5",
                "?6") ", "
                      "count(*), coalesce(sum(i.net_mg), 0), i.outlet_why = ?6 "
                      "FROM (SELECT min(id), seq, outlet, reason FROM outcome WHERE id > ?1 AND id "
                      "<= ?2 "
                      "GROUP BY seq) o JOIN item i ON i.id = (?3 << 32 | o.seq) GROUP BY 1, 2, 5");
    int rc;
    q_int(q_int(s, 1, first_outcome(sp)), 2, sp->base << 32 | LOW);
    q_int(q_int(q_int(s, 3, sp->segment), 4, WHY_PLANNED), 5, WHY_RECOVERED);
    q_int(q_int(s, 6, WHY_TABLE_MODE), 7, run);
    while ((rc = q_step(s)) == 1) {
        uint64_t g = (uint64_t)q_col(s, 0);
        if (q_col(s, 4) && q_col(s, 1) && g == 0) {
            t->unrouted.pieces += q_col(s, 2);
            t->unrouted.mg += q_col(s, 3);
        }
        struct run_sum *to = &t->grade[q_col(s, 1) && g <= grades ? g : 0];
        to->pieces += q_col(s, 2);
        to->mg += q_col(s, 3);
    }
    q_done(s);
    return rc;
}

static int grades_of(struct db *db, uint32_t run, uint32_t *ret)
{
    struct stmt *s = db_q(db, "SELECT min(max(grade), ?2) FROM run_output WHERE run = ?1");
    int rc = q_one(q_int(q_int(s, 1, run), 2, RULE_GRADES_MAX));
    if (rc < 0)
        return rc;
    *ret = (uint32_t)q_col(s, 0);
    q_done(s);
    return 0;
}

#define SPANS 256

int totals_run(struct db *db, uint32_t run, struct totals *ret, struct err *e)
{
    struct totals t = {0};
    struct span sp[SPANS];
    size_t n = 0;
    uint32_t grades = 0;
    int rc = spans_of(db, run, sp, SPANS, &n);
    if (rc == 0)
        rc = grades_of(db, run, &grades);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = add_items(db, &sp[i], &t);
        if (rc == 0)
            rc = add_outcomes(db, &sp[i], run, grades, &t);
    }
    if (rc == 0)
        rc = totals_in_flight(db, run, &t.in_flight, e);
    if (rc < 0)
        return err_set(e, rc, "the items of run %u cannot be summed: %s", run, db_message(db));
    t.unknown = t.items;
    for (uint32_t g = 0; g <= grades; g++) {
        t.unknown.pieces -= t.grade[g].pieces;
        t.unknown.mg -= t.grade[g].mg;
    }
    *ret = t;
    return 0;
}

static int add_told(struct db *db, uint32_t run, struct totals *t)
{
    struct stmt *s =
        db_q(db, "SELECT o.grade, coalesce(l.pieces, 0), l.mg FROM run_output o JOIN lot l ON "
                 "l.lot = o.lot WHERE o.run = ?1 AND o.grade BETWEEN 0 AND ?2");
    int rc;
    q_int(q_int(s, 1, run), 2, RULE_GRADES_MAX);
    while ((rc = q_step(s)) == 1) {
        t->grade[q_col(s, 0)] = (struct run_sum){q_col(s, 1), q_col(s, 2)};
        t->items.pieces += q_col(s, 1);
        t->items.mg += q_col(s, 2);
    }
    q_done(s);
    if (rc < 0)
        return rc;
    s = db_q(db,
             "SELECT coalesce(unknown_pieces, 0), coalesce(unknown_mg, 0) FROM run WHERE run = ?1");
    if ((rc = q_one(q_int(s, 1, run))) < 0)
        return rc;
    t->unknown = (struct run_sum){q_col(s, 0), q_col(s, 1)};
    q_done(s);
    t->items.pieces += t->unknown.pieces;
    t->items.mg += t->unknown.mg;
    return 0;
}

int totals_told(struct db *db, uint32_t run, struct totals *ret, struct err *e)
{
    struct totals t = {0}, rows = {0};
    struct span sp[SPANS];
    size_t n = 0;
    int rc = add_told(db, run, &t);
    if (rc == 0)
        rc = spans_of(db, run, sp, SPANS, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_items(db, &sp[i], &rows);
    if (rc < 0)
        return err_set(e, rc, "the sums of run %u cannot be read: %s", run, db_message(db));
    t.no_weight = rows.no_weight;
    if (rows.items.pieces > t.items.pieces)
        t.late = (struct run_sum){rows.items.pieces - t.items.pieces, rows.items.mg - t.items.mg};
    *ret = t;
    return 0;
}

int totals_in_flight(struct db *db, uint32_t run, int64_t *ret, struct err *e)
{
    struct span sp;
    size_t n = 0;
    int rc = spans_of(db, run, &sp, 1, &n);
    if (rc < 0)
        return err_set(e, rc, "the segments of run %u cannot be read", run);
    if (n == 0) {
        *ret = 0;
        return 0;
    }
    struct stmt *s = db_q(
        db, "WITH last(id) AS (SELECT id FROM item WHERE id BETWEEN ?1 << 32 AND ?1 << 32 | ?2 "
            "ORDER BY id DESC LIMIT ?3), out(seq) AS (SELECT seq FROM outcome WHERE id BETWEEN "
            "?4 AND ?5 << 32 | ?2 ORDER BY id DESC LIMIT 4 * ?3) "
            "SELECT count(*) FROM last WHERE (id & ?2) NOT IN (SELECT seq FROM out)");
    q_int(q_int(q_int(q_int(s, 1, sp.segment), 2, LOW), 3, FLIGHT), 4, first_outcome(&sp));
    rc = q_one(q_int(s, 5, sp.base));
    if (rc < 0)
        return err_set(e, rc, "the newest items of run %u cannot be read", run);
    *ret = q_col(s, 0);
    q_done(s);
    return 0;
}

/* ---- boxes ---- */

int totals_newest(struct db *db, const char *line, uint32_t *ret_no, int64_t *ret_id, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT no FROM line WHERE name = ?1");
    int rc = q_one(q_text(s, 1, line));
    if (rc < 0)
        return err_set(e, rc, "no line %.24s: it is not in lotlined's configuration", line);
    int64_t no = q_col(s, 0), base, out;
    q_done(s);
    s = db_q(db, "SELECT coalesce((SELECT min(id) FROM segment WHERE line = ?1 AND epoch = (SELECT "
                 "epoch FROM "
                 "segment WHERE line = ?1 ORDER BY id DESC LIMIT 1)), 0)");
    if ((rc = q_one(q_int(s, 1, no))) < 0)
        return err_set(e, rc, "the segments of line %s cannot be read", line);
    base = q_col(s, 0);
    q_done(s);
    s = db_q(db, "SELECT coalesce(max(id), ?1 << 32) FROM outcome WHERE id BETWEEN ?1 << 32 AND ?1 "
                 "<< 32 | ?2");
    if ((rc = q_one(q_int(q_int(s, 1, base), 2, LOW))) < 0)
        return err_set(e, rc, "the outcomes of line %s cannot be read", line);
    out = q_col(s, 0);
    q_done(s);
    *ret_no = (uint32_t)no;
    *ret_id = out;
    return 0;
}

/* One epoch's part of the box: its outcomes at the outlet by run, grade and whether planned so. */
static int add_epoch(struct db *db, int64_t line, int64_t epoch, uint32_t outlet, int64_t from,
                     int64_t to, struct box_content *b)
{
    struct stmt *s =
        db_q(db, "SELECT s.run, " GRADE_OF("s.run", "?8") ", " AS_PLANNED(
                     "?6", "?7",
                     "?8") ", "
                           "count(*), coalesce(sum(i.net_mg), 0), max(o.reason), max(i.outlet_why "
                           "= ?8) FROM outcome o JOIN "
                           "segment s ON s.id = (SELECT max(id) FROM segment WHERE line = ?1 AND "
                           "epoch = ?2 AND "
                           "first_seq <= o.seq) LEFT JOIN item i ON i.id = (s.id << 32 | o.seq) "
                           "WHERE o.id > ?3 AND o.id <= ?4 AND o.outlet = ?5 GROUP BY 1, 2, 3 "
                           "ORDER BY 4 DESC");
    int rc;
    q_int(q_int(q_int(q_int(s, 1, line), 2, epoch), 3, from), 4, to);
    q_int(q_int(q_int(q_int(s, 5, outlet), 6, WHY_PLANNED), 7, WHY_RECOVERED), 8, WHY_TABLE_MODE);
    while ((rc = q_step(s)) == 1) {
        uint32_t run = (uint32_t)q_col(s, 0), grade = (uint32_t)q_col(s, 1);
        if (q_is_null(s, 1)) {
            b->unknown += q_col(s, 3);
            continue;
        }
        bool good = run && grade && q_col(s, 2);
        if (good && !b->run) {
            b->run = run;
            b->grade = grade;
        }
        good = good && run == b->run && grade == b->grade;
        struct run_sum *sum = good ? &b->good : &b->other;
        sum->pieces += q_col(s, 3);
        sum->mg += q_col(s, 4);
        if (!good) {
            b->other_reason = (uint16_t)q_col(s, 5);
            b->unrouted |= q_col(s, 2) && q_col(s, 6) && !grade;
        }
    }
    q_done(s);
    return rc;
}

static int add_gaps(struct db *db, int64_t line, int64_t epoch, int64_t from, int64_t to,
                    struct box_content *b)
{
    struct stmt *s = db_q(
        db, "SELECT coalesce(sum(count), 0) FROM gap WHERE line = ?1 AND epoch = ?2 AND kind = "
            "'outcomes' AND last > ?3 AND first <= ?4");
    q_int(q_int(q_int(q_int(s, 1, line), 2, epoch), 3, from), 4, to);
    int rc = q_one(s);
    if (rc < 0)
        return rc;
    b->unknown += q_col(s, 0);
    q_done(s);
    return 0;
}

struct epoch_range {
    int64_t epoch, base;
};

int totals_box(struct db *db, const char *line, uint32_t outlet, int64_t from, int64_t to,
               struct box_content *ret, struct err *e)
{
    struct box_content b = {0};
    struct epoch_range ep[64];
    size_t n = 0;
    struct stmt *s = db_q(
        db, "SELECT epoch, min(id), line FROM segment WHERE line = (SELECT no FROM line WHERE "
            "name = ?1) GROUP BY epoch HAVING min(id) BETWEEN ?2 >> 32 AND ?3 >> 32 ORDER BY 2");
    int rc;
    int64_t no = 0;
    q_int(q_int(q_text(s, 1, line), 2, from), 3, to);
    while ((rc = q_step(s)) == 1 && n < sizeof ep / sizeof ep[0]) {
        ep[n++] = (struct epoch_range){q_col(s, 0), q_col(s, 1)};
        no = q_col(s, 2);
    }
    q_done(s);
    for (size_t i = 0; rc >= 0 && i < n; i++) {
        int64_t low = ep[i].base << 32, high = low | LOW, a = from > low ? from : low,
                z = to < high ? to : high;
        if ((rc = add_epoch(db, no, ep[i].epoch, outlet, a, z, &b)) == 0)
            rc = add_gaps(db, no, ep[i].epoch, a & LOW, z & LOW, &b);
    }
    if (rc < 0)
        return err_set(e, rc, "the outcomes at outlet %u of line %s cannot be read", outlet, line);
    *ret = b;
    return 0;
}
