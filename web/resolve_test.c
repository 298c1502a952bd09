/* Addresses: what is meant, what is wrong and where. */
#include "web/resolve.h"
#include "web/route.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define GTIN "06901234567892"
#define LOT  "G261124-A012T"
#define BOX  "XMPNR79Y7X"

/* Through the same splitting as a request; the whole path is the thing's name. */
static int resolved(const char *path, struct target *t, const char **part)
{
    static struct request q;
    const char *text;
    q = (struct request){0};
    int code = request_parse(path, &q);
    return code ? code : resolve(q.segment, q.n_segments, t, part, &text);
}

static void good_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *path, *id, *gtin, *lot, *box;
    } good[] = {
        {"/B/" BOX, "B/" BOX, "", "", BOX},
        {"/b/xmpnr79y7x", "B/" BOX, "", "", BOX},
        {"/B/" BOX "/", "B/" BOX, "", "", BOX},
        {"/B/" BOX "?s=1P9ZAVD7KR09YPCP", "B/" BOX, "", "", BOX},
        {"/B/OILMNR79YL", "B/011MNR79Y1", "", "",
         "011MNR79Y1"}, /* typed letters that base32 has not */
        {"/10/" LOT, "10/" LOT, "", LOT, ""},
        {"/10/g261124-a012t", "10/" LOT, "", LOT, ""},
        {"/class/dangshen-lu." LOT, "10/" LOT, "", LOT, ""},
        {"/01/" GTIN "/10/" LOT, "10/" LOT, GTIN, LOT, ""},
        {"/01/6901234567892/10/" LOT, "10/" LOT, GTIN, LOT, ""}, /* GTIN-13 */
        {"/01/" GTIN "/10/" LOT "/21/" BOX, "B/" BOX, GTIN, LOT, BOX},
        {"/01/" GTIN "/10/G261124%2DA012T/21/" BOX "/", "B/" BOX, GTIN, LOT, BOX},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct target t;
        const char *part = NULL;
        if (resolved(good[i].path, &t, &part))
            fail_msg("%s: %s", good[i].path, part);
        assert_string_equal(t.id, good[i].id);
        assert_string_equal(t.gtin, good[i].gtin);
        assert_string_equal(t.lot, good[i].lot);
        assert_string_equal(t.box, good[i].box);
    }
}

static void bad_addresses_name_the_part(void **state)
{
    (void)state;
    static const struct {
        const char *path, *part;
    } bad[] = {
        {"/01/06901234567893/10/" LOT, "product number (GTIN)"},
        {"/01/2001234567893/10/" LOT, "product number (GTIN)"}, /* restricted circulation */
        {"/01/abc/10/" LOT, "product number (GTIN)"},
        {"/01/" GTIN "/11/" LOT, "lot number"},
        {"/01/" GTIN "/10/G261124-A012U", "lot number"}, /* check character */
        {"/01/" GTIN "/10/%E5%85%9A%E5%8F%82", "lot number"},
        {"/01/" GTIN "/10/" LOT "/22/x", "address"},
        {"/01/" GTIN "/10/" LOT "/21/XMPNR79Y7", "box number"},
        {"/10/G261124-A012T0000000000000", "lot number"},
        {"/10/..", "lot number"},
        {"/class/dangshen-lu." LOT "X", "lot number"},
        {"/class/nodot", "address"},
        {"/B/XMPNR79Y7XX", "box number"},
        {"/B/XMPNR79Y7U", "box number"}, /* U is no letter of base32 */
        {"/B/<script>", "box number"},
        {"/", "address"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct target t;
        const char *part = NULL;
        assert_int_equal(resolved(bad[i].path, &t, &part), ERR_PARSE);
        assert_string_equal(part, bad[i].part);
    }
}

static void link_types(void **state)
{
    (void)state;
    assert_int_equal(resolve_link(""), LINK_PAGE);
    assert_int_equal(resolve_link("gs1:pip"), LINK_PAGE);
    assert_int_equal(resolve_link("https://ref.gs1.org/voc/traceability"), LINK_PAGE);
    assert_int_equal(resolve_link("linkset"), LINK_SET);
    assert_int_equal(resolve_link("all"), LINK_SET);
    assert_int_equal(resolve_link("gs1:epcis"), LINK_EPCIS);
    assert_int_equal(resolve_link("gs1:certificationInfo"), LINK_UNKNOWN);
    assert_int_equal(resolve_link("x"), LINK_UNKNOWN);
}

static void a_linkset_is_rfc_9264(void **state)
{
    (void)state;
    struct target t = {.id = "B/" BOX, .box = BOX};
    json_t *doc = resolve_linkset("https://x.example", "/B/" BOX, &t, "潞党参");
    const json_t *set = json_array_get(json_object_get(doc, "linkset"), 0);
    assert_string_equal(json_string_value(json_object_get(set, "anchor")),
                        "https://x.example/B/" BOX);
    const json_t *links = json_object_get(set, "https://ref.gs1.org/voc/defaultLink");
    assert_int_equal(json_array_size(links), 1); /* exactly one default */
    assert_string_equal(json_string_value(json_object_get(json_array_get(links, 0), "type")),
                        "text/html");
    links = json_object_get(set, "https://ref.gs1.org/voc/epcis");
    assert_string_equal(json_string_value(json_object_get(json_array_get(links, 0), "href")),
                        "https://x.example/B/" BOX "/epcis");
    json_decref(doc);
    doc = resolve_description("https://x.example", "n", "c");
    assert_string_equal(json_string_value(json_object_get(doc, "resolverRoot")),
                        "https://x.example");
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses),
        cmocka_unit_test(bad_addresses_name_the_part),
        cmocka_unit_test(link_types),
        cmocka_unit_test(a_linkset_is_rfc_9264),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
