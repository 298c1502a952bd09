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

static const struct {
    const char *word, *unit;
} roles[ROLE_COUNT] = {
#define ROLE(name, word, unit) {word, unit},
#include "plc-maps/roles.def"
#undef ROLE
};

const char *map_role_word(enum map_role r)
{
    return roles[r].word;
}

const char *map_role_unit(enum map_role r)
{
    return roles[r].unit;
}

/* ---- loading ---- */

static bool has_fc(const struct map *m, int64_t fc)
{
    for (size_t i = 0; i < m->link_part.n_fc; i++)
        if (m->link_part.fc[i] == fc)
            return true;
    return false;
}

/* The parts as the public header shapes them; bounds were checked while reading. */
static void publish(struct map *m)
{
    const struct map_link_part *l = &m->link_part;
    m->link = (struct map_link){
        .max_read = (uint16_t)l->max_read,
        .max_write = (uint16_t)l->max_write,
        .max_gap = (uint16_t)l->max_gap,
        .fc4 = has_fc(m, 4),
        .fc16 = has_fc(m, 16),
        .fc23 = has_fc(m, 23),
        .timeout_ms = (uint32_t)l->timeout_ms,
        .guard_us = (uint32_t)l->guard_us,
        .turnaround_ms = (uint32_t)l->turnaround_ms,
    };
    m->mailbox = (struct map_mailbox){
        .checks = m->mailbox_part.checks,
        .base = (uint32_t)m->mailbox_part.base,
        .min_ring = (uint32_t)m->mailbox_part.min_ring,
    };
}

static void build(struct confdoc *d, struct map *m, const char *stem)
{
    const struct ynode *vectors = NULL;
    map_read(d, m, &vectors);
    if (d->errors == 0 && stem && strcmp(stem, m->id) != 0)
        confdoc_error(d, ERR_CHECK, m->line,
                      "\"map\" is \"%s\", but the file is called \"%s.yaml\"", m->id, stem);
    if (d->errors == 0)
        map_check(d, m);
    if (d->errors == 0) {
        publish(m);
        map_lay_out(d, m);
    }
    if (d->errors == 0)
        map_run_vectors(d, m, vectors);
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
    struct map *m = rc == 0 ? calloc(1, sizeof *m) : NULL;
    struct confdoc d = {.doc = doc, .error = error, .ctx = ctx};
    if (rc == 0 && !m)
        rc = err_set(&first, ERR_NOMEM, "%s: out of memory", name);
    if (!m) { /* no document or no memory, so no report of its own */
        *ret_errors = 1;
        if (error)
            error(ctx, &first);
        goto out;
    }
    uint8_t hash[SHA256_LEN];
    sha256_of(text, n, hash);
    hex_text(hash, sizeof hash, m->sha256, sizeof m->sha256);
    build(&d, m, stem);
    *ret_errors = d.errors;
    if (d.errors > 0) {
        first = d.first;
        rc = first.code;
        goto out;
    }
    *ret_m = m;
    m = NULL;
out:
    if (rc < 0 && e)
        *e = first;
    ydoc_free(doc);
    free(m);
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
