/* Identifiers: lot codes that people type from a torn label, box ids, GS1 keys and their check
 * digits, URIs. Pure, except ident_begin and ident_note, which read and write the projection
 * `counter`. Lot code: {kind}{yymmdd}-{station}{seq}{check}, for example "G261124-A007K": kind E
 * intake, G graded, W rework, R run, T hand-sorting task; check character ISO/IEC 7064 MOD 37,36
 * over the rest without the dash; the number is unique per station and printed date, whatever the
 * kind. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define IDENT_LOT_SIZE 21 /* characters 0-9 A-Z -, at most 20, and NUL */
#define IDENT_BOX_SIZE 11 /* 10 characters of base32, 50 random bits, and NUL */

enum ident_kind {
    IDENT_INTAKE = 'E',
    IDENT_GRADED = 'G',
    IDENT_REWORK = 'W',
    IDENT_RUN = 'R',
    IDENT_TASK = 'T'
};

/* Numbers for one command: begun from the projection, noted by the events' apply functions. */
struct ident_mint {
    char station, day[7];
    uint32_t next;
};
int ident_begin(struct db *db, char station, struct wall at, struct ident_mint *ret, struct err *e);
/* ERR_RANGE when the day's 34,696 numbers are used up. */
int ident_lot(struct ident_mint *m, enum ident_kind kind, char ret[IDENT_LOT_SIZE], struct err *e);
int ident_note(struct db *db, const char *lot); /* apply functions: this number is used */
/* Minutes east of UTC for printed dates; 480 as long as nothing else is recorded. */
int ident_offset_min(struct db *db, int *ret_min, struct err *e);
/* The printed day of a moment, YYMMDD. */
int ident_day(struct db *db, struct wall at, char ret[7], struct err *e);

bool ident_lot_ok(const char *lot);       /* shape and check character */
char ident_check_37_36(const char *text); /* characters other than 0-9 A-Z are skipped */
void ident_box(char ret[IDENT_BOX_SIZE]);
bool ident_box_ok(const char *box);
bool ident_word_ok(const char *text,
                   size_t max); /* [a-z0-9-]{1,max}: products, crops, stations, lines */

/* GTIN of 8, 12, 13 or 14 digits → 14. Refuses a wrong check digit and the prefixes for restricted
 * circulation (02, 04, 20–29; GTIN-8 0, 2), which mean nothing outside one shop. */
int ident_gtin(const char *text, char ret[15], struct err *e);
bool ident_sscc_ok(const char *text); /* 18 digits, check digit */
int ident_gs1_check(const char *digits,
                    size_t n);        /* the check digit that follows n digits; −1: no digit */
bool ident_uscc_ok(const char *text); /* GB 32100-2015, 18 characters, check by modulus 31 */

/* URIs. gtin NULL or "": private ones under base (no trailing slash). */
void ident_lot_uri(const char *base, const char *gtin, const char *product, const char *lot,
                   char *ret, size_t size);
void ident_uri(const char *base, const char *kind, const char *id, char *ret, size_t size);
/* What stands in a label's QR after the host: "/B/ID?s=SEAL". */
void ident_box_path(const char *box, const char *seal, char *ret, size_t size);
/* A UUID that is a function of its input: version 8, first 122 bits of SHA-256. "urn:uuid:…" */
void ident_uuid(const void *p, size_t n, char ret[46]);
