/* Golden items and headers of a mailbox map: the contract's layout (mailbox_layout.c) and the map's
 * own words together. `accepted: no` shows words that must be refused. */
#include "plc-maps/vector.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct frame {
    int64_t epoch, seq, pulses_per_m;
    bool accepted;
    const struct ynode *words;
};
#define AT(f) CONF_AT(frame, f)
static const struct conf_row item_rows[] = {
    {"epoch", CONF_INT, AT(epoch), 0, UINT32_MAX, NULL, NULL, "", "EPOCH, which the CRC covers."},
    {"seq", CONF_INT, AT(seq), 0, UINT32_MAX, NULL, NULL, "", "The item that is asked for."},
    {"pulses_per_m", CONF_INT, AT(pulses_per_m), 0, UINT16_MAX, NULL, NULL, "", "From the header."},
    {"accepted", CONF_BOOL, AT(accepted), 0, 0, "yes", NULL, "", "Whether the words are taken."},
    {"words", CONF_NODE, AT(words), 0, 0, NULL, NULL, "", "The record's 16 words."},
};
static const struct conf_row header_rows[] = {
    {"accepted", CONF_BOOL, AT(accepted), 0, 0, "yes", NULL, "", "Whether the words are taken."},
    {"words", CONF_NODE, AT(words), 0, 0, NULL, NULL, "", "The header's 32 words."},
};
#undef AT

/* ---- items ---- */

static void compare_measure(struct mapdoc *d, const struct vector *v, int id,
                            const struct measures *x, const struct expected *want, bool bad)
{
    static const char *const words[] = {"absent", "bad", "good"};
    const char *name = measure_word((enum measure_id)id);
    uint8_t wanted = bad ? QUALITY_BAD : want->named[id] ? QUALITY_GOOD : QUALITY_ABSENT;
    if (x->quality[id] != wanted)
        mapdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s is %s, not %s", v->name, name,
                     words[x->quality[id]], words[wanted]);
    else if (wanted == QUALITY_GOOD && x->value[id] != want->value[id])
        mapdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s reads %lld, not %lld", v->name, name,
                     (long long)x->value[id], (long long)want->value[id]);
}

static void compare_item(struct mapdoc *d, const struct map *m, const struct vector *v,
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
            mapdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": defect %s is %s", v->name,
                         defect_word((enum defect_id)id),
                         x.defects >> id & 1 ? "found" : "not found");
}

static void taken(struct mapdoc *d, const struct vector *v, bool is, bool wanted)
{
    if (is != wanted)
        mapdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": the words are %s", v->name,
                     is ? "accepted" : "refused");
}

void vector_item(struct mapdoc *d, const struct map *m, const struct vector *v)
{
    struct frame f = {0};
    uint16_t w[MB_ITEM_WORDS];
    struct mb_item item;
    if (!mapdoc_read(d, item_rows, N(item_rows), v->item, &f) ||
        !vector_words(d, f.words, MB_ITEM_WORDS, w))
        return;
    bool ok = mb_item_decode(w, (uint32_t)f.epoch, (uint32_t)f.seq, m->mailbox.checks, &item);
    taken(d, v, ok, f.accepted);
    if (ok && f.accepted)
        compare_item(d, m, v, &item, (uint16_t)f.pulses_per_m);
}

/* ---- headers ---- */

#define HEADER(X)                                                                                  \
    X(epoch)                                                                                       \
    X(boot_nonce) X(head_seq) X(oldest_seq) X(enc) X(out_head) X(uptime_ms) X(boot_count)          \
        X(heartbeat) X(state) X(fault) X(lost_count) X(ring_n) X(slot_m) X(enc_speed)              \
            X(pulses_per_m) X(host_session_echo) X(default_outlet) X(n_outlets) X(late_count)      \
                X(outlet_blocked)
#define WORD(field)  #field "|"
#define VALUE(field) h.field,
static const char header_words[] = HEADER(WORD);

void vector_header(struct mapdoc *d, const struct map *m, const struct vector *v)
{
    struct frame f = {0};
    uint16_t w[MB_HDR_WORDS];
    struct mb_header h;
    struct expected want;
    if (!mapdoc_read(d, header_rows, N(header_rows), v->header, &f) ||
        !vector_words(d, f.words, MB_HDR_WORDS, w))
        return;
    bool ok = mb_header_decode(w, m->mailbox.checks, &h);
    taken(d, v, ok, f.accepted);
    if (!ok || !f.accepted)
        return;
    const int64_t values[] = {HEADER(VALUE)};
    if (!vector_expect(d, v->expect, header_words, N(values), &want))
        return;
    for (size_t i = 0; i < N(values); i++)
        if (want.named[i] && values[i] != want.value[i])
            mapdoc_error(d, ERR_CHECK, v->line,
                         "vector \"%s\": header value %zu reads %lld, not %lld", v->name, i + 1,
                         (long long)values[i], (long long)want.value[i]);
}
