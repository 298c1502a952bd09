/* Scales that talk in lines: any bytes, whole and damaged frames, pauses and lost ports, through
 * every shipped map of that kind. Claims, against the stream and the history of readings: what is
 * shown stood there byte by byte and with its check, its weight is what the frame says, it is
 * steady only after enough equal readings over the time, and up only while something is heard. */
#include "controller/linescale.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>

enum { MAPS = 6, ASKED = 3, PAST = 128, STREAM = 8192, STEPS_MAX = 600, FRAMES = 5, OVER_MS = 500 };

static const char *const files[MAPS] = {"plc-maps/yaohua-xk3190-continuous.yaml",
                                        "plc-maps/yaohua-xk3190-equals.yaml",
                                        "plc-maps/yaohua-xk3190-equals-high.yaml",
                                        "plc-maps/yaohua-xk3190-command.yaml",
                                        "plc-maps/yaohua-a12.yaml",
                                        "plc-maps/yaohua-a12e.yaml"};
static struct map *maps[MAPS];

static struct {
    size_t kind;
    struct linescale *s;
    struct mono now;
    char stream[STREAM];
    size_t n;
    struct scale_view v,
        past[PAST]; /* readings since something was lost, the newest at n_past - 1 */
    size_t n_past;
    const char *letter; /* what was asked last */
    unsigned steps;
} w;

void fuzz_setup(void)
{
    struct err e = {0};
    for (size_t i = 0; i < MAPS; i++)
        assert(map_load(files[i], &maps[i], &e) == 0);
}

/* ---- claims ---- */

static bool same(const struct scale_view *a, const struct scale_view *b)
{
    return a->good && b->good && a->net_mg == b->net_mg && a->gross_mg == b->gross_mg &&
           a->net_mode == b->net_mode && mono_since_ms(a->at, b->at) <= 500;
}

static void check_steady(void)
{
    size_t i = w.n_past - 1;
    while (i && same(&w.past[i], &w.past[i - 1]))
        i--;
    bool steady = w.v.good && w.v.link_up && w.n_past - i >= FRAMES &&
                  mono_since_ms(w.v.at, w.past[i].at) >= OVER_MS;
    assert(i == 0 && w.n_past == PAST ? !steady || w.v.stable : w.v.stable == steady);
    assert(w.v.stable_by_host == w.v.stable);
}

static size_t raw_of(char *ret)
{
    size_t n = 2 * (size_t)w.v.raw_n - w.v.raw_cut;
    for (size_t i = 0; i < n; i++)
        ret[i] = (char)(w.v.raw[i / 2] >> (i % 2 ? 0 : 8));
    return n;
}

static void check_xor(const char *frame, size_t from, size_t to)
{
    char text[3];
    unsigned x = 0;
    for (size_t i = from; i < to; i++)
        x ^= (uint8_t)frame[i];
    snprintf(text, sizeof text, "%02X", x);
    assert(memcmp(frame + to, text, 2) == 0);
}

/* The frame as it was sent, its check, and for the simplest form its weight. */
static void check_frame(const char *raw, size_t n)
{
    assert(memmem(w.stream, w.n, raw, n));
    if (w.kind == 0 || w.kind == ASKED)
        check_xor(raw, 1, n - 3);
    if (w.kind == 4)
        check_xor(raw, 0, n - 4);
    if (w.kind == 0) {
        int64_t mg = 1000000, v = 0;
        for (size_t i = 2; i < 8; i++)
            v = v * 10 + (raw[i] - '0');
        for (char p = raw[8]; p > '0'; p--)
            mg /= 10;
        assert(w.v.good == (raw[8] == '3')); /* d is 2 g */
        assert(!w.v.good || w.v.net_mg == (raw[1] == '-' ? -v : v) * mg);
    }
}

static void check_reading(void)
{
    char raw[128];
    size_t n = raw_of(raw), one = w.kind == ASKED ? 14 : n;
    assert(n > 0 && n % one == 0 && w.v.at.ns <= w.now.ns);
    for (size_t i = 0; i < n; i += one)
        check_frame(raw + i, one);
    assert(!w.v.good || w.v.gross_mg == w.v.net_mg + w.v.tare_mg);
    assert(!w.v.good || !(w.v.over || w.v.under || w.v.error));
    assert(w.v.alibi == 0);
    if (w.n_past == PAST) {
        memmove(w.past, w.past + 1, sizeof w.past - sizeof *w.past);
        w.n_past--;
    }
    w.past[w.n_past++] = w.v;
    check_steady();
}

static void look(bool port_up)
{
    struct mono wake;
    uint64_t before = w.v.reads;
    linescale_tick(w.s, port_up, w.now, &wake);
    linescale_get(w.s, &w.v);
    assert(w.v.reads <= before + 1 && wake.ns > w.now.ns);
    assert(w.v.link_up == (port_up && w.v.reads && mono_since_ms(w.now, w.v.at) < 1000));
    if (w.v.reads > before)
        check_reading();
    if (!w.v.link_up)
        assert(!w.v.stable);
}

/* ---- the stream ---- */

static void put(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n && w.n < STREAM; i++) {
        w.stream[w.n++] = bytes[i];
        linescale_take(w.s, (const uint8_t *)bytes + i, 1, w.now, (struct wall){1});
        look(true);
    }
}

static size_t closed(char *s, size_t from, size_t n, const char *tail)
{
    unsigned x = 0;
    for (size_t i = from; i < n; i++)
        x ^= (uint8_t)s[i];
    return n + (size_t)sprintf(s + n, "%02X%s", x, tail);
}

/* Grams as the map's manual writes them. */
static size_t frame(char *s, unsigned g, bool minus)
{
    char t[16], sign = minus ? '-' : '0';
    snprintf(t, sizeof t, "%03u.%03u", g / 1000 % 1000, g % 1000);
    switch (w.kind) {
    case 0: return closed(s, 1, (size_t)sprintf(s, "\2%c%06u3", minus ? '-' : '+', g), "\3");
    case 1:
        for (size_t i = 0; i < 3; i++) {
            char c = t[i];
            t[i] = t[6 - i];
            t[6 - i] = c;
        }
        return (size_t)sprintf(s, "=%s%c=", t, sign) - 1;
    case 2: return (size_t)sprintf(s, "=%c%s", sign, t);
    case ASKED:
        return closed(s, 1, (size_t)sprintf(s, "\2A%s%c%06u3", w.letter, minus ? '-' : '+', g),
                      "\3");
    case 4: return closed(s, 0, (size_t)sprintf(s, "W%c%skg", minus ? 'N' : 'G', t), "\r\n");
    default: return (size_t)sprintf(s, "ww%skg\r\n", t);
    }
}

static void ask(void)
{
    uint8_t out[LINES_FRAME_MAX];
    struct mono wake;
    size_t n = linescale_want(w.s, w.now, out, &wake);
    assert((n > 0) == (n && w.kind == ASKED) && n <= sizeof out);
    if (n == 0) {
        assert(wake.ns > w.now.ns);
        return;
    }
    assert(n == 6 && out[0] == 2 && out[1] == 'A' && out[5] == 3);
    check_xor((const char *)out, 1, 3);
    w.letter = out[2] == 'D' ? "D" : "B";
    linescale_asked(w.s, true, w.now);
}

static void pause_ms(int64_t ms)
{
    w.now = mono_add_ms(w.now, ms);
    look(true);
}

/* The same weight again and again, as often as it is asked for where it is. */
static void hold(unsigned g, unsigned times)
{
    char s[64];
    for (unsigned i = 0; i < times; i++) {
        pause_ms(60);
        ask();
        put(s, frame(s, g, false));
    }
}

static void act(struct feeder *f)
{
    char s[64];
    uint8_t op = take_u8(f), arg = op >> 3;
    size_t n;
    w.steps++;
    switch (op & 7) {
    case 0: hold(take_u16(f), arg + 1); break;
    case 1:
        for (n = 0; n <= arg; n++)
            s[n] = (char)take_u8(f);
        put(s, n);
        break;
    case 2: pause_ms(arg * 40); break;
    case 3:
        linescale_lost(w.s, w.now);
        w.n_past = 0;
        look(false);
        break;
    case 4: ask(); break;
    case 5: /* one bit is another */
        n = frame(s, take_u16(f), false);
        s[arg % n] ^= (char)(1 << take_u8(f) % 8);
        put(s, n);
        break;
    case 6: /* an end is lost */
        n = frame(s, take_u16(f), false);
        put(arg & 1 ? s + arg % n : s, arg & 1 ? n - arg % n : arg % n);
        break;
    case 7: put(s, frame(s, take_u16(f), true)); break;
    }
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    struct err e = {0};
    memset(&w, 0, sizeof w);
    w.kind = take_u8(&f) % MAPS;
    w.letter = "D";
    w.now = (struct mono){1000000000};
    struct linescale_options o = {.name = "floor",
                                  .map = maps[w.kind],
                                  .as = {.address = 1, .unit = w.kind < 4 ? 3 : 0, .d_mg = 2000},
                                  .period_ms = 50};
    assert(linescale_new(&o, &w.s, &e) == 0);
    while (f.n && w.steps < STEPS_MAX && w.n < STREAM - 64)
        act(&f);
    struct linescale_counts c;
    linescale_counts(w.s, &c);
    assert(c.lines.thrown <= w.n && c.readings == w.v.reads);
    linescale_free(w.s);
}
