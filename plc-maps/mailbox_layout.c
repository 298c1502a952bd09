/* Item mailbox v1 as words.  way: 1/12 words of the PLC to records
 * Pure. Counters are compared modulo 2^32, so HEAD − OLDEST + 1 is the
 * number of held items even across a wrap. */
#include "plc-maps/mailbox_layout.h"
#include "base/crc.h"
#include "base/err.h"
#include "base/num.h"
#include <string.h>

uint16_t mb_check(const uint16_t *w, size_t n)
{
    uint16_t c = crc16_words(0xFFFF, w, n);
    return c ? c : 0xFFFF;
}

/* CRC over EPOCH and then the words of a record. */
static uint16_t check_with_epoch(uint32_t epoch, const uint16_t *w, size_t n)
{
    uint16_t e[2];
    mb_put32(e, epoch);
    uint16_t c = crc16_words(crc16_words(0xFFFF, e, 2), w, n);
    return c ? c : 0xFFFF;
}

static bool power_of_two(uint16_t v, uint16_t min, uint16_t max)
{
    return v >= min && v <= max && (v & (v - 1)) == 0;
}

bool mb_header_decode(const uint16_t w[MB_HDR_WORDS], bool checked, struct mb_header *ret)
{
    if (w[MB_HDR_MAGIC] != MB_MAGIC || w[MB_HDR_VERSION] != MB_VERSION ||
        w[MB_HDR_REC_WORDS] != MB_ITEM_WORDS)
        return false;
    if (checked && w[MB_HDR_HDR_CHECK] != mb_check(w, MB_HDR_HDR_CHECK))
        return false;
    struct mb_header h = {
        .epoch = mb_u32(w + MB_HDR_EPOCH),
        .boot_nonce = mb_u32(w + MB_HDR_BOOT_NONCE),
        .boot_count = w[MB_HDR_BOOT_COUNT],
        .heartbeat = w[MB_HDR_HEARTBEAT],
        .state = w[MB_HDR_STATE],
        .fault = w[MB_HDR_FAULT],
        .head_seq = mb_u32(w + MB_HDR_HEAD_SEQ),
        .oldest_seq = mb_u32(w + MB_HDR_OLDEST_SEQ),
        .lost_count = w[MB_HDR_LOST_COUNT],
        .ring_n = w[MB_HDR_RING_N],
        .slot_m = w[MB_HDR_SLOT_M],
        .enc = mb_u32(w + MB_HDR_ENC),
        .enc_speed = w[MB_HDR_ENC_SPEED],
        .pulses_per_m = w[MB_HDR_PULSES_PER_M],
        .out_head = mb_u32(w + MB_HDR_OUT_HEAD),
        .host_session_echo = w[MB_HDR_HOST_SESSION_ECHO],
        .default_outlet = w[MB_HDR_DEFAULT_OUTLET],
        .n_outlets = w[MB_HDR_N_OUTLETS],
        .late_count = w[MB_HDR_LATE_COUNT],
        .uptime_ms = mb_u32(w + MB_HDR_UPTIME_MS),
        .outlet_blocked = w[MB_HDR_OUTLET_BLOCKED],
    };
    if (!power_of_two(h.ring_n, 16, 1024) || !power_of_two(h.slot_m, h.ring_n, 0x8000))
        return false;
    if (h.head_seq - h.oldest_seq + 1 > h.ring_n || h.boot_nonce == 0)
        return false;
    *ret = h;
    return true;
}

void mb_header_encode(const struct mb_header *h, bool checked, uint16_t w[MB_HDR_WORDS])
{
    memset(w, 0, sizeof(uint16_t) * MB_HDR_WORDS);
    w[MB_HDR_MAGIC] = MB_MAGIC;
    w[MB_HDR_VERSION] = MB_VERSION;
    mb_put32(w + MB_HDR_EPOCH, h->epoch);
    mb_put32(w + MB_HDR_BOOT_NONCE, h->boot_nonce);
    w[MB_HDR_BOOT_COUNT] = h->boot_count;
    w[MB_HDR_HEARTBEAT] = h->heartbeat;
    w[MB_HDR_STATE] = h->state;
    w[MB_HDR_FAULT] = h->fault;
    mb_put32(w + MB_HDR_HEAD_SEQ, h->head_seq);
    mb_put32(w + MB_HDR_OLDEST_SEQ, h->oldest_seq);
    w[MB_HDR_LOST_COUNT] = h->lost_count;
    w[MB_HDR_RING_N] = h->ring_n;
    w[MB_HDR_REC_WORDS] = MB_ITEM_WORDS;
    w[MB_HDR_SLOT_M] = h->slot_m;
    mb_put32(w + MB_HDR_ENC, h->enc);
    w[MB_HDR_ENC_SPEED] = h->enc_speed;
    w[MB_HDR_PULSES_PER_M] = h->pulses_per_m;
    mb_put32(w + MB_HDR_OUT_HEAD, h->out_head);
    w[MB_HDR_HOST_SESSION_ECHO] = h->host_session_echo;
    w[MB_HDR_DEFAULT_OUTLET] = h->default_outlet;
    w[MB_HDR_N_OUTLETS] = h->n_outlets;
    w[MB_HDR_LATE_COUNT] = h->late_count;
    mb_put32(w + MB_HDR_UPTIME_MS, h->uptime_ms);
    w[MB_HDR_OUTLET_BLOCKED] = h->outlet_blocked;
    w[MB_HDR_HDR_CHECK] = checked ? mb_check(w, MB_HDR_HDR_CHECK) : 0;
}

bool mb_item_decode(const uint16_t w[MB_ITEM_WORDS], uint32_t epoch, uint32_t want_seq,
                    bool checked, struct mb_item *ret)
{
    if (mb_u32(w + MB_ITEM_SEQ) != want_seq || w[MB_ITEM_TAIL] != (uint16_t)want_seq)
        return false;
    if (checked && w[MB_ITEM_CRC] != check_with_epoch(epoch, w, MB_ITEM_CRC))
        return false;
    *ret = (struct mb_item){
        .seq = want_seq,
        .flags = w[MB_ITEM_FLAGS],
        .lane = w[MB_ITEM_LANE],
        .weight = (int32_t)mb_u32(w + MB_ITEM_WEIGHT),
        .decimals = (uint8_t)(w[MB_ITEM_DECIMALS_UNIT] >> 8),
        .unit = (uint8_t)w[MB_ITEM_DECIMALS_UNIT],
        .enc = mb_u32(w + MB_ITEM_ENC),
        .length = w[MB_ITEM_LENGTH],
        .aux1 = w[MB_ITEM_AUX1],
        .aux2 = w[MB_ITEM_AUX2],
        .t_ms = mb_u32(w + MB_ITEM_T_MS),
    };
    return true;
}

void mb_item_encode(const struct mb_item *i, uint32_t epoch, bool checked,
                    uint16_t w[MB_ITEM_WORDS])
{
    mb_put32(w + MB_ITEM_SEQ, i->seq);
    w[MB_ITEM_FLAGS] = i->flags;
    w[MB_ITEM_LANE] = i->lane;
    mb_put32(w + MB_ITEM_WEIGHT, (uint32_t)i->weight);
    w[MB_ITEM_DECIMALS_UNIT] = (uint16_t)(i->decimals << 8 | i->unit);
    mb_put32(w + MB_ITEM_ENC, i->enc);
    w[MB_ITEM_LENGTH] = i->length;
    w[MB_ITEM_AUX1] = i->aux1;
    w[MB_ITEM_AUX2] = i->aux2;
    mb_put32(w + MB_ITEM_T_MS, i->t_ms);
    w[MB_ITEM_TAIL] = (uint16_t)i->seq;
    w[MB_ITEM_CRC] = checked ? check_with_epoch(epoch, w, MB_ITEM_CRC) : 0;
}

bool mb_outcome_decode(const uint16_t w[MB_OUT_WORDS], uint32_t epoch, uint32_t want_index,
                       bool checked, struct mb_outcome *ret)
{
    if (mb_u32(w + MB_OUT_OUT_INDEX) != want_index)
        return false;
    if (checked && w[MB_OUT_CRC] != check_with_epoch(epoch, w, MB_OUT_CRC))
        return false;
    *ret = (struct mb_outcome){
        .out_index = want_index,
        .seq = mb_u32(w + MB_OUT_SEQ),
        .outlet = w[MB_OUT_OUTLET],
        .reason = w[MB_OUT_REASON],
        .enc_lo = w[MB_OUT_ENC_LO],
    };
    return true;
}

void mb_outcome_encode(const struct mb_outcome *o, uint32_t epoch, bool checked,
                       uint16_t w[MB_OUT_WORDS])
{
    mb_put32(w + MB_OUT_OUT_INDEX, o->out_index);
    mb_put32(w + MB_OUT_SEQ, o->seq);
    w[MB_OUT_OUTLET] = o->outlet;
    w[MB_OUT_REASON] = o->reason;
    w[MB_OUT_ENC_LO] = o->enc_lo;
    w[MB_OUT_CRC] = checked ? check_with_epoch(epoch, w, MB_OUT_CRC) : 0;
}

static uint16_t slot_check(uint32_t epoch, uint32_t seq, uint16_t outlet)
{
    uint16_t w[5];
    mb_put32(w, epoch);
    mb_put32(w + 2, seq);
    w[4] = outlet;
    return mb_check(w, 5);
}

bool mb_slot_valid(const uint16_t w[MB_SLOT_WORDS], uint32_t epoch, uint32_t seq,
                   uint16_t *ret_outlet)
{
    if (w[MB_SLOT_EPOCH_LO] != (uint16_t)epoch || w[MB_SLOT_SEQ_LO] != (uint16_t)seq ||
        w[MB_SLOT_CHECK] != slot_check(epoch, seq, w[MB_SLOT_OUTLET]))
        return false;
    *ret_outlet = w[MB_SLOT_OUTLET];
    return true;
}

void mb_slot_encode(uint32_t epoch, uint32_t seq, uint16_t outlet, uint16_t w[MB_SLOT_WORDS])
{
    w[MB_SLOT_EPOCH_LO] = (uint16_t)epoch;
    w[MB_SLOT_SEQ_LO] = (uint16_t)seq;
    w[MB_SLOT_OUTLET] = outlet;
    w[MB_SLOT_CHECK] = slot_check(epoch, seq, outlet);
}

bool mb_host_ack_valid(const uint16_t w[MB_HOST_WORDS])
{
    return w[MB_HOST_ACK_CHECK] == mb_check(w + MB_HOST_ACK_EPOCH, 6);
}

bool mb_host_epoch_valid(const uint16_t w[MB_HOST_WORDS])
{
    return w[MB_HOST_EPOCH_CHECK] == mb_check(w + MB_HOST_NEW_EPOCH, 4);
}

void mb_host_decode(const uint16_t w[MB_HOST_WORDS], struct mb_host *ret)
{
    *ret = (struct mb_host){
        .session = w[MB_HOST_SESSION],
        .heartbeat = w[MB_HOST_HEARTBEAT],
        .ack_epoch = mb_u32(w + MB_HOST_ACK_EPOCH),
        .ack_seq = mb_u32(w + MB_HOST_ACK_SEQ),
        .ack_out = mb_u32(w + MB_HOST_ACK_OUT),
        .new_epoch = mb_u32(w + MB_HOST_NEW_EPOCH),
        .new_epoch_nonce = mb_u32(w + MB_HOST_NEW_EPOCH_NONCE),
        .request = w[MB_HOST_REQUEST],
    };
}

void mb_host_encode(const struct mb_host *h, uint16_t w[MB_HOST_WORDS])
{
    w[MB_HOST_SESSION] = h->session;
    w[MB_HOST_HEARTBEAT] = h->heartbeat;
    mb_put32(w + MB_HOST_ACK_EPOCH, h->ack_epoch);
    mb_put32(w + MB_HOST_ACK_SEQ, h->ack_seq);
    mb_put32(w + MB_HOST_ACK_OUT, h->ack_out);
    mb_put32(w + MB_HOST_NEW_EPOCH, h->new_epoch);
    mb_put32(w + MB_HOST_NEW_EPOCH_NONCE, h->new_epoch_nonce);
    w[MB_HOST_REQUEST] = h->request;
    w[MB_HOST_ACK_CHECK] = mb_check(w + MB_HOST_ACK_EPOCH, 6);
    w[MB_HOST_EPOCH_CHECK] = mb_check(w + MB_HOST_NEW_EPOCH, 4);
    w[MB_HOST_RESERVED] = 0;
}

int mb_weight_mg(int32_t weight, uint8_t decimals, uint8_t unit, int64_t *ret_mg)
{
    static const int64_t unit_mg[] = {0, 1, 1000, 1000000};
    static const int64_t ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    if (unit < MB_UNIT_MG || unit > MB_UNIT_KG || decimals > 6)
        return ERR_RANGE;
    int64_t mg = (int64_t)weight * unit_mg[unit];
    if (mg % ten[decimals] != 0)
        return ERR_RANGE;
    *ret_mg = mg / ten[decimals];
    return 0;
}
