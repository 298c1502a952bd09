/* The single-producer, single-consumer ring. */
#include "base/ring.h"
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

struct rec {
    uint64_t n;
    unsigned char body[41]; /* an odd size on purpose */
};

static struct rec rec_of(uint64_t n)
{
    struct rec r = {.n = n};
    for (size_t i = 0; i < sizeof r.body; i++)
        r.body[i] = (unsigned char)(n * 31 + i);
    return r;
}

static void assert_rec(const struct rec *r, uint64_t n)
{
    struct rec want = rec_of(n);
    assert_true(r->n == want.n);
    assert_memory_equal(r->body, want.body, sizeof want.body);
}

static void the_capacity_is_rounded_up_to_a_power_of_two(void **state)
{
    (void)state;
    static const size_t row[][2] = {{1, 1}, {2, 2}, {3, 4}, {5, 8}, {256, 256}, {257, 512}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct ring *r = ring_new(sizeof(struct rec), row[i][0]);
        assert_non_null(r);
        assert_int_equal(ring_room(r), row[i][1]);
        ring_free(r);
    }
}

static void a_capacity_beyond_memory_gives_null(void **state)
{
    (void)state;
    assert_null(ring_new(16, SIZE_MAX));
    assert_null(ring_new(SIZE_MAX / 2, 1024));
    ring_free(NULL);
}

static void records_come_out_whole_and_in_order(void **state)
{
    (void)state;
    struct ring *r = ring_new(sizeof(struct rec), 8);
    uint64_t in = 0, out = 0;
    for (int turn = 0; turn < 1000; turn++) {
        for (int i = 0; i < turn % 9; i++) {
            struct rec rec = rec_of(in);
            if (ring_push(r, &rec))
                in++;
        }
        for (int i = 0; i < (turn * 7) % 9; i++) {
            struct rec rec;
            if (ring_pop(r, &rec))
                assert_rec(&rec, out++);
        }
        assert_int_equal(ring_used(r), in - out);
        assert_int_equal(ring_room(r), 8 - (in - out));
    }
    assert_true(out > 100);
    ring_free(r);
}

static void a_full_ring_takes_nothing_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct ring *r = ring_new(sizeof(struct rec), 4);
    struct rec rec;
    for (uint64_t i = 0; i < 4; i++) {
        rec = rec_of(i);
        assert_true(ring_push(r, &rec));
    }
    rec = rec_of(99);
    assert_false(ring_push(r, &rec));
    assert_int_equal(ring_room(r), 0);
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(ring_pop(r, &rec));
        assert_rec(&rec, i);
    }
    ring_free(r);
}

static void an_empty_ring_writes_nothing(void **state)
{
    (void)state;
    struct ring *r = ring_new(sizeof(struct rec), 4);
    struct rec rec = rec_of(5);
    assert_false(ring_pop(r, &rec));
    assert_rec(&rec, 5);
    assert_int_equal(ring_used(r), 0);
    ring_free(r);
}

enum { MANY = 200000 };

static void *produce(void *arg)
{
    for (uint64_t i = 0; i < MANY; i++) {
        struct rec rec = rec_of(i);
        while (!ring_push(arg, &rec))
            sched_yield();
    }
    return NULL;
}

static void two_threads_lose_and_tear_nothing(void **state)
{
    (void)state;
    struct ring *r = ring_new(sizeof(struct rec), 64);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, produce, r), 0);
    for (uint64_t i = 0; i < MANY;) {
        struct rec rec;
        if (!ring_pop(r, &rec)) {
            sched_yield();
            continue;
        }
        assert_rec(&rec, i++);
    }
    pthread_join(thread, NULL);
    assert_int_equal(ring_used(r), 0);
    ring_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_capacity_is_rounded_up_to_a_power_of_two),
        cmocka_unit_test(a_capacity_beyond_memory_gives_null),
        cmocka_unit_test(records_come_out_whole_and_in_order),
        cmocka_unit_test(a_full_ring_takes_nothing_and_keeps_what_it_has),
        cmocka_unit_test(an_empty_ring_writes_nothing),
        cmocka_unit_test(two_threads_lose_and_tear_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
