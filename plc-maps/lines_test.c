/* Maps of kind `lines`: what they may not say, and what becomes of good and damaged streams. Frames
 * are made here by hand from the manuals' tables, not by the code under test. */
#include "plc-maps/lines.h"
#include "plc-maps/maplist.h"
#include "plc-maps/map_parts.h"
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static uint64_t dice;

static uint32_t roll(uint32_t n)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice >> 33) % n;
}

/* ---- what a map may not say ---- */

static const char base[] = "map: t\n"                                                       /* 1 */
                           "version: 1.0.0\n"                                               /* 2 */
                           "kind: lines\n"                                                  /* 3 */
                           "title: A scale\n"                                               /* 4 */
                           "source: a manual\n"                                             /* 5 */
                           "confidence: A\n"                                                /* 6 */
                           "trade: static\n"                                                /* 7 */
                           "lines:\n"                                                       /* 8 */
                           "  mode: asked\n"                                                /* 9 */
                           "  timeout_ms: 100\n"                                            /* 10 */
                           "  forms:\n"                                                     /* 11 */
                           "    - name: weight\n"                                           /* 12 */
                           "      length: 17\n"                                             /* 13 */
                           "      begin: [0x02]\n"                                          /* 14 */
                           "      end: [0x0D, 0x0A]\n"                                      /* 15 */
                           "      address: 1\n"                                             /* 16 */
                           "      match: [{at: 2, text: W}]\n"                              /* 17 */
                           "      sign: {at: 3, plus: \"+ \"}\n"                            /* 18 */
                           "      digits: {at: 4, width: 4, blanks: before}\n"              /* 19 */
                           "      decimals: {at: 8, max: 3}\n"                              /* 20 */
                           "      unit: {at: 9, words: {kg: kg, \" g\": g, lb: refused}}\n" /* 21 */
                           "      stable: {at: 11, words: {S: yes, M: no}}\n"               /* 22 */
                           "      check: {from: 1, to: 11, at: 12}\n"                       /* 23 */
                           "      skip: [{at: 14, width: 1}]\n"                             /* 24 */
                           "      source: a page\n"                                         /* 25 */
                           "      confidence: A\n"                                          /* 26 */
                           "  asks:\n"                                                      /* 27 */
                           "    - name: weight\n"                                           /* 28 */
                           "      bytes: [0x02, 0, 0x52, 0, 0, 0x03]\n"                     /* 29 */
                           "      address: 1\n"                                             /* 30 */
                           "      check: {from: 1, to: 2, at: 3}\n"                         /* 31 */
                           "      answer: weight\n"                                         /* 32 */
                           "vectors:\n"                                                     /* 33 */
                           "  - name: asking\n"                                             /* 34 */
                           "    origin: constructed\n"                                      /* 35 */
                           "    bytes: \"02 41 52 31 33 03\"\n"                             /* 36 */
                           "    request: weight\n"                                          /* 37 */
                           "  - name: 1.25 kg\n"                                            /* 38 */
                           "    origin: constructed\n"                                      /* 39 */
                           "    bytes: \"02 42 57 2B 20 31 32 35 32 6B 67 53 34 35 7E 0D 0A\"\n"
                           "    address: 2\n" /* 41 */
                           "    expect: {scale.net: 1250000, scale.decimals: 2, scale.stable: 1}\n";

/* The base with `from` replaced once; the caller's. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(base, from);
    if (!at)
        fail_msg("the base has no \"%s\"", from);
    char *text = malloc(sizeof base + strlen(to));
    assert_non_null(text);
    sprintf(text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return text;
}

static struct map *parse(const char *text)
{
    struct map *m = NULL;
    struct err e = {0};
    if (map_parse("t.yaml", text, strlen(text), &m, &e) < 0)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    return m;
}

/* clang-format off */
static const struct {
    const char *from, *to, *says; /* "line: words" of the first error */
} wrong[] = {
    {"lines:\n", "liness:\n",                            "8: unknown key \"liness\", did you mean \"lines\"?"},
    {"mode: asked", "mode: askd",                        "9: \"mode\" must be continuous or asked, not \"askd\", did you mean \"asked\"?"},
    {"length: 17", "length: 2",                          "13: \"length\" must be 3 to 48 bytes, not 2"},
    {"length: 17", "length: 18",                         "12: byte 15 of form \"weight\" has no meaning: name it in match or skip"},
    {"length: 17", "length: 16",                         "24: byte 14 of form \"weight\" has a meaning already"},
    {"begin: [0x02]", "begin: []",                       "12: \"begin\" names no byte"},
    {"begin: [0x02]", "begin: [1, 2, 3, 4, 5]",          "14: \"begin\" has 5 entries, at most 4 are allowed"},
    {"begin: [0x02]", "begin: [256]",                    "14: \"begin\" must be 0 to 255, not 256"},
    {"      end: [0x0D, 0x0A]\n", "",                    "12: a form without \"end\" needs \"closed_by\""},
    {"address: 1", "address: 1\n      closed_by: 3",     "12: \"closed_by\" is the first byte of \"begin\""},
    {"text: W", "text: WW",                              "18: byte 3 of form \"weight\" has a meaning already"},
    {"width: 4,", "width: 5,",                           "20: byte 8 of form \"weight\" has a meaning already"},
    {"width: 4, blanks: before", "width: 4, blanks: all", "19: \"blanks\" must be none, before, after or around"},
    {"at: 4, width: 4, blanks", "at: 40, width: 4, blanks", "19: byte 43 is outside the form's 17 bytes"},
    {"blanks: before}", "blanks: before, point: yes}",   "12: decimals are shown by a point among the digits, or by \"decimals\": one of both"},
    {"blanks: before}", "blanks: before, minus: yes}",   "12: the minus stands among the digits or at \"sign\""},
    {"plus: \"+ \"", "plus: \"+-\"",                     "18: one character cannot be minus and plus"},
    {"kg: kg, \" g\": g", "kg: kg, g: g",                "21: words at one place have one length"},
    {"lb: refused", "lb: pound",                         "21: \"lb\" must be refused, mg, g, kg or t, not \"pound\""},
    {"lb: refused}", "\"a much too long word\": g}",     "21: a word has 1 to 8 characters"},
    {"words: {S: yes, M: no}", "words: []",              "22: \"words\" must be a map of 1 to 8 words"},
    {"{from: 1, to: 11, at: 12}", "{from: 3, to: 2, at: 12}",  "23: a check stands behind the bytes that it is made of"},
    {"{from: 1, to: 11, at: 12}", "{from: 1, to: 12, at: 12}", "23: a check stands behind the bytes that it is made of"},
    {"{from: 1, to: 11, at: 12}", "{kind: sum, from: 1, to: 11, at: 12}", "23: \"kind\" must be xor, not \"sum\""},
    {"      digits: {at: 4, width: 4, blanks: before}\n", "", "12: a form has \"digits\" when it says a weight, only then"},
    {"length: 17", "says: over\n      length: 17",       "12: a form has \"digits\" when it says a weight, only then"},
    {"timeout_ms: 100", "timeout_ms: 0",                 "8: \"asks\" and \"timeout_ms\" belong to mode asked, and it needs both"},
    {"mode: asked", "mode: continuous",                  "8: \"asks\" and \"timeout_ms\" belong to mode asked, and it needs both"},
    {"timeout_ms: 100", "timeout_ms: 500",               "8: 1 requests of \"timeout_ms\" 500 are a round of 500 ms or more: its weight would be too old"},
    {"answer: weight", "answer: wait",                   "28: request \"weight\": no form \"wait\" to answer it"},
    {"      address: 1\n      check: {from: 1, to: 2", "      address: 7\n      check: {from: 1, to: 2", "28: request \"weight\": the address is outside its 6 bytes"},
    {"[0x02, 0, 0x52", "[0x02, 0x41, 0x52",              "28: byte 1 is filled in: write 0 there"},
    {"0x52, 0, 0, 0x03", "0x52, 0, 9, 0x03",             "31: bytes 3 and 4 are filled in: write 0 there"},
    {"to: 2, at: 3}", "to: 2, at: 5}",                   "31: a check stands behind the bytes that it is made of"},
    {"vectors:", "    - {name: again, bytes: [1], answer: weight}\nvectors:", "33: requests \"weight\" and \"again\" cannot be told apart by name and answer"},
    {"a page\n      confidence: A", "a page\n      confidence: C", "12: trade use needs confidence A or B of form \"weight\""},
    {"a manual\nconfidence: A", "a manual\nconfidence: C", "1: trade use needs confidence A or B"},
    {"vectors:", "link: {fc: [3], max_read: 9, timeout_ms: 9, turnaround_ms: 1}\nvectors:", "1: kind lines has no \"link\""},
    {"vectors:", "settings: [{en: a, zh: b, addr: 3, words: [1], source: s}]\nvectors:", "33: kind lines has no register that proves a setting or an identity"},
    {"version: 1.0.0", "version: 1.0.x",                 "1: \"version\" must be like 1.0.0"},
    {"origin: constructed", "origin: a friend",          "34: \"origin\" must be"},
    {"52 31 33 03\"", "52 31 34 03\"",                   "34: vector \"asking\": request \"weight\" is another"},
    {"request: weight", "request: net",                  "34: vector \"asking\": no request \"net\""},
    {"bytes: \"02 41 52 31 33 03\"", "text: abc\n    bytes: \"02\"", "34: a vector has either bytes or text"},
    {"bytes: \"02 41 52 31 33 03\"", "bytes: \"02 4\"",  "34: \"bytes\" are at most 160 pairs of 0-9 A-F"},
    {"scale.net: 1250000", "scale.net: 1250001",         "38: vector \"1.25 kg\": scale.net reads 1250000, not 1250001"},
    {"scale.decimals: 2, ", "",                          "38: vector \"1.25 kg\" does not say what scale.decimals is"},
    {"scale.stable: 1", "scale.stable: 1, scale.over: 1",                 "38: vector \"1.25 kg\" names scale.over, which its frame has not"},
    {"    address: 2\n", "    bad: [scale.net]\n    address: 2\n", "38: vector \"1.25 kg\": scale.net is good, not bad"},
    {"    address: 2\n", "",                             "38: vector \"1.25 kg\": 0 frames found and 0 bytes thrown away, not 1 and 0"},
    {"34 35 7E 0D 0A\"", "39 39 7E 0D 0A\"",             "38: vector \"1.25 kg\": 0 frames found and 17 bytes thrown away, not 1 and 0"},
};
/* clang-format on */

static void what_a_map_may_not_say_is_refused_at_its_line(void **state)
{
    (void)state;
    unsigned bad = 0;
    map_free(parse(base));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char *text = changed(wrong[i].from, wrong[i].to), got[320];
        struct map *m = NULL;
        struct err e = {0};
        int rc = map_parse("t.yaml", text, strlen(text), &m, &e);
        snprintf(got, sizeof got, "%d: %s", e.line, e.text);
        if (rc == 0 || strncmp(got, wrong[i].says, strlen(wrong[i].says)) != 0) {
            print_message("%s -> %s\n  got    %s\n  wanted %s\n", wrong[i].from, wrong[i].to, got,
                          wrong[i].says);
            bad++;
        }
        map_free(m);
        free(text);
    }
    assert_int_equal(bad, 0);
}

static void a_map_of_another_kind_has_no_lines(void **state)
{
    (void)state;
    char *text = changed("kind: lines", "kind: registers");
    struct map *m = NULL;
    struct err e = {0};
    assert_true(map_parse("t.yaml", text, strlen(text), &m, &e) < 0);
    assert_string_equal(e.text, "missing key \"link\"");
    free(text);
}

static void count_line(void *ctx, const char *text)
{
    *(unsigned *)ctx += strstr(text, "form \"") || strstr(text, "asks \"");
}

static void every_form_and_request_is_shown_to_people(void **state)
{
    (void)state;
    struct map *m = parse(base);
    unsigned n = 0;
    map_describe(m, count_line, &n);
    assert_int_equal(n, 2);
    map_free(m);
}

/* ---- frames made by hand ---- */

enum { MAPS = 5 };
static const char *const files[MAPS] = {
    "plc-maps/yaohua-xk3190-continuous.yaml", "plc-maps/yaohua-xk3190-equals.yaml",
    "plc-maps/yaohua-xk3190-equals-high.yaml", "plc-maps/yaohua-a12.yaml",
    "plc-maps/yaohua-xk3190-command.yaml"};
static struct map *maps[MAPS];

static int load(void **state)
{
    (void)state;
    const char *seed = getenv("SEED");
    dice = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("lines_test: SEED=%" PRIu64 "\n", dice);
    for (size_t i = 0; i < MAPS; i++) {
        struct err e = {0};
        if (map_load(files[i], &maps[i], &e) < 0)
            fail_msg("%s:%d: %s", e.file, e.line, e.text);
    }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAPS; i++)
        map_free(maps[i]);
    return 0;
}

static size_t with_xor(char *s, size_t from, size_t n)
{
    unsigned x = 0;
    for (size_t i = from; i < n; i++)
        x ^= (uint8_t)s[i];
    return n + (size_t)sprintf(s + n, "%02X", x);
}

/* `value` in steps of the last of `decimals` places, as the manual of map k writes it. */
static size_t frame(size_t k, int32_t value, unsigned decimals, char *s)
{
    char digits[24], body[24];
    unsigned n = (unsigned)abs(value), unit = 1;
    for (unsigned i = 0; i < decimals; i++)
        unit *= 10;
    if (k == 0 || k == 4) {
        size_t at =
            (size_t)sprintf(s, "\002%s%c%06u%u", k ? "AD" : "", value < 0 ? '-' : '+', n, decimals);
        at = with_xor(s, 1, at);
        s[at] = 3;
        return at + 1;
    }
    if (decimals)
        snprintf(digits, sizeof digits, "%0*u.%0*u", 6 - (int)decimals, n / unit, (int)decimals,
                 n % unit);
    else
        snprintf(digits, sizeof digits, k == 3 ? "%06u " : "%07u", n);
    if (k == 1) {
        for (size_t i = 0; i < 7; i++)
            body[i] = digits[6 - i];
        return (size_t)sprintf(s, "=%.7s%c", body, value < 0 ? '-' : '0');
    }
    if (k == 2)
        return (size_t)sprintf(s, "=%c%s", value < 0 ? '-' : '0', digits);
    if (value < 0) /* the first digit is 0: see what is called */
        digits[0] = '-';
    size_t at = with_xor(s, 0, (size_t)sprintf(s, "W%c%skg", value < 0 ? 'N' : 'G', digits));
    return at + (size_t)sprintf(s + at, "\r\n");
}

static bool is_closed_by_the_next(size_t k)
{
    return k == 1 || k == 2;
}

static int64_t weight_of(const struct reading *r)
{
    assert_true((r->quality[ROLE_SCALE_NET] == QUALITY_GOOD) !=
                (r->quality[ROLE_SCALE_GROSS] == QUALITY_GOOD));
    return r->value[r->quality[ROLE_SCALE_NET] == QUALITY_GOOD ? ROLE_SCALE_NET : ROLE_SCALE_GROSS];
}

static const struct lines_as as_kg[MAPS] = {
    {.unit = 3}, {.unit = 3}, {.unit = 3}, {0}, {.address = 1, .unit = 3}};

static void every_weight_is_read_as_the_manual_writes_it(void **state)
{
    (void)state;
    for (int i = 0; i < 50000; i++) {
        size_t k = roll(MAPS);
        unsigned decimals = roll(5);
        int32_t v = (int32_t)roll(k == 3 ? 100000 : 1000000);
        int64_t mg = 1000000;
        char s[64];
        struct lines_scan scan;
        struct lines_frame f = {0};
        if (roll(3) == 0)
            v = -v;
        size_t n = frame(k, v, decimals, s);
        s[n] = '=';
        for (unsigned p = 0; p < decimals; p++)
            mg /= 10;
        lines_scan_init(&scan, maps[k], &as_kg[k]);
        for (size_t b = 0; b < n + is_closed_by_the_next(k); b++) {
            assert_false(lines_scan_next(&scan, &f));
            lines_scan_put(&scan, (uint8_t)s[b], (struct mono){(int64_t)b * 1000000});
        }
        if (!lines_scan_next(&scan, &f))
            fail_msg("map %zu: %.*s is no frame", k, (int)n, s);
        assert_int_equal(weight_of(&f.r), v * mg);
        assert_int_equal(f.r.value[ROLE_SCALE_DECIMALS], decimals);
        assert_int_equal(f.at.ns, (int64_t)(n - 1) * 1000000);
        assert_memory_equal(f.bytes, s, n);
        assert_int_equal(scan.counts.thrown, 0);
    }
}

/* ---- damaged streams ---- */

enum { FRAMES = 12, STREAM = FRAMES * 64 };
struct stream {
    char bytes[STREAM];
    size_t n;
    bool whole[FRAMES]; /* this frame, and what closes it, stands undamaged */
    size_t at[FRAMES], len[FRAMES];
};

static void add(struct stream *s, const char *bytes, size_t n)
{
    memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
}

/* Frames of one map, most of them whole, the others cut, flipped, with bytes lost or too many. */
static void make_stream(struct stream *s, size_t k)
{
    char f[80];
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < FRAMES; i++) {
        size_t n = frame(k, (int32_t)roll(100000), 3, f), cut = roll((uint32_t)n);
        s->at[i] = s->n;
        s->len[i] = n;
        s->whole[i] = true;
        switch (roll(8)) {
        case 0: /* the beginning is lost */
            add(s, f + cut, n - cut);
            s->whole[i] = cut == 0;
            break;
        case 1: /* the end is lost */
            add(s, f, cut);
            s->whole[i] = false;
            break;
        case 2: /* one bit is another */
            f[cut] = (char)(f[cut] ^ 1 << roll(8));
            add(s, f, n);
            s->whole[i] = false;
            break;
        case 3: /* a byte twice */
            add(s, f, cut + 1);
            add(s, f + cut, n - cut);
            s->whole[i] = false;
            break;
        case 4: /* rubbish of a wrong speed, then the frame */
            for (uint32_t j = roll(20); j; j--)
                s->bytes[s->n++] = (char)roll(256);
            s->at[i] = s->n;
            add(s, f, n);
            break;
        default: add(s, f, n); break;
        }
    }
    s->bytes[s->n++] = '=';
    for (size_t i = 0; is_closed_by_the_next(k) && i < FRAMES; i++)
        s->whole[i] = s->whole[i] && s->bytes[s->at[i] + s->len[i]] == '=';
}

/* A frame that was found in the stream at `from`: its bytes and its check are as they should be. */
static void is_right(const struct stream *s, size_t k, const struct lines_frame *f, size_t from)
{
    char body[64];
    assert_memory_equal(s->bytes + from, f->bytes, f->n);
    if (is_closed_by_the_next(k))
        return;
    size_t first = k == 3 ? 0 : 1, n = f->n - (k == 3 ? 4 : 3);
    memcpy(body, f->bytes, n);
    with_xor(body, first, n);
    assert_memory_equal(f->bytes + n, body + n, 2);
}

static void a_damaged_stream_gives_its_whole_frames_and_nothing_mixed(void **state)
{
    (void)state;
    static struct stream s;
    uint64_t found = 0, whole = 0;
    for (int i = 0; i < 20000; i++) {
        size_t k = roll(MAPS), end = 0;
        bool seen[STREAM + 1] = {false};
        struct lines_scan scan;
        struct lines_frame f = {0};
        make_stream(&s, k);
        lines_scan_init(&scan, maps[k], &as_kg[k]);
        for (size_t b = 0; b < s.n; b++) {
            lines_scan_put(&scan, (uint8_t)s.bytes[b], (struct mono){0});
            while (lines_scan_next(&scan, &f)) {
                size_t from = b + 1 - scan.n - f.n;
                assert_true(from >= end); /* no byte belongs to two frames */
                is_right(&s, k, &f, from);
                end = from + f.n;
                seen[from] = true;
                found++;
            }
        }
        assert_int_equal(scan.counts.thrown + scan.n + scan.counts.frames * s.len[0] +
                             scan.counts.others * s.len[0],
                         s.n); /* every byte is accounted for */
        for (size_t j = 0; j < FRAMES; j++) {
            whole += s.whole[j];
            /* a false frame before may have eaten its beginning: only one that is longer could */
            if (s.whole[j] && !seen[s.at[j]] && scan.counts.others == 0) {
                bool eaten = false;
                for (size_t b = s.at[j] < 20 ? 0 : s.at[j] - 20; b < s.at[j]; b++)
                    eaten = eaten || (seen[b] && b + s.len[0] > s.at[j]);
                if (!eaten)
                    fail_msg("map %zu: the frame at %zu was not found", k, s.at[j]);
            }
        }
    }
    assert_true(found > 100000 && whole > 100000);
}

static void feed(struct lines_scan *s, const char *bytes, int64_t at_ms)
{
    for (; *bytes; bytes++)
        lines_scan_put(s, (uint8_t)*bytes, (struct mono){at_ms * 1000000});
}

static void bytes_too_far_apart_make_no_frame(void **state)
{
    (void)state;
    struct lines_scan s;
    struct lines_frame f;
    lines_scan_init(&s, maps[0], &as_kg[0]);
    feed(&s, "\002+00200", 1000);
    feed(&s, "021B\003", 1200); /* as far apart as they may be */
    assert_true(lines_scan_next(&s, &f));
    feed(&s, "\002+00200", 2000);
    feed(&s, "021B\003", 2201);
    assert_false(lines_scan_next(&s, &f));
    assert_int_equal(s.counts.thrown, 12);
}

static void after_a_break_a_half_frame_is_forgotten(void **state)
{
    (void)state;
    struct lines_scan s;
    struct lines_frame f;
    lines_scan_init(&s, maps[0], &as_kg[0]);
    feed(&s, "\002+00200", 1000);
    assert_false(lines_scan_next(&s, &f));
    lines_scan_break(&s);
    feed(&s, "021B\003", 1001);
    assert_false(lines_scan_next(&s, &f));
    assert_int_equal(s.counts.frames, 0);
    assert_int_equal(s.counts.thrown, 12);
}

static void a_decimal_point_that_has_moved_makes_no_weight(void **state)
{
    (void)state;
    static const struct {
        int64_t d_mg;
        unsigned decimals;
    } rows[] = {{10000, 2},    {20000, 2},      {50000, 2},   {1000, 3},   {5000, 3},
                {100000, 1},   {200000, 1},     {1000000, 0}, {500000, 1}, {2000000, 0},
                {20000000, 0}, {1000000000, 0}, {100, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned decimals = 0; decimals < 5; decimals++) {
            struct lines_as as = as_kg[0];
            struct lines_scan s;
            struct lines_frame f;
            char text[64];
            as.d_mg = rows[i].d_mg;
            text[frame(0, 1000, decimals, text)] = 0;
            lines_scan_init(&s, maps[0], &as);
            feed(&s, text, 0);
            assert_true(lines_scan_next(&s, &f));
            assert_int_equal(f.r.quality[ROLE_SCALE_NET],
                             decimals == rows[i].decimals ? QUALITY_GOOD : QUALITY_BAD);
        }
}

static void a_weight_beyond_all_numbers_is_bad_and_not_wrapped(void **state)
{
    (void)state;
    static const char wide[] =
        "map: t\nversion: 1.0.0\nkind: lines\ntitle: t\nsource: s\nconfidence: C\ntrade: none\n"
        "lines:\n  mode: continuous\n  forms:\n    - {name: w, length: 14, begin: [0x3D], end: "
        "[0x0A],\n       digits: {at: 1, width: 12}, decimals: 0, source: s, confidence: C}\n"
        "vectors:\n  - {name: v, origin: constructed, unit: t, expect: {scale.decimals: 0, "
        "scale.net: 1000000000},\n     bytes: \"3D 30 30 30 30 30 30 30 30 30 30 30 31 0A\"}\n";
    struct map *m = parse(wide);
    struct lines_as as = {.unit = 4};
    struct lines_scan s;
    struct lines_frame f;
    lines_scan_init(&s, m, &as);
    feed(&s, "=999999999999\n", 0);
    assert_true(lines_scan_next(&s, &f));
    assert_int_equal(f.r.quality[ROLE_SCALE_NET], QUALITY_BAD);
    feed(&s, "=009223372036\n", 0);
    assert_true(lines_scan_next(&s, &f));
    assert_int_equal(f.r.value[ROLE_SCALE_NET], 9223372036000000000);
    map_free(m);
}

static void a_map_says_what_the_configuration_need_not(void **state)
{
    (void)state;
    static const bool unit[MAPS] = {false, false, false, true, false},
                      address[MAPS] = {false, false, false, false, true};
    for (size_t i = 0; i < MAPS; i++) {
        assert_int_equal(lines_say_unit(maps[i]), unit[i]);
        assert_int_equal(lines_say_address(maps[i]), address[i]);
        assert_int_equal(lines_asks(maps[i]), i == 4 ? 2 : 0);
        assert_false(lines_times(maps[i]).judged);
    }
    struct map *m = parse(base);
    assert_true(lines_times(m).judged && lines_say_unit(m) && lines_say_address(m));
    map_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_map_may_not_say_is_refused_at_its_line),
        cmocka_unit_test(a_map_of_another_kind_has_no_lines),
        cmocka_unit_test(every_form_and_request_is_shown_to_people),
        cmocka_unit_test(every_weight_is_read_as_the_manual_writes_it),
        cmocka_unit_test(a_damaged_stream_gives_its_whole_frames_and_nothing_mixed),
        cmocka_unit_test(bytes_too_far_apart_make_no_frame),
        cmocka_unit_test(after_a_break_a_half_frame_is_forgotten),
        cmocka_unit_test(a_decimal_point_that_has_moved_makes_no_weight),
        cmocka_unit_test(a_weight_beyond_all_numbers_is_bad_and_not_wrapped),
        cmocka_unit_test(a_map_says_what_the_configuration_need_not),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
