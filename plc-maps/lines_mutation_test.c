/* How much of the shipped maps of kind `lines` is proved by their own checks and vectors: every
 * number, every word of a closed vocabulary and every byte of a stream is changed, one at a time,
 * and the changed map must be refused. (Maps of registers: mutation_test.c.) */
#include "plc-maps/map_parts.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SHARE_WANTED = 950 }; /* per mille */

static const char *const shipped[] = {
    "plc-maps/yaohua-xk3190-continuous.yaml",
    "plc-maps/yaohua-xk3190-equals.yaml",
    "plc-maps/yaohua-xk3190-equals-high.yaml",
    "plc-maps/yaohua-xk3190-command.yaml",
    "plc-maps/yaohua-a12.yaml",
    "plc-maps/yaohua-a12e.yaml",
};
/* Words that mean something and what they may become. */
static const struct {
    const char *key, *words;
} vocabularies[] = {
    {"mode", LINES_MODES},     {"says", LINES_SAYS},    {"order", LINES_ORDERS},
    {"blanks", LINES_BLANKS},  {"shows", LINES_SHOWS},  {"point", "yes|no"},
    {"minus", "yes|no|-|+|0"}, {"kg", MAP_UNITS},       {"lb", MAP_UNITS},
    {"pc", MAP_UNITS},         {"G", LINES_SHOWS},      {"N", LINES_SHOWS},
    {"unit", LINES_UNITS},     {"bad", map_role_words},
};
/* Names, where a value is from, and how long one waits: nothing of a reading. */
static const char excluded[] = "|map|version|title|source|origin|name|confidence|trade|kind|answer|"
                               "request|timeout_ms|en|zh|";

struct text {
    const char *path, *whole;
    size_t n;
    unsigned tried, caught;
};

static void try_one(struct text *t, size_t at, size_t n, const char *with)
{
    size_t len = strlen(with);
    char *changed = malloc(t->n - n + len + 1);
    struct map *m = NULL;
    assert_non_null(changed);
    memcpy(changed, t->whole, at);
    memcpy(changed + at, with, len);
    memcpy(changed + at + len, t->whole + at + n, t->n - at - n + 1);
    t->tried++;
    if (map_parse(t->path, changed, t->n - n + len, &m, NULL) < 0) {
        t->caught++;
    } else {
        int line = 1;
        for (size_t i = 0; i < at; i++)
            line += t->whole[i] == '\n';
        printf("  survives: %s:%d: %.*s -> %s\n", t->path, line, (int)n, t->whole + at, with);
    }
    map_free(m);
    free(changed);
}

static void change_number(struct text *t, size_t at, size_t n)
{
    char with[24];
    long v = strtol(t->whole + at, NULL, 0);
    snprintf(with, sizeof with, "%ld", v + 1);
    try_one(t, at, n, with);
    snprintf(with, sizeof with, "%ld", v > 0 ? v / 2 : v - 1);
    try_one(t, at, n, with);
}

static void change_word(struct text *t, size_t at, size_t n, const char *words)
{
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, "|");
        char with[40];
        snprintf(with, sizeof with, "%.*s", (int)len, p);
        if (len != n || memcmp(p, t->whole + at, n) != 0)
            try_one(t, at, n, with);
        p += len + (p[len] == '|');
    }
}

/* A vector of what must be refused: a change of its stream leaves it as bad as it was. */
static bool is_refused(const struct text *t, size_t at)
{
    const char *end = strstr(t->whole + at, "\n  - name"), *thrown, *none;
    end = end ? end : t->whole + t->n;
    thrown = strstr(t->whole + at, "thrown:");
    none = strstr(t->whole + at, "frames: 0");
    return (thrown && thrown < end) || (none && none < end);
}

/* A quoted text: each character of it becomes another. */
static void change_text(struct text *t, size_t at, size_t n)
{
    bool price = false;
    for (size_t i = at; i < at + n; i++) {
        price = price || t->whole[i] == ';'; /* behind it the digits are skipped */
        if (price && t->whole[i] != ';')
            continue;
        if (t->whole[i] != ' ' || t->whole[at] == ' ')
            try_one(t, i, 1, t->whole[i] == '7' ? "3" : "7");
    }
}

static void change(struct text *t, const char *key, size_t at, size_t n)
{
    const char *word = t->whole + at;
    char in[48];
    snprintf(in, sizeof in, "|%s|", key);
    if (strstr(excluded, in))
        return;
    for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++)
        if (!strcmp(vocabularies[i].key, key) && !(isdigit((unsigned char)*word) && n > 1)) {
            change_word(t, at, n, vocabularies[i].words);
            return;
        }
    if (word[-1] == '"' && !is_refused(t, at))
        change_text(t, at, n);
    else if (word[-1] == '"')
        return;
    else if (isdigit((unsigned char)*word) || (*word == '-' && n > 1))
        change_number(t, at, n);
    else if (strcmp(key, "words") != 0 && strcmp(key, "w") != 0 && strcmp(key, "n") != 0)
        fail_msg("%s: what is \"%.*s\" of \"%s\"?", t->path, (int)n, word, key);
}

static bool token_char(char c)
{
    return isalnum((unsigned char)c) || strchr("_-.", c);
}

static void mutate_line(struct text *t, char key[40], size_t at, size_t end)
{
    while (at < end && t->whole[at] != '#') {
        size_t n = 1;
        if (t->whole[at] == '"') {
            n = (size_t)(strchr(t->whole + at + 1, '"') - t->whole) - at - 1;
            change(t, key, at + 1, n);
            at += n + 2;
            continue;
        }
        if (!token_char(t->whole[at]) || (t->whole[at] == '-' && t->whole[at + 1] == ' ')) {
            at++;
            continue;
        }
        while (at + n < end && token_char(t->whole[at + n]))
            n++;
        if (t->whole[at + n] == ':')
            snprintf(key, 40, "%.*s", (int)n, t->whole + at);
        else
            change(t, key, at, n);
        at += n;
    }
}

static void every_value_is_proved(void **state)
{
    (void)state;
    unsigned tried = 0, caught = 0;
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        struct text t = {.path = shipped[i]};
        char *whole = NULL, key[40] = "";
        assert_int_equal(confdoc_slurp(shipped[i], &whole, &t.n, NULL), 0);
        whole[t.n] = '\0';
        t.whole = whole;
        for (size_t at = 0; at < t.n;) {
            size_t n = strcspn(t.whole + at, "\n");
            mutate_line(&t, key, at, at + n);
            at += n + 1;
        }
        printf("%s: %u of %u caught\n", t.path, t.caught, t.tried);
        assert_true(t.tried > 150);
        tried += t.tried;
        caught += t.caught;
        free(whole);
    }
    printf("all: %u of %u caught\n", caught, tried);
    assert_true(caught * 1000 / tried >= SHARE_WANTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_value_is_proved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
