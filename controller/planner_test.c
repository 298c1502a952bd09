/* Which rule sets a line may run: those whose measures its map gives. */
#include "controller/daemon.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* clang-format off */
static const struct {
    const char *map, *crop, *rules;
    const char *words[5]; /* of the refusal; none: it may run */
} rows[] = {
    {"mailbox-v1",          "codonopsis", "lu",        {NULL}},
    {"mailbox-v1",          "codonopsis", "lu-weight", {NULL}},
    {"mailbox-v1-weight",   "codonopsis", "lu-weight", {NULL}},
    {"mailbox-v1-zucchini", "zucchini",   "default",   {NULL}},
    {"mailbox-v1-weight",   "codonopsis", "lu",        {"north", "rule set lu", "head_diameter", "mailbox-v1-weight", "take lu-weight"}},
    {"mailbox-v1-weight",   "codonopsis", "tiao",      {"north", "rule set tiao", "head_diameter", "take lu-weight"}},
    {"mailbox-v1-weight",   "zucchini",   "sized",     {"north", "rule set sized", "bow", "another map"}},
};
/* clang-format on */

static void test_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_line l = {.name = "north"};
        struct err e = {0};
        char path[64];
        snprintf(path, sizeof(path), "plc-maps/%s.yaml", rows[i].map);
        assert_int_equal(map_load(path, &l.map, &e), 0);
        snprintf(path, sizeof(path), "crops/%s.yaml", rows[i].crop);
        assert_int_equal(crop_load(path, &l.crop, &e), 0);
        const struct ruleset *rules = crop_ruleset(l.crop, rows[i].rules);
        assert_non_null(rules);
        int rc = planner_fits(&l, rules, &e);
        assert_int_equal(rc, rows[i].words[0] ? ERR_STATE : 0);
        for (size_t k = 0; k < 5 && rows[i].words[k]; k++)
            if (!strstr(e.text, rows[i].words[k]))
                fail_msg("%s: no \"%s\" in: %s", rows[i].rules, rows[i].words[k], e.text);
        crop_free(l.crop);
        map_free(l.map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
