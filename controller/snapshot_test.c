/* A reader never sees half of one value and half of another. Meant for the thread sanitizer too. */
#include "controller/snapshot.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

struct value {
    uint64_t a[100];
    uint8_t tail[5]; /* no whole word */
};
struct race {
    struct snapshot *s;
    _Atomic bool stop;
    _Atomic uint64_t torn, reads;
};

static void *reader(void *arg)
{
    struct race *r = arg;
    struct value v;
    while (!r->stop) {
        snapshot_get(r->s, &v);
        for (int i = 1; i < 100; i++)
            r->torn += v.a[i] != v.a[0];
        r->torn += v.tail[4] != (uint8_t)v.a[0];
        r->reads++;
    }
    return NULL;
}

static void test_race(void **state)
{
    (void)state;
    struct race r = {.s = snapshot_new(sizeof(struct value))};
    pthread_t t;
    assert_non_null(r.s);
    assert_int_equal(pthread_create(&t, NULL, reader, &r), 0);
    for (uint64_t n = 1; n < 20000 || r.reads < 100; n++) {
        struct value v;
        for (int i = 0; i < 100; i++)
            v.a[i] = n;
        for (int i = 0; i < 5; i++)
            v.tail[i] = (uint8_t)n;
        snapshot_put(r.s, &v);
    }
    r.stop = true;
    pthread_join(t, NULL);
    assert_int_equal(r.torn, 0);
    snapshot_free(r.s);
}

static void test_zero_before_first(void **state)
{
    (void)state;
    struct snapshot *s = snapshot_new(sizeof(uint32_t));
    uint32_t v = 7;
    snapshot_get(s, &v);
    assert_int_equal(v, 0);
    snapshot_put(s, &(uint32_t){9});
    snapshot_get(s, &v);
    assert_int_equal(v, 9);
    snapshot_free(s);
    snapshot_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_race),
                                       cmocka_unit_test(test_zero_before_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
