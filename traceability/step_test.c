/* The shape of every event of the steps, as a golden table: a kind that lost or gained a field, or
 * whose field changed its type, is another kind. Types: t text, i integer, b boolean, o object, a
 * array, n null. */
#include "traceability/test_farm.h"
#include "traceability/run.h"

static const struct {
    const char *kind, *shape;
} golden[] = {
#define GOLDEN(kind, shape) {kind, shape},
#include "traceability/golden.def"
#undef GOLDEN
};

static char letter(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING: return 't';
    case JSON_INTEGER: return 'i';
    case JSON_TRUE:
    case JSON_FALSE: return 'b';
    case JSON_OBJECT: return 'o';
    case JSON_ARRAY: return 'a';
    case JSON_NULL: return 'n';
    case JSON_REAL: return 'r';
    }
    return '?';
}

static bool of_frame(const char *key)
{
    static const char frame[] = "|v|kind|seq|at_ms|mono_ns|boot|clock|actor|";
    char in[48];
    snprintf(in, sizeof in, "|%s|", key);
    return strstr(frame, in) != NULL;
}

/* "farmer:t lot:t …" in the order of the keys, without the frame that every event has. */
static void shape_of(const struct event *ev, char *ret, size_t size)
{
    size_t n = 0;
    ret[0] = 0;
    json_t *body = json_loads(ev->bytes, 0, NULL); /* canonical: the keys are sorted */
    for (void *at = json_object_iter(body); at; at = json_object_iter_next(body, at))
        if (!of_frame(json_object_iter_key(at)) && n < size)
            n += (size_t)snprintf(ret + n, size - n, "%s%s:%c", n ? " " : "",
                                  json_object_iter_key(at), letter(json_object_iter_value(at)));
    json_decref(body);
}

struct seen {
    unsigned found[sizeof golden / sizeof golden[0]];
    bool print;
};

static int look(void *ctx, const struct event *ev)
{
    struct seen *seen = ctx;
    char shape[600];
    bool any = false, fits = false;
    shape_of(ev, shape, sizeof shape);
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++)
        if (!strcmp(golden[i].kind, event_kind_name(ev->kind))) {
            any = true;
            if (!strcmp(golden[i].shape, shape)) {
                fits = true;
                seen->found[i]++;
            }
        }
    if (seen->print && !fits)
        print_message("GOLDEN(\"%s\", \"%s\")\n", event_kind_name(ev->kind), shape);
    else if (any && !fits)
        fail_msg("%s has changed its shape: %s", event_kind_name(ev->kind), shape);
    return 0;
}

/* One of everything. */
static void whole_day(struct farm *m)
{
    struct farm_demo d;
    struct farm_run r;
    char lot[IDENT_LOT_SIZE];
    farm_demo(m, &d);
    fix_begin(&m->f);
    farm_lot(m, m->farmer1, 500000, lot);
    farm_start_run(m, lot, NULL, &r);
    farm_item(m, r.run, 1, 500000, 1, 0, 0);
    farm_ok(m, "run.calibrate", "{s:s,s:i,s:i,s:s}", "run", r.id, "pieces", 4, "weighed_mg", 90000,
            "detail", "calliper");
    farm_ok(m, "run.stop", "{s:s}", "run", r.id);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 2);
    farm_ok(m, "box.cancel", "{s:s,s:i,s:s}", "line", "a", "outlet", 2, "reason", "torn");
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-10", "reason", "torn");
    json_decref(farm_weigh(m, "run.waste", 90000, "{s:s,s:s}", "run", r.id, "grade", "soil"));
    json_decref(farm_weigh(m, "check", 19500000, "{s:i}", "applied_mg", 20000000));
    json_decref(
        farm_weigh(m, "check", 20000000, "{s:i,s:s}", "applied_mg", 20000000, "stable_by", "host"));
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", d.lot1, "reason", "smell");
    farm_ok(m, "hold.release", "{s:s,s:s}", "lot", d.lot1, "reason", "looked at");
    farm_ok(m, "recall.drill", "{s:s}", "id", d.box);
    farm_ok(m, "recall.start", "{s:s,s:s}", "id", d.box, "reason", "mould");
    OK(store_commit(m->f.s, e));
}

static void events_keep_their_shape(void **state)
{
    struct farm *m = *state;
    struct seen seen = {.print = getenv("GOLDEN") != NULL};
    whole_day(m);
    OK(event_scan(store_db(m->f.s), 0, INT64_MAX, look, &seen, e));
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++)
        if (!seen.found[i])
            fail_msg("no %s of the shape %s", golden[i].kind, golden[i].shape);
    farm_rebuilds(m);
}

static void reasons_name_nobody(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 500000, lot);
    farm_no(m, ERR_DENIED, "names a person", "hold.place", "{s:s,s:s}", "lot", lot, "reason",
            "brought by " CANARY_NAME "1");
    farm_no(m, ERR_DENIED, "names a person", "hold.place", "{s:s,s:s}", "lot", lot, "reason",
            "call " CANARY_PHONE);
    farm_no(m, ERR_KEY, "is empty", "hold.place", "{s:s,s:s}", "lot", lot, "reason", "");
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", lot, "reason", "wet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {FARM_TEST(events_keep_their_shape),
                                       FARM_TEST(reasons_name_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
