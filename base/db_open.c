/* How a database is opened, created and locked (contract: db.h).
 * Thread: the opener's. Owns: the lock file's descriptor until db_keep_files takes it.
 *
 * Invariants
 *  1. Only the holder of the flock on "<path>.lock" opens the file for writing. The lock file stays
 *     after a stop: unlinking it would let two processes lock two different files.
 *  2. Order: synchronous=EXTRA, WAL, the schema in one transaction, a checkpoint, the directory
 * synced, and only then FULL. With FULL from the start, a power cut may bring back the journal of
 * the creation, and with it an empty database (measured: 720 of 2000 cuts).
 *  3. A file counts as new until its schema is committed, so a cut creation is simply done again.
 *  4. WAL and shm stay after a stop (PERSIST_WAL): a reader without write permission needs them.
 *  5. A file that is refused, since a newer program wrote it, is closed as it was found: its
 * version is read before anything is set, and its log is not folded into it. */
#include "base/db_open.h"
#include "base/num.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAFE_PRAGMAS "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON;"

static int posix_error(struct err *e, const char *path, int why)
{
    int code = why == EACCES || why == EPERM ? ERR_DENIED
               : why == ENOENT               ? ERR_NOT_FOUND
               : why == ENOSPC               ? ERR_DISK_FULL
                                             : ERR_IO;
    return err_set(e, code, "%s: %s", path, strerror(why));
}

static int held_by_other(int fd, const char *path, struct err *e)
{
    char text[24] = "";
    int64_t pid = 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n > 0)
        text[strcspn(text, "\n")] = '\0';
    if (n <= 0 || num_i64(text, 1, INT32_MAX, &pid))
        return err_set(e, ERR_BUSY, "%s is held by another process", path);
    return err_set(e, ERR_BUSY, "%s is held by process %lld", path, (long long)pid);
}

static int take_lock(const char *path, int *ret_fd, struct err *e)
{
    char name[4096];
    if (snprintf(name, sizeof name, "%s.lock", path) >= (int)sizeof name)
        return err_set(e, ERR_TOOBIG, "%s: the path is too long", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return posix_error(e, name, errno);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        int why = errno;
        int code = why == EWOULDBLOCK ? held_by_other(fd, path, e) : posix_error(e, name, why);
        close(fd);
        return code;
    }
    /* The pid is for people; on a full disk it may be missing and the lock still holds. */
    if (ftruncate(fd, 0) || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        (void)!ftruncate(fd, 0);
    *ret_fd = fd;
    return 0;
}

/* SQLite would create the file 0644 less the umask; WAL and shm take over the mode
 * they find here. */
static int create_file(const char *path, struct err *e)
{
    int fd = db_has_vfs() ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return db_has_vfs() || errno == EEXIST ? 0 : posix_error(e, path, errno);
    int why = fchmod(fd, 0640) ? errno : 0;
    close(fd);
    return why ? posix_error(e, path, why) : 0;
}

static int sync_directory(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    char *dir = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!dir)
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    int why = 0;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        why = errno;
    if (fd >= 0)
        close(fd);
    int code = why ? posix_error(e, dir, why) : 0;
    free(dir);
    return code;
}

/* The single number that a statement gives. */
static int ask(struct db *db, const char *sql, int64_t *ret, struct err *e)
{
    struct stmt *q = db_q(db, sql);
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "%s: %s", db_path(db), db_message(db));
    *ret = q_col(q, 0);
    q_done(q);
    return 0;
}

static int go_wal(struct db *db, struct err *e)
{
    struct stmt *q = db_q(db, "PRAGMA journal_mode=WAL");
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "%s: %s", db_path(db), db_message(db));
    bool wal = !strcmp(q_str(q, 0), "wal");
    q_done(q);
    return wal ? 0 : err_set(e, ERR_DB, "%s: this storage does not allow WAL", db_path(db));
}

static int create_schema(struct db *db, const char *schema, int version, struct err *e)
{
    int code = db_begin(db);
    if (code)
        return err_set(e, code, "%s: %s", db_path(db), db_message(db));
    code = db_exec(db, schema, e);
    if (!code && (code = db_set_version(db, version)))
        err_set(e, code, "%s: %s", db_path(db), db_message(db));
    if (code) {
        db_rollback(db);
        return code;
    }
    code = db_commit(db);
    return code ? err_set(e, code, "%s: %s", db_path(db), db_message(db)) : 0;
}

struct opening {
    const char *schema;
    int version, old; /* old: the version that was found */
    db_check_fn *check;
    bool is_new;
};

static int meet_version(struct db *db, struct opening *o, struct err *e) /* invariant 5 */
{
    int64_t objects = 0, found = 0;
    int code = ask(db, "SELECT count(*) FROM sqlite_schema", &objects, e);
    if (!code)
        code = ask(db, "PRAGMA user_version", &found, e);
    if (code)
        return code;
    o->is_new = objects == 0; /* invariant 3 */
    o->old = o->is_new ? o->version : (int)found;
    if (o->old > o->version)
        return err_set(
            e, ERR_VERSION,
            "%s has version %d, this program knows %d: a newer program wrote it, install "
            "that one again",
            db_path(db), o->old, o->version);
    return o->is_new || !o->check ? 0 : o->check(db, e);
}

static int set_up_writer(struct db *db, struct opening *o, struct err *e)
{
    int code = db_exec(db,
                       "PRAGMA page_size=1024; PRAGMA synchronous=EXTRA;"
                       "PRAGMA cache_size=-512;" /* KiB; appends use few pages: 2 MB save no time */
                       "PRAGMA recursive_triggers=ON;" /* REPLACE asks the triggers of DELETE */
                       SAFE_PRAGMAS,
                       e);
    if (!code)
        code = meet_version(db, o, e);
    if (!code)
        code = go_wal(db, e);
    if (!code)
        code = db_exec(db, "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=8388608", e);
    if (!code && o->is_new)
        code = create_schema(db, o->schema, o->version, e);
    if (!code && (code = db_checkpoint(db, false)))
        err_set(e, code, "%s: %s", db_path(db), db_message(db));
    if (!code)
        code = sync_directory(db_path(db), e);
    return code ? code : db_exec(db, "PRAGMA synchronous=FULL", e);
}

int db_open_checked(const char *path, const char *schema, int version, db_check_fn *check,
                    struct db **ret, int *ret_old, struct err *e)
{
    int lock_fd = -1;
    struct db *db = NULL;
    struct opening o = {.schema = schema, .version = version, .check = check};
    int code = take_lock(path, &lock_fd, e);
    if (code)
        return code;
    code = create_file(path, e);
    if (!code)
        code = db_connect(path, DB_WRITE, &db, e);
    if (code) {
        close(lock_fd);
        return code;
    }
    db_keep_files(db, lock_fd);
    db_keep_log(db, true);
    code = set_up_writer(db, &o, e);
    if (code) {
        db_close(db);
        return code;
    }
    db_keep_log(db, false);
    if (ret_old)
        *ret_old = o.old;
    *ret = db;
    return 0;
}

int db_open_writer(const char *path, const char *schema, int version, struct db **ret, int *ret_old,
                   struct err *e)
{
    return db_open_checked(path, schema, version, NULL, ret, ret_old, e);
}

int db_open_reader(const char *path, struct db **ret, struct err *e)
{
    struct db *db = NULL;
    int64_t objects = 0;
    if (!db_has_vfs() && access(path, F_OK))
        return posix_error(e, path, errno);
    int code = db_connect(path, DB_READ, &db, e);
    if (!code)
        code = db_exec(db, "PRAGMA query_only=ON;" SAFE_PRAGMAS, e);
    if (!code) /* SQLite opens lazily: touch the file now, so that what is wrong is said here */
        code = ask(db, "SELECT count(*) FROM sqlite_schema", &objects, e);
    if (code) {
        db_close(db);
        return code;
    }
    *ret = db;
    return 0;
}

int db_open_memory(const char *schema, struct db **ret, struct err *e)
{
    struct db *db = NULL;
    int code = db_connect(":memory:", DB_MEMORY, &db, e);
    if (!code)
        code = db_exec(db, SAFE_PRAGMAS, e);
    if (!code)
        code = db_exec(db, schema, e);
    if (code) {
        db_close(db);
        return code;
    }
    *ret = db;
    return 0;
}
