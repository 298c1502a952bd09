/* Where each line stands in the record (contract: item_place.h). A cache: what it says can
 * always be read again from segment, item, outcome and gap; that is what happens after a
 * rollback. */
#include "traceability/item_place.h"
#include <stdlib.h>
#include <string.h>

void item_places_forget(struct item_places *p)
{
    memset(p->line, 0, sizeof p->line);
    for (size_t i = 0; i <= LINES_MAX; i++) {
        struct tail_leaves *l = p->tail[i].leaves;
        p->tail[i] = (struct item_tail){
            .touched = true, .items = UINT32_MAX / 2 /* unknown: look once */, .leaves = l};
        if (l)
            l->items.n = l->outcomes.n = 0;
    }
}

void item_places_free(struct item_places *p)
{
    for (size_t i = 0; i <= LINES_MAX; i++)
        free(p->tail[i].leaves);
}

struct tail_leaves *item_tail_leaves(struct item_places *p, uint32_t line)
{
    struct item_tail *t = &p->tail[line];
    if (!t->leaves)
        t->leaves = calloc(1, sizeof *t->leaves);
    return t->leaves;
}

void leaves_drop(struct leaves *l, int64_t last)
{
    int64_t n = last - l->first + 1;
    if (n <= 0)
        return;
    size_t gone = (uint64_t)n < l->n ? (size_t)n : l->n;
    l->n -= gone;
    l->first += (int64_t)gone;
    memmove(l->leaf, l->leaf + gone, l->n * sizeof l->leaf[0]);
}

/* The single integer that `q` gives; 0 for NULL or no row. */
static int ask(struct stmt *q, uint32_t *ret)
{
    int rc = q_step(q);
    *ret = rc == 1 ? (uint32_t)q_col(q, 0) : 0;
    q_done(q);
    return rc < 0 ? rc : 0;
}

static int read_segments(struct db *db, uint32_t line, struct item_place *p)
{
    struct stmt *q =
        db_q(db, "SELECT id,run FROM segment WHERE line=? AND epoch=? ORDER BY id DESC LIMIT 1");
    int rc = q_step(q_int(q_int(q, 1, line), 2, p->epoch));
    p->segment = rc == 1 ? (uint32_t)q_col(q, 0) : 0;
    p->run = rc == 1 ? (uint32_t)q_col(q, 1) : 0;
    q_done(q);
    if (rc < 0)
        return rc;
    q = db_q(db, "SELECT min(id) FROM segment WHERE line=? AND epoch=?");
    return ask(q_int(q_int(q, 1, line), 2, p->epoch), &p->base);
}

static int newest_row(struct db *db, const char *sql, uint32_t segment, uint32_t *ret)
{
    struct stmt *q =
        q_int(q_int(db_q(db, sql), 1, item_id(segment, 0)), 2, item_id(segment, UINT32_MAX));
    return ask(q, ret); /* the low half of the id */
}

/* A segment may be empty (a run that ended before an item came): look back until one has items. */
static int newest_item(struct db *db, uint32_t line, const struct item_place *p, uint32_t *ret)
{
    uint32_t segment = p->segment;
    int rc = 0;
    *ret = 0;
    while (rc == 0 && segment && *ret == 0) {
        rc = newest_row(db, "SELECT max(id)&4294967295 FROM item WHERE id BETWEEN ? AND ?", segment,
                        ret);
        if (rc || *ret)
            break;
        struct stmt *q = db_q(db, "SELECT max(id) FROM segment WHERE line=? AND epoch=? AND id<?");
        rc = ask(q_int(q_int(q_int(q, 1, line), 2, p->epoch), 3, segment), &segment);
    }
    return rc;
}

static int newest_gap(struct db *db, const char *kind, uint32_t line, uint32_t epoch, uint32_t *ret)
{
    struct stmt *q = db_q(db, "SELECT max(last) FROM gap WHERE kind=? AND line=? AND epoch=?");
    return ask(q_int(q_int(q_text(q, 1, kind), 2, line), 3, epoch), ret);
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static int read_place(struct db *db, uint32_t line, struct item_place *p)
{
    uint32_t gap = 0, gap_out = 0;
    int rc = read_segments(db, line, p);
    if (rc == 0)
        rc = newest_item(db, line, p, &p->seq);
    if (rc == 0 && p->base)
        rc = newest_row(db, "SELECT max(id)&4294967295 FROM outcome WHERE id BETWEEN ? AND ?",
                        p->base, &p->out);
    if (rc == 0)
        rc = newest_gap(db, "items", line, p->epoch, &gap);
    if (rc == 0)
        rc = newest_gap(db, "outcomes", line, p->epoch, &gap_out);
    p->seq = greater(p->seq, gap);
    p->out = greater(p->out, gap_out);
    return rc;
}

int item_place_of(struct item_places *places, struct db *db, uint32_t line, uint32_t epoch,
                  struct item_place **ret, struct err *e)
{
    if (line < 1 || line > LINES_MAX)
        return err_set(e, ERR_RANGE, "line %u: lines are numbered from 1 to %d", line, LINES_MAX);
    struct item_place *p = &places->line[line], found = {.epoch = epoch};
    if (epoch && p->epoch == epoch) {
        *ret = p;
        return 0;
    }
    struct stmt *q = db_q(db, "SELECT 1 FROM line_epoch WHERE line=? AND epoch=?");
    int rc = q_step(q_int(q_int(q, 1, line), 2, epoch));
    q_done(q);
    if (rc == 0)
        return err_set(e, ERR_STATE, "line %u: epoch %u was not opened", line, epoch);
    if (rc == 1)
        rc = read_place(db, line, &found);
    if (rc < 0)
        return err_set(e, rc, "line %u: %s", line, db_message(db));
    *p = found;
    *ret = p;
    return 0;
}
