/* The record's files: open, transaction, commit, reopen (contract: store.h).  way: 10/12 commit
 * Thread: main of lotlined; readers have handles of their own. Owns: both databases, the site's
 * key in memory, the cache of line places.
 *
 * Invariants
 *  1. people.db commits before store.db: an event never names a person that is not there.
 *  2. Every commit that brings events brings the signed checkpoint of the tree up to the
 *     newest one.
 *  3. After a failed commit nothing is written any more until store_reopen: what an fsync
 *     lost cannot be told from what it wrote.
 *  4. The key file is made with a new store only; an old store whose key is missing or
 *     another is not opened.
 *  5. What a newer program wrote is refused before anything is changed: projections of a higher
 *     version, events of an unknown kind. */
#include "traceability/store.h"
#include "traceability/key.h"
#include "traceability/store_inner.h"
#include "traceability/store_version.h"
#include "traceability/tlog.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef LOTLINE_VERSION
#define LOTLINE_VERSION "0.1"
#endif

const char store_schema[] =
#include "traceability/schema.sql.inc"
#include "traceability/schema_steps.sql.inc"
    ;
static const char people_schema[] =
#include "traceability/people.sql.inc"
    ;

enum { PEOPLE_VERSION = 1 };

/* ---- opening ---- */

static int make_dir(const char *dir, struct err *e)
{
    if (mkdir(dir, 0750) == 0 || errno == EEXIST)
        return 0;
    int why = errno;
    return err_set(e, why == EACCES ? ERR_DENIED : ERR_IO, "%s: %s", dir, strerror(why));
}

static int open_file(const char *dir, const char *file, const char *schema, int version,
                     db_check_fn *check, struct db **ret, int *ret_old, struct err *e)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return err_set(e, ERR_TOOBIG, "%s: the path is too long", dir);
    return db_open_checked(path, schema, version, check, ret, ret_old, e);
}

/* A binary that meets a kind it does not know would build wrong projections. Invariant 5. */
static int check_kinds(struct db *db, struct err *e)
{
    enum event_kind k;
    struct stmt *q = db_q(db, "WITH RECURSIVE k(x) AS (SELECT min(kind) FROM event UNION ALL"
                              " SELECT (SELECT min(kind) FROM event WHERE kind>x) FROM k"
                              " WHERE x IS NOT NULL) SELECT x FROM k WHERE x IS NOT NULL");
    int rc;
    while ((rc = q_step(q)) == 1)
        if (event_kind_from(q_str(q, 0), &k)) {
            err_set(e, ERR_VERSION,
                    "%s holds events \"%.40s\" of a newer program: install that one again",
                    db_path(db), q_str(q, 0));
            q_done(q);
            return ERR_VERSION;
        }
    return rc ? err_set(e, rc, "%s: %s", db_path(db), db_message(db)) : 0;
}

static int renew_projections(struct db *db, struct err *e)
{
    int rc = db_begin(db);
    if (rc)
        return err_set(e, rc, "%s: %s", db_path(db), db_message(db));
    rc = rebuild_projections(db, e);
    if (rc == 0 && ((rc = db_set_version(db, STORE_VERSION)) || (rc = db_commit(db))))
        err_set(e, rc, "%s", db_message(db));
    if (rc && db_in_tx(db))
        db_rollback(db);
    return rc ? err_prefix(e, "%s: projections cannot be rebuilt", db_path(db)) : 0;
}

static int open_files(struct store *s, struct err *e)
{
    int old = STORE_VERSION;
    int rc =
        open_file(s->dir, "store.db", store_schema, STORE_VERSION, check_kinds, &s->db, &old, e);
    if (rc == 0 && old != STORE_VERSION)
        rc = renew_projections(s->db, e);
    if (rc == 0)
        rc = open_file(s->dir, "people.db", people_schema, PEOPLE_VERSION, NULL, &s->people, NULL,
                       e);
    if (rc == 0)
        rc = db_exec(s->people, "PRAGMA secure_delete=ON", e);
    return rc;
}

static void close_files(struct store *s)
{
    db_close(s->people);
    db_close(s->db);
    s->people = s->db = NULL;
}

static int create(struct store *s, struct err *e)
{
    char id[33], key[64];
    store_new_id(id);
    base64_text(s->public_key, sizeof s->public_key, key, sizeof key);
    int rc = store_begin(s, e);
    if (rc)
        return rc;
    json_t *body = json_pack("{s:s,s:s,s:s,s:s}", "store_id", id, "public_key", key, "site",
                             s->site, "program", "lotline " LOTLINE_VERSION);
    rc = event_append_new(s, EVENT_STORE_CREATED, body, NULL, NULL, e);
    return rc ? rc : store_commit(s, e);
}

static int meet(struct store *s, struct err *e)
{
    struct store_facts f;
    int rc = store_facts(s->db, &f, e);
    if (rc)
        return rc;
    if (strcmp(f.site, s->site) != 0)
        return err_set(e, ERR_STATE, "%s is the record of site \"%s\", not of \"%s\"",
                       db_path(s->db), f.site, s->site);
    rc = key_settle(s, f.public_key, e);
    if (rc)
        return rc;
    memcpy(s->store_id, f.store_id, sizeof s->store_id);
    return store_last_seq(s->db, &s->head, e);
}

static bool site_is_plain(const char *site)
{
    size_t n = strlen(site);
    return n > 0 && n <= 16 && strspn(site, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int open_store(struct store *s, struct err *e)
{
    int rc = crypto_setup();
    if (rc)
        return err_set(e, rc, "no random numbers");
    rc = make_dir(s->dir, e);
    if (rc == 0)
        rc = open_files(s, e);
    if (rc)
        return rc;
    int64_t last = 0;
    rc = store_last_seq(s->db, &last, e);
    if (rc == 0)
        rc = key_load(s, last == 0, e); /* invariant 4 */
    if (rc == 0 && last == 0)
        rc = create(s, e);
    return rc ? rc : meet(s, e);
}

int store_open(const struct store_options *o, struct store **ret, struct err *e)
{
    if (!site_is_plain(o->site))
        return err_set(e, ERR_RANGE, "site \"%.40s\" must be 1 to 16 of a-z, 0-9 and -", o->site);
    if (o->station < 'A' || o->station > 'Z')
        return err_set(e, ERR_RANGE, "a station is a letter A to Z");
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for the record");
    s->station = o->station;
    s->dir = strdup(o->dir);
    s->key_path = strdup(o->key_path);
    snprintf(s->site, sizeof s->site, "%s", o->site);
    item_places_forget(&s->places);
    held_forget(&s->held);
    int rc = s->dir && s->key_path ? open_store(s, e)
                                   : err_set(e, ERR_NOMEM, "no memory for the record");
    if (rc) {
        store_close(s);
        return rc;
    }
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    close_files(s);
    item_places_free(&s->places);
    crypto_wipe(s->secret, sizeof s->secret);
    crypto_wipe(s->next_secret, sizeof s->next_secret);
    free(s->dir);
    free(s->key_path);
    free(s);
}

int store_reopen(struct store *s, struct err *e)
{
    int64_t head = s->head;
    close_files(s);
    item_places_forget(&s->places);
    held_forget(&s->held);
    s->dirty = false;
    s->failed = true;
    int rc = open_files(s, e);
    if (rc == 0)
        rc = meet(s, e);
    if (rc == 0 && s->head < head)
        rc = err_set(e, ERR_CHECK, "%s went back from event %lld to %lld", db_path(s->db),
                     (long long)head, (long long)s->head);
    if (rc == 0 && (rc = db_checkpoint(s->db, false)))
        err_set(e, rc, "%s: %s", db_path(s->db), db_message(s->db));
    if (rc)
        close_files(s);
    s->failed = rc != 0;
    return rc;
}

/* ---- transaction ---- */

int store_writable(const struct store *s, struct err *e)
{
    if (s->failed)
        return err_set(e, ERR_IO, "the record failed and must be opened again"); /* invariant 3 */
    return db_in_tx(s->db) ? 0 : err_set(e, ERR_STATE, "no transaction is open");
}

void store_touch(struct store *s)
{
    s->dirty = true;
}

int store_begin(struct store *s, struct err *e)
{
    if (s->failed)
        return store_writable(s, e);
    if (db_in_tx(s->db))
        return 0;
    int rc = db_begin(s->people);
    if (rc)
        return err_set(e, rc, "%s: %s", db_path(s->people), db_message(s->people));
    rc = db_begin(s->db);
    if (rc) {
        err_set(e, rc, "%s: %s", db_path(s->db), db_message(s->db));
        db_rollback(s->people);
    }
    return rc;
}

static int sign_news(struct store *s, int64_t last, struct store_facts *f, struct err *e)
{
    const uint8_t *secret = NULL;
    int rc = store_facts(s->db, f, e);
    if (rc == 0)
        rc = key_secret_of(s, f->public_key, &secret, e);
    return rc ? rc : tlog_sign(s->db, last, f->origin, secret, f->public_key, e);
}

int store_commit(struct store *s, struct err *e)
{
    int rc = store_writable(s, e);
    if (rc)
        return rc;
    struct store_facts f = {0};
    int64_t last = s->head;
    rc = store_last_seq(s->db, &last, e);
    if (rc == 0 && last > s->head)
        rc = sign_news(s, last, &f, e); /* invariant 2 */
    if (rc == 0 && (rc = held_flush(&s->held, s->db)))
        err_set(e, rc, "%s: %s", db_path(s->db), db_message(s->db));
    if (rc == 0 && (rc = db_commit(s->people)))
        err_set(e, rc, "%s: %s", db_path(s->people), db_message(s->people));
    if (rc == 0 && (rc = db_commit(s->db))) /* invariant 1 */
        err_set(e, rc, "%s: %s", db_path(s->db), db_message(s->db));
    if (rc) {
        store_rollback(s);
        s->failed = true; /* invariant 3 */
        return rc;
    }
    if (f.store_id[0]) {
        memcpy(s->store_id, f.store_id, sizeof s->store_id);
        key_committed(s, f.public_key);
    }
    s->head = last;
    s->dirty = false;
    if (s->erased && db_checkpoint(s->people, true) == 0) /* busy: the next commit tries again */
        s->erased = false;
    return 0;
}

void store_rollback(struct store *s)
{
    if (s->db)
        db_rollback(s->db);
    if (s->people)
        db_rollback(s->people);
    s->dirty = false;
    item_places_forget(&s->places);
    held_forget(&s->held);
}

bool store_dirty(const struct store *s)
{
    return s->dirty;
}

/* ---- small answers ---- */

int64_t store_head(const struct store *s)
{
    return s->head;
}

struct db *store_db(struct store *s)
{
    return s->db;
}

struct db *store_people(struct store *s)
{
    return s->people;
}

const char *store_id(const struct store *s)
{
    return s->store_id;
}

const char *store_site(const struct store *s)
{
    return s->site;
}

char store_station(const struct store *s)
{
    return s->station;
}

const uint8_t *store_public_key(const struct store *s)
{
    return s->public_key;
}

int store_readable(struct db *db, struct err *e)
{
    struct stmt *q = db_q(db, "PRAGMA user_version");
    int rc = q_one(q);
    if (rc < 0)
        return err_set(e, rc, "%s: %s", db_path(db), db_message(db));
    int64_t version = q_col(q, 0);
    q_done(q);
    if (version == STORE_VERSION)
        return 0;
    return err_set(e, ERR_VERSION, "%s has version %lld, this program reads %d: %s", db_path(db),
                   (long long)version, STORE_VERSION,
                   version > STORE_VERSION ? "a newer program wrote it, install that one again"
                                           : "lotlined of this version renews it when it starts");
}

int store_open_reader(const char *dir, struct db **ret, struct err *e)
{
    char path[4096];
    struct db *db = NULL;
    if (snprintf(path, sizeof path, "%s/store.db", dir) >= (int)sizeof path)
        return err_set(e, ERR_TOOBIG, "%s: the path is too long", dir);
    int rc = db_open_reader(path, &db, e);
    if (rc == 0)
        rc = store_readable(db, e);
    if (rc) {
        db_close(db);
        return rc;
    }
    *ret = db;
    return 0;
}
