/* Golden frames: words and what they must mean. A frame that reads otherwise is an error of the
 * map. Pure but for the report. Invariant: a vector speaks of every value the map has: a number
 * that it does not name is an error, a flag that it does not name must be 0, so no change goes
 * unseen. */
#include "plc-maps/vector.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { VECTORS_MAX = 256 };
_Static_assert(ROLE_COUNT <= 64, "struct expected and the bits of `bad` hold 64 names");
_Static_assert(MAP_PROBES_MAX <= 32, "the bits of `proved` hold 32 probes");

#define AT(f) CONF_AT(vector, f)
static const struct conf_row rows[] = {
    {"name", CONF_TEXT, AT(name), 1, 0, NULL, NULL, "", "What the frame shows."},
    {"origin", CONF_TEXT, AT(origin), 1, 0, NULL, NULL, "",
     "\"manual page …\", \"capture …\", \"test …\" or \"constructed\"."},
    {"item", CONF_NODE, AT(item), 0, 0, "", NULL, "", "Kind mailbox: an item's record."},
    {"header", CONF_NODE, AT(header), 0, 0, "", NULL, "", "Kind mailbox: a header."},
    {"frames", CONF_NODE, AT(frames), 0, 0, "", NULL, "", "Kind registers: words by address."},
    {"plan", CONF_NODE, AT(plan), 0, 0, "", NULL, "", "Requests and their cost."},
    {"channel", CONF_INT, AT(channel), 0, MAP_CHANNELS_MAX - 1, "0", NULL, "",
     "Kind registers: which of the device's scales, from 0."},
    {"wrong", CONF_BOOL, AT(wrong), 0, 0, "no", NULL, "",
     "Kind registers: the frames show a device that identity or settings must refuse."},
    {"expect", CONF_NODE, AT(expect), 0, 0, "", NULL, "", "Values by name."},
    {"bad", CONF_NODE, AT(bad), 0, 0, "", NULL, "", "Names whose quality must be bad."},
    {"defects", CONF_NODE, AT(defects), 0, 0, "", NULL, "", "Kind mailbox: defects found."},
};
#undef AT
const struct map_keys map_keys_vector = {"vectors", "vectors, each entry:", rows, N(rows)};

/* ---- shared readers ---- */

static int index_of(const char *word, const char *words)
{
    size_t n = strlen(word);
    int i = 0;
    for (const char *p = words; *p; i++) {
        size_t len = strcspn(p, "|");
        if (len == n && !memcmp(p, word, n))
            return i;
        p += len + (p[len] == '|');
    }
    return -1;
}

static bool unknown(struct confdoc *d, int line, const char *word, const char *words)
{
    char near[64];
    if (conf_nearest(word, words, near, sizeof near))
        return confdoc_error(d, ERR_KEY, line, "unknown name \"%.60s\", did you mean \"%s\"?", word,
                             near);
    return confdoc_error(d, ERR_KEY, line, "unknown name \"%.60s\"", word);
}

bool vector_expect(struct confdoc *d, const struct ynode *map, const char *words, size_t n,
                   struct expected *ret)
{
    bool ok = true;
    *ret = (struct expected){0};
    if (map && map->kind != YNODE_MAP)
        return confdoc_error(d, ERR_PARSE, map->line, "\"%s\" must be a map", map->key);
    for (size_t i = 0; map && i < map->n; i++) {
        const struct ynode *c = map->child[i];
        struct err e = {0};
        int at = index_of(c->key, words);
        if (at < 0 || (size_t)at >= n)
            ok = unknown(d, c->line, c->key, words);
        else if (conf_int(d->doc, c, INT64_MIN, INT64_MAX, &ret->value[at], &e) < 0)
            ok = confdoc_error(d, e.code, e.line, "%s", e.text);
        else
            ret->named[at] = true;
    }
    return ok;
}

bool vector_bits(struct confdoc *d, const struct ynode *list, const char *words, uint64_t *ret)
{
    *ret = 0;
    if (!confdoc_list(d, list, 64))
        return false;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct ynode *c = list->child[i];
        int at = c->kind == YNODE_SCALAR ? index_of(c->text, words) : -1;
        if (at < 0)
            return unknown(d, c->line, c->kind == YNODE_SCALAR ? c->text : "", words);
        *ret |= (uint64_t)1 << at;
    }
    return true;
}

bool vector_words(struct confdoc *d, const struct ynode *list, size_t n, uint16_t *out)
{
    int64_t v[MAP_READ_MAX];
    size_t got;
    if (n > MAP_READ_MAX)
        return confdoc_error(d, ERR_TOOBIG, list->line, "\"%s\" has more than %d words", list->key,
                             MAP_READ_MAX);
    if (!confdoc_ints(d, list, 0, UINT16_MAX, n, v, &got))
        return false;
    if (got != n)
        return confdoc_error(d, ERR_CHECK, list ? list->line : 0, "%zu words are needed, not %zu",
                             n, got);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint16_t)v[i];
    return true;
}

static void compare(struct confdoc *d, const char *name, int line, int role,
                    const struct reading *x, const struct expected *want, bool bad)
{
    const char *word = map_role_word((enum map_role)role);
    bool flag = strcmp(map_role_unit((enum map_role)role), "flag") == 0;
    if (bad != (x->quality[role] == QUALITY_BAD))
        confdoc_error(d, ERR_CHECK, line, "vector \"%s\": %s is %s, not %s", name, word,
                      bad ? "good" : "bad", bad ? "bad" : "good");
    else if (!bad && !flag && !want->named[role])
        confdoc_error(d, ERR_CHECK, line, "vector \"%s\" does not say what %s is", name, word);
    else if (!bad && x->value[role] != want->value[role])
        confdoc_error(d, ERR_CHECK, line, "vector \"%s\": %s reads %lld, not %lld", name, word,
                      (long long)x->value[role], (long long)want->value[role]);
}

void vector_reading(struct confdoc *d, const char *name, int line, const struct reading *x,
                    const struct expected *want, uint64_t bad, const char *has)
{
    for (int role = 0; role < ROLE_COUNT; role++)
        if (x->quality[role] != QUALITY_ABSENT)
            compare(d, name, line, role, x, want, bad >> role & 1);
        else if (want->named[role] || bad >> role & 1)
            confdoc_error(d, ERR_CHECK, line, "vector \"%s\" names %s, which %s has not", name,
                          map_role_word((enum map_role)role), has);
}

/* ---- the list ---- */

bool vector_origin_known(const char *origin)
{
    static const char *const kinds[] = {"manual page ", "capture ", "test ", "constructed"};
    for (size_t i = 0; i < N(kinds); i++) {
        size_t n = strlen(kinds[i]);
        bool open =
            kinds[i][n - 1] == ' '; /* a page, or what was captured, or whose test, follows */
        if (open ? !strncmp(origin, kinds[i], n) && origin[n] : !strcmp(origin, kinds[i]))
            return true;
    }
    return false;
}

struct way {
    const struct ynode *node;
    int kind;
    bool expect, defects; /* which of the other keys belong to it; bad goes with expect */
    void (*run)(struct confdoc *, const struct map *, const struct vector *);
};

/* The vector against the map of its channel. */
static void run_way(struct confdoc *d, const struct map *m, const struct vector *v,
                    const struct way *way, uint32_t *proved)
{
    struct map *own = NULL;
    struct err e = {0};
    if (v->channel > 0 && map_channel(m, (unsigned)v->channel, &own, &e) < 0) {
        confdoc_error(d, e.code, v->line, "%s", e.text);
        return;
    }
    if (way->run)
        way->run(d, own ? own : m, v);
    else
        vector_frames(d, own ? own : m, v, proved);
    map_free(own);
}

static void run_one(struct confdoc *d, const struct map *m, const struct ynode *at,
                    uint32_t *proved)
{
    struct vector v = {.line = at->line};
    if (!confdoc_read(d, rows, N(rows), at, &v))
        return;
    if (!vector_origin_known(v.origin))
        confdoc_error(
            d, ERR_CHECK, at->line,
            "\"origin\" must be \"manual page …\", \"capture …\", \"test …\" or \"constructed\"");
    const struct way ways[] = {
        {v.item, MAP_MAILBOX, true, true, vector_item},
        {v.header, MAP_MAILBOX, true, false, vector_header},
        {v.frames, MAP_REGISTERS, true, false, NULL},
        {v.plan, m->kind, false, false, vector_plan},
    };
    size_t given = 0, way = 0;
    for (size_t i = 0; i < N(ways); i++)
        if (ways[i].node) {
            way = i;
            given++;
        }
    if (given != 1 || ways[way].kind != m->kind)
        confdoc_error(d, ERR_CHECK, at->line, "a vector has one of %s",
                      m->kind == MAP_MAILBOX ? "item, header and plan" : "frames and plan");
    else if ((!ways[way].expect && (v.expect || v.bad)) || (!ways[way].defects && v.defects))
        confdoc_error(d, ERR_CHECK, at->line, "such a vector has no %s",
                      ways[way].expect ? "\"defects\"" : "\"expect\", \"bad\" or \"defects\"");
    else
        run_way(d, m, &v, &ways[way], proved);
}

/* Each identity and setting that a register shows must be seen to hold in some frame. */
static void check_proved(struct confdoc *d, const struct map *m, uint32_t proved)
{
    for (size_t i = 0; i < m->n_proofs; i++)
        if (m->proofs[i].probe.fc && !(proved >> i & 1))
            confdoc_error(d, ERR_CHECK, m->proofs[i].line,
                          "no vector's frames show this and hold: give one the words from %d",
                          m->proofs[i].probe.addr);
}

void map_run_vectors(struct confdoc *d, struct map *m, const struct ynode *vectors)
{
    uint32_t proved = 0;
    if (!confdoc_list(d, vectors, VECTORS_MAX))
        return;
    for (size_t i = 0; i < vectors->n && (d->errors == 0 || d->error); i++)
        if (m->kind == MAP_LINES)
            lines_vector(d, m, vectors->child[i]);
        else
            run_one(d, m, vectors->child[i], &proved);
    m->n_vectors = vectors->n;
    if (m->n_vectors == 0)
        confdoc_error(d, ERR_CHECK, vectors->line, "a map needs at least one vector");
    else if (d->errors == 0 || d->error)
        check_proved(d, m, proved);
}
