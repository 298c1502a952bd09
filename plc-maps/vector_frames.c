/* Golden register frames: words by address, and what they must mean. Frames may also show the words
 * of identity and settings: those must hold, or with `wrong` one of them must not. Pure but for the
 * report. Invariant: as in vector.c, nothing that the frames show goes unseen. */
#include "plc-maps/vector.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { WORD_BITS = 16 };

struct frame {
    int64_t addr;
    int area;
    const struct ynode *words;
};
#define AT(f) CONF_AT(frame, f)
static const struct conf_row frame_rows[] = {
    {"area", CONF_ENUM, AT(area), 0, 0, "holding", MAP_AREAS, "", "As of a record."},
    {"addr", CONF_INT, AT(addr), 0, UINT16_MAX, NULL, NULL, "", "First wire address."},
    {"words", CONF_NODE, AT(words), 0, 0, NULL, NULL, "",
     "Words from there, of coils 16 a word and the lowest first; others are 0."},
};
#undef AT
const struct map_keys map_keys_frame = {"frames", "frames of a vector, each entry:", frame_rows,
                                        N(frame_rows)};

/* What the frames of one vector show. */
struct shown {
    uint16_t image[MAP_IMAGE_WORDS];
    uint16_t probe[MAP_PROBES_MAX][MAP_PROBE_WORDS];
    uint16_t seen[MAP_PROBES_MAX]; /* how many of its words */
    bool record;                   /* a word of a record was among them */
};

static bool in_record(const struct map *m, const struct map_record *r, int area, int64_t addr)
{
    int64_t at = map_record_addr(m, r);
    return r->area == area && addr >= at && addr < at + (r->bits ? r->bits : r->words);
}

/* One word of registers into the image, wherever a record holds it. */
static bool put_word(const struct map *m, int area, int64_t addr, uint16_t word, struct shown *s)
{
    for (size_t i = 0; i < m->n_records; i++) {
        const struct map_record *r = &m->records[i];
        if (in_record(m, r, area, addr)) {
            s->image[(int64_t)r->at + addr - map_record_addr(m, r)] = word;
            return s->record = true;
        }
    }
    return false;
}

static bool put_bit(const struct map *m, int area, int64_t addr, bool bit, struct shown *s)
{
    for (size_t i = 0; i < m->n_records; i++) {
        const struct map_record *r = &m->records[i];
        int64_t off = addr - map_record_addr(m, r);
        if (!in_record(m, r, area, addr))
            continue;
        s->image[(int64_t)r->at + off / WORD_BITS] |= (uint16_t)((unsigned)bit << off % WORD_BITS);
        return s->record = true;
    }
    return !bit; /* what fills up the last word */
}

/* Sixteen coils. */
static bool put_bits(const struct map *m, int area, int64_t addr, uint16_t word, struct shown *s)
{
    bool ok = true;
    for (int i = 0; i < WORD_BITS; i++)
        ok = put_bit(m, area, addr + i, word >> i & 1, s) && ok;
    return ok;
}

static bool put_probe(const struct map *m, int area, int64_t addr, uint16_t word, struct shown *s)
{
    bool hit = false;
    for (size_t i = 0; i < m->n_proofs; i++) {
        const struct map_probe *p = &m->proofs[i].probe;
        if (p->fc != map_area_fc(area) || addr < p->addr || addr >= p->addr + p->n)
            continue;
        s->probe[i][addr - p->addr] = word;
        s->seen[i]++;
        hit = true;
    }
    return hit;
}

static bool read_frame(struct confdoc *d, const struct map *m, const struct ynode *at,
                       struct shown *s)
{
    struct frame f = {0};
    uint16_t w[MAP_READ_MAX] = {0};
    if (!confdoc_read(d, frame_rows, N(frame_rows), at, &f) ||
        !vector_words(d, f.words, f.words->n, w))
        return false;
    bool bits = f.area == AREA_COIL || f.area == AREA_DISCRETE;
    for (size_t i = 0; i < f.words->n; i++) {
        int64_t addr = f.addr + (int64_t)i * (bits ? WORD_BITS : 1);
        bool known = bits ? put_bits(m, f.area, addr, w[i], s) : put_word(m, f.area, addr, w[i], s);
        known = put_probe(m, f.area, addr, w[i], s) || known;
        if (!known)
            return confdoc_error(d, ERR_CHECK, at->line, "word %d stands in no record", (int)addr);
    }
    return true;
}

static void compare_all(struct confdoc *d, const struct map *m, const struct vector *v,
                        const struct shown *s)
{
    struct expected want;
    struct reading x;
    uint64_t bad;
    if (!vector_expect(d, v->expect, map_role_words, ROLE_COUNT, &want) ||
        !vector_bits(d, v->bad, map_role_words, &bad))
        return;
    map_decode(m, s->image, &x);
    vector_reading(d, v->name, v->line, &x, &want, bad, "the map");
}

/* How many of the probes that were shown whole do not hold. */
static unsigned compare_probes(struct confdoc *d, const struct map *m, const struct vector *v,
                               const struct shown *s, uint32_t *proved)
{
    unsigned failed = 0;
    for (size_t i = 0; i < m->n_proofs; i++) {
        const struct map_probe *p = &m->proofs[i].probe;
        if (p->fc == 0 || s->seen[i] < p->n)
            continue;
        if (map_probe_holds(p, s->probe[i])) {
            *proved |= (uint32_t)1 << i;
            continue;
        }
        failed++;
        if (!v->wrong)
            confdoc_error(d, ERR_CHECK, v->line,
                          "vector \"%s\" does not hold what line %d asks of the device", v->name,
                          m->proofs[i].line);
    }
    return failed;
}

void vector_frames(struct confdoc *d, const struct map *m, const struct vector *v, uint32_t *proved)
{
    struct shown s = {0};
    if (!confdoc_list(d, v->frames, MAP_RECORDS_MAX + MAP_PROBES_MAX))
        return;
    for (size_t i = 0; i < v->frames->n; i++)
        if (!read_frame(d, m, v->frames->child[i], &s))
            return;
    unsigned failed = compare_probes(d, m, v, &s, proved);
    if (v->wrong && failed == 0)
        confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": nothing refuses this device", v->name);
    bool probes_only = !s.record && v->frames->n > 0 && !v->expect && !v->bad;
    if (!probes_only)
        compare_all(d, m, v, &s);
}
