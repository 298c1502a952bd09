/* Questions to a record in which a page is damaged, or without memory: an answer is whole or an
 * error, never the part that could be read. Every question is asked again and again, and each time
 * the next call of SQLite, or the next allocation, fails. */
#include "base/test_nth.h"
#include "traceability/feed.h"
#include "traceability/ledger.h"
#include "traceability/lists.h"
#include "traceability/step.h"
#include "traceability/test_farm.h"
#include "traceability/tlog.h"
#include "traceability/trace.h"
#include "traceability/stream.h"
#include "traceability/verify.h"

struct shed {
    struct farm m;
    struct farm_demo d;
    struct db *db;
    char note[NOTE_MAX];
};

typedef int question(struct shed *s, json_t **ret, struct err *e);

/* ---- questions ---- */

/* A visitor's own trouble has no words. */
static int told(int rc, struct err *e)
{
    return rc && !e->text[0] ? err_set(e, rc, "no memory for what was visited") : rc;
}

static int events_all(void *ctx, const struct event *ev)
{
    return json_array_append(ctx, (json_t *)(uintptr_t)ev->body) ? ERR_NOMEM : 0;
}

static int ask_events(struct shed *s, json_t **ret, struct err *e)
{
    *ret = json_array();
    if (!*ret)
        return err_set(e, ERR_NOMEM, "no list");
    return told(event_scan(s->db, 0, 1000, events_all, *ret, e), e);
}

static int ask_event(struct shed *s, json_t **ret, struct err *e)
{
    *ret = json_array();
    if (!*ret)
        return err_set(e, ERR_NOMEM, "no list");
    return told(event_read(s->db, 2, events_all, *ret, e), e);
}

static int stream_all(void *ctx, const struct stream_event *se)
{
    size_t n = 0;
    char *doc = export_cloudevent(se, "min-county", "0123", &n);
    json_t *text = doc ? json_stringn(doc, n) : NULL;
    free(doc);
    return json_array_append_new(ctx, text) ? ERR_NOMEM : 0;
}

static int ask_stream(struct shed *s, json_t **ret, struct err *e)
{
    *ret = json_array();
    if (!*ret)
        return err_set(e, ERR_NOMEM, "no list");
    return told(stream_read(s->db, "buyer-1", 0, 0, 1000, stream_all, *ret, e), e);
}

static int ask_stream_head(struct shed *s, json_t **ret, struct err *e)
{
    int64_t epoch = 0, n = 0, at_ms = 0;
    int rc = stream_head(s->db, "buyer-1", &epoch, &n, &at_ms, e);
    return rc ? rc
              : step_answer(
                    ret, json_pack("[I,I,I]", (json_int_t)epoch, (json_int_t)n, (json_int_t)at_ms),
                    e);
}

static void stream_name(void *ctx, const char *stream)
{
    char *names = ctx;
    snprintf(names + strlen(names), 64 - strlen(names), "%s ", stream);
}

static int ask_streams(struct shed *s, json_t **ret, struct err *e)
{
    char names[64] = "";
    int rc = stream_list(s->db, stream_name, names, e);
    return rc ? rc : step_answer(ret, json_string(names), e);
}

static int ask_verify(struct shed *s, json_t **ret, struct err *e)
{
    return verify_store(s->db, s->note, ret, e);
}

static int ask_rebuild(struct shed *s, json_t **ret, struct err *e)
{
    int64_t events = 0;
    int rc = rebuild_check(s->db, s->m.f.tmp.dir, &events, e);
    return rc ? rc : step_answer(ret, json_integer(events), e);
}

static int ask_evidence(struct shed *s, json_t **ret, struct err *e)
{
    return tlog_evidence(s->db, 3, ret, e);
}

static int ask_consistency(struct shed *s, json_t **ret, struct err *e)
{
    struct merkle_proof p;
    int rc = tlog_consistency(s->db, 5, 11, &p, e);
    return rc ? rc : step_answer(ret, json_integer((json_int_t)p.n), e);
}

static int ask_trace_of_a_lot(struct shed *s, json_t **ret, struct err *e)
{
    return lot_trace(s->db, s->d.run.grade[1], ret, e);
}

static int ask_trace_of_a_run(struct shed *s, json_t **ret, struct err *e)
{
    return lot_trace(s->db, s->d.run.id, ret, e);
}

static int ask_trace_of_a_box(struct shed *s, json_t **ret, struct err *e)
{
    return lot_trace(s->db, s->d.box, ret, e);
}

static int ask_epcis(struct shed *s, json_t **ret, struct err *e)
{
    return export_epcis(s->db, NULL, "https://shed.example", ret, e);
}

static int ask_epcis_of_a_box(struct shed *s, json_t **ret, struct err *e)
{
    return export_epcis(s->db, s->d.box, "https://shed.example", ret, e);
}

static int ask_page_of_a_box(struct shed *s, json_t **ret, struct err *e)
{
    return lot_public(s->db, s->d.box, ret, e);
}

static int ask_page_of_a_lot(struct shed *s, json_t **ret, struct err *e)
{
    return lot_public(s->db, s->d.hand1, ret, e);
}

static int ask_products(struct shed *s, json_t **ret, struct err *e)
{
    return list_products(s->db, ret, e);
}

static int ask_lots(struct shed *s, json_t **ret, struct err *e)
{
    return list_lots(s->db, "", 100, ret, e);
}

static int ask_tasks(struct shed *s, json_t **ret, struct err *e)
{
    return list_tasks(s->db, "", 100, ret, e);
}

static int ask_feed_stop(struct shed *s, json_t **ret, struct err *e)
{
    bool on = false;
    int rc = feed_stop_wanted(s->db, s->m.f.line, &on, e);
    if (rc == 0)
        *ret = json_boolean(on);
    return rc;
}

static int ask_facts(struct shed *s, json_t **ret, struct err *e)
{
    struct store_facts f;
    int rc = store_facts(s->db, &f, e);
    return rc ? rc : step_answer(ret, json_pack("[s,s,s]", f.store_id, f.site, f.origin), e);
}

static const struct {
    const char *name;
    question *ask;
    int dense; /* how thoroughly: 0 for the usual */
} questions[] = {
    {"the events", ask_events, 0},
    {"an event", ask_event, 0},
    {"a stream", ask_stream, 0},
    {"a stream's head", ask_stream_head, 0},
    {"the streams", ask_streams, 0},
    {"verify", ask_verify, 16},
    {"rebuild", ask_rebuild, 5},
    {"evidence", ask_evidence, 0},
    {"consistency", ask_consistency, 0},
    {"trace of a lot", ask_trace_of_a_lot, 0},
    {"trace of a run", ask_trace_of_a_run, 0},
    {"trace of a box", ask_trace_of_a_box, 0},
    {"EPCIS of all", ask_epcis, 0},
    {"EPCIS of a box", ask_epcis_of_a_box, 0},
    {"a box's page", ask_page_of_a_box, 0},
    {"a lot's page", ask_page_of_a_lot, 0},
    {"products", ask_products, 0},
    {"lots", ask_lots, 0},
    {"tasks", ask_tasks, 0},
    {"feed-stop", ask_feed_stop, 0},
    {"whose record", ask_facts, 0},
};

/* ---- asking ---- */

/* Times of asking stand in some answers and are no part of what is known. */
static void ask_whole(struct shed *s, size_t i, json_t **ret)
{
    struct err e = {0};
    int rc = questions[i].ask(s, ret, &e);
    if (rc || !*ret)
        fail_msg("%s: %s: %s", questions[i].name, err_name(rc), e.text);
    if (json_is_object(*ret))
        json_object_del(*ret, "asof_ms");
}

static void judge(struct shed *s, size_t i, int n, const json_t *whole)
{
    struct err e = {0};
    json_t *answer = NULL;
    nth_arm();
    int rc = questions[i].ask(s, &answer, &e);
    bool fired = nth_fired();
    if (json_is_object(answer))
        json_object_del(answer, "asof_ms");
    if (rc > 0 || rc == ERR_CHECK || (rc < 0 && (!e.text[0] || e.code != rc)))
        fail_msg("%s, failure %d: %d (%s) says \"%s\" (%s)", questions[i].name, n, rc, err_name(rc),
                 e.text, err_name(e.code));
    if (rc == 0 && !json_equal(answer, whole))
        fail_msg("%s, failure %d: a part of the answer is given as the whole", questions[i].name,
                 n);
    if (rc && !fired)
        fail_msg("%s, turn %d: %d: %s without a failure", questions[i].name, n, rc, e.text);
    json_decref(answer);
}

static void every_failure(struct shed *s, enum nth_what what)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        json_t *whole = NULL, *again = NULL;
        int turns = 0;
        OK(store_open_reader(s->m.f.dir, &s->db, e)); /* what a failure leaves in it is its own */
        ask_whole(s, i, &whole);
        nth.dense = questions[i].dense;
        NTH_EVERY(what, n)
        {
            judge(s, i, n, whole);
            turns = n;
        }
        assert_true(turns > 1);
        ask_whole(s, i, &again); /* and nothing has remained of it */
        assert_true(json_equal(again, whole));
        json_decref(again);
        json_decref(whole);
        db_close(s->db);
    }
}

static void a_damaged_page_gives_an_error_and_no_part_of_an_answer(void **state)
{
    every_failure(*state, NTH_SQL);
}

static void without_memory_there_is_an_error_and_no_part_of_an_answer(void **state)
{
    every_failure(*state, NTH_MEMORY);
}

/* ---- a shed with all kinds of events ---- */

static int start(void **state)
{
    struct shed *s = calloc(1, sizeof *s);
    struct tlog_checkpoint c;
    void *farm = NULL;
    assert(s);
    farm_start(&farm);
    s->m = *(struct farm *)farm;
    free(farm);
    farm_ok(&s->m, "buyer.register", "{s:s}", "buyer", "buyer-1");
    farm_demo(&s->m, &s->d);
    OK(tlog_newest(store_db(s->m.f.s), &c, e));
    snprintf(s->note, sizeof s->note, "%s", c.note);
    fix_begin(&s->m.f);
    OK(feed_stop(s->m.f.s, s->m.f.line, true, "uid:1000", e));
    farm_ok(&s->m, "hold.place", "{s:s,s:s}", "lot", s->d.hand1, "reason", "damp");
    farm_ok(&s->m, "hold.release", "{s:s,s:s}", "lot", s->d.hand1, "reason", "dried");
    OK(item_blocks(s->m.f.s, mono_now(), true, e));
    fix_commit(&s->m.f);
    *state = s;
    return 0;
}

static int stop(void **state)
{
    struct shed *s = *state;
    fix_close(&s->m.f);
    tmp_remove(&s->m.f.tmp);
    free(s);
    return 0;
}

int main(void)
{
    json_use_malloc(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_page_gives_an_error_and_no_part_of_an_answer),
        cmocka_unit_test(without_memory_there_is_an_error_and_no_part_of_an_answer),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
