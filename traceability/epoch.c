/* Epochs of a line's mailbox (contract: line.h; rules 1–3 of the mailbox). Thread: main of
 * lotlined. Owns: table line_epoch.
 *
 * Invariants
 *  1. An epoch is an event first, and only then written to a PLC.
 *  2. No number is proposed twice on a line but to the same start of the same PLC, which
 *     never showed it.
 *  3. After a restore the numbers begin at random: the lost part of the record may have used
 *     the next ones. */
#include "base/crypto.h"
#include "base/json.h"
#include "traceability/item.h"
#include "traceability/line.h"
#include "traceability/store_inner.h"

enum { FIRST_EPOCH_MAX = 1 << 30 };

struct known { /* a row of line_epoch */
    uint32_t epoch, nonce, boot_nonce;
    bool shown, own;
};

static int trouble(struct store *s, int rc, uint32_t line, struct err *e)
{
    return err_set(e, rc, "epochs of line %u: %s", line, db_message(s->db));
}

/* ---- projections ---- */

#define GENERATION "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key='generation'),0)"

static int open_epoch(struct db *db, const struct event *ev, bool own)
{
    struct stmt *q = db_q(
        db, "INSERT INTO line_epoch(line,epoch,nonce,boot_nonce,shown,own,generation,since)"
            " VALUES(?1,?2,?3,?3,?4,?5," GENERATION ",?6) ON CONFLICT(line,epoch) DO UPDATE SET"
            " boot_nonce=excluded.boot_nonce,shown=1,since=excluded.since");
    q_int(q_int(q, 1, json_int_or(ev->body, "line", 0)), 2, json_int_or(ev->body, "epoch", 0));
    q_int(q_int(q_int(q, 3, json_int_or(ev->body, "nonce", 0)), 4, !own), 5, own);
    return q_run(q_int(q, 6, ev->seq));
}

int apply_epoch_proposed(struct db *db, const struct event *ev)
{
    return open_epoch(db, ev, true);
}

int apply_epoch_adopted(struct db *db, const struct event *ev)
{
    return open_epoch(db, ev, false);
}

int apply_epoch_shown(struct db *db, const struct event *ev)
{
    struct stmt *q =
        db_q(db, "UPDATE line_epoch SET shown=1,boot_nonce=? WHERE line=? AND epoch=?");
    q_int(q_int(q, 1, json_int_or(ev->body, "nonce", 0)), 2, json_int_or(ev->body, "line", 0));
    return q_run(q_int(q, 3, json_int_or(ev->body, "epoch", 0)));
}

/* ---- what is known ---- */

/* The line's newest epoch, or with `epoch` that one: 1, 0 when there is none, or an error. */
static int find(struct store *s, uint32_t line, uint32_t epoch, struct known *ret)
{
    struct stmt *q =
        db_q(s->db, "SELECT epoch,nonce,boot_nonce,shown,own FROM line_epoch WHERE line=?1 AND"
                    " (?2=0 OR epoch=?2) ORDER BY since DESC LIMIT 1");
    int rc = q_step(q_int(q_int(q, 1, line), 2, epoch));
    if (rc == 1)
        *ret = (struct known){(uint32_t)q_col(q, 0), (uint32_t)q_col(q, 1), (uint32_t)q_col(q, 2),
                              q_col(q, 3) == 1, q_col(q, 4) == 1};
    q_done(q);
    return rc;
}

/* The highest own number since the store was made or restored; 0: none. */
static int highest_own(struct store *s, uint32_t line, uint32_t *ret)
{
    struct stmt *q =
        db_q(s->db,
             "SELECT max(epoch) FROM line_epoch WHERE line=? AND own=1 AND generation=" GENERATION);
    int rc = q_step(q_int(q, 1, line));
    *ret = rc == 1 ? (uint32_t)q_col(q, 0) : 0;
    q_done(q);
    return rc < 0 ? rc : 0;
}

/* Invariants 2 and 3. */
static int pick(struct store *s, uint32_t line, uint32_t *ret)
{
    struct known k;
    uint32_t epoch = 0;
    int rc = highest_own(s, line, &epoch);
    if (rc)
        return rc;
    epoch = epoch ? epoch + 1 : crypto_random_u32() % FIRST_EPOCH_MAX + 1;
    while (epoch == 0 || (rc = find(s, line, epoch, &k)) == 1)
        epoch++;
    *ret = epoch;
    return rc;
}

int item_line_state(struct store *s, uint32_t line, struct item_line_state *ret, struct err *e)
{
    struct item_line_state st = {0};
    struct known k = {0};
    struct item_place *p = NULL;
    int rc = find(s, line, 0, &k);
    if (rc < 0 || (rc = pick(s, line, &st.next_epoch)) < 0)
        return trouble(s, rc, line, e);
    if (k.epoch) {
        rc = item_place_of(&s->places, s->db, line, k.epoch, &p, e);
        if (rc)
            return rc;
        st.epoch = k.epoch;
        st.epoch_nonce = k.nonce;
        st.epoch_seen = k.shown;
        st.seq = st.head_seen = p->seq;
        st.out = p->out;
        st.boot_nonce = k.boot_nonce;
    }
    *ret = st;
    return 0;
}

/* ---- what changes ---- */

static int append(struct store *s, enum event_kind kind, uint32_t line, uint32_t epoch,
                  uint32_t nonce, struct err *e)
{
    json_t *body = json_pack("{s:I,s:I,s:I}", "line", (json_int_t)line, "epoch", (json_int_t)epoch,
                             "nonce", (json_int_t)nonce);
    return event_append_new(s, kind, body, NULL, NULL, e);
}

static int need_line(struct store *s, uint32_t line, struct err *e)
{
    int rc = store_writable(s, e);
    if (rc)
        return rc;
    struct stmt *q = db_q(s->db, "SELECT 1 FROM line WHERE no=?");
    rc = q_one(q_int(q, 1, line));
    q_done(q);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, rc, "line %u was not configured", line);
    return rc < 0 ? trouble(s, rc, line, e) : 0;
}

int epoch_propose(struct store *s, uint32_t line, uint32_t nonce, uint32_t *ret_epoch,
                  struct err *e)
{
    struct known k = {0};
    uint32_t epoch = 0;
    int rc = need_line(s, line, e);
    if (rc)
        return rc;
    rc = find(s, line, 0, &k);
    if (rc < 0)
        return trouble(s, rc, line, e);
    if (rc == 1 && k.own && !k.shown && k.nonce == nonce) {
        *ret_epoch = k.epoch;
        return 0;
    }
    rc = pick(s, line, &epoch);
    if (rc)
        return trouble(s, rc, line, e);
    rc = append(s, EVENT_EPOCH_PROPOSED, line, epoch, nonce, e);
    if (rc == 0)
        *ret_epoch = epoch;
    return rc;
}

int epoch_shown(struct store *s, uint32_t line, uint32_t epoch, uint32_t nonce, struct err *e)
{
    struct known k = {0};
    int rc = need_line(s, line, e);
    if (rc)
        return rc;
    rc = find(s, line, epoch ? epoch : UINT32_MAX, &k);
    if (rc < 0)
        return trouble(s, rc, line, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "line %u: epoch %u was never opened", line, epoch);
    if (k.shown && k.boot_nonce == nonce)
        return 0;
    return append(s, EVENT_EPOCH_SHOWN, line, epoch, nonce, e);
}

int epoch_unknown(struct store *s, uint32_t line, uint32_t epoch, uint32_t oldest_seq,
                  uint32_t nonce, struct err *e)
{
    struct known k = {0};
    struct item_place *p = NULL;
    int rc = need_line(s, line, e);
    if (rc == 0 && epoch == 0)
        rc = err_set(e, ERR_RANGE, "line %u: 0 is no epoch", line);
    if (rc)
        return rc;
    rc = find(s, line, 0, &k);
    if (rc < 0)
        return trouble(s, rc, line, e);
    rc = k.epoch == epoch ? 0 : append(s, EVENT_EPOCH_ADOPTED, line, epoch, nonce, e);
    if (rc == 0)
        rc = item_place_of(&s->places, s->db, line, epoch, &p, e);
    if (rc || oldest_seq <= p->seq + 1)
        return rc;
    struct gap g = {.kind = GAP_ITEMS,
                    .line = line,
                    .epoch = epoch,
                    .from = p->seq + 1,
                    .to = oldest_seq - 1,
                    .count = oldest_seq - 1 - p->seq,
                    .cause = "unknown-epoch"};
    return gap_append(s, &g, e);
}
