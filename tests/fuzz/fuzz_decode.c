/* Arbitrary words through maps, the shipped ones and one that uses every key: what is GOOD lies
 * within what its type allows, and decoding is a function of the words alone. First byte: which
 * map. */
#include "plc-maps/map.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>

static const char *const paths[] = {
    "plc-maps/hbm-wtx110.yaml",          "plc-maps/invt-gd20.yaml",
    "plc-maps/mailbox-v1.yaml",          "plc-maps/mailbox-v1-weight.yaml",
    "plc-maps/mailbox-v1-zucchini.yaml", "tests/maps/every-key.yaml"};
#define N (sizeof paths / sizeof *paths)
static struct map *maps[N];

void fuzz_setup(void)
{
    for (size_t i = 0; i < N; i++) {
        struct err e = {0};
        assert(map_load(paths[i], &maps[i], &e) == 0);
    }
}

static void registers(const struct map *m, struct feeder *f)
{
    size_t n = map_image_words(m);
    uint16_t *image = malloc(n * sizeof *image);
    struct reading a, b;
    assert(image);
    for (size_t i = 0; i < n; i++)
        image[i] = take_u16(f);
    memset(&a, 0, sizeof a);
    memset(&b, 0xAA, sizeof b);
    map_decode(m, image, &a);
    map_decode(m, image, &b);
    for (int i = 0; i < ROLE_COUNT; i++) {
        assert(a.quality[i] <= QUALITY_GOOD && a.quality[i] == b.quality[i]);
        assert(a.quality[i] != QUALITY_GOOD || a.value[i] == b.value[i]);
    }
    free(image);
}

static void item(const struct map *m, struct feeder *f)
{
    uint16_t w[MB_ITEM_WORDS];
    struct mb_item it;
    struct measures v;
    for (int i = 0; i < MB_ITEM_WORDS; i++)
        w[i] = take_u16(f);
    uint32_t seq = mb_u32(w);
    w[14] = (uint16_t)seq;
    w[15] = 0;
    if (!mb_item_decode(w, 1, seq, false, &it))
        return;
    map_item_measures(m, &it, take_u16(f), &v);
    int64_t mg;
    bool weight = mb_weight_mg(it.weight, it.decimals, it.unit, &mg) == 0;
    if (v.quality[MEASURE_WEIGHT] == QUALITY_GOOD)
        assert(weight && mg == v.value[MEASURE_WEIGHT] && it.flags & MB_VALID &&
               it.flags & MB_STABLE &&
               !(it.flags & (MB_OVER | MB_UNDER | MB_NO_WEIGHT | MB_DOUBLE)));
    for (int i = 0; i < MEASURE_COUNT; i++)
        assert(v.quality[i] != QUALITY_GOOD || map_measures(m) >> i & 1);
    assert(!(v.defects & ~v.looked));
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    const struct map *m = maps[take_u8(&f) % N];
    if (map_mailbox(m))
        item(m, &f);
    else
        registers(m, &f);
}
