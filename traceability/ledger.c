/* The ledger of lots (contract: ledger.h). Main thread; writers are apply functions only, so that a
 * rebuild gives the same rows.
 *
 * 1. Shares of a lot sum to 1,000,000 ppm; masses of the edges into a lot sum to its mass.
 * 2. Aliases are per lot, in order of share, then of a hash of lot and farmer: the same farmer has
 *    another alias in another lot, and nobody can tell from the order who it is. */
#include "traceability/ledger.h"
#include "base/crypto.h"
#include "traceability/share.h"
#include "traceability/step.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t ledger_on_hand(const struct ledger_lot *l)
{
    return l->mg - l->drawn_mg;
}

int ledger_get(struct db *db, const char *lot, struct ledger_lot *ret, struct err *e)
{
    struct stmt *s =
        db_q(db, "SELECT lot, kind, state, product, farmer, source, grade_code, unit, run, "
                 "rule, grade, mg, drawn_mg, recalled, graded_seq FROM lot WHERE lot = ?1");
    q_text(s, 1, lot);
    int rc = q_one(s);
    if (rc == ERR_NOT_FOUND)
        return err_set(
            e, rc, "no lot %.40s: compare it with the label, its last character is a check", lot);
    if (rc < 0)
        return err_set(e, rc, "lot %.40s cannot be read", lot);
    struct ledger_lot l = {0};
    STEP_COPY(l.lot, s, 0);
    STEP_COPY(l.kind, s, 1);
    STEP_COPY(l.state, s, 2);
    STEP_COPY(l.product, s, 3);
    STEP_COPY(l.farmer, s, 4);
    STEP_COPY(l.source, s, 5);
    STEP_COPY(l.grade_code, s, 6);
    STEP_COPY(l.unit, s, 7);
    l.run = (uint32_t)q_col(s, 8);
    l.rule = (uint32_t)q_col(s, 9);
    l.grade = (uint32_t)q_col(s, 10);
    l.mg = q_col(s, 11);
    l.drawn_mg = q_col(s, 12);
    l.recalled = q_col(s, 13) != 0;
    l.graded = !q_is_null(s, 14);
    q_done(s);
    *ret = l;
    return 0;
}

#define ANCESTORS                                                                                  \
    "WITH RECURSIVE up(lot) AS (VALUES(?1) UNION SELECT e.src FROM edge e JOIN up ON e.dst = "     \
    "up.lot) "

int ledger_free_to_use(struct db *db, const char *lot, struct err *e)
{
    struct stmt *s =
        db_q(db, ANCESTORS "SELECT up.lot, h.reason FROM up JOIN hold h ON h.lot = up.lot "
                           "AND h.released_ms IS NULL LIMIT 1");
    int rc = q_step(q_text(s, 1, lot));
    if (rc == 1)
        rc = err_set(e, ERR_STATE,
                     "lot %s is on hold%s%s (%.80s): it stays where it is until hold.release", lot,
                     strcmp(q_str(s, 0), lot) ? " through " : "",
                     strcmp(q_str(s, 0), lot) ? q_str(s, 0) : "", q_str(s, 1));
    else if (rc < 0)
        err_set(e, rc, "lot %.40s: its holds cannot be read", lot);
    q_done(s);
    if (rc < 0)
        return rc;
    s = db_q(db, ANCESTORS
             "SELECT up.lot FROM up JOIN lot l ON l.lot = up.lot WHERE l.recalled <> 0 LIMIT 1");
    rc = q_step(q_text(s, 1, lot));
    if (rc == 1)
        rc = err_set(e, ERR_STATE, "lot %s is recalled: set it aside", lot);
    else if (rc < 0)
        err_set(e, rc, "lot %.40s: its recalls cannot be read", lot);
    q_done(s);
    return rc;
}

static struct stmt *text_or_null(struct stmt *s, int i, const char *v)
{
    return *v ? q_text(s, i, v) : q_null(s, i);
}

static struct stmt *int_or_null(struct stmt *s, int i, int64_t v)
{
    return v ? q_int(s, i, v) : q_null(s, i);
}

int ledger_open(struct db *db, const struct event *ev, const struct ledger_lot *l)
{
    struct stmt *s =
        db_q(db, "INSERT INTO lot(lot, kind, state, product, farmer, source, grade_code, unit, "
                 "run, rule, grade, mg, drawn_mg, net_mg, recalled, opened_ms, opened_seq) "
                 "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,0,0,0,0,?12,?13)");
    q_text(s, 1, l->lot);
    q_text(s, 2, l->kind);
    q_text(s, 3, l->state);
    q_text(s, 4, l->product);
    text_or_null(s, 5, l->farmer);
    text_or_null(s, 6, l->source);
    text_or_null(s, 7, l->grade_code);
    text_or_null(s, 8, l->unit);
    int_or_null(s, 9, l->run);
    int_or_null(s, 10, l->rule);
    int_or_null(s, 11, l->grade);
    q_int(s, 12, ev->at.ms);
    q_int(s, 13, ev->seq);
    int rc = q_run(s);
    if (rc == 0)
        rc = ident_note(db, l->lot);
    return rc < 0 ? rc : ledger_note(db, l->lot, ev->seq);
}

int ledger_add(struct db *db, const char *lot, int64_t mg, const char *unit)
{
    struct stmt *s =
        db_q(db, "UPDATE lot SET mg = mg + ?2, unit = coalesce(unit, ?3) WHERE lot = ?1");
    q_text(s, 1, lot);
    q_int(s, 2, mg);
    q_text(s, 3, unit);
    return q_run(s);
}

int ledger_draw(struct db *db, const char *lot, int64_t mg)
{
    struct stmt *s = db_q(db, "UPDATE lot SET drawn_mg = drawn_mg + ?2 WHERE lot = ?1");
    q_text(s, 1, lot);
    q_int(s, 2, mg);
    return q_run(s);
}

int ledger_state(struct db *db, const char *lot, const char *state, struct wall at)
{
    struct stmt *s =
        db_q(db, "UPDATE lot SET state = ?2, closed_ms = coalesce(closed_ms, ?3) WHERE lot = ?1");
    q_text(s, 1, lot);
    q_text(s, 2, state);
    q_int(s, 3, at.ms);
    return q_run(s);
}

int ledger_edge(struct db *db, const char *src, const char *dst, const char *via, int64_t mg,
                int64_t seq)
{
    struct stmt *s =
        db_q(db, "INSERT INTO edge(src, dst, via, mg, event_seq) VALUES(?1,?2,?3,?4,?5) "
                 "ON CONFLICT DO UPDATE SET mg = mg + excluded.mg");
    q_text(s, 1, src);
    q_text(s, 2, dst);
    q_text(s, 3, via);
    q_int(s, 4, mg);
    q_int(s, 5, seq);
    return q_run(s);
}

int ledger_note(struct db *db, const char *lot, int64_t seq)
{
    struct stmt *s = db_q(db, "INSERT OR IGNORE INTO lot_event(lot, event_seq) VALUES(?1, ?2)");
    q_text(s, 1, lot);
    q_int(s, 2, seq);
    return q_run(s);
}

struct part {
    char farmer[24];
    int64_t mg;
    uint8_t order[SHA256_LEN];
};

static int by_share(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->mg != y->mg)
        return x->mg < y->mg ? 1 : -1;
    return memcmp(x->order, y->order, sizeof x->order);
}

static void part_order(struct part *p, const char *lot)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%s %s", lot, p->farmer);
    sha256_of(text, (size_t)n, p->order);
}

/* Invariants 1 and 2. */
static int write_shares(struct db *db, const char *lot, struct part *p, size_t n)
{
    int64_t *mg = calloc(n, sizeof *mg), *ppm = calloc(n, sizeof *ppm);
    int rc = mg && ppm ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++)
        part_order(&p[i], lot);
    if (rc == 0) {
        qsort(p, n, sizeof *p, by_share);
        for (size_t i = 0; i < n; i++)
            mg[i] = p[i].mg;
        rc = share_split(SHARE_WHOLE, mg, n, ppm);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct stmt *s =
            db_q(db, "INSERT INTO lot_share(lot, alias, farmer, ppm) VALUES(?1,?2,?3,?4)");
        q_text(s, 1, lot);
        q_int(s, 2, (int64_t)i + 1);
        q_text(s, 3, p[i].farmer);
        q_int(s, 4, ppm[i]);
        rc = q_run(s);
    }
    free(mg);
    free(ppm);
    return rc;
}

/* Rows of (farmer, weight) → parts; the statement is stepped to its end. */
static int gather(struct stmt *s, struct part **ret, size_t *ret_n)
{
    struct part *p = NULL;
    size_t n = 0, cap = 0;
    int rc;
    while ((rc = q_step(s)) == 1) {
        if (n == cap) {
            struct part *more = realloc(p, (cap = cap ? cap * 2 : 16) * sizeof *p);
            if (!more) {
                rc = ERR_NOMEM;
                break;
            }
            p = more;
        }
        p[n] = (struct part){.mg = q_col(s, 1)};
        STEP_COPY(p[n].farmer, s, 0);
        n++;
    }
    q_done(s);
    if (rc < 0) {
        free(p);
        return rc;
    }
    *ret = p;
    *ret_n = n;
    return 0;
}

static int share_from(struct db *db, struct stmt *s, const char *lot)
{
    struct part *p = NULL;
    size_t n = 0;
    int rc = gather(s, &p, &n);
    if (rc == 0 && n)
        rc = write_shares(db, lot, p, n);
    free(p);
    return rc;
}

int ledger_share_one(struct db *db, const char *lot, const char *farmer)
{
    struct part p = {.mg = 1};
    snprintf(p.farmer, sizeof p.farmer, "%s", farmer);
    return write_shares(db, lot, &p, 1);
}

int ledger_share_copy(struct db *db, const char *lot, const char *source)
{
    struct stmt *s = db_q(db, "SELECT farmer, ppm FROM lot_share WHERE lot = ?1 ORDER BY alias");
    return share_from(db, q_text(s, 1, source), lot);
}

int ledger_share_run(struct db *db, uint32_t run, const char *lot)
{
    struct stmt *s =
        db_q(db, "SELECT s.farmer, sum(i.mg * s.ppm / 1000000) FROM run_input i "
                 "JOIN lot_share s ON s.lot = i.lot WHERE i.run = ?1 AND i.mg > 0 GROUP BY "
                 "s.farmer");
    return share_from(db, q_int(s, 1, run), lot);
}
