/* Registered rule sets: what decided, by number, for ever. A rule set is registered when a run
 * first uses it; the same text has the same hash and so the same number. */
#pragma once
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>
#include <stdint.h>

#define RULE_GRADES_MAX 16

struct command_context;
struct rule_grade {
    char code[17], name_zh[41], name_en[41];
};
struct rule_facts {
    uint32_t rule, version;
    char crop[33], ruleset[33], sha256[65], basis[12];
    uint32_t grades;                              /* 1…grades */
    struct rule_grade grade[RULE_GRADES_MAX + 1]; /* [0]: not graded */
};
/* facts: {crop, ruleset, version, sha256, basis, text?, grades:[{code, name_zh, name_en}…]} in
 * order of worth. Appends rule.registered unless this sha256 is known. Handlers only. */
int rule_ensure(struct command_context *c, const json_t *facts, uint32_t *ret, struct err *e);
int rule_get(struct db *db, uint32_t rule, struct rule_facts *ret, struct err *e);
