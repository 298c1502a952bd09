/* The read plan of a register device. Pure; runs once per load.
 * Invariants: 1. a record is read in one request, never split, but for one that is longer than a
 * request and says so (`torn`); 2. within one (unit, function) no two requests have answers of the
 * same length, so that a late answer cannot be taken for another one; where that cannot be had
 * (single registers, whole blocks, several channels), the request is marked: its answers must agree
 * twice while the link is doubtful; 3. only words that a record or `readable` names are read. */
#include "plc-maps/plan.h"
#include "plc-maps/map_parts.h"
#include <assert.h>

enum { WORD_BITS = 16 };

/* A plan in the making. Lengths are in the addresses of an area: registers, or coils. */
struct draft {
    struct confdoc *d;
    struct map *m;
    bool fixed[MAP_REQUESTS_MAX]; /* exactly so: neither joined nor grown */
    const struct map_record *first[MAP_REQUESTS_MAX];
};

static bool is_bits(uint8_t fc)
{
    return fc == 1 || fc == 2;
}

static int64_t length(const struct map_record *r)
{
    return r->bits ? r->bits : r->words;
}

static int64_t limit(const struct map *m, uint8_t fc)
{
    return is_bits(fc) ? (int64_t)m->link.max_read * WORD_BITS : m->link.max_read;
}

/* Requests begin and end at multiples of it. Coils stay in whole words of the image instead. */
static int64_t align(const struct map *m, uint8_t fc)
{
    return is_bits(fc) ? 1 : m->link.align;
}

static bool in_record(const struct map_record *r, int64_t addr)
{
    for (int64_t k = 0; k < r->channels; k++)
        if (addr >= r->addr + k * r->stride && addr < r->addr + k * r->stride + length(r))
            return true;
    return false;
}

static bool is_readable(const struct map *m, uint8_t fc, int64_t addr)
{
    for (size_t i = 0; i < m->n_records; i++)
        if (map_area_fc(m->records[i].area) == fc && in_record(&m->records[i], addr))
            return true;
    for (size_t i = 0; i < m->n_readable; i++)
        if (map_area_fc(m->readable[i].area) == fc && addr >= m->readable[i].addr &&
            addr < m->readable[i].addr + m->readable[i].words)
            return true;
    return false;
}

static bool all_readable(const struct map *m, uint8_t fc, int64_t from, int64_t to)
{
    for (int64_t a = from; a < to; a++)
        if (!is_readable(m, fc, a))
            return false;
    return true;
}

/* ---- coalescing ---- */

static bool before(const struct map *m, const struct map_record *a, const struct map_record *b)
{
    return a->area != b->area ? a->area < b->area : map_record_addr(m, a) < map_record_addr(m, b);
}

/* Indexes of the records in order of area and address. */
static void sort(const struct map *m, size_t order[MAP_RECORDS_MAX])
{
    for (size_t i = 0; i < m->n_records; i++) {
        size_t at = i;
        for (; at > 0 && before(m, &m->records[i], &m->records[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static bool add(struct draft *p, const struct map_record *r, int64_t addr, int64_t n, bool fixed)
{
    struct map *m = p->m;
    if (m->n_requests == MAP_REQUESTS_MAX)
        return confdoc_error(p->d, ERR_TOOBIG, r->line, "more than %d requests", MAP_REQUESTS_MAX);
    p->fixed[m->n_requests] = fixed;
    p->first[m->n_requests] = r;
    m->requests[m->n_requests++] = (struct map_request){.fc = map_area_fc(r->area),
                                                        .addr = (uint16_t)addr,
                                                        .n = (uint16_t)n,
                                                        .period_ms = (uint32_t)r->period_ms,
                                                        .agree = 1,
                                                        .torn = r->torn == TORN_REREAD};
    return true;
}

/* Where a request that takes the record in begins and ends. */
static void bounds(const struct map *m, const struct map_record *r, int64_t *ret_from,
                   int64_t *ret_to)
{
    int64_t a = align(m, map_area_fc(r->area)), addr = map_record_addr(m, r);
    *ret_from = addr - addr % a;
    *ret_to = (addr + length(r) + a - 1) / a * a;
}

/* May the last request take this record in too? Records come in order of address. */
static bool joins(const struct draft *p, const struct map_record *r, int64_t to)
{
    const struct map *m = p->m;
    if (m->n_requests == 0)
        return false;
    const struct map_request *q = &m->requests[m->n_requests - 1];
    int64_t end = q->addr + q->n, addr = map_record_addr(m, r), gap = m->link_part.max_gap;
    if (q->fc != map_area_fc(r->area) || q->period_ms != r->period_ms || q->torn || r->torn)
        return false;
    if (p->fixed[m->n_requests - 1] || r->whole)
        return r->whole && addr == q->addr && length(r) == q->n; /* records that take turns */
    if (is_bits(q->fc) && (addr - q->addr) % WORD_BITS != 0)
        return false;
    return addr - end <= (is_bits(q->fc) ? gap * WORD_BITS : gap) &&
           to - q->addr <= limit(m, q->fc) && all_readable(m, q->fc, end, to);
}

/* In parts of the greatest length, one behind the other. */
static bool in_parts(struct draft *p, const struct map_record *r)
{
    int64_t most = limit(p->m, map_area_fc(r->area)), a = align(p->m, map_area_fc(r->area));
    int64_t at = map_record_addr(p->m, r), end = at + length(r);
    for (most -= most % a; at < end; at += most)
        if (!add(p, r, at, end - at < most ? end - at : most, true))
            return false;
    return true;
}

static bool place(struct draft *p, struct map_record *r)
{
    struct map *m = p->m;
    int64_t from, to;
    uint8_t fc = map_area_fc(r->area);
    bounds(m, r, &from, &to);
    if (joins(p, r, to)) {
        struct map_request *last = &m->requests[m->n_requests - 1];
        if (to > last->addr + last->n)
            last->n = (uint16_t)(to - last->addr);
        r->request = m->n_requests - 1;
        return true;
    }
    r->request = m->n_requests;
    bool ragged = from != map_record_addr(m, r) || to != map_record_addr(m, r) + length(r);
    if (ragged &&
        (r->whole || r->torn || to - from > limit(m, fc) || !all_readable(m, fc, from, to)))
        return confdoc_error(p->d, ERR_CHECK, r->line,
                             "record \"%s\" begins or ends beside the multiples of \"align\" (%d): "
                             "name the words around it in \"readable\"",
                             r->name, (int)align(m, fc));
    return r->torn ? in_parts(p, r) : add(p, r, from, to - from, r->whole);
}

static bool coalesce(struct draft *p)
{
    size_t order[MAP_RECORDS_MAX] = {0};
    sort(p->m, order);
    for (size_t i = 0; i < p->m->n_records; i++)
        if (!place(p, &p->m->records[order[i]]))
            return false;
    return true;
}

/* ---- answers that differ ---- */

/* Answers of the same function and length: one could pass for the other. */
static bool alike(uint8_t fc_a, int64_t a, uint8_t fc_b, int64_t b)
{
    return fc_a == fc_b && (is_bits(fc_a) ? (a + 7) / 8 == (b + 7) / 8 : a == b);
}

static bool alike_requests(const struct map *m, size_t i, size_t k)
{
    const struct map_request *a = &m->requests[i], *b = &m->requests[k];
    return alike(a->fc, a->n, b->fc, b->n);
}

static int64_t step(const struct map *m, uint8_t fc)
{
    return is_bits(fc) ? WORD_BITS : align(m, fc);
}

/* It is as it must be: whatever were readable beside it, it could not grow. */
static bool is_stuck(const struct draft *p, size_t i)
{
    const struct map_request *q = &p->m->requests[i];
    return p->fixed[i] || q->n + step(p->m, q->fc) > limit(p->m, q->fc);
}

/* One step more, behind or before. */
static bool grow(struct draft *p, size_t i)
{
    struct map_request *q = &p->m->requests[i];
    int64_t by = step(p->m, q->fc), end = q->addr + q->n;
    if (is_stuck(p, i))
        return false;
    if (all_readable(p->m, q->fc, end, end + by)) {
        q->n = (uint16_t)(q->n + by);
    } else if (q->addr >= by && all_readable(p->m, q->fc, q->addr - by, q->addr)) {
        q->addr = (uint16_t)(q->addr - by);
        q->n = (uint16_t)(q->n + by);
    } else {
        return false;
    }
    return true;
}

/* Grows the later of two like requests, or the earlier one where the later cannot. true: one grew;
 * two that cannot help it are left for `doubt`. */
static bool separate_one(struct draft *p)
{
    const struct map *m = p->m;
    for (size_t i = 0; i < m->n_requests; i++)
        for (size_t k = 0; k < i; k++) {
            if (!alike_requests(m, i, k) || (is_stuck(p, i) && is_stuck(p, k)))
                continue;
            if (grow(p, i) || grow(p, k))
                return true;
            const struct map_record *r = p->first[i];
            assert(r); /* a request begins with a record */
            confdoc_error(p->d, ERR_CHECK, r->line,
                          "record \"%s\" would be read with FC%d and %d words like another one, "
                          "and neither can grow: name more words in \"readable\", or say \"whole: "
                          "yes\" where it must be read exactly so",
                          r->name, m->requests[i].fc, m->requests[i].n);
            return false;
        }
    return false;
}

/* The identity whose words stand within the request: 1 + its place, 0: none. */
static uint8_t proof_of(const struct map *m, const struct map_request *q)
{
    for (size_t i = 0; i < m->n_proofs; i++) {
        const struct map_probe *p = &m->proofs[i].probe;
        if (!p->setting && p->fc == q->fc && p->addr >= q->addr && p->addr + p->n <= q->addr + q->n)
            return (uint8_t)(i + 1);
    }
    return 0;
}

/* Invariant 2: marks what another answer of the same unit could be taken for. An answer that shows
 * its identity cannot be. */
static void doubt(struct map *m)
{
    for (size_t i = 0; i < m->n_requests; i++) {
        struct map_request *q = &m->requests[i];
        bool twin = map_channels(m) > 1;
        for (size_t k = 0; k < m->n_requests; k++)
            twin = twin || (k != i && alike_requests(m, i, k));
        for (size_t k = 0; k < m->n_proofs; k++)
            twin = twin || alike(q->fc, q->n, m->proofs[k].probe.fc, m->proofs[k].probe.n);
        q->proof = proof_of(m, q);
        q->agree = (twin && !q->proof) || q->torn ? 2 : 1;
    }
}

void map_lay_out(struct confdoc *d, struct map *m)
{
    struct draft p = {.d = d, .m = m};
    m->n_requests = m->image_words = 0;
    if (!coalesce(&p))
        return;
    while (separate_one(&p)) /* ends: every turn adds a word, the limit bounds them */
        ;
    doubt(m);
    for (size_t i = 0; i < m->n_requests; i++) {
        struct map_request *q = &m->requests[i];
        q->at = (uint16_t)m->image_words;
        m->image_words += is_bits(q->fc) ? (q->n + WORD_BITS - 1u) / WORD_BITS : q->n;
    }
    if (m->image_words > MAP_IMAGE_WORDS)
        confdoc_error(d, ERR_TOOBIG, m->line, "one round reads %zu words, at most %d are allowed",
                      m->image_words, MAP_IMAGE_WORDS);
    for (size_t i = 0; i < m->n_records; i++) {
        const struct map_record *r = &m->records[i];
        const struct map_request *q = &m->requests[r->request];
        int64_t off = map_record_addr(m, r) - q->addr;
        assert(off >= 0);
        m->records[i].at = (size_t)(q->at + (is_bits(q->fc) ? off / WORD_BITS : off));
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
