/* How much of a shipped map is proved by its own checks and vectors: every number and every word of
 * a closed vocabulary is changed, one at a time, and the changed map must be refused. */
#include "base/num.h"
#include "plc-maps/map_parts.h"
#include <ctype.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SHARE_WANTED = 950 }; /* per mille */

static const char *const shipped[] = {
    "plc-maps/mailbox-v1.yaml",        "plc-maps/mailbox-v1-zucchini.yaml",
    "plc-maps/mailbox-v1-weight.yaml", "plc-maps/hbm-wtx110.yaml",
    "plc-maps/invt-gd20.yaml",
};
/* Keys whose values mean nothing to a reading: names, where a value is from and how far that may be
 * believed (map_test.c shows what confidence C is refused for). */
static const char excluded[] = "|map|version|title|source|origin|name|confidence|";

static const struct {
    const char *key, *words;
} vocabularies[] = {
    {"kind", "mailbox|registers"}, {"confidence", MAP_CONFIDENCES},
    {"trade", MAP_TRADES},         {"type", map_type_words},
    {"order", MAP_ORDERS},         {"area", MAP_AREAS},
    {"units", MAP_UNITS},          {"from", "length|aux1|aux2"},
    {"checks", "yes|no"},          {"pulses", "yes|no"},
    {"invert", "yes|no"},          {"role", map_role_words},
    {"bad_when", map_role_words},  {"measure", map_measure_words},
    {"defect", map_defect_words},  {"defects", map_defect_words},
};

struct count {
    unsigned tried, caught;
};
struct text {
    const char *path, *whole;
    size_t n;
    struct count meaning, vectors;
};

static bool in_words(const char *words, const char *word, size_t n)
{
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, "|");
        if (len == n && !memcmp(p, word, n))
            return true;
        p += len + (p[len] == '|');
    }
    return false;
}

/* The map with [at, at + n) replaced must not load. */
static void try_one(struct text *t, struct count *c, size_t at, size_t n, const char *with)
{
    size_t len = strlen(with);
    char *changed = malloc(t->n - n + len + 1);
    struct map *m = NULL;
    struct err e = {0};
    assert_non_null(changed);
    memcpy(changed, t->whole, at);
    memcpy(changed + at, with, len);
    memcpy(changed + at + len, t->whole + at + n, t->n - at - n + 1);
    c->tried++;
    if (map_parse(t->path, changed, t->n - n + len, &m, &e) < 0) {
        c->caught++;
    } else {
        int line = 1;
        for (size_t i = 0; i < at; i++)
            line += t->whole[i] == '\n';
        printf("  survives: %s:%d: %.*s -> %s\n", t->path, line, (int)n, t->whole + at, with);
    }
    map_free(m);
    free(changed);
}

static void change_number(struct text *t, struct count *c, size_t at, size_t n)
{
    char old[32], with[32];
    snprintf(old, sizeof old, "%.*s", (int)n, t->whole + at);
    int64_t v = 0;
    assert_int_equal(num_i64(old, INT64_MIN + 1, INT64_MAX - 1, &v), 0);
    snprintf(with, sizeof with, "%" PRId64, v + 1);
    try_one(t, c, at, n, with);
    snprintf(with, sizeof with, "%" PRId64, v > 0 ? v / 2 : v - 1);
    try_one(t, c, at, n, with);
}

static void change_word(struct text *t, struct count *c, size_t at, size_t n, const char *words)
{
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, "|");
        char with[40];
        snprintf(with, sizeof with, "%.*s", (int)len, p);
        if (len != n || memcmp(p, t->whole + at, n) != 0)
            try_one(t, c, at, n, with);
        p += len + (p[len] == '|');
    }
}

static const char *words_of(const char *key, const char *word, size_t n)
{
    if (!strcmp(key, "bad"))
        return in_words(map_role_words, word, n) ? map_role_words : map_measure_words;
    for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++)
        if (!strcmp(vocabularies[i].key, key))
            return vocabularies[i].words;
    return NULL;
}

static bool token_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* One value token under `key`. */
static void change(struct text *t, bool in_vectors, const char *key, size_t at, size_t n)
{
    const char *word = t->whole + at, *words = words_of(key, word, n);
    struct count *c = in_vectors ? &t->vectors : &t->meaning;
    if (in_words(excluded, key, strlen(key)))
        return;
    if (words)
        change_word(t, c, at, n, words);
    else if (isdigit((unsigned char)word[0]) || (word[0] == '-' && n > 1))
        change_number(t, c, at, n);
    else
        fail_msg("%s: what is \"%.*s\" of \"%s\"?", t->path, (int)n, word, key);
}

/* One line: keys end with a colon, everything else is a value of the last key. */
static void mutate_line(struct text *t, bool in_vectors, char key[40], size_t at, size_t end)
{
    while (at < end) {
        if (t->whole[at] == '#')
            return;
        if (!token_char(t->whole[at]) || (t->whole[at] == '-' && t->whole[at + 1] == ' ')) {
            at++;
            continue;
        }
        size_t n = 1;
        while (at + n < end && token_char(t->whole[at + n]))
            n++;
        if (t->whole[at + n] == ':') {
            snprintf(key, 40, "%.*s", (int)n, t->whole + at);
            if (in_words(excluded, key, n) && !strchr("{,", t->whole[at - 1]) &&
                !memchr(t->whole + at, '{', end - at) && !memchr(t->whole + at, '}', end - at))
                return; /* free text to the end of the line */
        } else {
            change(t, in_vectors, key, at, n);
        }
        at += n;
    }
}

static void mutate(struct text *t)
{
    bool in_vectors = false;
    char key[40] = "";
    for (size_t at = 0; at < t->n;) {
        size_t n = strcspn(t->whole + at, "\n");
        in_vectors = in_vectors || !strncmp(t->whole + at, "vectors:", 8);
        mutate_line(t, in_vectors, key, at, at + n);
        at += n + 1;
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

static void test_every_value_is_proved(void **state)
{
    (void)state;
    struct count meaning = {0}, vectors = {0};
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        struct text t = {.path = shipped[i]};
        char *whole = NULL;
        assert_int_equal(confdoc_slurp(shipped[i], &whole, &t.n, NULL), 0);
        whole[t.n] = '\0';
        t.whole = whole;
        mutate(&t);
        printf("%s: declarations %u of %u, vectors %u of %u caught\n", t.path, t.meaning.caught,
               t.meaning.tried, t.vectors.caught, t.vectors.tried);
        add(&meaning, t.meaning);
        add(&vectors, t.vectors);
        assert_true(t.meaning.tried > 20 && t.vectors.tried > 100);
        assert_true(per_mille(t.meaning) >= 900);
        free(whole);
    }
    printf("all: declarations %u of %u (%u.%u %%), vectors %u of %u (%u.%u %%) caught\n",
           meaning.caught, meaning.tried, per_mille(meaning) / 10, per_mille(meaning) % 10,
           vectors.caught, vectors.tried, per_mille(vectors) / 10, per_mille(vectors) % 10);
    assert_true(per_mille(meaning) >= SHARE_WANTED);
    assert_true(per_mille(vectors) >= SHARE_WANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_value_is_proved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
