/* Golden items and headers of a mailbox map: the contract's layout (mailbox_layout.c) and the map's
 * own words together. Invariant: what a vector shows must be taken, and with any one bit of its
 * words, or its epoch, changed must be refused (a map without checks: its check words are 0). */
#include "plc-maps/vector.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct frame {
    int64_t epoch, seq, pulses_per_m;
    const struct ynode *words;
};
#define AT(f) CONF_AT(frame, f)
static const struct conf_row item_rows[] = {
    {"epoch", CONF_INT, AT(epoch), 0, UINT32_MAX, NULL, NULL, "", "EPOCH, which the CRC covers."},
    {"seq", CONF_INT, AT(seq), 0, UINT32_MAX, NULL, NULL, "", "The item that is asked for."},
    {"pulses_per_m", CONF_INT, AT(pulses_per_m), 0, UINT16_MAX, NULL, NULL, "", "From the header."},
    {"words", CONF_NODE, AT(words), 0, 0, NULL, NULL, "", "The record's 16 words."},
};
static const struct conf_row header_rows[] = {
    {"words", CONF_NODE, AT(words), 0, 0, NULL, NULL, "", "The header's 32 words."},
};
#undef AT

/* ---- items ---- */

static void compare_measure(struct confdoc *d, const struct vector *v, int id,
                            const struct measures *x, const struct expected *want, bool bad)
{
    static const char *const words[] = {"absent", "bad", "good"};
    const char *name = measure_word((enum measure_id)id);
    uint8_t wanted = bad ? QUALITY_BAD : want->named[id] ? QUALITY_GOOD : QUALITY_ABSENT;
    if (x->quality[id] != wanted)
        confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s is %s, not %s", v->name, name,
                      words[x->quality[id]], words[wanted]);
    else if (wanted == QUALITY_GOOD && x->value[id] != want->value[id])
        confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s reads %lld, not %lld", v->name,
                      name, (long long)x->value[id], (long long)want->value[id]);
}

static void compare_item(struct confdoc *d, const struct map *m, const struct vector *v,
                         const struct mb_item *item, uint16_t pulses_per_m)
{
    struct expected want;
    struct measures x;
    uint64_t bad, defects;
    if (!vector_expect(d, v->expect, map_measure_words, MEASURE_COUNT, &want) ||
        !vector_bits(d, v->bad, map_measure_words, &bad) ||
        !vector_bits(d, v->defects, map_defect_words, &defects))
        return;
    map_item_measures(m, item, pulses_per_m, &x);
    for (int id = 0; id < MEASURE_COUNT; id++)
        compare_measure(d, v, id, &x, &want, bad >> id & 1);
    for (int id = 0; id < DEFECT_COUNT; id++)
        if ((x.defects >> id & 1) != (defects >> id & 1))
            confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": defect %s is %s", v->name,
                          defect_word((enum defect_id)id),
                          x.defects >> id & 1 ? "found" : "not found");
}

static void untrue(struct confdoc *d, const struct vector *v, const char *what)
{
    confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s", v->name, what);
}

/* Would the words be taken with one bit of word `at` changed? */
static bool item_torn(const struct map *m, const struct frame *f, const uint16_t *w, size_t at)
{
    uint16_t torn[MB_ITEM_WORDS];
    struct mb_item item;
    memcpy(torn, w, sizeof torn);
    torn[at] ^= 1;
    return mb_item_decode(torn, (uint32_t)f->epoch, (uint32_t)f->seq, m->mailbox.checks, &item);
}

static void check_item_refusals(struct confdoc *d, const struct map *m, const struct vector *v,
                                const struct frame *f, const uint16_t *w)
{
    struct mb_item item;
    bool taken = false;
    if (!m->mailbox.checks) {
        if (w[MB_ITEM_CRC] != 0)
            untrue(d, v, "the check is not 0, but the map says that there are none");
        return;
    }
    for (size_t i = 0; i < MB_ITEM_WORDS; i++)
        taken = taken || item_torn(m, f, w, i);
    taken = taken || mb_item_decode(w, (uint32_t)f->epoch ^ 1, (uint32_t)f->seq, true, &item);
    if (taken)
        untrue(d, v, "words that were changed are accepted");
}

void vector_item(struct confdoc *d, const struct map *m, const struct vector *v)
{
    struct frame f = {0};
    uint16_t w[MB_ITEM_WORDS];
    struct mb_item item;
    if (!confdoc_read(d, item_rows, N(item_rows), v->item, &f) ||
        !vector_words(d, f.words, MB_ITEM_WORDS, w))
        return;
    if (!mb_item_decode(w, (uint32_t)f.epoch, (uint32_t)f.seq, m->mailbox.checks, &item)) {
        untrue(d, v, "the words are refused");
        return;
    }
    check_item_refusals(d, m, v, &f, w);
    compare_item(d, m, v, &item, (uint16_t)f.pulses_per_m);
}

/* ---- headers ---- */

/* clang-format off */
#define HEADER(X) \
    X(epoch) X(boot_nonce) X(head_seq) X(oldest_seq) X(enc) \
    X(out_head) X(uptime_ms) X(boot_count) X(heartbeat) X(state) \
    X(fault) X(lost_count) X(ring_n) X(slot_m) X(enc_speed) \
    X(pulses_per_m) X(host_session_echo) X(default_outlet) X(n_outlets) X(late_count) \
    X(outlet_blocked)
/* clang-format on */
#define WORD(field)  #field "|"
#define VALUE(field) h.field,
static const char header_words[] = HEADER(WORD);

static void check_header_refusals(struct confdoc *d, const struct map *m, const struct vector *v,
                                  const uint16_t *w)
{
    uint16_t torn[MB_HDR_WORDS];
    struct mb_header h;
    if (!m->mailbox.checks && w[MB_HDR_HDR_CHECK] != 0)
        untrue(d, v, "the check is not 0, but the map says that there are none");
    for (size_t i = 0; m->mailbox.checks && i < MB_HDR_WORDS; i++) {
        memcpy(torn, w, sizeof torn);
        torn[i] ^= 1;
        if (mb_header_decode(torn, true, &h))
            untrue(d, v, "words that were changed are accepted");
    }
}

void vector_header(struct confdoc *d, const struct map *m, const struct vector *v)
{
    struct frame f = {0};
    uint16_t w[MB_HDR_WORDS];
    struct mb_header h;
    struct expected want;
    if (!confdoc_read(d, header_rows, N(header_rows), v->header, &f) ||
        !vector_words(d, f.words, MB_HDR_WORDS, w))
        return;
    if (!mb_header_decode(w, m->mailbox.checks, &h)) {
        untrue(d, v, "the words are refused");
        return;
    }
    check_header_refusals(d, m, v, w);
    const int64_t values[] = {HEADER(VALUE)};
    if (!vector_expect(d, v->expect, header_words, N(values), &want))
        return;
    for (size_t i = 0; i < N(values); i++)
        if (want.named[i] && values[i] != want.value[i])
            confdoc_error(d, ERR_CHECK, v->line,
                          "vector \"%s\": header value %zu reads %lld, not %lld", v->name, i + 1,
                          (long long)values[i], (long long)want.value[i]);
}
