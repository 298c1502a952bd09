/* What the mailbox_*.c files share; nobody else includes this. */
#pragma once
#include "controller/mailbox.h"

enum phase {
    BLIND,      /* no header yet */
    UNASSIGNED, /* EPOCH 0: waiting for a committed epoch, or proposing it */
    OPENING,    /* unknown epoch: the record opens it */
    CHECKING,   /* held records are compared with what was committed */
    ADOPTING,   /* slots of held items are read back */
    RUNNING,
    QUARANTINE,
    PHASES
};
enum event {
    EV_ZERO,     /* header: EPOCH 0 */
    EV_SAME,     /* header: the attached epoch, nothing odd */
    EV_REBOOT,   /* header: the attached epoch under a new nonce, not behind what was seen */
    EV_OURS,     /* header: the newest epoch of the record, not attached */
    EV_UNKNOWN,  /* header: any other epoch */
    EV_CONFLICT, /* header: behind what is committed or seen, or another layout */
    EV_SMALL,    /* header: RING_N below what the map is meant for */
    EV_PROPOSE,  /* order: an epoch is committed */
    EV_OPEN,     /* order: the unknown epoch is opened */
    EV_CHECKED,  /* every held record is as committed */
    EV_ADOPTED,  /* every slot that may stand has been read */
    EV_DIFFERS,  /* a held record is not as committed, or not the successor after a reboot */
    EVENTS
};
enum cell_state {
    CELL_NONE,
    CELL_WANTED, /* to be read */
    CELL_ONCE,   /* read once; without checks it takes two equal reads */
    CELL_READ,   /* decided */
    CELL_HANDED,
    CELL_LOST, /* overwritten before it was read */
};
struct cell {
    uint32_t seq;
    uint8_t state, reads;
    bool compare; /* words are what was committed; read again and compare */
    bool kept;    /* words are worth comparing later */
    bool adopted, need_slot;
    uint16_t outlet;
    uint16_t words[MB_ITEM_WORDS], second[MB_ITEM_WORDS];
    uint64_t turn; /* headers accepted when it was read, or first could not be */
    struct mono shown, first_bad, retry;
};
enum tag {
    TAG_HEADER = 1,
    TAG_RECORDS,
    TAG_SLOTS,
    TAG_ADOPT,
    TAG_HOST,
    TAG_OUTCOMES,
    TAG_GOODBYE,
    TAGS
};

#define OUT_STAGE 15 /* outcomes of one read; 8 × 15 words */
struct staged {
    const char *gap; /* its cause; NULL: an outcome */
    struct mb_outcome o;
};
struct mailbox {
    struct mailbox_options o;
    enum phase phase;
    uint32_t epoch;             /* attached; 0: none */
    uint32_t nonce;             /* of the attached epoch's last header, or of EPOCH 0 */
    struct item_line_state rec; /* the record's newest epoch, moved along */
    uint32_t host;              /* H, once known */
    bool seen;                  /* hdr holds a good header */
    struct mb_header hdr;
    uint64_t turn;                /* headers accepted */
    uint16_t ring_n;              /* of the attached epoch */
    uint32_t head_seen, out_seen; /* of it, by the last header */
    bool link_up, foreign, goodbye, gone;
    bool no_fc23;

    /* header */
    struct mono grid, header_due, last_header, beat_at;
    uint16_t raw[MB_HDR_WORDS]; /* the read before, for PLCs without checks */
    bool raw_known;
    uint32_t bad_headers;
    uint16_t beat_seen;
    struct {
        bool on;
        enum event ev;
        uint32_t epoch, nonce;
    } doubt; /* something odd was seen once; it counts when a second header says the same */

    /* epochs */
    uint32_t proposal, told_epoch, told_oldest, told_out, told_nonce;
    bool successor; /* after a reboot: the next record must be the successor */
    bool adopt;     /* slots of an earlier life may stand */
    bool small;     /* in quarantine, because the ring is too small for the map */

    /* items: seq in (handed, covered] wait in cells, seq in [oldest, handed] may be compared */
    uint32_t handed, covered, decided, slot_from, adopt_next, adopt_last;
    uint32_t compare_n; /* cells still to be compared */
    uint32_t gone_told;
    struct mono gone_at;
    struct mono adopt_retry;
    unsigned adopt_refused; /* in a row */
    bool slot_hold;         /* after a failure: a header first */
    bool chunk_done;        /* records were read since the last header */
    size_t held_n;

    /* outcomes */
    uint32_t out_handed, out_told; /* handed over; newest staged */
    size_t stage_n, stage_done;
    uint64_t stage_turn;
    struct staged stage[OUT_STAGE];
    uint16_t out_once[OUT_STAGE * MB_OUT_WORDS];
    uint32_t out_once_at; /* first index of out_once */
    size_t out_once_n;    /* 0: none */
    struct mono out_retry;

    /* host words */
    uint16_t beat;
    uint32_t ack_seq, ack_out; /* of the attached epoch */
    struct {
        uint32_t seq_epoch, seq, out_epoch, out;
    } durable; /* committed, as last told */
    bool feed_stop, host_dirty;
    struct mono host_due, host_latest, host_hold;
    bool turn_credit, out_turn; /* one of host and outcomes per header when time is short */
    int64_t rtt_ns;

    /* another host */
    bool own_write;
    struct mono own_at, odd_at[3];
    uint32_t own_beats, odd_n;

    struct {
        uint32_t seq, n;
    } flight; /* of the want given last */
    uint64_t unreadable, adopted_n, late_n;

    /* Last, and only touched as far as needed: ring_n of cells and out_bad, held_n of held. */
    struct cell cells[MAILBOX_RING_MAX];
    struct out_bad {
        uint32_t index, reads;
        struct mono since;
    } out_bad[MAILBOX_RING_MAX];
    struct held {
        uint32_t seq;
        uint16_t words[MB_ITEM_WORDS];
    } held[MAILBOX_RING_MAX]; /* of the record, before the first attachment */
};

static inline struct cell *cell_of(struct mailbox *m, uint32_t seq)
{
    return &m->cells[seq & (m->ring_n - 1u)];
}
/* a is newer than b. Not modulo 2^32: numbers never wrap (rule 1), and whoever shows one far ahead
 * must not seem to be behind. */
static inline bool after(uint32_t a, uint32_t b)
{
    return a > b;
}
static inline bool slots_wanted(const struct mailbox *m)
{
    return m->phase == RUNNING && !(m->hdr.state & MB_TABLE_MODE) && !m->foreign && !m->goodbye;
}

/* Outgoing news keep this much room for what cannot wait: epochs, gaps, alarms. */
#define NEWS_RESERVE 64
static inline bool room_for(const struct mailbox *m, size_t n)
{
    return m->o.owner.room(m->o.owner.self) >= n + NEWS_RESERVE;
}

/* mailbox.c */
void mailbox_read(const struct mailbox *m, enum tag t, uint32_t addr, uint32_t n, struct want *ret);
void mailbox_write(const struct mailbox *m, enum tag t, uint32_t addr, uint32_t n,
                   struct want *ret);
/* mailbox_header.c */
void header_want(const struct mailbox *m, struct want *ret);
void header_take(struct mailbox *m, const struct reply *r, struct mono now);
void header_soon(struct mailbox *m, struct mono now);
/* mailbox_epoch.c */
enum event epoch_event(const struct mailbox *m, const struct mb_header *h);
bool epoch_steady(const struct mailbox *m, enum event ev, const struct mb_header *h);
void epoch_step(struct mailbox *m, enum event ev, const struct mb_header *h, struct mono now);
/* mailbox_items.c */
void items_start(struct mailbox *m, uint32_t handed);
void items_shown(struct mailbox *m, struct mono now);
void items_passed(struct mailbox *m);
void items_compare(struct mailbox *m);
bool items_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *wake);
void items_take(struct mailbox *m, const struct reply *r, struct mono now);
void items_hand_over(struct mailbox *m, struct mono now);
void items_lose(struct mailbox *m, uint32_t head, const char *cause);
/* mailbox_slots.c */
bool slots_want(struct mailbox *m, struct want *ret);
void slots_take(struct mailbox *m, const struct reply *r);
void slots_need(struct mailbox *m, struct cell *c);
bool adopt_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *wake);
void adopt_take(struct mailbox *m, const struct reply *r, struct mono now);
/* mailbox_outcomes.c */
void outcomes_start(struct mailbox *m, uint32_t handed);
void outcomes_shown(struct mailbox *m);
bool outcomes_want(struct mailbox *m, struct mono now, struct want *ret, struct mono *wake);
void outcomes_take(struct mailbox *m, const struct reply *r, struct mono now);
void outcomes_lose(struct mailbox *m, uint32_t head, const char *cause);
/* mailbox_host.c */
bool host_due(const struct mailbox *m, struct mono now);
bool host_overdue(const struct mailbox *m, struct mono now);
void host_want(struct mailbox *m, struct want *ret, bool bye);
void host_take(struct mailbox *m, const struct reply *r, struct mono now);
void host_echo(struct mailbox *m, const struct mb_header *h, bool beat, struct mono sent);
/* news, in mailbox.c */
void tell_gap(struct mailbox *m, enum gap_kind kind, uint32_t from, uint32_t to, uint32_t count,
              const char *cause);
void tell_epoch(struct mailbox *m, enum news_kind kind, const struct mb_header *h);
void tell_alarm(struct mailbox *m, enum news_kind kind, const char *code, const char *text,
                uint32_t seq);
void tell_small(struct mailbox *m, uint32_t ring_n);
