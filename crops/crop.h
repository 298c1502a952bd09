/* A crop file: its products' grades and the rules that decide them. YAML, checked for gaps and
 * overlaps, versioned and hashed; immutable after loading and shared by threads.
 * A rule set ("lu", "tiao", "default") gives grades 1…n in order of worth, by measured inputs
 * (minimum inclusive, maximum exclusive), exclusions by defect, and lot-level tolerance shares. */
#pragma once
#include "base/err.h"
#include "base/measure.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CROP_GRADES_MAX 16
#define GRADE_NONE      0 /* not graded: bad quality, or nothing fits */

enum grade_basis { BASIS_DIAMETER, BASIS_LENGTH, BASIS_WEIGHT, BASIS_MANUAL };
const char *grade_basis_word(enum grade_basis b); /* "diameter" … */

/* Why an item got its grade; stored with the item (0…999 fits 16 bits), shown as text. */
enum grade_why {
#define WHY(name, code, text) WHY_##name = code,
#include "crops/why.def"
#undef WHY
};
const char *grade_why_text(uint16_t why);

struct crop;
struct ruleset; /* borrowed from its crop */

int crop_load(const char *path, struct crop **ret, struct err *e);
int crop_parse(const char *name, const char *text, size_t n, struct crop **ret, struct err *e);
void crop_free(struct crop *c);
const char *crop_id(const struct crop *c);                     /* "codonopsis" */
const char *crop_name(const struct crop *c, const char *lang); /* "zh" 党参, "en" Codonopsis */
size_t crop_rulesets(const struct crop *c);
const struct ruleset *crop_ruleset_at(const struct crop *c, size_t i);
const struct ruleset *crop_ruleset(const struct crop *c, const char *id); /* NULL: no such */

const char *ruleset_id(const struct ruleset *r);     /* "lu" */
uint32_t ruleset_version(const struct ruleset *r);   /* the file's version, from 1 */
const char *ruleset_sha256(const struct ruleset *r); /* of the rule set's canonical form, 64 hex */
/* The canonical text that the hash is of: who has it can grade again. malloc'd; NULL: no memory. */
char *crop_ruleset_text(const struct crop *c, const struct ruleset *r);
enum grade_basis ruleset_basis(const struct ruleset *r);
uint16_t ruleset_grades(const struct ruleset *r); /* n; grades are 1…n */
/* "1", "reject"; "-" for 0 */
const char *ruleset_grade_code(const struct ruleset *r, uint16_t grade);
const char *ruleset_grade_name(const struct ruleset *r, uint16_t grade, const char *lang);
int ruleset_grade_from_code(const struct ruleset *r, const char *code); /* grade or 0 */
/* Measures the rule set needs; a line that cannot measure one of them may not run it
 * (bit 1<<id). */
uint32_t ruleset_needs(const struct ruleset *r);
/* "zh" 潞党, "en" Lu dangshen */
const char *ruleset_name(const struct ruleset *r, const char *lang);
/* True when weight stands for a measure that the line has not (declared in the file, part of the
 * hash): the measure, and how many pieces of every lot must be measured by hand to calibrate.
 * Outputs are written only then. A lot graded so shows its basis and its sample to the buyer. */
bool ruleset_proxy(const struct ruleset *r, enum measure_id *ret_of, uint32_t *ret_pieces);
