/* Verbs. Thread: the program's; owns nothing. Invariants: 1 a request with an unknown key or a
 * value out of bounds does nothing; 2 every verb stands once, in the table. */
#include "sim/verb.h"
#include "base/json.h"
#include "base/num.h"
#include <stdio.h>
#include <string.h>

struct call {
    struct device *d;
    const json_t *req;
    struct mono now;
    json_t *ans;
    struct err *e;
};

static int int_of(const struct call *c, const char *key, int64_t min, int64_t max, int64_t *ret)
{
    return json_get_int(c->req, key, min, max, ret, c->e);
}

static int opt_int(const struct call *c, const char *key, int64_t min, int64_t max, int64_t def,
                   int64_t *ret)
{
    *ret = def;
    return json_object_get(c->req, key) ? int_of(c, key, min, max, ret) : 0;
}

/* A boolean key; `def` when it is not there. */
static bool on_of(const struct call *c, const char *key, bool def)
{
    const json_t *v = json_object_get(c->req, key);
    return v ? json_is_true(v) || json_integer_value(v) != 0 : def;
}

/* ---- sorters ---- */

/* rate: items a second as a number, or a text like "2.5". */
static int rate_of(const struct call *c, int64_t *ret_milli)
{
    const json_t *v = json_object_get(c->req, "rate");
    *ret_milli = 0;
    if (!v)
        return 0;
    int rc = 0;
    if (json_is_string(v))
        rc = num_decimal(json_string_value(v), 3, ret_milli);
    else
        *ret_milli = (int64_t)(json_number_value(v) * 1000);
    if (rc || *ret_milli < 1 || *ret_milli > 200000)
        return err_set(c->e, ERR_RANGE, "rate: 0.001 to 200");
    return 0;
}

static int do_feed(const struct call *c)
{
    int64_t items, milli;
    int rc = opt_int(c, "items", 0, 1000000000, 0, &items);
    rc = rc ? rc : rate_of(c, &milli);
    if (rc == 0)
        plc_feed(c->d->plc, (uint32_t)items, (uint32_t)milli);
    return rc;
}

static int do_place(const struct call *c)
{
    int64_t items;
    int rc = opt_int(c, "items", 1, 100, 1, &items);
    if (rc == 0)
        plc_place(c->d->plc, (uint32_t)items);
    return rc;
}

static int do_pause(const struct call *c)
{
    plc_hold_infeed(c->d->plc, true);
    return 0;
}

static int do_stop(const struct call *c)
{
    plc_stop(c->d->plc);
    return 0;
}

static int do_resume(const struct call *c)
{
    plc_resume(c->d->plc);
    return 0;
}

static int do_reboot(const struct call *c)
{
    plc_reboot(c->d->plc, on_of(c, "volatile", !c->d->cfg.plc.retentive), c->now);
    return 0;
}

static int do_restart_feed(const struct call *c)
{
    int rc = plc_restart_feed(c->d->plc);
    return rc ? err_set(c->e, rc, "the host's request stands") : 0;
}

static int do_clear(const struct call *c)
{
    plc_clear(c->d->plc, c->now);
    return 0;
}

static int do_block(const struct call *c)
{
    int64_t outlet;
    int rc = int_of(c, "outlet", 1, 16, &outlet);
    if (rc)
        return rc;
    int (*set)(struct plc *, uint16_t, bool) = on_of(c, "full", false) ? plc_lane_full : plc_block;
    rc = set(c->d->plc, (uint16_t)outlet, on_of(c, "on", true));
    return rc ? err_set(c->e, rc, "outlet: not on this machine") : 0;
}

static int do_estop(const struct call *c)
{
    plc_estop(c->d->plc, on_of(c, "on", true));
    return 0;
}

static int do_table_mode(const struct call *c)
{
    plc_table_mode(c->d->plc, on_of(c, "on", true));
    return 0;
}

static int do_manual(const struct call *c)
{
    plc_manual(c->d->plc, on_of(c, "on", true));
    return 0;
}

static int do_intruder(const struct call *c)
{
    int64_t ms;
    int rc = opt_int(c, "ms", 1, 3600000, 5000, &ms);
    if (rc == 0)
        plc_intrude(c->d->plc, mono_add_ms(c->now, ms));
    return rc;
}

static int do_spoil(const struct call *c)
{
    static const char *const words[PLC_SPOILS] = {"record", "outcome", "unit"};
    const char *what = json_text_or(c->req, "what", "record");
    int64_t n;
    int rc = opt_int(c, "n", 1, 1000, 1, &n);
    for (int i = 0; rc == 0 && i < PLC_SPOILS; i++) {
        if (strcmp(words[i], what) == 0) {
            plc_spoil(c->d->plc, (enum plc_spoil)i, (uint32_t)n);
            return 0;
        }
    }
    return rc ? rc : err_set(c->e, ERR_RANGE, "what: record, outcome or unit");
}

static int do_backup(const struct call *c)
{
    plc_backup(c->d->plc);
    return 0;
}

static int do_restore(const struct call *c)
{
    int rc = plc_restore(c->d->plc, c->now);
    return rc ? err_set(c->e, rc, "no backup was made") : 0;
}

/* ---- scales ---- */

static void say_load(const struct call *c, int64_t mg)
{
    scale_load(&c->d->scale, mg, c->now);
    json_t *o = json_object();
    json_object_set_new(o, "g_true", json_integer(mg / 1000));
    json_object_set_new(o, "mg_true", json_integer(mg));
    device_say(c->d, "load", o);
}

static int do_load(const struct call *c)
{
    int64_t mg;
    int rc = int_of(c, "mg", -1000000000, 1000000000, &mg);
    if (rc == 0)
        say_load(c, mg);
    return rc;
}

static int do_unload(const struct call *c)
{
    say_load(c, 0);
    return 0;
}

static int do_overload(const struct call *c)
{
    say_load(c, SCALE_MAX_MG + 50 * (int64_t)SCALE_E_MG);
    return 0;
}

static int do_shake(const struct call *c)
{
    int64_t ms;
    int rc = opt_int(c, "ms", 1, 3600000, 1000, &ms);
    if (rc == 0)
        scale_shake(&c->d->scale, (uint32_t)ms, c->now);
    return rc;
}

static int do_seal(const struct call *c)
{
    scale_seal(&c->d->scale, !on_of(c, "open", true));
    return 0;
}

static int do_tare(const struct call *c)
{
    return scale_tare(&c->d->scale) ? 0 : err_set(c->e, ERR_STATE, "tare refused");
}

static int do_zero(const struct call *c)
{
    return scale_zero(&c->d->scale) ? 0 : err_set(c->e, ERR_STATE, "zero refused");
}

/* ---- drives ---- */

static int do_run(const struct call *c)
{
    c->d->drive.running = on_of(c, "on", true);
    return 0;
}

/* ---- any device ---- */

static int do_freeze(const struct call *c)
{
    bool on = on_of(c, "on", true);
    if (c->d->plc)
        plc_freeze(c->d->plc, on);
    else
        scale_freeze(&c->d->scale, on);
    return 0;
}

static int do_trip(const struct call *c)
{
    int64_t code;
    int rc = opt_int(c, "code", 0, 65535, 1, &code);
    if (rc)
        return rc;
    if (c->d->plc)
        plc_trip(c->d->plc, (uint16_t)code);
    else
        c->d->drive.fault = (uint16_t)code;
    return 0;
}

static int do_disconnect(const struct call *c)
{
    int64_t ms;
    int rc = opt_int(c, "ms", 0, 3600000, 1000, &ms);
    if (rc == 0)
        c->d->off_until = mono_add_ms(c->now, ms);
    return rc;
}

static int do_fault(const struct call *c)
{
    int kind = fault_from(json_text_or(c->req, "kind", ""));
    int64_t every, times, ms, code;
    int rc = opt_int(c, "every", 1, 1000000, 1, &every);
    rc = rc ? rc : opt_int(c, "times", 0, 1000000, on_of(c, "once", false), &times);
    rc = rc ? rc : opt_int(c, "ms", 0, 3600000, 500, &ms);
    rc = rc ? rc : opt_int(c, "code", 1, 255, 4, &code);
    if (rc)
        return rc;
    if (kind < 0)
        return err_set(c->e, ERR_RANGE, "kind: unknown");
    if (kind == FAULT_REFUSE) {
        c->d->refuse_until = mono_add_ms(c->now, ms);
        return 0;
    }
    struct fault f = {.kind = (enum fault_kind)kind,
                      .every = (uint32_t)every,
                      .times = (uint32_t)times,
                      .ms = (int)ms,
                      .code = (int)code};
    rc = fault_arm(&c->d->faults, f);
    return rc ? err_set(c->e, rc, "too many faults stand") : 0;
}

static int do_fault_clear(const struct call *c)
{
    fault_clear(&c->d->faults);
    c->d->refuse_until = c->now;
    return 0;
}

static int do_stat(const struct call *c)
{
    json_t *o = device_stat(c->d);
    json_object_update(c->ans, o);
    json_decref(o);
    return 0;
}

/* ---- the table ---- */

enum { SORTER = 1 << DEVICE_SORTER, SCALE = 1 << DEVICE_SCALE, DRIVE = 1 << DEVICE_DRIVE, ANY = 7 };

static const struct verb_row {
    const char *word;
    int kinds;
    int (*run)(const struct call *);
    const char *keys;
} verbs[] = {
    {"feed", SORTER, do_feed, "items|rate"},
    {"place", SORTER, do_place, "items"},
    {"pause", SORTER, do_pause, ""},
    {"stop", SORTER, do_stop, ""},
    {"resume", SORTER, do_resume, ""},
    {"reboot", SORTER, do_reboot, "volatile"},
    {"restart-feed", SORTER, do_restart_feed, ""},
    {"clear", SORTER, do_clear, ""},
    {"block", SORTER, do_block, "outlet|on|full"},
    {"estop", SORTER, do_estop, "on"},
    {"table-mode", SORTER, do_table_mode, "on"},
    {"manual", SORTER, do_manual, "on"},
    {"intruder", SORTER, do_intruder, "ms"},
    {"spoil", SORTER, do_spoil, "what|n"},
    {"backup", SORTER, do_backup, ""},
    {"restore", SORTER, do_restore, ""},
    {"load", SCALE, do_load, "mg"},
    {"unload", SCALE, do_unload, ""},
    {"overload", SCALE, do_overload, ""},
    {"shake", SCALE, do_shake, "ms"},
    {"seal", SCALE, do_seal, "open"},
    {"tare", SCALE, do_tare, ""},
    {"zero", SCALE, do_zero, ""},
    {"run", DRIVE, do_run, "on"},
    {"freeze", SORTER | SCALE, do_freeze, "on"},
    {"trip", SORTER | DRIVE, do_trip, "code"},
    {"disconnect", ANY, do_disconnect, "ms"},
    {"fault", ANY, do_fault, "kind|once|every|times|ms|code"},
    {"fault-clear", ANY, do_fault_clear, ""},
    {"stat", ANY, do_stat, ""},
};

void verb_help(void (*line)(const char *text))
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        char text[160];
        snprintf(text, sizeof text, "{\"do\":\"%s\"} %s", verbs[i].word, verbs[i].keys);
        line(text);
    }
}

static int run(const struct call *c)
{
    const char *word = json_text_or(c->req, "do", "");
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        const struct verb_row *v = &verbs[i];
        char keys[96];
        if (strcmp(v->word, word) != 0 || !(v->kinds >> c->d->cfg.kind & 1))
            continue;
        snprintf(keys, sizeof keys, "dev|do|at_ms%s%s", v->keys[0] ? "|" : "", v->keys);
        int rc = json_only(c->req, keys, c->e);
        return rc ? rc : v->run(c);
    }
    return err_set(c->e, ERR_KEY, "do: no such verb of a %s", device_kind_words[c->d->cfg.kind]);
}

static int dispatch(struct device *devs, size_t n, const json_t *request, struct mono now,
                    json_t *ans, struct err *e)
{
    const char *name = json_text_or(request, "dev", "");
    for (size_t i = 0; i < n; i++)
        if (strcmp(devs[i].cfg.name, name) == 0)
            return run(&(struct call){&devs[i], request, now, ans, e});
    return err_set(e, ERR_NOT_FOUND, "dev: no such device");
}

json_t *verb_do(struct device *devs, size_t n, const json_t *request, struct mono now)
{
    struct err e = {0};
    char line[320];
    json_t *ans = json_object();
    int rc = dispatch(devs, n, request, now, ans, &e);
    json_object_set_new(ans, "ok", json_boolean(rc == 0));
    if (rc)
        json_object_set_new(ans, "error", json_string(err_line(&e, line, sizeof line)));
    return ans;
}
