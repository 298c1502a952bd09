/* Golden frames: words and what they must mean. A frame that reads otherwise is an error of the
 * map. Pure but for the report. Invariant: a vector speaks of every value the map has: a number
 * that it does not name is an error, a flag that it does not name must be 0, so no change goes
 * unseen. */
#include "plc-maps/vector.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { VECTORS_MAX = 256, IMAGE_MAX = MAP_RECORDS_MAX * MAP_READ_MAX };
_Static_assert(ROLE_COUNT <= 64, "struct expected and the bits of `bad` hold 64 names");

#define AT(f) CONF_AT(vector, f)
static const struct conf_row rows[] = {
    {"name", CONF_TEXT, AT(name), 1, 0, NULL, NULL, "", "What the frame shows."},
    {"origin", CONF_TEXT, AT(origin), 1, 0, NULL, NULL, "",
     "\"manual page …\", \"capture …\" or \"constructed\"."},
    {"item", CONF_NODE, AT(item), 0, 0, "", NULL, "", "Kind mailbox: an item's record."},
    {"header", CONF_NODE, AT(header), 0, 0, "", NULL, "", "Kind mailbox: a header."},
    {"frames", CONF_NODE, AT(frames), 0, 0, "", NULL, "", "Kind registers: words by address."},
    {"plan", CONF_NODE, AT(plan), 0, 0, "", NULL, "", "Requests and their cost."},
    {"expect", CONF_NODE, AT(expect), 0, 0, "", NULL, "", "Values by name."},
    {"bad", CONF_NODE, AT(bad), 0, 0, "", NULL, "", "Names whose quality must be bad."},
    {"defects", CONF_NODE, AT(defects), 0, 0, "", NULL, "", "Kind mailbox: defects found."},
};
#undef AT

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

/* ---- register frames ---- */

struct frame {
    int64_t addr;
    int area;
    const struct ynode *words;
};
#define AT(f) CONF_AT(frame, f)
static const struct conf_row frame_rows[] = {
    {"area", CONF_ENUM, AT(area), 0, 0, "holding", MAP_AREAS, "", "Holding or input registers."},
    {"addr", CONF_INT, AT(addr), 0, UINT16_MAX, NULL, NULL, "", "First wire address."},
    {"words", CONF_NODE, AT(words), 0, 0, NULL, NULL, "", "Words from there; others are 0."},
};
#undef AT

/* One word into the image, wherever a record holds it. */
static bool put(const struct map *m, int area, int64_t addr, uint16_t word, uint16_t *image)
{
    for (size_t i = 0; i < m->n_records; i++) {
        const struct map_record *r = &m->records[i];
        if (r->area == area && addr >= r->addr && addr < r->addr + r->words) {
            image[(int64_t)r->at + addr - r->addr] = word;
            return true;
        }
    }
    return false;
}

static bool read_frame(struct confdoc *d, const struct map *m, const struct ynode *at,
                       uint16_t *image)
{
    struct frame f = {0};
    uint16_t w[MAP_READ_MAX] = {0};
    if (!confdoc_read(d, frame_rows, N(frame_rows), at, &f) ||
        !vector_words(d, f.words, f.words->n, w))
        return false;
    for (size_t i = 0; i < f.words->n; i++)
        if (!put(m, f.area, f.addr + (int64_t)i, w[i], image))
            return confdoc_error(d, ERR_CHECK, at->line, "word %d stands in no record",
                                 (int)f.addr + (int)i);
    return true;
}

static void compare(struct confdoc *d, const struct vector *v, int role, const struct reading *x,
                    const struct expected *want, bool bad)
{
    const char *word = map_role_word((enum map_role)role);
    bool flag = strcmp(map_role_unit((enum map_role)role), "flag") == 0;
    if (bad != (x->quality[role] == QUALITY_BAD))
        confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s is %s, not %s", v->name, word,
                      bad ? "good" : "bad", bad ? "bad" : "good");
    else if (!bad && !flag && !want->named[role])
        confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\" does not say what %s is", v->name,
                      word);
    else if (!bad && x->value[role] != want->value[role])
        confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s reads %lld, not %lld", v->name,
                      word, (long long)x->value[role], (long long)want->value[role]);
}

static void run_frames(struct confdoc *d, const struct map *m, const struct vector *v)
{
    uint16_t image[IMAGE_MAX] = {0};
    struct expected want;
    struct reading x;
    uint64_t bad;
    if (!confdoc_list(d, v->frames, MAP_RECORDS_MAX))
        return;
    for (size_t i = 0; i < v->frames->n; i++)
        if (!read_frame(d, m, v->frames->child[i], image))
            return;
    if (!vector_expect(d, v->expect, map_role_words, ROLE_COUNT, &want) ||
        !vector_bits(d, v->bad, map_role_words, &bad))
        return;
    map_decode(m, image, &x);
    for (int role = 0; role < ROLE_COUNT; role++)
        if (x.quality[role] != QUALITY_ABSENT)
            compare(d, v, role, &x, &want, bad >> role & 1);
        else if (want.named[role] || bad >> role & 1)
            confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\" names %s, which the map has not",
                          v->name, map_role_word((enum map_role)role));
}

/* ---- the list ---- */

static bool known_origin(const char *origin)
{
    static const char *const kinds[] = {"manual page ", "capture ", "constructed"};
    for (size_t i = 0; i < N(kinds); i++) {
        size_t n = strlen(kinds[i]);
        bool open = kinds[i][n - 1] == ' '; /* a page, or what was captured, must follow */
        if (open ? !strncmp(origin, kinds[i], n) && origin[n] : !strcmp(origin, kinds[i]))
            return true;
    }
    return false;
}

static void run_one(struct confdoc *d, const struct map *m, const struct ynode *at)
{
    struct vector v = {.line = at->line};
    if (!confdoc_read(d, rows, N(rows), at, &v))
        return;
    if (!known_origin(v.origin))
        confdoc_error(d, ERR_CHECK, at->line,
                      "\"origin\" must be \"manual page …\", \"capture …\" or \"constructed\"");
    const struct {
        const struct ynode *node;
        int kind;
        bool expect, defects; /* which of the other keys belong to it; bad goes with expect */
        void (*run)(struct confdoc *, const struct map *, const struct vector *);
    } ways[] = {
        {v.item, MAP_MAILBOX, true, true, vector_item},
        {v.header, MAP_MAILBOX, true, false, vector_header},
        {v.frames, MAP_REGISTERS, true, false, run_frames},
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
        ways[way].run(d, m, &v);
}

void map_run_vectors(struct confdoc *d, struct map *m, const struct ynode *vectors)
{
    if (!confdoc_list(d, vectors, VECTORS_MAX))
        return;
    for (size_t i = 0; i < vectors->n; i++)
        run_one(d, m, vectors->child[i]);
    m->n_vectors = vectors->n;
    if (m->n_vectors == 0)
        confdoc_error(d, ERR_CHECK, vectors->line, "a map needs at least one vector");
}
