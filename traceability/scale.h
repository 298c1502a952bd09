/* Scales as the record knows them: role, certificate, today's check-weights. Which weight may
 * credit a farmer, pay a worker or be printed as net weight is decided here. (controller/scale.h
 * reads them.) */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct command_context;
struct scale_facts {
    char scale[33], role[12], accuracy_class[8], serial[41], certificate[41];
    int64_t valid_until_ms, max_mg, min_mg, e_mg, d_mg;
    bool trade_static; /* role static with a certificate that is valid at the time asked for */
    bool checked;      /* the day's newest check-weights were within the limits */
    bool check_failed; /* they were not */
};
/* As of `at`. ERR_NOT_FOUND: never configured. */
int scale_facts(struct db *db, const char *scale, struct wall at, struct scale_facts *ret,
                struct err *e);
/* 0, or ERR_STATE with the reason and the way out: this scale may not credit anybody now. */
int scale_may_credit(const struct scale_facts *f, struct wall at, struct err *e);
/* Largest error in service of a class III scale, OIML R 76-1 table 6 and 3.5.2: 1 e up to 500 e, 2
 * e up to 2000 e, 3 e above. Pure. */
int64_t scale_limit_mg(int64_t e_mg, int64_t load_mg);

/* The highest placement number that station has ever had accepted; 0: none. */
int station_last_placement(struct db *db, const char *station, uint32_t *ret, struct err *e);
/* Appends scale.checked for weights [{applied_mg, shown_mg}…]; *ret_ok: all within their limits. */
int scale_check_append(struct command_context *c, const struct scale_facts *f,
                       const json_t *weights, bool *ret_ok, struct err *e);
