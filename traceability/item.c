/* Items and outcomes: a row each, in order, once (contract: item.h).  way: 8/12 item rows
 * Thread: main of lotlined, inside the turn's transaction. Owns: tables item, outcome, held.
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
#include <string.h>

enum { HELD_SLOTS = 1024, WORDS_LEN = 2 * ITEM_WORDS };

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
    rc = event_append(s, EVENT_SEGMENT_OPENED, body, NULL, NULL, e);
    json_decref(body);
    if (rc)
        return rc;
    p->segment = id;
    p->run = run;
    if (!p->base)
        p->base = id;
    return 0;
}

/* Rows of this segment wait for a block. */
static void note_tail(struct store *s, uint32_t line, uint32_t segment)
{
    struct item_tail *t = &s->places.tail[line];
    t->touched = true;
    if (segment < t->from)
        t->from = segment;
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

/* ---- words ---- */

static void words_to_bytes(const uint16_t words[ITEM_WORDS], uint8_t ret[WORDS_LEN])
{
    for (int i = 0; i < ITEM_WORDS; i++) {
        ret[2 * i] = (uint8_t)(words[i] >> 8);
        ret[2 * i + 1] = (uint8_t)words[i];
    }
}

static void bytes_to_words(const uint8_t *p, uint16_t ret[ITEM_WORDS])
{
    for (int i = 0; i < ITEM_WORDS; i++)
        ret[i] = (uint16_t)(p[2 * i] << 8 | p[2 * i + 1]);
}

static int hold_words(struct store *s, const struct item *it)
{
    uint8_t bytes[WORDS_LEN];
    words_to_bytes(it->words, bytes);
    struct stmt *q =
        db_q(s->db, "INSERT OR REPLACE INTO held(line,slot,epoch,seq,words) VALUES(?,?,?,?,?)");
    q_int(q_int(q_int(q, 1, it->line), 2, it->seq % HELD_SLOTS), 3, it->epoch);
    return q_run(q_blob(q_int(q, 4, it->seq), 5, bytes, sizeof bytes));
}

/* 1: the words are held and equal, 0: not held, ERR_EPOCH: they differ. */
static int compare_words(struct store *s, const struct item *it)
{
    uint8_t bytes[WORDS_LEN];
    size_t n = 0;
    words_to_bytes(it->words, bytes);
    struct stmt *q =
        db_q(s->db, "SELECT words FROM held WHERE line=? AND slot=? AND epoch=? AND seq=?");
    q_int(q_int(q, 1, it->line), 2, it->seq % HELD_SLOTS);
    int rc = q_step(q_int(q_int(q, 3, it->epoch), 4, it->seq));
    if (rc == 1) {
        const void *p = q_bytes(q, 0, &n);
        if (n != sizeof bytes || memcmp(p, bytes, n) != 0)
            rc = ERR_EPOCH;
    }
    q_done(q);
    return rc;
}

int item_held_words(struct store *s, uint32_t line, uint32_t epoch, uint32_t from, uint32_t to,
                    void (*cb)(void *ctx, uint32_t seq, const uint16_t words[ITEM_WORDS]),
                    void *ctx)
{
    struct stmt *q =
        db_q(s->db, "SELECT seq,words FROM held WHERE line=? AND epoch=? AND seq>? AND seq<=?"
                    " ORDER BY seq");
    q_int(q_int(q_int(q_int(q, 1, line), 2, epoch), 3, from), 4, to);
    int rc;
    while ((rc = q_step(q)) == 1) {
        uint16_t words[ITEM_WORDS];
        size_t n = 0;
        const uint8_t *p = q_bytes(q, 1, &n);
        if (n != WORDS_LEN)
            continue;
        bytes_to_words(p, words);
        cb(ctx, (uint32_t)q_col(q, 0), words);
    }
    return rc;
}

int item_forget_words(struct store *s, uint32_t line, uint32_t epoch, uint32_t seq)
{
    /* A slot is taken over by the item 1024 later, so nothing grows; a delete here would only wear
     * the flash. Words beyond what the PLC holds are never asked for. */
    (void)line;
    (void)epoch;
    (void)seq;
    return store_writable(s, NULL);
}

/* ---- items ---- */

static void bind_measure(struct stmt *q, int i, int32_t v)
{
    if (v == ITEM_NO_VALUE)
        q_null(q, i);
    else
        q_int(q, i, v);
}

static int insert_item(struct store *s, const struct item *it, uint32_t segment)
{
    struct stmt *q = db_q(
        s->db, "INSERT INTO item(id,fmt,net_mg,dia_um,mid_um,len_um,bow_ppm,defects,flags,lane,"
               "grade,outlet,why,outlet_why,rule,recovered,at_ms)"
               " VALUES(?1,1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)");
    q_int(q, 1, item_id(segment, it->seq));
    if (it->net_mg == ITEM_NO_MG)
        q_null(q, 2);
    else
        q_int(q, 2, it->net_mg);
    bind_measure(q, 3, it->dia_um);
    bind_measure(q, 4, it->mid_um);
    bind_measure(q, 5, it->len_um);
    bind_measure(q, 6, it->bow_ppm);
    const int64_t rest[] = {it->defects, it->flags,      it->lane, it->grade,     it->outlet,
                            it->why,     it->outlet_why, it->rule, it->recovered, it->at.ms};
    for (int i = 0; i < 10; i++)
        q_int(q, 7 + i, rest[i]);
    return q_run(q);
}

/* What a record of the PLC says, without our decision: equal in the stored row? 1 or 0, or an
 * error. */
static int same_measures(struct store *s, const struct item *it, uint32_t segment)
{
    struct stmt *q =
        db_q(s->db, "SELECT net_mg IS ?2 AND dia_um IS ?3 AND mid_um IS ?4 AND len_um IS ?5 AND"
                    " bow_ppm IS ?6 AND flags=?7 AND lane=?8 FROM item WHERE id=?1");
    q_int(q, 1, item_id(segment, it->seq));
    if (it->net_mg == ITEM_NO_MG)
        q_null(q, 2);
    else
        q_int(q, 2, it->net_mg);
    bind_measure(q, 3, it->dia_um);
    bind_measure(q, 4, it->mid_um);
    bind_measure(q, 5, it->len_um);
    bind_measure(q, 6, it->bow_ppm);
    int rc = q_step(q_int(q_int(q, 7, it->flags), 8, it->lane));
    bool same = rc == 1 && q_col(q, 0) == 1;
    q_done(q);
    return rc < 0 ? rc : same;
}

/* Invariant 2. */
static int meet_again(struct store *s, const struct item *it, struct err *e)
{
    uint32_t segment = 0;
    int rc = compare_words(s, it);
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
        rc = hold_words(s, it);
    if (rc)
        return trouble(s, rc, it->line, e);
    p->seq = it->seq;
    note_tail(s, it->line, p->segment);
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
    struct stmt *q =
        db_q(s->db, "INSERT INTO outcome(id,fmt,seq,outlet,reason,at_ms) VALUES(?,1,?,?,?,?)");
    q_int(q_int(q_int(q, 1, item_id(base, o->out)), 2, o->seq), 3, o->outlet);
    return q_run(q_int(q_int(q, 4, o->reason), 5, o->at.ms));
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
    note_tail(s, o->line, p->base);
    return 0;
}
