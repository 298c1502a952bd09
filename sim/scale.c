/* The scale: a load that settles, an indicator that rounds to e, a command handshake.
 * Thread: the caller's. Owns: nothing but its value.
 * Invariants:
 *  1 Shown values are whole e; b4 (moving) is set while the true one has not settled or is shaken.
 *  2 Tare and zero are refused while moving; zero also outside 2 % of Max; the refusal shows in
 * b15. 3 Handshake: bit → (30 ms) carried out, b14 on → 0 written → b14 off, b15 keeps the result.
 * Source of the registers: facts/devices 1a, HBM WTX row. */
#include "sim/scale.h"
#include <string.h>

enum {
    GENERAL_ERROR = 1 << 0,
    SCALE_ALARM = 1 << 1,
    LIMIT_UNDER = 1 << 2,
    LIMIT_OVER = 2 << 2,
    LIMIT_SAFE_LOAD = 3 << 2,
    MOVING = 1 << 4,
    SEAL_OPEN = 1 << 5,
    NET = 1 << 7,
    CENTRE_ZERO = 1 << 11,
    INSIDE_ZERO = 1 << 12,
    DECIMALS_3 = 3 << 4,
    HANDSHAKE = 1 << 14,
    RESULT_OK = 1 << 15,
    CMD_TARE = 1 << 0,
    CMD_GROSS_NET = 1 << 1,
    CMD_ZERO = 1 << 6,
    CMD_RECORD = 1 << 14,
    HANDSHAKE_MS = 30,
};

void scale_init(struct scale *s, uint64_t seed, uint32_t settle_ms, struct mono now)
{
    *s = (struct scale){
        .dice = {seed}, .settle_ms = settle_ms, .moved = {now.ns - INT64_C(3600000000000)}};
    s->sealed = true;
    s->shaken = s->moved;
    s->ack_due = MONO_NEVER;
}

static int64_t to_e(int64_t mg)
{
    int64_t half = mg < 0 ? -SCALE_E_MG / 2 : SCALE_E_MG / 2;
    return (mg + half) / SCALE_E_MG * SCALE_E_MG;
}

int64_t scale_gross_mg(const struct scale *s)
{
    return to_e(s->seen_mg);
}

int64_t scale_net_mg(const struct scale *s)
{
    return scale_gross_mg(s) - (s->netted ? s->tare_mg : 0);
}

/* The rest of the way shrinks with the square of the time that is left, and swings around it. */
static int64_t settling(struct scale *s, int64_t gone_ms)
{
    int64_t left = s->settle_ms - gone_ms;
    int64_t rest =
        (s->from_mg - s->load_mg) * (left * left) / ((int64_t)s->settle_ms * s->settle_ms);
    int64_t swing = rest / 4;
    return s->load_mg + rest + (gone_ms / 40 % 2 ? swing : -swing);
}

void scale_tick(struct scale *s, struct mono now)
{
    int64_t gone = mono_since_ms(now, s->moved);
    bool settles = gone < s->settle_ms, shakes = !mono_reached(now, s->shaken);
    int64_t mg = settles ? settling(s, gone) : s->load_mg;
    if (shakes)
        mg += dice_between(&s->dice, -5, 5) * INT64_C(1000); /* half an e */
    if (!s->frozen) {
        s->seen_mg = mg - s->zero_mg;
        s->moving = settles || shakes;
    }
    if (!mono_reached(now, s->ack_due))
        return;
    s->ack_due = MONO_NEVER;
    s->ack = true;
    if (s->pending & CMD_TARE)
        s->ok = scale_tare(s);
    if (s->pending & CMD_ZERO)
        s->ok = scale_zero(s);
    if (s->pending & CMD_GROSS_NET)
        s->netted = !s->netted;
    if (s->pending & CMD_RECORD)
        s->memory[3] = (uint16_t)++s->records;
}

static uint16_t status(const struct scale *s)
{
    int64_t gross = scale_gross_mg(s), centre = s->seen_mg < 0 ? -s->seen_mg : s->seen_mg;
    const struct {
        bool on;
        uint16_t bits;
    } rows[] = {
        {gross > SCALE_MAX_MG + 9L * SCALE_E_MG, LIMIT_OVER},
        {gross < -20L * SCALE_E_MG, LIMIT_UNDER},
        {s->moving, MOVING},
        {!s->sealed, SEAL_OPEN},
        {s->netted, NET},
        {centre * 4 <= SCALE_E_MG, CENTRE_ZERO},
        {centre <= SCALE_MAX_MG / 50, INSIDE_ZERO},
    };
    uint16_t w = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].on)
            w |= rows[i].bits;
    return w;
}

static void put32(uint16_t *w, int64_t v)
{
    w[0] = (uint16_t)((uint32_t)v >> 16);
    w[1] = (uint16_t)v;
}

int scale_read(const struct scale *s, uint32_t addr, uint32_t n, uint16_t *ret_words)
{
    uint16_t r[SCALE_REGISTERS] = {0};
    if (addr + n > SCALE_REGISTERS)
        return 2;
    put32(r, scale_net_mg(s) / 1000);
    put32(r + 2, scale_gross_mg(s) / 1000);
    r[4] = status(s);
    r[5] = (uint16_t)(DECIMALS_3 | (s->ack ? HANDSHAKE : 0) |
                      (s->ok ? RESULT_OK : 0)); /* unit 0: kg */
    memcpy(r + 9, s->memory, sizeof s->memory);
    memcpy(ret_words, r + addr, n * sizeof r[0]);
    return 0;
}

/* A command is the rising edge of its bit; writing 0 ends the handshake. */
static void control_word(struct scale *s, uint16_t w, struct mono now)
{
    uint16_t rising = (uint16_t)(w & ~s->control);
    s->control = w;
    if (w == 0)
        s->ack = false;
    if (!rising)
        return;
    s->pending = rising;
    s->ok = true;
    s->ack_due = mono_add_ms(now, HANDSHAKE_MS);
}

/* Write space: 0 control word, 2–3 manual tare in grams. */
int scale_write(struct scale *s, uint32_t addr, const uint16_t *words, uint32_t n, struct mono now)
{
    if (addr == 0 && n == 1) {
        control_word(s, words[0], now);
        return 0;
    }
    if (addr == 2 && n == 2) {
        s->tare_mg = (int64_t)(int32_t)((uint32_t)words[0] << 16 | words[1]) * 1000;
        s->netted = true;
        return 0;
    }
    return 2;
}

void scale_load(struct scale *s, int64_t mg, struct mono now)
{
    s->from_mg = s->load_mg;
    s->load_mg = mg;
    s->moved = now;
}

void scale_shake(struct scale *s, uint32_t ms, struct mono now)
{
    s->shaken = mono_add_ms(now, ms);
}

void scale_freeze(struct scale *s, bool on)
{
    s->frozen = on;
}

void scale_seal(struct scale *s, bool intact)
{
    s->sealed = intact;
}

bool scale_tare(struct scale *s)
{
    int64_t gross = scale_gross_mg(s);
    if (s->moving || gross < 0 || gross > SCALE_MAX_MG) {
        s->refused++;
        return false;
    }
    s->tare_mg = gross;
    s->netted = gross != 0;
    s->tares++;
    return true;
}

bool scale_zero(struct scale *s)
{
    int64_t off = s->seen_mg < 0 ? -s->seen_mg : s->seen_mg;
    if (s->moving || off > SCALE_MAX_MG / 50) {
        s->refused++;
        return false;
    }
    s->zero_mg += s->seen_mg;
    s->seen_mg = 0;
    s->zeros++;
    return true;
}
