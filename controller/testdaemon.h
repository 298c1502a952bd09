/* For unit tests only: lotlined's main thread without its bus threads. The record, the turn and the
 * socket are real; what a line would bring is pushed into its ring, what a scale shows is answered
 * to it as its indicator would. */
#pragma once
#include "base/ipc.h"
#include "base/test_tmp.h"
#include "controller/control.h"
#include "controller/daemon.h"
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SHED_LINE                                                                                  \
    "lines:\n - {name: s1, host: 127.0.0.1, port: 1, map: mailbox-v1, crop: codonopsis,\n"         \
    "    bad_outlet: 5, default_outlet: 5, capacity_g: {\"1\": 5000},\n"                           \
    "    outlets: {\"1\": [1], \"2\": [2], \"3\": [3], reject: [4]}}\n"
#define SHED_SCALE                                                                                 \
    "scales:\n - {name: w1, host: 127.0.0.1, port: 2, map: hbm-wtx110, trade: static, class: "     \
    "III,\n    max_g: 30000, min_g: 40, e_mg: 2000, d_mg: 2000, serial_no: SN-1,\n"                \
    "    certificate: C-1, valid_until: 2099-12-31}\n"                                             \
    "stations:\n - {name: st1, scale: w1, stable_ms: 100}\n"
#define SHED_REST                                                                                  \
    "drives:\n - {name: d1, host: 127.0.0.1, port: 3, map: invt-gd20}\nbuyers: [market]\n"
#define SHED_ALL SHED_LINE SHED_SCALE SHED_REST

/* Whether the bytes reach the disk is not asked here, and waiting for it takes most of the time. */
int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

struct shed {
    struct tmp tmp;
    char file[128], socket[128];
    const char *crops; /* a folder; NULL: the shipped ones */
    struct config *c;
    struct daemon *d;
    sd_event *loop;
    int fd;           /* a client that has its hello */
    int64_t ahead_ms; /* how much later than now the turns are */
    struct mono scale_at;
    int request;
    char farmer[32], lot[32], run[32];
};

static inline void shed_write(struct shed *s, const char *parts)
{
    char text[4096], folder[512];
    assert_non_null(getcwd(folder, sizeof(folder)));
    int n = snprintf(text, sizeof(text),
                     "site: test\nstore: store\nkey: key\nsocket: sock\nmaps: %s/plc-maps\n"
                     "crops: %s%s\n%s",
                     folder, s->crops ? "" : folder, s->crops ? s->crops : "/crops", parts);
    snprintf(s->file, sizeof(s->file), "%s", tmp_path(&s->tmp, "lotlined.yaml"));
    snprintf(s->socket, sizeof(s->socket), "%s", tmp_path(&s->tmp, "sock"));
    tmp_write(s->file, text, (size_t)n);
}

static inline void shed_config(struct shed *s, const char *parts)
{
    struct err e = {0};
    shed_write(s, parts);
    config_free(s->c);
    s->c = NULL;
    if (config_load(s->file, &s->c, &e) < 0)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
}

static inline void shed_pass(struct shed *s)
{
    while (sd_event_run(s->loop, 0) > 0)
        ;
}

static inline struct mono shed_now(const struct shed *s)
{
    return mono_add_ms(mono_now(), s->ahead_ms);
}

static inline void shed_turn(struct shed *s)
{
    turn_run(s->d, shed_now(s));
}

/* The next packet, without waiting: NULL when there is none, or when the daemon has hung up. */
static inline json_t *shed_packet(int fd)
{
    json_t *doc = NULL;
    return ipc_recv(fd, &doc, NULL) == 0 ? doc : NULL;
}

static inline int shed_connect(struct shed *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%.107s", s->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    shed_pass(s);
    return fd;
}

static inline int shed_client(struct shed *s)
{
    int fd = shed_connect(s);
    json_t *hello = shed_packet(fd);
    assert_non_null(json_object_get(hello, "lotline"));
    json_decref(hello);
    return fd;
}

static inline void shed_send(int fd, const char *verb, const char *id, json_t *args)
{
    json_t *doc = json_pack("{s:s,s:s*,s:o*}", "command", verb, "request_id", id, "args", args);
    assert_non_null(doc);
    assert_int_equal(ipc_send(fd, doc), 0);
    json_decref(doc);
}

/* The answer that stands there, past what a watcher is sent. 0 and *ret (NULL: not wanted), or its
 * error. */
static inline int shed_answer(int fd, json_t **ret, struct err *e)
{
    json_t *doc = shed_packet(fd);
    while (doc && !json_object_get(doc, "ok")) {
        json_decref(doc);
        doc = shed_packet(fd);
    }
    if (!doc)
        fail_msg("no answer");
    json_t *error = json_object_get(doc, "error");
    *e = (struct err){0};
    if (error) {
        e->code = err_from_name(json_string_value(json_object_get(error, "code")));
        snprintf(e->text, sizeof(e->text), "%s", json_string_value(json_object_get(error, "text")));
    } else if (ret) {
        *ret = json_incref(json_object_get(doc, "result"));
    }
    json_decref(doc);
    return e->code;
}

static inline int shed_ask(struct shed *s, const char *verb, const char *id, json_t *args,
                           json_t **ret, struct err *e)
{
    shed_send(s->fd, verb, id, args);
    shed_pass(s);
    shed_turn(s);
    return shed_answer(s->fd, ret, e);
}

/* Must be granted; the text under `key` of its answer, until the next call. */
static inline const char *shed_do(struct shed *s, const char *verb, const char *id, json_t *args,
                                  const char *key)
{
    static char text[32];
    json_t *ret = NULL;
    struct err e;
    if (shed_ask(s, verb, id, args, &ret, &e) < 0)
        fail_msg("%s: %s: %s", verb, err_name(e.code), e.text);
    const char *v = key ? json_string_value(json_object_get(ret, key)) : "";
    snprintf(text, sizeof(text), "%s", v ? v : "");
    json_decref(ret);
    return text;
}

static inline void shed_open(struct shed *s)
{
    struct err e = {0};
    assert_non_null(s->d = calloc(1, sizeof(*s->d)));
    if (daemon_setup(s->d, s->c, &e) < 0)
        fail_msg("%s", e.text);
    assert_true(sd_event_new(&s->loop) >= 0);
    assert_int_equal(control_new(s->loop, s->d, s->socket, &s->d->control, &e), 0);
    s->fd = shed_client(s);
}

static inline void shed_close(struct shed *s)
{
    if (s->d && s->d->c)
        daemon_stop(s->d);
    if (s->d)
        control_free(s->d->control);
    if (s->fd >= 0)
        close(s->fd);
    s->scale_at.ns = 0;
    s->loop = sd_event_unref(s->loop);
    free(s->d);
    s->d = NULL;
    s->fd = -1;
}

/* A folder with a configuration of everything; nothing is open. */
static inline int shed_prepare(void **state)
{
    struct shed *s = calloc(1, sizeof(*s));
    assert(s);
    s->fd = -1;
    tmp_make(&s->tmp);
    shed_config(s, SHED_ALL);
    *state = s;
    return 0;
}

static inline int shed_start(void **state)
{
    shed_prepare(state);
    shed_open(*state);
    return 0;
}

static inline int shed_stop(void **state)
{
    struct shed *s = *state;
    shed_close(s);
    config_free(s->c);
    tmp_remove(&s->tmp);
    free(s);
    return 0;
}

static inline int64_t shed_number(struct shed *s, const char *sql)
{
    struct stmt *q = db_q(store_db(s->d->store), sql);
    if (q_step(q) != 1)
        fail_msg("%s: %s", sql, db_message(store_db(s->d->store)));
    int64_t n = q_col(q, 0);
    q_done(q);
    return n;
}

/* What a line's thread would hand over. */
static inline void shed_news(struct shed *s, struct news n)
{
    n.line = s->d->lines[0].no;
    assert_true(ring_push(s->d->lines[0].news, &n));
}

/* The next order that the line would get; false: none waits. */
static inline bool shed_order(struct shed *s, struct order *ret)
{
    return ring_pop(s->d->lines[0].orders, ret);
}

static inline const struct daemon_alarm *shed_alarm(const struct shed *s, const char *code)
{
    for (size_t i = 0; i < DAEMON_ALARMS; i++)
        if (s->d->alarms[i].active && strcmp(s->d->alarms[i].code, code) == 0)
            return &s->d->alarms[i];
    return NULL;
}

/* The PLC's first epoch, proposed, committed and shown. */
static inline uint32_t shed_epoch(struct shed *s, uint32_t nonce)
{
    struct order o;
    shed_news(s, (struct news){.kind = NEWS_EPOCH_WANTED, .u.epoch = {.nonce = nonce}});
    shed_turn(s);
    do
        assert_true(shed_order(s, &o));
    while (o.kind != ORDER_EPOCH);
    shed_news(
        s, (struct news){.kind = NEWS_EPOCH_SHOWN, .u.epoch = {.epoch = o.epoch, .nonce = nonce}});
    shed_turn(s);
    return o.epoch;
}

static inline struct news shed_item(const struct shed *s, uint32_t epoch, uint32_t seq)
{
    const struct plan *p = s->d->lines[0].plan;
    struct item it = {.line = s->d->lines[0].no,
                      .epoch = epoch,
                      .seq = seq,
                      .run = p->run,
                      .rule = p->rule,
                      .net_mg = 21000,
                      .dia_um = 9000,
                      .mid_um = ITEM_NO_VALUE,
                      .len_um = ITEM_NO_VALUE,
                      .bow_ppm = ITEM_NO_VALUE,
                      .flags = 3,
                      .lane = 1,
                      .grade = p->run ? 1 : 0,
                      .outlet = p->run ? 1 : 5,
                      .why = WHY_PLANNED,
                      .outlet_why = WHY_PLANNED,
                      .at = wall_now()};
    it.words[0] = (uint16_t)seq;
    return (struct news){.kind = NEWS_ITEM, .u.item = it};
}

/* The scale shows this for 400 ms of its own time, which runs ahead of ours. */
static inline void shed_load_tared(struct shed *s, int32_t net_g, int32_t tare_g)
{
    struct device dev = scale_device(s->d->scales[0].scale);
    uint32_t net = (uint32_t)net_g, gross = (uint32_t)(net_g + tare_g);
    uint16_t words[6] = {(uint16_t)(net >> 16), (uint16_t)net,     (uint16_t)(gross >> 16),
                         (uint16_t)gross,       tare_g ? 0x80 : 0, 0x30};
    struct mono wake;
    struct want w;
    if (s->scale_at.ns == 0)
        s->scale_at = mono_now();
    for (int i = 0; i < 4; i++) {
        s->scale_at = mono_add_ms(s->scale_at, 100);
        while (dev.want(dev.self, s->scale_at, &w, &wake)) {
            struct reply r = {.n = w.n, .sent = s->scale_at, .got = s->scale_at};
            for (uint16_t k = 0; k < w.n && w.addr + k < 6; k++)
                r.words[k] = words[w.addr + k];
            dev.reply(dev.self, &w, &r, s->scale_at);
        }
        daemon_feed_stations(s->d, s->scale_at);
    }
}

static inline void shed_load(struct shed *s, int32_t net_g)
{
    shed_load_tared(s, net_g, 0);
}

static inline const char *shed_id(struct shed *s)
{
    static char id[16];
    snprintf(id, sizeof(id), "r%d", ++s->request);
    return id;
}

/* Names, a product, a checked scale: what a shed has in the morning. */
static inline void shed_morning(struct shed *s)
{
    shed_do(s, "coop.set", shed_id(s),
            json_pack("{s:s,s:s,s:s,s:s,s:s}", "name_zh", "合作社", "name_en", "Coop", "contact",
                      "0635-0000000", "township_zh", "镇", "township_en", "Town"),
            NULL);
    snprintf(s->farmer, sizeof(s->farmer), "%s",
             shed_do(s, "farmer.add", shed_id(s),
                     json_pack("{s:s,s:s,s:s,s:s}", "name", "农户", "initials", "nh", "township_zh",
                               "镇", "township_en", "Town"),
                     "pid"));
    shed_do(s, "product.add", shed_id(s),
            json_pack("{s:s,s:s,s:s,s:s}", "product", "lu", "crop", "codonopsis", "name_zh", "党参",
                      "name_en", "Codonopsis"),
            NULL);
    shed_do(s, "scale.check", shed_id(s),
            json_pack("{s:s,s:[{s:i,s:i},{s:i,s:i},{s:i,s:i}]}", "scale", "w1", "weights",
                      "applied_mg", 40000, "shown_mg", 40000, "applied_mg", 15000000, "shown_mg",
                      15000000, "applied_mg", 20000000, "shown_mg", 20000000),
            NULL);
    snprintf(s->lot, sizeof(s->lot), "%s",
             shed_do(s, "lot.open", shed_id(s),
                     json_pack("{s:s,s:s}", "farmer", s->farmer, "product", "lu"), "lot"));
}

/* What the person at the scale sends for the placement that is on it. */
static inline json_t *shed_accept_args(const struct shed *s, int32_t net_g)
{
    struct station_view v;
    const struct daemon_station *st = &s->d->stations[0];
    station_get(st->station, &st->facts, s->scale_at, &v);
    return json_pack("{s:s,s:I,s:I,s:s,s:s}", "station", "st1", "placement",
                     (json_int_t)v.placement, "shown_mg", (json_int_t)net_g * 1000, "purpose",
                     "intake", "lot", s->lot);
}

static inline void shed_weigh(struct shed *s, int32_t net_g)
{
    shed_load(s, 0);
    shed_load(s, net_g);
    shed_do(s, "station.accept", shed_id(s), shed_accept_args(s, net_g), NULL);
    shed_load(s, 0);
}

static inline json_t *shed_run_args(const struct shed *s)
{
    return json_pack("{s:s,s:[s],s:s,s:s}", "line", "s1", "lots", s->lot, "ruleset", "lu",
                     "product", "lu");
}

/* A morning, a crate of 12.5 kg taken in, and a run over it. */
static inline void shed_sorting(struct shed *s)
{
    shed_morning(s);
    shed_weigh(s, 12500);
    shed_do(s, "lot.close", shed_id(s), json_pack("{s:s}", "lot", s->lot), NULL);
    snprintf(s->run, sizeof(s->run), "%s",
             shed_do(s, "run.start", shed_id(s), shed_run_args(s), "id"));
}

#define SHED_TEST(test) cmocka_unit_test_setup_teardown(test, shed_start, shed_stop)
