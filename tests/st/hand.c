/* A hand at the machine with the Structured Text inside: stopping, blocking, pressing, pulling the
 * plug. */
#include "tests/st/sorter.h"

void plc_feed(struct plc *p, uint32_t items, uint32_t rate_milli)
{
    p->feed_left = items > UINT32_MAX - p->feed_left ? UINT32_MAX : p->feed_left + items;
    p->held_infeed = false;
    if (rate_milli)
        p->rate_milli = rate_milli;
}

void plc_stop(struct plc *p)
{
    p->stopped = p->jolt = true;
}

void plc_hold_infeed(struct plc *p, bool on)
{
    p->held_infeed = on;
}

void plc_resume(struct plc *p)
{
    p->stopped = p->held_infeed = false;
}

void plc_estop(struct plc *p, bool on)
{
    p->estop = on;
    if (on)
        plc_stop(p);
}

void plc_trip(struct plc *p, uint16_t code)
{
    p->fault = code;
    p->jolt |= code != 0;
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

/* Whether the block obeys shows only after the press. */
int plc_restart_feed(struct plc *p)
{
    if (p->down || p->frozen)
        return p->m.keep.xFeedStopped ? ERR_BUSY : 0;
    p->press_restart = true;
    call_block(p, NULL, 0, p->last_scan);
    call_block(p, NULL, 0, p->last_scan); /* the button is let go */
    return p->fb.keep.xFeedStopped ? ERR_BUSY : 0;
}

void plc_clear(struct plc *p, struct mono now)
{
    if (p->down || p->frozen)
        return;
    p->press_clear = true;
    if (!call_block(p, NULL, 0, now))
        call_block(p, NULL, 0, now);
}

/* Half of the power cuts fall between two scans; the others into one, of these half into one that
 * has an item or a decision to do. */
void plc_reboot(struct plc *p, bool lose_memory, struct mono now)
{
    if (lose_memory || p->down || p->frozen || dice_below(&p->dice, 2)) {
        boot(p, lose_memory ? "volatile" : "retentive", lose_memory, now);
        return;
    }
    p->cutting = dice_below(&p->dice, 2) ? CUT_NEXT : CUT_AT_WORK;
}

/* A PLC that goes from STOP to RUN has started anew. */
void plc_freeze(struct plc *p, bool on)
{
    if (p->frozen && !on && !p->down)
        boot(p, "retentive", false, p->last_scan);
    p->frozen = on && !p->down;
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
        *p->backup = p->m;
}

int plc_restore(struct plc *p, struct mono now)
{
    if (!p->backup)
        return ERR_NOT_FOUND;
    uint16_t boots = p->m.keep.uiBootCount;
    p->m = *p->backup;
    p->m.keep.uiBootCount = boots;
    p->life++;
    p->restored = true;
    p->stale_end = p->m.keep.uiEnd;
    belt_unknown(p);
    boot(p, "restored", false, now);
    return 0;
}

static uint32_t on_belt(const struct plc *p)
{
    uint32_t n = 0;
    for (uint32_t i = p->first; i != p->end; i++)
        n += !p->thing[i % THINGS].decided;
    return n;
}

void plc_stat(const struct plc *p, struct plc_stat *ret)
{
    const struct FB_Mailbox_keep *k = &p->m.keep;
    *ret = p->stat;
    ret->epoch = k->udiEpoch;
    ret->head = k->udiHead;
    ret->oldest = k->udiOldest;
    ret->out_head = k->udiOutHead;
    ret->boot_nonce = k->udiNonce;
    ret->held = k->udiHead + 1 - k->udiOldest;
    ret->on_belt = on_belt(p);
    ret->feed_left = p->feed_left;
    ret->state = p->m.b[MB_HDR_STATE];
    ret->fault = p->fault;
    ret->late_count = k->uiLate;
    ret->lost_count = k->uiLost;
    ret->up = !p->down;
}
