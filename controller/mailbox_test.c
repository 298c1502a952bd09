/* The mailbox machine against a PLC under random faults, one seed a run: torn reads, lost requests,
 * lost answers, refusals, reboots with and without memory, a cleared mailbox, crashes of the host
 * before and after commits, a slow record, overwriting, no room, FC23, a PLC without checks. Held
 * at every step (testhost.h): every item is committed once, in order, with the PLC's own words; a
 * gap names only what could not be had; nothing is acknowledged before it is committed; of one item
 * no two slots with different outlets are ever written, over crashes too; no epoch is used twice.
 * SEED=n repeats a run, RUNS=n makes more of them. */
#include "controller/testhost.h"

static void disturb_plc(struct th *t)
{
    if (th_chance(t, 2))
        tp_reboot(&t->plc, th_chance(t, 500));
    if (t->plc.epoch && th_chance(t, 1)) { /* a person clears the mailbox */
        tp_lose_all(&t->plc);
        t->plc.nonce += 7;
    }
}

static void one_step(struct th *t, unsigned rate, unsigned commit)
{
    th_step(t);
    if (th_chance(t, rate))
        tp_post(&t->plc, MB_UNIT_G);
    if (th_chance(t, rate))
        tp_fire(&t->plc);
    if (th_chance(t, commit))
        th_commit(t);
    if (th_chance(t, 3))
        t->room = 64 + th_dice(t, 40);
    if (th_chance(t, 20))
        t->room = TH_NEWS;
}

static void calm_down(struct th *t)
{
    t->f = (struct th_faults){0};
    t->room = TH_NEWS;
    th_run_ms(t, 1500, true);
    while (tp_fire(&t->plc))
        ;
    th_run_ms(t, 3000, true);
}

/* When all is quiet nothing is left over: everything posted is committed and acknowledged. */
static void check_end(struct th *t)
{
    const struct tp *p = &t->plc;
    struct mailbox_view v = th_view(t);
    assert_true(v.running && v.epoch == p->epoch && p->epoch != 0);
    assert_null(t->quarantine);
    assert_int_equal(t->rec.seq, p->head);
    assert_int_equal(t->rec.out, p->out_head);
    assert_int_equal(p->oldest, p->head + 1);
    assert_int_equal(p->ack_out, p->out_head);
    assert_int_equal(mb_u32(p->mem + p->host + MB_HOST_NEW_EPOCH), 0);
    assert_true(p->host_ok);
}

static void one_run(uint64_t seed, uint64_t *sum)
{
    static const uint16_t rings[] = {16, 32, 64};
    uint64_t dice = seed;
    bool checks = seed_next(&dice) % 4 != 0;
    struct th *t = th_new(seed, rings[seed_next(&dice) % 3], checks);
    t->plc.overwrite = seed_next(&dice) % 2;
    t->plc.fc23 = seed_next(&dice) % 4 == 0;
    t->o.link.fc23 = seed_next(&dice) % 3 == 0;
    t->o.serial = seed_next(&dice) % 3 == 0;
    t->o.link.max_read = (uint16_t)(seed_next(&dice) % 2 ? 125 : 33);
    t->o.link.max_write = (uint16_t)(seed_next(&dice) % 2 ? 123 : 16);
    th_crash(t);
    unsigned rate = 20 + th_dice(t, 400), commit = 5 + th_dice(t, 500), crash = th_dice(t, 3),
             plc = th_dice(t, 2);
    t->f = (struct th_faults){th_dice(t, 30), th_dice(t, 30), th_dice(t, 30), th_dice(t, 100),
                              th_dice(t, 100)};
    for (int i = 0; i < 20000; i++) {
        one_step(t, rate, commit);
        if (plc && th_chance(t, 300))
            disturb_plc(t);
        if (crash && th_chance(t, crash))
            th_crash(t);
    }
    calm_down(t);
    check_end(t);
    sum[0] += t->items;
    sum[1] += t->gaps;
    sum[2] += t->adopted;
    sum[3] += t->outcomes;
    sum[4] += t->unreadable;
    th_free(t);
}

static uint64_t running;

static int say_seed(void **state)
{
    (void)state;
    if (running)
        fprintf(stderr, "failed with SEED=%llu\n", (unsigned long long)running);
    return 0;
}

static void test_random_faults(void **state)
{
    (void)state;
    uint64_t seed = seed_print("mailbox_test"), sum[5] = {0};
    const char *given = getenv("RUNS");
    unsigned long runs = getenv("SEED") ? 1 : given ? strtoul(given, NULL, 10) : 60;
    for (unsigned long i = 0; i < runs; i++)
        one_run(running = seed + i, sum);
    running = 0;
    fprintf(stderr,
            "%lu runs: %llu items, %llu gaps, %llu slots adopted, %llu outcomes, %llu unreadable\n",
            runs, (unsigned long long)sum[0], (unsigned long long)sum[1],
            (unsigned long long)sum[2], (unsigned long long)sum[3], (unsigned long long)sum[4]);
    assert_true(sum[0] > 0 && sum[3] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_random_faults, say_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
