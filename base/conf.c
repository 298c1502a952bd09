/* The table-driven reader of documents, its error texts and its reference page (contract: conf.h).
 * Thread: any; pure but for the caller's *out. Owns nothing: a CONF_NODE is borrowed from the
 * document. Invariants: 1. a default is parsed by the same code as a written value, so a default
 * out of its own bounds is found by the first test that reads an empty map. 2. rows are
 * programming: a field of the wrong size is asserted, never reported. */
#include "base/conf.h"
#include "base/num.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <ctype.h>

enum { WORD_MAX = 64 };

/* A value on its way into a field: where it stands, and what it says. */
struct value {
    const struct ydoc *doc;
    const struct ynode *at;
    const char *name, *text, *unit;
    struct err *e;
};

/* ---- nearest word ---- */

/* Edit distance with neighbours swapped counting one (optimal string alignment), letter case
 * ignored. */
static size_t distance(const char *a, size_t an, const char *b, size_t bn)
{
    size_t d[3][WORD_MAX + 1];
    for (size_t j = 0; j <= bn; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t *now = d[i % 3], *before = d[(i + 2) % 3], *earlier = d[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            size_t best = before[j - 1] + (x != y);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                tolower((unsigned char)a[i - 2]) == y && earlier[j - 2] + 1 < best)
                best = earlier[j - 2] + 1;
            now[j] = best;
        }
    }
    return d[an % 3][bn];
}

struct nearest {
    const char *word;
    size_t n, best_distance, best_n;
    const char *best;
};

static struct nearest nearest_to(const char *word)
{
    size_t n = strlen(word);
    size_t limit = n <= 3 ? 1 : n <= 6 ? 2 : 3; /* beyond it, a guess would mislead */
    return (struct nearest){.word = word, .n = n, .best_distance = limit + 1};
}

static void nearest_try(struct nearest *s, const char *candidate, size_t n)
{
    if (n > WORD_MAX || s->n > WORD_MAX || n == 0)
        return;
    size_t d = distance(s->word, s->n, candidate, n);
    if (d < s->best_distance && d < n) {
        s->best_distance = d;
        s->best = candidate;
        s->best_n = n;
    }
}

const char *conf_nearest(const char *word, const char *words, char *buf, size_t size)
{
    struct nearest s = nearest_to(word);
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, "|");
        nearest_try(&s, p, n);
        p += n + (p[n] == '|');
    }
    if (!s.best || s.best_n >= size)
        return NULL;
    memcpy(buf, s.best, s.best_n);
    buf[s.best_n] = '\0';
    return buf;
}

/* ---- errors ---- */

static int error_at(struct err *e, int code, const struct ydoc *doc, const struct ynode *at,
                    const char *text)
{
    return err_at(e, code, doc ? ydoc_name(doc) : "", at ? at->line : 0, "%s", text);
}

int conf_error(struct err *e, int code, const struct ydoc *doc, const struct ynode *at,
               const char *fmt, ...)
{
    char text[sizeof((struct err *)0)->text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return error_at(e, code, doc, at, text);
}

#define VALUE_ERROR(v, code, ...) conf_error((v)->e, code, (v)->doc, (v)->at, __VA_ARGS__)

static int unknown_key(const struct conf_row *rows, size_t n, const struct ydoc *doc,
                       const struct ynode *at, struct err *e)
{
    struct nearest s = nearest_to(at->key);
    for (size_t i = 0; i < n; i++)
        nearest_try(&s, rows[i].key, strlen(rows[i].key));
    if (!s.best)
        return conf_error(e, ERR_KEY, doc, at, "unknown key \"%.60s\"", at->key);
    return conf_error(e, ERR_KEY, doc, at, "unknown key \"%.60s\", did you mean \"%s\"?", at->key,
                      s.best);
}

/* ---- scalars ---- */

static int read_int(const struct value *v, int64_t min, int64_t max, int64_t *ret)
{
    const char *gap = v->unit && *v->unit ? " " : "", *unit = v->unit ? v->unit : "";
    int code = num_i64(v->text, min, max, ret);
    if (code == ERR_PARSE)
        return VALUE_ERROR(v, code, "\"%s\" must be a whole number, not \"%.60s\"", v->name,
                           v->text);
    if (code)
        return VALUE_ERROR(v, code, "\"%s\" must be %" PRId64 " to %" PRId64 "%s%s, not %.60s",
                           v->name, min, max, gap, unit, v->text);
    return 0;
}

static int read_bool(const struct value *v, bool *ret)
{
    const char *t = v->text;
    bool yes = !strcmp(t, "true") || !strcmp(t, "yes"),
         no = !strcmp(t, "false") || !strcmp(t, "no");
    if (!yes && !no)
        return VALUE_ERROR(v, ERR_PARSE, "\"%s\" must be yes or no, not \"%.60s\"", v->name, t);
    *ret = yes;
    return 0;
}

/* "a|b|c" → "a, b or c" */
static const char *spell(const char *words, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = '\0';
    for (const char *p = words; *p && at < size - 1;) {
        size_t n = strcspn(p, "|");
        const char *next = p + n + (p[n] == '|');
        const char *glue = at == 0 ? "" : *next ? ", " : " or ";
        int put = snprintf(buf + at, size - at, "%s%.*s", glue, (int)n, p);
        at += (size_t)put;
        p = next;
    }
    return buf;
}

static int read_word(const struct value *v, const char *words, int *ret)
{
    char list[120], near[WORD_MAX];
    size_t n = strlen(v->text);
    int i = 0;
    for (const char *p = words; *p; i++) {
        size_t len = strcspn(p, "|");
        if (len == n && !memcmp(p, v->text, n)) {
            *ret = i;
            return 0;
        }
        p += len + (p[len] == '|');
    }
    spell(words, list, sizeof list);
    if (conf_nearest(v->text, words, near, sizeof near))
        return VALUE_ERROR(v, ERR_RANGE, "\"%s\" must be %s, not \"%.40s\", did you mean \"%s\"?",
                           v->name, list, v->text, near);
    return VALUE_ERROR(v, ERR_RANGE, "\"%s\" must be %s, not \"%.40s\"", v->name, list, v->text);
}

static int read_text(const struct value *v, const struct conf_row *row, char *out)
{
    size_t n = strlen(v->text), most = row->size - 1;
    if (row->max > 0 && (uint64_t)row->max < most)
        most = (size_t)row->max;
    if (v->at && n == 0 && !v->at->quoted && !(row->def && !*row->def))
        return VALUE_ERROR(v, ERR_PARSE, "\"%s\" has no value", v->name);
    if (n > most)
        return VALUE_ERROR(v, ERR_RANGE, "\"%s\" has %zu bytes, at most %zu are allowed", v->name,
                           n, most);
    if (row->min > 0 && n < (uint64_t)row->min)
        return VALUE_ERROR(v, ERR_RANGE, "\"%s\" has %zu bytes, at least %" PRId64 " are needed",
                           v->name, n, row->min);
    memcpy(out, v->text, n + 1);
    return 0;
}

/* The value of a scalar node, refused when the node is something else. */
static int scalar_of(const struct ydoc *doc, const struct ynode *n, struct value *ret,
                     struct err *e)
{
    *ret = (struct value){
        .doc = doc, .at = n, .name = n->key ? n->key : "entry", .text = n->text, .e = e};
    if (n->kind == YNODE_SCALAR)
        return 0;
    return VALUE_ERROR(ret, ERR_PARSE, "\"%s\" must be a single value, not a %s", ret->name,
                       n->kind == YNODE_MAP ? "map" : "list");
}

int conf_int(const struct ydoc *doc, const struct ynode *n, int64_t min, int64_t max, int64_t *ret,
             struct err *e)
{
    struct value v;
    int code = scalar_of(doc, n, &v, e);
    return code ? code : read_int(&v, min, max, ret);
}

int conf_word(const struct ydoc *doc, const struct ynode *n, const char *words, int *ret,
              struct err *e)
{
    struct value v;
    int code = scalar_of(doc, n, &v, e);
    return code ? code : read_word(&v, words, ret);
}

/* ---- tables ---- */

static int store(const struct conf_row *row, const struct value *v, void *field)
{
    switch (row->type) {
    case CONF_INT:
        assert(row->size == sizeof(int64_t));
        return read_int(v, row->min, row->max, field);
    case CONF_BOOL: assert(row->size == sizeof(bool)); return read_bool(v, field);
    case CONF_ENUM: assert(row->size == sizeof(int)); return read_word(v, row->words, field);
    case CONF_TEXT: assert(row->size > 0); return read_text(v, row, field);
    case CONF_NODE: assert(!"a node is no scalar");
    }
    return ERR_STATE;
}

static int read_row(const struct conf_row *row, const struct ydoc *doc, const struct ynode *map,
                    void *field, struct err *e)
{
    const struct ynode *at = ynode_get(map, row->key);
    if (!at && !row->def)
        return conf_error(e, ERR_KEY, doc, map, "missing key \"%s\"", row->key);
    if (row->type == CONF_NODE) {
        assert(row->size == sizeof at);
        *(const struct ynode **)field = at;
        return 0;
    }
    struct value v = {.doc = doc, .name = row->key, .text = row->def, .e = e}; /* in no line */
    int code = at ? scalar_of(doc, at, &v, e) : 0;
    v.unit = row->unit;
    return code ? code : store(row, &v, field);
}

int conf_read(const struct conf_row *rows, size_t n, const struct ydoc *doc,
              const struct ynode *map, void *out, struct err *e)
{
    if (map && map->kind != YNODE_MAP) /* NULL: an empty document, all defaults */
        return conf_error(e, ERR_PARSE, doc, map, "a map of keys is expected%s%s",
                          map->key ? " in " : "", map->key ? map->key : "");
    for (size_t i = 0; map && i < map->n; i++) {
        size_t row = 0;
        while (row < n && strcmp(rows[row].key, map->child[i]->key) != 0)
            row++;
        if (row == n)
            return unknown_key(rows, n, doc, map->child[i], e);
    }
    for (size_t i = 0; i < n; i++) {
        int code = read_row(&rows[i], doc, map, (char *)out + rows[i].offset, e);
        if (code)
            return code;
    }
    return 0;
}

/* ---- reference page ---- */

static void describe(const struct conf_row *row, char *buf, size_t size)
{
    char list[160];
    switch (row->type) {
    case CONF_INT: snprintf(buf, size, "%" PRId64 " to %" PRId64, row->min, row->max); break;
    case CONF_BOOL: snprintf(buf, size, "yes or no"); break;
    case CONF_TEXT:
        snprintf(buf, size, "text of at most %zu bytes",
                 row->max > 0 && (uint64_t)row->max < row->size ? (size_t)row->max : row->size - 1);
        break;
    case CONF_ENUM: snprintf(buf, size, "%s", spell(row->words, list, sizeof list)); break;
    case CONF_NODE: snprintf(buf, size, "map or list"); break;
    }
}

void conf_print(const struct conf_row *rows, size_t n, void (*line)(void *, const char *),
                void *ctx)
{
    for (size_t i = 0; i < n; i++) {
        const struct conf_row *r = &rows[i];
        char what[200], text[512];
        bool unit = r->unit && *r->unit;
        describe(r, what, sizeof what);
        snprintf(text, sizeof text, "%s: %s%s%s; %s%s", r->key, what, unit ? " " : "",
                 unit ? r->unit : "",
                 !r->def   ? "required"
                 : *r->def ? "default "
                           : "optional",
                 r->def ? r->def : "");
        line(ctx, text);
        snprintf(text, sizeof text, "    %s", r->help ? r->help : "");
        line(ctx, text);
    }
}
