/* The drive's registers as a table of lines. Thread: any; owns nothing.
 * Source: facts/devices 1b, INVT GD10/20 row (SW1: 1 forward, 3 stop, 4 fault). */
#include "sim/drive.h"
#include <stddef.h>

enum { MAX_READ = 16, NOMINAL_CENTIHZ = 5000 };

void drive_init(struct drive *d)
{
    *d = (struct drive){.set_centihz = NOMINAL_CENTIHZ, .running = true};
}

static uint16_t state_word(const struct drive *d)
{
    return d->fault ? 4 : d->running ? 1 : 3;
}

static uint16_t run_of(const struct drive *d, uint32_t full)
{
    return d->running && !d->fault ? (uint16_t)(full * d->set_centihz / NOMINAL_CENTIHZ) : 0;
}

int drive_read(const struct drive *d, uint32_t addr, uint32_t n, uint16_t *ret_words)
{
    const struct {
        uint16_t addr, value;
    } rows[] = {
        {0x2100, state_word(d)},
        {0x2101, 0},
        {0x2102, d->fault},
        {0x2103, 0x010C},
        {0x3000, run_of(d, 5000)},
        {0x3001, d->set_centihz},
        {0x3002, 5400},
        {0x3003, run_of(d, 380)},
        {0x3004, run_of(d, 21)},
        {0x3005, run_of(d, 1400)},
    };
    if (n > MAX_READ)
        return 3;
    for (uint32_t i = 0; i < n; i++) {
        size_t r = 0, rn = sizeof rows / sizeof rows[0];
        while (r < rn && rows[r].addr != addr + i)
            r++;
        if (r == rn)
            return 2;
        ret_words[i] = rows[r].value;
    }
    return 0;
}
