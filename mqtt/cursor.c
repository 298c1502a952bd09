/* The durable cursor of a sink. Publisher thread; owns STATE/NAME.db. */
#include "mqtt/cursor.h"
#include "base/db.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
    struct db *db;
    char stream[25];
};

static const char schema[] =
    "CREATE TABLE cursor (stream TEXT PRIMARY KEY, epoch INTEGER NOT NULL, n INTEGER NOT NULL,"
    " leaf BLOB NOT NULL) STRICT, WITHOUT ROWID;";

int cursor_open(const char *dir, const char *sink, const char *stream, struct cursor **ret,
                struct cursor_position *ret_position, struct err *e)
{
    char path[400];
    int old = 0;
    struct cursor *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for the cursor");
    snprintf(path, sizeof(path), "%s/%s.db", dir, sink);
    snprintf(c->stream, sizeof(c->stream), "%s", stream);
    struct cursor_position p = {0};
    int rc = db_open_writer(path, schema, 1, &c->db, &old, e);
    if (rc == 0) {
        struct stmt *s =
            q_text(db_q(c->db, "SELECT epoch, n, leaf FROM cursor WHERE stream = ?"), 1, stream);
        rc = q_step(s);
        if (rc == 1) {
            size_t n = 0;
            const void *leaf = q_bytes(s, 2, &n);
            p.epoch = q_col(s, 0);
            p.n = q_col(s, 1);
            if (n == sizeof(p.leaf))
                memcpy(p.leaf, leaf, n);
        }
        if (rc < 0)
            err_set(e, rc, "%s cannot be read: %s", path, db_message(c->db));
        q_done(s);
    }
    if (rc < 0) {
        cursor_close(c);
        return rc;
    }
    *ret = c;
    *ret_position = p;
    return 0;
}

int cursor_write(struct cursor *c, const struct cursor_position *p, struct err *e)
{
    struct stmt *s =
        db_q(c->db, "INSERT INTO cursor (stream, epoch, n, leaf) VALUES (?1, ?2, ?3, ?4)"
                    " ON CONFLICT (stream) DO UPDATE SET epoch = ?2, n = ?3, leaf = ?4");
    int rc = q_run(q_blob(q_int(q_int(q_text(s, 1, c->stream), 2, p->epoch), 3, p->n), 4, p->leaf,
                          sizeof(p->leaf)));
    return rc < 0 ? err_set(e, rc, "the cursor of stream %s cannot be written: %s", c->stream,
                            db_message(c->db))
                  : 0;
}

void cursor_close(struct cursor *c)
{
    if (!c)
        return;
    db_close(c->db);
    free(c);
}
