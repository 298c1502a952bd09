/* A disk in memory that loses what a disk may lose (contract: disk.h; SQLite's side: disk_vfs.c).
 * Thread: one. Owns: the names, the files' bytes, the chance.
 *
 * Invariants
 *  1. A file has two images: `live`, what the kernel shows, and `durable`, what a cut leaves. They
 *     differ only where the log says; a good sync applies the log to `durable` and empties it, so a
 *     write costs three copies of its own bytes and a sync never looks at the rest of the file.
 *  2. A name likewise: `live`, `durable`, and the creations and deletions since the last sync of
 *     its directory. A file lives as long as one of them, or an open connection, leads to it.
 *  3. Only bytes inside a write's range come to harm (SQLite's POWERSAFE_OVERWRITE, as its unix VFS
 *     assumes), and what was synced comes to none.
 *  4. After a sync that failed the platter holds what chance took of the log, and no later sync
 *     brings the rest: the kernel has forgotten that it was dirty. */
#include "tests/simulation/disk_inner.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, NAMES_MAX = 256 };

struct name {
    char *path;
    struct inode *live, *durable;
};

struct change { /* of a name, since its directory was synced; to NULL: deleted */
    struct name *name;
    struct inode *to;
};

static struct {
    struct name name[NAMES_MAX];
    size_t names;
    struct change *change;
    size_t changes, changes_cap;
    int opens;
    uint64_t ops, die_at; /* die_at 0: never */
    bool dead;
    enum disk_ill ill;
    uint64_t chance, randomness;
} disk;

bool disk_lies;
void (*disk_watch)(uint64_t op);

/* ---- chance: splitmix64 ---- */

static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fill(uint64_t *state, uint8_t *p, size_t n)
{
    for (; n; n -= n < 8 ? n : 8) {
        uint64_t r = next(state);
        memcpy(p, &r, n < 8 ? n : 8);
        p += n < 8 ? n : 8;
    }
}

static bool coin(void)
{
    return next(&disk.chance) >> 63;
}

void disk_random(void *p, size_t n)
{
    fill(&disk.randomness, p, n);
}

/* ---- bytes ---- */

static void *grown(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return p;
    size_t n = *cap ? *cap : 16;
    while (n < need)
        n *= 2;
    p = realloc(p, n * size);
    assert(p);
    *cap = n;
    return p;
}

static void image_resize(struct image *m, size_t n)
{
    m->p = grown(m->p, &m->cap, n, 1);
    if (n > m->n)
        memset(m->p + m->n, 0, n - m->n);
    m->n = n;
}

static void image_write(struct image *m, const void *p, size_t n, size_t off)
{
    m->p = grown(m->p, &m->cap, off + n, 1);
    if (off > m->n)
        memset(m->p + m->n, 0, off - m->n);
    memcpy(m->p + off, p, n);
    m->n = off + n > m->n ? off + n : m->n;
}

static struct write *note(struct inode *i)
{
    i->log = grown(i->log, &i->log_cap, i->log_n + 1, sizeof *i->log);
    return &i->log[i->log_n++];
}

void inode_write(struct inode *i, const void *p, size_t n, size_t off)
{
    *note(i) = (struct write){.off = off, .n = n, .data = i->data.n};
    image_write(&i->data, p, n, i->data.n);
    image_write(&i->live, p, n, off);
}

void inode_truncate(struct inode *i, size_t size)
{
    *note(i) = (struct write){.truncate = true, .off = size, .n = i->live.n};
    image_resize(&i->live, size);
}

static void log_forget(struct inode *i)
{
    i->log_n = i->gone;
    i->data.n = 0;
}

static void keep(struct inode *i, const struct write *w)
{
    if (w->truncate)
        image_resize(&i->durable, w->off);
    else
        image_write(&i->durable, i->data.p + w->data, w->n, w->off);
}

void inode_sync(struct inode *i)
{
    for (size_t k = i->gone; k < i->log_n; k++)
        keep(i, &i->log[k]);
    log_forget(i);
}

/* ---- what becomes of what was not synced ---- */

enum mood { NOTHING, ALL, IN_ORDER, ANYHOW }; /* of one cut */

static void tear(struct inode *i, const struct write *w)
{
    size_t end = w->off + w->n;
    for (size_t at = w->off; at < end;) {
        size_t stop = (at / SECTOR + 1) * SECTOR;
        stop = stop < end ? stop : end;
        if (coin())
            image_write(&i->durable, i->data.p + w->data + (at - w->off), stop - at, at);
        at = stop;
    }
}

static void spoil(struct inode *i, const struct write *w)
{
    if (w->off + w->n > i->durable.n)
        image_resize(&i->durable, w->off + w->n);
    if (coin())
        fill(&disk.chance, i->durable.p + w->off, w->n);
    else
        memset(i->durable.p + w->off, 0, w->n); /* the size arrived, the bytes did not */
}

static void by_chance(struct inode *i, const struct write *w)
{
    switch (next(&disk.chance) >> 62) {
    case 0: keep(i, w); break;
    case 1: break;
    case 2: w->truncate ? keep(i, w) : tear(i, w); break;
    default:
        if (!w->truncate)
            spoil(i, w);
    }
}

static void settle(struct inode *i, enum mood mood)
{
    size_t whole = mood == ALL       ? i->log_n
                   : mood == NOTHING ? 0
                                     : next(&disk.chance) % (i->log_n + 1);
    for (size_t k = i->gone; k < i->log_n; k++)
        if (mood == ANYHOW)
            by_chance(i, &i->log[k]);
        else if (k < whole)
            keep(i, &i->log[k]);
        else if (k == whole && mood == IN_ORDER)
            by_chance(i, &i->log[k]);
}

static enum mood any_mood(void)
{
    uint64_t n = next(&disk.chance) % 8;
    return n == 0 ? NOTHING : n == 1 ? ALL : n < 4 ? IN_ORDER : ANYHOW;
}

void inode_sync_fails(struct inode *i)
{
    settle(i, any_mood());
    i->gone = i->log_n; /* invariant 4 */
    i->data.n = 0;
}

/* Makes `live` what `durable` is, where the log says that they differ (invariant 1). */
static void show_durable(struct inode *i)
{
    size_t was = i->live.n;
    image_resize(&i->live, i->durable.n);
    for (size_t k = 0; k < i->log_n; k++) {
        const struct write *w = &i->log[k];
        size_t from = w->truncate && w->n < w->off ? w->n : w->off;
        size_t to = w->truncate ? (w->n > w->off ? w->n : w->off) : w->off + w->n;
        to = to < i->durable.n ? to : i->durable.n;
        if (from < to)
            memcpy(i->live.p + from, i->durable.p + from, to - from);
    }
    if (was < i->durable.n)
        memcpy(i->live.p + was, i->durable.p + was, i->durable.n - was);
    i->gone = 0;
    log_forget(i);
}

/* ---- names ---- */

void disk_hold(struct inode *i)
{
    if (i)
        i->refs++;
}

void disk_let_go(struct inode *i)
{
    if (!i || --i->refs > 0)
        return;
    free(i->live.p);
    free(i->durable.p);
    free(i->data.p);
    free(i->log);
    for (size_t k = 0; k < SHM_REGIONS; k++)
        free(i->shm[k]);
    free(i);
}

static void lead_to(struct inode **where, struct inode *to)
{
    disk_hold(to);
    disk_let_go(*where);
    *where = to;
}

static struct name *name_of(const char *path)
{
    for (size_t k = 0; k < disk.names; k++)
        if (!strcmp(disk.name[k].path, path))
            return &disk.name[k];
    return NULL;
}

struct inode *disk_find(const char *path)
{
    struct name *n = name_of(path);
    return n ? n->live : NULL;
}

static void change(struct name *n, struct inode *to)
{
    disk.change = grown(disk.change, &disk.changes_cap, disk.changes + 1, sizeof *disk.change);
    disk.change[disk.changes++] = (struct change){n, to};
    disk_hold(to);
    lead_to(&n->live, to);
}

struct inode *disk_create(const char *path)
{
    struct inode *i = calloc(1, sizeof *i);
    assert(i);
    i->refs = 1;
    if (!path)
        return i;
    struct name *n = name_of(path);
    if (!n) {
        assert(disk.names < NAMES_MAX);
        n = &disk.name[disk.names++];
        *n = (struct name){.path = strdup(path)};
        assert(n->path);
    }
    change(n, i);
    return i;
}

void disk_unlink(const char *path)
{
    change(name_of(path), NULL);
}

static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

void disk_sync_directory_of(const char *path)
{
    size_t len = directory_length(path), left = 0;
    for (size_t k = 0; k < disk.changes; k++) {
        struct change c = disk.change[k];
        if (directory_length(c.name->path) != len || strncmp(c.name->path, path, len) != 0) {
            disk.change[left++] = c;
            continue;
        }
        lead_to(&c.name->durable, c.to);
        disk_let_go(c.to);
    }
    disk.changes = left;
}

static void cut_names(enum mood mood)
{
    uint64_t whole = next(&disk.chance) % (disk.changes + 1);
    for (size_t k = 0; k < disk.changes; k++) {
        struct change c = disk.change[k];
        if (mood == ALL || (mood == IN_ORDER && k < whole) || (mood == ANYHOW && coin()))
            lead_to(&c.name->durable, c.to);
        disk_let_go(c.to);
    }
    disk.changes = 0;
    for (size_t k = 0; k < disk.names; k++)
        lead_to(&disk.name[k].live, disk.name[k].durable);
}

/* ---- life and death ---- */

void disk_format(uint64_t seed)
{
    assert(disk.opens == 0);
    cut_names(NOTHING);
    for (size_t k = 0; k < disk.names; k++) {
        disk_let_go(disk.name[k].live);
        disk_let_go(disk.name[k].durable);
        free(disk.name[k].path);
    }
    disk.names = 0;
    disk.ops = disk.die_at = 0;
    disk.dead = false;
    disk.ill = DISK_WELL;
    disk.chance = seed;
    disk.randomness = seed ^ 0x6c6f746c696e65u;
    sqlite3_randomness(0, NULL); /* SQLite asks for a new seed of its own */
}

void disk_chance(uint64_t seed)
{
    disk.chance = seed;
}

void disk_count_opens(int by)
{
    disk.opens += by;
}

void disk_die_at(uint64_t k)
{
    disk.die_at = k ? disk.ops + k : 0;
}

void disk_die(void)
{
    disk.dead = true;
}

bool disk_dead(void)
{
    return disk.dead;
}

uint64_t disk_ops(void)
{
    return disk.ops;
}

void disk_ill(enum disk_ill what)
{
    disk.ill = what;
}

bool disk_read_only(void)
{
    return disk.ill == DISK_READ_ONLY;
}

int disk_may(enum disk_act act)
{
    static const int failure[] = {[DISK_WRITE] = SQLITE_IOERR_WRITE,
                                  [DISK_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
                                  [DISK_SYNC] = SQLITE_IOERR_FSYNC,
                                  [DISK_DELETE] = SQLITE_IOERR_DELETE};
    disk.ops++;
    if (disk_watch && !disk.dead)
        disk_watch(disk.ops);
    if (disk.die_at && disk.ops >= disk.die_at)
        disk.dead = true;
    if (disk.dead)
        return failure[act];
    switch (disk.ill) {
    case DISK_WELL: break;
    case DISK_FULL: return act == DISK_WRITE ? SQLITE_FULL : SQLITE_OK;
    case DISK_READ_ONLY: return failure[act];
    case DISK_SYNC_FAILS: return act == DISK_SYNC ? failure[act] : SQLITE_OK;
    }
    return SQLITE_OK;
}

/* Each file that a name, or a name after some cut, leads to; a file is settled once: its log is
 * empty then. */
static void cut_file(struct inode *i, enum mood mood)
{
    if (!i || !i->log_n)
        return;
    settle(i, mood);
    show_durable(i);
}

void disk_restart(bool cut)
{
    assert(disk.opens == 0);
    disk.dead = false;
    disk.die_at = 0;
    if (!cut)
        return;
    enum mood mood = any_mood();
    for (size_t k = 0; k < disk.names; k++) {
        cut_file(disk.name[k].live, mood);
        cut_file(disk.name[k].durable, mood);
    }
    for (size_t k = 0; k < disk.changes; k++)
        cut_file(disk.change[k].to, mood);
    cut_names(mood);
}

uint8_t *disk_file(const char *path, size_t *ret_n)
{
    struct inode *i = disk_find(path);
    if (!i)
        return NULL;
    *ret_n = i->live.n;
    return i->live.p;
}
