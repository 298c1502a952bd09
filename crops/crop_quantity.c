/* Quantities as a person of the trade writes them, exact, in the measures' own units. Pure. */
#include "base/num.h"
#include "crops/crop_parts.h"
#include <stdio.h>
#include <string.h>

/* One of `word` is 10^decimals of `unit`. The first of a unit is the one that texts use. */
static const struct {
    const char *word, *unit;
    unsigned decimals;
} units[] = {
    {"g", "mg", 3},  {"kg", "mg", 6}, {"mg", "mg", 0},        {"mm", "um", 3},
    {"cm", "um", 4}, {"um", "um", 0}, {"mm/100mm", "ppm", 4}, {"ppm", "ppm", 0},
};
#define N_UNITS (sizeof units / sizeof units[0])

/* "12.5 mm" → the number alone in buf; returns the unit's word, NULL when there is none. */
static const char *split(const char *text, char *buf, size_t size)
{
    size_t n = strcspn(text, " ");
    if (n == 0 || n >= size || !text[n] || text[n + 1] == ' ' || !text[n + 1])
        return NULL;
    memcpy(buf, text, n);
    buf[n] = '\0';
    return text + n + 1;
}

int crop_quantity(const char *text, enum measure_id m, int64_t *ret)
{
    char number[32];
    const char *word = split(text, number, sizeof number);
    for (size_t i = 0; word && i < N_UNITS; i++)
        if (!strcmp(units[i].unit, measure_unit(m)) && !strcmp(units[i].word, word))
            return num_decimal(number, units[i].decimals, ret);
    return ERR_PARSE;
}

/* A scaled integer without trailing zeros: (450001, 3) → "450.001", (10000, 3) → "10". */
static const char *trimmed(int64_t value, unsigned decimals, char *buf, size_t size)
{
    for (; decimals > 0 && value % 10 == 0; decimals--)
        value /= 10;
    return num_fixed(value, decimals, buf, size);
}

const char *crop_quantity_text(int64_t value, enum measure_id m, char *buf, size_t size)
{
    char number[32];
    size_t i = 0;
    while (strcmp(units[i].unit, measure_unit(m)) != 0)
        i++; /* every unit of measures.def has a row */
    snprintf(buf, size, "%s %s", trimmed(value, units[i].decimals, number, sizeof number),
             units[i].word);
    return buf;
}

int crop_share(const char *text, int64_t *ret)
{
    char number[32];
    int64_t v;
    const char *word = split(text, number, sizeof number);
    if (!word || strcmp(word, "%") != 0 || num_decimal(number, 4, &v) < 0)
        return ERR_PARSE;
    if (v < 0 || v > 1000000)
        return ERR_RANGE;
    *ret = v;
    return 0;
}

const char *crop_share_text(int64_t ppm, char *buf, size_t size)
{
    char number[24];
    snprintf(buf, size, "%s %%", trimmed(ppm, 4, number, sizeof number));
    return buf;
}
