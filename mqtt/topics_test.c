/* Topic names: what is allowed, what is refused. */
#include "mqtt/topics.h"
#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static const struct topic_parts good = {.root = "coop/v1/jiujiu",
                                        .site = "shed",
                                        .edge = "edge",
                                        .line = "l1",
                                        .code = "late",
                                        .buyer = "market",
                                        .type = "box.packed",
                                        .client = "c1"};

static void every_topic_is_plain_and_short(void **state)
{
    char t[TOPIC_MAX];
    (void)state;
    for (int i = 0; i < TOPIC_COUNT; i++) {
        assert_int_equal(topic_name((enum topic_id)i, &good, t), 0);
        assert_true(strlen(t) <= 64);
        assert_int_equal(strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-/"), strlen(t));
    }
    topic_name(TOPIC_BUYER_EVENT, &good, t);
    assert_string_equal(t, "coop/v1/jiujiu/buyer/market/ev/box-packed");
}

static void a_name_cannot_reach_into_another_branch(void **state)
{
    char t[TOPIC_MAX] = "untouched";
    struct topic_parts p = good;
    (void)state;
    for (const char *const *bad =
             (const char *const[]){"a/b", "+", "#", "", "A", "党参", "a b", NULL};
         *bad; bad++) {
        p.buyer = *bad;
        assert_int_equal(topic_name(TOPIC_BUYER_HEAD, &p, t), ERR_RANGE);
        assert_string_equal(t, "untouched");
    }
}

static void longer_than_64_bytes_is_refused(void **state)
{
    char t[TOPIC_MAX];
    struct topic_parts p = good;
    (void)state;
    p.buyer = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert_int_equal(topic_name(TOPIC_BUYER_HEAD, &p, t), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic_is_plain_and_short),
        cmocka_unit_test(a_name_cannot_reach_into_another_branch),
        cmocka_unit_test(longer_than_64_bytes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
