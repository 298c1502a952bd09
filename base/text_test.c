/* The .mo reader, on catalogues made here in both byte orders. */
#include "base/text.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

struct entry {
    const char *id, *text;
    size_t id_n, text_n; /* 0: strlen */
};

/* Sorted, as msgfmt writes them. */
static const struct entry entries[] = {
    {"", "Content-Type: text/plain; charset=UTF-8\n", 0, 0},
    {"%d box\0%d boxes", "%d 箱\0%d 箱", 15, 13},
    {"Lot", "批次", 0, 0},
    {"Net weight", "净重", 0, 0},
    {"not done yet", "", 0, 0},
    {"zucchini", "西葫芦", 0, 0},
};
enum { N = sizeof entries / sizeof *entries };

static void put32(char *p, uint32_t v, int swapped)
{
    v = swapped ? __builtin_bswap32(v) : v;
    memcpy(p, &v, sizeof v);
}

static size_t build(char *out, int swapped)
{
    size_t at = 28 + 16 * N;
    const uint32_t head[7] = {0x950412de, 0, N, 28, 28 + 8 * N, 0, (uint32_t)at};
    for (size_t i = 0; i < 7; i++)
        put32(out + 4 * i, head[i], swapped);
    for (size_t k = 0; k < 2 * N; k++) {
        const struct entry *e = &entries[k % N];
        const char *s = k < N ? e->id : e->text;
        size_t n = k < N ? e->id_n : e->text_n;
        n = n ? n : strlen(s);
        put32(out + 28 + 8 * k, (uint32_t)n, swapped);
        put32(out + 32 + 8 * k, (uint32_t)at, swapped);
        memcpy(out + at, s, n);
        out[at + n] = '\0';
        at += n + 1;
    }
    return at;
}

static int load_bytes(struct tmp *t, const char *bytes, size_t n, struct err *e)
{
    tmp_write(tmp_path(t, "zh_CN.mo"), bytes, n);
    return text_load(t->dir, e);
}

static int make_dir(void **state)
{
    struct tmp *t = calloc(1, sizeof *t);
    tmp_make(t);
    *state = t;
    return 0;
}

static int remove_dir(void **state)
{
    tmp_remove(*state);
    free(*state);
    return 0;
}

/* Runs first: the catalogue is the process's. */
static void without_a_catalogue_everything_is_english(void **state)
{
    struct err e = {0};
    struct tmp *t = *state;
    assert_int_equal(text_load(t->dir, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "zh_CN.mo"));
    assert_string_equal(text_in(LANG_ZH, "Lot"), "Lot");
}

static void translations_are_found_in_both_byte_orders(void **state)
{
    for (int swapped = 0; swapped < 2; swapped++) {
        char bytes[1000];
        assert_int_equal(load_bytes(*state, bytes, build(bytes, swapped), NULL), 0);
        assert_string_equal(text_in(LANG_ZH, "Lot"), "批次");
        assert_string_equal(text_in(LANG_ZH, "Net weight"), "净重");
        assert_string_equal(text_in(LANG_ZH, "zucchini"), "西葫芦");
        assert_string_equal(text_in(LANG_ZH, "%d box"), "%d 箱");
    }
}

static void what_has_no_translation_stays_english(void **state)
{
    char bytes[1000];
    assert_int_equal(load_bytes(*state, bytes, build(bytes, 0), NULL), 0);
    assert_string_equal(text_in(LANG_ZH, "not done yet"), "not done yet");
    assert_string_equal(text_in(LANG_ZH, "Lots"), "Lots");
    assert_string_equal(text_in(LANG_ZH, "zzz"), "zzz");
    assert_string_equal(text_in(LANG_ZH, ""), ""); /* never the catalogue's header */
    assert_string_equal(text_in(LANG_EN, "Lot"), "Lot");
}

static void a_cut_file_is_refused_at_every_length(void **state)
{
    char bytes[1000];
    size_t n = build(bytes, 0);
    assert_int_equal(load_bytes(*state, bytes, n, NULL), 0);
    for (size_t cut = 0; cut < n; cut++) {
        struct err e = {0};
        assert_int_equal(load_bytes(*state, bytes, cut, &e), ERR_PARSE);
    }
    assert_string_equal(text_in(LANG_ZH, "Lot"), "批次"); /* the good one stayed */
}

static void wrong_order_magic_or_revision_is_refused(void **state)
{
    char bytes[1000], swap[8];
    size_t n = build(bytes, 0);
    memcpy(swap, bytes + 28 + 16, 8); /* exchange two msgids */
    memcpy(bytes + 28 + 16, bytes + 28 + 24, 8);
    memcpy(bytes + 28 + 24, swap, 8);
    assert_int_equal(load_bytes(*state, bytes, n, NULL), ERR_PARSE);
    n = build(bytes, 0);
    bytes[0] ^= 1;
    assert_int_equal(load_bytes(*state, bytes, n, NULL), ERR_PARSE);
    n = build(bytes, 0);
    bytes[6] = 1;
    assert_int_equal(load_bytes(*state, bytes, n, NULL), ERR_PARSE);
}

/* Damage is refused or harmless: whatever loads can be asked for anything without
 * reading outside. */
static void damaged_files_do_no_harm(void **state)
{
    uint64_t seed = seed_print(__func__);
    for (int turn = 0; turn < 1500; turn++) {
        char bytes[1000];
        size_t n = build(bytes, turn % 2);
        for (uint64_t i = seed_next(&seed) % 3 + 1; i; i--)
            bytes[seed_next(&seed) % n] = (char)seed_next(&seed);
        if (load_bytes(*state, bytes, n, NULL))
            continue;
        for (size_t i = 0; i < N; i++)
            assert_true(strlen(text_in(LANG_ZH, entries[i].id)) < n);
    }
}

static void the_language_follows_the_browser(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum lang lang;
    } row[] = {{NULL, LANG_ZH},
               {"", LANG_ZH},
               {"zh-CN,zh;q=0.9", LANG_ZH},
               {"ZH", LANG_ZH},
               {"en-US,en;q=0.9,zh;q=0.8", LANG_EN},
               {"en;q=0.5, zh-TW;q=0.7", LANG_ZH},
               {"en;q=0.55,zh;q=0.551", LANG_ZH},
               {"fr,zh;q=0.1,en;q=0.2", LANG_EN},
               {"zh;q=0,en;q=0.1", LANG_EN},
               {"fr", LANG_EN},
               {"*", LANG_ZH},
               {"zha", LANG_EN},
               {"en;q=", LANG_EN},
               {"en;q=1,zh;q=0.9", LANG_EN},
               {"zh;q=0x,en;q=0.1", LANG_EN},
               {"zh;q=0.x,en;q=0.1", LANG_EN},
               {"zh;q=0.99999,en;q=0.9", LANG_ZH},
               {"en;q=2,zh;q=0.1", LANG_ZH},
               {",,;,zh", LANG_ZH}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        assert_int_equal(lang_from(row[i].header), row[i].lang);
    assert_string_equal(lang_code(LANG_EN), "en");
    assert_string_equal(lang_code(LANG_ZH), "zh-CN");
}

int main(void)
{
#define IN_DIR(t) cmocka_unit_test_setup_teardown(t, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(without_a_catalogue_everything_is_english),
        IN_DIR(translations_are_found_in_both_byte_orders),
        IN_DIR(what_has_no_translation_stays_english),
        IN_DIR(a_cut_file_is_refused_at_every_length),
        IN_DIR(wrong_order_magic_or_revision_is_refused),
        IN_DIR(damaged_files_do_no_harm),
        cmocka_unit_test(the_language_follows_the_browser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
