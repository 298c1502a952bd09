/* The read plan of a register device. Pure; runs once per load.
 * Invariants: 1. a record is read in one request, never split; 2. within one (unit, function code)
 * no two requests have the same quantity, so that a late reply cannot be taken for another one; 3.
 * only words that a record or `readable` names are read. */
#include "plc-maps/plan.h"
#include "plc-maps/map_parts.h"
#include <assert.h>

/* ---- coalescing ---- */

static uint8_t fc_of(const struct map_record *r)
{
    return r->area == AREA_INPUT ? 4 : 3;
}

static bool word_readable(const struct map *m, int area, int64_t addr)
{
    for (size_t i = 0; i < m->n_records; i++)
        if (m->records[i].area == area && addr >= m->records[i].addr &&
            addr < m->records[i].addr + m->records[i].words)
            return true;
    for (size_t i = 0; i < m->n_readable; i++)
        if (m->readable[i].area == area && addr >= m->readable[i].addr &&
            addr < m->readable[i].addr + m->readable[i].words)
            return true;
    return false;
}

/* May the request take this record in too? Records come in order of address. */
static bool joins(const struct map *m, const struct map_request *q, const struct map_record *r)
{
    int64_t end = q->addr + q->n;
    if (q->fc != fc_of(r) || q->period_ms != r->period_ms || r->addr - end > m->link_part.max_gap ||
        r->addr + r->words - q->addr > m->link_part.max_read)
        return false;
    for (int64_t a = end; a < r->addr; a++)
        if (!word_readable(m, r->area, a))
            return false;
    return true;
}

static bool before(const struct map_record *a, const struct map_record *b)
{
    return a->area != b->area ? a->area < b->area : a->addr < b->addr;
}

/* Indexes of the records in order of area and address. */
static void sort(const struct map *m, size_t order[MAP_RECORDS_MAX])
{
    for (size_t i = 0; i < m->n_records; i++) {
        size_t at = i;
        for (; at > 0 && before(&m->records[i], &m->records[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static void coalesce(struct map *m)
{
    size_t order[MAP_RECORDS_MAX] = {0};
    sort(m, order);
    for (size_t i = 0; i < m->n_records; i++) {
        struct map_record *r = &m->records[order[i]];
        struct map_request *last = m->n_requests ? &m->requests[m->n_requests - 1] : NULL;
        if (!last || !joins(m, last, r))
            m->requests[m->n_requests++] =
                (struct map_request){.fc = fc_of(r),
                                     .addr = (uint16_t)r->addr,
                                     .n = (uint16_t)r->words,
                                     .period_ms = (uint32_t)r->period_ms};
        else
            last->n = (uint16_t)(r->addr + r->words - last->addr);
        r->request = m->n_requests - 1;
    }
}

/* ---- distinct quantities ---- */

/* An earlier request with the same function and quantity; NULL: none. */
static struct map_request *twin(struct map *m, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (m->requests[k].fc == m->requests[i].fc && m->requests[k].n == m->requests[i].n)
            return &m->requests[k];
    return NULL;
}

/* One word more, behind or before. */
static bool grow(const struct map *m, struct map_request *q)
{
    int area = q->fc == 4 ? AREA_INPUT : AREA_HOLDING;
    if (q->n >= m->link_part.max_read)
        return false;
    if (word_readable(m, area, q->addr + q->n))
        q->n++;
    else if (q->addr > 0 && word_readable(m, area, q->addr - 1)) {
        q->addr--;
        q->n++;
    } else
        return false;
    return true;
}

/* The record that begins a request, for an error's line. */
static const struct map_record *first_of(const struct map *m, size_t request)
{
    const struct map_record *first = NULL;
    for (size_t i = 0; i < m->n_records; i++)
        if (m->records[i].request == request && (!first || before(&m->records[i], first)))
            first = &m->records[i];
    return first;
}

/* Grows the later of two equal requests, or the earlier one where the later cannot; a grown one may
 * meet a third, so this goes on until all differ. Ends: every turn adds a word, max_read bounds
 * them. */
static void separate(struct confdoc *d, struct map *m)
{
    for (size_t i = 0; i < m->n_requests;) {
        struct map_request *other = twin(m, i);
        if (!other) {
            i++;
            continue;
        }
        if (!grow(m, &m->requests[i]) && !grow(m, other)) {
            const struct map_record *r = first_of(m, i);
            assert(r); /* a request begins with a record */
            confdoc_error(
                d, ERR_CHECK, r->line,
                "record \"%s\" would be read with FC%d and %d words like another one, and "
                "neither can grow: name more words in \"readable\"",
                r->name, m->requests[i].fc, m->requests[i].n);
            return;
        }
        i = 0;
    }
}

void map_lay_out(struct confdoc *d, struct map *m)
{
    coalesce(m);
    separate(d, m);
    for (size_t i = 0; i < m->n_requests; i++) {
        m->requests[i].at = (uint16_t)m->image_words;
        m->image_words += m->requests[i].n;
    }
    for (size_t i = 0; i < m->n_records; i++) {
        const struct map_request *q = &m->requests[m->records[i].request];
        m->records[i].at = (size_t)(q->at + m->records[i].addr - q->addr);
    }
}

size_t map_plan(const struct map *m, const struct map_request **ret)
{
    *ret = m->requests;
    return m->n_requests;
}

size_t map_image_words(const struct map *m)
{
    return m->image_words;
}

/* ---- cost ---- */

enum { READ_BYTES = 8 + 5, WRITE_BYTES = 9 + 8, BITS_A_CHARACTER = 11 };

static int64_t request_us(const struct map *m, uint32_t baud, int64_t bytes)
{
    int64_t own = m->link_part.turnaround_ms * 1000;
    if (baud == 0)
        return own;
    int64_t half_characters = 2 * bytes + (baud > 19200 ? 0 : 2 * 7); /* 2 × 3.5 of silence */
    int64_t wire = (half_characters * BITS_A_CHARACTER * 1000000 + 2L * baud - 1) / (2L * baud);
    return wire + (baud > 19200 ? 2 * 1750 : 0) + own + m->link_part.guard_us;
}

struct map_cost map_cost(const struct map *m, uint32_t baud)
{
    const struct map_link_part *l = &m->link_part;
    struct map_cost c = {.dead_us = l->timeout_ms * 1000};
    int64_t write_us = request_us(m, baud, WRITE_BYTES + 2 * l->max_write);
    c.longest_us = request_us(m, baud, READ_BYTES + 2 * l->max_read);
    if (l->max_write > 0 && write_us > c.longest_us)
        c.longest_us = write_us;
    for (size_t i = 0; i < m->n_requests; i++)
        c.poll_us += request_us(m, baud, READ_BYTES + 2 * m->requests[i].n);
    if (m->kind == MAP_MAILBOX)
        c.poll_us = request_us(m, baud, READ_BYTES + 2 * (MB_HDR_WORDS + 1)) +
                    request_us(m, baud, READ_BYTES + 2 * MB_ITEM_WORDS) +
                    request_us(m, baud, WRITE_BYTES + 2 * MB_SLOT_WORDS) +
                    request_us(m, baud, WRITE_BYTES + 2 * MB_HOST_WORDS);
    else
        c.dead_us *= (int64_t)m->n_requests;
    return c;
}
