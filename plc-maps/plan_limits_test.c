/* The read plan under a device's limits: bytes, alignment, whole blocks, records in parts, coils,
 * and which requests are doubtful after a failure. What is joined and grown is plan_test.c's. */
#include "plc-maps/plan.h"
#include "plc-maps/testpieces.h"

#define REC(name, keys, role)                                                                      \
    "  - {name: " name ", source: s, confidence: A, " keys ",\n"                                   \
    "     fields: [{role: " role ", at: 0, type: u16}]}\n"
#define A(keys) REC("a", keys, "drive.fault")
#define B(keys) REC("b", keys, "drive.speed")
#define C(keys) REC("c", keys, "drive.current")
#define BITS(name, keys, role)                                                                     \
    "  - {name: " name ", source: s, confidence: A, area: coil, " keys ",\n"                       \
    "     fields: [{role: " role ", at: 0, type: flag, mask: 1}]}\n"

struct row {
    const char *name, *link, *body, *error; /* error NULL: the requests */
    struct {
        int fc, addr, n, at, agree;
        bool torn, proof;
    } want[6];
    size_t n;
};

static const struct row rows[] = {
    {"a limit in bytes",
     "fc: [3], max_read: 20, max_read_bytes: 9",
     "records:\n" A("addr: 0, words: 2") B("addr: 2, words: 3"),
     NULL,
     {{3, 0, 2, 0, 1, 0, 0}, {3, 2, 3, 2, 1, 0, 0}},
     2},
    {"aligned ends reach into readable words",
     "fc: [3], max_read: 20, align: 2",
     "readable: [{addr: 3, words: 1, source: s}]\nrecords:\n" A("addr: 0, words: 3"),
     NULL,
     {{3, 0, 4, 0, 1, 0, 0}},
     1},
    {"aligned beginnings too",
     "fc: [3], max_read: 20, align: 4",
     "readable: [{addr: 4, words: 4, source: s}]\nrecords:\n" A("addr: 6, words: 1"),
     NULL,
     {{3, 4, 4, 0, 1, 0, 0}},
     1},
    {"aligned neighbours meet in one word",
     "fc: [3], max_read: 20, align: 2",
     "records:\n" A("addr: 0, words: 3") B("addr: 3, words: 3"),
     NULL,
     {{3, 0, 6, 0, 1, 0, 0}},
     1},
    {"an end beside the alignment",
     "fc: [3], max_read: 20, align: 2",
     "records:\n" A("addr: 0, words: 3"),
     "t.yaml:10: record \"a\" begins or ends beside the multiples of \"align\" (2)",
     {{0}},
     0},
    {"a beginning beside it",
     "fc: [3], max_read: 20, align: 2",
     "records:\n" A("addr: 1, words: 3"),
     "t.yaml:10: record \"a\" begins or ends beside the multiples of \"align\" (2)",
     {{0}},
     0},
    {"aligned requests grow by whole steps",
     "fc: [3], max_read: 20, align: 2",
     "readable: [{addr: 12, words: 3, source: s}]\nrecords:\n" A("addr: 0, words: 2")
         B("addr: 10, words: 2"),
     NULL,
     {{3, 0, 2, 0, 1, 0, 0}, {3, 10, 4, 2, 1, 0, 0}},
     2},
    {"a whole block is never joined",
     "fc: [3], max_read: 20",
     "records:\n" A("addr: 0, words: 2, whole: yes") B("addr: 2, words: 3"),
     NULL,
     {{3, 0, 2, 0, 1, 0, 0}, {3, 2, 3, 2, 1, 0, 0}},
     2},
    {"nor grown; the other grows",
     "fc: [3], max_read: 20",
     "readable: [{addr: 2, words: 9, source: s}, {addr: 22, words: 1, source: s}]\nrecords:\n" A(
         "addr: 0, words: 2, whole: yes") B("addr: 20, words: 2"),
     NULL,
     {{3, 0, 2, 0, 1, 0, 0}, {3, 20, 3, 2, 1, 0, 0}},
     2},
    {"two whole blocks of one length are doubtful",
     "fc: [3], max_read: 20",
     "readable: [{addr: 2, words: 9, source: s}]\nrecords:\n" A("addr: 0, words: 2, whole: yes")
         B("addr: 20, words: 2, whole: yes") C("addr: 30, words: 4"),
     NULL,
     {{3, 0, 2, 0, 2, 0, 0}, {3, 20, 2, 2, 2, 0, 0}, {3, 30, 4, 4, 1, 0, 0}},
     3},
    {"one that could grow and may not is refused",
     "fc: [3], max_read: 20",
     "records:\n" A("addr: 0, words: 2, whole: yes") B("addr: 20, words: 2"),
     "t.yaml:12: record \"b\" would be read with FC3 and 2 words like another one, and neither can "
     "grow: name more words in \"readable\", or say \"whole: yes\"",
     {{0}},
     0},
    {"single registers",
     "fc: [3, 4], max_read: 1",
     "records:\n" A("addr: 0, words: 1") B("addr: 1, words: 1") C("area: input, addr: 1, words: 1"),
     NULL,
     {{3, 0, 1, 0, 2, 0, 0}, {3, 1, 1, 1, 2, 0, 0}, {4, 1, 1, 2, 1, 0, 0}},
     3},
    {"an identity inside settles it",
     "fc: [3], max_read: 2",
     "identity: [{addr: 1, words: [0]}]\nrecords:\n" A("addr: 0, words: 2") B("addr: 20, words: 2"),
     NULL,
     {{3, 0, 2, 0, 1, 0, 1}, {3, 20, 2, 2, 2, 0, 0}},
     2},
    {"an identity's answer is an answer too",
     "fc: [3], max_read: 2",
     "identity: [{addr: 9, words: [0, 0]}]\nrecords:\n" A("addr: 0, words: 2"),
     NULL,
     {{3, 0, 2, 0, 2, 0, 0}},
     1},
    {"a long record in parts",
     "fc: [3], max_read: 4",
     "records:\n" A("addr: 0, words: 10, torn: reread") B("addr: 10, words: 3"),
     NULL,
     {{3, 0, 4, 0, 2, 1, 0}, {3, 4, 4, 4, 2, 1, 0}, {3, 8, 2, 8, 2, 1, 0}, {3, 10, 3, 10, 1, 0, 0}},
     4},
    {"parts keep the alignment",
     "fc: [3], max_read: 5, align: 2",
     "records:\n" A("addr: 0, words: 6, torn: reread"),
     NULL,
     {{3, 0, 4, 0, 2, 1, 0}, {3, 4, 2, 4, 2, 1, 0}},
     2},
    {"coils join at whole words of the image",
     "fc: [1], max_read: 20, max_gap: 1",
     "readable: [{area: coil, addr: 8, words: 16, source: s}]\nrecords:\n" BITS(
         "a", "addr: 0, bits: 8", "scale.zero") BITS("b", "addr: 16, bits: 20", "scale.over"),
     NULL,
     {{1, 0, 36, 0, 1, 0, 0}},
     1},
    {"and nowhere else",
     "fc: [1], max_read: 20",
     "records:\n" BITS("a", "addr: 0, bits: 8", "scale.zero")
         BITS("b", "addr: 8, bits: 20", "scale.over"),
     NULL,
     {{1, 0, 8, 0, 1, 0, 0}, {1, 8, 20, 1, 1, 0, 0}},
     2},
    {"coils are alike by the bytes of their answer",
     "fc: [1], max_read: 20",
     "readable: [{area: coil, addr: 105, words: 40, source: s}]\nrecords:\n" BITS(
         "a", "addr: 0, bits: 8", "scale.zero") BITS("b", "addr: 100, bits: 5", "scale.over"),
     NULL,
     {{1, 0, 8, 0, 1, 0, 0}, {1, 100, 21, 1, 1, 0, 0}},
     2},
    {"and doubtful where they cannot grow",
     "fc: [1], max_read: 20",
     "records:\n" BITS("a", "addr: 0, bits: 8, whole: yes", "scale.zero")
         BITS("b", "addr: 100, bits: 1, whole: yes", "scale.over"),
     NULL,
     {{1, 0, 8, 0, 2, 0, 0}, {1, 100, 1, 1, 2, 0, 0}},
     2},
};

/* The vectors: every request's value is 0, an identity of zeros holds. */
static const char *vectors_for(const char *body)
{
    static char text[600];
    snprintf(text, sizeof text,
             "  - {name: v, origin: constructed, frames: [], expect: {%s%s%s}}\n%s",
             strstr(body, "drive.fault") ? "drive.fault: 0" : "",
             strstr(body, "drive.speed") ? ", drive.speed: 0" : "",
             strstr(body, "drive.current") ? ", drive.current: 0" : "",
             strstr(body, "addr: 1, words: [0]}]") ? "  - {name: i, origin: constructed, frames: "
                                                     "[{addr: 1, words: [0]}], expect: "
                                                     "{drive.fault: 0, drive.speed: 0}}\n"
             : strstr(body, "identity")            ? "  - {name: i, origin: constructed, frames: "
                                                     "[{addr: 9, words: [0, 0]}]}\n"
                                                   : "");
    return text;
}

static void compare(const struct row *r, const struct map *m)
{
    const struct map_request *q;
    size_t n = map_plan(m, &q);
    if (n != r->n)
        fail_msg("%s: %zu requests", r->name, n);
    for (size_t i = 0; i < n; i++)
        if (q[i].fc != r->want[i].fc || q[i].addr != r->want[i].addr || q[i].n != r->want[i].n ||
            q[i].at != r->want[i].at || q[i].agree != r->want[i].agree ||
            q[i].torn != r->want[i].torn || (q[i].proof != 0) != r->want[i].proof)
            fail_msg("%s: request %zu is fc %d, %d from %d at %d, agree %d, torn %d, proof %d",
                     r->name, i, q[i].fc, q[i].n, q[i].addr, q[i].at, q[i].agree, q[i].torn,
                     q[i].proof);
}

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct piece p = {rows[i].link, rows[i].body, vectors_for(rows[i].body)};
        if (rows[i].error) {
            refused(&p, rows[i].error);
            continue;
        }
        struct map *m = good(&p);
        compare(&rows[i], m);
        map_free(m);
    }
}

/* A plan never holds more than the bus has room for; the record that is too much is named. */
static void test_too_many_requests(void **state)
{
    (void)state;
    refused(&(struct piece){"fc: [3], max_read: 1",
                            "records:\n" A("addr: 0, words: 33, torn: reread"), NULL},
            "t.yaml:10: more than 32 requests");
}

static void test_too_many_words(void **state)
{
    (void)state;
    refused(&(struct piece){"fc: [3], max_read: 125",
                            "records:\n" A("addr: 0, words: 120") B("addr: 200, words: 119")
                                C("addr: 400, words: 18"),
                            NULL},
            "t.yaml:1: one round reads 257 words, at most 256 are allowed");
}

/* Each request keeps its distance; whoever does not answer on TCP is connected to again. */
static void test_cost_of_pauses(void **state)
{
    (void)state;
    struct map *m =
        good(&(struct piece){"fc: [3], max_read: 9, min_interval_ms: 100, connect_pause_ms: 500",
                             "records:\n" A("addr: 0, words: 1") B("addr: 20, words: 2"),
                             "  - {name: v, origin: constructed, frames: [], "
                             "expect: {drive.fault: 0, drive.speed: 0}}\n"});
    assert_int_equal(map_cost(m, 0).poll_us, 200000);
    assert_int_equal(map_cost(m, 0).longest_us, 10000);
    assert_int_equal(map_cost(m, 0).dead_us, 2 * 600000);
    assert_int_equal(map_cost(m, 9600).poll_us, 200000);
    assert_int_equal(map_cost(m, 9600).dead_us, 2 * 100000);
    map_free(m);
}

/* A read of 8 coils is 6 bytes of answer, of 9 it is 7: 11 bits a character at 9600 baud. */
static void test_cost_of_coils(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t characters;
    } costs[] = {
        {"records:\n" BITS("a", "addr: 0, bits: 8", "scale.zero"), 8 + 5 + 1 + 7},
        {"records:\n" BITS("a", "addr: 0, bits: 9", "scale.zero"), 8 + 5 + 2 + 7},
    };
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        struct map *m = good(&(struct piece){"fc: [1], max_read: 20", costs[i].body,
                                             "  - {name: v, origin: constructed, frames: []}\n"});
        int64_t us = (costs[i].characters * 11 * 1000000 + 9599) / 9600;
        assert_int_equal(map_cost(m, 9600).poll_us, us + 10000);
        map_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_too_many_requests),
        cmocka_unit_test(test_too_many_words), cmocka_unit_test(test_cost_of_pauses),
        cmocka_unit_test(test_cost_of_coils),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
