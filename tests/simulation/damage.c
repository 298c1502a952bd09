/* make check-damage: a record of a whole day, its file damaged in a random place (a bit, some
 * bytes, a sector, a page, two pages exchanged, the end cut off), then read, verified, served,
 * exported, rebuilt, and opened by the writer, who tries to go on. Nothing may crash or hang, and
 * verify may never say that all holds when a row of the truth is not what it was. Each damage has a
 * process of its own, forked with the whole disk in its memory. `make check-damage SEED=s OP=n`
 * repeats one. */
#include "tests/simulation/canon.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/fixed.h"
#include "tests/simulation/rows.h"
#include "traceability/lists.h"
#include "traceability/people.h"
#include "traceability/trace.h"
#include "traceability/verify.h"
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PAGE = 1024, SECTOR = 512, HANG_S = 60 };

struct tally {
    int64_t damaged, refused, found, harmless, missed, crashed, extended, stopped;
    int64_t
        extended_altered; /* the writer goes on where a truth row is altered that it did not read */
};

static struct {
    uint64_t seed, chance;
    struct tally *t; /* shared with the children */
    bool altered;
    struct rows truth, now;
    struct canon c;
} r;

static uint64_t chance(uint64_t below)
{
    return seed_next(&r.chance) % below;
}

/* ---- damage ---- */

static void cut_off(const char *path, size_t size)
{
    sqlite3_vfs *v = sqlite3_vfs_find(DISK_VFS);
    sqlite3_file *f = calloc(1, (size_t)v->szOsFile);
    assert(f && v->xOpen(v, path, f, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MAIN_DB, NULL) == 0);
    assert(f->pMethods->xTruncate(f, (sqlite3_int64)size) == 0);
    f->pMethods->xClose(f);
    free(f);
}

static void noise(uint8_t *p, size_t n)
{
    bool zero = chance(3) == 0;
    for (size_t i = 0; i < n; i++)
        p[i] = zero ? 0 : (uint8_t)chance(256);
}

static void exchange(uint8_t *a, uint8_t *b)
{
    uint8_t keep[PAGE];
    memcpy(keep, a, PAGE);
    memcpy(a, b, PAGE);
    memcpy(b, keep, PAGE);
}

static void damage(const char *path)
{
    size_t n = 0;
    uint8_t *p = disk_file(path, &n);
    size_t page = chance(n / PAGE) * PAGE, at = page + chance(PAGE - 16);
    switch (chance(8)) {
    case 0: p[at] ^= (uint8_t)(1u << chance(8)); break;
    case 1: noise(p + at, 1 + chance(15)); break;
    case 2: noise(p + page + chance(PAGE / SECTOR) * SECTOR, SECTOR); break;
    case 3: noise(p + page, PAGE); break;
    case 4: exchange(p + page, p + chance(n / PAGE) * PAGE); break;
    case 5: noise(p + page, 8 + chance(8)); break;        /* a page's header and first cells */
    case 6: noise(p + chance(100), 1 + chance(8)); break; /* the file's header */
    default: cut_off(path, chance(4) ? page : n - chance(n / 2));
    }
}

/* ---- a reader ---- */

static void serve_lot(struct db *db, const char *id)
{
    int (*const answers[])(struct db *, const char *, json_t **,
                           struct err *) = {lot_show, lot_trace, lot_recall, lot_public};
    for (size_t k = 0; k < sizeof answers / sizeof *answers; k++) {
        json_t *a = NULL;
        struct err e = {0};
        if (answers[k](db, id, &a, &e) == 0)
            json_decref(a);
    }
}

static void serve(struct db *db)
{
    struct farm_demo *d = &r.c.demo;
    json_t *a = NULL;
    int64_t events = 0;
    const char *ids[] = {d->lot1, d->lot2, d->lot3, d->box, d->run.grade[0], d->run.grade[1]};
    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++)
        serve_lot(db, ids[k]);
    if (lot_list(db, 100, &a, NULL) == 0)
        json_decref(a);
    if (list_products(db, &a, NULL) == 0)
        json_decref(a);
    if (list_lots(db, "", 100, &a, NULL) == 0)
        json_decref(a);
    if (list_tasks(db, "", 100, &a, NULL) == 0)
        json_decref(a);
    if (run_balance(db, d->run.id, &a, NULL) == 0)
        json_decref(a);
    if (export_epcis(db, NULL, "https://example.org", &a, NULL) == 0)
        json_decref(a);
    rebuild_check(db, r.c.farm.f.dir, &events, NULL);
}

static bool verifies(struct db *db)
{
    json_t *report = NULL;
    struct err e = {0};
    int rc = verify_store(db, NULL, &report, &e);
    json_decref(report);
    return rc == 0;
}

static void missed(uint64_t op, const char *when)
{
    struct difference d = rows_compare(&r.truth, &r.now);
    fprintf(stderr,
            "damage: SEED=%llu OP=%llu: %s: verified, but of the truth %lld rows are gone, %lld "
            "others, %lld new\n",
            (unsigned long long)r.seed, (unsigned long long)op, when, (long long)d.lost,
            (long long)d.altered, (long long)d.added);
    r.t->missed++;
}

static void read_all(uint64_t op)
{
    struct db *db = NULL;
    struct err e = {0};
    if (store_open_reader(r.c.farm.f.dir, &db, &e)) {
        r.t->refused++;
        return;
    }
    bool good = verifies(db);
    r.altered = rows_of_truth(db, &r.now) || !rows_equal(&r.truth, &r.now);
    r.t->found += !good;
    r.t->harmless += good && !r.altered;
    if (good && r.altered)
        missed(op, "as found");
    serve(db);
    db_close(db);
}

/* ---- the writer ---- */

static bool goes_on(void)
{
    return canon_go_on(&r.c) == 0 ||
           (store_reopen(r.c.farm.f.s, NULL) == 0 && canon_go_on(&r.c) == 0);
}

/* What it adds does not make an altered row look right. */
static void write_on(uint64_t op)
{
    struct err e = {0};
    json_t *people = NULL;
    if (canon_open(&r.c, &e)) {
        r.t->stopped += e.text[0] != '\0'; /* with a reason */
        return;
    }
    if (people_find(r.c.farm.f.s, "", "", 100, &people, &e) == 0)
        json_decref(people);
    if (goes_on()) {
        r.t->extended++;
        r.t->extended_altered += r.altered;
        if (r.altered && verifies(store_db(r.c.farm.f.s)))
            missed(op, "with more behind it");
    }
    canon_close(&r.c);
}

static void child(uint64_t op)
{
    r.chance = r.seed ^ op << 20;
    alarm(HANG_S);
    damage(chance(8) ? "s/store.db" : "s/people.db");
    read_all(op);
    write_on(op);
}

static void one(uint64_t op)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        child(op);
        fflush(NULL);
        _exit(0);
    }
    assert(waitpid(pid, &status, 0) == pid);
    r.t->damaged++;
    if (status == 0)
        return;
    r.t->crashed++;
    fprintf(stderr, "damage: SEED=%llu OP=%llu: %s\n", (unsigned long long)r.seed,
            (unsigned long long)op,
            WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "an error ended it");
}

/* ---- the whole ---- */

/* All rows stand under blocks and in the file, not in its log. */
static void make_record(void)
{
    struct fix *f = &r.c.farm.f;
    disk_format(1);
    canon_start(&r.c);
    for (int turn = 0; turn < CANON_TURNS; turn++) {
        if (!f->s)
            OK(canon_open(&r.c, e));
        OK(store_begin(f->s, e));
        canon_turn(&r.c, turn);
        if (turn == CANON_TURNS - 1)
            OK(item_blocks(f->s, mono_now(), true, e));
        OK(store_commit(f->s, e));
        canon_rest(&r.c, turn);
    }
    OK(db_checkpoint(store_db(f->s), true));
    OK(db_checkpoint(store_people(f->s), true));
    OK(rows_of_truth(store_db(f->s), &r.truth));
    canon_close(&r.c);
}

static uint64_t option(const char *name, uint64_t without)
{
    const char *v = getenv(name);
    return v && *v ? strtoull(v, NULL, 10) : without;
}

static int report(double seconds)
{
    const struct tally *t = r.t;
    printf("{\"target\":\"check-damage\",\"damaged\":%lld,\"refused\":%lld,\"found\":%lld,"
           "\"harmless\":%lld,\"missed\":%lld,\"crashed\":%lld,\"writer_refused\":%lld,"
           "\"extended\":%lld,\"extended_altered\":%lld,\"seconds\":%.1f}\n",
           (long long)t->damaged, (long long)t->refused, (long long)t->found,
           (long long)t->harmless, (long long)t->missed, (long long)t->crashed,
           (long long)t->stopped, (long long)t->extended, (long long)t->extended_altered, seconds);
    return t->missed || t->crashed || t->found == 0;
}

int main(void)
{
    struct tmp room;
    struct timespec a, b;
    uint64_t n = option("N", 1000), op = option("OP", 0);
    r.seed = option("SEED", 1);
    r.t = mmap(NULL, sizeof *r.t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(r.t != MAP_FAILED);
    canon_room(&room);
    assert(chdir(room.dir) == 0);
    disk_register();
    fixed_seed(1);
    assert(db_use_vfs(DISK_VFS) == 0);
    make_record();
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (uint64_t k = op ? op : 1; k <= (op ? op : n); k++)
        one(k);
    clock_gettime(CLOCK_MONOTONIC, &b);
    tmp_remove(&room);
    return report((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
}
