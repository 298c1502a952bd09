/* For unit tests only: two maps that are right, and what is said when a piece of them is another.
 */
#pragma once
#include "base/test_text.h"
#include "plc-maps/map.h"

/* A scale; line numbers count from 1. */
static const char scale[] =
    "map: s\n"           /* 1 */
    "version: 1.0.0\n"   /* 2 */
    "kind: registers\n"  /* 3 */
    "title: A scale\n"   /* 4 */
    "source: a manual\n" /* 5 */
    "confidence: A\n"    /* 6 */
    "trade: static\n"    /* 7 */
    "link: {fc: [3, 16], max_read: 20, max_write: 2, timeout_ms: 100, turnaround_ms: 10}\n"
    "records:\n"           /* 9 */
    "  - name: frame\n"    /* 10 */
    "    addr: 10\n"       /* 11 */
    "    words: 6\n"       /* 12 */
    "    source: page 7\n" /* 13 */
    "    confidence: B\n"  /* 14 */
    "    weight: {decimals: {at: 4, shift: 0, width: 3}, units: [kg], bad_when: [scale.over]}\n"
    "    fields:\n"                                              /* 16 */
    "      - {role: scale.net, at: 0, type: s32}\n"              /* 17 */
    "      - {role: scale.stable, at: 5, type: flag, mask: 1}\n" /* 18 */
    "      - {role: scale.over, at: 5, type: flag, mask: 2}\n"   /* 19 */
    "write:\n"                                                   /* 20 */
    "  - {purpose: scale.zero, addr: 30, words: 1, source: page 9, confidence: A}\n"
    "vectors:\n"                                               /* 22 */
    "  - name: one\n"                                          /* 23 */
    "    origin: manual page 8\n"                              /* 24 */
    "    frames: [{addr: 10, words: [0, 1234, 0, 0, 3, 1]}]\n" /* 25 */
    "    expect: {scale.net: 1234000, scale.stable: 1}\n";     /* 26 */

static const char mailbox[] =
    "map: m\n"               /* 1 */
    "version: 1.0.0\n"       /* 2 */
    "kind: mailbox\n"        /* 3 */
    "title: A sorter\n"      /* 4 */
    "source: the contract\n" /* 5 */
    "confidence: A\n"        /* 6 */
    "link: {fc: [3, 16], max_read: 112, max_write: 120, timeout_ms: 100, turnaround_ms: 10}\n"
    "mailbox: {checks: no, base: 100, min_ring: 16}\n"              /* 8 */
    "item:\n"                                                       /* 9 */
    "  - {measure: length, from: length, type: u16, pulses: yes}\n" /* 10 */
    "  - {defect: black, from: aux2, type: flag, mask: 1}\n"        /* 11 */
    "vectors:\n"                                                    /* 12 */
    "  - name: one\n"                                               /* 13 */
    "    origin: constructed\n"                                     /* 14 */
    "    item: {epoch: 1, seq: 5, pulses_per_m: 1000,\n"            /* 15 */
    "           words: [0, 5, 3, 1, 0, 21, 2, 0, 0, 100, 0, 1, 0, 0, 5, 0]}\n"
    "    expect: {weight: 21000, length: 100000}\n" /* 17 */
    "    defects: [black]\n";                       /* 18 */

#define TEN       "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
#define LONG_LIST "[" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static inline void expect_error(const char *text, const struct wrong *w)
{
    char *bad = changed(text, w->find, w->put), line[400];
    struct err e = {0};
    struct map *m = NULL;
    int rc = map_parse("t.yaml", bad, strlen(bad), &m, &e);
    if (rc == 0)
        fail_msg("accepted: %s -> %s", w->find, w->put);
    assert_int_equal(rc, e.code);
    assert_null(m);
    if (strstr(err_line(&e, line, sizeof line), w->error) != line)
        fail_msg("%s -> %s:\n  got    %s\n  wanted %s", w->find, w->put, line, w->error);
    free(bad);
}

static inline void expect_good(const char *text, const char *find, const char *put)
{
    char *good = changed(text, find, put), line[400];
    struct err e = {0};
    struct map *m = NULL;
    if (map_parse("t.yaml", good, strlen(good), &m, &e) < 0)
        fail_msg("refused: %s", err_line(&e, line, sizeof line));
    map_free(m);
    free(good);
}
