/* What a broker may bring: replay requests with any payload, topic and correlation, answered from a
 * record; and the publisher's window under any order of answers. First byte: which of them. */
#include "tests/fuzz/farm.h"
#include "mqtt/replay.h"
#include "mqtt/topics.h"
#include "mqtt/window.h"

static struct client *client;
static struct db *db;
static const struct sink sink = {.name = "s", .stream = "market", .root = "coop/v1/min"};

static void end(void)
{
    client_free(client);
    db_close(db);
    farm_remove();
}

void fuzz_setup(void)
{
    struct client_options o = {
        .host = "127.0.0.1", .port = 1, .v5 = true, .id = "fuzz", .keepalive_s = 15};
    struct err e = {0};
    farm_setup(true);
    assert(client_new(&o, &client, &e) == 0);
    farm_leave();
    assert(store_open_reader(farm.m->f.dir, &db, &e) == 0);
    atexit(end);
}

/* An answer goes below the buyer's own branch or nowhere. */
static void replay(struct feeder *f)
{
    struct replay r = {0};
    struct mono now = {1000000000};
    while (f->n) {
        struct client_message *m = calloc(1, sizeof *m);
        assert(m);
        char *topic = take_line(f, '\n'), *payload = take_line(f, '\n');
        snprintf(m->response_topic, sizeof m->response_topic, "%s", topic);
        m->correlation_n = strlen(topic) % (sizeof m->correlation + 1);
        m->payload = payload;
        m->n = strlen(payload);
        replay_ask(&r, m, &sink, now);
        free(topic);
        client_message_free(m);
        assert(r.count <= REPLAY_WAITING);
    }
    for (int i = 0; r.count; i++) {
        assert(i < REPLAY_WAITING && strncmp(r.waiting[0].topic, "coop/v1/min/", 12) == 0);
        assert(r.waiting[0].limit >= 1 && r.waiting[0].limit <= 50);
        replay_answer(&r, client, db, &sink, "min-county", "0123456789abcdef0123456789abcdef", 1,
                      now);
    }
}

static void topics(struct feeder *f)
{
    char *part[8], topic[TOPIC_MAX];
    for (int i = 0; i < 8; i++)
        part[i] = take_line(f, '\n');
    struct topic_parts t = {part[0], part[1], part[2], part[3], part[4], part[5], part[6], part[7]};
    for (int i = 0; i < TOPIC_COUNT; i++)
        if (topic_name((enum topic_id)i, &t, topic) == 0)
            assert(strlen(topic) < TOPIC_MAX && !strpbrk(topic, "+# ") && *topic);
    for (int i = 0; i < 8; i++)
        free(part[i]);
}

/* In flight at most the size; the cursor never goes back, never over what was not acknowledged. */
static void window(struct feeder *f)
{
    struct window w;
    int64_t flight[WINDOW_MAX], acked[256] = {0}, head = 0, n, cursor = 0, moved;
    uint32_t in_flight = 0;
    window_init(&w, 1 + take_u8(f) % 20);
    while (f->n && head < 200) {
        uint8_t op = take_u8(f), arg = take_u8(f);
        uint32_t k = in_flight ? arg % in_flight : 0;
        switch (op % 6) {
        case 0: head += arg % 9; break;
        case 1:
            while (window_next(&w, head, &n)) {
                assert(in_flight < WINDOW_MAX && n > cursor && n <= head);
                flight[in_flight++] = n;
                window_sent(&w);
            }
            break;
        case 2:
            if (!in_flight)
                break;
            n = flight[k];
            flight[k] = flight[--in_flight];
            acked[n] = 1;
            if (window_acked(&w, n, &moved)) {
                assert(moved > cursor);
                cursor = moved;
            }
            break;
        case 3:
            if (!in_flight)
                break;
            flight[k] = flight[--in_flight];
            window_failed(&w);
            break;
        case 4: window_lost(&w); break;
        case 5:
            if (arg & 1) {
                window_forget(&w);
                in_flight = 0;
            } else if (!in_flight) {
                window_resize(&w, arg);
            }
            break;
        }
        assert(w.outstanding == in_flight && w.cursor == cursor);
        for (int64_t i = 1; i <= cursor; i++)
            assert(acked[i]);
    }
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    switch (take_u8(&f) % 3) {
    case 0: replay(&f); break;
    case 1: topics(&f); break;
    case 2: window(&f); break;
    }
}
