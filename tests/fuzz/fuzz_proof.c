/* The public JSON of a lot as somebody else may write it: proofs are checked, handed out, shown;
 * and nothing forged is called good. After a NUL: the seal as scanned. */
#include "base/crypto.h"
#include "base/json.h"
#include "tests/fuzz/fuzz.h"
#include "web/buyer.h"
#include "web/proof.h"

static struct pages *pages;
static struct assets *assets;

void fuzz_setup(void)
{
    struct err e = {0};
    assert(crypto_setup() == 0 && assets_load(&assets, &e) == 0 &&
           pages_load(assets, &pages, &e) == 0);
}

static void page(const json_t *lot, const char *seal)
{
    for (int lang = LANG_EN; lang <= LANG_ZH; lang++) {
        struct buyer_ask a = {(enum lang)lang, seal, true, {1764000000000}, 480};
        size_t n = 0;
        char *text = buyer_page(pages, lot, &a, &n);
        assert(!text || (strlen(text) == n && !strstr(text, "<img") && !strstr(text, "<script>")));
        free(text);
    }
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    char *text = take_line(&f, 0), *seal = take_line(&f, 0);
    json_t *lot = NULL;
    struct proof proof;
    if (json_parse(text, strlen(text), &lot, NULL) == 0) {
        proof_check(lot, seal, &proof);
        assert(proof.inclusion != CHECK_OK || proof.signature == CHECK_OK);
        json_decref(proof_data(lot));
        free(proof_file(json_object_get(lot, "log")));
        page(lot, seal);
    }
    json_decref(lot);
    free(text);
    free(seal);
}
