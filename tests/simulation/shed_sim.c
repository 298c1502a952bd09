/* The simulation of a shed under every trouble at once: shed_sim [--seeds N] [--first K] [--minutes
 * M]
 * [--jobs J] [--twice N] [--verbose]. Each seed is a process of its own; the last line on standard
 * output is one JSON object. --twice N runs every N-th seed again and compares the histories. */
#include <sodium.h> /* first: our crypto_sign is a macro */
#include "base/crypto.h"
#include "base/log.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/world.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct world w;
static const char *root = ".";
static double minutes = 10;

/* ---- clock, chance, trace ---- */

struct mono __wrap_mono_now(void);
struct wall __wrap_wall_now(void);

struct mono __wrap_mono_now(void)
{
    return w.now;
}

struct wall __wrap_wall_now(void)
{
    return (struct wall){w.wall_ms + w.now.ns / 1000000};
}

static uint32_t random_u32(void)
{
    return (uint32_t)dice_next(&w.random);
}

static void random_bytes(void *const p, const size_t n)
{
    unsigned char *to = p;
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)dice_next(&w.random);
}

static const char *random_name(void)
{
    return "seed";
}

static struct randombytes_implementation seeded = {
    .implementation_name = random_name, .random = random_u32, .buf = random_bytes};

void trace(const char *what, int64_t a, int64_t b, int64_t c)
{
    const int64_t v[] = {w.now.ns, a, b, c};
    for (const char *p = what; *p; p++)
        w.trace = (w.trace ^ (unsigned char)*p) * 0x100000001b3u;
    for (size_t i = 0; i < 4; i++)
        w.trace = (w.trace ^ (uint64_t)v[i]) * 0x9E3779B97F4A7C15u;
    if (w.log)
        fprintf(w.log, "%12.6f %-12s %" PRId64 " %" PRId64 " %" PRId64 "\n", (double)w.now.ns / 1e9,
                what, a, b, c);
}

void wrong(const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "seed %" PRIu64 " at %.3f s: ", w.seed, (double)w.now.ns / 1e9);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    if (w.log)
        fflush(w.log);
    _exit(1);
}

bool chance(uint32_t permille)
{
    return dice_permille(&w.dice, permille);
}

int64_t between_ms(int32_t lo, int32_t hi)
{
    return (int64_t)lo * 1000000 +
           (int64_t)(dice_next(&w.dice) % ((uint64_t)(hi - lo) * 1000000 + 1));
}

struct mono in_ms(int32_t lo, int32_t hi)
{
    return mono_add_ns(w.now, between_ms(lo, hi));
}

/* ---- one seed ---- */

/* A calm lets the slowest part come back: the publisher tries a broker again within 60 s. */
enum { CALM_EVERY_MS = 120000, CALM_MS = 80000 };

static struct mono trouble_due, calm_due;
static int32_t trouble_ms; /* mean time between two troubles */
static uint32_t share[3];  /* of machine, host, market */
static bool finishing;

static void trouble(void)
{
    uint32_t r = dice_below(&w.dice, share[0] + share[1] + share[2]);
    w.faults++;
    if (r < share[0])
        plant_fault();
    else if (r < share[0] + share[1])
        shed_fault();
    else
        buyer_fault();
    trouble_due = in_ms(trouble_ms / 5, trouble_ms * 2);
}

static void calm(bool on)
{
    trace("calm", on, 0, 0);
    w.calm = on;
    calm_due = mono_add_ms(w.now, on ? CALM_MS : CALM_EVERY_MS);
    if (on) {
        w.calms++;
        trouble_due = MONO_NEVER;
        plant_tidy();
        shed_heal();
        buyer_heal();
        hands_rest(true);
    } else {
        trouble_due = in_ms(100, trouble_ms);
        plant_feed();
        hands_rest(false);
    }
}

static void judge_calm(void)
{
    if (!shed_running())
        wrong("lotlined is not back after %d s without trouble", CALM_MS / 1000);
    if (shed_quarantined())
        wrong("the line is still in quarantine after a person cleared the mailbox");
    if (!plant_empty())
        wrong("after %d s without trouble the PLC still holds what nobody acknowledged: %s",
              CALM_MS / 1000, plant_words());
    shed_judge(true);
    buyer_judge(true);
}

static void step(void)
{
    struct mono next =
        mono_min(mono_min(plant_due(), shed_due()), mono_min(hands_due(), buyer_due()));
    next = mono_min(next, mono_min(trouble_due, calm_due));
    if (next.ns > w.now.ns)
        w.now = next;
    plant_run();
    shed_run();
    buyer_run();
    hands_run();
    if (mono_reached(w.now, trouble_due))
        trouble();
    if (mono_reached(w.now, calm_due) && !finishing) {
        if (w.calm)
            judge_calm();
        calm(!w.calm);
    }
}

static void finish(void)
{
    finishing = true;
    if (!w.calm)
        calm(true);
    while (!mono_reached(w.now, calm_due))
        step();
    judge_calm();
    shed_stop();
    buyer_stop();
    buyer_finish();
    shed_finish();
    plant_stop();
}

static void start(uint64_t seed)
{
    w.seed = seed;
    w.dice = (struct dice){seed * 0x9E3779B97F4A7C15u + 1};
    w.random = (struct dice){seed ^ 0x72616E64};
    w.now = (struct mono){1000000000000};
    w.wall_ms = 1795500000000 - 1000000;
    disk_format(dice_next(&w.dice));
    struct plant_options o = {.rate_milli = (uint32_t)dice_between(&w.dice, 300, 8000),
                              .scan_ms = (uint32_t)dice_between(&w.dice, 8, 30),
                              .ring_n = 16u << dice_below(&w.dice, 7),
                              .checks = !chance(200),
                              .rtu = chance(250),
                              .wrap_at = chance(150) ? 2100 + dice_below(&w.dice, 2000) : 0,
                              .retentive_only = chance(400),
                              .table_mode = chance(80),
                              .overwrite = chance(100)};
    trouble_ms = dice_between(&w.dice, 800, 12000);
    for (int i = 0; i < 3; i++)
        share[i] = dice_below(&w.dice, 10) + (i < 2);
    plant_start(&o);
    hands_start();
    buyer_start();
    shed_begin((size_t)o.rtu * 2 + !o.checks);
    trouble_due = in_ms(5000, 20000);
    calm_due = mono_add_ms(w.now, CALM_EVERY_MS);
}

struct result {
    uint64_t seed, trace;
    struct world world;
    int64_t virtual_ms;
};

static void run_seed(uint64_t seed, int fd)
{
    snprintf(w.dir, sizeof w.dir, "%s/%" PRIu64 "-%ld", root, seed, (long)getpid());
    if (mkdir(w.dir, 0700))
        wrong("%s: %s", w.dir, strerror(errno));
    start(seed);
    struct mono began = w.now, end = mono_add_ms(w.now, (int64_t)(minutes * 60000));
    while (!mono_reached(w.now, end))
        step();
    finish();
    struct result r = {seed, w.trace, w, mono_since_ms(w.now, began)};
    if (fd >= 0 && write(fd, &r, sizeof r) != (ssize_t)sizeof r)
        _exit(3);
}

/* ---- many seeds ---- */

static void remove_dir(const char *dir)
{
    char cmd[256];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    if (system(cmd))
        fprintf(stderr, "%s stays\n", dir);
}

struct job {
    pid_t pid;
    int fd;
    uint64_t seed;
    bool again;
};
struct tally {
    uint64_t seeds, failed, different;
    uint64_t trace; /* of all histories together */
    struct world sum;
    int64_t virtual_ms;
};

static FILE *make(const char *file)
{
    FILE *f = fopen(file, "w");
    if (!f) {
        perror(file);
        exit(2);
    }
    return f;
}

/* The maps, as of a PLC without checks. */
static void write_maps(const char *here, const char *dir)
{
    char cmd[4000];
    snprintf(cmd, sizeof cmd,
             "mkdir '%s/maps' && cd '%s/plc-maps' && cp hbm-wtx110.yaml '%s/maps' && (sed -e "
             "'s/checks: yes/checks: no/' -e '/^vectors/q' mailbox-v1.yaml; sed -n '/one cycle "
             "over TCP/,/host:/p' mailbox-v1.yaml) > '%s/maps/mailbox-v1.yaml'",
             dir, here, dir, dir);
    if (system(cmd))
        exit(2);
}

static void write_config(const char *file, const char *here, const char *maps, bool rtu)
{
    FILE *f = make(file);
    fprintf(f,
            "site: sim\nstation: A\nstore: store\nsocket: sock\nkey: key\nmaps: "
            "%s\ncrops: %s/crops\n"
            "lines:\n - {name: s1, %s, unit: 1, base_b: 0, base_h: 0, map: "
            "mailbox-v1,"
            " crop: codonopsis, poll_ms: %d, bad_outlet: 5, default_outlet: 5,"
            " outlets: {'1': [1], '2': [2], '3': [3], reject: [4]}}\n"
            "scales:\n - {name: w1, host: 127.0.0.1, port: 2, unit: 1, map: hbm-wtx110, trade: "
            "static, class: III,"
            " max_g: 30000, min_g: 40, e_mg: 2000, d_mg: 2000, serial_no: S1, certificate: C1,"
            " valid_until: '2999-12-31', poll_ms: 200}\n"
            "stations:\n - {name: st1, scale: w1}\nbuyers: [market]\n",
            maps, here, rtu ? "serial: /dev/ttyS0, baud: 115200" : "host: 127.0.0.1, port: 1", 40);
    fclose(f);
}

/* The kinds of line: bit 0 without the PLC's checks, bit 1 on RTU. */
static void make_configs(const char *dir)
{
    char here[1024], maps[2][1100], file[128];
    if (!getcwd(here, sizeof here))
        exit(2);
    write_maps(here, dir);
    snprintf(maps[0], sizeof maps[0], "%s/plc-maps", here);
    snprintf(maps[1], sizeof maps[1], "%s/maps", dir);
    for (size_t i = 0; i < SHED_CONFIGS; i++) {
        snprintf(file, sizeof file, "%s/lotlined-%zu.yaml", dir, i);
        write_config(file, here, maps[i & 1], i & 2);
        shed_config(i, file);
    }
}

static void begin_job(struct job *j, uint64_t seed, bool again)
{
    int p[2];
    if (pipe(p)) {
        perror("pipe");
        exit(2);
    }
    fflush(NULL);
    *j = (struct job){.fd = p[0], .seed = seed, .again = again, .pid = fork()};
    if (j->pid == 0) {
        close(p[0]);
        w.log = again ? NULL : w.log;
        run_seed(seed, p[1]);
        _exit(0);
    }
    close(p[1]);
}

static void end_job(struct job *j, int status, struct tally *t, struct result *first)
{
    struct result r;
    char dir[sizeof w.dir];
    ssize_t n = read(j->fd, &r, sizeof r);
    close(j->fd);
    snprintf(dir, sizeof dir, "%s/%" PRIu64 "-%ld", root, j->seed, (long)j->pid);
    remove_dir(dir);
    if (status != 0 || n != (ssize_t)sizeof r) {
        if (WIFSIGNALED(status))
            fprintf(stderr, "seed %" PRIu64 ": ended by signal %d\n", j->seed, WTERMSIG(status));
        t->failed += !j->again;
        t->different += j->again;
        return;
    }
    if (j->again) {
        t->different += r.trace != first->trace;
        return;
    }
    *first = r;
    t->trace ^= r.trace;
    t->virtual_ms += r.virtual_ms;
    t->sum.items += r.world.items;
    t->sum.kills += r.world.kills;
    t->sum.cuts += r.world.cuts;
    t->sum.reboots += r.world.reboots;
    t->sum.faults += r.world.faults;
    t->sum.events += r.world.events;
    t->sum.weighings += r.world.weighings;
    t->sum.calms += r.world.calms;
}

/* Runs the seeds over `jobs` processes; every `twice`-th a second time at once. */
static void run_all(uint64_t first, uint64_t n, unsigned jobs, uint64_t twice, uint64_t stop_after,
                    struct tally *t)
{
    struct job job[64] = {0};
    struct result last[64];
    uint64_t next = first;
    unsigned running = 0;
    while (running || (next < first + n && (!stop_after || t->failed < stop_after))) {
        for (unsigned i = 0;
             i < jobs && next < first + n && (!stop_after || t->failed < stop_after); i++)
            if (!job[i].pid) {
                begin_job(&job[i], next++, false);
                t->seeds++;
                running++;
            }
        int status;
        pid_t pid = wait(&status);
        for (unsigned i = 0; i < jobs; i++) {
            if (job[i].pid != pid)
                continue;
            struct job was = job[i];
            job[i].pid = 0;
            running--;
            end_job(&was, status, t, &last[i]);
            if (status == 0 && !was.again && twice && (was.seed - first) % twice == 0) {
                begin_job(&job[i], was.seed, true);
                running++;
            }
        }
    }
}

static int64_t real_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},   {"first", required_argument, NULL, 'k'},
        {"minutes", required_argument, NULL, 'm'}, {"jobs", required_argument, NULL, 'j'},
        {"twice", required_argument, NULL, 't'},   {"stop-after", required_argument, NULL, 's'},
        {"verbose", no_argument, NULL, 'v'},       {0}};
    uint64_t seeds = 20, first = 1, twice = 20, stop_after = 0;
    unsigned jobs = 2;
    int o;
    while ((o = getopt_long(argc, argv, "n:k:m:j:t:s:v", options, NULL)) != -1)
        switch (o) {
        case 'n': seeds = strtoull(optarg, NULL, 10); break;
        case 'k': first = strtoull(optarg, NULL, 10); break;
        case 'm': minutes = strtod(optarg, NULL); break;
        case 'j': jobs = (unsigned)strtoul(optarg, NULL, 10); break;
        case 't': twice = strtoull(optarg, NULL, 10); break;
        case 's': stop_after = strtoull(optarg, NULL, 10); break;
        case 'v': w.log = stdout; break;
        default: return 2;
        }
    if (jobs < 1 || jobs > 64)
        return 2;
    char dir[] = "/tmp/lotline-sim-XXXXXX";
    if (!mkdtemp(dir)) {
        perror(dir);
        return 2;
    }
    root = dir;
    randombytes_set_implementation(&seeded);
    log_setup("sim", (enum log_level)(w.log && getenv("LOGS") ? LOG_LEVEL_DEBUG : 0), false);
    if (crypto_setup() < 0)
        return 2;
    disk_register();
    make_configs(dir);
    struct tally t = {0};
    int64_t began = real_ms();
    run_all(first, seeds, w.log ? 1 : jobs, twice, stop_after, &t);
    int64_t ms = real_ms() - began;
    remove_dir(dir);
    printf("{\"target\":\"check-sim\",\"seeds\":%" PRIu64 ",\"minutes\":%.4g,\"failed\":%" PRIu64
           ",\"replays_differ\":%" PRIu64
           ",\"line_hours\":%.1f,\"times_real\":%.0f,\"items\":%u,\"weighings\":%u,"
           "\"events\":%u,\"troubles\":%u,\"kills\":%u,\"power_cuts\":%u,\"plc_reboots\":%u,"
           "\"calms\":%u,"
           "\"trace\":\"%016" PRIx64 "\",\"seconds\":%.1f}\n",
           t.seeds, minutes, t.failed, t.different, (double)t.virtual_ms / 3.6e6,
           ms ? (double)t.virtual_ms / (double)ms : 0, t.sum.items, t.sum.weighings, t.sum.events,
           t.sum.faults, t.sum.kills, t.sum.cuts, t.sum.reboots, t.sum.calms, t.trace,
           (double)ms / 1000);
    return t.failed || t.different;
}
