/* The record against the truth of the PLC, the scale and the people.
 *
 * Invariants that are judged
 *  1. What is acknowledged is recorded at that moment: as a row or inside a gap.
 *  2. An item's row says what the PLC showed; it was graded as the standard's prose says, and went
 *     where the plan sends its grade, or where its slot stood already.
 *  3. Gaps count what they bound, name nothing that could be had, and tell what passed unnumbered.
 *  4. The sums of runs and lots are those of their items and weighings, once each.
 *  5. No event names a person who is not there. */
#include "tests/simulation/judge.h"
#include "base/json.h"
#include "tests/simulation/world.h"
#include <stdlib.h>
#include <string.h>

static int64_t single(struct db *db, struct stmt *q)
{
    int rc = q_step(q);
    int64_t n = rc == 1 ? q_col(q, 0) : 0;
    q_done(q);
    if (rc < 0)
        wrong("the record cannot be read: %s", db_message(db));
    return n;
}

static int64_t number(struct db *db, const char *sql)
{
    return single(db, db_q(db, sql));
}

static int64_t number_of(struct db *db, const char *sql, int64_t a, int64_t b)
{
    return single(db, q_int(q_int(db_q(db, sql), 1, a), 2, b));
}

static void none(struct db *db, const char *sql, const char *what)
{
    int64_t n = number(db, sql);
    if (n)
        wrong("%lld %s", (long long)n, what);
}

/* ---- invariant 2: the grade, from the prose (潞党 by head diameter) ---- */

enum {
    VALID = 1,
    STABLE = 2,
    OVER = 4,
    UNDER = 8,
    NO_WEIGHT = 16,
    DOUBLE = 64,
    BLACK = 1,
    MOULD = 2,
    RUNS = 256,
    BAD_OUTLET = 5,
    PLANNED = 100,
    ALL_BLOCKED = 102,
    RECOVERED = 104,
    TABLE = 21,
    UNREADABLE = 13
};

/* Of one run: the third grade's weight, and how much of it is black. A record that could not be
 * read at once is decided after later ones; in such a run whether a black one still fits is the
 * line's word. */
struct share {
    int64_t mg, black_mg;
    struct mono read;
    bool reordered;
};
static struct share shares[RUNS];

static int grade_of(const struct truth_item *t, int told, struct share *s)
{
    bool usable = (t->flags & (VALID | STABLE)) == (VALID | STABLE) &&
                  !(t->flags & (OVER | UNDER | NO_WEIGHT | DOUBLE)) && t->net_mg > 0;
    int size = t->dia_um >= 10000 ? 1 : t->dia_um >= 8000 ? 2 : t->dia_um >= 4000 ? 3 : 4;
    if (!usable)
        return 0;
    if (t->defects & MOULD || size == 4)
        return 4;
    if (t->defects & BLACK) {
        bool full = (s->black_mg + t->net_mg) * 10 > s->mg + t->net_mg;
        if (s->reordered ? told == 4 : full)
            return 4;
        s->black_mg += t->net_mg;
        size = 3;
    }
    if (size == 3)
        s->mg += t->net_mg;
    return size;
}

struct row {
    uint32_t epoch, seq, run;
    int64_t net_mg;
    bool no_mg, recovered;
    uint16_t grade, outlet, why, outlet_why;
};

static void judge_decision(const struct row *r, const struct truth_item *t, struct share *s)
{
    static const uint16_t plan[] = {BAD_OUTLET, 1, 2, 3, 4};
    bool spoilt = r->no_mg && t->spoiled, table = r->outlet_why == TABLE;
    int grade = table || spoilt || !r->run ? 0 : grade_of(t, r->grade, s);
    if (r->grade != grade)
        wrong("item %u:%u of run %u is grade %u in the record, it should be %d", r->epoch, r->seq,
              r->run, r->grade, grade);
    if (table != plant_table() || (table && r->outlet))
        wrong("item %u:%u: the PLC's table decides, or ours does, not both", r->epoch, r->seq);
    if (table)
        return;
    if (r->recovered != (r->outlet_why == RECOVERED))
        wrong("item %u:%u: recovered or not?", r->epoch, r->seq);
    if (r->outlet == plan[grade])
        return;
    bool blocked = r->outlet_why == ALL_BLOCKED && r->outlet == BAD_OUTLET;
    if (!r->recovered && !(blocked && plant_was_blocked(plan[grade])))
        wrong("item %u:%u of grade %d goes to outlet %u, why %u", r->epoch, r->seq, grade,
              r->outlet, r->outlet_why);
}

/* It belongs to the run that was open while it was decided. */
static void judge_run_of(const struct row *r, const struct truth_item *t)
{
    uint32_t run;
    bool clear = t->first.ns && mono_since_ms(t->newest, t->first) < 1000 && !t->spoiled;
    if (clear && !r->recovered && hands_run_at(t->newest, &run) && run != r->run)
        wrong("item %u:%u was decided in run %u, the record says %u", r->epoch, r->seq, run,
              r->run);
}

/* An item's row is what the PLC showed, and it was decided as it went. */
static void judge_item(struct stmt *q, struct row *r, struct share *share)
{
    const struct truth_item *t = truth_item(r->epoch, r->seq);
    if (!t)
        wrong("item %u:%u is recorded, but the PLC never showed it", r->epoch, r->seq);
    if (t->twice)
        return; /* the PLC itself gave the number to two items */
    if (!(t->spoiled && r->no_mg)) {
        if (!r->no_mg && r->net_mg != t->net_mg)
            wrong("item %u:%u weighs %lld mg in the record, %lld at the PLC", r->epoch, r->seq,
                  (long long)r->net_mg, (long long)t->net_mg);
        if (!q_is_null(q, 2) && q_col(q, 2) != t->dia_um)
            wrong("item %u:%u has another diameter in the record", r->epoch, r->seq);
        if (q_col(q, 3) != t->flags)
            wrong("item %u:%u has flags %lld in the record, %u at the PLC", r->epoch, r->seq,
                  (long long)q_col(q, 3), t->flags);
        if (r->no_mg && (t->flags & (VALID | STABLE | NO_WEIGHT)) == (VALID | STABLE) &&
            !(t->flags & 0x6C))
            wrong("item %u:%u lost its weight", r->epoch, r->seq);
        if (r->why == UNREADABLE)
            wrong("item %u:%u could be read", r->epoch, r->seq);
    }
    if (t->outlet && r->outlet && r->outlet != t->outlet)
        wrong("item %u:%u was decided for outlet %u, but the PLC took a slot for %u", r->epoch,
              r->seq, r->outlet, t->outlet);
    if (t->slot && r->outlet && r->outlet != t->slot)
        wrong("item %u:%u was decided for outlet %u, but its slot said %u", r->epoch, r->seq,
              r->outlet, t->slot);
    judge_run_of(r, t);
    if (share)
        judge_decision(r, t, share);
}

/* A number given twice by the PLC spoils the sums of its run. */
static bool told_twice(const struct row *r)
{
    const struct truth_item *t = truth_item(r->epoch, r->seq);
    return t && t->twice;
}

static void find_reordered(struct db *db)
{
    struct stmt *q = db_q(db, "SELECT i.id&4294967295,s.epoch,s.run FROM segment s JOIN item i ON"
                              " i.id BETWEEN s.id<<32 AND s.id<<32|4294967295 ORDER BY s.id,i.id");
    memset(shares, 0, sizeof shares);
    while (q_step(q) == 1) {
        const struct truth_item *t = truth_item((uint32_t)q_col(q, 1), (uint32_t)q_col(q, 0));
        struct share *s = &shares[q_col(q, 2) % RUNS];
        if (!t)
            continue;
        s->reordered |= !mono_reached(t->newest, s->read);
        s->read = t->newest;
    }
}

static void judge_items(struct db *db)
{
    static bool unsure[RUNS];
    struct stmt *q = db_q(
        db, "SELECT i.id&4294967295,i.net_mg,i.dia_um,i.flags,i.outlet,s.epoch,s.run,i.grade,"
            "i.recovered,i.why,i.outlet_why,s.id FROM segment s CROSS JOIN item i ON i.id BETWEEN"
            " s.id<<32 AND s.id<<32|4294967295 ORDER BY s.id,i.id");
    uint32_t epoch = 0, last = 0;
    int rc;
    find_reordered(db);
    memset(unsure, 0, sizeof unsure);
    while ((rc = q_step(q)) == 1) {
        struct row r = {.epoch = (uint32_t)q_col(q, 5),
                        .seq = (uint32_t)q_col(q, 0),
                        .run = (uint32_t)q_col(q, 6),
                        .net_mg = q_col(q, 1),
                        .no_mg = q_is_null(q, 1),
                        .grade = (uint16_t)q_col(q, 7),
                        .outlet = (uint16_t)q_col(q, 4),
                        .recovered = q_col(q, 8) != 0,
                        .why = (uint16_t)q_col(q, 9),
                        .outlet_why = (uint16_t)q_col(q, 10)};
        if (r.epoch == epoch && r.seq <= last)
            wrong("item %u:%u stands after %u", epoch, r.seq, last);
        epoch = r.epoch;
        last = r.seq;
        if (r.run >= RUNS)
            wrong("more than %d runs", RUNS);
        unsure[r.run] |= told_twice(&r);
        judge_item(q, &r, unsure[r.run] ? NULL : &shares[r.run]);
    }
    if (rc < 0)
        wrong("the items cannot be read: %s", db_message(db));
}

static void judge_outcomes(struct db *db)
{
    struct stmt *q =
        db_q(db, "SELECT o.id&4294967295,o.seq,o.outlet,o.reason,s.epoch FROM segment s"
                 " JOIN outcome o ON o.id BETWEEN s.id<<32 AND s.id<<32|4294967295");
    int rc;
    while ((rc = q_step(q)) == 1) {
        uint32_t epoch = (uint32_t)q_col(q, 4), out = (uint32_t)q_col(q, 0);
        const struct truth_outcome *t = truth_outcome(epoch, out);
        if (!t)
            wrong("outcome %u:%u is recorded, but the PLC never showed it", epoch, out);
        if (!t->twice &&
            (q_col(q, 1) != t->seq || q_col(q, 2) != t->outlet || q_col(q, 3) != t->reason))
            wrong("outcome %u:%u is recorded as item %lld to %lld, reason %lld; it was %u to %u, "
                  "reason %u",
                  epoch, out, (long long)q_col(q, 1), (long long)q_col(q, 2),
                  (long long)q_col(q, 3), t->seq, t->outlet, t->reason);
    }
    if (rc < 0)
        wrong("the outcomes cannot be read: %s", db_message(db));
}

/* ---- invariants 1 and 3 ---- */

/* CROSS: for each segment its rows, whatever SQLite makes of the figures. */
static const struct kind {
    const char *name, *rows, *gaps;
} kinds[] = {
    {"items",
     "SELECT count(*) FROM segment s CROSS JOIN item i ON i.id BETWEEN s.id<<32|?2 AND s.id<<32|?3"
     " WHERE s.epoch=?1",
     "SELECT coalesce(sum(min(last,?3)-max(first,?2)+1),0) FROM gap WHERE kind='items' AND"
     " epoch=?1 AND last>=?2 AND first<=?3"},
    {"outcomes",
     "SELECT count(*) FROM segment s CROSS JOIN outcome o ON o.id BETWEEN s.id<<32|?2 AND "
     "s.id<<32|?3"
     " WHERE s.epoch=?1",
     "SELECT coalesce(sum(min(last,?3)-max(first,?2)+1),0) FROM gap WHERE kind='outcomes' AND"
     " epoch=?1 AND last>=?2 AND first<=?3"},
};

/* Of an epoch everything after `from` up to `to` is a row or lies in a gap. */
static void judge_span(struct db *db, const struct kind *k, uint32_t epoch, uint32_t from,
                       uint32_t to)
{
    if (to <= from)
        return;
    int64_t rows = single(db, q_int(q_int(q_int(db_q(db, k->rows), 1, epoch), 2, from + 1), 3, to));
    int64_t gaps = single(db, q_int(q_int(q_int(db_q(db, k->gaps), 1, epoch), 2, from + 1), 3, to));
    if (rows + gaps != to - from)
        wrong("epoch %u: of the %s %u to %u %lld are recorded and %lld lie in gaps", epoch, k->name,
              from + 1, to, (long long)rows, (long long)gaps);
}

void judge_acked(struct db *db, uint32_t epoch, uint32_t seq, uint32_t out)
{
    if (seq && !number_of(db,
                          "SELECT EXISTS(SELECT 1 FROM segment s JOIN item i ON i.id=s.id<<32|?2"
                          " WHERE s.epoch=?1) OR EXISTS(SELECT 1 FROM gap WHERE kind='items' AND"
                          " epoch=?1 AND first<=?2 AND last>=?2)",
                          epoch, seq))
        wrong("item %u:%u is acknowledged and not recorded", epoch, seq);
    if (out && !number_of(db,
                          "SELECT EXISTS(SELECT 1 FROM segment s JOIN outcome o ON o.id=s.id<<32|?2"
                          " WHERE s.epoch=?1) OR EXISTS(SELECT 1 FROM gap WHERE kind='outcomes' AND"
                          " epoch=?1 AND first<=?2 AND last>=?2)",
                          epoch, out))
        wrong("outcome %u:%u is acknowledged and not recorded", epoch, out);
}

void judge_left(struct db *db, uint32_t epoch, uint32_t to)
{
    judge_span(db, &kinds[0], epoch, 0, to);
}

bool judge_differs(struct db *db, uint32_t epoch, uint32_t seq, int64_t net_mg, int32_t dia_um)
{
    struct stmt *q = db_q(db, "SELECT i.net_mg<>?3 OR i.dia_um<>?4 FROM segment s JOIN item i ON"
                              " i.id=s.id<<32|?2 WHERE s.epoch=?1");
    return single(db, q_int(q_int(q_int(q_int(q, 1, epoch), 2, seq), 3, net_mg), 4, dia_um)) == 1;
}

/* A gap of one cause may only hold what its cause was the fate of. */
static void judge_gap(const char *cause, bool items, uint32_t epoch, uint32_t first, uint32_t last)
{
    for (uint32_t n = first; n <= last && last; n++) {
        const struct truth_item *i = items ? truth_item(epoch, n) : NULL;
        const struct truth_outcome *o = items ? NULL : truth_outcome(epoch, n);
        if (strcmp(cause, "overwritten") == 0 && i && !i->lost && !i->twice)
            wrong("item %u:%u is called overwritten and was not", epoch, n);
        if (strcmp(cause, "outcome-unreadable") == 0 && (!o || !(o->spoiled || o->twice)))
            wrong("outcome %u:%u is called unreadable and was not", epoch, n);
        if (strcmp(cause, "outcomes-overrun") == 0 && /* the newest may stand half in its place */
            truth_top_out(epoch) + 1 < n + plant_options()->ring_n)
            wrong("outcome %u:%u is called overrun and was not", epoch, n);
        if (strcmp(cause, "epoch-lost") == 0 && !plant_left(epoch))
            wrong("epoch %u is called lost and was not", epoch);
    }
}

static void judge_gaps(struct db *db)
{
    none(db, "SELECT count(*) FROM gap WHERE last>0 AND count<>last-first+1",
         "gaps do not count what they bound");
    struct stmt *q = db_q(db, "SELECT cause,kind='items',epoch,first,last FROM gap");
    int rc;
    while ((rc = q_step(q)) == 1)
        judge_gap(q_str(q, 0), q_col(q, 1) == 1, (uint32_t)q_col(q, 2), (uint32_t)q_col(q, 3),
                  (uint32_t)q_col(q, 4));
    if (rc < 0)
        wrong("the gaps cannot be read: %s", db_message(db));
    for (size_t i = 0; i < truth_epochs(); i++) {
        uint32_t epoch = truth_epoch(i), n = truth_unnumbered(epoch);
        int64_t told = number_of(db,
                                 "SELECT coalesce(sum(count),0) FROM gap WHERE epoch=?1 AND"
                                 " kind='items' AND last=?2",
                                 epoch, 0);
        bool known = epoch && number_of(db,
                                        "SELECT count(*) FROM line_epoch WHERE epoch=?1 AND"
                                        " shown=1 AND own=1 AND ?2=0",
                                        epoch, 0);
        if (known && told != n)
            wrong("epoch %u: %u passed unnumbered before it, the record says %lld", epoch, n,
                  (long long)told);
    }
}

/* ---- invariants 4 and 5 ---- */

static void judge_weighings(struct db *db)
{
    for (size_t i = 0; i < hands_weighings(); i++) {
        int64_t mg;
        const char *id = hands_weighing(i, &mg);
        struct stmt *q = q_text(db_q(db, "SELECT net_mg FROM weighing WHERE weighing=?"), 1, id);
        if (q_step(q) != 1)
            wrong("weighing %s was confirmed and is not in the record", id);
        if (q_col(q, 0) != mg)
            wrong("weighing %s: %lld mg in the record, %lld were on the scale", id,
                  (long long)q_col(q, 0), (long long)mg);
        q_done(q);
    }
    int64_t n = number(db, "SELECT count(*) FROM weighing WHERE voided_seq IS NULL");
    if (n > (int64_t)hands_weighings() + hands_weighing_open())
        wrong("%lld weighings in the record, %zu were made", (long long)n, hands_weighings());
    none(db,
         "SELECT count(*) FROM lot l WHERE kind='intake' AND mg<>(SELECT coalesce(sum(net_mg),0)"
         " FROM weighing w WHERE w.lot=l.lot AND voided_seq IS NULL)",
         "lots weigh other than their weighings");
}

/* What a run's items came to, by the first outcome of each. */
struct sums {
    int64_t pieces, mg;
};

/* The sums of a run by grade; NO_OUTCOME holds the items that have not come out. */
#define GRADES     64
#define NO_OUTCOME (GRADES - 1)
static struct sums sums_of[GRADES];

static struct sums sum_all(struct db *db, int64_t run)
{
    /* The outcomes of an epoch stand under its first segment, the items under the run's own. The
     * one look at all outcomes of the epochs costs less than one for each item. */
    static const char sql[] =
        "WITH fo AS MATERIALIZED (SELECT g.epoch AS epoch,o.seq AS seq,min(o.id),o.reason AS"
        " reason,o.outlet AS outlet FROM segment g JOIN outcome o ON o.id BETWEEN g.id<<32 AND"
        " g.id<<32|4294967295 WHERE g.epoch IN (SELECT epoch FROM segment WHERE run=?1) GROUP BY"
        " g.epoch,o.seq)"
        " SELECT CASE WHEN fo.seq IS NULL THEN NULL WHEN fo.reason=1 AND i.outlet_why IN (100,104)"
        " AND fo.outlet=i.outlet THEN i.grade ELSE 0 END,count(*),sum(coalesce(i.net_mg,0)) FROM"
        " segment s JOIN item i ON i.id BETWEEN s.id<<32 AND s.id<<32|4294967295 LEFT JOIN fo ON"
        " fo.epoch=s.epoch AND fo.seq=(i.id&4294967295) WHERE s.run=?1 GROUP BY 1";
    struct stmt *q = q_int(db_q(db, sql), 1, run);
    struct sums all = {0};
    int rc;
    memset(sums_of, 0, sizeof sums_of);
    while ((rc = q_step(q)) == 1) {
        int64_t grade = q_is_null(q, 0) ? NO_OUTCOME : q_col(q, 0);
        if (grade < 0 || (grade >= NO_OUTCOME && !q_is_null(q, 0)))
            wrong("run %lld: grade %lld", (long long)run, (long long)grade);
        sums_of[grade] = (struct sums){q_col(q, 1), q_col(q, 2)};
        all = (struct sums){all.pieces + q_col(q, 1), all.mg + q_col(q, 2)};
    }
    if (rc < 0)
        wrong("the sums of a run cannot be read: %s", db_message(db));
    return all;
}

static struct sums sums_in(const json_t *o)
{
    return (struct sums){json_int_or(o, "pieces", 0), json_int_or(o, "mg", 0)};
}

static void judge_closed(struct db *db, const json_t *body)
{
    int64_t run = json_int_or(body, "run", 0);
    struct sums all = sum_all(db, run), told = sums_in(json_object_get(body, "items")),
                unknown = sums_in(json_object_get(body, "unknown")), sum = unknown;
    int64_t later = told.pieces - all.pieces; /* outcomes of its own items that came afterwards */
    json_t *outs = json_object_get(body, "outs"), *o;
    size_t i;
    json_array_foreach(outs, i, o) {
        struct sums in_lot = sums_in(o), now = sums_of[json_int_or(o, "grade", 0) % GRADES];
        sum = (struct sums){sum.pieces + in_lot.pieces, sum.mg + in_lot.mg};
        later += now.pieces - in_lot.pieces;
        int64_t since = now.pieces - in_lot.pieces, may = all.pieces - told.pieces + unknown.pieces;
        if (since < 0 || since > may || (since == 0 && now.mg != in_lot.mg))
            wrong("run %lld: %lld pieces of %lld mg are grade %lld, it was closed with %lld of "
                  "%lld mg",
                  (long long)run, (long long)now.pieces, (long long)now.mg,
                  (long long)json_int_or(o, "grade", 0), (long long)in_lot.pieces,
                  (long long)in_lot.mg);
    }
    if (later > 0 && hands_waited_ms((uint32_t)run) < 55000 && !w.clock_stepped)
        wrong("run %lld was closed while %lld of its items were on the belt", (long long)run,
              (long long)later);
    if (sum.pieces != told.pieces || sum.mg != told.mg || all.pieces < told.pieces)
        wrong("run %lld: grades, rework and unknown sum to %lld pieces of %lld mg, not %lld of "
              "%lld mg",
              (long long)run, (long long)sum.pieces, (long long)sum.mg, (long long)told.pieces,
              (long long)told.mg);
}

static void judge_runs(struct db *db)
{
    json_t *bodies = json_array(), *body;
    struct stmt *q = db_q(db, "SELECT body FROM event WHERE kind='run.closed'");
    size_t i, n;
    while (!plant_table() && q_step(q) == 1) {
        const char *text = q_bytes(q, 0, &n);
        json_array_append_new(bodies, json_loadb(text, n, 0, NULL));
    }
    q_done(q);
    json_array_foreach(bodies, i, body)
        judge_closed(db, body);
    json_decref(bodies);
    none(db,
         "SELECT count(*) FROM run r WHERE in_mg<>(SELECT sum(mg) FROM run_input i WHERE"
         " i.run=r.run) OR in_mg<>(SELECT sum(l.mg) FROM run_input i JOIN lot l ON l.lot=i.lot"
         " WHERE i.run=r.run)",
         "runs began with other than their lots weigh");
}

static void judge_people(struct db *db, struct db *people)
{
    struct stmt *q = db_q(db, "SELECT pid FROM party ORDER BY pid");
    int rc;
    while ((rc = q_step(q)) == 1) {
        struct stmt *p = db_q(people, "SELECT count(*) FROM person WHERE pid=?");
        if (single(people, q_text(p, 1, q_str(q, 0))) != 1)
            wrong("%s stands in the record and in no list of people", q_str(q, 0));
    }
    if (rc < 0)
        wrong("the parties cannot be read: %s", db_message(db));
}

void judge_rows(struct db *db)
{
    judge_items(db);
    judge_outcomes(db);
    judge_gaps(db);
    judge_weighings(db);
    judge_runs(db);
}

/* What was acknowledged: at a start the newest two epochs and what the last start has not seen, at
 * a calm all of it. */
static void judge_epochs(struct db *db, bool all)
{
    static struct {
        uint32_t epoch, seq, out;
    } seen[2];
    size_t n = truth_epochs();
    for (size_t i = all || n < 2 ? 0 : n - 2; i < n; i++) {
        uint32_t epoch = truth_epoch(i), seq = truth_acked(epoch), out = truth_acked_out(epoch);
        bool known = !all && seen[i % 2].epoch == epoch;
        if (!epoch)
            continue;
        if (!number_of(db, "SELECT count(*) FROM line_epoch WHERE epoch=?1 AND ?2=0 AND own", epoch,
                       0))
            wrong("the PLC adopted epoch %u, which was never committed", epoch);
        judge_span(db, &kinds[0], epoch, known ? seen[i % 2].seq : 0, seq);
        judge_span(db, &kinds[1], epoch, known ? seen[i % 2].out : 0, out);
        seen[i % 2].epoch = epoch;
        seen[i % 2].seq = seq;
        seen[i % 2].out = out;
    }
}

void judge_record(struct db *db, struct db *people, bool all)
{
    judge_epochs(db, all);
    judge_people(db, people);
    if (all)
        judge_rows(db);
    else
        judge_weighings(db);
}
