/* Maps for people (contract: maplist.h). No invariants of its own: it reads what loading proved. */
#include "plc-maps/maplist.h"
#include "plc-maps/map_parts.h"
#include "plc-maps/plan.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

int map_check_file(const char *path, struct map_report *report, struct err *e)
{
    char *text = NULL, stem[64];
    size_t n = 0;
    struct map *m = NULL;
    struct err first = {0};
    report->errors = report->vectors = 0;
    int rc = confdoc_slurp(path, &text, &n, &first);
    if (rc < 0) {
        report->errors = 1;
        if (report->error)
            report->error(report->ctx, &first);
    } else {
        rc = map_build(path, confdoc_stem(path, stem, sizeof stem), text, n, report->error,
                       report->ctx, &m, &report->errors, &first);
    }
    if (rc == 0)
        report->vectors = (unsigned)m->n_vectors;
    else if (e)
        *e = first;
    free(text);
    map_free(m);
    return rc;
}

static const char *const kinds[] = {[MAP_MAILBOX] = "mailbox", [MAP_REGISTERS] = "registers"};
static const char *const trades[] = {[TRADE_NONE] = "none", [TRADE_STATIC] = "static"};
static const char *const areas[] = {[AREA_HOLDING] = "holding", [AREA_INPUT] = "input"};

const char *map_summary(const struct map *m, char *buf, size_t size)
{
    snprintf(buf, size, "%-20s %-7s %-9s %c %3zu vectors  %s", m->id, m->version, kinds[m->kind],
             'A' + m->origin.confidence, m->n_vectors, m->title);
    return buf;
}

static void describe_link(const struct lines *out, const struct map *m)
{
    const struct map_link *l = &m->link;
    say(out, "link: function codes 3%s%s%s, at most %d words read, %d written", l->fc4 ? ", 4" : "",
        l->fc16 ? ", 16" : "", l->fc23 ? ", 23" : "", l->max_read, l->max_write);
    say(out, "      answers within %d ms, given up after %d ms, %d us of silence between requests",
        (int)l->turnaround_ms, (int)l->timeout_ms, (int)l->guard_us);
    for (size_t i = 0; i < m->n_requests; i++)
        say(out, "request: fc %d, %d words from 0x%04X, every %d ms", m->requests[i].fc,
            m->requests[i].n, m->requests[i].addr, (int)m->requests[i].period_ms);
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

static void describe_record(const struct lines *out, const struct map *m, size_t at)
{
    const struct map_record *r = &m->records[at];
    say(out, "record \"%s\": %s 0x%04X, %d words, confidence %c, %s", r->name, areas[r->area],
        (unsigned)r->addr, (int)r->words, 'A' + r->origin.confidence, r->origin.source);
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct map_field *f = &m->fields[i];
        if (f->record == at)
            say(out, "  %-20s word %d, %s", map_role_word((enum map_role)f->role), (int)f->v.at,
                map_role_unit((enum map_role)f->role));
    }
}

void map_describe(const struct map *m, void (*line)(void *ctx, const char *text), void *ctx)
{
    const struct lines out = {line, ctx};
    say(&out, "%s %s: %s", m->id, m->version, m->title);
    say(&out, "kind %s, confidence %c, trade use %s, %zu vectors", kinds[m->kind],
        'A' + m->origin.confidence, trades[m->trade], m->n_vectors);
    say(&out, "source: %s", m->origin.source);
    say(&out, "sha256: %s", m->sha256);
    describe_link(&out, m);
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

void map_reference(void (*line)(void *ctx, const char *text), void *ctx)
{
    const struct conf_row *rows;
    const char *title;
    size_t n;
    for (size_t i = 0; map_rows(i, &title, &rows, &n); i++) {
        line(ctx, title);
        conf_print(rows, n, line, ctx);
    }
}
