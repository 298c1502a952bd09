/* What lotlined reads and writes at the PLC, judged as it goes over the wire.
 *
 * Invariants that are judged
 *  1. For one item one outlet is written, ever; each slot's check holds; none in quarantine or
 *     beside the PLC's own table.
 *  2. On an undisturbed wire the host's words are written every 200 ms, with the feed-stop that is
 *     wanted, within a second of the wish and of a record that cannot be written. */
#include "plc-maps/mailbox_layout.h"
#include "sim/plc.h"
#include "tests/simulation/world.h"

enum { SETTLED_MS = 2000, BEAT_MS = 200, WISH_MS = 1000 };

static struct mono started, written, failed_since;
static uint16_t request;
static bool any, failed;

void watch_start(void)
{
    started = w.now;
    any = failed = false;
}

void watch_read(uint16_t addr, uint16_t n)
{
    struct plc_stat s;
    uint32_t host, ring_n = plant_options()->ring_n;
    plant_stat(&s, &host);
    for (uint32_t a = addr; a + MB_ITEM_WORDS <= (uint32_t)addr + n; a += MB_ITEM_WORDS) {
        if (a < MB_HDR_WORDS || a >= MB_HDR_WORDS + ring_n * MB_ITEM_WORDS || !s.epoch)
            continue;
        uint32_t index = (a - MB_HDR_WORDS) / MB_ITEM_WORDS;
        struct truth_item *t = truth_of(s.epoch, s.head - ((s.head - index) & (ring_n - 1)));
        if (!t)
            continue;
        if (!t->first.ns)
            t->first = w.now;
        t->newest = w.now;
    }
}

static void slot(const struct plc_stat *s, const uint16_t *words)
{
    uint16_t outlet;
    uint32_t seq = s->head - ((s->head - words[MB_SLOT_SEQ_LO]) & 0xFFFF);
    struct truth_item *t = truth_of(s->epoch, seq);
    if (!s->epoch || words[MB_SLOT_EPOCH_LO] != (uint16_t)s->epoch || !t || t->twice)
        return;
    if (!mb_slot_valid(words, s->epoch, seq, &outlet))
        wrong("the slot of item %u:%u has a wrong check", s->epoch, seq);
    if (t->slot && t->slot != outlet)
        wrong("item %u:%u was sent to outlet %u, now to %u", s->epoch, seq, t->slot, outlet);
    t->slot = outlet;
}

void watch_write(uint16_t addr, uint16_t n, const uint16_t *words, bool quarantined)
{
    struct plc_stat s;
    uint32_t host;
    plant_stat(&s, &host);
    if (addr == host && n == MB_HOST_WORDS) {
        written = w.now;
        request = words[MB_HOST_REQUEST];
        any = true;
        return;
    }
    if (quarantined)
        wrong("slots are written in quarantine");
    if (plant_table())
        wrong("slots are written beside the PLC's own table");
    for (uint16_t i = 0; i + MB_SLOT_WORDS <= n; i = (uint16_t)(i + MB_SLOT_WORDS))
        slot(&s, words + i);
}

static void judge_request(bool record_failed)
{
    struct mono wish;
    bool stop = hands_feed_stop(&wish);
    if (record_failed != failed)
        failed_since = w.now;
    failed = record_failed;
    if (mono_since_ms(w.now, wish) < WISH_MS || mono_since_ms(w.now, failed_since) < WISH_MS)
        return;
    if ((stop || failed) != ((request & MB_REQUEST_FEED_STOP) != 0))
        wrong("feed-stop is %d, wanted by a person %d, by the record %d", request, stop, failed);
}

void watch_tick(bool record_failed)
{
    int64_t still = mono_since_ms(
        w.now, mono_reached(started, plant_disturbed()) ? started : plant_disturbed());
    if (still < SETTLED_MS) {
        failed_since = w.now;
        failed = record_failed;
        return;
    }
    if (!any || mono_since_ms(w.now, written) > BEAT_MS)
        wrong("the host's heartbeat stands still for %lld ms",
              (long long)mono_since_ms(w.now, written));
    judge_request(record_failed);
}
