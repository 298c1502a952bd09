/* A sorting line (mailbox machine and decide) against a PLC that does whatever the input says:
 * items, outcomes, reboots, torn and lying words, exceptions, timeouts, old answers, a host that is
 * killed, a main thread that is slow. The PLC underneath is the unit tests' honest one (testplc.h).
 *
 * Claims, for any PLC:
 *  1. what is handed over is in order, once, without a hole: as item_append and gap_append demand;
 *  2. ACK never exceeds what is committed of that epoch, and is 0 or that epoch;
 *  3. a write that goes out covers host words or whole slots of the window, nothing else, and while
 *     nothing lied a slot of one item never holds two outlets;
 *  4. a want keeps within the map's limits, and asking twice brings the same.
 * While nothing lied: items are word for word the PLC's, and the PLC finds no fault with the host.
 */
#include "controller/line.h"
#include "controller/testplc.h"
#include "base/confdoc.h"
#include "crops/grade.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>

enum { EPOCHS = 128, STEPS_MAX = 4000, NEWS_RING = 256, SLOTS = 2048, HELD = 1024 };

static struct map *maps[3]; /* with checks, without, with FC23 */
static struct crop *crop;

struct known { /* what the record has of an epoch */
    uint32_t epoch, nonce, seq, out;
    bool shown, own;
};
struct world {
    struct tp plc;
    struct line_options o;
    struct line *l;
    struct device d;
    struct ring *news, *orders;
    struct line_ack ack;
    struct plan plan[2];
    struct mono now, scan;
    struct known known[EPOCHS]; /* the newest last */
    size_t n_known;
    bool lied, fresh, told_bye, broken;
    uint32_t next_epoch;
    struct reply last; /* an answer that may come again */
    /* lies about the next header */
    uint8_t lie;
    uint16_t lie_word, lie_value;
    struct mb_header lying;
    bool lying_on;
    struct {
        uint32_t epoch, seq;
        uint16_t outlet;
    } slot[SLOTS];
    struct line_held held[HELD], given[HELD];
    uint32_t held_epoch[HELD];
    size_t held_n;
    unsigned steps, slots_refused;
};
static struct world *w;
static struct tp plain[2];    /* ring of 16, of 32 */
static struct tp_item *items; /* one for all runs: it is large */

/* ---- maps ---- */

/* The shipped map with one line changed; of its vectors only the one without check words fits. */
static const char vector[] =
    "\nvectors:\n  - name: one cycle over TCP\n    origin: constructed\n    plan: {baud: 0, "
    "poll_us: 80000, "
    "longest_us: 20000, dead_us: 200000, host: 416, records: 7, slots: 30}\n";

static struct map *load(const char *from, const char *to)
{
    struct map *m = NULL;
    struct err e = {0};
    char *text = NULL;
    size_t n = 0;
    assert(confdoc_slurp("plc-maps/mailbox-v1.yaml", &text, &n, &e) == 0);
    char *end = strstr(text, "\nvectors:");
    char *at = strstr(text, from);
    assert(end && at && at < end);
    *end = 0;
    size_t size = n + sizeof vector + 16;
    char *changed = malloc(size);
    assert(changed);
    snprintf(changed, size, "%.*s%s%s%s", (int)(at - text), text, to, at + strlen(from), vector);
    assert(map_parse("mailbox-v1.yaml", changed, strlen(changed), &m, &e) == 0);
    free(changed);
    free(text);
    return m;
}

void fuzz_setup(void)
{
    struct err e = {0};
    maps[0] = load("checks: yes", "checks: yes");
    maps[1] = load("checks: yes", "checks: no");
    maps[2] = load("fc: [3, 16]", "fc: [3, 16, 23]");
    assert(crop_load("crops/codonopsis.yaml", &crop, &e) == 0);
    tp_init(&plain[0], 16, true);
    tp_init(&plain[1], 32, true);
    tp_free(&plain[1]);
    plain[1].items = items = plain[0].items;
}

/* ---- the record: what main does with news (turn.c, item.c, epoch.c) ---- */

static struct known *newest(void)
{
    return w->n_known ? &w->known[w->n_known - 1] : NULL;
}

static struct known *find(uint32_t epoch)
{
    for (size_t i = 0; i < w->n_known; i++)
        if (w->known[i].epoch == epoch)
            return &w->known[i];
    return NULL;
}

/* Makes it the newest; known ones keep what they have. */
static struct known *open_epoch(uint32_t epoch, uint32_t nonce)
{
    struct known k = {.epoch = epoch, .nonce = nonce}, *old = find(epoch);
    if (old) {
        k = *old;
        memmove(old, old + 1, sizeof k * (size_t)(&w->known[--w->n_known] - old));
    }
    assert(w->n_known < EPOCHS);
    w->known[w->n_known++] = k;
    return newest();
}

static void store_item(const struct item *it)
{
    struct known *k = find(it->epoch);
    assert(k && it->seq == k->seq + 1); /* claim 1 */
    if (!w->lied) {
        const struct tp_item *truth = tp_find(&w->plc, it->epoch, it->seq);
        bool read = memcmp(it->words, (uint16_t[ITEM_WORDS]){0}, sizeof it->words) != 0;
        assert(truth && (!read || memcmp(it->words, truth->words, sizeof truth->words) == 0));
    }
    k->seq = it->seq;
    w->held_epoch[w->held_n % HELD] = it->epoch;
    struct line_held *h = &w->held[w->held_n++ % HELD];
    h->seq = it->seq;
    memcpy(h->words, it->words, sizeof h->words);
}

static void store_gap(const struct gap *g)
{
    struct known *k = find(g->epoch);
    assert(k);
    if (g->from == 0 && g->to == 0)
        return;
    uint32_t *at = g->kind == GAP_ITEMS ? &k->seq : &k->out;
    assert(g->from == *at + 1 && g->count == g->to - g->from + 1 && g->count >= 1); /* claim 1 */
    *at = g->to;
}

static void propose(uint32_t nonce)
{
    struct known *k = newest();
    if (k && k->own && !k->shown && k->nonce == nonce)
        return;
    while (find(++w->next_epoch))
        ;
    open_epoch(w->next_epoch, nonce)->own = true;
}

static void unknown(uint32_t epoch, uint32_t nonce, uint32_t oldest)
{
    struct known *k = newest();
    assert(epoch != 0);
    if (!k || k->epoch != epoch)
        k = open_epoch(epoch, nonce);
    k->shown = true;
    k->nonce = nonce;
    if (oldest > k->seq + 1)
        k->seq = oldest - 1;
}

static void store(const struct news *n)
{
    struct known *k;
    switch (n->kind) {
    case NEWS_ITEM: store_item(&n->u.item); break;
    case NEWS_OUTCOME:
        k = find(n->u.outcome.epoch);
        assert(k && n->u.outcome.out == k->out + 1);
        k->out = n->u.outcome.out;
        break;
    case NEWS_GAP: store_gap(&n->u.gap); break;
    case NEWS_EPOCH_WANTED: propose(n->u.epoch.nonce); break;
    case NEWS_EPOCH_SHOWN:
        k = find(n->u.epoch.epoch);
        assert(k);
        k->shown = true;
        k->nonce = n->u.epoch.nonce;
        break;
    case NEWS_EPOCH_UNKNOWN: unknown(n->u.epoch.epoch, n->u.epoch.nonce, n->u.epoch.oldest); break;
    case NEWS_PLAN_EFFECTIVE:
    case NEWS_QUARANTINE:
    case NEWS_QUARANTINE_OVER:
    case NEWS_ALARM:
    case NEWS_HELD_GONE: break;
    }
}

static void order(struct order o)
{
    ring_push(w->orders, &o);
}

static uint64_t position(uint32_t epoch, uint32_t n)
{
    return (uint64_t)epoch << 32 | n;
}

/* As after_commit of turn.c. */
static void set_free(const struct news *n)
{
    const struct known *k = newest();
    const struct gap *g = &n->u.gap;
    if (n->kind == NEWS_ITEM)
        atomic_store(&w->ack.seq, position(n->u.item.epoch, n->u.item.seq));
    if (n->kind == NEWS_OUTCOME)
        atomic_store(&w->ack.out, position(n->u.outcome.epoch, n->u.outcome.out));
    if (n->kind == NEWS_GAP && g->to)
        atomic_store(g->kind == GAP_ITEMS ? &w->ack.seq : &w->ack.out, position(g->epoch, g->to));
    if (n->kind == NEWS_EPOCH_WANTED)
        order((struct order){.kind = ORDER_EPOCH, .epoch = k->epoch, .nonce = k->nonce});
    if (n->kind == NEWS_EPOCH_UNKNOWN && k->epoch == n->u.epoch.epoch)
        order((struct order){
            .kind = ORDER_EPOCH_OPEN, .epoch = k->epoch, .seq = k->seq, .out = k->out});
}

/* One turn of main: everything stored, then acknowledged and ordered. */
static void commit(void)
{
    struct news n[NEWS_RING];
    size_t count = 0;
    while (count < NEWS_RING && w->n_known < EPOCHS && ring_pop(w->news, &n[count]))
        store(&n[count++]);
    for (size_t i = 0; i < count; i++)
        set_free(&n[i]);
    struct line_status st;
    line_status_get(w->l, &st);
    assert(st.decided >= st.adopted && st.slot_p50_us <= st.slot_p99_us);
}

/* What the PLC's judge may hold the host to. */
static void tell_judge(void)
{
    const struct known *k = find(w->plc.epoch);
    w->plc.committed_epoch = k ? k->epoch : 0;
    w->plc.committed = k ? k->seq : 0;
    w->plc.committed_out = k ? k->out : 0;
}

/* ---- the host's life ---- */

static void boot(void)
{
    struct err e = {0};
    const struct known *k = newest();
    w->o.state = (struct item_line_state){0};
    if (k)
        w->o.state = (struct item_line_state){.epoch = k->epoch,
                                              .epoch_nonce = k->nonce,
                                              .epoch_seen = k->shown,
                                              .seq = k->seq,
                                              .out = k->out,
                                              .boot_nonce = k->nonce,
                                              .head_seen = k->seq};
    w->o.session++;
    w->o.session |= 1;
    w->o.held = w->given;
    w->o.held_n = 0;
    for (size_t i = w->held_n > HELD ? w->held_n - HELD : 0; k && i < w->held_n; i++)
        if (w->held_epoch[i % HELD] == k->epoch)
            w->given[w->o.held_n++] = w->held[i % HELD];
    atomic_store(&w->ack.seq, k ? position(k->epoch, k->seq) : 0);
    atomic_store(&w->ack.out, k ? position(k->epoch, k->out) : 0);
    assert(line_new(&w->o, &w->l, &e) == 0);
    w->d = line_device(w->l);
    w->told_bye = false;
    memset(w->slot, 0, sizeof w->slot);
}

/* kill -9: what was not committed is gone. */
static void crash(void)
{
    struct news n;
    struct order o;
    line_free(w->l);
    while (ring_pop(w->news, &n) || ring_pop(w->orders, &o))
        ;
    boot();
}

/* ---- the wire ---- */

static void check_slots(const struct want *q)
{
    uint32_t addr = q->fc == 23 ? q->waddr : q->addr, n = q->fc == 23 ? q->wn : q->n;
    assert((addr - w->plc.host) % MB_SLOT_WORDS == 0 && n % MB_SLOT_WORDS == 0);
    for (uint32_t i = 0; i < n; i += MB_SLOT_WORDS) {
        const struct known *k = newest();
        /* the seq is not on the wire: the one of the machine's epoch whose check fits */
        for (uint32_t back = 0; k && back < SLOTS; back++) {
            uint32_t seq = k->seq + 1024 - back;
            uint16_t outlet;
            if (!mb_slot_valid(q->words + i, k->epoch, seq, &outlet))
                continue;
            if (w->slot[seq % SLOTS].epoch == k->epoch && w->slot[seq % SLOTS].seq == seq &&
                !w->lied)
                assert(w->slot[seq % SLOTS].outlet == outlet);
            w->slot[seq % SLOTS].epoch = k->epoch;
            w->slot[seq % SLOTS].seq = seq;
            w->slot[seq % SLOTS].outlet = outlet;
            break;
        }
    }
}

static void check_host(const struct want *q)
{
    struct mb_host h;
    mb_host_decode(q->words, &h);
    assert(mb_host_ack_valid(q->words) && mb_host_epoch_valid(q->words));
    assert(h.session == w->o.session || (h.session == 0 && w->told_bye));
    if (h.ack_epoch == 0)
        return;
    const struct known *k = find(h.ack_epoch);
    assert(k && (int32_t)(k->seq - h.ack_seq) >= 0 &&
           (int32_t)(k->out - h.ack_out) >= 0); /* claim 2 */
    assert(h.new_epoch == 0);
}

/* False: the link would not send it. */
static bool check_want(const struct want *q)
{
    const struct map_link *k = map_link(w->o.map);
    assert(q->unit == 1 && q->timeout_ms == k->timeout_ms && q->n >= 1); /* claim 4 */
    assert(q->fc == 3 || q->fc == 16 || (q->fc == 23 && k->fc23));
    assert(q->addr + q->n <= 0x10000);
    if (q->fc != 16)
        assert(q->n <= k->max_read && q->addr >= TP_B);
    if (q->fc == 3)
        return true;
    uint16_t addr = q->fc == 23 ? q->waddr : q->addr, n = q->fc == 23 ? q->wn : q->n;
    assert(n >= 1 && n <= k->max_write);
    if (!w->d.may_write(w->d.self, addr, n)) { /* claim 3 */
        assert(w->lied);
        return false;
    }
    if (w->o.host || !w->lied)
        assert(addr >= w->plc.host);
    if (w->lied && !w->o.host)
        return true; /* it may believe in another ring, and so in another H */
    if (addr < w->plc.host + MB_HOST_WORDS) {
        assert(addr == w->plc.host && n == MB_HOST_WORDS && q->fc == 16);
        check_host(q);
    } else {
        check_slots(q);
    }
    return true;
}

static void answer(const struct want *q, struct reply *r, uint8_t op, uint8_t arg)
{
    static const int codes[] = {ERR_TIMEOUT, ERR_LINK, ERR_ECHO, ERR_PROTOCOL, ERR_DENIED};
    *r = (struct reply){.sent = w->now};
    tell_judge();
    switch (op) {
    case 1: /* refused */
        r->rc = ERR_EXCEPTION;
        r->exception = (uint8_t)(1 + arg % 6);
        if (q->fc == 3 && q->addr >= w->plc.host) /* who does not let slots be read back */
            w->lied |= ++w->slots_refused >= 3;
        return;
    case 2: /* lost on the way there */ r->rc = codes[arg % 5]; return;
    case 3: /* lost on the way back */
        tp_do(&w->plc, q, r);
        r->rc = codes[arg % 5];
        return;
    case 4: /* an old answer that fits */
        if (q->fc == 3 && w->last.n == q->n) {
            *r = w->last;
            r->sent = w->now;
            w->lied = true;
            return;
        }
        break;
    }
    tp_do(&w->plc, q, r);
    if (op == 5 && r->rc == 0 && r->n) { /* torn: one word */
        r->words[arg % r->n] ^= 0x55AA;
        w->lied |= !w->plc.checks;
    }
    if (q->fc != 16 && q->addr == TP_B && r->rc == 0 && w->lying_on) {
        mb_header_encode(&w->lying, w->plc.checks, r->words);
        w->lied = true;
    }
    if (r->rc == 0 && q->fc == 3)
        w->last = *r;
    if (q->fc == 3 && q->addr >= w->plc.host)
        w->slots_refused = 0;
}

static void pass(int64_t ns)
{
    w->now = mono_add_ns(w->now, ns);
    for (int i = 0; mono_reached(w->now, w->scan); i++) {
        if (i < 8)
            tp_scan(&w->plc);
        w->scan = mono_add_ms(w->scan, 10);
    }
}

static void step(uint8_t op, uint8_t arg)
{
    struct want q = {0}, again = {0};
    struct mono wake, wake_again;
    struct reply r;
    if (w->steps++ >= STEPS_MAX)
        return;
    bool got = w->d.want(w->d.self, w->now, &q, &wake);
    bool twice = w->d.want(w->d.self, w->now, &again, &wake_again);
    assert(got == twice && memcmp(&q, &again, sizeof q) == 0); /* claim 4 */
    if (!got) {
        assert(wake.ns > w->now.ns && wake.ns == wake_again.ns);
        int64_t ns = mono_min(wake, mono_add_ms(w->now, 1000)).ns - w->now.ns;
        pass(ns < 10000000 ? ns : 10000000);
        return;
    }
    bool sent = check_want(&q);
    if (op == 6)
        return; /* never executed */
    if (sent)
        answer(&q, &r, op, arg);
    else
        r = (struct reply){.rc = ERR_DENIED, .sent = w->now};
    pass(r.rc == ERR_TIMEOUT ? 200000000 : 300000);
    r.got = w->now;
    w->d.reply(w->d.self, &q, &r, w->now);
    if (!w->lied)
        assert(!w->plc.bad_ack && !w->plc.bad_slot && !w->plc.bad_epoch);
}

/* ---- what the input may do ---- */

static void lie_about_header(struct feeder *f)
{
    struct mb_header *h = &w->lying;
    if (!w->lying_on)
        *h = tp_header(&w->plc);
    w->lying_on = true;
    uint8_t field = take_u8(f);
    uint16_t v = take_u16(f);
    int32_t delta = (int16_t)v;
    switch (field % 16) {
    case 0: h->epoch += (uint32_t)delta; break;
    case 1: h->boot_nonce += (uint32_t)delta; break;
    case 2: h->head_seq += (uint32_t)delta; break;
    case 3: h->oldest_seq += (uint32_t)delta; break;
    case 4: h->out_head += (uint32_t)delta; break;
    case 5: h->state = v; break;
    case 6: h->ring_n = (uint16_t)(16u << v % 8); break;
    case 7: h->slot_m = (uint16_t)(16u << v % 12); break;
    case 8: h->host_session_echo = v; break;
    case 9: h->default_outlet = v; break;
    case 10: h->n_outlets = v; break;
    case 11: h->outlet_blocked = v; break;
    case 12: h->lost_count = v; break;
    case 13: h->head_seq = (uint32_t)v << 16 | v; break;
    case 14: h->oldest_seq = h->head_seq - v % 20 + 1; break;
    case 15: h->epoch = v % 3 ? v : 0; break;
    }
}

static void poke(struct feeder *f)
{
    uint16_t at = take_u16(f), v = take_u16(f);
    w->plc.mem[TP_B + MB_HDR_WORDS + at % (MB_ITEM_WORDS * 20u)] ^= v;
    w->lied = true;
}

static void some_order(uint8_t arg)
{
    switch (arg % 5) {
    case 0: order((struct order){.kind = ORDER_FEED_STOP, .on = arg & 64}); break;
    case 1: order((struct order){.kind = ORDER_BOX, .outlet = arg}); break;
    case 2: order((struct order){.kind = ORDER_PLAN, .plan = &w->plan[arg >> 4 & 1]}); break;
    case 3: w->plc.blocked = arg; break;
    case 4: /* what was decided before it was seen goes out all the same */
        w->lied |= w->plc.table != !!(arg & 64) && w->plc.epoch;
        w->plc.table = arg & 64;
        break;
    }
}

static void act(struct feeder *f)
{
    uint8_t op = take_u8(f), arg = op >> 4;
    switch (op & 15) {
    case 0:
        for (int i = 0; i <= arg; i++)
            step(0, 0);
        break;
    case 1: step((uint8_t)(1 + arg % 6), take_u8(f)); break;
    case 2:
        for (int i = 0; i <= arg % 8; i++)
            tp_post(&w->plc, arg & 8 ? take_u8(f) : MB_UNIT_G);
        break;
    case 3:
        for (int i = 0; i <= arg; i++)
            tp_fire(&w->plc);
        break;
    case 4: commit(); break;
    case 5: pass((int64_t)arg * 20000000); break;
    case 6: lie_about_header(f); break;
    case 7: w->lying_on = false; break;
    case 8: poke(f); break;
    case 9: tp_reboot(&w->plc, arg & 1); break;
    case 10: crash(); break;
    case 11: some_order(take_u8(f)); break;
    case 12: w->plc.overwrite = arg & 1; break;
    case 13:
        for (int i = 0; i < 40; i++) {
            step(0, 0);
            commit();
        }
        break;
    case 14:
        if (arg == 15) {
            w->told_bye = true;
            w->d.goodbye(w->d.self);
        } else {
            w->plc.bad_header = arg & 1;
        }
        break;
    case 15: /* an order that was given already */
        if (newest())
            order((struct order){.kind = arg & 1 ? ORDER_EPOCH : ORDER_EPOCH_OPEN,
                                 .epoch = newest()->epoch,
                                 .nonce = newest()->nonce,
                                 .seq = newest()->seq,
                                 .out = newest()->out});
        break;
    }
}

static void start(struct feeder *f)
{
    uint8_t kind = take_u8(f);
    static struct world the;
    w = &the;
    memset(w, 0, sizeof *w);
    w->plc = plain[kind >> 3 & 1];
    w->plc.checks = kind % 3 != 1;
    w->plc.fc23 = kind % 3 == 2;
    w->now = w->scan = (struct mono){1000000000};
    w->next_epoch = 40;
    w->news = ring_new(sizeof(struct news), NEWS_RING);
    w->orders = ring_new(sizeof(struct order), 64);
    for (int i = 0; i < 2; i++) {
        w->plan[i] = (struct plan){
            .run = (uint32_t)i, .rule = (uint32_t)i, .outlet_bad = 4, .outlet_none = 5};
        w->plan[i].rules = i ? crop_ruleset(crop, "lu-weight") : NULL;
        for (int g = 1; g <= CROP_GRADES_MAX; g++)
            w->plan[i].choices[g][0] = (uint8_t)(g < 4 ? g : 4);
        w->plan[i].held = i && kind & 64;
        w->plan[i].capacity_mg[2] = 5000;
    }
    w->o = (struct line_options){.no = 7,
                                 .name = "north",
                                 .unit = 1,
                                 .base = TP_B,
                                 .map = maps[kind % 3],
                                 .host = (uint16_t)(kind & 16 ? w->plc.host : 0),
                                 .news = w->news,
                                 .orders = w->orders,
                                 .news_fd = -1,
                                 .ack = &w->ack,
                                 .serial = kind & 32,
                                 .plan = &w->plan[kind >> 7],
                                 .session = 0x1001};
    boot();
}

static void stop(void)
{
    commit(); /* what is handed over must still be storable */
    line_free(w->l);
    ring_free(w->news);
    ring_free(w->orders);
    memset(items, 0, w->plc.n_items * sizeof *items);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    start(&f);
    while (f.n && w->steps < STEPS_MAX)
        act(&f);
    stop();
}
