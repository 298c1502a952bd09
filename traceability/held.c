/* Words of the newest items (contract: held.h). Owns: table held.
 *
 * Invariants
 *  1. Chunk k of an epoch holds items 16k … 16k+15 and stands in row k modulo CHUNKS of its line; a
 *     row is taken over by the chunk CHUNKS later, so nothing grows.
 *  2. A row of another epoch or chunk than asked for counts as empty. */
#include "traceability/held.h"
#include "traceability/store_inner.h"
#include <string.h>

enum { CHUNKS = HELD_ITEMS / HELD_CHUNK + 1, ROWS_PER_LINE = 128 };
_Static_assert((int)CHUNKS <= (int)ROWS_PER_LINE, "rows of a line do not meet the next line's");

static int64_t row_id(uint32_t line, uint32_t first)
{
    return (int64_t)line * ROWS_PER_LINE + first / HELD_CHUNK % CHUNKS;
}

static void to_bytes(const uint16_t words[ITEM_WORDS], uint8_t ret[HELD_WORDS])
{
    for (size_t i = 0; i < ITEM_WORDS; i++) {
        ret[2 * i] = (uint8_t)(words[i] >> 8);
        ret[2 * i + 1] = (uint8_t)words[i];
    }
}

static void to_words(const uint8_t *p, uint16_t ret[ITEM_WORDS])
{
    for (size_t i = 0; i < ITEM_WORDS; i++)
        ret[i] = (uint16_t)(p[2 * i] << 8 | p[2 * i + 1]);
}

void held_forget(struct held_row *h)
{
    h->line = 0;
    h->dirty = false;
}

int held_flush(struct held_row *h, struct db *db)
{
    if (!h->dirty)
        return 0;
    h->dirty = false;
    struct stmt *q =
        db_q(db, "INSERT OR REPLACE INTO held(id,epoch,first,have,words) VALUES(?,?,?,?,?)");
    q_int(q_int(q_int(q, 1, row_id(h->line, h->first)), 2, h->epoch), 3, h->first);
    return q_run(q_blob(q_int(q, 4, h->have), 5, h->words, sizeof h->words));
}

static int load(struct held_row *h, struct db *db, const struct item *it)
{
    size_t n = 0;
    uint32_t first = it->seq - it->seq % HELD_CHUNK;
    if (h->line == it->line && h->epoch == it->epoch && h->first == first)
        return 0;
    int rc = held_flush(h, db);
    if (rc)
        return rc;
    struct stmt *q = db_q(db, "SELECT have,words FROM held WHERE id=? AND epoch=? AND first=?");
    rc = q_step(q_int(q_int(q_int(q, 1, row_id(it->line, first)), 2, it->epoch), 3, first));
    *h = (struct held_row){.line = it->line, .epoch = it->epoch, .first = first};
    if (rc == 1) { /* invariant 2 */
        const void *p = q_bytes(q, 1, &n);
        if (n == sizeof h->words) {
            memcpy(h->words, p, n);
            h->have = (uint32_t)q_col(q, 0);
        }
    }
    q_done(q);
    return rc < 0 ? rc : 0;
}

int held_put(struct held_row *h, struct db *db, const struct item *it)
{
    int rc = load(h, db, it);
    if (rc)
        return rc;
    uint32_t i = it->seq - h->first;
    to_bytes(it->words, h->words + i * HELD_WORDS);
    h->have |= 1u << i;
    h->dirty = true;
    return 0;
}

int held_same(struct held_row *h, struct db *db, const struct item *it)
{
    uint8_t bytes[HELD_WORDS];
    int rc = load(h, db, it);
    if (rc)
        return rc;
    uint32_t i = it->seq - h->first;
    if (!(h->have >> i & 1))
        return 0;
    to_bytes(it->words, bytes);
    return memcmp(h->words + i * HELD_WORDS, bytes, HELD_WORDS) ? ERR_EPOCH : 1;
}

int item_held_words(struct store *s, uint32_t line, uint32_t epoch, uint32_t from, uint32_t to,
                    void (*cb)(void *ctx, uint32_t seq, const uint16_t words[ITEM_WORDS]),
                    void *ctx)
{
    int rc = held_flush(&s->held, s->db);
    if (rc)
        return rc;
    struct stmt *q = db_q(s->db, "SELECT first,have,words FROM held WHERE id BETWEEN ? AND ? AND"
                                 " epoch=? ORDER BY first");
    q_int(q_int(q_int(q, 1, row_id(line, 0)), 2, row_id(line, 0) + CHUNKS - 1), 3, epoch);
    while ((rc = q_step(q)) == 1) {
        uint16_t words[ITEM_WORDS];
        size_t n = 0;
        uint32_t first = (uint32_t)q_col(q, 0), have = (uint32_t)q_col(q, 1);
        const uint8_t *p = q_bytes(q, 2, &n);
        for (uint32_t i = 0; i < HELD_CHUNK && n == HELD_CHUNK * HELD_WORDS; i++) {
            if (!(have >> i & 1) || first + i <= from || first + i > to)
                continue;
            to_words(p + i * HELD_WORDS, words);
            cb(ctx, first + i, words);
        }
    }
    return rc;
}
