/* The status document: what stands at the PLC, the scale and the drive, and how old it is. The PLC
 * is a header that the line reads. */
#include "controller/status.h"
#include "controller/testdaemon.h"
#include "plc-maps/mailbox_layout.h"

struct plc {
    struct shed *s;
    struct mb_header h;
    struct mono now;
};

static struct plc plc_of(struct shed *s)
{
    return (struct plc){.s = s,
                        .now = mono_now(),
                        .h = {.boot_nonce = 7,
                              .oldest_seq = 1,
                              .ring_n = 64,
                              .slot_m = 128,
                              .pulses_per_m = 1000,
                              .default_outlet = 5,
                              .n_outlets = 5}};
}

/* So long the line asks, and is answered. */
static void run_ms(struct plc *p, int64_t ms)
{
    struct device dev = line_device(p->s->d->lines[0].line);
    struct mono end = mono_add_ms(p->now, ms), wake;
    struct want w;
    while (!mono_reached(p->now, end)) {
        if (!dev.want(dev.self, p->now, &w, &wake)) {
            p->now = mono_min(wake, end);
            continue;
        }
        struct reply r = {.sent = p->now};
        if (w.fc == 3 && w.addr == 0 && w.n >= MB_HDR_WORDS) {
            p->h.heartbeat++;
            p->h.uptime_ms += 5;
            mb_header_encode(&p->h, true, r.words);
            r.n = w.n;
        } else if (w.fc == 3) {
            r.n = w.n;
        }
        p->now = r.got = mono_add_ns(p->now, 200000);
        dev.reply(dev.self, &w, &r, p->now);
    }
}

/* The entry `i` under `key`; of *ret_doc, which is the caller's. */
static json_t *shown(struct shed *s, const char *key, size_t i, json_t **ret_doc)
{
    *ret_doc = status_document(s->d);
    assert_non_null(*ret_doc);
    return json_array_get(json_object_get(*ret_doc, key), i);
}

static void state_is(struct shed *s, const char *word)
{
    json_t *doc, *line = shown(s, "lines", 0, &doc);
    assert_string_equal(json_string_value(json_object_get(line, "state")), word);
    json_decref(doc);
}

static void the_state_of_a_line_is_the_worst_that_its_plc_says(void **state)
{
    static const struct {
        uint16_t bits;
        const char *word;
    } rows[] = {
        {0, "stopped"},
        {MB_RUNNING, "execute"},
        {MB_RUNNING | MB_FEED_STOPPED, "suspended"},
        {MB_RUNNING | MB_INFEED_INHIBITED, "suspended"},
        {MB_RUNNING | MB_FEED_STOPPED | MB_FAULT, "held"},
        {MB_RUNNING | MB_FAULT | MB_ESTOP, "aborted"},
    };
    struct plc p = plc_of(*state);
    state_is(*state, "unknown"); /* nothing was ever read */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        p.h.state = rows[i].bits;
        run_ms(&p, 100);
        state_is(*state, rows[i].word);
    }
}

static void outlets_are_those_that_the_plc_has_with_what_blocks_them(void **state)
{
    struct plc p = plc_of(*state);
    json_t *doc, *outlets;
    p.h.outlet_blocked = 1 << 2;
    run_ms(&p, 100);
    outlets = json_object_get(shown(*state, "lines", 0, &doc), "outlets");
    assert_int_equal(json_array_size(outlets), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *o = json_array_get(outlets, i);
        assert_int_equal(json_integer_value(json_object_get(o, "outlet")), i + 1);
        assert_int_equal(json_is_true(json_object_get(o, "blocked")), i == 2);
        assert_int_equal(json_integer_value(json_object_get(o, "capacity_mg")), i ? 0 : 5000000);
    }
    json_decref(doc);
    p.h.n_outlets = 40; /* more than this host knows of */
    run_ms(&p, 100);
    outlets = json_object_get(shown(*state, "lines", 0, &doc), "outlets");
    assert_int_equal(json_array_size(outlets), OUTLETS_MAX);
    json_decref(doc);
}

static void a_run_shows_its_grades_with_their_names_and_outlets(void **state)
{
    struct shed *s = *state;
    json_t *doc, *routes = json_object_get(shown(s, "lines", 0, &doc), "routes");
    assert_int_equal(json_array_size(routes), 0);
    json_decref(doc);
    shed_sorting(s);
    routes = json_object_get(shown(s, "lines", 0, &doc), "routes");
    assert_int_equal(json_array_size(routes), 4);
    const json_t *first = json_array_get(routes, 0);
    assert_string_equal(json_string_value(json_object_get(first, "code")), "1");
    assert_string_equal(json_string_value(json_object_get(first, "en")), "First grade");
    assert_string_equal(json_string_value(json_object_get(first, "zh")), "一等");
    json_decref(doc);
}

static void what_was_never_read_has_no_age(void **state)
{
    struct shed *s = *state;
    static const char *const keys[] = {"scales", "drives", "lines", "station"};
    json_t *doc;
    for (size_t i = 0; i < 4; i++) {
        const json_t *o = shown(s, keys[i], 0, &doc);
        assert_int_equal(json_integer_value(json_object_get(o, "age_ms")), -1);
        json_decref(doc);
    }
    shed_load(s, 12500);
    const json_t *scale = shown(s, "scales", 0, &doc);
    assert_int_not_equal(json_integer_value(json_object_get(scale, "age_ms")), -1);
    assert_int_equal(json_integer_value(json_object_get(scale, "net_mg")), 12500000);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHED_TEST(the_state_of_a_line_is_the_worst_that_its_plc_says),
        SHED_TEST(outlets_are_those_that_the_plc_has_with_what_blocks_them),
        SHED_TEST(a_run_shows_its_grades_with_their_names_and_outlets),
        SHED_TEST(what_was_never_read_has_no_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
