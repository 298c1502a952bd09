/* Item mailbox v1 as words: layout, checks, encode and decode. Pure; no state, no clock, no I/O.
 * The one place that knows offsets (mailbox.def); the daemon's machine and the simulated PLC use
 * it. Words are uint16_t in host order as Modbus carries them; 32-bit values high word first. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mb_offset {
#define M(block, off, words, name) MB_##block##_##name = off,
#include "plc-maps/mailbox.def"
#undef M
};
enum {
    MB_MAGIC = 0x4D42,
    MB_VERSION = 0x0100,
    MB_HDR_WORDS = 32,
    MB_ITEM_WORDS = 16,
    MB_OUT_WORDS = 8,
    MB_HOST_WORDS = 16,
    MB_SLOT_WORDS = 4,
    MB_REQUEST_FEED_STOP = 1,
};
/* STATE bits */
enum {
    MB_RUNNING = 1 << 0,
    MB_FAULT = 1 << 1,
    MB_ESTOP = 1 << 2,
    MB_HOST_OK = 1 << 3,
    MB_INFEED_INHIBITED = 1 << 4,
    MB_MANUAL = 1 << 5,
    MB_OVERWRITE = 1 << 6,
    MB_TABLE_MODE = 1 << 7,
    MB_FEED_STOPPED = 1 << 8,
};
/* item FLAGS bits */
enum {
    MB_VALID = 1 << 0,
    MB_STABLE = 1 << 1,
    MB_OVER = 1 << 2,
    MB_UNDER = 1 << 3,
    MB_NO_WEIGHT = 1 << 4,
    MB_ITEM_MANUAL = 1 << 5,
    MB_DOUBLE = 1 << 6,
    MB_SIMULATED = 1 << 7,
};
enum { MB_UNIT_MG = 1, MB_UNIT_G = 2, MB_UNIT_KG = 3 };
enum mb_reason {
    MB_DECIDED = 1,
    MB_LATE = 2,
    MB_BLOCKED = 3,
    MB_NO_HOST = 4,
    MB_UNTRACKED = 5,
    MB_BY_HAND = 6,
    MB_SPACING = 7,
    MB_LANE_FULL = 8,
};

struct mb_header {
    uint32_t epoch, boot_nonce, head_seq, oldest_seq, enc, out_head, uptime_ms;
    uint16_t boot_count, heartbeat, state, fault, lost_count, ring_n, slot_m, enc_speed,
        pulses_per_m, host_session_echo, default_outlet, n_outlets, late_count, outlet_blocked;
};
struct mb_item {
    uint32_t seq, enc, t_ms;
    int32_t weight;
    uint16_t flags, lane, length, aux1, aux2;
    uint8_t decimals, unit;
};
struct mb_outcome {
    uint32_t out_index, seq;
    uint16_t outlet, reason, enc_lo;
};
struct mb_host { /* the header words H+0..15 */
    uint16_t session, heartbeat, request;
    uint32_t ack_epoch, ack_seq, ack_out, new_epoch, new_epoch_nonce;
};

static inline uint32_t mb_u32(const uint16_t *w)
{
    return (uint32_t)w[0] << 16 | w[1];
}
static inline void mb_put32(uint16_t *w, uint32_t v)
{
    w[0] = (uint16_t)(v >> 16);
    w[1] = (uint16_t)v;
}

/* A check word: CRC-16/MODBUS over the words; 0 is sent as 0xFFFF. */
uint16_t mb_check(const uint16_t *w, size_t n);

/* Decoding. `checked`: the device provides checks; otherwise the check words are not looked at (the
 * caller compares two reads). Headers: magic, version, REC_WORDS, bounds of RING_N, SLOT_M and
 * HEAD − OLDEST + 1 ≤ RING_N. false: read again; nothing is written. */
bool mb_header_decode(const uint16_t w[MB_HDR_WORDS], bool checked, struct mb_header *ret);
bool mb_item_decode(const uint16_t w[MB_ITEM_WORDS], uint32_t epoch, uint32_t want_seq,
                    bool checked, struct mb_item *ret);
bool mb_outcome_decode(const uint16_t w[MB_OUT_WORDS], uint32_t epoch, uint32_t want_index,
                       bool checked, struct mb_outcome *ret);
bool mb_slot_valid(const uint16_t w[MB_SLOT_WORDS], uint32_t epoch, uint32_t seq,
                   uint16_t *ret_outlet);
bool mb_host_ack_valid(const uint16_t w[MB_HOST_WORDS]);   /* ACK_CHECK holds */
bool mb_host_epoch_valid(const uint16_t w[MB_HOST_WORDS]); /* EPOCH_CHECK holds */
/* checks not looked at */
void mb_host_decode(const uint16_t w[MB_HOST_WORDS], struct mb_host *ret);

void mb_header_encode(const struct mb_header *h, bool checked, uint16_t w[MB_HDR_WORDS]);
void mb_item_encode(const struct mb_item *i, uint32_t epoch, bool checked,
                    uint16_t w[MB_ITEM_WORDS]);
void mb_outcome_encode(const struct mb_outcome *o, uint32_t epoch, bool checked,
                       uint16_t w[MB_OUT_WORDS]);
void mb_slot_encode(uint32_t epoch, uint32_t seq, uint16_t outlet, uint16_t w[MB_SLOT_WORDS]);
void mb_host_encode(const struct mb_host *h, uint16_t w[MB_HOST_WORDS]);

/* Addresses. */
static inline uint32_t mb_item_addr(uint32_t base, uint32_t ring_n, uint32_t seq)
{
    return base + MB_HDR_WORDS + (seq & (ring_n - 1)) * MB_ITEM_WORDS;
}
static inline uint32_t mb_out_addr(uint32_t base, uint32_t ring_n, uint32_t index)
{
    return base + MB_HDR_WORDS + MB_ITEM_WORDS * ring_n + (index & (ring_n - 1)) * MB_OUT_WORDS;
}
static inline uint32_t mb_slot_addr(uint32_t host, uint32_t slot_m, uint32_t seq)
{
    return host + MB_HOST_WORDS + (seq & (slot_m - 1)) * MB_SLOT_WORDS;
}
static inline uint32_t mb_default_host(uint32_t base, uint32_t ring_n)
{
    return base + MB_HDR_WORDS + 24 * ring_n;
}

/* Weight in milligrams. 0; ERR_RANGE: unit or decimals refused (over 6 decimals, or a weight that
 * is no whole number of milligrams). */
int mb_weight_mg(int32_t weight, uint8_t decimals, uint8_t unit, int64_t *ret_mg);
