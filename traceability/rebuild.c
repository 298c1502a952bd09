/* Rebuild (contract: rebuild.h): the proof that projections come from events alone. Thread: the
 * caller's; rebuild_projections: main of lotlined at opening, when the program's projections
 * have another version than the file's. Owns: a temporary directory while it checks.
 *
 * Invariant: truth is copied as it stands and never computed; projections are computed and
 * never copied. */
#include "traceability/rebuild.h"
#include "traceability/merkle.h"
#include "traceability/store_inner.h"
#include "traceability/store_version.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All tables but truth, log and what is kept beside them (schema.sql). */
#define PROJECTIONS                                                                                \
    "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' "  \
    "AND name"                                                                                     \
    " NOT IN ('event','item','outcome','node','checkpoint','command_log','held')"

static int trouble(struct db *db, int rc, struct err *e)
{
    return err_set(e, rc, "%s: %s", db_path(db), db_message(db));
}

/* ---- in place ---- */

struct applying {
    struct db *db;
    bool copies; /* the event's row goes in first */
    int64_t events;
    struct err *e;
};

static int copy_event(struct applying *a, const struct event *ev)
{
    struct merkle_hash leaf;
    merkle_leaf(ev->bytes, ev->n, &leaf);
    struct stmt *q =
        db_q(a->db, "INSERT INTO event(seq,fmt,kind,at_ms,body,leaf) VALUES(?,1,?,?,?,?)");
    q_int(q_text(q_int(q, 1, ev->seq), 2, event_kind_name(ev->kind)), 3, ev->at.ms);
    return q_run(q_blob(q_blob(q, 4, ev->bytes, ev->n), 5, leaf.b, SHA256_LEN));
}

static int apply_one(void *ctx, const struct event *ev)
{
    struct applying *a = ctx;
    int rc = a->copies ? copy_event(a, ev) : 0;
    if (rc == 0)
        rc = event_apply(a->db, ev);
    a->events += rc == 0;
    return rc < 0 ? err_set(a->e, rc, "event %lld (%s) cannot be applied: %s", (long long)ev->seq,
                            event_kind_name(ev->kind), db_message(a->db))
                  : 0;
}

static int drop_projections(struct db *db, struct err *e)
{
    for (;;) { /* one by one: a table is not dropped while its name is being read */
        char sql[128];
        struct stmt *q = db_q(db, PROJECTIONS " LIMIT 1");
        int rc = q_step(q);
        if (rc < 0)
            return trouble(db, rc, e);
        if (rc == 0)
            return 0;
        int n = snprintf(sql, sizeof sql, "DROP TABLE \"%s\"", q_str(q, 0));
        q_done(q);
        rc = n < (int)sizeof sql ? db_exec(db, sql, e)
                                 : err_set(e, ERR_TOOBIG, "a table has too long a name");
        if (rc)
            return rc;
    }
}

int rebuild_projections(struct db *db, struct err *e)
{
    struct applying a = {.db = db, .e = e};
    int rc = drop_projections(db, e);
    if (rc == 0)
        rc = db_exec(db, store_schema, e);
    return rc ? rc : event_scan(db, 0, INT64_MAX, apply_one, &a, e);
}

/* ---- beside it ---- */

struct beside {
    struct db *from, *to;
    char dir[4096], file[4200], dump[4200];
};

static int copy_rows(struct db *from, struct db *to, const char *select, const char *insert,
                     int columns, struct err *e)
{
    struct stmt *in = db_q(from, select);
    int rc;
    while ((rc = q_step(in)) == 1) {
        struct stmt *out = db_q(to, insert);
        for (int i = 0; i < columns; i++)
            if (!q_is_null(in, i)) /* unbound is NULL */
                q_int(out, i + 1, q_col(in, i));
        rc = q_run(out);
        if (rc)
            return trouble(to, rc, e);
    }
    return rc < 0 ? trouble(from, rc, e) : 0;
}

static int fill(struct beside *b, int64_t *ret_events, struct err *e)
{
    struct applying a = {.db = b->to, .copies = true, .e = e};
    int rc = copy_rows(b->from, b->to, "SELECT * FROM item",
                       "INSERT INTO item VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", 17, e);
    if (rc == 0)
        rc = copy_rows(b->from, b->to, "SELECT * FROM outcome",
                       "INSERT INTO outcome VALUES(?,?,?,?,?,?)", 6, e);
    if (rc == 0)
        rc = event_scan(b->from, 0, INT64_MAX, apply_one, &a, e);
    if (ret_events)
        *ret_events = a.events;
    return rc;
}

/* ---- comparing ---- */

struct comparing {
    FILE *file;
    char *line;
    size_t cap;
    char first[160]; /* what differs first; "" when nothing does */
};

static void write_line(void *ctx, const char *line)
{
    FILE *f = ctx;
    fputs(line, f); /* a failed write shows in fclose or as a difference */
    fputc('\0', f); /* a value may hold line breaks */
}

static void compare_line(void *ctx, const char *line)
{
    struct comparing *c = ctx;
    if (c->first[0])
        return;
    ssize_t n = getdelim(&c->line, &c->cap, '\0', c->file);
    if (n < 0 || strcmp(c->line, line) != 0)
        snprintf(c->first, sizeof c->first, "%.150s", line);
}

static int compare_table(struct beside *b, const char *table, struct err *e)
{
    struct comparing c = {0};
    FILE *f = fopen(b->dump, "we");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", b->dump, strerror(errno));
    int rc = db_dump(b->to, table, write_line, f, e);
    if (fclose(f) && rc == 0)
        rc = err_set(e, ERR_IO, "%s cannot be written", b->dump);
    if (rc == 0 && !(c.file = fopen(b->dump, "re")))
        rc = err_set(e, ERR_IO, "%s cannot be read", b->dump);
    if (rc == 0)
        rc = db_dump(b->from, table, compare_line, &c, e);
    if (rc == 0 && !c.first[0] && getdelim(&c.line, &c.cap, '\0', c.file) >= 0)
        snprintf(c.first, sizeof c.first, "%.120s (missing)", c.line);
    if (c.file)
        fclose(c.file);
    free(c.line);
    if (rc == 0 && c.first[0])
        return err_set(e, ERR_CHECK, "projection differs from its events: %s", c.first);
    return rc;
}

static int compare_tables(struct beside *b, struct err *e)
{
    char table[64] = "";
    int rc = 0;
    while (rc == 0) {
        struct stmt *q =
            q_text(db_q(b->to, PROJECTIONS " AND name>? ORDER BY name LIMIT 1"), 1, table);
        rc = q_step(q);
        if (rc <= 0)
            return rc < 0 ? trouble(b->to, rc, e) : 0;
        snprintf(table, sizeof table, "%s", q_str(q, 0));
        q_done(q);
        rc = compare_table(b, table, e);
    }
    return rc;
}

static int open_beside(struct beside *b, const char *dir, struct err *e)
{
    int old = 0;
    if (snprintf(b->dir, sizeof b->dir, "%s/rebuild-XXXXXX", dir) >= (int)sizeof b->dir ||
        !mkdtemp(b->dir)) {
        int why = errno;
        b->dir[0] = '\0';
        return err_set(e, ERR_IO, "%s: %s", dir, strerror(why));
    }
    snprintf(b->file, sizeof b->file, "%s/store.db", b->dir);
    snprintf(b->dump, sizeof b->dump, "%s/dump", b->dir);
    int rc = db_open_writer(b->file, store_schema, STORE_VERSION, &b->to, &old, e);
    return rc ? rc : db_exec(b->to, "PRAGMA synchronous=OFF", e);
}

static void close_beside(struct beside *b)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    char path[4300];
    db_close(b->to);
    for (size_t i = 0; b->file[0] && i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", b->file, ends[i]);
        unlink(path);
    }
    if (b->dump[0])
        unlink(b->dump);
    if (b->dir[0])
        rmdir(b->dir);
}

/* One snapshot from begin to end: the writer goes on meanwhile, only its log cannot be
 * folded back. */
static int check_snapshot(struct beside *b, int64_t *ret_events, struct err *e)
{
    bool own = !db_in_tx(b->from);
    int rc = own ? db_begin(b->from) : 0;
    if (rc == 0)
        rc = db_begin(b->to);
    if (rc)
        return err_set(e, rc, "%s: %s", db_path(b->from), err_text(rc));
    rc = fill(b, ret_events, e);
    if (rc == 0)
        rc = compare_tables(b, e);
    db_rollback(b->to);
    if (own)
        db_rollback(b->from);
    return rc;
}

int rebuild_check(struct db *db, const char *dir, int64_t *ret_events, struct err *e)
{
    struct beside *b = calloc(1, sizeof *b);
    if (!b)
        return err_set(e, ERR_NOMEM, "no memory to rebuild");
    b->from = db;
    int rc = open_beside(b, dir, e);
    if (rc == 0)
        rc = check_snapshot(b, ret_events, e);
    close_beside(b);
    free(b);
    return rc;
}
