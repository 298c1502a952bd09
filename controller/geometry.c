/* Deadline of a line against its belt. Pure.
 * The worst case is counted, not the usual one: a line that only usually decides in time is
 * refused. */
#include "controller/geometry.h"
#include "plc-maps/mailbox_layout.h"

#define BITS_PER_CHAR 11
#define SCAN_MS       20 /* a scan that just began when the slot came */
#define TCP_TRIP_MS   5  /* the wire and both stacks */

/* One transaction: so many bytes out and back, silence before and after, the device's own delay. */
static int64_t transaction_us(const struct geometry *g, int64_t bytes)
{
    int64_t own = (int64_t)g->link->turnaround_ms * 1000;
    if (g->serial_baud == 0)
        return own + TCP_TRIP_MS * 1000L;
    int64_t char_us = (BITS_PER_CHAR * 1000000 + g->serial_baud - 1) / g->serial_baud;
    int64_t silence = g->serial_baud > 19200 ? 1750 : char_us * 7 / 2;
    if (silence < g->link->guard_us)
        silence = g->link->guard_us;
    return bytes * char_us + 2 * silence + own;
}

int64_t geometry_worst_ms(const struct geometry *g)
{
    int64_t header = transaction_us(g, 8 + 5 + 2 * (MB_HDR_WORDS + 1));
    int64_t record = transaction_us(g, 8 + 5 + 2 * MB_ITEM_WORDS);
    int64_t slot = transaction_us(g, 9 + 2 * MB_SLOT_WORDS + 8);
    int64_t host = transaction_us(g, 9 + 2 * MB_HOST_WORDS + 8);
    int64_t us = (int64_t)g->poll_ms * 1000 + header + host + header + record + slot;
    return (us + 999) / 1000 + SCAN_MS + g->neighbour_ms;
}

int64_t geometry_have_ms(const struct geometry *g)
{
    return g->distance_um * 1000 / g->belt_um_per_s - g->lead_ms;
}

int geometry_check(const struct geometry *g, struct err *e)
{
    int64_t need = geometry_worst_ms(g), have = geometry_have_ms(g), missing = need - have;
    if (missing <= 0)
        return 0;
    int64_t mm = (missing * g->belt_um_per_s + 999999) / 1000000;
    if (g->neighbour)
        return err_set(
            e, ERR_RANGE,
            "deciding may take %lld ms (%u while %s is dead), the belt gives "
            "%lld ms; %lld ms are missing: move the gate %lld mm away or use another bus",
            (long long)need, g->neighbour_ms, g->neighbour, (long long)have, (long long)missing,
            (long long)mm);
    return err_set(e, ERR_RANGE,
                   "cannot decide in time: the belt gives %lld ms, deciding may take %lld ms; %lld "
                   "ms are missing: move the first gate %lld mm away, slow the belt down, or take "
                   "a faster link",
                   (long long)have, (long long)need, (long long)missing, (long long)mm);
}
