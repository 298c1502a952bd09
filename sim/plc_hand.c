/* A hand at the machine: feeding, stopping, blocking, clearing, pulling the plug.
 * Thread: the PLC's. Invariant: whatever stops the belt makes what is on it untracked (rule 7). */
#include "sim/plc_state.h"
#include <stdlib.h>
#include <string.h>

void plc_feed(struct plc *p, uint32_t items, uint32_t rate_milli)
{
    p->feed_left = items > UINT32_MAX - p->feed_left ? UINT32_MAX : p->feed_left + items;
    p->held_infeed = false;
    if (rate_milli)
        p->rate_milli = rate_milli;
}

void plc_stop(struct plc *p)
{
    p->stopped = true;
    plc_belt_untrack(p);
}

void plc_hold_infeed(struct plc *p, bool on)
{
    p->held_infeed = on;
}

void plc_resume(struct plc *p)
{
    p->stopped = p->held_infeed = false;
}

/* After the release the belt stays still until a person resumes. */
void plc_estop(struct plc *p, bool on)
{
    p->estop = on;
    if (on)
        plc_stop(p);
}

void plc_trip(struct plc *p, uint16_t code)
{
    p->fault = code;
    if (code)
        plc_belt_untrack(p);
}

void plc_manual(struct plc *p, bool on)
{
    p->manual = on;
}

void plc_table_mode(struct plc *p, bool on)
{
    p->table = on;
}

static int set_bit(const struct plc *p, uint16_t *mask, uint16_t outlet, bool on)
{
    if (outlet == 0 || outlet > p->cfg.n_outlets)
        return ERR_RANGE;
    uint16_t bit = (uint16_t)(1u << (outlet - 1));
    *mask = (uint16_t)(on ? *mask | bit : *mask & ~bit);
    return 0;
}

int plc_block(struct plc *p, uint16_t outlet, bool on)
{
    return set_bit(p, &p->blocked, outlet, on);
}

int plc_lane_full(struct plc *p, uint16_t outlet, bool on)
{
    return set_bit(p, &p->lane_full, outlet, on);
}

/* Rule 10: not possible while the bit stands, and the bit stands only while the host is there. */
int plc_restart_feed(struct plc *p)
{
    if (p->host.ok && (p->k.image[MB_HOST_REQUEST] & MB_REQUEST_FEED_STOP))
        return ERR_BUSY;
    if (p->k.feed_stopped)
        plc_say(p, (struct plc_event){.kind = PLC_FEED_STOP, .on = false, .at = p->last_scan});
    p->k.feed_stopped = false;
    return 0;
}

/* Rule 2: clearing by hand also makes a new BOOT_NONCE. */
void plc_clear(struct plc *p, struct mono now)
{
    plc_say(p, (struct plc_event){.kind = PLC_CLEAR, .what = "hand", .at = now});
    plc_forget(p);
    p->boot_nonce = dice_nonce(&p->nonce);
}

void plc_reboot(struct plc *p, bool lose_memory, struct mono now)
{
    if (lose_memory) {
        plc_forget(p);
        memset(p->k.mem, 0, sizeof p->k.mem);
        memset(p->k.image, 0, sizeof p->k.image);
        p->enc_zero = p->pos;
    }
    plc_boot_begin(p, lose_memory ? "volatile" : "retentive", now);
}

void plc_freeze(struct plc *p, bool on)
{
    p->frozen = on;
    plc_belt_untrack(p);
}

void plc_intrude(struct plc *p, struct mono until)
{
    p->intruder_until = until;
    p->intruder_due = p->last_scan;
}

void plc_spoil(struct plc *p, enum plc_spoil what, uint32_t n)
{
    p->spoil[what] += n;
}

void plc_backup(struct plc *p)
{
    if (!p->backup)
        p->backup = malloc(sizeof *p->backup);
    if (p->backup)
        *p->backup = p->k;
}

/* Things numbered since the backup are strangers to the restored memory. */
int plc_restore(struct plc *p, struct mono now)
{
    if (!p->backup)
        return ERR_NOT_FOUND;
    uint16_t boots = p->k.boot_count;
    p->k = *p->backup;
    p->k.boot_count = boots;
    p->life++;
    p->restored = true;
    plc_boot_begin(p, "restored", now);
    return 0;
}
