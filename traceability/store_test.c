/* The record's files: creation, key, one writer, readers, versions, checkpoints. */
#include "traceability/test_store.h"
#include "base/crypto.h"
#include "traceability/tlog.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* What a hand with an SQL shell does to the file. */
static void by_hand(struct fix *f, const char *sql)
{
    sqlite3 *h = NULL;
    char *why = NULL;
    if (sqlite3_open(f->file, &h) || sqlite3_exec(h, sql, NULL, NULL, &why))
        fail_msg("%s: %s", sql, why);
    sqlite3_close(h);
}

static int try_open(struct fix *f, const char *site, char station, struct err *e)
{
    struct store_options o = fix_options(f);
    o.site = site;
    o.station = station;
    return store_open(&o, &f->s, e);
}

static void creation(void **state)
{
    struct fix *f = *state;
    struct store_facts facts;
    struct stat st;
    fix_open(f);
    assert_int_equal(store_head(f->s), 1);
    assert_int_equal(strlen(store_id(f->s)), 32);
    assert_string_equal(store_site(f->s), "min-county");
    assert_int_equal(store_station(f->s), 'A');
    OK(store_facts(store_db(f->s), &facts, e));
    assert_string_equal(facts.store_id, store_id(f->s));
    assert_memory_equal(facts.public_key, store_public_key(f->s), 32);
    assert_int_equal(facts.generation, 1);
    assert_true(!strncmp(facts.origin, "min-county.lotline/", 19) &&
                !strncmp(facts.origin + 19, facts.store_id, 8));
    assert_int_equal(stat(f->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0750);
    assert_int_equal(stat(f->key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char id[33];
    strcpy(id, store_id(f->s));
    fix_close(f);
    fix_open(f);
    assert_string_equal(store_id(f->s), id);
    assert_int_equal(store_head(f->s), 1); /* opening adds nothing */
    assert_string_equal(f->file, db_path(store_db(f->s)));
    assert_string_equal(f->people, db_path(store_people(f->s)));
}

static void wrong_options(void **state)
{
    struct fix *f = *state;
    struct err why;
    assert_int_equal(try_open(f, "", 'A', &why), ERR_RANGE);
    assert_int_equal(try_open(f, "Min", 'A', &why), ERR_RANGE);
    assert_int_equal(try_open(f, "a-site-of-17-char", 'A', &why), ERR_RANGE);
    assert_int_equal(try_open(f, "min-county", 'a', &why), ERR_RANGE);
    fix_open(f);
    fix_close(f);
    assert_int_equal(try_open(f, "other", 'A', &why), ERR_STATE);
    assert_non_null(strstr(why.text, "min-county"));
    assert_int_equal(try_open(f, "min-county", 'B', &why), 0); /* a station is not the record's */
}

/* A key is made with a new store and never for an old one. */
static void the_key(void **state)
{
    struct fix *f = *state;
    struct err why;
    char kept[160];
    fix_open(f);
    fix_close(f);
    snprintf(kept, sizeof kept, "%s.kept", f->key);
    assert_int_equal(rename(f->key, kept), 0);
    assert_int_equal(try_open(f, "min-county", 'A', &why), ERR_NOT_FOUND);
    OK(crypto_key_create(f->key, e));
    assert_int_equal(try_open(f, "min-county", 'A', &why), ERR_CHECK);
    assert_int_equal(rename(kept, f->key), 0);
    fix_open(f);
}

/* A key that stands already signs a new store, too. */
static void given_key(void **state)
{
    struct fix *f = *state;
    uint8_t secret[64], pub[32];
    assert_int_equal(crypto_setup(), 0);
    OK(crypto_key_create(f->key, e));
    OK(crypto_key_load(f->key, secret, pub, e));
    fix_open(f);
    assert_memory_equal(pub, store_public_key(f->s), 32);
}

static void two_writers(void **state)
{
    struct fix *f = *state;
    struct store_options o = fix_options(f);
    struct store *other = NULL;
    struct err why;
    char pid[24];
    fix_open(f);
    assert_int_equal(store_open(&o, &other, &why), ERR_BUSY);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_non_null(strstr(why.text, pid));
    pid_t child = fork(); /* and from another process */
    if (child == 0)
        _exit(store_open(&o, &other, NULL) == ERR_BUSY ? 0 : 1);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fix_close(f);
    fix_open(f);
}

static void readers(void **state)
{
    struct fix *f = *state;
    struct db *r = NULL;
    struct err why;
    assert_int_equal(store_open_reader(f->dir, &r, NULL), ERR_NOT_FOUND);
    fix_open(f);
    OK(store_open_reader(f->dir, &r, e));
    fix_line(f);
    assert_int_equal(fix_number(r, "SELECT count(*) FROM event"), 1); /* not yet committed */
    fix_commit(f);
    assert_int_equal(fix_number(r, "SELECT count(*) FROM event"), 4);
    assert_true(db_exec(r, "DELETE FROM meta", NULL) < 0);
    db_close(r);
    fix_close(f);
    OK(store_open_reader(f->dir, &r, e)); /* after a clean stop */
    assert_int_equal(fix_number(r, "SELECT count(*) FROM event"), 4);
    db_close(r);
    OK(store_open_reader(f->dir, &r, e));
    OK(store_readable(r, e));
    by_hand(f, "PRAGMA user_version=99"); /* under an open handle */
    assert_int_equal(store_readable(r, &why), ERR_VERSION);
    assert_non_null(strstr(why.text, "has version 99, this program reads 2: a newer program"));
    by_hand(f, "PRAGMA user_version=1");
    assert_int_equal(store_readable(r, &why), ERR_VERSION);
    assert_non_null(strstr(why.text, "lotlined of this version renews it"));
    db_close(r);
    by_hand(f, "PRAGMA user_version=99");
    assert_int_equal(store_open_reader(f->dir, &r, &why), ERR_VERSION);
    assert_int_equal(try_open(f, "min-county", 'A', &why), ERR_VERSION);
}

static void transactions(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    assert_int_equal(store_commit(f->s, NULL), ERR_STATE);
    fix_begin(f);
    fix_begin(f); /* no-op */
    assert_false(store_dirty(f->s));
    fix_commit(f);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM checkpoint"),
                     1); /* nothing new, none */
    fix_line(f);
    assert_true(store_dirty(f->s));
    assert_int_equal(store_head(f->s), 1);
    fix_commit(f);
    assert_false(store_dirty(f->s));
    assert_int_equal(store_head(f->s), 4);
    assert_int_equal(fix_number(store_db(f->s), "SELECT max(size) FROM checkpoint"), 4);
    fix_begin(f);
    fix_rows(f, 1, 2); /* segment.opened */
    store_rollback(f->s);
    assert_int_equal(store_head(f->s), 4);
    fix_begin(f);
    fix_rows(f, 1, 2);
    fix_commit(f);
    assert_int_equal(store_head(f->s), 5);
    fix_begin(f);
    fix_rows(f, 3, 4); /* rows alone need no checkpoint */
    fix_commit(f);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM checkpoint"), 3);
}

static void evidence(void **state)
{
    struct fix *f = *state;
    struct tlog_checkpoint c;
    struct note_checkpoint n;
    struct merkle_hash leaf, old;
    struct merkle_proof p = {0};
    struct store_facts facts;
    json_t *o = NULL;
    size_t body;
    fix_open(f);
    for (int i = 0; i < 9; i++) {
        fix_begin(f);
        OK(clock_stepped(f->s, i * 1000, e));
        fix_commit(f);
    }
    struct db *db = store_db(f->s);
    OK(store_facts(db, &facts, e));
    OK(tlog_newest(db, &c, e));
    assert_int_equal(c.size, 10);
    OK(note_open(c.note, strlen(c.note), facts.origin, facts.public_key, &body, e));
    OK(note_read(c.note, body, &n, e));
    for (int64_t seq = 1; seq <= 10; seq++) { /* from what is handed out alone */
        OK(tlog_evidence(db, seq, &o, e));
        json_t *path = json_object_get(o, "proof");
        assert_int_equal(hex_parse(json_string_value(json_object_get(o, "leaf")), leaf.b, 32), 0);
        p.n = json_array_size(path);
        for (size_t i = 0; i < p.n; i++)
            assert_int_equal(hex_parse(json_string_value(json_array_get(path, i)), p.hash[i].b, 32),
                             0);
        assert_true(merkle_included(
            &leaf, (uint64_t)json_integer_value(json_object_get(o, "index")), n.size, &p, &n.root));
        json_decref(o);
    }
    for (int64_t size = 1; size <= 10; size++) {
        OK(tlog_root(db, size, &old, e));
        OK(tlog_consistency(db, size, 10, &p, e));
        assert_true(merkle_consistent((uint64_t)size, &old, 10, &n.root, &p));
    }
    assert_int_equal(tlog_evidence(db, 11, &o, NULL), ERR_RANGE);
    assert_int_equal(tlog_evidence(db, 0, &o, NULL), ERR_RANGE);
    assert_int_equal(tlog_consistency(db, 0, 10, &p, NULL), ERR_RANGE);
    assert_int_equal(tlog_root(db, -1, &old, NULL), ERR_RANGE);
}

/* Projections of an older program are made anew; the truth stays. */
static void older_projections(void **state)
{
    struct fix *f = *state;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 20);
    OK(item_blocks(f->s, mono_now(), true, e));
    fix_commit(f);
    fix_close(f);
    by_hand(
        f,
        "DROP TABLE line_epoch; DELETE FROM line; CREATE TABLE gone(x); UPDATE segment SET run=9;"
        "PRAGMA user_version=0");
    fix_open(f);
    struct db *db = store_db(f->s);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM line_epoch"), 1);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM line"), 1);
    assert_int_equal(fix_number(db, "SELECT run FROM segment"), 1);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM sqlite_schema WHERE name='gone'"), 0);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM item"), 20);
    assert_int_equal(fix_number(db, "SELECT count(*) FROM held"), 2); /* 16 to a row */
    assert_int_equal(fix_number(db, "PRAGMA user_version"), 2);
    fix_begin(f);
    fix_rows(f, 1, 25);
    fix_commit(f);
}

static void unknown_kind(void **state)
{
    struct fix *f = *state;
    struct err why;
    fix_open(f);
    fix_close(f);
    by_hand(f, "INSERT INTO event VALUES(2,1,'lot.teleported',0,x'7b7d',zeroblob(32))");
    assert_int_equal(try_open(f, "min-county", 'A', &why), ERR_VERSION);
    assert_non_null(strstr(why.text, "lot.teleported"));
    assert_non_null(strstr(why.text, "install that one again"));
}

static void damaged(void **state)
{
    struct fix *f = *state;
    struct err why;
    assert_int_equal(mkdir(f->dir, 0750), 0);
    tmp_write(f->file, "this is not a database, but it is long enough", 45);
    assert_true(try_open(f, "min-county", 'A', &why) < 0);
    assert_int_equal(remove(f->file), 0);
    assert_int_equal(remove(f->key) == 0, 0); /* no key was made for what could not be opened */
    struct store_options o = fix_options(f);
    o.dir = "/nonexistent/store";
    assert_true(store_open(&o, &f->s, &why) < 0);
    store_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(creation),  FIX_TEST(wrong_options),     FIX_TEST(the_key),
        FIX_TEST(given_key), FIX_TEST(two_writers),       FIX_TEST(readers),
        FIX_TEST(evidence),  FIX_TEST(transactions),      FIX_TEST(unknown_kind),
        FIX_TEST(damaged),   FIX_TEST(older_projections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
