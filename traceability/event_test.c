/* Events: what may stand in a body, what is added, reading in order, and all or nothing. */
#include "traceability/test_store.h"
#include "base/json.h"
#include "traceability/people.h"

static int append(struct fix *f, enum event_kind kind, json_t *body, struct err *e)
{
    int rc = event_append(f->s, kind, body, "uid:7", NULL, e);
    json_decref(body);
    return rc;
}

static int look(void *ctx, const struct event *ev)
{
    json_t **ret = ctx;
    char *again = json_canonical(ev->body, NULL);
    assert_string_equal(again, ev->bytes);
    assert_int_equal(strlen(ev->bytes), ev->n);
    free(again);
    *ret = json_deep_copy(ev->body);
    return 0;
}

static void frame(void **state)
{
    struct fix *f = *state;
    int64_t seq = 0;
    json_t *body = json_pack("{s:I}", "step_ms", (json_int_t)-5), *back = NULL;
    fix_open(f);
    fix_begin(f);
    int64_t before = wall_now().ms;
    OK(event_append(f->s, EVENT_CLOCK_STEPPED, body, "uid:7", &seq, e));
    assert_int_equal(seq, 2);
    assert_int_equal(json_object_size(body), 1); /* borrowed, not changed */
    json_decref(body);
    OK(event_read(store_db(f->s), 2, look, &back, e));
    assert_int_equal(json_int_or(back, "seq", 0), 2);
    assert_int_equal(json_int_or(back, "v", 0), 1);
    assert_int_equal(json_int_or(back, "step_ms", 0), -5);
    assert_string_equal(json_text_or(back, "kind", ""), "clock.stepped");
    assert_string_equal(json_text_or(back, "actor", ""), "uid:7");
    assert_string_equal(json_text_or(back, "boot", ""), clock_boot_id());
    assert_int_equal(strlen(json_text_or(back, "clock", "")) > 0, 1);
    assert_in_range(json_int_or(back, "at_ms", 0), before, wall_now().ms);
    assert_true(json_int_or(back, "mono_ns", 0) > 0);
    assert_int_equal(json_object_size(back), 9);
    json_decref(back);
    assert_int_equal(event_read(store_db(f->s), 3, look, &back, NULL), ERR_NOT_FOUND);
    assert_int_equal(event_read(store_db(f->s), 0, look, &back, NULL), ERR_NOT_FOUND);
}

static void nothing_personal(void **state)
{
    static const char *const keys[] = {"name", "phone", "id_no", "initials"};
    struct fix *f = *state;
    struct err why;
    fix_open(f);
    fix_begin(f);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(append(f, EVENT_CLOCK_STEPPED, json_pack("{s:s}", keys[i], "x"), &why),
                         ERR_DENIED);
        assert_non_null(strstr(why.text, keys[i]));
        assert_int_equal(append(f, EVENT_CLOCK_STEPPED,
                                json_pack("{s:[i,{s:{s:s}}]}", "a", 1, "b", keys[i], "x"), &why),
                         ERR_DENIED);
    }
    assert_int_equal(append(f, EVENT_CLOCK_STEPPED, json_pack("{s:s}", "name_zh", "x"), &why), 0);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM event"), 2);
}

/* A pid may stand in the shed's own events, not in what leaves the shed. */
static void no_pid_in_public(void **state)
{
    struct fix *f = *state;
    struct err why;
    char pid[PEOPLE_PID_SIZE], marked[24];
    fix_open(f);
    fix_begin(f);
    OK(people_add(f->s, "farmer", "Wang", NULL, NULL, pid, e));
    snprintf(marked, sizeof marked, "pid:%s", pid);
    assert_int_equal(append(f, EVENT_CLOCK_STEPPED, json_pack("{s:s}", "farmer", pid), &why), 0);
    assert_int_equal(append(f, EVENT_STREAM_RESTARTED, json_pack("{s:s}", "x", pid), &why),
                     ERR_DENIED);
    assert_int_equal(append(f, EVENT_STREAM_RESTARTED, json_pack("{s:[s]}", "x", marked), &why),
                     ERR_DENIED);
    assert_int_equal(
        append(f, EVENT_STREAM_RESTARTED, json_pack("{s:s}", "buyer", "unknown"), &why), 0);
    json_t *back = NULL;
    OK(event_read(store_db(f->s), 3, look, &back, e));
    assert_null(json_object_get(back, "actor"));
    json_decref(back);
}

static json_t *padded(size_t n)
{
    char *text = malloc(n + 1);
    memset(text, 'x', n);
    text[n] = '\0';
    json_t *o = json_pack("{s:s}", "pad", text);
    free(text);
    return o;
}

static void refused_bodies(void **state)
{
    static const char *const added[] = {"v",       "kind", "seq",   "at_ms",
                                        "mono_ns", "boot", "clock", "actor"};
    struct fix *f = *state;
    fix_open(f);
    assert_int_equal(append(f, EVENT_CLOCK_STEPPED, padded(1), NULL),
                     ERR_STATE); /* no transaction */
    fix_begin(f);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(append(f, EVENT_CLOCK_STEPPED, json_pack("{s:i}", added[i], 1), NULL),
                         ERR_KEY);
    assert_int_equal(append(f, EVENT_CLOCK_STEPPED, json_pack("{s:f}", "x", 0.5), NULL), ERR_RANGE);
    assert_int_equal(append(f, EVENT_CLOCK_STEPPED, padded(EVENT_MAX_BYTES), NULL), ERR_TOOBIG);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM event"), 1);
    size_t pad = EVENT_MAX_BYTES - 300;
    while (append(f, EVENT_CLOCK_STEPPED, padded(pad), NULL) == 0)
        pad++;
    assert_int_equal(fix_number(store_db(f->s), "SELECT max(length(body)) FROM event"),
                     EVENT_MAX_BYTES);
    fix_commit(f);
}

static void nothing_when_apply_fails(void **state)
{
    struct fix *f = *state;
    struct err why;
    fix_open(f);
    fix_begin(f);
    OK(event_append(f->s, EVENT_CLOCK_STEPPED, NULL, NULL, NULL, e));
    OK(event_append(f->s, EVENT_CLOCK_STEPPED, NULL, NULL, NULL, e));
    json_t *body = json_pack("{s:s}", "buyer", "market");
    OK(event_append(f->s, EVENT_BUYER_REGISTERED, body, NULL, NULL, e));
    int64_t nodes = fix_number(store_db(f->s), "SELECT count(*) FROM node");
    assert_int_equal(event_append(f->s, EVENT_BUYER_REGISTERED, body, NULL, NULL, &why),
                     ERR_DB); /* not unique */
    assert_non_null(strstr(why.text, "buyer.registered"));
    json_decref(body);
    assert_int_equal(fix_number(store_db(f->s), "SELECT max(seq) FROM event"), 4);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM node"), nodes);
    fix_commit(f);
}

struct scan {
    int64_t seen, stop_at, rc;
    struct db *db;
};

static int scan_one(void *ctx, const struct event *ev)
{
    struct scan *s = ctx;
    json_t *inner = NULL;
    s->seen++;
    assert_int_equal(event_read(s->db, 1, look, &inner, NULL), 0); /* the same handle may be used */
    json_decref(inner);
    return ev->seq == s->stop_at ? (int)s->rc : 0;
}

static void scanning(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_begin(f);
    for (int i = 0; i < 9; i++)
        OK(event_append(f->s, EVENT_CLOCK_STEPPED, NULL, NULL, NULL, e));
    struct scan s = {.db = store_db(f->s)};
    OK(event_scan(s.db, 0, 100, scan_one, &s, e));
    assert_int_equal(s.seen, 10);
    OK(event_scan(s.db, 7, 2, scan_one, &s, e));
    assert_int_equal(s.seen, 12);
    s = (struct scan){.db = s.db, .stop_at = 3, .rc = 1};
    OK(event_scan(s.db, 0, 100, scan_one, &s, e));
    assert_int_equal(s.seen, 3);
    s.rc = ERR_CHECK;
    assert_int_equal(event_scan(s.db, 0, 100, scan_one, &s, NULL), ERR_CHECK);
    fix_commit(f);
}

static void table_of_kinds(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_KIND_COUNT; i++) {
        enum event_kind k;
        const char *name = event_kind_name((enum event_kind)i),
                   *type = event_kind_epcis((enum event_kind)i);
        assert_int_equal(event_kind_from(name, &k), 0);
        assert_int_equal((int)k, i); /* names are unique */
        assert_true(strlen(name) <= 24 &&
                    strspn(name, "abcdefghijklmnopqrstuvwxyz.-") == strlen(name));
        assert_true(!*type || !strcmp(type, "ObjectEvent") ||
                    !strcmp(type, "TransformationEvent") || !strcmp(type, "AggregationEvent"));
        assert_int_equal(!*type, !*event_kind_bizstep((enum event_kind)i));
    }
    enum event_kind k;
    assert_int_equal(event_kind_from("no.such", &k), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(frame),
        FIX_TEST(nothing_personal),
        FIX_TEST(no_pid_in_public),
        FIX_TEST(refused_bodies),
        FIX_TEST(nothing_when_apply_fails),
        FIX_TEST(scanning),
        cmocka_unit_test(table_of_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
