/* Line-protocol scales (map kind `lines`): the map's forms of frames turn a stream of characters
 * into readings. Pure, integers only; bytes and time go in. A map is shared, a scan has one owner.
 * Source of the forms: the indicators' manuals, named in each map. */
#pragma once
#include "base/clock.h"
#include "plc-maps/map.h"

#define LINES_FRAME_MAX 48 /* bytes of a frame */
#define LINES_UNITS     "none|mg|g|kg|t"

/* What only the scale's place in the configuration says. */
struct lines_as {
    uint8_t address; /* 1 … 26, sent as 'A' … 'Z'; meaningless where frames carry none */
    int unit;        /* index into LINES_UNITS; none: the frame says it */
    int64_t d_mg;    /* a weight with other decimals than its d needs is BAD; 0: not checked */
};
struct lines_frame {
    struct reading r; /* ABSENT: this frame does not speak of it */
    size_t form;
    uint8_t bytes[LINES_FRAME_MAX]; /* as they came */
    size_t n;
    struct mono at; /* of its last byte */
};
struct lines_counts {
    uint64_t frames, others;       /* ours; whole and right, but of another address */
    uint64_t wrong_checks, thrown; /* frames that only their check refused; bytes of no frame */
};
/* The receiver: keeps what may still become a frame, throws away what cannot. After a wrong byte it
 * looks again from the byte after the false beginning, so that a good frame behind or inside
 * rubbish is found. A frame is made of bytes that follow each other, none further apart than the
 * map's gap. Plain value. */
struct lines_scan {
    const struct map *map;
    struct lines_as as;
    struct lines_counts counts;
    uint8_t bytes[LINES_FRAME_MAX + 1]; /* one more: the byte that closes a frame */
    struct mono came[LINES_FRAME_MAX + 1];
    size_t n;
};
void lines_scan_init(struct lines_scan *s, const struct map *m, const struct lines_as *as);
void lines_scan_put(struct lines_scan *s, uint8_t byte, struct mono now);
/* The next whole frame of what was put; call until false, after every byte. */
bool lines_scan_next(struct lines_scan *s, struct lines_frame *ret);
/* Bytes were lost here: what was begun is thrown away. */
void lines_scan_break(struct lines_scan *s);

/* How the scale is asked; 0 asks: it talks by itself. */
size_t lines_asks(const struct map *m);
/* The bytes of the i-th request into out, at most LINES_FRAME_MAX; *ret_form: the form that
 * answers it. */
size_t lines_ask(const struct map *m, size_t i, uint8_t address, uint8_t *out, size_t *ret_form);
/* Defaults of the map, in ms and frames. `judged`: the frame says itself whether it is stable. */
struct lines_times {
    uint32_t gap_ms, timeout_ms, stable_ms, stable_frames;
    bool judged;
};
struct lines_times lines_times(const struct map *m);
/* Frames say their unit or their address themselves. */
bool lines_say_unit(const struct map *m);
bool lines_say_address(const struct map *m);
