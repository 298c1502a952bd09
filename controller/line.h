/* A sorting line: mailbox machine and decide, bound to its rings. The device that a bus runs.
 * Made by the main thread before the bus starts; used by the bus thread only, except
 * line_status_get (any thread). Allocates at creation and never after. */
#pragma once
#include "base/ring.h"
#include "controller/device.h"
#include "controller/news.h"
#include "plc-maps/map.h"

struct line;
struct line_options {
    uint32_t no; /* line number, from 1 */
    const char *name;
    uint8_t unit;
    uint16_t base, host; /* B and H; host 0: B + 32 + 24 × RING_N once the header is known */
    uint32_t poll_ms;    /* header period, default 5 */
    bool serial;         /* on a serial port: headers are read with 33 words (MAILBOX 12) */
    const struct map *map;
    struct ring *news, *orders; /* news: ≥ 256 records; the line never blocks on a full one */
    int news_fd;                /* eventfd that wakes main; −1 in tests */
    struct line_ack *ack;
    struct item_line_state state; /* from the record */
    const struct plan *plan;      /* to start with, never NULL */
    uint16_t session;             /* HOST_SESSION, not 0 */
    /* Committed items' words that the PLC may still hold (rule 3); copied by line_new. */
    size_t held_n;
    const struct line_held {
        uint32_t seq;
        uint16_t words[ITEM_WORDS];
    } * held;
};
int line_new(const struct line_options *o, struct line **ret, struct err *e);
void line_free(struct line *l);
struct device line_device(struct line *l);
void line_status_get(const struct line *l, struct line_status *ret);
void line_goodbye(
    struct line *l); /* bus thread, at a clean stop: HOST_SESSION 0 is the last write */
