/* The buyer's page as a pure function: verdict first, nothing guessed, hostile names stay names,
 * small. */
#include "web/buyer.h"
#include "base/crypto.h"
#include "traceability/merkle.h"
#include "traceability/note.h"
#include "traceability/seal.h"
#include "web/gzip.h"
#include "web/proof.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS     1795507227210
#define PAGE_BYTES 14336
#define RECORD     "{\"id\":\"XMPNR79Y7X\",\"net_mg\":2000000}"
#define NONCE      "000102030405060708090a0b0c0d0e0f"

static struct assets *assets;
static struct pages *pages;
static char seal[SEAL_SIZE];

static int load(void **state)
{
    (void)state;
    uint8_t nonce[SEAL_NONCE_LEN];
    struct err e;
    hex_parse(NONCE, nonce, sizeof nonce);
    seal_of(RECORD, strlen(RECORD), nonce, seal);
    return assets_load(&assets, &e) || pages_load(assets, &pages, &e);
}

static int unload(void **state)
{
    (void)state;
    pages_free(pages);
    assets_free(assets);
    return 0;
}

/* Evidence of leaf 2 in a log of 5, signed by a key of this test. */
static json_t *evidence(void)
{
    uint8_t secret[ED25519_SECRET_LEN], pub[ED25519_PUBLIC_LEN];
    char dir[] = "/tmp/lotline-test-XXXXXX", key[64], body[512], note[1024], b64[64], hex[80];
    struct merkle_hash leaf[5];
    struct merkle_edge t = {0};
    struct note_checkpoint c = {.origin = "test.lotline/00", .size = 5};
    assert_non_null(mkdtemp(dir));
    snprintf(key, sizeof key, "%s/key", dir);
    assert_int_equal(crypto_key_create(key, NULL), 0);
    assert_int_equal(crypto_key_load(key, secret, pub, NULL), 0);
    assert_int_equal(remove(key) || remove(dir), 0);
    for (int i = 0; i < 5; i++) {
        merkle_leaf(&i, sizeof i, &leaf[i]);
        merkle_add(&t, &leaf[i], NULL);
    }
    merkle_root(&t, &c.root);
    assert_int_equal(note_body(&c, body, sizeof body), 0);
    assert_int_equal(note_sign(body, c.origin, secret, pub, note, sizeof note), 0);
    struct merkle_hash left;
    merkle_join(&leaf[0], &leaf[1], &left);
    json_t *proof = json_array();
    const struct merkle_hash *path[] = {&leaf[3], &left, &leaf[4]};
    for (size_t i = 0; i < 3; i++)
        json_array_append_new(proof, json_string(hex_text(path[i]->b, 32, hex, sizeof hex)));
    return json_pack("{s:i,s:i,s:s,s:i,s:s,s:o,s:s,s:I}", "event_seq", 3, "index", 2, "leaf",
                     hex_text(leaf[2].b, 32, hex, sizeof hex), "size", 5, "note", note, "proof",
                     proof, "public_key", base64_text(pub, sizeof pub, b64, sizeof b64), "at_ms",
                     (json_int_t)(NOW_MS - 600000));
}

static json_t *a_box(void)
{
    json_t *lot = json_pack(
        "{s:s,s:s,s:s,s:s,s:{s:s,s:s,s:s,s:s},s:{s:s,s:s,s:s},s:s,s:{s:s,s:i,s:s},s:i,s:s,s:I,s:i}",
        "id", "XMPNR79Y7X", "kind", "box", "verdict", "ok", "reason", "", "product", "id",
        "dangshen-lu", "gtin", "06901234567892", "name_zh", "潞党参", "name_en",
        "Codonopsis root (Lu)", "grade", "code", "1", "name_zh", "一等", "name_en", "Grade 1",
        "grade_basis", "diameter", "rule", "id", "codonopsis/lu", "version", 3, "sha256",
        "0123456789abcdef", "net_mg", 2000000, "net_basis", "static", "packed_ms",
        (json_int_t)1795506419132, "pieces", 42);
    json_t *more = json_pack(
        "{s:{s:s,s:s,s:s,s:s},s:[{s:s,s:s}],s:[{s:s,s:i},{s:s,s:i},{s:s,s:i}],s:s,s:s,s:i,s:[{s:I,"
        "s:s,s:i,s:s},{s:I,s:s,s:n,s:s}],"
        "s:{s:i,s:i,s:i},s:{s:s,s:s,s:s},s:n,s:I}",
        "coop", "name_zh", "演示合作社", "name_en", "Demonstration Cooperative", "uscc", "",
        "contact", "0635-0000000", "origin", "zh", "演示镇", "en", "Demonstration Township",
        "farms", "alias", "F1", "share_ppm", 500000, "alias", "F2", "share_ppm", 333333, "alias",
        "F3", "share_ppm", 166667, "sorted_by", "line", "lot", "G261124-A012T", "boxes", 3,
        "timeline", "at_ms", (json_int_t)1795506000000, "kind", "received", "mg", 20000000,
        "detail", "3", "at_ms", (json_int_t)1795506100000, "kind", "a-new-step", "mg", "detail", "",
        "balance", "in_mg", 20000000, "out_mg", 19800000, "loss_mg", 200000, "seal", "text", seal,
        "record", RECORD, "nonce", NONCE, "calibration", "asof_ms", (json_int_t)NOW_MS);
    assert_true(lot && more);
    json_object_update_new(lot, more);
    json_object_set_new(lot, "log", evidence());
    return lot;
}

static char *page_of(const json_t *lot, enum lang lang, const char *scanned)
{
    struct buyer_ask a = {lang, scanned, true, {NOW_MS}, 480};
    size_t n;
    char *text = buyer_page(pages, lot, &a, &n);
    assert_non_null(text);
    assert_int_equal(n, strlen(text));
    return text;
}

static void has(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" is missing", what);
}

static void has_not(const char *text, const char *what)
{
    if (strstr(text, what))
        fail_msg("\"%s\" should not be there", what);
}

static void a_good_box_says_so_first_and_proves_it(void **state)
{
    (void)state;
    json_t *lot = a_box();
    char *text = page_of(lot, LANG_EN, seal);
    has(text, "<header class=\"v ok\"");
    assert_true(strstr(text, ">Valid<") < strstr(text, "<main>"));
    has(text, ">2.000</b> <small>kg");
    has(text, "Net weight, weighed on a static scale");
    has(text, "Codonopsis root (Lu)");
    has(text, "id=\"c-seal\" class=\"ok\"");
    has(text, "id=\"c-sign\" class=\"ok\"");
    has(text, "id=\"c-log\" class=\"ok\"");
    has(text, "entry 3 of 5");
    has(text, "10 min ago");
    has(text, "<rect width=\"33\" height=\"1\"/>");
    has(text, "33.3 %");
    has(text, "0.200 kg (1.0 %)");
    has(text, "a-new-step"); /* not guessed, not hidden */
    free(text);
    json_decref(lot);
}

static void every_verdict_has_word_colour_and_shape(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"ok", "v ok", "Valid"},
                                           {"hold", "v hold", "On hold"},
                                           {"recalled", "v bad", "Recalled"},
                                           {"void", "v gone", "Void"},
                                           {"brand-new-word", "v gone", "Unknown"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *lot = a_box();
        json_object_set_new(lot, "verdict", json_string(cases[i][0]));
        json_object_set_new(lot, "reason", json_string("sulphur <dioxide>"));
        char *text = page_of(lot, LANG_EN, seal);
        has(text, cases[i][1]);
        has(text, cases[i][2]);
        has(text, "sulphur &lt;dioxide&gt;");
        has(strstr(text, "aria-hidden"), "d=\"M"); /* some shape is drawn */
        free(text);
        json_decref(lot);
    }
}

static void a_foreign_seal_outranks_everything(void **state)
{
    (void)state;
    json_t *lot = a_box();
    json_object_set_new(lot, "verdict", json_string("recalled"));
    const char *const wrong[] = {"0000000000000000", "1", "\"><script>", "党参"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *text = page_of(lot, LANG_EN, wrong[i]);
        has(text, "Seal does not fit");
        has(text, "id=\"c-seal\" class=\"bad\"");
        has(text,
            "Please do not use it. Give it back"); /* and the record's own verdict is said, too */
        has_not(text, "\"><script>");
        free(text);
    }
    char *text = page_of(lot, LANG_EN, NULL);
    has(text, "id=\"c-seal\" class=\"none\"");
    has_not(text, "Seal does not fit");
    free(text);
    json_decref(lot);
}

static void a_proof_that_does_not_hold_is_bad_and_never_absent(void **state)
{
    (void)state;
    struct proof p;
    json_t *lot = a_box(), *log = json_object_get(lot, "log");
    proof_check(lot, seal, &p);
    assert_int_equal(p.inclusion, CHECK_OK);
    json_object_set_new(log, "index", json_integer(3));
    proof_check(lot, seal, &p);
    assert_int_equal(p.signature, CHECK_OK);
    assert_int_equal(p.inclusion, CHECK_BAD);
    json_object_set_new(log, "index", json_integer(2));
    json_array_set_new(json_object_get(log, "proof"), 1, json_string(""));
    proof_check(lot, seal, &p);
    assert_int_equal(p.inclusion, CHECK_BAD);
    json_object_set_new(log, "public_key",
                        json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    proof_check(lot, seal, &p);
    assert_int_equal(p.signature, CHECK_BAD);
    json_object_set_new(json_object_get(lot, "seal"), "nonce", json_string("00"));
    proof_check(lot, seal, &p);
    assert_int_equal(p.seal, CHECK_BAD);
    json_object_set_new(lot, "log", json_null());
    proof_check(lot, NULL, &p);
    assert_int_equal(p.signature, CHECK_NONE);
    json_decref(lot);
}

static void the_proof_file_is_what_c2sp_says(void **state)
{
    (void)state;
    json_t *lot = a_box();
    char *text = proof_file(json_object_get(lot, "log"));
    assert_non_null(text);
    assert_int_equal(strncmp(text, "c2sp.org/tlog-proof@v1\nindex 2\n", 31), 0);
    has(text, "=\n\ntest.lotline/00\n5\n");
    has(text, "\n\n— test.lotline/00 ");
    free(text);
    json_array_set_new(json_object_get(json_object_get(lot, "log"), "proof"), 0, json_string("zz"));
    assert_null(proof_file(json_object_get(lot, "log")));
    assert_null(proof_file(json_null()));
    json_decref(lot);
}

static void hostile_names_stay_names(void **state)
{
    (void)state;
    static const char evil[] =
        "</title><script>alert(1)</script><img src=x onerror='a()'>\"&{{net}}$coop";
    json_t *lot = a_box();
    static const char *const where[][2] = {
        {"product", "name_en"}, {"grade", "name_en"}, {"coop", "name_en"}, {"coop", "contact"},
        {"rule", "id"},         {"seal", "text"},     {"seal", "record"}};
    for (size_t i = 0; i < sizeof where / sizeof *where; i++)
        json_object_set_new(json_object_get(lot, where[i][0]), where[i][1], json_string(evil));
    json_object_set_new(lot, "lot", json_string(evil));
    json_object_set_new(lot, "reason", json_string(evil));
    json_object_set_new(json_array_get(json_object_get(lot, "farms"), 0), "alias",
                        json_string(evil));
    json_object_set_new(json_array_get(json_object_get(lot, "timeline"), 1), "kind",
                        json_string(evil));
    json_object_set_new(json_array_get(json_object_get(lot, "origin"), 0), "en", json_string(evil));
    char *text = page_of(lot, LANG_EN, evil);
    has_not(text, "<script>alert");
    has_not(text, "<img");
    has_not(text, "</title><");
    has(text, "&lt;script&gt;alert(1)");
    has(text, "{{net}}"); /* a value is never read as a page */
    free(text);
    json_decref(lot);
}

static void what_only_the_belt_weighed_is_no_trade_weight(void **state)
{
    (void)state;
    json_t *lot = a_box();
    json_object_set_new(lot, "net_basis", json_string("none"));
    char *text = page_of(lot, LANG_EN, seal);
    has(text, "Not a trade weight");
    has_not(text, "Net weight, weighed");
    free(text);
    json_object_set_new(lot, "net_mg", json_null());
    text = page_of(lot, LANG_EN, seal);
    has_not(text, "<small>kg");
    free(text);
    json_decref(lot);
}

static void shares_appear_from_three_farms_up(void **state)
{
    (void)state;
    json_t *lot = a_box();
    json_array_remove(json_object_get(lot, "farms"), 2);
    char *text = page_of(lot, LANG_EN, seal);
    has(text, "From 2 farms");
    has_not(text, "50.0 %");
    has(text, "Shares are shown from three farms up");
    free(text);
    json_decref(lot);
}

static void a_proxy_says_so_and_shows_its_sample(void **state)
{
    (void)state;
    json_t *lot = a_box();
    json_object_set_new(lot, "grade_basis", json_string("weight"));
    char *text = page_of(lot, LANG_EN, seal);
    has(text, "weight of each piece");
    has(text, "No calibration sample is on record");
    free(text);
    json_object_set_new(lot, "calibration",
                        json_pack("{s:i,s:I,s:s}", "pieces", 30, "weighed_ms", (json_int_t)NOW_MS,
                                  "detail", "r = 0.9"));
    text = page_of(lot, LANG_EN, seal);
    has(text, "sample of 30 pieces");
    has(text, "r = 0.9");
    free(text);
    json_decref(lot);
}

/* The largest that may come: many farms, a long history, a log of a million entries. */
static void the_page_stays_within_one_round_trip(void **state)
{
    (void)state;
    json_t *lot = a_box(), *farms = json_object_get(lot, "farms"),
           *steps = json_object_get(lot, "timeline");
    json_t *proof = json_object_get(json_object_get(lot, "log"), "proof");
    for (int i = 0; i < 20; i++) {
        uint8_t hash[32];
        char hex[65], alias[16];
        snprintf(alias, sizeof alias, "F%d", i + 4);
        json_array_append_new(farms, json_pack("{s:s,s:i}", "alias", alias, "share_ppm", 50000));
        json_array_append_new(steps, json_pack("{s:I,s:s,s:i,s:s}", "at_ms", (json_int_t)NOW_MS,
                                               "kind", "packed", "mg", 1000 * i, "detail", ""));
        crypto_random(hash, sizeof hash);
        json_array_append_new(proof, json_string(hex_text(hash, 32, hex, sizeof hex)));
    }
    for (int lang = LANG_EN; lang <= LANG_ZH; lang++) {
        char *text = page_of(lot, (enum lang)lang, seal), *packed = NULL;
        size_t n = 0;
        assert_int_equal(gzip_pack(text, strlen(text), &packed, &n), 0);
        print_message("           buyer page, %s: %zu bytes, %zu packed\n",
                      lang_code((enum lang)lang), strlen(text), n);
        assert_true(n <= PAGE_BYTES);
        free(packed);
        free(text);
    }
    json_decref(lot);
}

static void an_empty_answer_makes_a_page_and_no_crash(void **state)
{
    (void)state;
    json_t *lot = json_object();
    char *text = page_of(lot, LANG_ZH, "x");
    has(text, "<main>");
    free(text);
    json_decref(lot);
}

/* Only a broken or foreign record says such; the page must still come. */
static void numbers_at_their_ends_make_a_page(void **state)
{
    (void)state;
    json_t *lot = a_box();
    json_t *farms = json_object_get(lot, "farms");
    json_object_set_new(json_array_get(farms, 0), "share_ppm", json_integer(INT64_MAX));
    json_object_set_new(json_array_get(farms, 1), "share_ppm", json_integer(INT64_MIN));
    json_object_set_new(json_object_get(lot, "log"), "index", json_integer(INT64_MAX));
    json_object_set_new(json_object_get(lot, "log"), "at_ms", json_integer(INT64_MIN));
    json_object_set_new(lot, "asof_ms", json_integer(INT64_MIN));
    json_object_set_new(lot, "packed_ms", json_integer(INT64_MAX));
    json_object_set_new(lot, "net_mg", json_integer(INT64_MIN));
    json_object_set_new(lot, "balance",
                        json_pack("{s:I,s:I,s:I}", "in_mg", (json_int_t)INT64_MAX, "out_mg",
                                  (json_int_t)INT64_MIN, "loss_mg", (json_int_t)INT64_MAX));
    char *text = page_of(lot, LANG_EN, seal);
    has(text, "<main>");
    free(text);
    json_decref(lot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_box_says_so_first_and_proves_it),
        cmocka_unit_test(every_verdict_has_word_colour_and_shape),
        cmocka_unit_test(a_foreign_seal_outranks_everything),
        cmocka_unit_test(a_proof_that_does_not_hold_is_bad_and_never_absent),
        cmocka_unit_test(the_proof_file_is_what_c2sp_says),
        cmocka_unit_test(hostile_names_stay_names),
        cmocka_unit_test(what_only_the_belt_weighed_is_no_trade_weight),
        cmocka_unit_test(shares_appear_from_three_farms_up),
        cmocka_unit_test(a_proxy_says_so_and_shows_its_sample),
        cmocka_unit_test(the_page_stays_within_one_round_trip),
        cmocka_unit_test(an_empty_answer_makes_a_page_and_no_crash),
        cmocka_unit_test(numbers_at_their_ends_make_a_page),
    };
    return crypto_setup() ? 1 : cmocka_run_group_tests(tests, load, unload);
}
