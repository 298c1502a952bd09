/* The people of the shed: check-weights in the morning, then lots, weighings and runs, one after
 * the other, through the same requests as the pages send. Who gets no answer asks again with the
 * same request id; who is refused looks at the scale and tries again.
 *
 * Invariant: each placement is one weighing, whatever happens between; its weight is what lay
 * there. */
#include "base/err.h"
#include "base/json.h"
#include "tests/simulation/world.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 100, PATIENCE_MS = 3000, E_MG = 2000, DONE_MAX = 4096, CRATES = 3 };

enum step {
    COOP,
    FARMER,
    WORKER,
    PRODUCT,
    CHECK_1,
    CHECK_2,
    CHECK_3,
    CHECK,
    LOT_OPEN,
    WEIGH,
    LOT_CLOSE,
    RUN_START,
    BOX,
    FEED_STOP,
    FEED_RELEASE,
    PAUSE,
    RUN_STOP,
    FARMER_NEW
};
static enum step step;
static enum { LOOK, ASKED, UNLOAD } phase;
static struct {
    char weighing[40];
    int64_t mg;
} done[DONE_MAX];
static size_t n_done;
static uint32_t request;
static char id[32], farmer[40], lot[40], run[40];
static int64_t load_mg, shown[3];
static uint32_t crate;
static struct mono due, ask_again, pause_end, loaded;
static bool resting, on_scale;
static bool open_request; /* asked, and nobody knows yet what came of it */
static json_t *args;
static bool feed_stop, feed_asked;
static struct mono feed_since;
/* When lines were certainly under a run, or under none (run 0). */
static struct span {
    struct mono from, to;
    uint32_t run;
} spans[512];
static size_t n_spans;

/* What governs a line from now on; the daemon has SETTLE_MS to tell it. */
enum { SETTLE_MS = 3000 };

static void span_begins(uint32_t run_no)
{
    if (n_spans == sizeof spans / sizeof spans[0])
        wrong("too many runs");
    spans[n_spans++] = (struct span){mono_add_ms(w.now, SETTLE_MS), MONO_NEVER, run_no};
}

static void span_ends(void)
{
    if (n_spans && spans[n_spans - 1].to.ns == INT64_MAX)
        spans[n_spans - 1].to = w.now;
}

bool hands_run_at(struct mono at, uint32_t *ret_run)
{
    for (size_t i = 0; i < n_spans; i++)
        if (mono_reached(at, spans[i].from) && !mono_reached(at, spans[i].to)) {
            *ret_run = spans[i].run;
            return true;
        }
    return false;
}

static struct stop {
    struct mono asked, closed;
} stops[512]; /* by run number */
static uint32_t run_no;

static void stop_asked(void)
{
    struct stop *s = &stops[run_no % 512];
    if (!s->asked.ns)
        *s = (struct stop){w.now, MONO_NEVER};
}

int64_t hands_waited_ms(uint32_t run_number)
{
    const struct stop *s = &stops[run_number % 512];
    return !s->asked.ns || s->closed.ns == INT64_MAX ? INT64_MAX
                                                     : mono_since_ms(s->closed, s->asked);
}

bool hands_weighing_open(void)
{
    return open_request && step == WEIGH;
}

/* While nobody knows whether it was taken, the wish counts as new. */
bool hands_feed_stop(struct mono *ret_since)
{
    *ret_since = feed_asked ? w.now : feed_since;
    return feed_stop;
}

static void next_request(void)
{
    snprintf(id, sizeof id, "r%u", ++request);
    json_decref(args);
    args = NULL;
}

void hands_start(void)
{
    due = w.now;
    next_request();
}

static void go(enum step s)
{
    step = s;
    phase = LOOK;
    next_request();
    due = in_ms(20, 600);
}

static void put(int64_t mg)
{
    load_mg = mg;
    plant_load(mg);
    on_scale = mg != 0;
    loaded = w.now;
}

/* ---- what is asked at each step ---- */

static json_t *args_of(enum step s)
{
    switch (s) {
    case COOP:
        return json_pack("{s:s,s:s,s:s,s:s,s:s}", "name_zh", "演示合作社", "name_en", "Coop",
                         "contact", "0635-0000000", "township_zh", "演示镇", "township_en", "Town");
    case FARMER:
    case FARMER_NEW:
        return json_pack("{s:s,s:s,s:s,s:s}", "name", "示例农户", "initials", "slnh", "township_zh",
                         "演示镇", "township_en", "Town");
    case WORKER: return json_pack("{s:s,s:s}", "name", "示例工人", "initials", "slgr");
    case PRODUCT:
        return json_pack("{s:s,s:s,s:s,s:s,s:s}", "product", "dangshen-lu", "crop", "codonopsis",
                         "gtin", "06901234567892", "name_zh", "潞党参", "name_en",
                         "Codonopsis root (Lu)");
    case CHECK:
        return json_pack("{s:s,s:[{s:I,s:I},{s:I,s:I},{s:I,s:I}]}", "scale", "w1", "weights",
                         "applied_mg", (json_int_t)40000, "shown_mg", (json_int_t)shown[0],
                         "applied_mg", (json_int_t)15000000, "shown_mg", (json_int_t)shown[1],
                         "applied_mg", (json_int_t)20000000, "shown_mg", (json_int_t)shown[2]);
    case LOT_OPEN: return json_pack("{s:s,s:s}", "farmer", farmer, "product", "dangshen-lu");
    case LOT_CLOSE: return json_pack("{s:s}", "lot", lot);
    case RUN_START:
        return json_pack("{s:s,s:[s],s:s,s:s}", "line", "s1", "lots", lot, "ruleset", "lu",
                         "product", "dangshen-lu");
    case BOX: return json_pack("{s:s,s:i}", "line", "s1", "outlet", 1);
    case FEED_STOP:
    case FEED_RELEASE: return json_pack("{s:s}", "line", "s1");
    case RUN_STOP: return json_pack("{s:s}", "run", run);
    default: return json_object();
    }
}

static const char *verb_of(enum step s)
{
    static const char *const verbs[] = {[COOP] = "coop.set",
                                        [FARMER] = "farmer.add",
                                        [WORKER] = "worker.add",
                                        [PRODUCT] = "product.add",
                                        [CHECK] = "scale.check",
                                        [LOT_OPEN] = "lot.open",
                                        [WEIGH] = "station.accept",
                                        [LOT_CLOSE] = "lot.close",
                                        [RUN_START] = "run.start",
                                        [BOX] = "box.open",
                                        [RUN_STOP] = "run.stop",
                                        [FEED_STOP] = "feed.stop",
                                        [FEED_RELEASE] = "feed.release",
                                        [FARMER_NEW] = "farmer.add"};
    return verbs[s];
}

static void ask(json_t *with)
{
    args = with;
    if (shed_ask(verb_of(step), id, json_deep_copy(args))) {
        feed_asked |= step == FEED_STOP || step == FEED_RELEASE;
        if (step == RUN_START || step == RUN_STOP)
            span_ends();
        if (step == RUN_STOP)
            stop_asked();
        phase = ASKED;
        open_request = true;
        ask_again = mono_add_ms(w.now, PATIENCE_MS);
    }
    due = mono_add_ms(w.now, LOOK_MS);
}

/* ---- at the scale ---- */

static bool wait_for_steady(struct shed_station *s)
{
    bool steady = shed_station(s) && s->net_mg == load_mg && mono_since_ms(w.now, loaded) > 1500;
    if (mono_since_ms(w.now, loaded) > 20000 && shed_station(s))
        put(load_mg); /* takes it off and puts it on again */
    return steady;
}

static void check_weight(int i)
{
    static const int64_t weights[] = {40000, 15000000, 20000000};
    struct shed_station s;
    if (!on_scale)
        put(weights[i]);
    else if (wait_for_steady(&s)) {
        shown[i] = s.net_mg;
        put(0);
        go(step + 1);
        due = in_ms(2500, 3000);
    }
}

static void weigh(void)
{
    struct shed_station s;
    if (!shed_station(&s))
        return;
    if (phase == UNLOAD) {
        if (strcmp(s.state, "empty") == 0)
            go(++crate < CRATES ? WEIGH : LOT_CLOSE);
        return;
    }
    if (!on_scale && !open_request) {
        if (strcmp(s.state, "unchecked") == 0)
            go(CHECK_1);
        else if (strcmp(s.state, "empty") == 0)
            put((int64_t)dice_between(&w.dice, 500, 12000) * E_MG);
        return;
    }
    if (strcmp(s.state, "unchecked") == 0 && !open_request) { /* a new day */
        put(0);
        go(CHECK_1);
    } else if (strcmp(s.state, "ready") == 0 || open_request)
        ask(json_pack("{s:s,s:I,s:I,s:s,s:s}", "station", "st1", "placement",
                      (json_int_t)s.placement, "shown_mg", (json_int_t)s.net_mg, "purpose",
                      "intake", "lot", lot));
    else if (mono_since_ms(w.now, loaded) >
             15000) /* takes it off, waits for zero, puts it on again */
        put(0);
}

/* ---- time ---- */

struct mono hands_due(void)
{
    return due;
}

void hands_run(void)
{
    if (!mono_reached(w.now, due))
        return;
    due = mono_add_ms(w.now, LOOK_MS);
    if (phase == ASKED) {
        if (mono_reached(w.now, ask_again))
            phase = LOOK;
        return;
    }
    switch (step) {
    case CHECK_1: check_weight(0); break;
    case CHECK_2: check_weight(1); break;
    case CHECK_3: check_weight(2); break;
    case WEIGH: weigh(); break;
    case PAUSE:
        if (mono_reached(w.now, pause_end) && !resting)
            go(RUN_STOP);
        break;
    default:
        if (!resting || step == RUN_STOP || step == FEED_RELEASE)
            ask(args ? args : args_of(step));
    }
}

static const char *text_of(const json_t *answer, const char *key)
{
    return json_text_or(answer, key, "");
}

static void answered(const json_t *a)
{
    open_request = false;
    switch (step) {
    case FARMER:
    case FARMER_NEW:
        snprintf(farmer, sizeof farmer, "%s", text_of(a, "pid"));
        go(step == FARMER ? WORKER : LOT_OPEN);
        break;
    case CHECK: go(json_is_true(json_object_get(a, "ok")) ? LOT_OPEN : CHECK_1); break;
    case LOT_OPEN:
        snprintf(lot, sizeof lot, "%s", text_of(a, "lot"));
        crate = 0;
        go(WEIGH);
        break;
    case WEIGH:
        if (n_done == DONE_MAX)
            wrong("too many weighings");
        snprintf(done[n_done].weighing, sizeof done[0].weighing, "%s", text_of(a, "weighing"));
        done[n_done++].mg = json_int_or(a, "net_mg", -1);
        if (json_int_or(a, "net_mg", -1) != load_mg)
            wrong("%lld mg were recorded, %lld lay on the scale",
                  (long long)json_int_or(a, "net_mg", -1), (long long)load_mg);
        w.weighings++;
        put(0);
        phase = UNLOAD;
        break;
    case RUN_START:
        snprintf(run, sizeof run, "%s", text_of(a, "id"));
        span_begins(run_no = (uint32_t)json_int_or(a, "run", 0));
        go(BOX);
        break;
    case BOX:
        pause_end = in_ms(20000, 90000);
        go(chance(400) ? FEED_STOP : PAUSE);
        break;
    case FEED_STOP:
    case FEED_RELEASE:
        feed_stop = step == FEED_STOP;
        feed_asked = false;
        feed_since = w.now;
        go(feed_stop ? FEED_RELEASE : PAUSE);
        due = in_ms(500, 15000);
        if (step == PAUSE)
            plant_soon_put_right();
        break;
    case RUN_STOP:
        span_begins(0);
        if (strcmp(text_of(a, "state"), "closed") == 0)
            stops[run_no % 512].closed = w.now;
        go(strcmp(text_of(a, "state"), "closed") ? RUN_STOP : chance(500) ? FARMER_NEW : LOT_OPEN);
        due = in_ms(500, 2500);
        break;
    default: go(step + 1); break;
    }
}

/* A refusal: with a new look at the scale the same request may come again; the
 * others begin anew. */
static void refused(int rc, const char *text)
{
    phase = LOOK;
    due = in_ms(200, 1500);
    if (rc == ERR_IO || rc == ERR_DISK_FULL || rc == ERR_DB || rc == ERR_BUSY)
        return; /* the same request again, until there is an answer */
    open_request = false;
    if (step == WEIGH)
        return;
    if (w.log)
        fprintf(w.log, "%10.3f refused: %s: %s\n", (double)w.now.ns / 1e9, verb_of(step), text);
    if (step == RUN_STOP || step == PRODUCT)
        go(step == PRODUCT ? CHECK_1 : strstr(text, "closed") ? LOT_OPEN : RUN_STOP);
    else if (step == FEED_STOP || step == FEED_RELEASE)
        wrong("%s is refused: %s", verb_of(step), text);
    else if (step == BOX)
        pause_end = in_ms(20000, 60000), go(PAUSE);
    else if (step == LOT_OPEN && strstr(text, "check"))
        go(CHECK_1);
    else
        next_request();
}

void hands_answer(const char *request_id, int rc, const char *text, const void *result)
{
    if (phase != ASKED || strcmp(request_id, id) != 0)
        return;
    due = in_ms(10, 300);
    if (rc)
        refused(rc, text);
    else
        answered(result);
}

void hands_lost(void)
{
    if (phase == ASKED)
        ask_again = in_ms(200, 2000);
}

void hands_rest(bool on)
{
    resting = on;
}

bool hands_resting(void)
{
    return resting;
}

size_t hands_weighings(void)
{
    return n_done;
}

const char *hands_weighing(size_t i, int64_t *ret_mg)
{
    *ret_mg = done[i].mg;
    return done[i].weighing;
}
