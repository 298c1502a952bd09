/* A map's life: file → document → parts → checked → planned → proved by its vectors → read only.
 * (way note: codec.c and map_item.c do the decoding.)  Any thread may load; a loaded map is
 * immutable and shared. Owns nothing but its one allocation; the document is freed when loading
 * ends. */
#include "plc-maps/map.h"
#include "base/crypto.h"
#include "plc-maps/map_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

static bool has_fc(const struct map *m, int64_t fc)
{
    for (size_t i = 0; i < m->link_part.n_fc; i++)
        if (m->link_part.fc[i] == fc)
            return true;
    return false;
}

/* The smaller of the limits in words and in bytes. */
static uint16_t longest_read(const struct map_link_part *l)
{
    int64_t by_bytes = l->max_read_bytes / 2;
    return (uint16_t)(l->max_read_bytes > 0 && by_bytes < l->max_read ? by_bytes : l->max_read);
}

static void publish_link(struct map_link *ret, const struct map *m)
{
    const struct map_link_part *l = &m->link_part;
    *ret = (struct map_link){
        .max_read = longest_read(l),
        .max_write = (uint16_t)l->max_write,
        .max_gap = (uint16_t)l->max_gap,
        .align = (uint16_t)l->align,
        .fc1 = has_fc(m, 1),
        .fc2 = has_fc(m, 2),
        .fc3 = has_fc(m, 3),
        .fc4 = has_fc(m, 4),
        .fc5 = has_fc(m, 5),
        .fc6 = has_fc(m, 6),
        .fc16 = has_fc(m, 16),
        .fc23 = has_fc(m, 23),
        .silent_unknown = l->silent_unknown,
        .one_connection = l->one_connection,
        .timeout_ms = (uint32_t)l->timeout_ms,
        .guard_us = (uint32_t)l->guard_us,
        .turnaround_ms = (uint32_t)l->turnaround_ms,
        .min_interval_ms = (uint32_t)l->min_interval_ms,
        .connect_pause_ms = (uint32_t)l->connect_pause_ms,
        .heartbeat_ms = (uint32_t)l->heartbeat_ms,
        .frozen_ms = (uint32_t)l->frozen_ms,
        .breaker = {(uint32_t)l->fail_after, (uint32_t)l->first_ms, (uint32_t)l->max_ms},
        .serial = l->port,
    };
}

/* The parts as the public header shapes them; bounds were checked while reading. */
static void publish(struct map *m)
{
    publish_link(&m->link, m);
    for (size_t i = 0; i < m->n_proofs; i++)
        m->probes[i] = m->proofs[i].probe;
    m->mailbox = (struct map_mailbox){
        .checks = m->mailbox_part.checks,
        .base = (uint32_t)m->mailbox_part.base,
        .min_ring = (uint32_t)m->mailbox_part.min_ring,
    };
}

/* Every channel's plan must be possible, so that map_channel never fails on one. */
static void lay_out_channels(struct confdoc *d, const struct map *m)
{
    struct map *c = map_channels(m) > 1 ? malloc(sizeof *c) : NULL;
    if (map_channels(m) > 1 && !c)
        confdoc_error(d, ERR_NOMEM, m->line, "out of memory");
    for (unsigned k = 1; c && k < map_channels(m); k++) {
        *c = *m;
        c->channel = k;
        map_lay_out(d, c);
    }
    free(c);
}

static void build(struct confdoc *d, struct map *m, const char *stem)
{
    const struct ynode *vectors = NULL;
    map_read(d, m, &vectors);
    if (d->errors == 0 && stem && strcmp(stem, m->id) != 0)
        confdoc_error(d, ERR_CHECK, m->line,
                      "\"map\" is \"%s\", but the file is called \"%s.yaml\"", m->id, stem);
    publish(m);
    if (d->errors == 0)
        map_check(d, m);
    if (d->errors == 0)
        map_lay_out(d, m);
    if (d->errors == 0)
        lay_out_channels(d, m);
    if (d->errors == 0)
        map_run_vectors(d, m, vectors);
}

int map_build_doc(const struct ydoc *doc, const char *stem,
                  void (*error)(void *ctx, const struct err *e), void *ctx, struct map **ret_m,
                  unsigned *ret_errors, struct err *e)
{
    struct map *m = calloc(1, sizeof *m);
    struct confdoc d = {.doc = doc, .error = error, .ctx = ctx};
    if (!m) {
        confdoc_error(&d, ERR_NOMEM, 0, "out of memory");
        *ret_errors = d.errors;
        return err_set(e, ERR_NOMEM, "%s: out of memory", ydoc_name(doc));
    }
    build(&d, m, stem);
    *ret_errors = d.errors;
    if (d.errors > 0) {
        if (e)
            *e = d.first;
        map_free(m);
        return d.first.code;
    }
    *ret_m = m;
    return 0;
}

int map_build(const char *name, const char *stem, const char *text, size_t n,
              void (*error)(void *ctx, const struct err *e), void *ctx, struct map **ret_m,
              unsigned *ret_errors, struct err *e)
{
    struct ydoc *doc = NULL;
    struct err first = {0};
    *ret_m = NULL;
    *ret_errors = 0;
    int rc = ydoc_parse(name, text, n, &doc, &first);
    if (rc < 0) { /* no document, so no report of its own */
        *ret_errors = 1;
        if (error)
            error(ctx, &first);
        if (e)
            *e = first;
        return rc;
    }
    rc = map_build_doc(doc, stem, error, ctx, ret_m, ret_errors, e);
    if (rc == 0) {
        uint8_t hash[SHA256_LEN];
        sha256_of(text, n, hash);
        hex_text(hash, sizeof hash, (*ret_m)->sha256, sizeof(*ret_m)->sha256);
    }
    ydoc_free(doc);
    return rc;
}

int map_load(const char *path, struct map **ret, struct err *e)
{
    char *text = NULL, stem[64];
    size_t n = 0;
    unsigned errors;
    struct map *m = NULL;
    int rc = confdoc_slurp(path, &text, &n, e);
    if (rc < 0)
        return rc;
    rc =
        map_build(path, confdoc_stem(path, stem, sizeof stem), text, n, NULL, NULL, &m, &errors, e);
    free(text);
    if (rc == 0)
        *ret = m;
    return rc;
}

int map_parse(const char *name, const char *text, size_t n, struct map **ret, struct err *e)
{
    unsigned errors;
    struct map *m = NULL;
    int rc = map_build(name, NULL, text, n, NULL, NULL, &m, &errors, e);
    if (rc == 0)
        *ret = m;
    return rc;
}

void map_free(struct map *m)
{
    free(m);
}

/* ---- asking ---- */

const char *map_id(const struct map *m)
{
    return m->id;
}

const char *map_version(const struct map *m)
{
    return m->version;
}

enum map_kind map_kind(const struct map *m)
{
    return (enum map_kind)m->kind;
}

const char *map_title(const struct map *m)
{
    return m->title;
}

const char *map_sha256(const struct map *m)
{
    return m->sha256;
}

const struct map_link *map_link(const struct map *m)
{
    return &m->link;
}

const struct map_mailbox *map_mailbox(const struct map *m)
{
    return m->kind == MAP_MAILBOX ? &m->mailbox : NULL;
}

bool map_trade_static(const struct map *m)
{
    return m->trade == TRADE_STATIC;
}

size_t map_vectors(const struct map *m)
{
    return m->n_vectors;
}

size_t map_probes(const struct map *m, const struct map_probe **ret)
{
    *ret = m->probes;
    return m->n_proofs;
}

bool map_probe_holds(const struct map_probe *p, const uint16_t *words)
{
    for (size_t i = 0; i < p->n_of; i++)
        if (((words[0] ^ p->words[i]) & p->mask) == 0)
            return true;
    bool same = p->n_of == 0;
    for (size_t i = 0; same && i < p->n; i++)
        same = ((words[i] ^ p->words[i]) & p->mask) == 0;
    return same;
}

bool map_unit_allowed(const struct map *m, uint8_t unit)
{
    const struct map_link_part *l = &m->link_part;
    for (size_t i = 0; i < l->n_units; i++)
        if (unit >= l->unit_first[i] && unit <= l->unit_last[i])
            return true;
    return l->n_units == 0;
}

/* ---- channels ---- */

int64_t map_record_addr(const struct map *m, const struct map_record *r)
{
    return r->addr + (r->channels > 1 ? m->channel * r->stride : 0);
}

unsigned map_channels(const struct map *m)
{
    int64_t most = 1;
    for (size_t i = 0; i < m->n_records; i++)
        if (m->records[i].channels > most)
            most = m->records[i].channels;
    return (unsigned)most;
}

int map_channel(const struct map *m, unsigned channel, struct map **ret, struct err *e)
{
    struct confdoc d = {0}; /* every channel was laid out while loading: there is nothing to say */
    if (channel >= map_channels(m))
        return err_set(e, ERR_RANGE, "map %s has %u channels, from 0: there is no channel %u",
                       m->id, map_channels(m), channel);
    struct map *c = malloc(sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for channel %u of map %s", channel, m->id);
    *c = *m;
    c->channel = channel;
    map_lay_out(&d, c);
    *ret = c;
    return 0;
}
