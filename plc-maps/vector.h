/* Golden frames of a map, run while it loads. Private to plc-maps/: vector.c has the list,
 * vector_frames.c the register frames, vector_mailbox.c items and headers, vector_plan.c the cost
 * of a poll. */
#pragma once
#include "plc-maps/map_parts.h"

struct vector {
    char name[64], origin[96];
    int line;
    int64_t channel;
    bool wrong;
    const struct ynode *item, *header, *frames, *plan, *expect, *bad, *defects;
};
/* Expected values by word: table of names, value wanted, and whether it was named. */
struct expected {
    int64_t value[64];
    bool named[64];
};
/* Reads a map of name: integer, whose names are those of `words` ("a|b|c"). */
bool vector_expect(struct confdoc *d, const struct ynode *map, const char *words, size_t n,
                   struct expected *ret);
/* Reads a list of such words into bits. */
bool vector_bits(struct confdoc *d, const struct ynode *list, const char *words, uint64_t *ret);
/* A reading against what the vector says of it; bad: a bit for each role that must be bad. has:
 * what gave the reading, "the map". */
void vector_reading(struct confdoc *d, const char *name, int line, const struct reading *x,
                    const struct expected *want, uint64_t bad, const char *has);
/* "manual page …", "capture …", "test …" (of working code) or "constructed". */
bool vector_origin_known(const char *origin);
/* Reads exactly n words. */
bool vector_words(struct confdoc *d, const struct ynode *list, size_t n, uint16_t *out);

/* *proved: a bit for each identity and setting that a frame showed and that held. */
void vector_frames(struct confdoc *d, const struct map *m, const struct vector *v,
                   uint32_t *proved);
void vector_item(struct confdoc *d, const struct map *m, const struct vector *v);
void vector_header(struct confdoc *d, const struct map *m, const struct vector *v);
void vector_plan(struct confdoc *d, const struct map *m, const struct vector *v);
