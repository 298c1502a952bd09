/* What a map of kind `lines` is made of. Private to plc-maps/: read by lines_read.c, judged and
 * laid out by lines_check.c, used by lines.c and lines_vector.c. Offsets count from 0; −1: not
 * there. */
#pragma once
#include "base/confdoc.h"
#include "plc-maps/lines.h"

enum {
    LINES_FORMS_MAX = 8,
    LINES_ASKS_MAX = 4,
    LINES_WORDS_MAX = 8,
    LINES_WORD_LEN = 8,
    LINES_MATCH_MAX = 6,
    LINES_EDGE_MAX = 4,
    LINES_DIGITS_MAX = 12,
    LINES_ADDRESSES = 26,
};

#define LINES_MODES "continuous|asked"
enum lines_mode { LINES_CONTINUOUS, LINES_ASKED };
#define LINES_SAYS "weight|over|under|error"
enum lines_says { SAYS_WEIGHT, SAYS_OVER, SAYS_UNDER, SAYS_ERROR };
#define LINES_SHOWS "displayed|gross|net"
enum lines_shows { SHOWS_DISPLAYED, SHOWS_GROSS, SHOWS_NET };
#define LINES_ORDERS "forward|reverse"
enum lines_order { DIGITS_FORWARD, DIGITS_REVERSE };
#define LINES_BLANKS "none|before|after|around"
enum lines_blanks { BLANKS_NONE, BLANKS_BEFORE, BLANKS_AFTER, BLANKS_AROUND };
#define LINES_CHECKS "xor" /* of bytes from … to, as two digits 0-9 A-F */

/* What a byte of a form is for. */
enum lines_place {
    PLACE_NONE,
    PLACE_BYTE, /* exactly `wanted` */
    PLACE_ADDRESS,
    PLACE_SIGN,
    PLACE_DIGITS,
    PLACE_DECIMALS,
    PLACE_CHECK,
    PLACE_WORD, /* of one of the form's tables */
    PLACE_SKIP, /* any printable character */
};

/* Words at a place and what each means, all of one length. n 0: not there. */
struct lines_words {
    int64_t at;
    size_t n, width;
    int line;
    struct lines_word {
        char text[LINES_WORD_LEN + 1];
        int means;
    } word[LINES_WORDS_MAX];
};
struct lines_match {
    int64_t at;
    char text[LINES_FRAME_MAX];
    int line;
};
struct lines_check {
    int64_t from, to, at; /* at −1: no check */
    int kind, line;
};
struct lines_digits {
    int64_t at, width; /* width 0: not there */
    int order, blanks, line;
    bool point, minus; /* a '.' among them; a '-' before them */
};
struct lines_sign {
    int64_t at; /* −1: no sign */
    char minus[2], plus[8];
    int line;
};
struct lines_decimals {
    int64_t fixed, at, max; /* at −1: fixed; fixed −1: by the point among the digits */
    int line;
};
struct lines_form {
    char name[32], source[160];
    int line, says, shows, confidence;
    int64_t length, closed_by, address;
    uint8_t begin[LINES_EDGE_MAX], end[LINES_EDGE_MAX];
    size_t n_begin, n_end, n_match, n_skip;
    struct lines_match match[LINES_MATCH_MAX];
    struct lines_skip {
        int64_t at, width;
        int line;
    } skip[LINES_MATCH_MAX];
    struct lines_check check;
    struct lines_digits digits;
    struct lines_sign sign;
    struct lines_decimals decimals;
    struct lines_words unit, shown, stable;
    uint8_t place[LINES_FRAME_MAX], wanted[LINES_FRAME_MAX]; /* laid out */
};
struct lines_request {
    char name[32], answer[32];
    int line;
    uint8_t bytes[LINES_FRAME_MAX];
    size_t n, form;
    int64_t address;
    struct lines_check check;
};
struct lines_map {
    int line, mode;
    int64_t gap_ms, timeout_ms, stable_ms, stable_frames;
    struct lines_form forms[LINES_FORMS_MAX];
    struct lines_request asks[LINES_ASKS_MAX];
    size_t n_forms, n_asks;
};

/* Loading, called by map.c's steps for kind `lines` alone. */
void lines_read(struct confdoc *d, struct lines_map *l, const struct ynode *at);
void lines_check(struct confdoc *d, struct map *m); /* and lays the forms out */
void lines_vector(struct confdoc *d, const struct map *m, const struct ynode *at);
struct map_keys;
extern const struct map_keys lines_keys_stream;
const struct map_keys *lines_keys(size_t i); /* as map_keys */
void lines_describe(const struct map *m, void (*say)(void *ctx, const char *text), void *ctx);

/* One whole frame against a form: false: not of this form. *ret_right: its check holds. */
bool lines_fits(const struct lines_form *f, const uint8_t *bytes, size_t n, bool *ret_right);
/* What a frame of this form means. false: its digits are none. */
bool lines_decode(const struct lines_map *l, const struct lines_form *f, const uint8_t *bytes,
                  const struct lines_as *as, struct reading *ret);
