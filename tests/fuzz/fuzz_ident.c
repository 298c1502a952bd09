/* What people type and phones scan: lot and box numbers, GTINs, seals, addresses of labels. */
#include "base/crypto.h"
#include "tests/fuzz/fuzz.h"
#include "traceability/ident.h"
#include "traceability/seal.h"
#include "web/resolve.h"
#include "web/route.h"
#include "labels/label.h"

void fuzz_setup(void)
{
    assert(crypto_setup() == 0);
}

static void numbers(const char *text)
{
    char gtin[15], uri[96];
    struct err e = {0};
    if (ident_gtin(text, gtin, &e) == 0)
        assert(strlen(gtin) == 14 && ident_gs1_check(gtin, 13) == gtin[13] - '0');
    assert(!ident_lot_ok(text) || strlen(text) == 13);
    assert(!ident_box_ok(text) || strlen(text) == 10);
    ident_sscc_ok(text);
    ident_uscc_ok(text);
    ident_word_ok(text, 24);
    ident_check_37_36(text);
    ident_uri("https://lotline.example", "party", text, uri, sizeof uri);
    assert(strlen(uri) < sizeof uri);
    ident_lot_uri("https://lotline.example", "", text, text, uri, sizeof uri);
    ident_box_path(text, text, uri, sizeof uri);
}

static void seals(const char *text, const char *record)
{
    static const uint8_t nonce[SEAL_NONCE_LEN] = {7};
    static const char hex[] = "07000000000000000000000000000000";
    char seal[SEAL_SIZE];
    seal_of(record, strlen(record), nonce, seal);
    assert(strlen(seal) == SEAL_SIZE - 1 && seal_holds(seal, record, strlen(record), hex));
    if (seal_holds(text, record, strlen(record), hex))
        assert(strlen(text) == SEAL_SIZE - 1);
    seal_holds(seal, record, strlen(record), text);
}

/* A label's address comes back as the box that it was made for. */
static void label(const char *box, const char *seal)
{
    char url[LABEL_URL_MAX];
    if (label_url("https://Lot.example", box, seal, url, sizeof url) || !ident_box_ok(box) ||
        strspn(seal, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != strlen(seal) || !*seal)
        return;
    struct request q = {0};
    struct target t;
    const char *part, *wrong, *path = strchr(url + 8, '/');
    char back[64];
    assert(path && request_parse(path, &q) == 0);
    assert(resolve(q.segment, q.n_segments, &t, &part, &wrong) == 0 && !strcmp(t.box, box));
    int rc = request_query(&q, "s", back, sizeof back);
    assert(rc == ERR_TOOBIG || (rc == 0 && !strcmp(back, seal)));
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    char *a = take_line(&f, '\n'), *b = take_line(&f, '\n');
    numbers(a);
    seals(a, b);
    label(a, b);
    free(a);
    free(b);
}
