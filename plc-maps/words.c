/* The closed vocabularies of maps, from their tables, as words for readers and for people. */
#include "plc-maps/map_parts.h"

const char map_role_words[] =
#define ROLE(name, word, unit) word "|"
#include "plc-maps/roles.def"
#undef ROLE
    ;
const char map_type_words[] =
#define TYPE(name, word, words, bits, has_sign, keys) word "|"
#include "plc-maps/types.def"
#undef TYPE
    ;
const char map_measure_words[] =
#define MEASURE(name, word, unit) word "|"
#define DEFECT(name, word)
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;
const char map_defect_words[] =
#define MEASURE(name, word, unit)
#define DEFECT(name, word) word "|"
#include "base/measures.def"
#undef MEASURE
#undef DEFECT
    ;

static const struct {
    const char *word, *unit;
} roles[ROLE_COUNT] = {
#define ROLE(name, word, unit) {word, unit},
#include "plc-maps/roles.def"
#undef ROLE
};
static const struct {
    const char *word;
    unsigned keys;
} types[TYPE_COUNT] = {
#define TYPE(name, word, words, bits, has_sign, keys) {word, keys},
#include "plc-maps/types.def"
#undef TYPE
};
static const struct {
    const char *word;
    uint8_t fc;
} areas[] = {
    [AREA_HOLDING] = {"holding", 3},
    [AREA_INPUT] = {"input", 4},
    [AREA_COIL] = {"coil", 1},
    [AREA_DISCRETE] = {"discrete", 2},
};

const char *map_role_word(enum map_role r)
{
    return roles[r].word;
}

const char *map_role_unit(enum map_role r)
{
    return roles[r].unit;
}

const char *map_type_word(int type)
{
    return types[type].word;
}

unsigned map_type_keys(int type)
{
    return types[type].keys;
}

const char *map_area_word(int area)
{
    return areas[area].word;
}

uint8_t map_area_fc(int area)
{
    return areas[area].fc;
}
