/* Lines and their epochs in the record. Main thread of lotlined, inside the open transaction. Each
 * call appends an event only when it says something new, so that a batch can be applied again. */
#pragma once
#include "base/err.h"
#include <jansson.h>
#include <stdint.h>

struct store;
/* The line of this name ([a-z0-9-]{1,24}) with what its configuration says of it (an object); the
 * record numbers lines from 1 and never gives a number to another name. */
int line_configure(struct store *s, const char *name, const json_t *details, uint32_t *ret_no,
                   struct err *e);
/* Rule 3 of the mailbox: what the PLC shows contradicts the record. */
int line_quarantine(struct store *s, uint32_t line, uint32_t epoch, uint32_t seq, const char *code,
                    struct err *e);
/* The wall clock was stepped against the monotonic one. */
int clock_stepped(struct store *s, int64_t step_ms, struct err *e);

/* An epoch for a PLC that shows 0 and this nonce: the proposed one again while the nonce is the
 * same and the PLC never showed it, else one never used before on this line. A line's first epoch
 * in a new or restored store is random in 1…2^30, because a lost store may have used any below. */
int epoch_propose(struct store *s, uint32_t line, uint32_t nonce, uint32_t *ret_epoch,
                  struct err *e);
/* The PLC shows it, with the nonce of its present start. ERR_NOT_FOUND: never opened. */
int epoch_shown(struct store *s, uint32_t line, uint32_t epoch, uint32_t nonce, struct err *e);
/* The PLC shows an epoch that is not the line's newest: it becomes so, with a gap for what comes
 * before oldest_seq and is not committed. */
int epoch_unknown(struct store *s, uint32_t line, uint32_t epoch, uint32_t oldest_seq,
                  uint32_t nonce, struct err *e);
