/* make check-powercut: the record on a real ext4, written as fast as it can be, and the power cut
 * at a random moment: the file system is shut down without its log and the writer killed. Then it
 * is mounted again (ext4 recovers), the record is opened by the real code, and what the writer
 * acknowledged over a pipe must be there, equal, with at most the commit in flight beside it.
 *
 * One process judges, its child writes; rows are a function of their number, so that the judge
 * knows them without having seen them. What the writer says after the cut has begun does not count:
 * a machine without power says nothing, and an fsync that is in flight when ext4 is shut down may
 * return 0 for what it could not write ("ghosts"). Root only, because of the mounts. LIES=1:
 * synchronous=NORMAL, to show that a loss would be noticed. */
#include "tests/simulation/loopfs.h"
#include "traceability/people.h"
#include "traceability/test_farm.h"
#include "traceability/verify.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { MEGABYTES = 48, CUTS_A_DISK = 25, BATCH_MAX = 16, READY_MS = 20000 };

/* What a commit stands for; written to the pipe after it. */
struct ack {
    uint32_t line, epoch, items, people;
    int64_t events;
    uint64_t hash; /* of all events up to there */
};

static struct {
    int64_t cuts, acked, commits, lost, altered, inconsistent;
    int64_t
        ghosts; /* cuts whose commit in flight was acknowledged after the cut, and is not there */
    uint64_t seed, chance;
    bool lies;
} r;
static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

static uint64_t chance(uint64_t below)
{
    return seed_next(&r.chance) % below;
}

static void wrong(int64_t *counter, int64_t by, const char *what, const char *text)
{
    if (r.lost + r.altered + r.inconsistent == 0)
        fprintf(stderr, "powercut: first failure: SEED=%llu cut %lld: %s: %s\n",
                (unsigned long long)r.seed, (long long)r.cuts, what, text);
    *counter += by;
}

/* ---- the rows ---- */

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
    for (const uint8_t *b = p; n; n--)
        h = (h ^ *b++) * 1099511628211u;
    return h;
}

/* Goes on from *hash over the events in (after, to]; returns the last one there. */
static int64_t hash_events(struct db *db, int64_t after, int64_t to, uint64_t *hash)
{
    struct stmt *q =
        db_q(db, "SELECT seq,body,leaf FROM event WHERE seq>? AND seq<=? ORDER BY seq");
    q_int(q_int(q, 1, after), 2, to);
    while (q_step(q) == 1) {
        size_t n = 0;
        after = q_col(q, 0);
        const void *body = q_bytes(q, 1, &n);
        *hash = mix(*hash, body, n);
        const void *leaf = q_bytes(q, 2, &n);
        *hash = mix(*hash, leaf, n);
    }
    return after;
}

static void person_name(char buf[24], uint32_t n)
{
    snprintf(buf, 24, "%s%u", CANARY_NAME, n);
}

/* ---- the writer ---- */

static int open_record(struct fix *f, struct err *e)
{
    struct store_options o = fix_options(f);
    return store_open(&o, &f->s, e);
}

static void start(struct fix *f, struct ack *a)
{
    struct item_line_state st;
    json_t *details = json_pack("{s:s}", "map", "sorter");
    fix_begin(f);
    OK(line_configure(f->s, "a", details, &f->line, e));
    json_decref(details);
    OK(item_line_state(f->s, f->line, &st, e));
    f->epoch = st.epoch;
    if (!st.epoch_seen) {
        OK(epoch_propose(f->s, f->line, 7, &f->epoch, e));
        OK(epoch_shown(f->s, f->line, f->epoch, 7, e));
    }
    a->line = f->line;
    a->epoch = f->epoch;
    a->items = st.seq;
    a->people = (uint32_t)fix_number(store_people(f->s), "SELECT count(*) FROM person");
}

static bool batch(struct fix *f, struct ack *a, uint32_t turn)
{
    char name[24], pid[PEOPLE_PID_SIZE];
    uint32_t n = 1 + (uint32_t)chance(BATCH_MAX);
    fix_begin(f);
    fix_rows(f, a->items + 1, a->items + n);
    a->items += n;
    if (turn % 8 == 0) {
        person_name(name, ++a->people);
        OK(people_add(f->s, "farmer", name, NULL, NULL, pid, e));
    }
    OK(item_blocks(f->s, mono_now(), turn % 4 == 0, e));
    if (store_commit(f->s, NULL))
        return false;
    a->events = hash_events(store_db(f->s), a->events, INT64_MAX, &a->hash);
    return true;
}

/* Until it is killed, or the disk is gone under it. */
static _Noreturn void writer(const char *at, int pipe_to, uint64_t seed)
{
    struct fix f = {0};
    struct ack a = {0};
    r.chance = seed;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* the mount goes with its last process */
    if (chdir(at) || !freopen("../writer.log", "w", stderr))
        _exit(1);
    strcpy(f.dir, "s");
    strcpy(f.key, "key");
    if (open_record(&f, NULL))
        _exit(1);
    if (r.lies)
        OK(db_exec(store_db(f.s), "PRAGMA synchronous=NORMAL", e));
    start(&f, &a);
    bool good = store_commit(f.s, NULL) == 0;
    for (uint32_t turn = 1; good && write(pipe_to, &a, sizeof a) == sizeof a; turn++)
        good = batch(&f, &a, turn);
    _exit(0);
}

/* ---- the judge ---- */

/* The newest acknowledgement so far; how many there were. */
static int64_t take_acks(int pipe_from, struct ack *ret)
{
    struct ack a;
    int64_t n = 0;
    for (; read(pipe_from, &a, sizeof a) == sizeof a; n++)
        *ret = a;
    return n;
}

/* Items 1 … n are there and say what they should; returns how many are not. */
static void judge_items(struct db *db, const struct ack *a, const struct ack *late)
{
    struct fix f = {.line = a->line, .epoch = a->epoch};
    struct stmt *q = db_q(db, "SELECT i.id & 4294967295, i.net_mg, i.dia_um, i.at_ms, o.at_ms,"
                              " o.outlet, i.lane FROM item i LEFT JOIN outcome o ON o.id=i.id"
                              " ORDER BY i.id");
    uint32_t seq = 0;
    int64_t altered = 0;
    while (q_step(q) == 1) {
        struct item it = fix_item(&f, ++seq);
        struct outcome o = fix_outcome(&f, seq);
        altered += q_col(q, 0) != seq || q_col(q, 1) != it.net_mg || q_col(q, 2) != it.dia_um ||
                   q_col(q, 3) != it.at.ms || q_col(q, 4) != o.at.ms || q_col(q, 5) != o.outlet ||
                   q_col(q, 6) != it.lane;
    }
    if (seq < a->items)
        wrong(&r.lost, a->items - seq, "items", "acknowledged rows are lost");
    if (altered)
        wrong(&r.altered, altered, "items", "rows are altered");
    r.ghosts += seq < late->items && late->items > a->items;
    if (seq > late->items + BATCH_MAX)
        wrong(&r.inconsistent, 1, "items", "more are there than were written");
    r.acked += a->items;
}

static void judge_events(struct db *db, const struct ack *a, uint64_t before)
{
    uint64_t hash = before;
    int64_t last = hash_events(db, 0, a->events, &hash);
    if (last < a->events)
        wrong(&r.lost, a->events - last, "events", "acknowledged rows are lost");
    else if (a->hash != hash)
        wrong(&r.altered, 1, "events", "their bytes are others");
}

static void judge_people(struct db *people, const struct ack *a, const struct ack *late)
{
    char name[24];
    int64_t have = fix_number(people, "SELECT count(*) FROM person");
    if (have < a->people)
        wrong(&r.lost, a->people - have, "people", "acknowledged rows are lost");
    if (have > late->people + 1)
        wrong(&r.inconsistent, 1, "people", "more are there than were written");
    for (uint32_t n = 1; n <= a->people; n++) {
        person_name(name, n);
        struct stmt *q = q_text(db_q(people, "SELECT 1 FROM person WHERE name=?"), 1, name);
        if (q_step(q) != 1)
            wrong(&r.altered, 1, "people", name);
        q_done(q);
    }
}

static void judge_whole(struct store *s)
{
    struct err why = {0};
    json_t *report = NULL;
    if (verify_store(store_db(s), NULL, &report, &why))
        wrong(&r.inconsistent, 1, "verify", why.text);
    json_decref(report);
    struct db *dbs[] = {store_db(s), store_people(s)};
    for (size_t k = 0; k < 2; k++) {
        struct stmt *q = db_q(dbs[k], "PRAGMA integrity_check");
        if (q_step(q) != 1 || strcmp(q_str(q, 0), "ok") != 0)
            wrong(&r.inconsistent, 1, "integrity_check", db_path(dbs[k]));
        q_done(q);
    }
}

static void judge(struct loopfs *fs, const struct ack *a, const struct ack *late)
{
    struct fix f = {0};
    struct err why = {0};
    snprintf(f.dir, sizeof f.dir, "%.80s/s", fs->at);
    snprintf(f.key, sizeof f.key, "%.80s/key", fs->at);
    if (open_record(&f, &why)) {
        wrong(&r.inconsistent, 1, "the record does not open", why.text);
        return;
    }
    if (a) {
        judge_items(store_db(f.s), a, late);
        judge_events(store_db(f.s), a, 0);
        judge_people(store_people(f.s), a, late);
    }
    judge_whole(f.s);
    fix_close(&f);
}

/* ---- a cut ---- */

static void wait_for(int pipe_from, pid_t pid)
{
    struct pollfd p = {.fd = pipe_from, .events = POLLIN};
    if (chance(8) != 0) /* else even while it opens or creates */
        poll(&p, 1, READY_MS);
    if (kill(pid, 0) == 0)
        usleep((useconds_t)chance(60000));
}

static const char *last_words(const struct loopfs *fs)
{
    static char text[300];
    char path[160];
    snprintf(path, sizeof path, "%s/../writer.log", fs->at);
    FILE *f = fopen(path, "re");
    text[f ? fread(text, 1, sizeof text - 1, f) : 0] = '\0';
    if (f)
        fclose(f);
    return text;
}

static bool one_cut(struct loopfs *fs)
{
    struct ack a = {0};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        writer(fs->at, ends[1], r.chance);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    wait_for(ends[0], pid);
    int64_t acks = take_acks(ends[0], &a);
    bool good = pid > 0, over = good && waitpid(pid, NULL, WNOHANG) == pid;
    if (over)
        wrong(&r.inconsistent, 1, "the writer ended", last_words(fs));
    good = good && loopfs_cut(fs);
    if (pid > 0 && !over && (kill(pid, SIGKILL) || waitpid(pid, NULL, 0) != pid))
        good = false;
    struct ack late = a;
    int64_t ghosts = take_acks(ends[0], &late);
    close(ends[0]);
    if (!good || !loopfs_unmount(fs) || !loopfs_mount(fs))
        return false;
    r.cuts++;
    r.commits += acks;
    judge(fs, acks ? &a : NULL, ghosts ? &late : &a);
    return true;
}

static bool fresh_disk(struct loopfs *fs, const char *dir)
{
    if (fs->root >= 0 && !loopfs_unmount(fs))
        return false;
    return loopfs_format(fs, dir, MEGABYTES) && loopfs_mount(fs);
}

static int report(double seconds)
{
    printf("{\"target\":\"check-powercut\",\"cuts\":%lld,\"commits\":%lld,\"acked\":%lld,\"lost\":%"
           "lld,"
           "\"altered\":%lld,\"inconsistent\":%lld,\"ghosts\":%lld,\"seconds\":%.1f}\n",
           (long long)r.cuts, (long long)r.commits, (long long)r.acked, (long long)r.lost,
           (long long)r.altered, (long long)r.inconsistent, (long long)r.ghosts, seconds);
    return r.lost || r.altered || r.inconsistent;
}

static int64_t option(const char *name, int64_t without)
{
    const char *v = getenv(name);
    return v && *v ? strtoll(v, NULL, 10) : without;
}

static int cut_often(const char *dir, int64_t n)
{
    struct loopfs fs = {.root = -1};
    int bad = 0;
    for (int64_t k = 0; k < n && !stopped && !bad; k++) {
        bool good = (k % CUTS_A_DISK != 0 || fresh_disk(&fs, dir)) && one_cut(&fs);
        if (!good && k == 0) {
            printf("check-powercut: skipped: no ext4 on a loop device here (%s)\n",
                   strerror(errno));
            return -1;
        }
        bad = !good && !stopped;
    }
    if (bad)
        fprintf(stderr, "powercut: the loop device failed: %s\n", strerror(errno));
    if (fs.root >= 0)
        loopfs_unmount(&fs);
    return bad;
}

int main(void)
{
    struct tmp room;
    char why[80];
    struct mono start = mono_now();
    if (!loopfs_possible(why, sizeof why)) {
        printf("check-powercut: skipped: %s\n", why);
        return 0;
    }
    for (size_t k = 0; k < 3; k++)
        sigaction((const int[]){SIGINT, SIGTERM, SIGHUP}[k],
                  &(struct sigaction){.sa_handler = on_signal}, NULL);
    r.seed = r.chance = (uint64_t)option("SEED", 1);
    r.lies = option("LIES", 0);
    strcpy(room.dir,
           access("/dev/shm", W_OK) ? "/tmp/lotline-cut-XXXXXX" : "/dev/shm/lotline-cut-XXXXXX");
    if (!mkdtemp(room.dir))
        return 1;
    int bad = cut_often(room.dir, option("N", 500));
    tmp_remove(&room);
    if (bad < 0)
        return 0;
    return report((double)mono_since_ms(mono_now(), start) / 1000.0) || bad || stopped;
}
