/* The sorter's PLC: start, scan order, header, reading.
 * Thread: the caller's, one. Owns: the whole struct plc; the sink is borrowed.
 * Invariants:
 *  1 A scan is: host writes → belt → rings → header. A reader runs between scans.
 *  2 HEAD_SEQ and OUT_HEAD move only in plc_ring.c, after the last word of what they announce.
 *  3 `life` goes up when numbers are forgotten; a thing of an older life never gets an outcome.
 *  4 What is physical (things, pos) survives every reboot; what is in `k` only a retentive one. */
#include "sim/plc_state.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

static bool power_of_two(uint32_t v, uint32_t min, uint32_t max)
{
    return v >= min && v <= max && (v & (v - 1)) == 0;
}

static uint32_t block_words(const struct plc_cfg *c)
{
    return MB_HDR_WORDS + 24u * c->ring_n;
}

static uint32_t host_words(const struct plc_cfg *c)
{
    return MB_HOST_WORDS + (uint32_t)MB_SLOT_WORDS * c->slot_m;
}

static uint32_t arriving(const struct plc_cfg *c)
{
    return c->infeed_ms / c->spacing_ms + 2;
}

static int cfg_check(const struct plc_cfg *c, struct err *e)
{
    const struct {
        bool ok;
        const char *what;
    } rows[] = {
        {power_of_two(c->ring_n, 16, PLC_RING_MAX), "ring: a power of two, 16 to 1024"},
        {power_of_two(c->slot_m, c->ring_n, PLC_SLOT_MAX), "slots: a power of two, ring to 4096"},
        {c->n_outlets >= 1 && c->n_outlets <= 16, "outlets: 1 to 16"},
        {c->default_outlet >= 1 && c->default_outlet <= c->n_outlets, "default: 1 to outlets"},
        {c->overflow <= c->n_outlets, "overflow: 0 to outlets"},
        {c->spacing_ms >= 1 && c->pulses_per_m && c->speed && c->step_words, "belt: a zero"},
        {c->spacing_ms == 0 || arriving(c) < c->ring_n / 2u,
         "ring: too small for infeed and spacing"},
        {c->host == 0 || c->host >= c->base + block_words(c) || c->host + host_words(c) <= c->base,
         "base-b: the blocks overlap"},
        {c->base + block_words(c) <= 65536 &&
             (c->host ? c->host : c->base + block_words(c)) + host_words(c) <= 65536,
         "base-b: beyond 65535"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!rows[i].ok)
            return err_set(e, ERR_RANGE, "%s", rows[i].what);
    return 0;
}

int plc_new(const struct plc_cfg *cfg, struct plc_sink sink, struct mono now, struct plc **ret,
            struct err *e)
{
    int rc = cfg_check(cfg, e);
    if (rc)
        return rc;
    struct plc *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a sorter");
    p->cfg = *cfg;
    if (!p->cfg.host)
        p->cfg.host = mb_default_host(cfg->base, cfg->ring_n);
    if (!p->cfg.wrap_at)
        p->cfg.wrap_at = 0xFFFF0000u;
    p->sink = sink;
    p->dice = (struct dice){cfg->seed};
    p->grow = (struct dice){cfg->seed ^ 0x67726F77};
    p->nonce = (struct dice){cfg->seed ^ cfg->salt ^ 0x6E6F6E63};
    p->table = cfg->table_mode;
    p->rate_milli = cfg->rate_milli;
    p->feed_left = cfg->items;
    p->feed_waits = true;
    p->last_scan = now;
    plc_forget(p);
    plc_boot_begin(p, "start", now);
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

uint32_t plc_enc(const struct plc *p)
{
    return (uint32_t)(p->pos - p->enc_zero);
}

uint32_t plc_uptime_ms(const struct plc *p, struct mono now)
{
    return (uint32_t)mono_since_ms(now, p->booted);
}

uint32_t plc_arriving(const struct plc *p)
{
    return arriving(&p->cfg);
}

bool plc_closing(const struct plc *p)
{
    return p->k.epoch != 0 && p->k.head + p->k.posts + plc_arriving(p) + 1 >= p->cfg.wrap_at;
}

bool plc_inhibited(const struct plc *p)
{
    bool full = plc_held(p) + p->k.posts + plc_arriving(p) >= p->cfg.ring_n;
    return p->k.epoch == 0 || plc_closing(p) || (full && !p->cfg.overwrite);
}

void plc_say(struct plc *p, struct plc_event ev)
{
    uint32_t *const counts[PLC_EVENT_KINDS] = {
        [PLC_ITEM] = &p->stat.posted,
        [PLC_OUTCOME] = &p->stat.outcomes,
        [PLC_LOST] = &p->stat.lost,
        [PLC_UNNUMBERED] = &p->stat.unnumbered,
        [PLC_UNREPORTED] = &p->stat.unreported,
        [PLC_VIOLATION] = &p->stat.violations,
    };
    uint32_t *count = counts[ev.kind];
    if (count)
        ++*count;
    if (!ev.epoch)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no &p->stat.x is NULL */
        ev.epoch = p->k.epoch;
    if (p->sink.event)
        p->sink.event(p->sink.ctx, &ev);
}

void plc_violation(struct plc *p, int rule, uint32_t seq, const char *what, struct mono at)
{
    plc_say(p, (struct plc_event){
                   .kind = PLC_VIOLATION, .rule = rule, .seq = seq, .what = what, .at = at});
}

/* What was measured and not yet shown loses its number: it counts into the next
 * epoch's LOST_COUNT. */
void plc_forget(struct plc *p)
{
    for (uint32_t i = 0; i < p->k.fires; i++) /* fired, and nobody will be told */
        plc_say(p, (struct plc_event){.kind = PLC_UNREPORTED,
                                      .seq = p->k.fired[i].seq,
                                      .outlet = p->k.fired[i].outlet});
    uint16_t unshown = 0;
    for (uint32_t i = p->first; i != p->measure_next; i++) {
        struct plc_thing *t = plc_thing_at(p, i);
        if (t->seq && t->life == p->life && (int32_t)(t->seq - p->k.head) > 0) {
            t->seq = 0;
            unshown++;
        }
    }
    p->life++;
    struct plc_keep *k = &p->k;
    k->lost = (uint16_t)(unshown + (k->epoch ? 0 : k->lost)); /* a second loss adds to the first */
    k->epoch = k->head = k->out_head = k->ack_out = 0;
    k->oldest = 1;
    k->late = 0;
    k->posts = k->fires = 0;
    memset(k->ring, 0, sizeof k->ring);
    memset(k->taken, 0, sizeof k->taken);
    p->item_step = p->out_step = 0;
}

void plc_boot_begin(struct plc *p, const char *how, struct mono now)
{
    plc_belt_untrack(p);
    p->down = true;
    p->boot_how = how;
    p->up_at = mono_add_ms(now, p->cfg.boot_ms);
}

static void boot_end(struct plc *p, struct mono now)
{
    p->down = p->frozen = p->torn = false;
    p->booted = p->beat_due = now;
    p->boot_nonce = dice_nonce(&p->nonce);
    p->k.boot_count++;
    plc_host_boot(p, now);
    plc_ring_boot(p);
    plc_say(p, (struct plc_event){
                   .kind = PLC_REBOOT, .count = p->k.boot_count, .what = p->boot_how, .at = now});
}

static uint16_t state_bits(const struct plc *p)
{
    const struct {
        bool on;
        uint16_t bit;
    } rows[] = {
        {plc_runs(p), MB_RUNNING},
        {p->fault != 0, MB_FAULT},
        {p->estop, MB_ESTOP},
        {p->host.ok, MB_HOST_OK},
        {plc_inhibited(p), MB_INFEED_INHIBITED},
        {p->manual, MB_MANUAL},
        {p->cfg.overwrite, MB_OVERWRITE},
        {p->table, MB_TABLE_MODE},
        {p->k.feed_stopped, MB_FEED_STOPPED},
    };
    uint16_t state = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].on)
            state |= rows[i].bit;
    return state;
}

static void header_of(const struct plc *p, struct mono now, struct mb_header *ret)
{
    *ret = (struct mb_header){
        .epoch = p->k.epoch,
        .boot_nonce = p->boot_nonce,
        .head_seq = p->k.head,
        .oldest_seq = p->k.oldest,
        .enc = plc_enc(p),
        .out_head = p->k.out_head,
        .uptime_ms = plc_uptime_ms(p, now),
        .boot_count = p->k.boot_count,
        .heartbeat = p->heartbeat,
        .state = state_bits(p),
        .fault = p->fault,
        .lost_count = p->k.lost,
        .ring_n = p->cfg.ring_n,
        .slot_m = p->cfg.slot_m,
        .enc_speed = plc_runs(p) ? p->cfg.speed : 0,
        .pulses_per_m = p->cfg.pulses_per_m,
        .host_session_echo = p->host.echo,
        .default_outlet = p->cfg.default_outlet,
        .n_outlets = p->cfg.n_outlets,
        .late_count = p->k.late,
        .outlet_blocked = p->blocked,
    };
}

/* Now and then a scan leaves the header half updated; never two scans in a row. */
static void header_write(struct plc *p, struct mono now)
{
    if (mono_reached(now, p->beat_due)) {
        p->heartbeat++;
        p->beat_due = mono_add_ms(now, 50);
    }
    struct mb_header h;
    uint16_t words[MB_HDR_WORDS];
    header_of(p, now, &h);
    mb_header_encode(&h, p->cfg.checks, words);
    p->torn = p->cfg.checks && !p->torn && dice_permille(&p->dice, p->cfg.torn);
    size_t n = p->torn ? 1 + dice_below(&p->dice, MB_HDR_WORDS - 1) : MB_HDR_WORDS;
    memcpy(p->hdr, words, n * sizeof words[0]);
}

/* Rule 1: the numbers have ended, everything is fired and acknowledged. */
static void wrap(struct plc *p, struct mono now)
{
    if (!plc_closing(p) || plc_held(p) || p->k.posts || p->k.fires ||
        p->k.ack_out != p->k.out_head || p->decide_next != p->end)
        return;
    plc_say(p, (struct plc_event){.kind = PLC_CLEAR, .what = "wrap", .at = now});
    plc_forget(p);
    p->boot_nonce = dice_nonce(&p->nonce);
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
    plc_host_scan(p, now);
    plc_belt_scan(p, now, elapsed);
    plc_ring_scan(p, now);
    wrap(p, now);
    header_write(p, now);
}

/* The word at an address; NULL outside the blocks. */
static const uint16_t *word_at(const struct plc *p, uint32_t addr)
{
    uint32_t b = addr - p->cfg.base, h = addr - p->cfg.host;
    if (addr >= p->cfg.base && b < MB_HDR_WORDS)
        return &p->hdr[b];
    if (addr >= p->cfg.base && b < block_words(&p->cfg))
        return &p->k.ring[b - MB_HDR_WORDS];
    if (addr >= p->cfg.host && h < host_words(&p->cfg))
        return &p->k.mem[h];
    return NULL;
}

/* Marks the records that a read covers up to their tail (an acknowledgement asks for it). */
static void mark_read(struct plc *p, uint32_t addr, uint32_t n)
{
    uint32_t first = addr - p->cfg.base - MB_HDR_WORDS; /* may wrap: then nothing matches below */
    for (uint32_t i = 0; i < p->cfg.ring_n; i++) {
        uint32_t item = i * MB_ITEM_WORDS - first;
        uint32_t out = MB_ITEM_WORDS * p->cfg.ring_n + i * MB_OUT_WORDS - first;
        if (item < n && n - item > MB_ITEM_TAIL)
            p->k.item_read[i] = true;
        if (out < n && n - out > MB_OUT_REASON)
            p->k.out_read[i] = true;
    }
}

/* Rule 12: on RTU the quantity 33 belongs to the header alone. */
static void judge_rtu_read(struct plc *p, uint32_t addr, uint32_t n, struct mono at)
{
    bool header = addr == p->cfg.base && n >= MB_HDR_WORDS;
    if (header && n != 33)
        plc_violation(p, 12, 0, "whole header not read with 33 words", at);
    if (!header && n == 33)
        plc_violation(p, 12, 0, "33 words that are not the header", at);
}

int plc_read(struct plc *p, uint32_t addr, uint32_t n, bool rtu, uint16_t *ret_words,
             struct mono at)
{
    assert(n >= 1 && n <= 125 && plc_up(p));
    uint16_t words[125] = {0};
    for (uint32_t i = 0; i < n; i++) {
        const uint16_t *w = word_at(p, addr + i);
        if (!w)
            return 2;
        words[i] = *w;
    }
    if (rtu)
        judge_rtu_read(p, addr, n, at);
    mark_read(p, addr, n);
    memcpy(ret_words, words, n * sizeof words[0]);
    return 0;
}

void plc_stat(const struct plc *p, struct plc_stat *ret)
{
    *ret = p->stat;
    ret->epoch = p->k.epoch;
    ret->head = p->k.head;
    ret->oldest = p->k.oldest;
    ret->out_head = p->k.out_head;
    ret->boot_nonce = p->boot_nonce;
    ret->held = plc_held(p);
    ret->on_belt = p->end - p->decide_next;
    ret->feed_left = p->feed_left;
    ret->state = state_bits(p);
    ret->fault = p->fault;
    ret->late_count = p->k.late;
    ret->lost_count = p->k.lost;
    ret->up = !p->down;
}
