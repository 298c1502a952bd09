/* Measured values of one item, with their quality. Plain values; shared by maps (which produce
 * them) and crops (which judge them). Bad quality is never decided as good. */
#pragma once
#include <stdint.h>

enum measure_id {
#define MEASURE(name, word, unit) MEASURE_##name,
#define DEFECT(name, word)
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    MEASURE_COUNT
};
enum defect_id {
#define MEASURE(name, word, unit)
#define DEFECT(name, word) DEFECT_##name,
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    DEFECT_COUNT
};
enum quality { QUALITY_ABSENT, QUALITY_BAD, QUALITY_GOOD };

struct measures {
    int64_t value[MEASURE_COUNT]; /* mg, um, ppm as in the table; valid only when GOOD */
    uint8_t quality[MEASURE_COUNT];
    uint32_t defects; /* bit 1 << defect_id: found */
    uint32_t looked;  /* bit 1 << defect_id: the line can see this defect at all */
};

const char *measure_word(enum measure_id m);
const char *measure_unit(enum measure_id m);
const char *defect_word(enum defect_id d);
int measure_from_word(const char *word); /* index or -1 */
int defect_from_word(const char *word);  /* index or -1 */
