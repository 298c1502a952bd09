/* Kept replies, gzip, and the limiter of reports. */
#include "web/cache.h"
#include "base/crypto.h"
#include "web/gzip.h"
#include "web/limiter.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mono at(int64_t ms)
{
    return (struct mono){1 + ms * 1000000};
}

static const struct cached *put(struct cache *c, const char *key, int64_t head, const char *text)
{
    return cache_put(c, key, head, at(1000), 200, "text/plain", text, strlen(text));
}

static void a_reply_is_kept_while_the_head_stands_and_its_time_lasts(void **state)
{
    (void)state;
    struct cache *c = cache_new(64, 1 << 20);
    assert_null(cache_get(c, "a", 1, at(0)));
    assert_non_null(put(c, "a", 1, "hello"));
    const struct cached *r = cache_get(c, "a", 1, at(0));
    assert_non_null(r);
    char *text = NULL;
    size_t n = 0;
    assert_int_equal(gzip_unpack(r->packed, r->n, 100, &text, &n), 0);
    assert_string_equal(text, "hello");
    free(text);
    assert_null(cache_get(c, "a", 2, at(0)));
    assert_null(cache_get(c, "b", 1, at(0)));
    assert_null(cache_get(c, "a", 1, at(1000)));
    cache_free(c);
}

static void another_text_has_another_tag(void **state)
{
    (void)state;
    struct cache *c = cache_new(64, 1 << 20);
    char tag[24];
    strcpy(tag, put(c, "a", 1, "hello")->etag);
    assert_string_equal(put(c, "b", 2, "hello")->etag, tag);
    assert_string_not_equal(put(c, "a", 1, "hullo")->etag, tag);
    cache_free(c);
}

static void it_stays_within_its_bounds(void **state)
{
    (void)state;
    struct cache *c = cache_new(16, 4000);
    char key[128], text[600];
    for (int i = 0; i < 2000; i++) {
        for (size_t k = 0; k < sizeof text - 1; k++)
            text[k] = (char)('a' + crypto_random_u32() % 26);
        text[sizeof text - 1] = '\0';
        snprintf(key, sizeof key, "key %d", i);
        assert_non_null(put(c, key, 1, text));
        assert_non_null(cache_get(c, key, 1, at(0)));
    }
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_null(put(c, key, 1, "a key that is too long is not kept"));
    cache_free(c);
    cache_free(NULL);
}

static void unpacking_is_bounded_and_checked(void **state)
{
    (void)state;
    char *packed = NULL, *text = NULL, zeroes[5000] = {0};
    size_t n = 0, len = 0;
    assert_int_equal(gzip_pack(zeroes, sizeof zeroes, &packed, &n), 0);
    assert_int_equal(gzip_unpack(packed, n, 4999, &text, &len), ERR_TOOBIG);
    assert_int_equal(gzip_unpack(packed, n, 5000, &text, &len), 0);
    assert_int_equal(len, 5000);
    free(text);
    packed[n / 2] = (char)~packed[n / 2];
    text = NULL;
    assert_int_not_equal(gzip_unpack(packed, n, 5000, &text, &len), 0);
    assert_int_not_equal(gzip_unpack("no gzip", 7, 5000, &text, &len), 0);
    assert_null(text);
    free(packed);
}

static void reports_are_limited_per_address_and_in_all(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(2, 5, 1000);
    assert_true(limiter_take(l, "10.0.0.1", at(0)));
    assert_true(limiter_take(l, "10.0.0.1", at(1)));
    assert_false(limiter_take(l, "10.0.0.1", at(2)));
    assert_true(limiter_take(l, "10.0.0.2", at(3)));
    assert_true(limiter_take(l, "10.0.0.2", at(4)));
    assert_true(limiter_take(l, "10.0.0.3", at(5)));
    assert_false(limiter_take(l, "10.0.0.4", at(6))); /* five in all */
    assert_true(limiter_take(l, "10.0.0.1", at(1000)));
    limiter_free(l);
    l = limiter_new(1, 100000, 1000);
    unsigned taken = 0;
    for (int i = 0; i < 1000; i++) {
        char address[24];
        snprintf(address, sizeof address, "10.1.%d.%d", i / 256, i % 256);
        taken += limiter_take(l, address, at(0));
    }
    assert_true(taken <= 256);
    limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_kept_while_the_head_stands_and_its_time_lasts),
        cmocka_unit_test(another_text_has_another_tag),
        cmocka_unit_test(it_stays_within_its_bounds),
        cmocka_unit_test(unpacking_is_bounded_and_checked),
        cmocka_unit_test(reports_are_limited_per_address_and_in_all),
    };
    return crypto_setup() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
