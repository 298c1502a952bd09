/* Items and outcomes: a row each, in order, once (contract: item.h).  way: 8/12 item rows
 * Thread: main of lotlined, inside the turn's transaction. Owns: tables item, outcome.
 *
 * Invariants
 *  1. Of one (line, epoch) the rows are seq 1, 2, 3 … without holes but those that a gap
 *     names.
 *  2. The same item twice is stored once; another item under the same number is refused
 *     (ERR_EPOCH). While its words are held they decide, later its measured values.
 *  3. A segment is opened by its own event before its first row. */
#include "traceability/item.h"
#include "base/json.h"
#include "traceability/item_row.h"
#include "traceability/store_inner.h"

static int trouble(struct store *s, int rc, uint32_t line, struct err *e)
{
    return err_set(e, rc, "line %u: %s", line, db_message(s->db));
}

/* ---- segments ---- */

int apply_segment_opened(struct db *db, const struct event *ev)
{
    static const char *const keys[] = {"segment", "line", "epoch", "run", "rule", "first_seq"};
    struct stmt *q =
        db_q(db, "INSERT INTO segment(id,line,epoch,run,rule,first_seq,item_to,outcome_to,at_ms,"
                 "event_seq) VALUES(?1,?2,?3,?4,?5,?6,0,0,?7,?8)");
    for (int i = 0; i < 6; i++)
        q_int(q, i + 1, json_int_or(ev->body, keys[i], 0));
    return q_run(q_int(q_int(q, 7, ev->at.ms), 8, ev->seq));
}

static int next_segment(struct store *s, uint32_t *ret)
{
    struct stmt *q = db_q(s->db, "SELECT coalesce(max(id),0)+1 FROM segment");
    int rc = q_one(q);
    if (rc == 1)
        *ret = (uint32_t)q_col(q, 0);
    q_done(q);
    return rc < 0 ? rc : 0;
}

/* Invariant 3. */
static int open_segment(struct store *s, struct item_place *p, uint32_t line, uint32_t run,
                        uint32_t rule, struct err *e)
{
    uint32_t id = 0;
    int rc = next_segment(s, &id);
    if (rc)
        return trouble(s, rc, line, e);
    json_t *body =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "segment", (json_int_t)id, "line", (json_int_t)line,
                  "epoch", (json_int_t)p->epoch, "run", (json_int_t)run, "rule", (json_int_t)rule,
                  "first_seq", (json_int_t)p->seq + 1);
    rc = event_append_new(s, EVENT_SEGMENT_OPENED, body, NULL, NULL, e);
    if (rc)
        return rc;
    p->segment = id;
    p->run = run;
    if (!p->base)
        p->base = id;
    return 0;
}

/* Rows of this segment wait for a block. */
static struct item_tail *note_tail(struct store *s, uint32_t line, uint32_t segment)
{
    struct item_tail *t = &s->places.tail[line];
    t->touched = true;
    if (segment < t->from)
        t->from = segment;
    return t;
}

static int find_segment(struct store *s, const struct item *it, uint32_t *ret)
{
    struct stmt *q = db_q(s->db, "SELECT id FROM segment WHERE line=? AND epoch=? AND first_seq<=?"
                                 " ORDER BY id DESC LIMIT 1");
    int rc = q_step(q_int(q_int(q_int(q, 1, it->line), 2, it->epoch), 3, it->seq));
    *ret = rc == 1 ? (uint32_t)q_col(q, 0) : 0;
    q_done(q);
    return rc < 0 ? rc : 0;
}

/* ---- items ---- */

static int insert_row(struct store *s, const char *sql, const struct item_row *r,
                      struct leaves *leaves)
{
    struct merkle_hash leaf;
    struct stmt *q = db_q(s->db, sql);
    item_row_bind(r, q);
    int rc = q_run(q);
    if (rc == 0 && leaves) {
        item_row_leaf(r, &leaf);
        leaves_add(leaves, r->v[0], &leaf);
    }
    return rc;
}

static int insert_item(struct store *s, const struct item *it, uint32_t segment)
{
    struct item_row r;
    struct tail_leaves *t = item_tail_leaves(&s->places, it->line);
    item_row_of(it, item_id(segment, it->seq), &r);
    return insert_row(
        s, "INSERT INTO item(" ITEM_COLUMNS ",fmt) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,1)", &r,
        t ? &t->items : NULL);
}

/* What a record of the PLC says, without our decision: equal in the stored row? 1 or 0, or an
 * error. */
static int same_measures(struct store *s, const struct item *it, uint32_t segment)
{
    enum { MEASURES = 6 }; /* id and the five after it */
    struct item_row r;
    struct stmt *q =
        db_q(s->db, "SELECT net_mg IS ?2 AND dia_um IS ?3 AND mid_um IS ?4 AND len_um IS ?5 AND"
                    " bow_ppm IS ?6 AND flags=?7 AND lane=?8 FROM item WHERE id=?1");
    item_row_of(it, item_id(segment, it->seq), &r);
    r.n = MEASURES;
    item_row_bind(&r, q);
    int rc = q_step(q_int(q_int(q, 7, it->flags), 8, it->lane));
    bool same = rc == 1 && q_col(q, 0) == 1;
    q_done(q);
    return rc < 0 ? rc : same;
}

/* Invariant 2. */
static int meet_again(struct store *s, const struct item *it, struct err *e)
{
    uint32_t segment = 0;
    int rc = held_same(&s->held, s->db, it);
    if (rc == 0) {
        rc = find_segment(s, it, &segment);
        if (rc == 0)
            rc = same_measures(s, it, segment);
    }
    if (rc == 1)
        return 0;
    if (rc == 0 || rc == ERR_EPOCH)
        return err_set(e, ERR_EPOCH, "line %u: item %u of epoch %u is committed with other bytes",
                       it->line, it->seq, it->epoch);
    return trouble(s, rc, it->line, e);
}

int item_append(struct store *s, const struct item *it, struct err *e)
{
    struct item_place *p = NULL;
    int rc = store_writable(s, e);
    if (rc == 0)
        rc = item_place_of(&s->places, s->db, it->line, it->epoch, &p, e);
    if (rc)
        return rc;
    if (it->seq <= p->seq && it->seq > 0)
        return meet_again(s, it, e);
    if (it->seq != p->seq + 1) /* invariant 1 */
        return err_set(e, ERR_STATE, "line %u: item %u of epoch %u came after %u without a gap",
                       it->line, it->seq, it->epoch, p->seq);
    store_touch(s);
    if (!p->segment || p->run != it->run)
        rc = open_segment(s, p, it->line, it->run, it->rule, e);
    if (rc)
        return rc;
    rc = insert_item(s, it, p->segment);
    if (rc == 0)
        rc = held_put(&s->held, s->db, it);
    if (rc)
        return trouble(s, rc, it->line, e);
    p->seq = it->seq;
    note_tail(s, it->line, p->segment)->items++;
    return 0;
}

/* ---- outcomes ---- */

static int same_outcome(struct store *s, const struct outcome *o, uint32_t base, struct err *e)
{
    struct stmt *q =
        db_q(s->db, "SELECT 1 FROM outcome WHERE id=? AND seq=? AND outlet=? AND reason=?");
    q_int(q_int(q, 1, item_id(base, o->out)), 2, o->seq);
    int rc = q_step(q_int(q_int(q, 3, o->outlet), 4, o->reason));
    q_done(q);
    if (rc < 0)
        return trouble(s, rc, o->line, e);
    return rc == 1 ? 0
                   : err_set(e, ERR_EPOCH,
                             "line %u: outcome %u of epoch %u is committed with other values",
                             o->line, o->out, o->epoch);
}

static int insert_outcome(struct store *s, const struct outcome *o, uint32_t base)
{
    struct item_row r;
    struct tail_leaves *t = item_tail_leaves(&s->places, o->line);
    outcome_row_of(o, item_id(base, o->out), &r);
    return insert_row(s, "INSERT INTO outcome(" OUTCOME_COLUMNS ",fmt) VALUES(?,?,?,?,?,1)", &r,
                      t ? &t->outcomes : NULL);
}

int outcome_append(struct store *s, const struct outcome *o, struct err *e)
{
    struct item_place *p = NULL;
    int rc = store_writable(s, e);
    if (rc == 0)
        rc = item_place_of(&s->places, s->db, o->line, o->epoch, &p, e);
    if (rc)
        return rc;
    if (o->out <= p->out && o->out > 0)
        return same_outcome(s, o, p->base, e);
    if (o->out != p->out + 1) /* invariant 1 */
        return err_set(e, ERR_STATE, "line %u: outcome %u of epoch %u came after %u without a gap",
                       o->line, o->out, o->epoch, p->out);
    store_touch(s);
    if (!p->base)
        rc = open_segment(s, p, o->line, 0, 0, e);
    if (rc)
        return rc;
    rc = insert_outcome(s, o, p->base);
    if (rc)
        return trouble(s, rc, o->line, e);
    p->out = o->out;
    note_tail(s, o->line, p->base)->outcomes++;
    return 0;
}
