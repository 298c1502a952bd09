/* Rebuild: what a hand changes in a projection is named; nothing stays behind. */
#include "traceability/rebuild.h"
#include "traceability/test_store.h"
#include <dirent.h>
#include <sqlite3.h>

static void fill(struct fix *f)
{
    json_t *details = json_pack("{s:s,s:s}", "map", "two\nlines | and 'quotes'", "zh", "党参"),
           *ret = NULL;
    uint32_t no;
    fix_open(f);
    fix_line(f);
    OK(line_configure(f->s, "b", details, &no, e));
    json_decref(details);
    OK(fix_command(f, "r", "buyer.register", json_pack("{s:s}", "buyer", "market"), &ret, NULL, e));
    json_decref(ret);
    fix_rows(f, 1, 600);
    struct gap g = {GAP_ITEMS, f->line, f->epoch, 601, 603, 3, "overwritten"};
    OK(gap_append(f->s, &g, e));
    OK(epoch_unknown(f->s, f->line, 77, 5, 6, e));
    OK(item_blocks(f->s, mono_now(), true, e));
    fix_commit(f);
    fix_begin(f);
    OK(store_restored(f->s, "uid:7", e));
    fix_commit(f);
}

static int check(struct fix *f, int64_t *ret_events, struct err *why)
{
    struct db *r = NULL;
    OK(store_open_reader(f->dir, &r, e));
    int rc = rebuild_check(r, f->tmp.dir, ret_events, why);
    db_close(r);
    return rc;
}

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void equal(void **state)
{
    struct fix *f = *state;
    int64_t events = 0;
    struct err why = {0};
    fill(f);
    int before = entries(f->tmp.dir);
    if (check(f, &events, &why)) /* beside the living writer */
        fail_msg("%s", why.text);
    assert_int_equal(events, store_head(f->s));
    assert_int_equal(entries(f->tmp.dir), before);
    fix_begin(f); /* and the writer goes on */
    OK(clock_stepped(f->s, 1, e));
    fix_commit(f);
}

static void differing(void **state)
{
    static const struct {
        const char *sql, *named;
    } hands[] = {
        {"UPDATE segment SET run=3", "segment|"},
        {"UPDATE line_epoch SET boot_nonce=1", "line_epoch|"},
        {"DELETE FROM line WHERE no=2", "line|"},
        {"INSERT INTO line VALUES(9,'z','{}',1)", "line|"},
        {"UPDATE line SET details=replace(details,'党','當')", "line|"},
        {"UPDATE stream SET n=2", "stream|"},
        {"UPDATE buyer SET n=7", "buyer|"},
        {"DELETE FROM gap", "gap|"},
        {"UPDATE block SET root=zeroblob(32)", "block|"},
        {"UPDATE meta SET value='x' WHERE key='store_id'", "meta|"},
    };
    struct fix *f = *state;
    fill(f);
    fix_close(f);
    for (size_t i = 0; i < sizeof hands / sizeof *hands; i++) {
        struct err why = {0};
        sqlite3 *h = NULL;
        char undo[64];
        assert_int_equal(sqlite3_open(f->file, &h), SQLITE_OK);
        assert_int_equal(sqlite3_exec(h, hands[i].sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(h);
        int rc = check(f, NULL, &why);
        if (rc != ERR_CHECK || !strstr(why.text, hands[i].named))
            fail_msg("%s: %s %s", hands[i].sql, err_name(rc), why.text);
        snprintf(undo, sizeof undo,
                 "PRAGMA user_version=0"); /* opening makes the projections anew */
        assert_int_equal(sqlite3_open(f->file, &h), SQLITE_OK);
        assert_int_equal(sqlite3_exec(h, undo, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(h);
        fix_open(f);
        fix_close(f);
        if (check(f, NULL, &why))
            fail_msg("after %s: %s", hands[i].sql, why.text);
    }
}

static void no_room(void **state)
{
    struct fix *f = *state;
    struct db *r = NULL;
    fill(f);
    OK(store_open_reader(f->dir, &r, e));
    assert_int_equal(rebuild_check(r, "/nonexistent", NULL, NULL), ERR_IO);
    db_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {FIX_TEST(equal), FIX_TEST(differing), FIX_TEST(no_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
