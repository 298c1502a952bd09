/* A sorter (sim/plc.h) whose PLC is plc-maps/st/FB_Mailbox.st, translated by st2c.py: the same
 * tests and the same shed can judge it. Belt, items, hands and wires are this folder's; every
 * decision, number and word of the mailbox is the block's.
 *
 * It is worse to the block than a real machine: between any two statements words of a host's write
 * arrive, a reader looks at B, or the power fails (setjmp here, longjmp in step()). It judges no
 * host: a real PLC does not either. */
#define ST_CODE
#include "tests/st/sorter.h"
#include <assert.h>

static uint32_t block_words(const struct plc_cfg *c)
{
    return MB_HDR_WORDS + 24u * c->ring_n;
}

static uint32_t host_words(const struct plc_cfg *c)
{
    return MB_HOST_WORDS + (uint32_t)MB_SLOT_WORDS * c->slot_m;
}

/* ---- between two statements ---- */

static void more_of_the_write(struct plc *p)
{
    uint32_t rest = p->write.n - p->write.done, n = 1 + dice_below(&p->dice, rest);
    memcpy(p->m.h + p->write.off + p->write.done, p->write.words + p->write.done,
           n * sizeof p->write.words[0]);
    p->write.done += n;
    p->write.active = p->write.done < p->write.n;
    p->write.at = p->steps + 1 + dice_below(&p->dice, 60);
}

static void finish_write(struct plc *p)
{
    while (p->write.active)
        more_of_the_write(p);
}

static void step(void *ctx, int line)
{
    struct plc *p = ctx;
    (void)line;
    p->steps++;
    if (p->steps == p->look_at)
        memcpy(p->seen, p->m.b, p->look_n * sizeof p->seen[0]);
    if (p->write.active && p->write.at && p->steps >= p->write.at)
        more_of_the_write(p);
    if (p->steps == p->cut_at)
        longjmp(p->cut, 1);
}

/* ---- one call ---- */

static void settings(struct plc *p)
{
    const struct plc_cfg *c = &p->cfg;
    struct FB_Mailbox_in *in = &p->fb.in;
    in->uiPulsesPerM = c->pulses_per_m;
    in->uiOutlets = c->n_outlets;
    in->uiDefault = c->default_outlet;
    in->uiOverflow = c->overflow;
    in->uiArriving = (uint16_t)(c->infeed_ms / c->spacing_ms + 2);
    in->udiInfeedPulses = c->infeed_ms * c->speed / 1000;
    in->udiDecisionPulses = c->decision_ms * c->speed / 1000;
    in->xOverwrite = c->overwrite;
}

/* The clock of a small PLC may stand, or show what it showed last time. */
static uint32_t clock_us(struct plc *p)
{
    uint32_t v = dice_nonce(&p->nonce);
    if (p->m.keep.udiNonce && v % 8 == 0)
        return v % 16 ? p->m.keep.udiNonce : 0;
    return v;
}

static void machine(struct plc *p, uint32_t scan_ms)
{
    struct FB_Mailbox_in *in = &p->fb.in;
    in->xFirstScan = p->first_scan;
    in->uiScanMs = (uint16_t)(scan_ms < 60000 ? scan_ms : 60000);
    in->udiRandom = clock_us(p);
    in->udiEnc = encoder(p);
    in->uiEncSpeed = runs(p) ? p->cfg.speed : 0;
    in->xBeltRuns = !p->stopped && !p->jolt;
    in->xEstop = p->estop;
    in->uiFault = p->fault;
    in->xManual = p->manual;
    in->xTableMode = p->table;
    in->wBlocked = p->blocked;
    in->wLaneFull = p->lane_full;
    in->xClear = p->press_clear && !p->first_scan;
    in->xRestartFeed = p->press_restart && !p->first_scan;
}

/* The machine's own table: equal steps of weight. */
static uint16_t table_outlet(const struct plc *p, const struct farm_item *i)
{
    int64_t k = i->net_mg * p->cfg.n_outlets / farm_max_mg(p->cfg.crop);
    return (uint16_t)(k >= p->cfg.n_outlets ? p->cfg.n_outlets : k + 1);
}

static void measured(struct plc *p, const struct thing *t)
{
    struct FB_Mailbox_in *in = &p->fb.in;
    in->xItem = t != NULL;
    if (!t)
        return;
    in->xItemClose = t->close;
    in->wItemFlags = (uint16_t)(t->item.flags | (p->cfg.simulated ? MB_SIMULATED : 0));
    in->uiItemLane = 1;
    in->diItemWeight = t->item.weight;
    in->uiItemDecimals = t->item.decimals;
    in->uiItemUnit = p->spoil[PLC_SPOIL_UNIT] ? 9 : t->item.unit;
    in->udiItemEnc = (uint32_t)(t->at - p->enc_zero);
    in->uiItemLength = (uint16_t)(t->item.len_mm * p->cfg.pulses_per_m / 1000);
    in->uiItemAux1 = t->item.aux1;
    in->uiItemAux2 = t->item.aux2;
    in->uiItemTable = table_outlet(p, &t->item);
}

static void plan_steps(struct plc *p, bool item)
{
    uint32_t usual = p->usual[item] + 1;
    p->steps = p->cut_at = p->look_at = 0;
    p->write.at = p->write.active ? 1 + dice_below(&p->dice, usual) : 0;
    p->torn = p->cfg.checks && !p->torn && dice_permille(&p->dice, p->cfg.torn);
    if (p->torn) {
        uint32_t n = dice_below(&p->dice, 2) ? MB_HDR_WORDS : block_words(&p->cfg);
        p->look_at = 1 + dice_below(&p->dice, usual);
        p->look_n = 1 + dice_below(&p->dice, n);
    }
    bool work = item || p->fb.keep.uiFirst != p->fb.keep.uiEnd;
    if (p->cutting == CUT_NEXT ||
        (p->cutting == CUT_AT_WORK && work && dice_below(&p->dice, 8) == 0))
        p->cut_at = 1 + dice_below(&p->dice, usual);
}

static void show(struct plc *p, bool from_mid_scan)
{
    uint32_t from = from_mid_scan ? p->look_n : 0;
    memcpy(p->seen + from, p->m.b + from, (block_words(&p->cfg) - from) * sizeof p->seen[0]);
    if (!p->cfg.checks)
        p->seen[MB_HDR_HDR_CHECK] = 0; /* stands for a PLC that has none */
    memcpy(p->mem, p->m.h, host_words(&p->cfg) * sizeof p->mem[0]);
    if (p->write.active)
        memcpy(p->mem + p->write.off, p->write.words, p->write.n * sizeof p->mem[0]);
}

bool call_block(struct plc *p, struct thing *t, uint32_t scan_ms, struct mono now)
{
    struct before was = account_before(p);
    settings(p);
    machine(p, scan_ms);
    measured(p, t);
    plan_steps(p, t != NULL);
    volatile bool cut = true;
    p->fb.out = (struct FB_Mailbox_out){0};
    if (setjmp(p->cut) == 0) {
        FB_Mailbox_call(&p->fb);
        cut = false;
        p->usual[t != NULL] = p->steps;
        p->jolt = p->first_scan = p->press_clear = p->press_restart = false;
    }
    p->m.keep = p->fb.keep;
    account(p, &was, t, now);
    p->gate = cut ? (struct FB_Mailbox_out){0} : p->fb.out;
    show(p, p->look_at && p->steps >= p->look_at);
    if (cut) {
        p->cutting = CUT_NO;
        boot(p, "retentive", false, now);
    }
    return cut;
}

/* ---- a scan ---- */

void boot(struct plc *p, const char *how, bool lose_memory, struct mono now)
{
    finish_write(p);
    if (lose_memory) {
        memset(&p->m, 0, sizeof p->m);
        memset(p->mem, 0, sizeof p->mem);
        FB_Mailbox_cold(&p->fb);
        p->m.keep = p->fb.keep;
        p->life++;
        p->restored = false;
        belt_unknown(p);
    }
    if (lose_memory || dice_below(&p->dice, 2)) /* the counter may start anew */
        p->enc_zero = p->pos;
    p->down = true;
    p->cutting = CUT_NO;
    p->boot_how = how;
    p->up_at = mono_add_ms(now, p->cfg.boot_ms);
}

static void boot_end(struct plc *p, struct mono now)
{
    p->down = p->frozen = p->torn = p->press_clear = p->press_restart = false;
    p->fb.keep = p->m.keep;
    FB_Mailbox_warm(&p->fb);
    p->gate = (struct FB_Mailbox_out){0};
    p->first_scan = true;
    say(p, (struct plc_event){.kind = PLC_REBOOT,
                              .count = p->m.keep.uiBootCount + 1u,
                              .what = p->boot_how,
                              .at = now});
}

/* Its session and heartbeat stand until the true host writes its own again. */
static void intrude(struct plc *p, struct mono now)
{
    if (mono_reached(now, p->intruder_until) || !mono_reached(now, p->intruder_due))
        return;
    p->intruder_due = mono_add_ms(now, 50);
    p->m.h[MB_HOST_SESSION] = 0xBAD1;
    p->m.h[MB_HOST_HEARTBEAT]++;
}

static uint32_t whole_ms(struct plc *p, int64_t elapsed_ns)
{
    p->scan_ns += elapsed_ns;
    uint32_t ms = (uint32_t)(p->scan_ns / 1000000);
    p->scan_ns %= 1000000;
    return ms;
}

void plc_scan(struct plc *p, struct mono now)
{
    int64_t elapsed = mono_since_ns(now, p->last_scan);
    p->last_scan = now;
    if (p->down) {
        if (!mono_reached(now, p->up_at))
            return;
        boot_end(p, now);
        elapsed = 0;
    }
    if (p->frozen)
        return;
    if (p->write.begun || !p->cfg.cut_writes) /* the second scan has it whole */
        finish_write(p);
    p->write.begun = true;
    intrude(p, now);
    belt_move(p, elapsed);
    bool cut = call_block(p, NULL, whole_ms(p, elapsed), now);
    while (!cut && p->measure_next != p->end && thing_at(p, p->measure_next)->at <= p->pos)
        cut = call_block(p, thing_at(p, p->measure_next++), 0, now);
    while (!cut && p->fb.out.uiOutlet) /* more than one at the decision point */
        cut = call_block(p, NULL, 0, now);
    belt_leave(p);
    if (!cut)
        belt_feed(p, now);
}

/* ---- Modbus ---- */

static const uint16_t *word_at(const struct plc *p, uint32_t addr)
{
    uint32_t b = addr - p->cfg.base, h = addr - p->cfg.host;
    if (addr >= p->cfg.base && b < block_words(&p->cfg))
        return &p->seen[b];
    if (addr >= p->cfg.host && h < host_words(&p->cfg))
        return &p->mem[h];
    return NULL;
}

int plc_read(struct plc *p, uint32_t addr, uint32_t n, bool rtu, uint16_t *ret_words,
             struct mono at)
{
    (void)rtu, (void)at;
    assert(n >= 1 && n <= 125 && plc_up(p));
    for (uint32_t i = 0; i < n; i++)
        if (!word_at(p, addr + i))
            return 2;
    for (uint32_t i = 0; i < n; i++)
        ret_words[i] = *word_at(p, addr + i);
    return 0;
}

int plc_write(struct plc *p, uint32_t addr, const uint16_t *words, uint32_t n, struct mono at)
{
    (void)at;
    assert(n >= 1 && n <= WRITE_MAX && plc_up(p));
    uint32_t off = addr - p->cfg.host;
    if (addr < p->cfg.host || off >= host_words(&p->cfg) || n > host_words(&p->cfg) - off)
        return 2;
    finish_write(p);
    memcpy(p->mem + off, words, n * sizeof words[0]);
    memcpy(p->write.words, words, n * sizeof words[0]);
    p->write.off = off;
    p->write.n = n;
    p->write.done = 0;
    p->write.active = true;
    p->write.begun = false;
    return 0;
}

/* ---- start ---- */

struct plc_cfg plc_cfg_default(void)
{
    return (struct plc_cfg){
        .seed = 1,
        .rate_milli = 10000,
        .decision_ms = 400,
        .infeed_ms = 60,
        .spacing_ms = 20,
        .boot_ms = 200,
        .ring_n = 64,
        .slot_m = 64,
        .n_outlets = 5,
        .default_outlet = 5,
        .pulses_per_m = 1000,
        .speed = 500,
        .step_words = 4,
        .torn = 20,
        .checks = true,
        .cut_writes = true,
    };
}

int plc_new(const struct plc_cfg *cfg, struct plc_sink sink, struct mono now, struct plc **ret,
            struct err *e)
{
    struct plc *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a sorter");
    p->cfg = *cfg;
    if (!p->cfg.host)
        p->cfg.host = mb_default_host(cfg->base, cfg->ring_n);
    p->sink = sink;
    p->dice = (struct dice){cfg->seed};
    p->grow = (struct dice){cfg->seed ^ 0x67726F77};
    p->nonce = (struct dice){cfg->seed ^ cfg->salt ^ 0x6E6F6E63};
    p->table = cfg->table_mode;
    p->rate_milli = cfg->rate_milli;
    p->feed_left = cfg->items;
    p->feed_waits = true;
    p->last_scan = now;
    FB_Mailbox_tune(&p->fb);
    p->fb.tune.RING_N = cfg->ring_n;
    p->fb.tune.SLOT_M = cfg->slot_m;
    p->fb.tune.BLOCK_LAST = (uint16_t)(block_words(cfg) - 1);
    p->fb.tune.HOST_LAST = (uint16_t)(host_words(cfg) - 1);
    if (cfg->wrap_at)
        p->fb.tune.WRAP_AT = cfg->wrap_at;
    p->fb.awB = p->m.b;
    p->fb.awH = p->m.h;
    p->fb.step = step;
    p->fb.ctx = p;
    boot(p, "start", true, now);
    p->enc_zero = p->pos + (int64_t)dice_below(&p->dice, 20000) - 10000; /* it wraps now and then */
    p->up_at = now;
    plc_scan(p, now);
    *ret = p;
    return 0;
}

void plc_free(struct plc *p)
{
    if (!p)
        return;
    free(p->backup);
    free(p);
}

bool plc_up(const struct plc *p)
{
    return !p->down;
}

uint32_t plc_host_base(const struct plc *p)
{
    return p->cfg.host;
}
