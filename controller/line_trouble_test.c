/* A line whose PLC, rings or configuration are not as they should be (testline.h). */
#include "controller/testline.h"
#include <sys/eventfd.h>
#include <unistd.h>

static void without_an_outlet_of_the_plc_the_plan_says_where_the_unusable_goes(void **state)
{
    static const uint16_t outlets[] = {0, 9}; /* none; more than it has */
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rig *r = rig_new(5, 4096);
        r->plc.default_outlet = outlets[i];
        run_ms(r, 100);
        assert_true(tp_post(&r->plc, 9));
        run_ms(r, 50);
        assert_int_equal(r->items[1].why, WHY_BAD_UNIT);
        assert_int_equal(r->items[1].outlet, 5);
        rig_free(r);
    }
}

static void orders_wait_while_the_news_have_no_room(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 256);
    run_ms(r, 100);
    while (ring_room(r->news) > 7) /* as if main had stood still for long */
        ring_push(r->news, &(struct news){.kind = NEWS_HELD_GONE, .line = 7});
    ring_push(r->orders, &(struct order){.kind = ORDER_FEED_STOP, .on = true});
    for (int i = 0; i < 200; i++)
        step(r);
    assert_int_equal(ring_used(r->orders), 1);
    assert_false(status(r).feed_stop_wanted);
    run_ms(r, 100);
    assert_int_equal(ring_used(r->orders), 0);
    assert_true(status(r).feed_stop_wanted);
    rig_free(r);
}

/* A plan of the same run goes on with its tally, one of another begins with what it brings. */
static void a_renewed_plan_keeps_the_tally_of_its_run(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    run_ms(r, 100);
    post(r, 30);
    run_ms(r, 50);
    r->plan[1] = a_plan(5);
    r->plan[1].rule = 4; /* the same run under another rule set */
    r->plan[1].held = true;
    ring_push(r->orders, &(struct order){.kind = ORDER_PLAN, .plan = &r->plan[1]});
    run_ms(r, 50);
    post(r, 30);
    run_ms(r, 50);
    assert_int_equal(r->items[1].rule, 3);
    assert_int_equal(r->items[2].rule, 4);
    assert_int_equal(r->items[2].outlet, 5); /* held */
    assert_int_equal(status(r).rule, 4);
    rig_free(r);
}

static bool woken(int fd)
{
    uint64_t n;
    return read(fd, &n, sizeof(n)) == sizeof(n);
}

static void main_is_woken_for_news_and_only_then(void **state)
{
    (void)state;
    struct rig *r = rig_new(5, 4096);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(fd >= 0);
    line_free(r->l);
    r->news_fd = fd;
    rig_line(r, 0);
    run_ms(r, 200);
    assert_true(woken(fd)); /* an epoch was wanted, and shown */
    run_ms(r, 200);
    assert_false(woken(fd));
    post(r, 30);
    run_ms(r, 50);
    assert_true(woken(fd));
    rig_free(r);
    close(fd);
}

static void a_map_of_another_kind_makes_no_line(void **state)
{
    struct map *scale = NULL;
    struct line *l = NULL;
    struct err e = {0};
    (void)state;
    assert_int_equal(map_load("plc-maps/hbm-wtx110.yaml", &scale, &e), 0);
    struct line_options o = {.name = "north", .map = scale};
    assert_int_equal(line_new(&o, &l, &e), ERR_RANGE);
    assert_string_equal(e.text, "line north: map hbm-wtx110 is no mailbox");
    assert_null(l);
    line_free(NULL);
    map_free(scale);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_outlet_of_the_plc_the_plan_says_where_the_unusable_goes),
        cmocka_unit_test(orders_wait_while_the_news_have_no_room),
        cmocka_unit_test(a_renewed_plan_keeps_the_tally_of_its_run),
        cmocka_unit_test(main_is_woken_for_news_and_only_then),
        cmocka_unit_test(a_map_of_another_kind_makes_no_line),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
