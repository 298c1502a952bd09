/* Holes with their counts (contract: item.h). Nothing is lost silently: the row stands where
 * the items would. Thread: main of lotlined. The same hole reported twice (a batch that is
 * applied again after a reopen) is stored once; without bounds it is told by line, epoch, kind,
 * cause and count. */
#include "base/json.h"
#include "traceability/item.h"
#include "traceability/store_inner.h"

static const char *kind_word(enum gap_kind k)
{
    switch (k) {
    case GAP_ITEMS: return "items";
    case GAP_OUTCOMES: return "outcomes";
    }
    return "?";
}

static int apply_gap(struct db *db, const struct event *ev, enum gap_kind kind)
{
    static const char *const keys[] = {"line", "epoch", "first", "last", "count"};
    struct stmt *q = db_q(db, "INSERT INTO gap(event_seq,kind,line,epoch,first,last,count,cause)"
                              " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)");
    q_text(q_int(q, 1, ev->seq), 2, kind_word(kind));
    for (int i = 0; i < 5; i++)
        q_int(q, i + 3, json_int_or(ev->body, keys[i], 0));
    return q_run(q_text(q, 8, json_text_or(ev->body, "cause", "")));
}

int apply_item_gap(struct db *db, const struct event *ev)
{
    return apply_gap(db, ev, GAP_ITEMS);
}

int apply_outcome_gap(struct db *db, const struct event *ev)
{
    return apply_gap(db, ev, GAP_OUTCOMES);
}

/* 1: this very hole stands already. */
static int is_known(struct store *s, const struct gap *g)
{
    struct stmt *q =
        db_q(s->db, "SELECT 1 FROM gap WHERE kind=? AND line=? AND epoch=? AND first=? AND last=?"
                    " AND count=? AND cause=?");
    q_int(q_int(q_text(q, 1, kind_word(g->kind)), 2, g->line), 3, g->epoch);
    int rc = q_step(q_text(q_int(q_int(q_int(q, 4, g->from), 5, g->to), 6, g->count), 7, g->cause));
    q_done(q);
    return rc;
}

static int append(struct store *s, const struct gap *g, struct err *e)
{
    json_t *body = json_pack("{s:I,s:I,s:I,s:I,s:I,s:s}", "line", (json_int_t)g->line, "epoch",
                             (json_int_t)g->epoch, "first", (json_int_t)g->from, "last",
                             (json_int_t)g->to, "count", (json_int_t)g->count, "cause", g->cause);
    return event_append_new(s, g->kind == GAP_ITEMS ? EVENT_ITEM_GAP : EVENT_OUTCOME_GAP, body,
                            NULL, NULL, e);
}

int gap_append(struct store *s, const struct gap *g, struct err *e)
{
    struct item_place *p = NULL;
    int rc = store_writable(s, e);
    if (rc == 0)
        rc = item_place_of(&s->places, s->db, g->line, g->epoch, &p, e);
    if (rc)
        return rc;
    rc = is_known(s, g);
    if (rc)
        return rc < 0 ? err_set(e, rc, "line %u: %s", g->line, db_message(s->db)) : 0;
    bool bounded = g->from || g->to;
    uint32_t *at = g->kind == GAP_ITEMS ? &p->seq : &p->out;
    if (bounded && g->from <= *at)
        return err_set(e, ERR_EPOCH, "line %u: a gap of %s from %u, but %u is committed", g->line,
                       kind_word(g->kind), g->from, *at);
    if (bounded && (g->from != *at + 1 || g->to < g->from))
        return err_set(e, ERR_STATE, "line %u: a gap of %s from %u to %u after %u", g->line,
                       kind_word(g->kind), g->from, g->to, *at);
    rc = append(s, g, e);
    if (rc == 0 && bounded)
        *at = g->to;
    return rc;
}
