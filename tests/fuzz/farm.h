/* For targets that need a record: the farm of the unit tests (traceability/test_farm.h) with its
 * demo lots, and names for what stands in it, so that an input can speak of a lot without knowing
 * today's number: "@i" in a text becomes the intake lot, and so on. Random numbers are the same in
 * every run. */
#pragma once
#include "tests/fuzz/fuzz.h"
#include "traceability/test_farm.h"
#include "base/num.h"
#include "base/crypto.h"
#include <sodium/randombytes.h>

struct fuzz_farm {
    struct farm *m;
    struct farm_demo demo;
    char open[IDENT_LOT_SIZE], closed[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], weighing[24];
};
static struct fuzz_farm farm;

static uint64_t fuzz_dice;

static const char *dice_name(void)
{
    return "fixed";
}

static uint32_t dice_word(void)
{
    return (uint32_t)seed_next(&fuzz_dice);
}

static void dice_bytes(void *const p, const size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)seed_next(&fuzz_dice);
}

static inline void farm_setup(bool with_buyer)
{
    static struct randombytes_implementation fixed = {
        .implementation_name = dice_name, .random = dice_word, .buf = dice_bytes};
    void *state = NULL;
    randombytes_set_implementation(&fixed);
    assert(crypto_setup() == 0);
    farm_start(&state);
    farm.m = state;
    if (with_buyer)
        farm_ok(farm.m, "buyer.register", "{s:s}", "buyer", "market");
    farm_demo(farm.m, &farm.demo);
    OK(store_begin(farm.m->f.s, e));
    farm_text(farm_do(farm.m, "lot.open", "{s:s,s:s}", "farmer", farm.m->farmer1, "product",
                      "codonopsis-lu"),
              "lot", farm.open, IDENT_LOT_SIZE);
    farm_lot(farm.m, farm.m->farmer2, 9000000, farm.closed);
    farm_text(farm_weigh(farm.m, "hand.out", 2000000, "{s:s,s:s}", "lot", farm.demo.lot3, "worker",
                         farm.m->worker),
              "task", farm.task, IDENT_LOT_SIZE);
    farm_text(farm_weigh(farm.m, "intake", 5000000, "{s:s}", "lot", farm.open), "weighing",
              farm.weighing, sizeof farm.weighing);
    OK(store_commit(farm.m->f.s, e));
}

/* Another process is played from here on: the writer goes away, its files stay. */
static inline void farm_leave(void)
{
    fix_close(&farm.m->f);
}

static inline void farm_remove(void)
{
    void *state = farm.m;
    farm_stop(&state);
    farm.m = NULL;
}

static inline const char *farm_word(char c)
{
    switch (c) {
    case '1': return farm.m->farmer1;
    case '2': return farm.m->farmer2;
    case 'w': return farm.m->worker;
    case 'i': return farm.demo.lot1;
    case 'h': return farm.demo.lot3;
    case 'o': return farm.open;
    case 'c': return farm.closed;
    case 'r': return farm.demo.run.id;
    case 'g': return farm.demo.run.grade[1];
    case 'b': return farm.demo.box;
    case 's': return farm.demo.seal;
    case 't': return farm.demo.task;
    case 'T': return farm.task;
    case 'v': return farm.weighing;
    default: return NULL;
    }
}

/* The text with its "@x" replaced; takes it over, the result is the caller's. */
static inline char *farm_expand(char *text)
{
    size_t n = strlen(text), len = 0;
    char *ret = malloc(n * IDENT_LOT_SIZE + 1);
    assert(ret);
    for (size_t i = 0; i < n; i++) {
        const char *word = text[i] == '@' ? farm_word(text[i + 1]) : NULL;
        if (word) {
            len += (size_t)sprintf(ret + len, "%s", word);
            i++;
        } else {
            ret[len++] = text[i];
        }
    }
    ret[len++] = 0;
    free(text);
    char *exact = realloc(ret, len);
    assert(exact);
    return exact;
}

/* "KEY=VALUE KEY=VALUE" as arguments: digits are an integer, [ and { begin JSON, ' a text, all else
 * is text; '~' stands for a blank. The caller's. */
static inline json_t *farm_args(char *text)
{
    json_t *args = json_object();
    for (char *save = NULL, *pair = strtok_r(text, " ", &save); pair;
         pair = strtok_r(NULL, " ", &save)) {
        char *eq = strchr(pair, '=');
        int64_t v;
        if (!eq)
            continue;
        *eq = 0;
        for (char *p = eq + 1; *p; p++)
            *p = *p == '~' ? ' ' : *p;
        json_t *value;
        if (eq[1] == '\'')
            value = json_string(eq + 2);
        else if (eq[1] == '[' || eq[1] == '{')
            value = json_loads(eq + 1, 0, NULL);
        else if (num_i64(eq + 1, INT64_MIN, INT64_MAX, &v) == 0)
            value = json_integer(v);
        else
            value = json_string(eq + 1);
        json_object_set_new(args, pair, value);
    }
    return args;
}
