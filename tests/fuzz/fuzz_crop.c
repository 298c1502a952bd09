/* Crop files: any text; what is accepted is described, and its canonical text and hash are one. The
 * rest of the input after a NUL is an item that every rule set grades. */
#include "base/crypto.h"
#include "crops/crop_check.h"
#include "crops/crop_parts.h"
#include "crops/grade.h"
#include "tests/fuzz/fuzz.h"

void fuzz_setup(void)
{
    assert(crypto_setup() == 0);
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

static void grade(const struct ruleset *r, struct feeder f)
{
    struct measures m = {.defects = take_u16(&f), .looked = 0xFFFF};
    struct tally t = {0};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MEASURE_COUNT; i++) {
            m.value[i] = (int64_t)take_u32(&f) << (take_u8(&f) % 24);
            m.quality[i] = (uint8_t)(take_u8(&f) % 3);
        }
        uint16_t g, why, again, why_again;
        grade_of(r, &m, &t, &g, &why);
        grade_of(r, &m, &t, &again, &why_again);
        assert(g <= ruleset_grades(r) && g == again && why == why_again);
        tally_add(&t, g, &m);
    }
}

static void check_ruleset(const struct crop *c, const struct ruleset *r, struct feeder f)
{
    enum measure_id of;
    uint32_t pieces;
    uint8_t sum[SHA256_LEN];
    char hex[65], *text = crop_ruleset_text(c, r);
    assert(text);
    sha256_of(text, strlen(text), sum);
    assert(!strcmp(hex_text(sum, sizeof sum, hex, sizeof hex), ruleset_sha256(r)));
    free(text);
    for (uint16_t g = 0; g <= ruleset_grades(r); g++) {
        assert(*ruleset_grade_code(r, g) && ruleset_grade_name(r, g, "zh"));
        assert(!g || ruleset_grade_from_code(r, ruleset_grade_code(r, g)) == g);
    }
    ruleset_proxy(r, &of, &pieces);
    assert(crop_ruleset(c, ruleset_id(r)) == r);
    grade(r, f);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct crop *c = NULL;
    struct err e = {0};
    unsigned told = 0, errors = 0;
    size_t written = 0;
    const uint8_t *end = n ? memchr(p, 0, n) : NULL;
    size_t doc = end ? (size_t)(end - p) : n;
    struct feeder rest = {end, end ? n - doc : 0};
    int rc = crop_build("fuzz.yaml", NULL, (const char *)p, doc, count, &told, &c, &errors, &e);
    assert(told == errors && (rc == 0) == (c != NULL) && (rc == 0) == (errors == 0));
    if (rc)
        return;
    crop_describe(c, "zh", line, &written);
    for (size_t i = 0; i < crop_rulesets(c); i++)
        check_ruleset(c, crop_ruleset_at(c, i), rest);
    crop_free(c);
}
