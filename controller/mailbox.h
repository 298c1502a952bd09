/* The host's side of item mailbox v1 (MAILBOX.md): a pure exactly-once machine. It says what to ask
 * the PLC next, takes the answers, asks its owner for each item's outlet, and hands items, outcomes
 * and gaps over in order, once each. No clock, no I/O, no allocation after mailbox_new. Bus thread.
 *
 * An item's way: shown by a header → record read → owner decides → slot written → a later header
 * shows the same epoch → handed over → committed (mailbox_committed) → acknowledged. */
#pragma once
#include "controller/device.h"
#include "controller/news.h"
#include "plc-maps/map.h"

#define MAILBOX_RING_MAX 1024

enum mailbox_quality {
    MAILBOX_GOOD,
    MAILBOX_BAD_UNIT,   /* the record is whole, its unit is refused: no weight, default outlet */
    MAILBOX_UNREADABLE, /* 16 reads over 200 ms: no record, default outlet */
};
/* What the owner decides on. words are all 0 when unreadable. */
struct mailbox_item {
    uint32_t epoch, seq;
    enum mailbox_quality quality;
    const uint16_t *words;
    struct mb_item record;
    bool table_mode; /* nothing is decided: outlet 0 */
    bool adopted;    /* its slot stood there already, with this outlet */
    uint16_t outlet;
    const struct mb_header *header;
};
/* What the owner provides. All are called from within mailbox_reply, mailbox_want or
 * mailbox_order. */
struct mailbox_owner {
    /* How many news and items can be handed over now. */
    size_t (*room)(void *self);
    /* An item's outlet; called once per item that is handed over later, or thrown away. */
    uint16_t (*decide)(void *self, const struct mailbox_item *it);
    /* The item decided for this seq is handed over now, in order of seq. */
    void (*item)(void *self, uint32_t seq);
    /* What was decided and not handed over is forgotten (its epoch is gone). */
    void (*thrown)(void *self);
    /* Its slot is confirmed, so long after the header that showed the item. */
    void (*slotted)(void *self, uint32_t seq, int64_t ns);
    /* NEWS_OUTCOME, _GAP, _EPOCH_*, _QUARANTINE*, _ALARM, _HELD_GONE; line and at are
     * the owner's. */
    void (*news)(void *self, const struct news *n);
    void *self;
};
struct mailbox_options {
    uint8_t unit;
    uint16_t base, host; /* host 0: B + 32 + 24 × RING_N */
    uint32_t poll_ms;
    bool serial; /* whole headers are read with 33 words */
    struct map_link link;
    struct map_mailbox map;
    uint16_t session; /* not 0 */
    struct item_line_state state;
    struct mailbox_owner owner;
};
struct mailbox;
struct mailbox *mailbox_new(const struct mailbox_options *o); /* NULL: no memory */
void mailbox_free(struct mailbox *m);
/* Words of a committed item of state.epoch that the PLC may still hold; before the first want. */
void mailbox_held(struct mailbox *m, uint32_t seq, const uint16_t words[MB_ITEM_WORDS]);

bool mailbox_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *ret_wake);
void mailbox_reply(struct mailbox *m, const struct want *w, const struct reply *r, struct mono now);

/* Durably committed; lower or foreign positions change nothing. */
void mailbox_committed(struct mailbox *m, uint32_t epoch, uint32_t seq);
void mailbox_committed_out(struct mailbox *m, uint32_t epoch, uint32_t out);
void mailbox_order_epoch(struct mailbox *m, uint32_t epoch,
                         uint32_t nonce); /* committed: propose it */
/* The unknown epoch stands in the record, committed up to seq and out (both 0 when it is new
 * there). */
void mailbox_order_open(struct mailbox *m, uint32_t epoch, uint32_t seq, uint32_t out);
void mailbox_feed_stop(struct mailbox *m, bool on);
void mailbox_goodbye(struct mailbox *m); /* HOST_SESSION 0 is the last want */
/* The closed window of the one thing that lotline writes to: host words or slots, as the contract,
 * the configuration (B, H) and the PLC's header together place them; nothing before a header. */
bool mailbox_may_write(const struct mailbox *m, uint16_t addr, uint16_t n);

/* For status. */
struct mailbox_view {
    bool seen, link_up, stale, quarantined, foreign_host, running;
    uint32_t epoch;   /* attached; 0: none */
    uint32_t decided; /* newest decided seq of it */
    uint32_t handed;  /* newest handed over */
    struct mono last_header;
    const struct mb_header *header; /* the newest good one; valid when seen */
    uint64_t unreadable, adopted, late_at_host;
};
void mailbox_view(const struct mailbox *m, struct mono now, struct mailbox_view *ret);
