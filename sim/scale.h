/* A weighing indicator HBM WTX110/120 over Modbus (facts/devices 1a): 37 registers to read, another
 * meaning of the same addresses to write. Pure: time is an argument. Plain value, one thread.
 * Max 30 kg, Min 40 g, e = 2 g. */
#pragma once
#include "base/clock.h"
#include "sim/dice.h"

enum { SCALE_REGISTERS = 38, SCALE_E_MG = 2000, SCALE_MAX_MG = 30000000 };

struct scale {
    struct dice dice;
    int64_t load_mg;           /* what lies on it */
    int64_t from_mg;           /* where the movement began */
    struct mono moved, shaken; /* movement began; shaking ends */
    int64_t zero_mg, tare_mg;
    int64_t seen_mg; /* after zero, before rounding: what the registers show */
    bool frozen, netted, moving, sealed;
    uint32_t settle_ms;
    uint16_t control;    /* last control word */
    bool ack, ok;        /* reg5 b14, b15 */
    struct mono ack_due; /* when the command is carried out */
    uint16_t pending;
    uint16_t memory[6]; /* day, month, year, sequence, gross, net */
    uint32_t tares, zeros, refused, records;
};

void scale_init(struct scale *s, uint64_t seed, uint32_t settle_ms, struct mono now);
void scale_tick(struct scale *s, struct mono now);
/* 0 or an exception code. */
int scale_read(const struct scale *s, uint32_t addr, uint32_t n, uint16_t *ret_words);
int scale_write(struct scale *s, uint32_t addr, const uint16_t *words, uint32_t n, struct mono now);

void scale_load(struct scale *s, int64_t mg, struct mono now);
void scale_shake(struct scale *s, uint32_t ms, struct mono now);
void scale_freeze(struct scale *s, bool on); /* values stand still, it answers */
void scale_seal(struct scale *s, bool intact);
bool scale_tare(struct scale *s); /* the key on the indicator; false: refused */
bool scale_zero(struct scale *s);
int64_t scale_gross_mg(const struct scale *s); /* as shown, in steps of e */
int64_t scale_net_mg(const struct scale *s);
