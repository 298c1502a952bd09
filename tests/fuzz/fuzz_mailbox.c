/* The mailbox's words: whatever decodes encodes back to what was read, and a check of another
 * epoch, seq or index never holds (but 0xFFFF, which stands for two values). First byte: what;
 * second: with checks, which are then made to fit. */
#include "plc-maps/mailbox_layout.h"
#include "tests/fuzz/fuzz.h"

void fuzz_setup(void)
{
}

static void words(struct feeder *f, uint16_t *w, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w[i] = take_u16(f);
}

static void header(struct feeder *f, bool checks)
{
    uint16_t w[MB_HDR_WORDS], again[MB_HDR_WORDS];
    struct mb_header h, twice;
    words(f, w, MB_HDR_WORDS);
    w[0] = take_u8(f) ? MB_MAGIC : w[0];
    w[1] = MB_VERSION;
    w[16] = 16;
    w[31] = checks ? mb_check(w, 31) : 0;
    if (!mb_header_decode(w, checks, &h))
        return;
    assert(h.ring_n >= 16 && h.ring_n <= 1024 && !(h.ring_n & (h.ring_n - 1)));
    assert(h.slot_m >= h.ring_n && !(h.slot_m & (h.slot_m - 1)));
    assert(h.head_seq - h.oldest_seq + 1 <= h.ring_n);
    mb_header_encode(&h, checks, again);
    assert(mb_header_decode(again, checks, &twice) && memcmp(w, again, sizeof w) == 0);
    w[take_u8(f) % 31] ^= (uint16_t)(1 + take_u8(f));
    assert(!checks || w[31] == 0xFFFF || !mb_header_decode(w, true, &h));
}

static void item(struct feeder *f, bool checks)
{
    uint16_t w[MB_ITEM_WORDS], again[MB_ITEM_WORDS], all[17];
    struct mb_item it;
    uint32_t epoch = take_u32(f);
    words(f, w, MB_ITEM_WORDS);
    uint32_t seq = mb_u32(w);
    w[14] = (uint16_t)seq;
    mb_put32(all, epoch);
    memcpy(all + 2, w, 15 * sizeof *w);
    w[15] = checks ? mb_check(all, 17) : 0;
    int64_t mg;
    if (!mb_item_decode(w, epoch, seq, checks, &it))
        return;
    mb_weight_mg(it.weight, it.decimals, it.unit, &mg);
    mb_item_encode(&it, epoch, checks, again);
    assert(memcmp(w, again, sizeof w) == 0);
    assert(!mb_item_decode(w, epoch, seq + 1, checks, &it));
    assert(!checks || w[15] == 0xFFFF || !mb_item_decode(w, epoch + 1, seq, true, &it));
}

static void outcome(struct feeder *f, bool checks)
{
    uint16_t w[MB_OUT_WORDS], again[MB_OUT_WORDS], all[9];
    struct mb_outcome o;
    uint32_t epoch = take_u32(f);
    words(f, w, MB_OUT_WORDS);
    mb_put32(all, epoch);
    memcpy(all + 2, w, 7 * sizeof *w);
    w[7] = checks ? mb_check(all, 9) : 0;
    uint32_t index = mb_u32(w);
    if (!mb_outcome_decode(w, epoch, index, checks, &o))
        return;
    mb_outcome_encode(&o, epoch, checks, again);
    assert(memcmp(w, again, sizeof w) == 0);
    assert(!mb_outcome_decode(w, epoch, index + 1, checks, &o));
}

static void host(struct feeder *f)
{
    uint16_t w[MB_HOST_WORDS], again[MB_HOST_WORDS], s[MB_SLOT_WORDS], outlet, got;
    struct mb_host h;
    words(f, w, MB_HOST_WORDS);
    mb_host_ack_valid(w);
    mb_host_epoch_valid(w);
    mb_host_decode(w, &h);
    mb_host_encode(&h, w);
    mb_host_decode(w, &h);
    mb_host_encode(&h, again);
    assert(mb_host_ack_valid(w) && mb_host_epoch_valid(w) && memcmp(w, again, sizeof w) == 0);
    uint32_t epoch = take_u32(f), seq = take_u32(f);
    words(f, s, MB_SLOT_WORDS);
    mb_slot_valid(s, epoch, seq, &got);
    outlet = take_u16(f);
    mb_slot_encode(epoch, seq, outlet, s);
    assert(mb_slot_valid(s, epoch, seq, &got) && got == outlet);
    assert(!mb_slot_valid(s, epoch, seq + 1, &got) && !mb_slot_valid(s, epoch + 1, seq, &got));
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    uint8_t what = take_u8(&f);
    bool checks = take_u8(&f) & 1;
    switch (what % 4) {
    case 0: header(&f, checks); break;
    case 1: item(&f, checks); break;
    case 2: outcome(&f, checks); break;
    case 3: host(&f); break;
    }
}
