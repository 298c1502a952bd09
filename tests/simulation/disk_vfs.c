/* SQLite's side of the disk in memory: files, their locks and shared memory, the VFS's own chance
 * and clock (contract: disk.h; bytes, names and power: disk.c). Locks and traits are those of
 * SQLite's unix VFS, so that what holds here holds there. */
#include "tests/simulation/disk_inner.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    sqlite3_file base;
    struct inode *i;
    const char *name; /* SQLite's copy, which outlives the file; NULL: temporary */
    int lock;
    bool sync_directory; /* as unix does at the first sync of a journal or WAL that it may create */
    bool delete_on_close, keep_wal;
    bool shm;
    uint16_t shm_shared, shm_exclusive; /* a bit a lock */
};

static struct file *of(sqlite3_file *f)
{
    return (struct file *)(void *)f;
}

/* ---- bytes ---- */

static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    const struct image *m = &of(f)->i->live;
    size_t off = (size_t)at, want = (size_t)n;
    if (disk_dead())
        return SQLITE_IOERR_READ;
    size_t have = off < m->n ? m->n - off : 0;
    have = have < want ? have : want;
    if (have)
        memcpy(p, m->p + off, have);
    memset((uint8_t *)p + have, 0, want - have);
    return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    int rc = disk_may(DISK_WRITE);
    if (rc == SQLITE_OK)
        inode_write(of(f)->i, p, (size_t)n, (size_t)at);
    return rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = disk_may(DISK_TRUNCATE);
    if (rc == SQLITE_OK)
        inode_truncate(of(f)->i, (size_t)size);
    return rc;
}

static int sync_directory(const char *name)
{
    int rc = disk_may(DISK_SYNC);
    if (rc == SQLITE_OK && !disk_lies)
        disk_sync_directory_of(name);
    return rc;
}

static int file_sync(sqlite3_file *f, int flags)
{
    struct file *o = of(f);
    int rc = disk_may(DISK_SYNC);
    (void)flags;
    if (rc && !disk_dead())
        inode_sync_fails(o->i);
    if (rc == SQLITE_OK && !disk_lies)
        inode_sync(o->i);
    if (rc || !o->sync_directory)
        return rc;
    rc = sync_directory(o->name);
    o->sync_directory = rc != SQLITE_OK;
    return rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)of(f)->i->live.n;
    return disk_dead() ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

/* ---- locks between connections ---- */

static int take_reserved(struct file *o, struct inode *i)
{
    if (i->reserved && i->reserved != o)
        return SQLITE_BUSY;
    i->reserved = o;
    return SQLITE_OK;
}

static int take_exclusive(struct file *o, struct inode *i)
{
    if ((i->pending && i->pending != o) || (i->reserved && i->reserved != o))
        return SQLITE_BUSY;
    i->pending = o; /* no new readers; stays when the old ones make us wait */
    o->lock = SQLITE_LOCK_PENDING;
    if (i->shared > 1)
        return SQLITE_BUSY;
    i->exclusive = o;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *f, int level)
{
    struct file *o = of(f);
    struct inode *i = o->i;
    if (disk_dead())
        return SQLITE_IOERR_LOCK;
    if (o->lock >= level)
        return SQLITE_OK;
    int rc = SQLITE_OK;
    if (o->lock == SQLITE_LOCK_NONE) {
        if (i->pending || i->exclusive)
            return SQLITE_BUSY;
        i->shared++;
        o->lock = SQLITE_LOCK_SHARED;
    }
    if (level == SQLITE_LOCK_RESERVED)
        rc = take_reserved(o, i);
    else if (level == SQLITE_LOCK_EXCLUSIVE)
        rc = take_exclusive(o, i);
    if (rc == SQLITE_OK)
        o->lock = level;
    return rc;
}

static int file_unlock(sqlite3_file *f, int level)
{
    struct file *o = of(f);
    struct inode *i = o->i;
    if (o->lock <= level)
        return SQLITE_OK;
    i->exclusive = i->exclusive == o ? NULL : i->exclusive;
    i->pending = i->pending == o ? NULL : i->pending;
    i->reserved = i->reserved == o ? NULL : i->reserved;
    i->shared -= level == SQLITE_LOCK_NONE;
    o->lock = level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *f, int *ret)
{
    *ret = of(f)->i->reserved != NULL;
    return SQLITE_OK;
}

/* ---- shared memory ---- */

static int shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **ret)
{
    struct file *o = of(f);
    *ret = NULL;
    if (disk_dead())
        return SQLITE_IOERR_SHMMAP;
    assert(region < SHM_REGIONS);
    if (!o->shm) {
        o->shm = true;
        o->i->shm_users++;
    }
    if (!o->i->shm[region] && extend) {
        o->i->shm[region] = calloc(1, (size_t)size);
        assert(o->i->shm[region]);
    }
    *ret = o->i->shm[region];
    return SQLITE_OK;
}

static bool shm_free(const struct file *o, int k, bool exclusive)
{
    const struct inode *i = o->i;
    int others = i->shm_shared[k] - (o->shm_shared >> k & 1);
    if (i->shm_exclusive[k] && i->shm_exclusive[k] != o)
        return false;
    return !exclusive || others == 0;
}

static void shm_set(struct file *o, int k, bool exclusive)
{
    uint16_t bit = (uint16_t)(1u << k);
    if (exclusive) {
        o->i->shm_exclusive[k] = o;
        o->shm_exclusive |= bit;
    } else if (!(o->shm_shared & bit)) {
        o->i->shm_shared[k]++;
        o->shm_shared |= bit;
    }
}

static void shm_clear(struct file *o, int k)
{
    uint16_t bit = (uint16_t)(1u << k);
    if (o->shm_exclusive & bit)
        o->i->shm_exclusive[k] = NULL;
    if (o->shm_shared & bit)
        o->i->shm_shared[k]--;
    o->shm_exclusive &= (uint16_t)~bit;
    o->shm_shared &= (uint16_t)~bit;
}

static int shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    struct file *o = of(f);
    bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    if (flags & SQLITE_SHM_UNLOCK) {
        for (int k = at; k < at + n; k++)
            shm_clear(o, k);
        return SQLITE_OK;
    }
    if (disk_dead())
        return SQLITE_IOERR_SHMLOCK;
    for (int k = at; k < at + n; k++)
        if (!shm_free(o, k, exclusive))
            return SQLITE_BUSY;
    for (int k = at; k < at + n; k++)
        shm_set(o, k, exclusive);
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *f)
{
    (void)f;
}

/* The last one takes the memory along, kept file or not: who comes first anew finds it empty, as
 * with unix, where the first to lock the file truncates it. */
static int shm_unmap(sqlite3_file *f, int unlink)
{
    struct file *o = of(f);
    (void)unlink;
    if (!o->shm)
        return SQLITE_OK;
    for (int k = 0; k < SHM_LOCKS; k++)
        shm_clear(o, k);
    o->shm = false;
    if (--o->i->shm_users > 0)
        return SQLITE_OK;
    for (size_t k = 0; k < SHM_REGIONS; k++) {
        free(o->i->shm[k]);
        o->i->shm[k] = NULL;
    }
    return SQLITE_OK;
}

/* ---- the file's life ---- */

static int file_close(sqlite3_file *f)
{
    struct file *o = of(f);
    shm_unmap(f, 0);
    file_unlock(f, SQLITE_LOCK_NONE);
    if (o->delete_on_close && o->name && !disk_dead() && disk_find(o->name) == o->i)
        disk_unlink(o->name);
    disk_let_go(o->i);
    disk_count_opens(-1);
    o->base.pMethods = NULL;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    struct file *o = of(f);
    int *value = arg;
    switch (op) {
    case SQLITE_FCNTL_PERSIST_WAL:
        if (*value >= 0)
            o->keep_wal = *value;
        else
            *value = o->keep_wal;
        return SQLITE_OK;
    case SQLITE_FCNTL_POWERSAFE_OVERWRITE: *value = 1; return SQLITE_OK;
    default: return SQLITE_NOTFOUND;
    }
}

static int file_sector(sqlite3_file *f)
{
    (void)f;
    return 4096;
}

static int file_traits(sqlite3_file *f)
{
    (void)f;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_check_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector,
                                           .xDeviceCharacteristics = file_traits,
                                           .xShmMap = shm_map,
                                           .xShmLock = shm_lock,
                                           .xShmBarrier = shm_barrier,
                                           .xShmUnmap = shm_unmap};

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    struct file *o = of(f);
    struct inode *i = name ? disk_find(name) : NULL;
    (void)v;
    *o = (struct file){0};
    if (disk_dead() || (!i && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (disk_read_only()) {
        if (!i)
            return SQLITE_CANTOPEN;
        flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    }
    if (i)
        disk_hold(i);
    else
        i = disk_create(name);
    int journal = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    *o = (struct file){.base.pMethods = &methods,
                       .i = i,
                       .name = name,
                       .sync_directory = (flags & SQLITE_OPEN_CREATE) && (flags & journal),
                       .delete_on_close = flags & SQLITE_OPEN_DELETEONCLOSE};
    disk_count_opens(1);
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync)
{
    int rc = disk_may(DISK_DELETE);
    (void)v;
    if (rc)
        return rc;
    if (!disk_find(name))
        return SQLITE_IOERR_DELETE_NOENT;
    disk_unlink(name);
    return sync ? sync_directory(name) : SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *ret)
{
    const struct inode *i = disk_find(name);
    (void)v;
    if (disk_dead())
        return SQLITE_IOERR_ACCESS;
    *ret = i && (flags != SQLITE_ACCESS_EXISTS || i->live.n > 0);
    if (flags == SQLITE_ACCESS_READWRITE && disk_read_only())
        *ret = 0;
    return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *v, const char *name, int size, char *ret)
{
    (void)v;
    return snprintf(ret, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *v, int n, char *ret)
{
    (void)v;
    disk_random(ret, (size_t)n);
    return n;
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
    (void)v;
    return us;
}

static int vfs_now_ms(sqlite3_vfs *v, sqlite3_int64 *ret)
{
    (void)v;
    *ret = INT64_C(212649667200000); /* 2026-07-01 12:00 in milliseconds of the Julian calendar */
    return SQLITE_OK;
}

static int vfs_now(sqlite3_vfs *v, double *ret)
{
    sqlite3_int64 ms = 0;
    vfs_now_ms(v, &ms);
    *ret = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *v, int n, char *ret)
{
    (void)v;
    if (n > 0 && ret)
        *ret = '\0';
    return 0;
}

void disk_register(void)
{
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .szOsFile = sizeof(struct file),
                              .mxPathname = 1024,
                              .zName = DISK_VFS,
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_name,
                              .xRandomness = vfs_randomness,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_now,
                              .xGetLastError = vfs_last_error,
                              .xCurrentTimeInt64 = vfs_now_ms};
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* as db.c, which comes too late after us */
    int rc = sqlite3_vfs_register(&vfs, 1);
    assert(rc == SQLITE_OK);
}
