/* Device maps: any text as a map file; what is accepted is planned, described and decodes anything.
 */
#include "plc-maps/map_parts.h"
#include "plc-maps/maplist.h"
#include "plc-maps/plan.h"
#include "tests/fuzz/fuzz.h"

void fuzz_setup(void)
{
}

static void line(void *ctx, const char *text)
{
    *(size_t *)ctx += strlen(text);
}

static void count(void *ctx, const struct err *e)
{
    assert(e->code < 0);
    ++*(unsigned *)ctx;
}

static void check_plan(const struct map *m)
{
    const struct map_request *plan;
    const struct map_link *k = map_link(m);
    size_t n = map_plan(m, &plan), words = map_image_words(m);
    for (size_t i = 0; i < n; i++) {
        bool bits = plan[i].fc <= 2;
        size_t held = bits ? (plan[i].n + 15u) / 16 : plan[i].n;
        const bool may[] = {false, k->fc1, k->fc2, k->fc3, k->fc4};
        assert(plan[i].fc < sizeof may && may[plan[i].fc]);
        assert(held >= 1 && held <= k->max_read && plan[i].at + held <= words);
        assert(plan[i].addr + plan[i].n <= 0x10000);
        assert(plan[i].agree == 1 || plan[i].agree == 2);
        for (size_t j = 0; j < i; j++) /* what a late answer could be taken for is marked */
            assert(plan[i].fc != plan[j].fc || plan[i].n != plan[j].n ||
                   plan[i].agree + plan[j].agree == 4 || plan[i].proof || plan[j].proof);
    }
}

static void check_channels(const struct map *m)
{
    for (unsigned i = 0; i < map_channels(m); i++) {
        struct map *c = NULL;
        assert(map_channel(m, i, &c, NULL) == 0 && map_image_words(c) >= 1);
        check_plan(c);
        map_free(c);
    }
}

static void decode(const struct map *m)
{
    static uint16_t image[0x1000];
    struct reading r;
    struct measures v;
    if (map_mailbox(m)) {
        struct mb_item it = {.flags = MB_VALID | MB_STABLE,
                             .weight = INT32_MAX,
                             .unit = MB_UNIT_KG,
                             .length = 0xFFFE,
                             .aux1 = 0xFFFE,
                             .aux2 = 0xFFFE};
        map_item_measures(m, &it, 1, &v);
        for (int i = 0; i < MEASURE_COUNT; i++)
            assert(v.quality[i] == QUALITY_ABSENT || map_measures(m) >> i & 1);
        return;
    }
    size_t n = map_image_words(m);
    assert(n <= sizeof image / sizeof *image);
    for (size_t i = 0; i < n; i++)
        image[i] = (uint16_t)(i * 0x9e37);
    map_decode(m, image, &r);
}

/* Any bytes, here the map's own, as what its scale sends, and whatever it asks. */
static void scan(const struct map *m, const uint8_t *p, size_t n)
{
    struct lines_as as = {.address = 26, .unit = 4, .d_mg = 500};
    struct lines_scan s;
    struct lines_frame f;
    uint8_t out[LINES_FRAME_MAX];
    size_t form;
    lines_scan_init(&s, m, &as);
    for (size_t i = 0; i < n; i++) {
        lines_scan_put(&s, p[i], (struct mono){(int64_t)i * 1000000});
        while (lines_scan_next(&s, &f))
            assert(f.n <= LINES_FRAME_MAX && f.at.ns <= (int64_t)i * 1000000);
    }
    assert(s.counts.thrown <= n && s.n <= sizeof s.bytes);
    for (size_t i = 0; i < lines_asks(m); i++)
        assert(lines_ask(m, i, 26, out, &form) <= sizeof out);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct map *m = NULL;
    struct err e = {0};
    unsigned told = 0, errors = 0;
    size_t written = 0;
    char text[256];
    int rc = map_build("fuzz.yaml", NULL, (const char *)p, n, count, &told, &m, &errors, &e);
    assert(told == errors && (rc == 0) == (m != NULL) && (rc == 0) == (errors == 0));
    if (rc)
        return;
    map_describe(m, line, &written);
    map_summary(m, text, sizeof text);
    map_cost(m, 0);
    map_cost(m, 9600);
    check_plan(m);
    if (map_kind(m) == MAP_REGISTERS)
        check_channels(m);
    if (map_kind(m) == MAP_LINES)
        scan(m, p, n);
    else
        decode(m);
    map_free(m);
}
