/* Specs become devices. Thread: the program's. Owns: each device's machine.
 * Invariants: 1 every key of a spec stands once, in the table; 2 scans keep their period: a late
 * one does not shift the next, a very late one is not made up for. */
#include "sim/device.h"
#include "base/num.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const device_kind_words[DEVICE_KINDS] = {"sorter", "scale", "drive"};

/* ---- specs ---- */

enum { SORTER = 1 << DEVICE_SORTER, SCALE = 1 << DEVICE_SCALE, ANY = 7 };
enum form { FORM_INT, FORM_MILLI, FORM_TEXT, FORM_CROP };
struct key_row {
    const char *key;
    int kinds;
    enum form form;
    size_t offset, size;
    int64_t min, max;
};
#define AT(field) offsetof(struct device_cfg, field), sizeof(((struct device_cfg *)0)->field)

static const struct key_row keys[] = {
    {"name", ANY, FORM_TEXT, AT(name), 1, 31},
    {"pty", ANY, FORM_TEXT, AT(pty), 1, 103},
    {"port", ANY, FORM_INT, AT(port), 0, 65535},
    {"unit", ANY, FORM_INT, AT(unit), 0, 255},
    {"baud", ANY, FORM_INT, AT(baud), 1200, 1000000},
    {"wire", ANY, FORM_INT, AT(wire), 0, 1},
    {"turnaround-us", ANY, FORM_INT, AT(turnaround_us), 0, 1000000},
    {"scan-us", SORTER, FORM_INT, AT(scan_us), 200, 100000},
    {"settle-ms", SCALE, FORM_INT, AT(settle_ms), 1, 10000},
    {"fc23", SORTER, FORM_INT, AT(fc23), 0, 1},
    {"seed", SORTER, FORM_INT, AT(plc.seed), 0, INT64_MAX},
    {"rate", SORTER, FORM_MILLI, AT(plc.rate_milli), 0, 200000},
    {"items", SORTER, FORM_INT, AT(plc.items), 0, 1000000000},
    {"crop", SORTER, FORM_CROP, AT(plc.crop), 0, 0},
    {"ring", SORTER, FORM_INT, AT(plc.ring_n), 16, 1024},
    {"slots", SORTER, FORM_INT, AT(plc.slot_m), 16, 4096},
    {"base-b", SORTER, FORM_INT, AT(plc.base), 0, 65535},
    {"base-h", SORTER, FORM_INT, AT(plc.host), 0, 65535},
    {"outlets", SORTER, FORM_INT, AT(plc.n_outlets), 1, 16},
    {"default", SORTER, FORM_INT, AT(plc.default_outlet), 1, 16},
    {"overflow", SORTER, FORM_INT, AT(plc.overflow), 0, 16},
    {"checks", SORTER, FORM_INT, AT(plc.checks), 0, 1},
    {"overwrite", SORTER, FORM_INT, AT(plc.overwrite), 0, 1},
    {"retentive", SORTER, FORM_INT, AT(plc.retentive), 0, 1},
    {"table-mode", SORTER, FORM_INT, AT(plc.table_mode), 0, 1},
    {"simulated", SORTER, FORM_INT, AT(plc.simulated), 0, 1},
    {"cut-writes", SORTER, FORM_INT, AT(plc.cut_writes), 0, 1},
    {"torn", SORTER, FORM_INT, AT(plc.torn), 0, 1000},
    {"step-words", SORTER, FORM_INT, AT(plc.step_words), 1, 1000},
    {"decision-ms", SORTER, FORM_INT, AT(plc.decision_ms), 1, 600000},
    {"infeed-ms", SORTER, FORM_INT, AT(plc.infeed_ms), 0, 10000},
    {"spacing-ms", SORTER, FORM_INT, AT(plc.spacing_ms), 1, 10000},
    {"boot-ms", SORTER, FORM_INT, AT(plc.boot_ms), 0, 600000},
    {"speed", SORTER, FORM_INT, AT(plc.speed), 1, 65535},
    {"pulses-per-m", SORTER, FORM_INT, AT(plc.pulses_per_m), 1, 65535},
    {"wrap-at", SORTER, FORM_INT, AT(plc.wrap_at), 0, 0xFFFF0000},
};

void device_help(void (*line)(const char *text))
{
    for (int kind = 0; kind < DEVICE_KINDS; kind++) {
        char text[600];
        size_t n = (size_t)snprintf(text, sizeof text, "%s:", device_kind_words[kind]);
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            if (keys[i].kinds >> kind & 1)
                n += (size_t)snprintf(text + n, sizeof text - n, " %s", keys[i].key);
        line(text);
    }
}

static void put_int(void *out, size_t size, int64_t v)
{
    for (size_t i = 0; i < size; i++) /* little-endian hosts, as Debian's all are */
        ((uint8_t *)out)[i] = (uint8_t)((uint64_t)v >> (8 * i));
}

static int value_of(const struct key_row *k, const char *text, struct device_cfg *c)
{
    void *out = (char *)c + k->offset;
    int64_t v = 0;
    int rc = 0;
    if (k->form == FORM_TEXT) {
        if (strlen(text) < (size_t)k->min || strlen(text) > (size_t)k->max)
            return ERR_RANGE;
        memcpy(out, text, strlen(text) + 1);
        return 0;
    }
    if (k->form == FORM_CROP) {
        v = farm_crop_from(text);
        rc = v < 0 ? ERR_RANGE : 0;
    } else if (k->form == FORM_MILLI) {
        rc = num_decimal(text, 3, &v);
        rc = rc ? rc : v < k->min || v > k->max ? ERR_RANGE : 0;
    } else {
        rc = num_i64(text, k->min, k->max, &v);
    }
    if (rc == 0)
        put_int(out, k->size, v);
    return rc;
}

static int pair(char *text, struct device_cfg *c, struct err *e)
{
    char *value = strchr(text, '=');
    if (!value)
        return err_set(e, ERR_USAGE, "%s: key=value expected", text);
    *value++ = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].key, text) != 0 || !(keys[i].kinds >> c->kind & 1))
            continue;
        int rc = value_of(&keys[i], value, c);
        return rc ? err_set(e, rc, "%s=%s: %s", text, value, err_text(rc)) : 0;
    }
    return err_set(e, ERR_KEY, "%s: no such key of a %s", text, device_kind_words[c->kind]);
}

static int kind_of(const char *spec, const char **ret_rest)
{
    for (int i = 0; i < DEVICE_KINDS; i++) {
        size_t n = strlen(device_kind_words[i]);
        if (strncmp(spec, device_kind_words[i], n) == 0 && spec[n] == ':') {
            *ret_rest = spec + n + 1;
            return i;
        }
    }
    return -1;
}

static uint64_t mix_name(uint64_t seed, const char *name)
{
    struct dice d = {seed};
    for (; *name; name++)
        d.s = dice_next(&d) ^ (uint8_t)*name;
    return dice_next(&d) >> 1; /* JSON's integers have a sign */
}

int device_parse(const char *spec, uint64_t seed, struct device_cfg *ret, struct err *e)
{
    const char *rest = NULL;
    char buf[512];
    int kind = kind_of(spec, &rest);
    if (kind < 0)
        return err_set(e, ERR_USAGE, "%s: sorter:, scale: or drive: expected", spec);
    if (strlen(rest) >= sizeof buf)
        return err_set(e, ERR_TOOBIG, "a spec longer than %zu bytes", sizeof buf);
    memcpy(buf, rest, strlen(rest) + 1);
    struct device_cfg c = {.kind = (enum device_kind)kind,
                           .unit = 1,
                           .baud = 19200,
                           .scan_us = 2000,
                           .settle_ms = 400,
                           .plc = plc_cfg_default()};
    c.plc.seed = 0;
    c.plc.slot_m = 0;
    char *save = NULL;
    for (char *t = strtok_r(buf, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
        int rc = pair(t, &c, e);
        if (rc)
            return rc;
    }
    if (!c.name[0])
        return err_set(e, ERR_KEY, "%s: a device needs name=", spec);
    if (!c.plc.seed)
        c.plc.seed = mix_name(seed, c.name);
    if (!c.plc.slot_m)
        c.plc.slot_m = c.plc.ring_n;
    *ret = c;
    return 0;
}

/* ---- the machine ---- */

static void plc_said(void *ctx, const struct plc_event *ev)
{
    struct device *d = ctx;
    truth_plc(d->truth, d->cfg.name, ev);
}

int device_open(struct device *d, const struct device_cfg *cfg, struct truth *truth, uint64_t salt,
                struct mono now, struct err *e)
{
    *d = (struct device){.cfg = *cfg, .truth = truth, .dice = {cfg->plc.seed ^ 0x6661756C}};
    d->scan_due = d->off_until = d->refuse_until = now;
    scale_init(&d->scale, cfg->plc.seed, cfg->settle_ms, now);
    drive_init(&d->drive);
    if (cfg->kind != DEVICE_SORTER)
        return 0;
    d->cfg.plc.salt = salt;
    int rc = plc_new(&d->cfg.plc, (struct plc_sink){plc_said, d}, now, &d->plc, e);
    return rc ? err_prefix(e, "%s", cfg->name) : 0;
}

void device_say(struct device *d, const char *ev, json_t *more)
{
    json_t *o = json_object();
    const char *who = d->cfg.kind == DEVICE_SORTER ? "line" : device_kind_words[d->cfg.kind];
    json_object_set_new(o, "ev", json_string(ev));
    json_object_set_new(o, who, json_string(d->cfg.name));
    json_object_set_new(o, "mono_ns", json_integer(mono_now().ns));
    json_object_update(o, more);
    json_decref(more);
    truth_line(d->truth, o);
}

void device_close(struct device *d)
{
    if (d->truth)
        device_say(d, "end", device_stat(d));
    plc_free(d->plc);
    d->plc = NULL;
    d->truth = NULL;
}

struct mono device_tick(struct device *d, struct mono now)
{
    int64_t period = d->cfg.kind == DEVICE_SORTER ? (int64_t)d->cfg.scan_us * 1000 : 20000000;
    if (!mono_reached(now, d->scan_due))
        return d->scan_due;
    if (d->plc)
        plc_scan(d->plc, now);
    else
        scale_tick(&d->scale, now);
    d->scan_due = mono_add_ns(d->scan_due, period);
    if (mono_since_ms(now, d->scan_due) > 100)
        d->scan_due = mono_add_ns(now, period);
    return d->scan_due;
}

bool device_answers(const struct device *d, struct mono now)
{
    return mono_reached(now, d->off_until) && (!d->plc || plc_up(d->plc));
}

bool device_one_connection(const struct device *d)
{
    return d->cfg.kind == DEVICE_SORTER;
}

/* ---- stat ---- */

struct stat_row {
    const char *key;
    int64_t value;
};

static json_t *stat_of(const struct stat_row *rows, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(o, rows[i].key, json_integer(rows[i].value));
    return o;
}

static json_t *stat_sorter(const struct device *d)
{
    struct plc_stat s;
    plc_stat(d->plc, &s);
    const struct stat_row rows[] = {
        {"epoch", s.epoch},
        {"boot_nonce", s.boot_nonce},
        {"head", s.head},
        {"oldest", s.oldest},
        {"out_head", s.out_head},
        {"held", s.held},
        {"on_belt", s.on_belt},
        {"feed_left", s.feed_left},
        {"fed", s.fed},
        {"posted", s.posted},
        {"decided", s.decided},
        {"late", s.late},
        {"no_host", s.no_host},
        {"lost", s.lost},
        {"unnumbered", s.unnumbered},
        {"unreported", s.unreported},
        {"outcomes", s.outcomes},
        {"violations", s.violations},
        {"state", s.state},
        {"fault", s.fault},
        {"late_count", s.late_count},
        {"lost_count", s.lost_count},
        {"up", s.up},
    };
    json_t *o = stat_of(rows, sizeof rows / sizeof rows[0]), *outlets = json_object();
    for (int i = 1; i <= d->cfg.plc.n_outlets; i++) {
        char key[24];
        json_object_set_new(outlets, num_fixed(i, 0, key, sizeof key), json_integer(s.outlet[i]));
    }
    json_object_set_new(o, "outlets", outlets);
    return o;
}

static json_t *stat_scale(const struct device *d)
{
    const struct scale *s = &d->scale;
    const struct stat_row rows[] = {
        {"load_mg", s->load_mg},     {"gross_mg", scale_gross_mg(s)},
        {"net_mg", scale_net_mg(s)}, {"moving", s->moving},
        {"tares", s->tares},         {"zeros", s->zeros},
        {"refused", s->refused},     {"records", s->records},
    };
    return stat_of(rows, sizeof rows / sizeof rows[0]);
}

static json_t *stat_drive(const struct device *d)
{
    const struct stat_row rows[] = {{"running", d->drive.running}, {"fault", d->drive.fault}};
    return stat_of(rows, sizeof rows / sizeof rows[0]);
}

json_t *device_stat(const struct device *d)
{
    static json_t *(*const by_kind[DEVICE_KINDS])(const struct device *) = {
        [DEVICE_SORTER] = stat_sorter, [DEVICE_SCALE] = stat_scale, [DEVICE_DRIVE] = stat_drive};
    json_t *o = by_kind[d->cfg.kind](d);
    json_object_set_new(o, "fault_hits", json_integer(d->faults.hits));
    return o;
}
