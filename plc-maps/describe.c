/* A loaded map in words, line by line (contract: maplist.h). Pure but for the callback; reads what
 * loading proved. */
#include "plc-maps/codec.h"
#include "plc-maps/maplist.h"
#include "plc-maps/plan.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct lines {
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

static void say(const struct lines *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void say(const struct lines *out, const char *fmt, ...)
{
    char text[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    out->line(out->ctx, text);
}

static const char *const kinds[] = {
    [MAP_MAILBOX] = "mailbox", [MAP_REGISTERS] = "registers", [MAP_LINES] = "lines"};
static const char *const trades[] = {[TRADE_NONE] = "none", [TRADE_STATIC] = "static"};

const char *map_summary(const struct map *m, char *buf, size_t size)
{
    snprintf(buf, size, "%-20s %-7s %-9s %c %3zu vectors  %s", m->id, m->version, kinds[m->kind],
             'A' + m->origin.confidence, m->n_vectors, m->title);
    return buf;
}

/* ---- the link ---- */

/* "3, 4, 16" */
static const char *functions(const struct map *m, char *buf, size_t size)
{
    buf[0] = '\0';
    for (size_t i = 0; i < m->link_part.n_fc; i++) {
        size_t n = strlen(buf);
        snprintf(buf + n, size - n, "%s%d", n ? ", " : "", (int)m->link_part.fc[i]);
    }
    return buf;
}

static void describe_serial(const struct lines *out, const struct map_serial *s)
{
    if (s->baud)
        say(out, "      from the factory: %u baud, %d data bits, parity %c, %d stop bits, %s",
            s->baud, s->data, s->parity, s->stop,
            s->ascii ? "Modbus ASCII: must be set to RTU first" : "Modbus RTU");
}

static void describe_units(const struct lines *out, const struct map_link_part *l)
{
    char text[120] = "";
    for (size_t i = 0; i < l->n_units; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%d", n ? ", " : "", (int)l->unit_first[i]);
        n = strlen(text);
        if (l->unit_last[i] != l->unit_first[i])
            snprintf(text + n, sizeof text - n, "-%d", (int)l->unit_last[i]);
    }
    if (l->n_units)
        say(out, "      unit ids: %s", text);
}

/* What is out of the ordinary, one line each. */
static void describe_habits(const struct lines *out, const struct map_link *l)
{
    if (l->align > 1)
        say(out, "      requests begin and end at multiples of %d words", l->align);
    if (l->silent_unknown)
        say(out, "      functions that it does not know are not answered");
    if (l->one_connection)
        say(out, "      serves one TCP connection");
    if (l->min_interval_ms)
        say(out, "      at least %u ms from one request to the next", l->min_interval_ms);
    if (l->connect_pause_ms)
        say(out, "      %u ms of pause after connecting", l->connect_pause_ms);
    if (l->breaker.fail_after)
        say(out, "      left alone after %u failures for %u ms, at most %u ms",
            l->breaker.fail_after, l->breaker.first_ms, l->breaker.max_ms);
    if (l->heartbeat_ms)
        say(out, "      its heartbeat moves within %u ms", l->heartbeat_ms);
}

static void describe_request(const struct lines *out, const struct map_request *q)
{
    bool bits = q->fc == 1 || q->fc == 2;
    say(out, "request: fc %d, %d %s from 0x%04X, every %d ms%s", q->fc, q->n,
        bits ? "bits" : "words", q->addr, (int)q->period_ms,
        q->torn         ? "; in parts, believed when read twice alike"
        : q->proof      ? "; each answer shows whose it is"
        : q->agree == 2 ? "; after a failure believed when read twice alike"
                        : "");
}

static void describe_link(const struct lines *out, const struct map *m)
{
    char fcs[64];
    const struct map_link *l = &m->link;
    say(out, "link: function codes %s, at most %d words read, %d written",
        functions(m, fcs, sizeof fcs), l->max_read, l->max_write);
    say(out, "      answers within %d ms, given up after %d ms, %d us of silence between requests",
        (int)l->turnaround_ms, (int)l->timeout_ms, (int)l->guard_us);
    describe_serial(out, &l->serial);
    describe_units(out, &m->link_part);
    describe_habits(out, l);
    for (size_t i = 0; i < m->n_requests; i++)
        describe_request(out, &m->requests[i]);
    struct map_cost c = map_cost(m, 19200);
    say(out,
        "cost: one whole poll takes %lld us at worst at 19200 baud, %lld us when nobody answers",
        (long long)c.poll_us, (long long)c.dead_us);
}

static void describe_mailbox(const struct lines *out, const struct map *m)
{
    static const char *const from[MAP_FRAME_WORDS] = {"LENGTH", "AUX1", "AUX2"};
    say(out, "mailbox: B %d, rings of at least %d, checks %s", (int)m->mailbox.base,
        (int)m->mailbox.min_ring, m->mailbox.checks ? "provided" : "not provided");
    say(out, "  weight          WEIGHT, mg");
    for (size_t i = 0; i < m->n_items; i++) {
        const struct map_item_row *r = &m->items[i];
        if (r->defect >= 0)
            say(out, "  %-15s %s, mask 0x%04X", defect_word((enum defect_id)r->defect),
                from[r->v.at], (unsigned)r->v.mask);
        else if (r->pulses)
            say(out, "  %-15s %s in pulses, %s", measure_word((enum measure_id)r->measure),
                from[r->v.at], measure_unit((enum measure_id)r->measure));
        else
            say(out, "  %-15s %s x %lld / %lld, %s", measure_word((enum measure_id)r->measure),
                from[r->v.at], (long long)r->v.mul, (long long)r->v.div,
                measure_unit((enum measure_id)r->measure));
    }
}

/* ---- records ---- */

static void describe_weight(const struct lines *out, const struct map_weight *w)
{
    static const char *const units[] = {"refused", "mg", "g", "kg", "t"};
    if (!w->present)
        return;
    if (w->decimals_at.width == 0)
        say(out, "  weights: %d decimals", (int)w->decimals);
    else
        say(out, "  weights: decimals of word %d, bits %d to %d%s%s", (int)w->decimals_at.at,
            (int)w->decimals_at.shift, (int)(w->decimals_at.shift + w->decimals_at.width - 1),
            w->one_hot ? ", the place of the one that is set" : "",
            w->table.n ? ", through a table of divisions" : "");
    if (w->times_at.width)
        say(out, "           %d times finer while word %d has one of bits %d to %d",
            (int)w->times_by, (int)w->times_at.at, (int)w->times_at.shift,
            (int)(w->times_at.shift + w->times_at.width - 1));
    for (size_t i = 0; i < w->n_units; i++)
        if (w->unit_at.width)
            say(out, "           unit code %zu: %s", i, units[w->units[i]]);
        else
            say(out, "           in %s", units[w->units[i]]);
    for (size_t i = 0; i < w->n_bad_when; i++)
        say(out, "           worthless while %s", map_role_word((enum map_role)w->bad_when[i]));
}

/* "s32 CDAB", "bits 4 to 6", "flag mask 0x0010" */
static const char *reading(const struct map_value *v, char *buf, size_t size)
{
    static const char *const orders[] = {"ABCD",     "CDAB",     "BADC",     "DCBA",
                                         "ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"};
    const char *type = map_type_word(v->type);
    unsigned keys = map_type_keys(v->type);
    if (keys & KEY_SLICE)
        snprintf(buf, size, "%s %d to %d", type, (int)v->shift, (int)(v->shift + v->width - 1));
    else if (v->mask)
        snprintf(buf, size, "%s mask 0x%04llX", type, (unsigned long long)v->mask);
    else
        snprintf(buf, size, "%s%s%s", type, codec_words(v->type) > 1 ? " " : "",
                 codec_words(v->type) > 1 ? orders[v->order] : "");
    return buf;
}

static void describe_field(const struct lines *out, const struct map_field *f)
{
    char how[64];
    bool flag = f->v.type == TYPE_FLAG;
    say(out, "  %-20s word %d, %s%s%s%s%s%s%s", map_role_word((enum map_role)f->role),
        (int)codec_first(&f->v), flag ? "" : map_role_unit((enum map_role)f->role),
        flag ? "" : ", ", reading(&f->v, how, sizeof how), f->v.invert ? ", inverted" : "",
        f->sign.width ? ", its sign elsewhere" : "", f->manual[0] ? ", manual " : "", f->manual);
}

static void describe_record(const struct lines *out, const struct map *m, size_t at)
{
    const struct map_record *r = &m->records[at];
    say(out, "record \"%s\": %s 0x%04X, %d %s, confidence %c, %s%s%s", r->name,
        map_area_word(r->area), (unsigned)r->addr, (int)(r->bits ? r->bits : r->words),
        r->bits ? "bits" : "words", 'A' + r->origin.confidence, r->origin.source,
        r->manual[0] ? ", manual " : "", r->manual);
    if (r->whole)
        say(out, "  read exactly as it is");
    if (r->channels > 1)
        say(out, "  for each of %d scales, %d apart", (int)r->channels, (int)r->stride);
    if (r->select.shows.width)
        say(out, "  counts while word %d, bits %d to %d, show %d", (int)r->select.shows.at,
            (int)r->select.shows.shift, (int)(r->select.shows.shift + r->select.shows.width - 1),
            (int)r->select.is);
    describe_weight(out, &r->weight);
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].record == at)
            describe_field(out, &m->fields[i]);
}

static void describe_proof(const struct lines *out, const struct map_proof *p)
{
    const struct map_probe *q = &p->probe;
    char words[MAP_PROBE_WORDS * 8] = "";
    size_t count = q->n_of ? q->n_of : q->n;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(words);
        snprintf(words + n, sizeof words - n, "%s%04X", n ? " " : "", q->words[i]);
    }
    if (q->setting)
        say(out, "setting: %s / %s", q->en, q->zh);
    if (q->fc)
        say(out, "%s fc %d 0x%04X is %s%s%s%s", q->setting ? "  shown by" : "identity:", q->fc,
            q->addr, q->n_of ? "one of " : "", words, p->source[0] ? ", " : "", p->source);
}

void map_describe(const struct map *m, void (*line)(void *ctx, const char *text), void *ctx)
{
    const struct lines out = {line, ctx};
    say(&out, "%s %s: %s", m->id, m->version, m->title);
    say(&out, "kind %s, confidence %c, trade use %s, %zu vectors", kinds[m->kind],
        'A' + m->origin.confidence, trades[m->trade], m->n_vectors);
    say(&out, "source: %s", m->origin.source);
    say(&out, "sha256: %s", m->sha256);
    if (m->kind == MAP_LINES)
        lines_describe(m, line, ctx);
    else
        describe_link(&out, m);
    for (size_t i = 0; i < m->n_proofs; i++)
        describe_proof(&out, &m->proofs[i]);
    if (m->kind == MAP_MAILBOX)
        describe_mailbox(&out, m);
    for (size_t i = 0; i < m->n_records; i++)
        describe_record(&out, m, i);
    for (size_t i = 0; i < m->n_writes; i++)
        say(&out, "would take %d words from 0x%04X", (int)m->writes[i].words,
            (unsigned)m->writes[i].addr);
    if (m->kind == MAP_REGISTERS)
        say(&out, "may write: nothing");
}
