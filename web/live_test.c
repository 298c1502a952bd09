/* The live stream: the newest of each kind, whole, in order; what was missed is said. */
#include "web/live.h"
#include "base/crypto.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct live *new_live(void)
{
    struct live *l = NULL;
    assert_int_equal(live_new("/nowhere", &l, NULL), 0);
    return l;
}

static void take(struct live *l, const char *text)
{
    json_t *doc = json_loads(text, 0, NULL);
    assert_non_null(doc);
    live_take(l, doc);
    json_decref(doc);
}

/* Everything that a browser would get now, read in pieces of `max` bytes. */
static const char *read_all(const struct reply *r, size_t max)
{
    static char text[8192];
    size_t n = 0;
    ssize_t got;
    while ((got = r->feed.read(r->feed.self, text + n, max)) > 0) {
        n += (size_t)got;
        assert_true(n < sizeof text - max);
    }
    text[n] = '\0';
    return text;
}

static void end(struct reply *r)
{
    if (r->feed.close)
        r->feed.close(r->feed.self);
    reply_free(r);
}

/* "id: …" of the last event in the text. */
static void last_id(const char *text, char ret[40])
{
    const char *at = NULL;
    for (const char *p = text; (p = strstr(p, "id: ")); p++)
        at = p + 4;
    assert_non_null(at);
    snprintf(ret, 40, "%.*s", (int)strcspn(at, "\n"), at);
}

static void a_document_becomes_one_event(void **state)
{
    (void)state;
    struct live *l = new_live();
    struct reply r = {0};
    live_open(l, NULL, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.type, "text/event-stream");
    assert_string_equal(read_all(&r, 4096), "retry: 1000\n\n");
    take(l, "{\"station\":[{\"name\":\"a\\nb\"}],\"head\":7}");
    const char *text = read_all(&r, 7); /* in small pieces it is the same */
    assert_non_null(
        strstr(text, "\nevent: status\ndata: {\"station\":[{\"name\":\"a\\nb\"}],\"head\":7}\n\n"));
    take(l, "{\"head\":8}");
    assert_non_null(strstr(read_all(&r, 4096), "event: head\ndata: {\"head\":8}\n\n"));
    assert_string_equal(read_all(&r, 4096), "");
    end(&r);
    live_free(l);
}

static void a_slow_browser_gets_the_newest_and_a_begun_one_whole(void **state)
{
    (void)state;
    struct live *l = new_live();
    struct reply r = {0};
    char part[16];
    live_open(l, NULL, &r);
    read_all(&r, 4096);
    take(l, "{\"lines\":[],\"at_ms\":1}");
    assert_int_equal(r.feed.read(r.feed.self, part, 10), 10); /* half through the first */
    for (int i = 2; i < 100; i++) {
        char doc[48];
        snprintf(doc, sizeof doc, "{\"lines\":[],\"at_ms\":%d}", i);
        take(l, doc);
    }
    const char *text = read_all(&r, 4096);
    assert_non_null(strstr(text, "\"at_ms\":1}\n\n"));
    assert_null(strstr(text, "\"at_ms\":50}"));
    assert_non_null(strstr(text, "\"at_ms\":99}\n\n"));
    end(&r);
    live_free(l);
}

static void what_was_missed_is_said(void **state)
{
    (void)state;
    struct live *l = new_live();
    struct reply r = {0};
    char id[40];
    take(l, "{\"lines\":[],\"at_ms\":1}");
    live_open(l, NULL, &r);
    const char *text = read_all(&r, 4096);
    assert_null(strstr(text, "resync"));
    assert_non_null(strstr(text, "\"at_ms\":1")); /* a new browser sees the newest at once */
    last_id(text, id);
    end(&r);
    r = (struct reply){0};
    live_open(l, id, &r); /* cut off, and nothing happened meanwhile */
    assert_null(strstr(read_all(&r, 4096), "resync"));
    end(&r);
    take(l, "{\"head\":2}");
    const char *const old[] = {id, "deadbeef-1", "nonsense"};
    for (size_t i = 0; i < 3; i++) {
        r = (struct reply){0};
        live_open(l, old[i], &r);
        assert_non_null(strstr(read_all(&r, 4096), "event: resync\n"));
        end(&r);
    }
    live_free(l);
}

static void there_are_at_most_32(void **state)
{
    (void)state;
    struct live *l = new_live();
    struct reply r[LIVE_FEEDS_MAX + 1] = {0};
    for (size_t i = 0; i <= LIVE_FEEDS_MAX; i++)
        live_open(l, NULL, &r[i]);
    assert_int_equal(r[LIVE_FEEDS_MAX].status, 503);
    assert_int_equal(live_feeds(l), LIVE_FEEDS_MAX);
    end(&r[0]);
    struct reply again = {0};
    live_open(l, NULL, &again);
    assert_int_equal(again.status, 200);
    end(&again);
    for (size_t i = 1; i <= LIVE_FEEDS_MAX; i++)
        end(&r[i]);
    assert_int_equal(live_feeds(l), 0);
    live_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_becomes_one_event),
        cmocka_unit_test(a_slow_browser_gets_the_newest_and_a_begun_one_whole),
        cmocka_unit_test(what_was_missed_is_said),
        cmocka_unit_test(there_are_at_most_32),
    };
    return crypto_setup() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
