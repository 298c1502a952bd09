/* make check-links: phases, limits, verdict. (Descriptors stay below 1024: libmodbus selects.)
 * Every lane storms with faults until the proxies have seen N requests over TCP and N / 20 over
 * serial lines, and so many of the mailboxes' meanwhile; then outages that heal; then two lanes up
 * and down; then units that share a connection with a dead one. The last line is one JSON object;
 * exit 1 when a promise did not hold. N, SEED, PLAIN from the environment; PLAIN=1: libmodbus alone
 * on the serial lines, which must fail. */
#include "tests/links/links.h"
#include <dirent.h>
#include <inttypes.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TCP_LANES = 80,
    RTU_LANES = 32,
    FAULTY = 250, /* per mille of requests */
    SERIAL_SHARE = 20,
    SMALL = 100000,
    RECOVERY_MS = 1000,
    SLACK_MS = 20, /* and what the machine itself was late */
    RSS_KB = 256,
    LEAST_PERCENT = 95,
};

struct link_tally tally;
struct lane lanes[LANES_MAX];
int n_lanes;
_Atomic bool stopping;
uint64_t seed;
const char *const fault_words[FAULTS] = {
    "none",
#define F(name, word, where) word,
#include "tests/links/faults.def"
#undef F
};

static char dir[] = "/tmp/links-XXXXXX";
static struct lane *tcp_free, *rtu_free, *tcp_control, *rtu_control; /* that no storm uses */
static _Atomic int64_t machine_late_ns, tty_late_ns;

_Noreturn void give_up(const char *what)
{
    fprintf(stderr, "check-links: %s\n", what);
    exit(1);
}

/* A lane that never comes back ends the run. */
static void stuck(int sig)
{
    static const char why[] = "check-links: a link never came back\n";
    (void)sig;
    (void)!write(STDERR_FILENO, why, sizeof(why) - 1);
    _exit(1);
}

static uint64_t number(const char *name, uint64_t def)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : def;
}

static struct lane *lane_new(enum lane_kind kind)
{
    struct lane *l = &lanes[n_lanes];
    if (n_lanes == LANES_MAX)
        give_up("too many lanes");
    l->no = n_lanes++;
    l->kind = kind;
    l->timeout_ms = kind == LANE_RTU ? 15 : 5 + (uint32_t)l->no % 12;
    snprintf(l->path, sizeof(l->path), "%s/tty%d", dir, l->no);
    if (kind == LANE_MAILBOX) {
        l->timeout_ms = 15;
        mailbox_lane_new(l);
    }
    proxy_open(l);
    return l;
}

static void late(_Atomic int64_t *worst, int64_t ns)
{
    if (ns > *worst)
        *worst = ns;
}

/* How late this machine wakes a thread that does nothing else. */
static void *timer_witness(void *arg)
{
    struct timespec t = {.tv_nsec = 1000000};
    (void)arg;
    for (;;) {
        int64_t began = mono_now().ns;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
        late(&machine_late_ns, mono_now().ns - began - t.tv_nsec);
    }
    return NULL;
}

/* How long a byte takes through a pty of this machine. */
static void *tty_witness(void *arg)
{
    struct termios raw;
    int a, b;
    char c = 0;
    (void)arg;
    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    if (openpty(&a, &b, NULL, &raw, NULL) != 0)
        give_up("no pty");
    for (;;) {
        int64_t began = mono_now().ns;
        if (write(b, &c, 1) != 1 || read(a, &c, 1) != 1 || write(a, &c, 1) != 1 ||
            read(b, &c, 1) != 1 || tcflush(b, TCIOFLUSH) != 0)
            give_up("a pty does not work");
        late(&tty_late_ns, mono_now().ns - began);
        poll(NULL, 0, 1);
    }
    return NULL;
}

static void start(struct lane *l, void *(*run)(void *))
{
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 128 * 1024);
    if (pthread_create(&l->thread, &a, run, l) != 0)
        give_up("no thread");
    pthread_attr_destroy(&a);
}

static uint64_t asked(enum lane_kind kind)
{
    uint64_t n = 0;
    for (int i = 0; i < n_lanes; i++)
        n += lanes[i].kind == kind ? lanes[i].requests : 0;
    return n;
}

static bool storms(const struct lane *l)
{
    return l != tcp_free && l != rtu_free && l != tcp_control && l != rtu_control;
}

/* ---- phases ---- */

static void storm(uint64_t tcp, uint64_t rtu)
{
    stopping = false;
    for (int i = 0; i < n_lanes; i++)
        if (storms(&lanes[i])) {
            lanes[i].per_mille = FAULTY;
            start(&lanes[i], lanes[i].kind == LANE_MAILBOX ? mailbox_drive : drive_storm);
        }
    while (asked(LANE_TCP) < tcp || asked(LANE_RTU) < rtu)
        poll(NULL, 0, 10);
    stopping = true;
    for (int i = 0; i < n_lanes; i++)
        if (storms(&lanes[i]))
            pthread_join(lanes[i].thread, NULL);
}

/* Outages on the lanes that stormed; beside them, on the others, units that share. */
enum { TCP_DEAD, RTU_DEAD, TCP_WHOLE, RTU_WHOLE, SHARES };
struct shared {
    struct lane *lane;
    struct share *ret;
    int ms;
    pthread_t thread;
};

static void *run_shared(void *arg)
{
    struct shared *s = arg;
    share_run(s->lane, s->lane == tcp_free || s->lane == rtu_free, s->ms, s->ret);
    return NULL;
}

static void outages(int each, int share_ms, struct share ret[SHARES])
{
    struct lane *const of[SHARES] = {tcp_free, rtu_free, tcp_control, rtu_control};
    struct shared s[SHARES];
    recoveries = each;
    for (int i = 0; i < n_lanes; i++)
        if (storms(&lanes[i]) && lanes[i].kind != LANE_MAILBOX) {
            lanes[i].per_mille = 0;
            start(&lanes[i], drive_recovery);
        }
    for (int i = 0; i < SHARES; i++) {
        s[i] = (struct shared){.lane = of[i], .ret = &ret[i], .ms = share_ms};
        s[i].lane->timeout_ms = 20;
        if (pthread_create(&s[i].thread, NULL, run_shared, &s[i]) != 0)
            give_up("no thread");
    }
    for (int i = 0; i < SHARES; i++)
        pthread_join(s[i].thread, NULL);
    for (int i = 0; i < n_lanes; i++)
        if (storms(&lanes[i]) && lanes[i].kind != LANE_MAILBOX)
            pthread_join(lanes[i].thread, NULL);
}

struct held {
    long fds, rss_kb;
};

static struct held held(void)
{
    struct held h = {0};
    char line[128];
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        h.fds++;
    if (d)
        closedir(d);
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "VmRSS:", 6) == 0)
            h.rss_kb = strtol(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return h;
}

static void reach(int what)
{
    while (tcp_free->reached != what || rtu_free->reached != what)
        poll(NULL, 0, 2);
}

static void go_on(int what)
{
    tcp_free->reached = what;
    rtu_free->reached = what;
}

static void flaps(int tcp, int rtu, struct held *ret_grown)
{
    tcp_free->flaps = tcp;
    rtu_free->flaps = rtu;
    start(tcp_free, drive_flaps);
    start(rtu_free, drive_flaps);
    reach(1);
    struct held before = held();
    go_on(2);
    reach(3);
    struct held now = held();
    go_on(4);
    pthread_join(tcp_free->thread, NULL);
    pthread_join(rtu_free->thread, NULL);
    *ret_grown = (struct held){now.fds - before.fds, now.rss_kb - before.rss_kb};
}

static void say(const char *what)
{
    static int64_t last;
    int64_t now = mono_now().ns;
    fprintf(stderr, "check-links: %s %.1f s\n", what, last ? (double)(now - last) / 1e9 : 0.0);
    last = now;
}

/* ---- verdict ---- */

struct result {
    uint64_t tcp, rtu, mailbox;
    struct mailbox_sum sum;
    struct held grown;
    struct share share[SHARES];
    int flaps;
    bool small;
    double seconds;
};

static int broken;

static unsigned percent(unsigned n, unsigned of)
{
    return of ? 100 * n / of : 0;
}

static void promise(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "check-links: %s\n", what);
    broken = 1;
}

static void judge(const struct result *r)
{
    int64_t slack = machine_late_ns + (int64_t)SLACK_MS * 1000000;
    promise(tally.wrong == 0, "a wrong value was accepted");
    promise(tally.false_confirmed == 0, "a write was confirmed that was not done");
    promise(tally.torn_writes == 0, "a write arrived spoiled");
    promise(r->sum.wrong == 0 && r->sum.missing == 0, "the mailbox's record is not the PLC's");
    promise(r->sum.violations == 0, "the host broke the mailbox's contract");
    promise(r->sum.items > 0 && r->sum.outcomes > 0, "the mailbox did not run");
    promise(over_own_ns[0] <= slack, "a call over TCP outlasted its deadline");
    promise(over_own_ns[1] <= slack + tty_late_ns,
            "a call on a serial line outlasted its deadline");
    promise(recovery_worst_ns <= (int64_t)RECOVERY_MS * 1000000 + slack,
            "a link that healed was not used within a second");
    promise(r->grown.fds == 0, "descriptors were left");
    promise(r->grown.rss_kb <= RSS_KB, "memory grew");
    unsigned least = r->small ? 0 : LEAST_PERCENT; /* of a second or two only a noise */
    promise(percent(r->share[TCP_DEAD].rest, r->share[TCP_WHOLE].rest) >= least,
            "a dead unit behind a gateway slowed the others");
    promise(percent(r->share[RTU_DEAD].rest, r->share[RTU_WHOLE].rest) >= least,
            "a dead unit on a serial line slowed the others");
    for (int i = 1; i < FAULTS; i++)
        promise(tally.fault[i] > 0, fault_words[i]);
}

static double step_ms(const _Atomic uint64_t *h, unsigned per_mille, int step_us)
{
    return (double)histogram_at(h, per_mille) * step_us / 1000;
}

static void show(const struct result *r)
{
    printf("{\"target\":\"check-links\",\"seed\":%" PRIu64 ",\"transactions\":%" PRIu64
           ",\"tcp\":%" PRIu64 ",\"rtu\":%" PRIu64 ",\"mailbox\":%" PRIu64,
           seed, r->tcp + r->rtu + r->mailbox, r->tcp, r->rtu, r->mailbox);
    printf(",\"ok\":%" PRIu64 ",\"noticed\":%" PRIu64 ",\"down\":%" PRIu64 ",\"faults\":{",
           tally.ok, tally.noticed, tally.down);
    for (int i = 1; i < FAULTS; i++)
        printf("%s\"%s\":%" PRIu64, i > 1 ? "," : "", fault_words[i], tally.fault[i]);
    printf("},\"exceptions\":[");
    for (int i = 1; i < EXCEPTIONS; i++)
        printf("%s%" PRIu64, i > 1 ? "," : "", tally.exception[i]);
    printf("],\"late_into_a_like_request\":%" PRIu64 ",\"late_into_another\":%" PRIu64,
           tally.late_same, tally.late_other);
    printf(",\"wrong_accepted\":%" PRIu64 ",\"false_confirmed\":%" PRIu64, tally.wrong,
           tally.false_confirmed);
    printf(",\"mailbox_items\":%" PRIu64 ",\"mailbox_outcomes\":%" PRIu64
           ",\"mailbox_outcome_gaps\":%" PRIu64 ",\"mailbox_wrong\":%" PRIu64
           ",\"mailbox_missing\":%" PRIu64 ",\"mailbox_alarms\":%" PRIu64,
           r->sum.items, r->sum.outcomes, r->sum.gaps, r->sum.wrong, r->sum.missing, r->sum.alarms);
    printf(",\"recovery_ms\":{\"p50\":%.1f,\"max\":%.1f}",
           step_ms(recovery_at, 500, RECOVERY_STEP_US),
           step_ms(recovery_at, 1000, RECOVERY_STEP_US));
    printf(",\"flaps\":%d,\"fd_growth\":%ld,\"rss_growth_kb\":%ld", r->flaps, r->grown.fds,
           r->grown.rss_kb);
    printf(",\"overrun_ms\":{\"p99\":%.2f,\"max\":%.2f,\"own_tcp\":%.2f,\"own_rtu\":%.2f}",
           step_ms(over_at, 990, OVER_STEP_US), (double)over_worst_ns / 1e6,
           (double)over_own_ns[0] / 1e6, (double)over_own_ns[1] / 1e6);
    printf(",\"machine_ms\":{\"timer\":%.2f,\"tty\":%.2f}", (double)machine_late_ns / 1e6,
           (double)tty_late_ns / 1e6);
    printf(",\"one_of_eight_dead\":{");
    for (int i = TCP_DEAD; i <= RTU_DEAD; i++) {
        const struct share *dead = &r->share[i], *whole = &r->share[i + TCP_WHOLE];
        const char *name = i == TCP_DEAD ? "tcp" : "rtu";
        printf("%s\"%s_percent\":%u,\"%s_first_percent\":%u,\"%s_answers\":%u", i ? "," : "", name,
               percent(dead->rest, whole->rest), name, percent(dead->first, whole->first), name,
               dead->rest);
    }
    printf("}");
    printf(",\"seconds\":%.1f}\n", r->seconds);
}

/* libmodbus alone: what the same judge says of it. */
static int plain_run(uint64_t n)
{
    for (int i = 0; i < RTU_LANES; i++)
        lane_new(LANE_RTU)->plain = true;
    slave_start();
    proxy_start();
    storm(0, n);
    proxy_stop();
    slave_stop();
    printf("{\"target\":\"check-links\",\"plain\":true,\"transactions\":%" PRIu64
           ",\"wrong_accepted\":%" PRIu64 ",\"false_confirmed\":%" PRIu64 "}\n",
           asked(LANE_RTU), tally.wrong, tally.false_confirmed);
    return tally.wrong || tally.false_confirmed;
}

static void make_lanes(void)
{
    for (int i = 0; i < TCP_LANES; i++)
        lane_new(LANE_TCP);
    for (int i = 0; i < RTU_LANES; i++)
        lane_new(LANE_RTU);
    for (int i = 0; i < MAILBOXES; i++)
        lane_new(LANE_MAILBOX)->deep = i % 2;
    tcp_free = lane_new(LANE_TCP);
    rtu_free = lane_new(LANE_RTU);
    tcp_control = lane_new(LANE_TCP);
    rtu_control = lane_new(LANE_RTU);
}

int main(void)
{
    pthread_t w[2];
    struct result r = {0};
    uint64_t n = number("N", 1000000);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    seed = number("SEED", (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 20);
    fprintf(stderr, "check-links: SEED=%" PRIu64 "\n", seed);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, stuck);
    alarm(n < SMALL ? 60 : 1200);
    if (!mkdtemp(dir))
        give_up("no directory");
    int64_t began = mono_now().ns;
    bool small = r.small = n < SMALL;
    int rc = 0;
    if (number("PLAIN", 0)) {
        rc = plain_run(n);
    } else {
        make_lanes();
        slave_start();
        proxy_start();
        if (pthread_create(&w[0], NULL, timer_witness, NULL) != 0 ||
            pthread_create(&w[1], NULL, tty_witness, NULL) != 0)
            give_up("no thread");
        say("lanes");
        storm(n, n / SERIAL_SHARE);
        say("storm");
        outage_most_ms = small ? 280 : 1480;
        outages(small ? 1 : 8, small ? 400 : 20000, r.share);
        say("outages");
        r.flaps = small ? 1000 : 10000;
        flaps(r.flaps, r.flaps / SERIAL_SHARE, &r.grown);
        say("flaps");
        r.tcp = asked(LANE_TCP);
        r.rtu = asked(LANE_RTU);
        r.mailbox = asked(LANE_MAILBOX);
        proxy_stop();
        slave_stop();
        for (int i = 0; i < n_lanes; i++)
            if (lanes[i].mailbox) {
                mailbox_judge(&lanes[i], &r.sum);
                mailbox_lane_free(&lanes[i]);
            }
        r.seconds = (double)(mono_now().ns - began) / 1e9;
        judge(&r);
        show(&r);
        rc = broken;
    }
    rmdir(dir);
    return rc;
}
