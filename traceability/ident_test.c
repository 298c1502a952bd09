/* Codes, check digits, URIs. Vectors: ISO/IEC 7064 MOD 37,36 as in GRid (A1-2425G-ABC1234002-M),
 * GS1 General Specifications' examples, GB 32100-2015's example. */
#include "traceability/test_store.h"
#include "base/crypto.h"
#include "traceability/ident.h"

static void check_characters(void **state)
{
    (void)state;
    assert_int_equal(ident_check_37_36("A12425GABC1234002"), 'M');
    assert_int_equal(ident_gs1_check("629104150021", 12), 3);
    assert_int_equal(ident_gs1_check("62910415002x", 12), -1);
    assert_true(ident_sscc_ok("106141412345678908"));
    assert_false(ident_sscc_ok("106141412345678907"));
    assert_true(ident_uscc_ok("91350100M000100Y43"));
    assert_false(ident_uscc_ok("91350100M000100Y44"));
    assert_false(ident_uscc_ok("91350100M000100I43"));
}

static void gtins(void **state)
{
    static const struct {
        const char *text, *ret;
        int rc;
    } rows[] = {
        {"6291041500213", "06291041500213", 0},
        {"96385074", "00000096385074", 0},
        {"614141000036", "00614141000036", 0},
        {"6291041500214", NULL, ERR_CHECK},
        {"2012345678903", NULL, ERR_RANGE},
        {"0212345678909", NULL, ERR_RANGE},
        {"0412345678903", NULL, ERR_RANGE},
        {"20123451", NULL, ERR_RANGE},
        {"629104150021", NULL, ERR_CHECK},
        {"62910416", NULL, ERR_CHECK},
        {"62910415002", NULL, ERR_RANGE},
        {"629104150021A", NULL, ERR_PARSE},
        {"", NULL, ERR_RANGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char g[15];
        struct err e = {0};
        int rc = ident_gtin(rows[i].text, g, &e);
        if (rc != rows[i].rc)
            fail_msg("%s: %s %s", rows[i].text, err_name(rc), e.text);
        if (rows[i].ret)
            assert_string_equal(g, rows[i].ret);
    }
}

static void any_single_slip_is_noticed(void **state)
{
    static const char alnum[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char lot[IDENT_LOT_SIZE];
    struct ident_mint m = {.station = 'A', .day = "261124", .next = 17};
    (void)state;
    OK(ident_lot(&m, IDENT_GRADED, lot, e));
    assert_true(ident_lot_ok(lot));
    for (size_t i = 0; i < strlen(lot); i++)
        for (const char *c = alnum; *c; c++) {
            char slip[IDENT_LOT_SIZE];
            strcpy(slip, lot);
            if (slip[i] == *c)
                continue;
            slip[i] = *c;
            if (ident_lot_ok(slip))
                fail_msg("%s passes for %s", slip, lot);
        }
}

/* A hybrid system finds nearly all swaps of neighbours (ISO/IEC 7064, 4.2): here, all but one in
 * 500. */
static void swaps_are_nearly_always_noticed(void **state)
{
    struct ident_mint m = {.station = 'A', .day = "261124", .next = 1};
    char lot[IDENT_LOT_SIZE], swap[IDENT_LOT_SIZE];
    int tried = 0, missed = 0;
    (void)state;
    for (int n = 0; n < 3000; n++) {
        OK(ident_lot(&m, IDENT_GRADED, lot, e));
        for (size_t i = 0; i + 1 < strlen(lot); i++) {
            strcpy(swap, lot);
            swap[i] = lot[i + 1];
            swap[i + 1] = lot[i];
            if (strcmp(swap, lot) == 0)
                continue;
            tried++;
            missed += ident_lot_ok(swap);
        }
    }
    if (missed * 500 > tried)
        fail_msg("%d of %d swaps pass", missed, tried);
}

static void numbers_go_on_for_a_day(void **state)
{
    struct ident_mint m = {.station = 'B', .day = "261124", .next = 1};
    char lot[IDENT_LOT_SIZE], last[IDENT_LOT_SIZE] = "";
    struct err why = {0};
    (void)state;
    for (int n = 1; n <= 999 + 26 * 1296; n++) {
        OK(ident_lot(&m, IDENT_INTAKE, lot, e));
        assert_true(ident_lot_ok(lot));
        assert_true(strncmp(last, lot, 12) < 0);
        strcpy(last, lot);
    }
    assert_int_equal(strncmp(lot, "E261124-BZZZ", 12), 0);
    assert_int_equal(ident_lot(&m, IDENT_INTAKE, lot, &why), ERR_RANGE);
}

static void the_counter_is_a_projection(void **state)
{
    struct fix *f = *state;
    struct ident_mint m;
    char one[IDENT_LOT_SIZE], two[IDENT_LOT_SIZE];
    struct wall at = {1764000000000};
    fix_open(f);
    fix_begin(f);
    OK(ident_begin(store_db(f->s), 'A', at, &m, e));
    OK(ident_lot(&m, IDENT_INTAKE, one, e));
    assert_int_equal(ident_note(store_db(f->s), one), 0);
    OK(ident_begin(store_db(f->s), 'A', at, &m, e));
    OK(ident_lot(&m, IDENT_RUN, two, e));
    assert_int_equal(two[11] - one[11], 1);
    assert_int_equal(ident_note(store_db(f->s), "E261124-A001X"), ERR_PARSE);
    OK(ident_begin(store_db(f->s), 'C', at, &m, e));
    assert_int_equal(m.next, 1);
}

static void boxes_and_uris(void **state)
{
    char box[IDENT_BOX_SIZE], other[IDENT_BOX_SIZE], text[128];
    (void)state;
    ident_box(box);
    ident_box(other);
    assert_true(ident_box_ok(box));
    assert_string_not_equal(box, other);
    assert_false(ident_box_ok("ILOU000000"));
    ident_lot_uri("https://f.example/t", NULL, "lu", "G1", text, sizeof text);
    assert_string_equal(text, "https://f.example/t/class/lu.G1");
    ident_lot_uri("https://f.example/t", "06291041500213", "lu", "G1", text, sizeof text);
    assert_string_equal(text, "https://id.gs1.org/01/06291041500213/10/G1");
    ident_uri("https://f.example", "loc", "棚 1", text, sizeof text);
    assert_string_equal(text, "https://f.example/loc/----1");
    ident_box_path("ABCDEFGHJK", "0123456789ABCDEF", text, sizeof text);
    assert_string_equal(text, "/B/ABCDEFGHJK?s=0123456789ABCDEF");
    ident_uuid("x", 1, text);
    assert_int_equal(strlen(text), 45);
    assert_int_equal(text[23], '8'); /* version */
    assert_true(strchr("89ab", text[28]) != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_characters),
        cmocka_unit_test(gtins),
        cmocka_unit_test(any_single_slip_is_noticed),
        cmocka_unit_test(swaps_are_nearly_always_noticed),
        cmocka_unit_test(numbers_go_on_for_a_day),
        FIX_TEST(the_counter_is_a_projection),
        cmocka_unit_test(boxes_and_uris),
    };
    if (crypto_setup() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
