/* The reader's side of store.db (contract: record.h).
 * Thread: HTTP. Owns one read-only handle.
 * A restore puts another file in the store's place: the inode is compared once a second, since an
 * open handle would go on reading the old file for ever. Another version's lotlined may renew the
 * projections under an open handle: their version is asked in each transaction. Why the record
 * cannot be read is logged once and when it is over; who asks learns only that it is so. */
#include "web/record.h"
#include "base/log.h"
#include "traceability/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD_MS  100
#define CHECK_MS 1000

struct record {
    char dir[256], file[280];
    struct db *db;
    ino_t inode;
    struct mono checked; /* the file, or the last failed attempt */
    struct mono head_at;
    int64_t head;
    struct complaint unread;
};

struct record *record_new(const char *dir)
{
    struct record *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    snprintf(r->dir, sizeof r->dir, "%s", dir);
    snprintf(r->file, sizeof r->file, "%s/store.db", dir);
    return r;
}

static void drop(struct record *r)
{
    db_close(r->db);
    r->db = NULL;
    r->head_at.ns = 0;
}

void record_free(struct record *r)
{
    if (r)
        drop(r);
    free(r);
}

static ino_t inode_of(const char *file)
{
    struct stat st;
    return stat(file, &st) == 0 ? st.st_ino : 0;
}

static int unreadable(struct record *r, const struct err *why, struct err *e)
{
    log_complain(&r->unread, "the record cannot be read: %s", why->text);
    drop(r);
    return err_set(e, ERR_UNREACHABLE, "the record cannot be read");
}

static int fresh_handle(struct record *r, struct err *e)
{
    struct mono now = mono_now();
    bool due = r->checked.ns == 0 || mono_since_ms(now, r->checked) >= CHECK_MS;
    if (!due)
        return r->db ? 0 : err_set(e, ERR_UNREACHABLE, "the record cannot be read");
    r->checked = now;
    ino_t inode = inode_of(r->file);
    if (r->db && inode == r->inode)
        return 0;
    drop(r);
    struct err why = {0};
    if (store_open_reader(r->dir, &r->db, &why)) {
        r->db = NULL;
        return unreadable(r, &why, e);
    }
    r->inode = inode;
    return 0;
}

int record_begin(struct record *r, struct db **ret, struct err *e)
{
    int code = fresh_handle(r, e);
    if (code)
        return code;
    struct err why = {0};
    if ((code = db_begin(r->db)))
        err_set(&why, code, "%s", err_text(code));
    else
        code = store_readable(r->db, &why);
    if (code)
        return unreadable(r, &why, e);
    log_release(&r->unread, "the record can be read");
    *ret = r->db;
    return 0;
}

void record_end(struct record *r)
{
    if (r->db)
        db_rollback(r->db); /* nothing was written */
}

int record_head(struct record *r, struct mono now, int64_t *ret, struct err *e)
{
    struct db *db = NULL;
    if (r->db && r->head_at.ns && mono_since_ms(now, r->head_at) < HEAD_MS) {
        *ret = r->head;
        return 0;
    }
    int code = record_begin(r, &db, e);
    if (code)
        return code;
    struct stmt *s = db_q(db, "SELECT max(seq) FROM event");
    code = q_one(s);
    if (code == 1) {
        r->head = *ret = q_col(s, 0);
        r->head_at = now;
    }
    q_done(s);
    record_end(r);
    return code < 0 ? err_set(e, code, "the record cannot be read") : 0;
}

const char *record_meta(struct record *r, const char *key)
{
    struct stmt *s = q_text(db_q(r->db, "SELECT value FROM meta WHERE key = ?1"), 1, key);
    return q_step(s) == 1 ? q_str(s, 0) : "";
}
