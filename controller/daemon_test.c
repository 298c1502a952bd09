/* The daemon's birth and death: what stops a start, what is taken up from the record, what is said
 * of devices that do not answer. Bus threads run where a test starts them; nobody listens on their
 * ports. */
#include "controller/status.h"
#include "controller/testdaemon.h"
#include "base/test_fault.h"
#include <sys/resource.h>

/* The start fails with the n-th call, or not any more; in any case nothing is left behind. */
static int start_failing_at(struct shed *s, struct fault *f, int n, struct err *e)
{
    *e = (struct err){0};
    assert_non_null(s->d = calloc(1, sizeof(*s->d)));
    fault_at(f, n);
    int rc = daemon_setup(s->d, s->c, e);
    f->after = -1;
    shed_close(s);
    return rc;
}

static int64_t events_of(struct shed *s)
{
    struct db *db = NULL;
    struct stmt *q;
    assert_int_equal(db_open_reader(tmp_path(&s->tmp, "store/store.db"), &db, NULL), 0);
    assert_int_equal(q_one(q = db_q(db, "SELECT count(*) FROM event")), 1);
    int64_t n = q_col(q, 0);
    db_close(db);
    return n;
}

/* A record with something of everything. */
static void fill_record(struct shed *s)
{
    uint32_t epoch = shed_epoch(s, 7);
    shed_sorting(s);
    for (uint32_t i = 1; i <= 3; i++)
        shed_news(s, shed_item(s, epoch, i));
    shed_turn(s);
    shed_do(s, "box.open", "b1", json_pack("{s:s,s:i}", "line", "s1", "outlet", 1), NULL);
    shed_close(s);
}

/* The record has not heard of this yet: a start has to write. */
static void change_config(struct config *c, int n)
{
    c->lines[0].default_outlet = 5 + n % 2;
    c->scales[0].max_g = 30000 + n;
    c->n_buyers = 2;
    snprintf(c->buyers[1], sizeof(c->buyers[1]), "buyer-%d", n);
}

static void sweep(struct shed *s, struct fault *f)
{
    struct err e;
    int refused = 0;
    fill_record(s);
    int64_t before = events_of(s);
    f->fired = true;
    for (int n = 0; f->fired; n++) {
        change_config(s->c, n);
        if (start_failing_at(s, f, n, &e) < 0) {
            refused++;
            if (!e.text[0])
                fail_msg("%s without a reason at %d", err_name(e.code), n);
            assert_int_equal(events_of(s), before); /* who refuses to start writes nothing */
        } else {
            assert_in_range(events_of(s), before + 2, before + 4);
            before = events_of(s);
        }
        assert_true(n < 400);
    }
    assert_true(refused > 20);
}

static void a_start_is_refused_with_its_reason_whatever_statement_fails(void **state)
{
    sweep(*state, &fault_sql);
}

static void a_start_is_refused_with_its_reason_whatever_memory_is_missing(void **state)
{
#if FAULT_MEMORY
    sweep(*state, &fault_memory);
#else
    (void)state;
    skip(); /* a sanitizer has a calloc of its own (base/test_fault.h) */
#endif
}

static void a_start_without_descriptors_is_refused_with_its_reason(void **state)
{
    struct shed *s = *state;
    struct rlimit was, few;
    struct err e = {0};
    int refused = 0, rc;
    shed_close(s);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    int next = dup(0);
    close(next);
    for (int n = 0; n < 60; n++) {
        assert_non_null(s->d = calloc(1, sizeof(*s->d)));
        few = (struct rlimit){(rlim_t)(next + n), was.rlim_max};
        setrlimit(RLIMIT_NOFILE, &few);
        e = (struct err){0};
        if ((rc = daemon_setup(s->d, s->c, &e)) == 0)
            rc = daemon_start(s->d, &e);
        setrlimit(RLIMIT_NOFILE, &was);
        refused += rc < 0;
        assert_true(rc == 0 || e.text[0]);
        shed_close(s);
        if (rc == 0)
            break;
    }
    assert_int_equal(rc, 0);
    assert_in_range(refused, 3, 40);
}

static void too_many_devices_at_one_endpoint_are_refused_by_file_and_line(void **state)
{
    struct shed *s = *state;
    char parts[4000] = "scales:\n";
    struct err e = {0};
    shed_close(s);
    for (int i = 0; i < CONFIG_SCALES_MAX; i++)
        snprintf(parts + strlen(parts), sizeof(parts) - strlen(parts),
                 " - {name: w%d, host: 127.0.0.1, port: 2, unit: %d, map: hbm-wtx110, max_g: 9000, "
                 "min_g: 20, e_mg: 1000, d_mg: 1000}\n",
                 i, i + 1);
    strcat(parts, "drives:\n - {name: d1, host: 127.0.0.1, port: 2, unit: 99, map: invt-gd20}\n");
    shed_config(s, parts);
    assert_non_null(s->d = calloc(1, sizeof(*s->d)));
    assert_int_equal(daemon_setup(s->d, s->c, &e), ERR_TOOBIG);
    assert_non_null(strstr(e.file, "lotlined.yaml"));
    assert_int_equal(e.line, 7 + CONFIG_SCALES_MAX + 2);
    assert_non_null(strstr(e.text, "too many devices at one endpoint (at most 16)"));
}

static void devices_at_one_address_share_a_thread(void **state)
{
    struct shed *s = *state;
    struct err e;
    shed_close(s);
    shed_config(s, "drives:\n - {name: d1, host: 127.0.0.1, port: 1, unit: 1, map: invt-gd20}\n"
                   " - {name: d2, host: 127.0.0.1, port: 1, unit: 2, map: invt-gd20}\n"
                   " - {name: d3, host: 127.0.0.1, port: 2, unit: 1, map: invt-gd20}\n");
    shed_open(s);
    assert_int_equal(daemon_start(s->d, &e), 0);
    assert_int_equal(s->d->n_threads, 2);
    struct mono now = mono_now();
    assert_true(daemon_alive(s->d, now));
    assert_false(daemon_alive(s->d, mono_add_ms(now, 4000))); /* the watchdog is not fed then */
}

static void a_stop_closes_the_last_block_of_items(void **state)
{
    struct shed *s = *state;
    struct err e;
    uint32_t epoch = shed_epoch(s, 7);
    assert_int_equal(daemon_start(s->d, &e), 0);
    shed_news(s, shed_item(s, epoch, 1)); /* its turn is the last one */
    shed_close(s);
    shed_open(s);
    assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), 1);
    assert_int_equal(shed_number(s, "SELECT count(*) FROM event WHERE kind='item.block'"), 1);
}

static void a_stop_without_a_record_that_can_be_written_ends_all_the_same(void **state)
{
    struct shed *s = *state;
    uint32_t epoch = shed_epoch(s, 7);
    shed_news(s, shed_item(s, epoch, 1));
    shed_turn(s);
    for (int n = 0; n < 12; n++) {
        fault_at(&fault_sql, n);
        shed_close(s);
        fault_sql.after = -1;
        shed_open(s);
        assert_int_equal(shed_number(s, "SELECT count(*) FROM item"), 1); /* as committed */
    }
}

/* ---- what does not answer ---- */

static void a_device_that_never_answered_is_an_alarm_after_two_seconds(void **state)
{
    struct shed *s = *state;
    struct mono now = mono_now();
    daemon_watch_devices(s->d, now);
    daemon_watch_devices(s->d, mono_add_ms(now, 1000));
    assert_null(shed_alarm(s, "plc-silent"));
    daemon_watch_devices(s->d, mono_add_ms(now, 2500));
    assert_non_null(strstr(shed_alarm(s, "plc-silent")->text, "the PLC at 127.0.0.1:1 unit 1"));
    assert_non_null(strstr(shed_alarm(s, "drive-silent")->text, "127.0.0.1:3"));
    assert_string_equal(shed_alarm(s, "scale-silent")->line, "w1");
    shed_load(s, 0); /* the scale answers */
    daemon_watch_devices(s->d, mono_add_ms(s->scale_at, 1700));
    assert_null(shed_alarm(s, "scale-silent"));
    assert_non_null(shed_alarm(s, "drive-silent"));
    daemon_watch_devices(s->d, mono_add_ms(s->scale_at, 2500));
    assert_non_null(shed_alarm(s, "scale-silent"));
}

static void alarms_that_are_over_give_their_place_to_new_ones(void **state)
{
    struct shed *s = *state;
    char code[32];
    for (int i = 0; i <= DAEMON_ALARMS; i++) { /* one more than there is room for */
        snprintf(code, sizeof(code), "code-%d", i);
        daemon_alarm(s->d, code, "s1", "text", true);
    }
    assert_null(shed_alarm(s, code));
    daemon_alarm(s->d, "code-7", "s1", "", false);
    assert_null(shed_alarm(s, "code-7"));
    daemon_alarm(s->d, code, "s1", "text", true);
    assert_non_null(shed_alarm(s, code));
    daemon_alarm(s->d, code, "s1", "again", true);
    assert_int_equal(shed_alarm(s, code)->count, 2);
    assert_string_equal(shed_alarm(s, code)->text, "again");
}

static void a_line_whose_thread_takes_no_orders_does_not_stop_the_turn(void **state)
{
    struct shed *s = *state;
    for (int i = 0; i < 70; i++)
        daemon_order(s->d, &s->d->lines[0], &(struct order){.kind = ORDER_BOX, .outlet = 1});
    shed_do(s, "feed.stop", "f1", json_pack("{s:s}", "line", "s1"), NULL);
    assert_true(s->d->lines[0].feed_stop);
}

static void while_the_record_is_away_a_scale_keeps_what_was_known_of_it(void **state)
{
    struct shed *s = *state;
    shed_morning(s);
    shed_load(s, 0);
    assert_true(s->d->stations[0].facts.trade_static && s->d->stations[0].facts.checked);
    fault_at(&fault_sql, 0);
    s->d->stations[0].fed_ns = 0; /* as if a reading had come */
    daemon_feed_stations(s->d, s->scale_at);
    assert_true(fault_sql.fired);
    assert_true(s->d->stations[0].facts.trade_static && s->d->stations[0].facts.checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHED_TEST(a_start_is_refused_with_its_reason_whatever_statement_fails),
        SHED_TEST(a_start_is_refused_with_its_reason_whatever_memory_is_missing),
        SHED_TEST(a_start_without_descriptors_is_refused_with_its_reason),
        SHED_TEST(too_many_devices_at_one_endpoint_are_refused_by_file_and_line),
        SHED_TEST(devices_at_one_address_share_a_thread),
        SHED_TEST(a_stop_closes_the_last_block_of_items),
        SHED_TEST(a_stop_without_a_record_that_can_be_written_ends_all_the_same),
        SHED_TEST(a_device_that_never_answered_is_an_alarm_after_two_seconds),
        SHED_TEST(alarms_that_are_over_give_their_place_to_new_ones),
        SHED_TEST(a_line_whose_thread_takes_no_orders_does_not_stop_the_turn),
        SHED_TEST(while_the_record_is_away_a_scale_keeps_what_was_known_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
