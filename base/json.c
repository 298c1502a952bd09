/* Helpers over jansson (contract: json.h). Thread: any, as long as one json_t belongs to one
 * thread. Owns: where memory comes from, and how often none came. Invariant: what json_canonical
 * gives depends on the value alone, never on insertion order, locale or the way the value was made;
 * the record hashes these bytes. jansson sorts keys by their bytes, escapes control characters,
 * quote and backslash, and leaves UTF-8 as it is. */
#include "base/json.h"
#include "base/conf.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

static void *(*source)(size_t) = malloc;
static atomic_uint_fast64_t failures;

static void *counted(size_t n)
{
    void *p = source(n);
    if (!p)
        atomic_fetch_add(&failures, 1);
    return p;
}

void json_use_malloc(void *(*get)(size_t n))
{
    source = get ? get : malloc;
    json_set_alloc_funcs(counted, free);
}

uint64_t json_failures(void)
{
    return atomic_load(&failures);
}

/* jansson's object iterators are not const-correct; nothing is written through this. */
static json_t *to_iterate(const json_t *j)
{
    return (json_t *)(uintptr_t)j;
}

/* Within DEPTH_MAX levels and, when asked, without reals. The bound also ends a value that contains
 * itself. */
static bool is_plain(const json_t *j, bool refuse_reals, int depth)
{
    if (refuse_reals && json_is_real(j))
        return false;
    if (depth >= DEPTH_MAX && (json_is_array(j) || json_is_object(j)))
        return false;
    for (size_t i = 0; i < json_array_size(j); i++)
        if (!is_plain(json_array_get(j, i), refuse_reals, depth + 1))
            return false;
    if (!json_is_object(j))
        return true;
    json_t *o = to_iterate(j);
    for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at))
        if (!is_plain(json_object_iter_value(at), refuse_reals, depth + 1))
            return false;
    return true;
}

struct text {
    char *p;
    size_t n, room;
    bool lacks; /* a piece, for want of memory */
};

static int add_piece(const char *piece, size_t n, void *data)
{
    struct text *t = data;
    if (t->room - t->n < n + 1) { /* with the NUL */
        size_t room = 2 * (t->n + n) + 256;
        char *p = realloc(t->p, room);
        if (!p) {
            t->lacks = true;
            atomic_fetch_add(&failures, 1);
            return -1;
        }
        t->p = p;
        t->room = room;
    }
    memcpy(t->p + t->n, piece, n);
    t->n += n;
    t->p[t->n] = 0;
    return 0;
}

/* Not by json_dumps: jansson 2.14 goes on without a key for which it finds no memory. */
char *json_canonical(const json_t *j, size_t *ret_n)
{
    struct text t = {0};
    if (!j || !is_plain(j, true, 0))
        return NULL;
    int rc = json_dump_callback(j, add_piece, &t, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    if (rc < 0 || t.lacks) {
        free(t.p);
        return NULL;
    }
    if (ret_n)
        *ret_n = t.n;
    return t.p;
}

int json_parse(const char *text, size_t n, json_t **ret, struct err *e)
{
    json_error_t why;
    uint64_t unmade = json_failures();
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!j && json_failures() != unmade)
        return err_set(e, ERR_NOMEM, "no memory for JSON of %zu bytes", n);
    if (!j)
        return err_set(e, ERR_PARSE, "JSON line %d column %d: %s", why.line, why.column, why.text);
    if (!is_plain(j, false, 0)) {
        json_decref(j);
        return err_set(e, ERR_PARSE, "JSON is nested deeper than %d", DEPTH_MAX);
    }
    *ret = j;
    return 0;
}

int json_get_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct err *e)
{
    const json_t *v = json_object_get(o, key);
    if (!v)
        return err_set(e, ERR_KEY, "\"%s\" is missing", key);
    if (!json_is_integer(v))
        return err_set(e, ERR_KEY, "\"%s\" must be an integer", key);
    int64_t i = json_integer_value(v);
    if (i < min || i > max)
        return err_set(e, ERR_RANGE, "\"%s\" must be %" PRId64 " to %" PRId64 ", not %" PRId64, key,
                       min, max, i);
    *ret = i;
    return 0;
}

int json_get_text(const json_t *o, const char *key, size_t max_bytes, const char **ret,
                  struct err *e)
{
    const json_t *v = json_object_get(o, key);
    if (!v)
        return err_set(e, ERR_KEY, "\"%s\" is missing", key);
    if (!json_is_string(v))
        return err_set(e, ERR_KEY, "\"%s\" must be a text", key);
    const char *text = json_string_value(v);
    size_t n = json_string_length(v);
    if (strlen(text) != n)
        return err_set(e, ERR_RANGE, "\"%s\" must not contain a NUL", key);
    if (n > max_bytes)
        return err_set(e, ERR_RANGE, "\"%s\" has %zu bytes, at most %zu are allowed", key, n,
                       max_bytes);
    *ret = text;
    return 0;
}

int64_t json_int_or(const json_t *o, const char *key, int64_t def)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : def;
}

const char *json_text_or(const json_t *o, const char *key, const char *def)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : def;
}

static bool is_among(const char *key, const char *keys)
{
    size_t n = strlen(key);
    for (const char *p = keys; *p;) {
        size_t len = strcspn(p, "|");
        if (len == n && !memcmp(p, key, n))
            return true;
        p += len + (p[len] == '|');
    }
    return false;
}

int json_only(const json_t *o, const char *keys, struct err *e)
{
    if (o && !json_is_object(o))
        return err_set(e, ERR_KEY, "an object of named fields is expected");
    json_t *it = to_iterate(o);
    for (void *at = json_object_iter(it); at; at = json_object_iter_next(it, at)) {
        const char *key = json_object_iter_key(at);
        if (is_among(key, keys))
            continue;
        char near[64];
        if (conf_nearest(key, keys, near, sizeof near))
            return err_set(e, ERR_KEY, "unknown key \"%.60s\", did you mean \"%s\"?", key, near);
        return err_set(e, ERR_KEY, "unknown key \"%.60s\"", key);
    }
    return 0;
}
