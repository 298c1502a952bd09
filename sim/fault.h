/* Faults that a script arms on a device: which request they hit, what they do to the reply's bytes.
 * Pure plain values; the sockets are serve.c's business. */
#pragma once
#include "sim/dice.h"
#include <stddef.h>

enum fault_kind {
#define F(name, word, what) FAULT_##name,
#include "sim/faults.def"
#undef F
    FAULT_KINDS
};
struct fault {
    enum fault_kind kind;
    uint32_t every; /* hits every k-th request, from the k-th on; 0 is taken as 1 */
    uint32_t times; /* then it disarms itself; 0: never */
    int ms, code;
    uint32_t seen; /* requests since it was armed */
    bool armed;
};
enum { FAULTS_MAX = 8 };
struct faults {
    struct fault f[FAULTS_MAX];
    uint32_t hits;
};
/* All that hit one request. */
struct fault_hit {
    uint32_t mask; /* bit 1 << fault_kind */
    int ms, code;
};

int fault_from(const char *word); /* enum fault_kind, or −1 */
const char *fault_word(enum fault_kind kind);
const char *fault_text(enum fault_kind kind);     /* what happens to a reply */
int fault_arm(struct faults *fs, struct fault f); /* 0, ERR_TOOBIG when FAULTS_MAX stand */
void fault_clear(struct faults *fs);
struct fault_hit fault_next(struct faults *fs);

static inline bool fault_is(const struct fault_hit *h, enum fault_kind kind)
{
    return h->mask >> kind & 1;
}
/* Spoils a whole reply frame of n bytes in place (unit, tid, flip, truncate). data: offset of the
 * first byte after the function code; unit: of the unit id. Returns the length to send. */
size_t fault_spoil(const struct fault_hit *h, struct dice *d, uint8_t *frame, size_t n, size_t unit,
                   size_t data);
