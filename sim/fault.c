/* Which request a fault hits and what it does to the bytes of a reply. Thread: any; owns nothing.
 * Invariants: 1 several faults may hit one request; 2 a reply keeps at least one byte. */
#include "sim/fault.h"
#include "base/err.h"
#include <string.h>

static const char *const words[FAULT_KINDS] = {
#define F(name, word, what) word,
#include "sim/faults.def"
#undef F
};

int fault_from(const char *word)
{
    for (int i = 0; i < FAULT_KINDS; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static const char *const texts[FAULT_KINDS] = {
#define F(name, word, what) what,
#include "sim/faults.def"
#undef F
};

const char *fault_text(enum fault_kind kind)
{
    return texts[kind];
}

const char *fault_word(enum fault_kind kind)
{
    return words[kind];
}

int fault_arm(struct faults *fs, struct fault f)
{
    for (size_t i = 0; i < FAULTS_MAX; i++) {
        if (fs->f[i].armed)
            continue;
        fs->f[i] = f;
        fs->f[i].seen = 0;
        fs->f[i].armed = true;
        return 0;
    }
    return ERR_TOOBIG;
}

void fault_clear(struct faults *fs)
{
    memset(fs->f, 0, sizeof fs->f);
}

static bool hits(struct fault *f)
{
    uint32_t every = f->every ? f->every : 1;
    if (!f->armed || ++f->seen % every)
        return false;
    if (f->times && --f->times == 0)
        f->armed = false;
    return true;
}

struct fault_hit fault_next(struct faults *fs)
{
    struct fault_hit h = {0};
    for (size_t i = 0; i < FAULTS_MAX; i++) {
        struct fault *f = &fs->f[i];
        if (!hits(f))
            continue;
        h.mask |= 1u << f->kind;
        h.ms = f->ms > h.ms ? f->ms : h.ms;
        h.code = f->code ? f->code : h.code;
        fs->hits++;
    }
    return h;
}

size_t fault_spoil(const struct fault_hit *h, struct dice *d, uint8_t *frame, size_t n, size_t unit,
                   size_t data)
{
    if (fault_is(h, FAULT_UNIT))
        frame[unit] = (uint8_t)(frame[unit] + 1 + dice_below(d, 200));
    if (fault_is(h, FAULT_TID) && unit >= 2)
        frame[1] = (uint8_t)(frame[1] + 1 + dice_below(d, 200));
    if (fault_is(h, FAULT_FLIP) && data < n)
        frame[data + dice_below(d, (uint32_t)(n - data))] ^= (uint8_t)(1u << dice_below(d, 8));
    if (fault_is(h, FAULT_TRUNCATE))
        n = (n + 1) / 2;
    return n;
}
