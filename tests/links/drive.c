/* Lanes that ask: the link as a bus thread uses it, every answer judged. Thread: each lane its own.
 */
#include "controller/frame.h"
#include "controller/link.h"
#include "tests/links/links.h"
#include <errno.h>
#include <fcntl.h>
#include <modbus/modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WINDOW = 5000, /* what may be written */
    WINDOW_END = 6000,
    CONNECT_MS = 300,
    DRAIN_MS = 220,
    LINK_PAUSE_MS = 10, /* of bus.c */
    SHOWN = 20,
};

_Atomic uint64_t over_at[HISTOGRAM], recovery_at[HISTOGRAM];
_Atomic int64_t over_worst_ns, over_own_ns[2], recovery_worst_ns;
int recoveries, outage_most_ms;

static void count(_Atomic uint64_t *h, int64_t steps)
{
    h[steps < 0 ? 0 : steps < HISTOGRAM ? steps : HISTOGRAM - 1]++;
}

static void at_most(_Atomic int64_t *worst, int64_t v)
{
    int64_t old = *worst;
    while (v > old && !atomic_compare_exchange_weak(worst, &old, v))
        ;
}

/* A link that outlasts its deadlines does so with every fault of a kind, which are hundreds; the
 * three worst calls of a run may be a busy machine's. */
static void keep_own(bool rtu, int64_t v)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t worst[2][4]; /* in falling order */
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 4; i++)
        if (v > worst[rtu][i]) {
            int64_t down = worst[rtu][i];
            worst[rtu][i] = v;
            v = down;
        }
    over_own_ns[rtu] = worst[rtu][3];
    pthread_mutex_unlock(&lock);
}

int64_t histogram_at(const _Atomic uint64_t *h, unsigned per_mille)
{
    uint64_t all = 0, n = 0;
    for (int i = 0; i < HISTOGRAM; i++)
        all += h[i];
    for (int i = 0; i < HISTOGRAM; i++)
        if ((n += h[i]) * 1000 >= all * per_mille)
            return i;
    return 0;
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* ---- what is asked ---- */

/* On a serial line as maps do: each block of a unit and function has its own quantity. */
static void rtu_want(uint64_t *d, struct want *w)
{
    static const uint8_t words[] = {2, 4, 7, 12, 20, 33};
    uint32_t block = dice(d, sizeof(words));
    w->n = words[block];
    w->addr = (uint16_t)(100 * block);
    if (w->fc == 16) {
        w->n = (uint16_t)(4u << block % 3);
        w->addr = WINDOW;
    }
    w->waddr = WINDOW + 100;
    w->wn = 8;
}

static void tcp_want(uint64_t *d, struct want *w)
{
    bool large = dice(d, 20) == 0;
    uint32_t most = w->fc == 16 ? 123 : 125;
    w->n = (uint16_t)(2 + dice(d, large ? most - 1 : 24));
    w->addr = (uint16_t)(w->fc == 16 ? WINDOW + dice(d, 800) : dice(d, 60000));
    w->waddr = (uint16_t)(WINDOW + dice(d, 800));
    w->wn = (uint16_t)(2 + dice(d, large ? 119 : 16));
}

static void make_want(const struct lane *l, uint64_t *d, uint32_t id, struct want *w)
{
    static const uint8_t units[] = {1, 17, 200}, fcs[] = {3, 3, 3, 3, 4, 4, 16, 16, 16, 23};
    *w = (struct want){
        .unit = units[dice(d, 3)], .fc = fcs[dice(d, 10)], .timeout_ms = l->timeout_ms};
    if (l->kind == LANE_RTU)
        rtu_want(d, w);
    else
        tcp_want(d, w);
    for (uint32_t i = 0; i < (w->fc == 16 ? w->n : w->fc == 23 ? w->wn : 0u); i++)
        w->words[i] = written_word(id, i);
}

/* ---- what came ---- */

static bool is_answer(const struct lane *l, const struct want *w, const struct reply *r, uint32_t c)
{
    for (uint16_t i = 0; i < w->n; i++)
        if (r->words[i] != register_value(l, w->unit, w->fc, (uint16_t)(w->addr + i), c))
            return false;
    return true;
}

static void shout(const struct lane *l, const struct want *w, const char *what, uint64_t n)
{
    if (n < SHOWN)
        fprintf(stderr, "lane %d unit %u function %u, %u words at %u: %s\n", l->no, w->unit, w->fc,
                w->n, w->addr, what);
}

void drive_judge(struct lane *l, const struct want *w, const struct reply *r, uint32_t before)
{
    uint32_t now = l->count, id = (uint32_t)w->words[0] << 16 | w->words[1];
    if (r->rc != 0)
        return;
    bool good = w->fc == 16;
    for (uint32_t c = before + 1; !good && c - before <= now - before; c++)
        good = r->n == w->n && is_answer(l, w, r, c);
    if (!good)
        shout(l, w, "a wrong value", tally.wrong++);
    if ((w->fc == 16 || w->fc == 23) && l->done[id % DONE_ROOM] != id)
        shout(l, w, "confirmed and not done", tally.false_confirmed++);
}

static int64_t frames_ns(const struct want *w)
{
    uint8_t pdu[FRAME_PDU_MAX];
    return (int64_t)(frame_request(w, pdu) + frame_reply_size(w) + 6) * 11 * 1000000000 / RTU_BAUD;
}

/* How long this thread has stood ready without a processor. */
static int64_t queued_ns(int fd)
{
    char text[64], *p = text;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = 0;
    (void)strtoll(p, &p, 10);
    return strtoll(p, NULL, 10);
}

/* Never later than its deadline: before the request left, and from then on. `queued`: that the
 * machine was busy is none of the link's. */
static void judge_time(const struct lane *l, const struct want *w, const struct reply *r,
                       struct mono began, bool was_up, bool dirty, int64_t queued)
{
    bool rtu = l->kind == LANE_RTU;
    dirty = rtu && (dirty || !was_up);
    int64_t before = dirty ? DRAIN_MS : was_up ? 0 : CONNECT_MS;
    int64_t after = dirty && r->rc == ERR_TIMEOUT ? DRAIN_MS : 0;
    if (!was_up && r->rc == ERR_LINK)
        after = CONNECT_MS;
    int64_t over_before = mono_since_ns(r->sent, began) - before * 1000000;
    int64_t over = mono_since_ns(r->got, r->sent) - (w->timeout_ms + after) * 1000000 -
                   (rtu ? frames_ns(w) : 0);
    if (r->rc == ERR_TIMEOUT)
        count(over_at, over / 1000 / OVER_STEP_US);
    over = over > over_before ? over : over_before;
    at_most(&over_worst_ns, over);
    keep_own(rtu, over - queued);
}

/* ---- libmodbus alone, as its manual pages show it ---- */

static modbus_t *plain_new(const struct lane *l)
{
    modbus_t *mb = modbus_new_rtu(l->path, RTU_BAUD, 'N', 8, 1);
    if (!mb || modbus_connect(mb) != 0)
        give_up("libmodbus does not connect");
    modbus_set_response_timeout(mb, 0, l->timeout_ms * 1000);
    return mb;
}

static void plain_do(modbus_t *mb, const struct want *w, struct reply *r)
{
    int a = w->addr, n = w->n, rc;
    modbus_set_slave(mb, w->unit);
    r->n = w->n;
    if (w->fc == 16)
        rc = modbus_write_registers(mb, a, n, w->words);
    else if (w->fc == 4)
        rc = modbus_read_input_registers(mb, a, n, r->words);
    else if (w->fc == 3)
        rc = modbus_read_registers(mb, a, n, r->words);
    else
        rc = modbus_write_and_read_registers(mb, w->waddr, w->wn, w->words, a, n, r->words);
    r->rc = rc >= 0 ? 0 : errno == ETIMEDOUT ? ERR_TIMEOUT : ERR_PROTOCOL;
}

/* ---- lanes ---- */

static bool may_write(void *ctx, uint8_t unit, uint16_t addr, uint16_t n)
{
    (void)ctx;
    (void)unit;
    return addr >= WINDOW && addr + n <= WINDOW_END;
}

struct link *drive_link(const struct lane *l)
{
    struct link_options o = {
        .host = "127.0.0.1", .port = l->port, .baud = RTU_BAUD, .parity = 'N', .stop_bits = 1};
    struct link *link;
    if (l->kind == LANE_RTU) {
        o.host[0] = 0;
        snprintf(o.serial, sizeof(o.serial), "%s", l->path);
    }
    if (link_new(&o, &link, NULL) != 0)
        give_up("no link");
    link_guard(link, may_write, NULL);
    return link;
}

static void after(const struct lane *l, int rc, bool eager)
{
    bool bad = rc != 0 && rc != ERR_EXCEPTION;
    tally.ok += rc == 0;
    tally.noticed += rc != 0 && rc != ERR_LINK;
    tally.down += rc == ERR_LINK;
    if (rc == ERR_LINK)
        pause_ms(eager ? 1 : LINK_PAUSE_MS);
    else if (bad && l->kind == LANE_RTU && !l->plain) /* the bus's silence */
        pause_ms((int)(RTU_QUARANTINE * l->timeout_ms));
}

struct driver {
    struct lane *l;
    struct link *link;
    modbus_t *plain;
    uint64_t d;
    uint32_t id;
    bool dirty, eager;
    int schedstat;
};

static int once(struct driver *v)
{
    struct want w;
    struct reply r = {0};
    struct lane *l = v->l;
    make_want(l, &v->d, ++v->id, &w);
    uint32_t before = l->count;
    bool was_up = v->link && link_up(v->link);
    int64_t queued = queued_ns(v->schedstat);
    struct mono began = mono_now();
    if (v->plain) {
        plain_do(v->plain, &w, &r);
    } else {
        link_do(v->link, &w, &r);
        judge_time(l, &w, &r, began, was_up, v->dirty, queued_ns(v->schedstat) - queued);
    }
    drive_judge(l, &w, &r, before);
    v->dirty = r.rc != 0 && r.rc != ERR_EXCEPTION;
    after(l, r.rc, v->eager);
    return r.rc;
}

static void driver_open(struct driver *v, struct lane *l, uint64_t salt)
{
    *v = (struct driver){.l = l, .d = mix(seed ^ salt ^ (uint64_t)l->no << 40), .dirty = true};
    v->id = (uint32_t)(salt << 28);
    v->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (l->plain)
        v->plain = plain_new(l);
    else
        v->link = drive_link(l);
}

static void driver_close(struct driver *v)
{
    link_free(v->link);
    close(v->schedstat);
    if (v->plain) {
        modbus_close(v->plain);
        modbus_free(v->plain);
    }
}

void *drive_storm(void *lane)
{
    struct driver v;
    driver_open(&v, lane, 1);
    while (!stopping)
        once(&v);
    driver_close(&v);
    return NULL;
}

static void one_outage(struct driver *v)
{
    static const enum outage tcp[] = {OUTAGE_SILENT, OUTAGE_REFUSED, OUTAGE_RESET, OUTAGE_HOLE},
                             rtu[] = {OUTAGE_SILENT, OUTAGE_NOISE, OUTAGE_GONE};
    struct lane *l = v->l;
    for (int good = 0; good < 3;)
        good += once(v) == 0;
    l->healed_ns = 0;
    l->outage_ms = 20 + (int)dice(&v->d, (uint32_t)outage_most_ms);
    l->outage = (int)(l->kind == LANE_RTU ? rtu[dice(&v->d, 3)] : tcp[dice(&v->d, 4)]);
    for (;;) {
        int rc = once(v);
        int64_t healed = l->healed_ns;
        if (rc != 0 || healed == 0)
            continue;
        int64_t took = mono_now().ns - healed;
        count(recovery_at, took / 1000 / RECOVERY_STEP_US);
        at_most(&recovery_worst_ns, took - (int64_t)l->timeout_ms * 1000000);
        return;
    }
}

void *drive_recovery(void *lane)
{
    struct driver v;
    driver_open(&v, lane, 2);
    for (int i = 0; i < recoveries; i++)
        one_outage(&v);
    driver_close(&v);
    return NULL;
}

/* ---- up and down, up and down ---- */

/* Up at both ends while the figures are taken: `reached` goes on when they are. */
static void show(struct driver *v, int reached)
{
    struct lane *l = v->l;
    for (int good = 0; good < 3;)
        good += once(v) == 0;
    l->reached = reached;
    while (l->reached == reached)
        pause_ms(1);
}

/* Down by what the proxy does to one request, or to the pty; up again. */
static void flap(struct driver *v, enum fault how)
{
    struct lane *l = v->l;
    unsigned before = l->connects;
    if (l->kind == LANE_RTU) {
        l->outage_ms = 0;
        l->outage = OUTAGE_GONE;
    } else {
        l->only = (int)how;
        l->per_mille = 1000;
        once(v);
        l->per_mille = 0;
    }
    while (l->connects == before || once(v) != 0)
        if (l->connects == before)
            once(v);
}

void *drive_flaps(void *lane)
{
    struct driver v;
    struct lane *l = lane;
    driver_open(&v, l, 3);
    v.eager = true;
    l->per_mille = 0;
    for (int i = 0; i < l->flaps; i++) {
        if (i == l->flaps / 10)
            show(&v, 1);
        flap(&v, i % 2 ? FAULT_RESET : FAULT_CLOSED);
    }
    show(&v, 3);
    l->only = 0;
    driver_close(&v);
    return NULL;
}
