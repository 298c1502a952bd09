/* Blocks: events that carry the Merkle root of item and outcome rows (contract and format:
 * item.h). Thread: main of lotlined, once a turn or a second, before the commit.
 *
 * Invariant: blocks of a segment follow each other in order of id; segment.item_to and
 * outcome_to are the newest ids that a block proves, so every row stands in exactly one block. */
#include "base/json.h"
#include "traceability/item.h"
#include "traceability/item_row.h"
#include "traceability/store_inner.h"

enum {
    BLOCK_ROWS = 256,
    BLOCK_AGE_MS = 9000
}; /* a second less than promised: called once a second */

struct rows {
    int64_t after, first, last, count;
};
struct block {
    uint32_t segment, epoch;
    struct rows items, outcomes;
};

int apply_item_block(struct db *db, const struct event *ev)
{
    static const char *const keys[] = {"segment",       "first_item",   "last_item", "items",
                                       "first_outcome", "last_outcome", "outcomes"};
    struct merkle_hash root;
    if (hex_parse(json_text_or(ev->body, "root", ""), root.b, SHA256_LEN))
        return ERR_PARSE;
    struct stmt *q =
        db_q(db, "INSERT INTO block(event_seq,segment,first_item,last_item,items,first_outcome,"
                 "last_outcome,outcomes,root) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)");
    q_int(q, 1, ev->seq);
    for (int i = 0; i < 7; i++)
        q_int(q, i + 2, json_int_or(ev->body, keys[i], 0));
    int rc = q_run(q_blob(q, 9, root.b, SHA256_LEN));
    if (rc)
        return rc;
    q = db_q(
        db, "UPDATE segment SET item_to=max(item_to,?2),outcome_to=max(outcome_to,?3) WHERE id=?1");
    q_int(q, 1, json_int_or(ev->body, "segment", 0));
    q_int(q, 2, json_int_or(ev->body, "last_item", 0));
    return q_run(q_int(q, 3, json_int_or(ev->body, "last_outcome", 0)));
}

/* ---- what stands in no block yet ---- */

static int count_rows(struct db *db, const char *sql, uint32_t segment, struct rows *r)
{
    int64_t from = r->after ? r->after : item_id(segment, 0);
    struct stmt *q = q_int(q_int(db_q(db, sql), 1, from), 2, item_id(segment, UINT32_MAX));
    int rc = q_one(q_int(q, 3, BLOCK_ROWS));
    if (rc == 1) {
        r->count = q_col(q, 0);
        r->first = q_col(q, 1);
        r->last = q_col(q, 2);
    }
    q_done(q);
    return rc < 0 ? rc : 0;
}

static int count_block(struct db *db, struct block *b)
{
    static const char items[] =
        "SELECT count(*),min(id),max(id) FROM (SELECT id FROM item WHERE id>? AND id<=?"
        " ORDER BY id LIMIT ?)";
    static const char outcomes[] =
        "SELECT count(*),min(id),max(id) FROM (SELECT id FROM outcome WHERE id>? AND"
        " id<=? ORDER BY id LIMIT ?)";
    int rc = count_rows(db, items, b->segment, &b->items);
    return rc ? rc : count_rows(db, outcomes, b->segment, &b->outcomes);
}

/* The next segment of the line from `from` on: 1, or 0 when there is none. */
static int next_segment(struct db *db, uint32_t line, uint32_t from, struct block *ret)
{
    struct stmt *q =
        db_q(db, "SELECT id,epoch,item_to,outcome_to FROM segment WHERE +line=? AND id>=?"
                 " ORDER BY id LIMIT 1");
    int rc = q_step(q_int(q_int(q, 1, line), 2, from));
    if (rc == 1)
        *ret = (struct block){.segment = (uint32_t)q_col(q, 0),
                              .epoch = (uint32_t)q_col(q, 1),
                              .items.after = q_col(q, 2),
                              .outcomes.after = q_col(q, 3)};
    q_done(q);
    return rc;
}

/* ---- closing a block ---- */

/* Leaves of one part: kept ones, else from the rows. */
static int add_leaves(struct db *db, const char *rows,
                      int (*leaf_of)(struct stmt *, struct merkle_hash *, int64_t *),
                      const struct rows *r, const struct leaves *kept, struct merkle_edge *tree)
{
    struct merkle_hash leaf;
    int64_t id;
    int rc;
    if (r->count == 0)
        return 0;
    const struct merkle_hash *l = kept ? leaves_find(kept, r->first, r->last, r->count) : NULL;
    for (int64_t i = 0; l && i < r->count; i++)
        merkle_add(tree, &l[i], NULL);
    if (l)
        return 0;
    struct stmt *q = q_int(q_int(db_q(db, rows), 1, r->first), 2, r->last);
    while ((rc = q_step(q)) == 1) {
        if ((rc = leaf_of(q, &leaf, &id)) < 0)
            break;
        merkle_add(tree, &leaf, NULL);
    }
    q_done(q);
    return rc;
}

static int root_text(struct db *db, const struct block *b, const struct tail_leaves *kept,
                     char *text, size_t size)
{
    struct merkle_edge tree = {0};
    struct merkle_hash root;
    int rc =
        add_leaves(db, ITEM_ROWS, item_read_leaf, &b->items, kept ? &kept->items : NULL, &tree);
    if (rc == 0)
        rc = add_leaves(db, OUTCOME_ROWS, outcome_read_leaf, &b->outcomes,
                        kept ? &kept->outcomes : NULL, &tree);
    merkle_root(&tree, &root);
    hex_text(root.b, SHA256_LEN, text, size);
    return rc;
}

static int append_block(struct store *s, uint32_t line, const struct block *b, struct err *e)
{
    char root[2 * SHA256_LEN + 1];
    struct tail_leaves *kept = s->places.tail[line].leaves;
    int rc = root_text(s->db, b, kept, root, sizeof root);
    if (rc)
        return err_set(e, rc, "block of line %u: %s", line, db_message(s->db));
    json_t *body = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s}", "line", (json_int_t)line, "epoch",
        (json_int_t)b->epoch, "segment", (json_int_t)b->segment, "items",
        (json_int_t)b->items.count, "first_item", (json_int_t)b->items.first, "last_item",
        (json_int_t)b->items.last, "outcomes", (json_int_t)b->outcomes.count, "first_outcome",
        (json_int_t)b->outcomes.first, "last_outcome", (json_int_t)b->outcomes.last, "root", root);
    rc = event_append_new(s, EVENT_ITEM_BLOCK, body, NULL, NULL, e);
    if (rc == 0 && kept && b->items.count)
        leaves_drop(&kept->items, b->items.last);
    if (rc == 0 && kept && b->outcomes.count)
        leaves_drop(&kept->outcomes, b->outcomes.last);
    return rc;
}

/* Blocks of one segment: full ones, and with `all` the rest. Counts what stays in none. */
static int block_segment(struct store *s, uint32_t line, struct block *b, bool all,
                         struct item_tail *left, struct err *e)
{
    for (;;) {
        int rc = count_block(s->db, b);
        if (rc)
            return err_set(e, rc, "block of line %u: %s", line, db_message(s->db));
        bool any = b->items.count || b->outcomes.count;
        bool full = b->items.count == BLOCK_ROWS || b->outcomes.count == BLOCK_ROWS;
        if (!any || !(full || all)) {
            left->items += (uint32_t)b->items.count;
            left->outcomes += (uint32_t)b->outcomes.count;
            return 0;
        }
        rc = append_block(s, line, b, e);
        if (rc)
            return rc;
        if (b->items.count)
            b->items.after = b->items.last;
        if (b->outcomes.count)
            b->outcomes.after = b->outcomes.last;
    }
}

static int block_line(struct store *s, uint32_t line, struct mono now, bool flush, struct err *e)
{
    struct item_tail *t = &s->places.tail[line];
    bool all = flush || (t->seen.ns && mono_since_ms(now, t->seen) >= BLOCK_AGE_MS);
    bool few = t->items < BLOCK_ROWS && t->outcomes < BLOCK_ROWS; /* no block can be full */
    struct item_tail left = {0};
    struct block b;
    int rc = 0;
    if (few && !all) {
        t->seen = t->seen.ns ? t->seen : now;
        return 0;
    }
    for (uint32_t from = t->from; (rc = next_segment(s->db, line, from, &b)) == 1;
         from = b.segment + 1) {
        bool none_older = left.items + left.outcomes == 0;
        rc = block_segment(s, line, &b, all, &left, e);
        if (rc)
            return rc;
        if (none_older && left.items + left.outcomes == 0)
            t->from = b.segment; /* nothing older needs a look again */
    }
    if (rc < 0)
        return err_set(e, rc, "blocks of line %u: %s", line, db_message(s->db));
    t->items = left.items;
    t->outcomes = left.outcomes;
    t->touched = left.items + left.outcomes > 0;
    if (!t->touched)
        t->seen.ns = 0;
    else if (all || !t->seen.ns)
        t->seen = now;
    return 0;
}

int item_blocks(struct store *s, struct mono now, bool flush, struct err *e)
{
    int rc = store_writable(s, e);
    for (uint32_t line = 1; rc == 0 && line <= LINES_MAX; line++)
        if (s->places.tail[line].touched)
            rc = block_line(s, line, now, flush, e);
    return rc;
}
