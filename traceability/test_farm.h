/* For unit tests only: a farm of synthetic people on top of test_store.h: two farmers, a worker, a
 * product, a checked trade scale, line "a" with a rule set of three grades and reject. */
#pragma once
#include "traceability/test_store.h"
#include "base/json.h"
#include "traceability/ident.h"
#include "traceability/lot.h"
#include "traceability/rebuild.h"
#include "traceability/run.h"

#define CANARY_NAME  "ZZCANARYNAME"
#define CANARY_PHONE "19900001234"
#define DAY_MS       INT64_C(86400000)

struct farm;
typedef void farm_trial(struct farm *m, const struct actor *a, const char *id, const char *name,
                        const json_t *args);

struct farm {
    struct fix f;
    char farmer1[11], farmer2[11], worker[11];
    uint32_t placement, out, seq;
    unsigned request;
    enum role role;
    farm_trial *trial; /* NULL, or called with each command that must go well, before it is run */
};

static inline json_t *farm_run(struct farm *m, const char *name, json_t *args, int expect,
                               const char *says)
{
    char id[24];
    struct err e = {0};
    json_t *ret = NULL;
    bool own = !strcmp(name, "weighing.record") || !strcmp(name, "scale.configure");
    const struct actor a = {own ? ROLE_DAEMON : m->role, own ? "daemon" : "uid:1000"};
    snprintf(id, sizeof id, "r%u", ++m->request);
    if (!args)
        fail_msg("%s: arguments cannot be packed", name);
    if (m->trial && !expect)
        m->trial(m, &a, id, name, args);
    int rc = command_run(m->f.s, &a, id, name, args, &ret, NULL, &e);
    json_decref(args);
    if (rc != expect)
        fail_msg("%s: %s: %s", name, err_name(rc), e.text);
    if (says && !strstr(e.text, says))
        fail_msg("%s says \"%s\", not \"%s\"", name, e.text, says);
    return ret;
}

/* The answer must be released by the caller; farm_ok forgets it. */
#define farm_do(m, name, ...)             farm_run(m, name, json_pack(__VA_ARGS__), 0, NULL)
#define farm_ok(m, name, ...)             json_decref(farm_do(m, name, __VA_ARGS__))
#define farm_no(m, code, says, name, ...) farm_run(m, name, json_pack(__VA_ARGS__), code, says)

/* A text of an answer, copied; the answer is released. */
static inline void farm_text(json_t *answer, const char *key, char *ret, size_t size)
{
    snprintf(ret, size, "%s", json_text_or(answer, key, ""));
    assert_true(ret[0] != 0);
    json_decref(answer);
}

static inline json_t *farm_scale(const char *scale, const char *role, const char *certificate,
                                 int64_t valid_ms)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I}", "scale", scale, "role", role,
                     "class", "III", "serial", "S-1", "certificate", certificate, "valid_until_ms",
                     (json_int_t)valid_ms, "max_mg", (json_int_t)60000000, "min_mg",
                     (json_int_t)40000, "e_mg", (json_int_t)20000, "d_mg", (json_int_t)2000);
}

static inline json_t *farm_rules(const char *crop)
{
    static const char sha[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    return json_pack(
        "{s:s,s:s,s:i,s:s,s:s,s:s,s:[{s:s,s:s,s:s},{s:s,s:s,s:s},{s:s,s:s,s:s},{s:s,s:s,s:s}]}",
        "crop", crop, "ruleset", "lu", "version", 3, "sha256", sha, "basis", "diameter", "text",
        "lu v3", "grades", "code", "1", "name_zh", "一等", "name_en", "First", "code", "2",
        "name_zh", "二等", "name_en", "Second", "code", "3", "name_zh", "三等", "name_en", "Third",
        "code", "reject", "name_zh", "等外", "name_en", "Reject");
}

/* A placement that the station accepted. `more`: the purpose's own fields; taken over. */
static inline json_t *farm_reading(struct farm *m, const char *purpose, int64_t net_mg,
                                   json_t *more)
{
    m->placement++;
    json_t *a = json_pack("{s:s,s:s,s:i,s:s,s:I,s:I,s:I,s:s,s:i,s:s}", "station", "shed", "scale",
                          "floor", "placement", (int)m->placement, "purpose", purpose, "gross_mg",
                          (json_int_t)(net_mg + 500000), "tare_mg", (json_int_t)500000, "net_mg",
                          (json_int_t)net_mg, "tare_kind", "weighed", "alibi",
                          (int)(7000 + m->placement), "raw", "0001 61a8");
    json_object_update_new(a, more);
    return a;
}
#define farm_weigh(m, purpose, mg, ...)                                                            \
    farm_run(m, "weighing.record", farm_reading(m, purpose, mg, json_pack(__VA_ARGS__)), 0, NULL)
#define farm_weigh_no(m, code, says, purpose, mg, ...)                                             \
    farm_run(m, "weighing.record", farm_reading(m, purpose, mg, json_pack(__VA_ARGS__)), code, says)

static inline void farm_people(struct farm *m)
{
    farm_text(farm_do(m, "farmer.add", "{s:s,s:s,s:s,s:s,s:s,s:s}", "name", CANARY_NAME "1",
                      "phone", CANARY_PHONE, "initials", "zz", "township_zh", "东镇", "township_en",
                      "East township", "plot", "P-1"),
              "pid", m->farmer1, sizeof m->farmer1);
    farm_text(farm_do(m, "farmer.add", "{s:s,s:s,s:s}", "name", CANARY_NAME "2", "township_zh",
                      "西镇", "township_en", "West township"),
              "pid", m->farmer2, sizeof m->farmer2);
    farm_text(farm_do(m, "worker.add", "{s:s,s:s}", "name", CANARY_NAME "3", "initials", "zw"),
              "pid", m->worker, sizeof m->worker);
}

/* An open transaction in which everything above stands. */
static inline int farm_start(void **state)
{
    struct farm *m = calloc(1, sizeof *m);
    void *inner = NULL;
    assert(m);
    fix_start(&inner);
    m->f = *(struct fix *)inner;
    free(inner);
    m->role = ROLE_MANAGER;
    fix_open(&m->f);
    fix_line(&m->f);
    int noon = 720 - (int)(wall_now().ms / 60000 %
                           1440); /* it is always midday here: no test meets midnight */
    farm_ok(m, "coop.set", "{s:s,s:s,s:s,s:s,s:s,s:i}", "name_zh", "样例合作社", "name_en",
            "Sample Co-operative", "contact", "0000-0000", "township_zh", "东镇", "township_en",
            "East township", "offset_min", noon);
    farm_people(m);
    farm_ok(m, "product.add", "{s:s,s:s,s:s,s:s}", "product", "codonopsis-lu", "crop", "codonopsis",
            "name_zh", "潞党参", "name_en", "Codonopsis, Lu");
    json_decref(farm_run(m, "scale.configure",
                         farm_scale("floor", "static", "C-1", wall_now().ms + 30 * DAY_MS), 0,
                         NULL));
    farm_ok(m, "scale.check", "{s:s,s:[{s:i,s:i}]}", "scale", "floor", "weights", "applied_mg",
            20000000, "shown_mg", 20000000);
    *state = m;
    return 0;
}

static inline int farm_stop(void **state)
{
    struct farm *m = *state;
    fix_close(&m->f);
    tmp_remove(&m->f.tmp);
    free(m);
    return 0;
}

#define FARM_TEST(test) cmocka_unit_test_setup_teardown(test, farm_start, farm_stop)

/* A closed intake lot of one weighing. */
static inline void farm_lot(struct farm *m, const char *farmer, int64_t mg,
                            char ret[IDENT_LOT_SIZE])
{
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", farmer, "product", "codonopsis-lu"),
              "lot", ret, IDENT_LOT_SIZE);
    json_decref(farm_weigh(m, "intake", mg, "{s:s}", "lot", ret));
    farm_ok(m, "lot.close", "{s:s}", "lot", ret);
}

/* One item under a run, decided for `outlet`, that went to `went` for `reason` (0: no
 * outcome yet). */
static inline void farm_item(struct farm *m, uint32_t run, uint16_t grade, int64_t mg,
                             uint16_t outlet, uint16_t went, uint16_t reason)
{
    struct item it = fix_item(&m->f, ++m->seq);
    it.run = run;
    it.rule = run ? 1 : 0;
    it.net_mg = mg;
    it.grade = grade;
    it.outlet = outlet;
    it.outlet_why = 100;
    OK(item_append(m->f.s, &it, e));
    if (!reason)
        return;
    struct outcome o = {.line = m->f.line,
                        .epoch = m->f.epoch,
                        .out = ++m->out,
                        .seq = m->seq,
                        .outlet = went,
                        .reason = reason,
                        .at = it.at};
    OK(outcome_append(m->f.s, &o, e));
}

struct farm_run {
    uint32_t run;
    char id[IDENT_LOT_SIZE], grade[5][IDENT_LOT_SIZE]; /* [0]: rework, 1…3, [4]: reject */
};

static inline void farm_take_run(json_t *a, struct farm_run *ret)
{
    const json_t *outs = json_object_get(a, "outs");
    ret->run = (uint32_t)json_int_or(a, "run", 0);
    snprintf(ret->id, sizeof ret->id, "%s", json_text_or(a, "id", ""));
    snprintf(ret->grade[0], IDENT_LOT_SIZE, "%s", json_text_or(a, "rework", ""));
    assert_int_equal(json_array_size(outs), 4);
    for (size_t g = 1; g <= 4; g++)
        snprintf(ret->grade[g], IDENT_LOT_SIZE, "%s",
                 json_text_or(json_array_get(outs, g - 1), "lot", ""));
    json_decref(a);
}

/* A run over two lots; `two` may be NULL. */
static inline void farm_start_run(struct farm *m, const char *one, const char *two,
                                  struct farm_run *ret)
{
    json_t *lots = two ? json_pack("[s,s]", one, two) : json_pack("[s]", one);
    farm_take_run(farm_do(m, "run.start", "{s:s,s:s,s:o,s:o}", "line", "a", "product",
                          "codonopsis-lu", "lots", lots, "rules", farm_rules("codonopsis")),
                  ret);
}

/* The three lots of the demo: two farmers on the belt, a third lot by hand. */
struct farm_demo {
    char lot1[IDENT_LOT_SIZE], lot2[IDENT_LOT_SIZE], lot3[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE];
    char hand1[IDENT_LOT_SIZE], box[11], seal[17], hand_box[11];
    struct farm_run run;
};

static inline void farm_belt(struct farm *m, struct farm_demo *d)
{
    farm_lot(m, m->farmer1, 20000000, d->lot1);
    farm_lot(m, m->farmer2, 10000000, d->lot2);
    farm_start_run(m, d->lot1, d->lot2, &d->run);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    for (int i = 0; i < 600; i++) /* 30 kg in 600 pieces of 50 g; grade 1 to outlet 1 … */
        farm_item(m, d->run.run, (uint16_t)(i % 3 + 1), 50000, (uint16_t)(i % 3 + 1),
                  (uint16_t)(i % 3 + 1), 1);
    json_t *a = farm_weigh(m, "box", 10010000, "{s:s,s:i}", "line", "a", "outlet", 1);
    snprintf(d->seal, sizeof d->seal, "%s", json_text_or(a, "seal", ""));
    farm_text(a, "box", d->box, sizeof d->box);
    farm_ok(m, "run.stop", "{s:s}", "run", d->run.id);
}

static inline void farm_hands(struct farm *m, struct farm_demo *d)
{
    farm_lot(m, m->farmer1, 15000000, d->lot3);
    farm_text(farm_weigh(m, "hand.out", 12000000, "{s:s,s:s}", "lot", d->lot3, "worker", m->worker),
              "task", d->task, IDENT_LOT_SIZE);
    farm_text(farm_weigh(m, "hand.back", 6000000, "{s:s,s:s}", "task", d->task, "grade", "1"), "to",
              d->hand1, IDENT_LOT_SIZE);
    json_decref(farm_weigh(m, "hand.back", 4000000, "{s:s,s:s}", "task", d->task, "grade", "2"));
    json_decref(
        farm_weigh(m, "hand.back", 1000000, "{s:s,s:s}", "task", d->task, "grade", "mixed"));
    json_decref(
        farm_weigh(m, "hand.back", 500000, "{s:s,s:s}", "task", d->task, "grade", "trimmings"));
    farm_ok(m, "hand.close", "{s:s}", "task", d->task);
    farm_text(farm_weigh(m, "box", 5000000, "{s:s}", "lot", d->hand1), "box", d->hand_box,
              sizeof d->hand_box);
}

static inline void farm_demo(struct farm *m, struct farm_demo *d)
{
    farm_belt(m, d);
    farm_hands(m, d);
    OK(store_commit(m->f.s, e));
}

/* Commits; projections made anew from the events are the same. */
static inline void farm_rebuilds(struct farm *m)
{
    int64_t events = 0;
    if (store_dirty(m->f.s))
        OK(store_commit(m->f.s, e));
    OK(rebuild_check(store_db(m->f.s), m->f.dir, &events, e));
    assert_true(events > 0);
}
