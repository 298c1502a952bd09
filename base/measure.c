/* The words of measures.def. Pure. */
#include "base/measure.h"
#include <string.h>

static const struct {
    const char *word, *unit;
} measures[] = {
#define MEASURE(name, word, unit) {word, unit},
#define DEFECT(name, word)
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
};
static const char *const defects[] = {
#define MEASURE(name, word, unit)
#define DEFECT(name, word) word,
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
};

const char *measure_word(enum measure_id m)
{
    return measures[m].word;
}

const char *measure_unit(enum measure_id m)
{
    return measures[m].unit;
}

const char *defect_word(enum defect_id d)
{
    return defects[d];
}

int measure_from_word(const char *word)
{
    for (int i = 0; i < MEASURE_COUNT; i++)
        if (strcmp(measures[i].word, word) == 0)
            return i;
    return -1;
}

int defect_from_word(const char *word)
{
    for (int i = 0; i < DEFECT_COUNT; i++)
        if (strcmp(defects[i], word) == 0)
            return i;
    return -1;
}
