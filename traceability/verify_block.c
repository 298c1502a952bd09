/* Item and outcome rows against the roots in item.block events (format: item.h). Thread: the
 * caller's.
 *
 * Invariant: between the end of a segment's last block and the begin of its next there is no
 * row, so every row up to the last block stands in exactly one. */
#include "base/json.h"
#include "traceability/item_place.h"
#include "traceability/item_row.h"
#include "traceability/verify_inner.h"
#include <stdlib.h>

struct part { /* the rows of one table under one block */
    const char *word, *rows, *lowest;
    int (*leaf_of)(struct stmt *, struct merkle_hash *, int64_t *);
    int64_t first, last, count;
};

static int bad_block(const struct event *ev, struct err *e, const char *what)
{
    return err_set(e, ERR_CHECK, "event %lld: item.block: %s", (long long)ev->seq, what);
}

static struct part part_of(const struct event *ev, bool outcomes)
{
    struct part p =
        outcomes ? (struct part){.word = "outcome",
                                 .rows = OUTCOME_ROWS,
                                 .leaf_of = outcome_read_leaf,
                                 .lowest = "SELECT min(id) FROM outcome WHERE id>? AND id<=?"}
                 : (struct part){.word = "item",
                                 .rows = ITEM_ROWS,
                                 .leaf_of = item_read_leaf,
                                 .lowest = "SELECT min(id) FROM item WHERE id>? AND id<=?"};
    p.first = json_int_or(ev->body, outcomes ? "first_outcome" : "first_item", 0);
    p.last = json_int_or(ev->body, outcomes ? "last_outcome" : "last_item", 0);
    p.count = json_int_or(ev->body, outcomes ? "outcomes" : "items", 0);
    return p;
}

static int lowest_id(struct db *db, const char *sql, int64_t after, int64_t to, int64_t *ret,
                     struct err *e)
{
    struct stmt *q = q_int(q_int(db_q(db, sql), 1, after), 2, to);
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "rows: %s", db_message(db));
    *ret = q_is_null(q, 0) ? 0 : q_col(q, 0);
    q_done(q);
    return 0;
}

/* The block begins where the last one ended, within its segment. */
static int check_begin(struct db *db, const struct event *ev, uint32_t segment,
                       const struct part *p, int64_t to, struct err *e)
{
    int64_t lowest = 0, end = item_id(segment, UINT32_MAX);
    if (p->count == 0)
        return 0;
    if (p->count < 0 || p->first <= to || p->last < p->first || p->last > end)
        return bad_block(ev, e, "its bounds are not those of rows in order");
    int rc = lowest_id(db, p->lowest, to, end, &lowest, e);
    if (rc)
        return rc;
    if (lowest && lowest < p->first)
        return err_set(e, ERR_CHECK, "%s %lld: stands in no block", p->word, (long long)lowest);
    return 0;
}

static int add_rows(struct db *db, const struct event *ev, const struct part *p,
                    struct merkle_edge *tree, struct err *e)
{
    struct merkle_hash leaf;
    int64_t id = 0, count = 0;
    int rc = 0;
    if (p->count == 0)
        return 0;
    struct stmt *q = q_int(q_int(db_q(db, p->rows), 1, p->first), 2, p->last);
    while ((rc = q_step(q)) == 1 && (rc = p->leaf_of(q, &leaf, &id)) == 0) {
        merkle_add(tree, &leaf, NULL);
        count++;
    }
    q_done(q);
    if (rc == ERR_VERSION)
        return err_set(e, ERR_CHECK, "%s %lld: its fmt is unknown", p->word, (long long)id);
    if (rc < 0)
        return err_set(e, rc, "rows: %s", db_message(db));
    if (count == p->count)
        return 0;
    return err_set(
        e, ERR_CHECK, "%s %lld: event %lld proves %lld rows from here on, but %lld stand there",
        p->word, (long long)p->first, (long long)ev->seq, (long long)p->count, (long long)count);
}

/* Rows in order of id; a row of another block or segment cannot make the same root. */
static int check_root(const struct event *ev, const struct part *items, const struct part *outcomes,
                      const struct merkle_edge *tree, struct err *e)
{
    struct merkle_hash root, stated;
    merkle_root(tree, &root);
    if (hex_parse(json_text_or(ev->body, "root", ""), stated.b, SHA256_LEN))
        return bad_block(ev, e, "it has no root");
    if (merkle_equal(&root, &stated))
        return 0;
    const struct part *p = items->count ? items : outcomes;
    return err_set(
        e, ERR_CHECK,
        "%s %lld: event %lld proves other rows than stand from here on (%lld items, %lld outcomes)",
        p->word, (long long)p->first, (long long)ev->seq, (long long)items->count,
        (long long)outcomes->count);
}

/* ---- segments ---- */

static struct verify_segment *find(struct verify_rows *v, int64_t id)
{
    size_t low = 0, high = v->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v->segment[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < v->n && v->segment[low].id == id ? &v->segment[low] : NULL;
}

static int open_segment(struct verify_rows *v, const struct event *ev, struct err *e)
{
    int64_t id = json_int_or(ev->body, "segment", 0);
    if (id < 1 || id > UINT32_MAX || (v->n && id <= v->segment[v->n - 1].id))
        return err_set(e, ERR_CHECK, "event %lld: segment.opened: segments are numbered upwards",
                       (long long)ev->seq);
    if (v->n == v->cap) {
        size_t cap = v->cap ? 2 * v->cap : 64;
        struct verify_segment *more = realloc(v->segment, cap * sizeof *more);
        if (!more)
            return err_set(e, ERR_NOMEM, "no memory for %zu segments", cap);
        v->segment = more;
        v->cap = cap;
    }
    int64_t begin = item_id((uint32_t)id, 0);
    v->segment[v->n++] = (struct verify_segment){(uint32_t)id, begin - 1, begin - 1};
    return 0;
}

static int take_block(struct verify_rows *v, struct db *db, const struct event *ev, struct err *e)
{
    struct verify_segment *g = find(v, json_int_or(ev->body, "segment", 0));
    struct part items = part_of(ev, false), outcomes = part_of(ev, true);
    struct merkle_edge tree = {0};
    if (!g)
        return bad_block(ev, e, "its segment was never opened");
    int rc = check_begin(db, ev, g->id, &items, g->item_to, e);
    if (rc == 0)
        rc = check_begin(db, ev, g->id, &outcomes, g->outcome_to, e);
    if (rc == 0)
        rc = add_rows(db, ev, &items, &tree, e);
    if (rc == 0)
        rc = add_rows(db, ev, &outcomes, &tree, e);
    if (rc == 0)
        rc = check_root(ev, &items, &outcomes, &tree, e);
    if (rc)
        return rc;
    g->item_to = items.count ? items.last : g->item_to;
    g->outcome_to = outcomes.count ? outcomes.last : g->outcome_to;
    v->blocks++;
    v->items += items.count;
    v->outcomes += outcomes.count;
    return 0;
}

int verify_block_take(struct verify_rows *v, struct db *db, const struct event *ev, struct err *e)
{
    if (ev->kind == EVENT_SEGMENT_OPENED)
        return open_segment(v, ev, e);
    return ev->kind == EVENT_ITEM_BLOCK ? take_block(v, db, ev, e) : 0;
}

/* ---- rows behind the last block ---- */

static int count_rows(struct db *db, const char *sql, int64_t after, int64_t to, int64_t *ret,
                      struct err *e)
{
    struct stmt *q = q_int(q_int(db_q(db, sql), 1, after), 2, to);
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "rows: %s", db_message(db));
    *ret += q_col(q, 0);
    q_done(q);
    return 0;
}

/* From segment to segment that has rows at all: each must be known. */
static int rest_of(struct verify_rows *v, struct db *db, bool outcomes, struct err *e)
{
    const char *lowest = outcomes ? "SELECT min(id) FROM outcome WHERE id>? AND id<=?"
                                  : "SELECT min(id) FROM item WHERE id>? AND id<=?";
    const char *count = outcomes ? "SELECT count(*) FROM outcome WHERE id>? AND id<=?"
                                 : "SELECT count(*) FROM item WHERE id>? AND id<=?";
    int64_t id = 0, after = INT64_MIN;
    int rc;
    while ((rc = lowest_id(db, lowest, after, INT64_MAX, &id, e)) == 0 && id) {
        const struct verify_segment *g = find(v, id >> 32);
        if (!g)
            return err_set(e, ERR_CHECK, "%s %lld: its segment was never opened",
                           outcomes ? "outcome" : "item", (long long)id);
        int64_t end = item_id(g->id, UINT32_MAX);
        rc = count_rows(db, count, outcomes ? g->outcome_to : g->item_to, end, &v->unblocked, e);
        if (rc)
            return rc;
        after = end;
    }
    return rc;
}

int verify_block_rest(struct verify_rows *v, struct db *db, struct err *e)
{
    int rc = rest_of(v, db, false, e);
    return rc ? rc : rest_of(v, db, true, e);
}
