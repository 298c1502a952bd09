/* make check-crashvfs: crashes of the record at every write, truncate, sync and delete of a
 * canonical day, again while it recovers from the first, and every kind of ill health of the disk
 * at the same places. Afterwards what was acknowledged must be there, equal, and nothing else but
 * at most the commit in flight.
 *
 * The day runs once in this process, on the disk in memory. Before each chosen operation it forks:
 * the child's machine dies (or falls ill) there, the child recovers, judges and ends; the parent
 * goes on as if nothing had happened. So the k-th operation is reached at no cost, and k children
 * at a time use all cores. Parent and children stand in directories of their own, because lock and
 * key files are real.
 *
 * Everything comes from SEED: `make check-crashvfs SEED=s OP=k` repeats one crash. */
#include "tests/simulation/canon.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/fixed.h"
#include "tests/simulation/rows.h"
#include "traceability/people.h"
#include "traceability/verify.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Rows are compared each time; what takes longer, every so many times. */
enum {
    SLOTS = 2,
    EVERY_VERIFY = 4,
    EVERY_INTEGRITY = 16,
    EVERY_REBUILD = 64,
    EVERY_GO_ON = 16,
    HANG_S = 60
};

struct tally {
    int64_t crashes, ills, acked, lost, altered, inconsistent;
    char first[400];
};

static struct tally *tally; /* one a slot, shared with the children; the last: the parent's */
static pid_t child_of[SLOTS];
static uint64_t op_of[SLOTS];

static struct {
    uint64_t seed, op, chance; /* of this pass; of this child */
    uint64_t stride, offset;   /* every stride-th operation */
    int64_t left;              /* crashes wanted still */
    bool ill;                  /* this pass brings ill health instead of death */
    bool child, opened;        /* opened: the record's creation is acknowledged */
    struct tally *t;
    struct canon c;
    struct rows store, people;             /* acknowledged */
    struct rows next_store, next_people;   /* the same with the commit in flight */
    struct rows found_store, found_people; /* after the crash */
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

static void complain(int64_t *counter, int64_t by, const char *what, const char *text)
{
    *counter += by;
    if (!r.t->first[0])
        snprintf(r.t->first, sizeof r.t->first, "SEED=%llu OP=%llu %s: %s",
                 (unsigned long long)r.seed, (unsigned long long)r.op, what, text);
}

static void wrong(const char *what, const struct err *e)
{
    complain(&r.t->inconsistent, 1, what, e ? e->text : "");
}

/* ---- judging ---- */

static void judge_rows(const char *what, const struct rows *acked, const struct rows *next,
                       const struct rows *found)
{
    if (rows_equal(found, acked) || rows_equal(found, next))
        return;
    struct difference d = rows_compare(acked, found);
    if (d.lost)
        complain(&r.t->lost, d.lost, what, "acknowledged rows are lost");
    if (d.altered)
        complain(&r.t->altered, d.altered, what, "acknowledged rows are altered");
    if (!d.lost && !d.altered)
        complain(&r.t->inconsistent, 1, what, "a part of the commit in flight is there");
}

static void judge_integrity(struct db *db)
{
    struct stmt *q = db_q(db, "PRAGMA integrity_check");
    if (q_step(q) != 1 || strcmp(q_str(q, 0), "ok") != 0)
        complain(&r.t->inconsistent, 1, "integrity_check", db_path(db));
    q_done(q);
}

static void read_rows(struct rows *store, struct rows *people)
{
    struct store *s = r.c.farm.f.s;
    if (rows_of_store(store_db(s), store) || rows_of_people(store_people(s), people))
        complain(&r.t->inconsistent, 1, "rows cannot be read", "");
}

static void judge(void)
{
    struct err e = {0};
    struct store *s = r.c.farm.f.s;
    json_t *report = NULL;
    read_rows(&r.found_store, &r.found_people);
    if (r.opened) { /* else it died while the record was being created */
        judge_rows("store.db", &r.store, &r.next_store, &r.found_store);
        judge_rows("people.db", &r.people, &r.next_people, &r.found_people);
        if (!rows_equal(&r.found_store, &r.store) && !rows_equal(&r.found_people, &r.next_people))
            wrong("store.db went ahead of people.db", NULL);
    }
    r.t->acked += (int64_t)(r.store.n + r.people.n);
    if (chance(EVERY_VERIFY) == 0 && verify_store(store_db(s), NULL, &report, &e))
        wrong("verify", &e);
    json_decref(report);
    if (chance(EVERY_INTEGRITY) == 0) {
        judge_integrity(store_db(s));
        judge_integrity(store_people(s));
    }
    if (chance(EVERY_REBUILD) == 0 && rebuild_check(store_db(s), r.c.farm.f.dir, NULL, &e))
        wrong("rebuild", &e);
}

/* ---- a child's way ---- */

static void die(bool cut)
{
    disk_die();
    canon_close(&r.c);
    disk_restart(cut);
    r.t->crashes++;
}

static bool any_cut(void)
{
    return chance(4) != 0;
}

/* Opens, and dies on the way some more times. */
static bool recover(void)
{
    struct err e = {0};
    static const uint64_t reach[] = {4, 16, 60, 150}; /* an opening takes up to some 150 */
    for (int again = 0; again < 6; again++) {
        disk_die_at(1 + chance(reach[chance(4)]));
        int rc = canon_open(&r.c, &e);
        disk_die_at(0);
        if (rc == 0)
            return true;
        if (!disk_dead()) {
            wrong("it does not open", &e);
            return false;
        }
        die(any_cut());
    }
    if (canon_open(&r.c, &e) == 0)
        return true;
    wrong("it does not open", &e);
    return false;
}

static void acknowledge(void)
{
    rows_copy(&r.store, &r.next_store);
    rows_copy(&r.people, &r.next_people);
}

/* Work goes on, and what is acknowledged now survives the next cut. */
static void go_on(void)
{
    struct err e = {0};
    if (canon_go_on(&r.c)) {
        wrong("work does not go on", NULL);
        return;
    }
    read_rows(&r.next_store, &r.next_people);
    acknowledge();
    die(true);
    if (canon_open(&r.c, &e))
        wrong("it does not open after more work", &e);
    else
        judge();
}

static void after_death(void)
{
    die(any_cut());
    if (!recover())
        return;
    judge();
    if (chance(EVERY_GO_ON) == 0)
        go_on();
}

/* The commit failed, or something after it: nothing goes on before a reopen, all goes
 * on after it. */
static void after_illness(bool failed)
{
    struct err e = {0};
    r.t->ills++;
    if (!r.c.farm.f.s) { /* while it was opened */
        disk_ill(DISK_WELL);
        if (canon_open(&r.c, &e))
            wrong("it does not open when the disk is well again", &e);
    } else if (failed) {
        if (store_begin(r.c.farm.f.s, NULL) == 0 && canon_go_on(&r.c) == 0)
            wrong("a commit was acknowledged before a reopen", NULL);
        if (chance(2))
            store_reopen(r.c.farm.f.s, NULL);
        disk_ill(DISK_WELL);
        if (store_reopen(r.c.farm.f.s, &e))
            wrong("it does not reopen when the disk is well again", &e);
    }
    disk_ill(DISK_WELL);
    if (r.t->inconsistent || !r.c.farm.f.s)
        return;
    judge();
    go_on();
}

/* ---- the day ---- */

static void reap(size_t slot)
{
    int status = 0;
    pid_t pid = child_of[slot];
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    child_of[slot] = 0;
    if (status == 0)
        return;
    r.op = op_of[slot];
    complain(&tally[SLOTS].inconsistent, 1, "the process that recovers",
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "ended with an error");
}

static void reap_all(void)
{
    for (size_t k = 0; k < SLOTS; k++)
        if (child_of[k])
            reap(k);
}

static int opening(void)
{
    struct err why = {0};
    if (r.c.farm.f.s)
        return 0;
    if (!r.child)
        reap_all(); /* they inherited the lock of the file that was just closed */
    int rc = canon_open(&r.c, &why);
    if (rc && !r.child)
        wrong("a healthy disk does not open", &why);
    if (rc || r.opened)
        return rc;
    read_rows(&r.next_store, &r.next_people);
    acknowledge();
    r.opened = true;
    return 0;
}

static int commit(int turn)
{
    struct err why = {0};
    OK(store_begin(r.c.farm.f.s, e));
    canon_turn(&r.c, turn);
    read_rows(&r.next_store, &r.next_people);
    int rc = store_commit(r.c.farm.f.s, &why);
    if (rc == 0)
        acknowledge();
    else if (!r.child)
        wrong("a healthy commit failed", &why);
    return rc;
}

/* In a child it ends where the trouble ends. */
static int day(void)
{
    for (int turn = 0; turn < CANON_TURNS; turn++) {
        int rc = opening();
        if (rc || r.child)
            return rc;
        rc = commit(turn);
        if (rc || r.child)
            return rc;
        canon_rest(&r.c, turn);
        if (r.child)
            return 0;
    }
    return 0;
}

static void enter(size_t slot)
{
    char dir[16];
    snprintf(dir, sizeof dir, "../%zu", slot);
    assert(chdir(dir) == 0);
    unlink("key");
    if (link("../day/key", "key") && errno != ENOENT)
        abort();
}

static void become_child(size_t slot, uint64_t op)
{
    static const enum disk_ill ills[] = {DISK_FULL, DISK_READ_ONLY, DISK_SYNC_FAILS};
    disk_watch = NULL;
    r.child = true;
    r.t = &tally[slot];
    r.op = op;
    r.chance = r.seed ^ op << 32;
    alarm(HANG_S);
    enter(slot);
    disk_chance(chance(UINT64_MAX));
    if (r.ill)
        disk_ill(ills[chance(3)]);
    else
        disk_die();
}

static size_t free_slot(void)
{
    static size_t next;
    size_t slot = next++ % SLOTS;
    if (child_of[slot])
        reap(slot);
    return slot;
}

static int64_t crashes(void)
{
    int64_t n = 0;
    for (size_t k = 0; k <= SLOTS; k++)
        n += tally[k].crashes;
    return n;
}

static void watch(uint64_t op)
{
    if (stopped || op % r.stride != r.offset || (!r.ill && crashes() >= r.left))
        return;
    size_t slot = free_slot();
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        become_child(slot, op);
        return;
    }
    child_of[slot] = pid;
    op_of[slot] = op;
}

/* A day under a seed; returns its number of operations. A child does not come back. */
static uint64_t pass(uint64_t seed, bool ill, uint64_t stride, uint64_t offset)
{
    r.seed = seed;
    r.ill = ill;
    r.stride = stride;
    r.offset = offset;
    r.store.n = r.people.n = r.next_store.n = r.next_people.n = 0;
    r.opened = false;
    unlink("key");
    disk_format(seed);
    fixed_seed(seed);
    canon_start(&r.c);
    disk_watch = stride ? watch : NULL;
    int rc = day();
    disk_watch = NULL;
    if (r.child && r.ill)
        after_illness(rc != 0);
    else if (r.child)
        after_death();
    if (r.child)
        _exit(0);
    reap_all();
    canon_close(&r.c);
    return disk_ops();
}

/* ---- the whole ---- */

static uint64_t option(const char *name, uint64_t without)
{
    const char *v = getenv(name);
    return v && *v ? strtoull(v, NULL, 10) : without;
}

static void make_room(struct tmp *t)
{
    char name[16];
    canon_room(t);
    for (size_t k = 0; k <= SLOTS; k++) {
        snprintf(name, sizeof name, k < SLOTS ? "%zu" : "day", k);
        assert(mkdir(tmp_path(t, name), 0700) == 0);
    }
    assert(chdir(t->path) == 0);
}

static int report(uint64_t exhaustive, double seconds)
{
    struct tally all = {0};
    for (size_t k = 0; k <= SLOTS; k++) {
        const struct tally *t = &tally[k];
        all.crashes += t->crashes;
        all.ills += t->ills;
        all.acked += t->acked;
        all.lost += t->lost;
        all.altered += t->altered;
        all.inconsistent += t->inconsistent;
        if (t->first[0])
            fprintf(stderr, "crashvfs: first failure: %s\n", t->first);
    }
    printf(
        "{\"target\":\"check-crashvfs\",\"crashes\":%lld,\"exhaustive_ops\":%llu,\"ills\":%lld,"
        "\"acked\":%lld,\"lost\":%lld,\"altered\":%lld,\"inconsistent\":%lld,\"seconds\":%.1f}\n",
        (long long)all.crashes, (unsigned long long)exhaustive, (long long)all.ills,
        (long long)all.acked, (long long)all.lost, (long long)all.altered,
        (long long)all.inconsistent, seconds);
    return all.lost || all.altered || all.inconsistent;
}

/* All operations when N allows it, first by death, then by illness, then new days;
 * else every n-th. */
static uint64_t all_passes(uint64_t seed, int64_t n)
{
    uint64_t ops = pass(seed, false, 0, 0), exhaustive = 0;
    uint64_t stride = 1 + ops * 2 / (uint64_t)n, ills = stride > 1 ? 4 * stride : 1;
    r.left = n;
    for (uint64_t k = 0; crashes() < n && !stopped; k++) {
        pass(seed + k, false, stride, (seed + k) % stride);
        exhaustive = stride == 1 && k == 0 && !stopped && crashes() < n ? ops : exhaustive;
        if (k % 8 == 0)
            pass(seed + k, true, ills, (seed + k) % ills);
    }
    return exhaustive;
}

int main(void)
{
    struct tmp room;
    struct timespec a, b;
    uint64_t seed = option("SEED", 1), op = option("OP", 0), exhaustive = 0;
    tally = mmap(NULL, (SLOTS + 1) * sizeof *tally, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(tally != MAP_FAILED);
    r.t = &tally[SLOTS];
    sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
    make_room(&room);
    disk_register();
    fixed_seed(seed);
    disk_lies = option("LIES", 0);
    assert(db_use_vfs(DISK_VFS) == 0);
    clock_gettime(CLOCK_MONOTONIC, &a);
    if (op) {
        r.left = INT64_MAX;
        pass(seed, option("ILL", 0), UINT64_MAX, op);
    } else {
        exhaustive = all_passes(seed, (int64_t)option("N", 2000));
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    int bad =
        report(exhaustive, (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
    tmp_remove(&room);
    return bad || stopped;
}
