/* The rules of a map, by file: check.c the map as a whole, check_link.c its link, check_value.c
 * single values, check_record.c records, fields, weights and proofs. Private to plc-maps/. Each
 * reports every breach into *d. */
#pragma once
#include "plc-maps/codec.h"

enum { CHECK_SPACE = 65536 };

void check_link(struct confdoc *d, const struct map *m);
void check_records(struct confdoc *d, const struct map *m);
void check_fields(struct confdoc *d, const struct map *m);
void check_weights(struct confdoc *d, const struct map *m);
void check_proofs(struct confdoc *d, const struct map *m);

/* `words`: the length of the record, or of an item's frame. */
void check_value(struct confdoc *d, const struct map_value *v, int line, int64_t words);
void check_slice(struct confdoc *d, const struct map_slice *s, int line, int64_t words,
                 const char *name);

bool check_fc(const struct map *m, int64_t fc); /* the map may use this function */
/* The map has a field of this role; record MAP_RECORDS_MAX: in any record. */
bool check_has_role(const struct map *m, int role, size_t record);
bool check_is_unit(int role, const char *unit);
/* Two ranges share a place. */
bool check_meet(int64_t a, int64_t an, int64_t b, int64_t bn);
