/* The table of addresses: who may ask for what. */
#include "web/route.h"
#include "web/station.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static const struct route *match(const char *method, const char *path, enum web_role role,
                                 unsigned *methods)
{
    static struct request q;
    const char *args[ROUTE_ARGS] = {0};
    q = (struct request){.method = method_from(method)};
    assert_int_equal(request_parse(path, &q), 0);
    return route_match(&q, role, args, methods);
}

static bool known(const char *method, const char *path, enum web_role role)
{
    unsigned methods;
    return match(method, path, role, &methods) != NULL;
}

static void the_public_side_changes_nothing_but_takes_reports(void **state)
{
    (void)state;
    const struct route *r;
    for (size_t i = 0; (r = route_at(i)); i++)
        if (r->roles & WEB_PUBLIC && r->method != METHOD_GET) {
            assert_int_equal(r->method, METHOD_POST);
            assert_non_null(strstr(r->pattern, "/report"));
        }
}

static void screens_of_the_shed_are_not_public(void **state)
{
    (void)state;
    static const char *const shed[] = {"/station", "/station/data",     "/line",
                                       "/live",    "/label/XMPNR79Y7X", "/label/XMPNR79Y7X/svg"};
    for (size_t i = 0; i < sizeof shed / sizeof *shed; i++) {
        assert_true(known("GET", shed[i], WEB_SHED));
        assert_false(known("GET", shed[i], WEB_PUBLIC));
    }
    assert_true(known("POST", "/do/station.accept", WEB_SHED));
    assert_false(known("POST", "/do/station.accept", WEB_PUBLIC));
    assert_true(known("GET", "/", WEB_PUBLIC));
}

static void only_these_buttons_exist(void **state)
{
    (void)state;
    static const char *const yes[] = {"station.accept", "lot.open",      "lot.close",
                                      "hand.close",     "weighing.void", "feed.stop"};
    static const char *const no[] = {
        "farmer.add",      "recall.start",   "hold.release",   "run.start",
        "weighing.record", "buyer.register", "store.restored", "",
        "status",          "party.list"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(station_verb_ok(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(station_verb_ok(no[i]));
}

static void methods_of_an_address(void **state)
{
    (void)state;
    unsigned methods;
    char buf[40];
    assert_null(match("POST", "/B/XMPNR79Y7X", WEB_PUBLIC, &methods));
    assert_string_equal(route_methods(methods, buf, sizeof buf), "GET, HEAD, OPTIONS");
    assert_null(match("DELETE", "/B/x/report", WEB_PUBLIC, &methods));
    assert_string_equal(route_methods(methods, buf, sizeof buf), "POST, OPTIONS");
    assert_null(match("GET", "/nothing/here", WEB_PUBLIC, &methods));
    assert_int_equal(methods, 0);
    assert_non_null(match("HEAD", "/b/x/", WEB_PUBLIC, &methods));
    assert_null(match("GET", "/B/x/y/z", WEB_PUBLIC, &methods));
    assert_null(match("GET", "/B", WEB_PUBLIC, &methods));
}

static void every_row_is_found_by_its_own_pattern(void **state)
{
    (void)state;
    const struct route *r;
    static const char *const words[] = {"GET", "HEAD", "POST", "OPTIONS"};
    for (size_t i = 0; (r = route_at(i)); i++) {
        unsigned methods;
        char path[100];
        strcpy(path, r->pattern);
        for (char *p = path; *p; p++)
            *p = *p == '*' ? 'x' : *p;
        for (unsigned role = WEB_PUBLIC; role <= WEB_SHED; role++)
            if (r->roles & role)
                assert_ptr_equal(match(words[r->method], path, role, &methods), r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_side_changes_nothing_but_takes_reports),
        cmocka_unit_test(screens_of_the_shed_are_not_public),
        cmocka_unit_test(only_these_buttons_exist),
        cmocka_unit_test(methods_of_an_address),
        cmocka_unit_test(every_row_is_found_by_its_own_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
