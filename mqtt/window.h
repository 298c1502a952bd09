/* The publisher's window: go-back-N over a dense local numbering 1, 2, 3 …. Pure; no clock, no I/O.
 * Invariants: in flight ≤ size; the cursor moves only over a gapless run of acknowledged numbers;
 * after a loss nothing is sent before every outstanding publish has been answered, then all from
 * the lowest unacknowledged number on, in order. So a cut repeats at most one window and never
 * reorders. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define WINDOW_MAX 16

struct window { /* plain value; change only through the functions */
    uint32_t size, outstanding;
    int64_t cursor; /* all up to here are acknowledged */
    int64_t next;   /* to be sent next */
    uint32_t acked; /* bit i: number cursor + 1 + i */
    bool rewinding;
};
void window_init(struct window *w, uint32_t size);
void window_resize(struct window *w, uint32_t size); /* at a connect: min(16, Receive Maximum) */
/* May number *ret_n be sent now? head: newest number that exists. Sending it is window_sent. */
bool window_next(const struct window *w, int64_t head, int64_t *ret_n);
void window_sent(struct window *w);
/* PUBACK of n. true: the cursor moved, *ret_cursor is its new place. */
bool window_acked(struct window *w, int64_t n, int64_t *ret_cursor);
void window_failed(struct window *w); /* one outstanding publish was answered with a failure */
void window_lost(struct window *w);   /* connection lost, send error: rewind */
/* the connection is given up: nothing outstanding will be answered */
void window_forget(struct window *w);
