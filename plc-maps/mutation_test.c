/* How much of a map is proved by its own checks and vectors: every number and every word of a
 * closed vocabulary is changed, one at a time, and the changed map must be refused. The shipped
 * maps, and one that uses every key. The tree is changed, not the text, so that a try costs no
 * parsing. */
#include "base/num.h"
#include "plc-maps/map_parts.h"
#include <ctype.h>
#include <glob.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum {
    SHARE_WANTED = 950, /* per mille, of all declarations, and of all values */
    SHARE_OF_ONE = 900, /* of one map's declarations */
    WORDS_TRIED = 6,    /* of a long vocabulary */
};

/* Keys whose values mean nothing to a reading: names, where a value is from and how far that may be
 * believed, and how the device is treated (map_test.c and language_test.c show what each does). */
static const char excluded[] =
    "|map|version|title|source|origin|name|confidence|en|zh|units.link|serial|breaker|fail_after|"
    "first_ms|max_ms|heartbeat_ms|frozen_ms|silent_unknown|one_connection|";

static const struct {
    const char *key, *words;
} vocabularies[] = {
    {"kind", "mailbox|registers|lines"},
    {"trade", MAP_TRADES},
    {"type", map_type_words},
    {"order", MAP_ORDERS},
    {"area", MAP_AREAS},
    {"units", MAP_UNITS},
    {"from", "length|aux1|aux2"},
    {"torn", MAP_TORN},
    {"checks", "yes|no"},
    {"pulses", "yes|no"},
    {"invert", "yes|no"},
    {"whole", "yes|no"},
    {"one_hot", "yes|no"},
    {"wrong", "yes|no"},
    {"role", map_role_words},
    {"bad_when", map_role_words},
    {"measure", map_measure_words},
    {"defect", map_defect_words},
    {"defects", map_defect_words},
};

struct count {
    unsigned tried, caught;
};
struct subject {
    const char *path;
    struct ydoc *doc;
    bool in_vectors;
    struct count meaning, vectors;
};

static bool in_words(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, "|");
        if (len == n && !memcmp(p, word, n))
            return true;
        p += len + (p[len] == '|');
    }
    return false;
}

/* The map with this value instead must not load. */
static void try_one(struct subject *s, struct ynode *at, const char *with)
{
    struct count *c = s->in_vectors ? &s->vectors : &s->meaning;
    const char *was = at->text;
    struct map *m = NULL;
    struct err e = {0};
    unsigned errors;
    at->text = with;
    c->tried++;
    if (map_build_doc(s->doc, NULL, NULL, NULL, &m, &errors, &e) < 0)
        c->caught++;
    else
        printf("  survives: %s:%d: %s -> %s\n", s->path, at->line, was, with);
    map_free(m);
    at->text = was;
}

static void change_number(struct subject *s, struct ynode *at, int64_t v)
{
    char with[32];
    snprintf(with, sizeof with, "%" PRId64, v + 1);
    try_one(s, at, with);
    snprintf(with, sizeof with, "%" PRId64, v > 0 ? v / 2 : v - 1);
    try_one(s, at, with);
}

/* All other words, of a long vocabulary some from everywhere in it. */
static void change_word(struct subject *s, struct ynode *at, const char *words)
{
    size_t count = 0, i = 0;
    for (const char *p = words; *p; p++)
        count += *p == '|' || !p[1];
    size_t every = count > 8 ? count / WORDS_TRIED : 1, first = strlen(at->text) % every;
    for (const char *p = words; *p; i++) {
        size_t len = strcspn(p, "|");
        char with[40];
        snprintf(with, sizeof with, "%.*s", (int)len, p);
        if (i % every == first && strcmp(with, at->text) != 0)
            try_one(s, at, with);
        p += len + (p[len] == '|');
    }
}

/* Each character by itself; of a notation its digits. */
static void change_text(struct subject *s, struct ynode *at, bool digits)
{
    char with[64];
    size_t n = strlen(at->text);
    assert_true(n < sizeof with);
    for (size_t i = 0; i < n; i++) {
        if (digits && !isdigit((unsigned char)at->text[i]))
            continue;
        snprintf(with, sizeof with, "%s", at->text);
        with[i] = with[i] == '9' ? '0' : (char)(with[i] + 1);
        try_one(s, at, with);
    }
}

/* A division of a table: ten times as much. */
static void change_division(struct subject *s, struct ynode *at)
{
    char with[32];
    const char *zero = strstr(at->text, ".0");
    if (zero)
        snprintf(with, sizeof with, "%.*s.%s", (int)(zero - at->text), at->text, zero + 2);
    else
        snprintf(with, sizeof with, "1%s", strchr(at->text, '.') ? "" : "0");
    try_one(s, at, with);
    try_one(s, at, "bad");
}

static const char *words_of(const char *key, const char *word)
{
    if (!strcmp(key, "bad"))
        return in_words(map_role_words, word) ? map_role_words : map_measure_words;
    for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++)
        if (!strcmp(vocabularies[i].key, key))
            return vocabularies[i].words;
    return NULL;
}

/* `parent`: the key of the map that the value's key stands in. */
static void change(struct subject *s, struct ynode *at, const char *parent, const char *key)
{
    char name[80];
    const char *words = words_of(key, at->text);
    int64_t v;
    snprintf(name, sizeof name, "%s.%s", key, parent);
    if (in_words(excluded, key) || in_words(excluded, name))
        return;
    if (!strcmp(key, "manual") || !strcmp(key, "text"))
        change_text(s, at, !strcmp(key, "manual"));
    else if (words)
        change_word(s, at, words);
    else if (num_i64(at->text, INT64_MIN + 1, INT64_MAX - 1, &v) == 0)
        change_number(s, at, v);
    else if (!strcmp(key, "table"))
        !strcmp(at->text, "bad") ? try_one(s, at, "1") : change_division(s, at);
    else
        fail_msg("%s:%d: what is \"%s\" of \"%s\"?", s->path, at->line, at->text, key);
}

static void walk(struct subject *s, struct ynode *at, const char *parent, const char *key)
{
    if (at->kind == YNODE_SCALAR) {
        change(s, at, parent, key);
        return;
    }
    for (size_t i = 0; i < at->n; i++) {
        struct ynode *c = at->child[i];
        if (at->kind == YNODE_MAP)
            walk(s, c, key, c->key);
        else
            walk(s, c, parent, key);
    }
}

static void mutate(struct subject *s)
{
    const struct ynode *root = ydoc_root(s->doc);
    for (size_t i = 0; i < root->n; i++) {
        s->in_vectors = !strcmp(root->child[i]->key, "vectors");
        walk(s, root->child[i], "", root->child[i]->key);
    }
}

static unsigned per_mille(struct count c)
{
    return c.tried ? c.caught * 1000 / c.tried : 1000;
}

static void add(struct count *sum, struct count c)
{
    sum->tried += c.tried;
    sum->caught += c.caught;
}

static void one_map(const char *path, struct count *meaning, struct count *vectors)
{
    struct subject s = {.path = path};
    struct map *m = NULL;
    struct err e = {0};
    unsigned errors;
    assert_int_equal(ydoc_load(path, &s.doc, &e), 0);
    if (map_build_doc(s.doc, NULL, NULL, NULL, &m, &errors, &e) < 0) /* it is right as it is */
        fail_msg("%s:%d: %s", path, e.line, e.text);
    bool lines = map_kind(m) == MAP_LINES; /* lines_mutation_test.c */
    map_free(m);
    if (lines) {
        ydoc_free(s.doc);
        return;
    }
    mutate(&s);
    printf("%s: declarations %u of %u, vectors %u of %u caught\n", path, s.meaning.caught,
           s.meaning.tried, s.vectors.caught, s.vectors.tried);
    assert_true(s.meaning.tried > 20 && s.vectors.tried > 20);
    assert_true(per_mille(s.meaning) >= SHARE_OF_ONE);
    add(meaning, s.meaning);
    add(vectors, s.vectors);
    ydoc_free(s.doc);
}

static void test_every_value_is_proved(void **state)
{
    (void)state;
    struct count meaning = {0}, vectors = {0};
    glob_t g = {0};
    assert_int_equal(glob("plc-maps/*.yaml", 0, NULL, &g), 0);
    assert_int_equal(glob("tests/maps/*.yaml", GLOB_APPEND, NULL, &g), 0);
    assert_true(g.gl_pathc >= 6);
    for (size_t i = 0; i < g.gl_pathc; i++)
        one_map(g.gl_pathv[i], &meaning, &vectors);
    globfree(&g);
    printf("all: declarations %u of %u (%u.%u %%), vectors %u of %u (%u.%u %%) caught\n",
           meaning.caught, meaning.tried, per_mille(meaning) / 10, per_mille(meaning) % 10,
           vectors.caught, vectors.tried, per_mille(vectors) / 10, per_mille(vectors) % 10);
    assert_true(per_mille(meaning) >= SHARE_WANTED);
    add(&vectors, meaning);
    assert_true(per_mille(vectors) >= SHARE_WANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_value_is_proved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
