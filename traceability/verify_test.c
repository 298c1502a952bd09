/* Verify against hands that change the file: every column of every kind of row, missing rows, rows
 * that were put in, whole histories cut off or rewritten. */
#include "traceability/verify.h"
#include "base/crypto.h"
#include "traceability/test_store.h"
#include "traceability/tlog.h"
#include <sqlite3.h>

enum { ROWS = 300 };

struct copy { /* the store as it was closed, and again for each hand */
    char *bytes;
    size_t n;
    char note[NOTE_MAX]; /* the newest checkpoint but one */
    int64_t note_size;
};

static void sql(struct fix *f, const char *text)
{
    sqlite3 *h = NULL;
    char *why = NULL;
    if (sqlite3_open(f->file, &h) || sqlite3_exec(h, text, NULL, NULL, &why))
        fail_msg("%s: %s", text, why);
    sqlite3_close(h); /* folds its log back: the file is whole */
}

static const char no_triggers[] = "DROP TRIGGER event_kept; DROP TRIGGER event_stays;"
                                  "DROP TRIGGER item_kept; DROP TRIGGER item_stays;"
                                  "DROP TRIGGER outcome_kept; DROP TRIGGER outcome_stays;";

static void read_all(struct fix *f, struct copy *c)
{
    FILE *file = fopen(f->file, "re");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    c->n = (size_t)ftell(file);
    rewind(file);
    c->bytes = malloc(c->n);
    assert_int_equal(fread(c->bytes, 1, c->n, file), c->n);
    fclose(file);
}

static void prepare(struct fix *f, struct copy *c)
{
    struct tlog_checkpoint newest;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, ROWS - 20);
    OK(item_blocks(f->s, mono_now(), true, e));
    fix_commit(f);
    fix_begin(f);
    struct item it = fix_item(f, ROWS - 19);
    it.run = 2;
    OK(item_append(f->s, &it, e));
    struct gap g = {GAP_ITEMS, f->line, f->epoch, ROWS - 18, ROWS - 17, 2, "overwritten"};
    OK(gap_append(f->s, &g, e));
    fix_commit(f);
    OK(tlog_newest(store_db(f->s), &newest, e));
    strcpy(c->note, newest.note);
    c->note_size = newest.size;
    fix_begin(f);
    OK(store_restored(f->s, "uid:7", e));
    OK(item_blocks(f->s, mono_now(), true, e));
    fix_commit(f);
    fix_close(f);
    sql(f, no_triggers);
    sql(f, "PRAGMA journal_mode=DELETE"); /* one file to copy */
    read_all(f, c);
}

static int check(struct fix *f, const char *against, json_t **ret, struct err *why)
{
    struct db *r = NULL;
    json_t *report = NULL;
    OK(store_open_reader(f->dir, &r, e));
    int rc = verify_store(r, against, &report, why);
    db_close(r);
    if (ret)
        *ret = report;
    else
        json_decref(report);
    return rc;
}

/* The hand's SQL must be noticed, and the text begin with the row. */
static void noticed(struct fix *f, const struct copy *c, const char *row, const char *text)
{
    struct err why = {0};
    tmp_write(f->file, c->bytes, c->n);
    sql(f, text);
    int rc = check(f, NULL, NULL, &why);
    if (rc != ERR_CHECK || why.code != ERR_CHECK || strncmp(why.text, row, strlen(row)) != 0)
        fail_msg("%s: %s \"%s\", wanted \"%s…\"", text, err_name(rc), why.text, row);
}

static void sound(void **state)
{
    struct fix *f = *state;
    struct copy c = {0};
    json_t *report = NULL;
    struct err why;
    prepare(f, &c);
    assert_int_equal(check(f, NULL, &report, &why), 0);
    assert_int_equal(json_integer_value(json_object_get(report, "items")), ROWS - 19);
    assert_int_equal(json_integer_value(json_object_get(report, "outcomes")), ROWS - 20);
    assert_int_equal(json_integer_value(json_object_get(report, "unblocked")), 0);
    assert_int_equal(json_integer_value(json_object_get(report, "checkpoints")), 4);
    assert_true(json_is_null(json_object_get(report, "against")));
    json_decref(report);
    free(c.bytes);
}

static void event_columns(void **state)
{
    struct fix *f = *state;
    struct copy c = {0};
    char text[300], row[32];
    prepare(f, &c);
    static const char *const changes[] = {
        "leaf=CAST(x'00'||substr(leaf,2) AS BLOB)",
        "leaf=substr(leaf,1,31)",
        "leaf=x''",
        "fmt=2",
        "at_ms=at_ms+1",
        "kind='clock.stepped'",
        "kind='no.such'",
        "body=CAST(body||x'20' AS BLOB)",
        "body=substr(body,1,length(body)-1)",
        "body=x''",
        "body=CAST(replace(CAST(body AS TEXT),'\"v\":1','\"v\":2') AS BLOB)"};
    for (int seq = 1; seq <= 9; seq += 4)
        for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
            snprintf(text, sizeof text, "UPDATE event SET %s WHERE seq=%d", changes[i], seq);
            snprintf(row, sizeof row, "event %d: ", seq);
            noticed(f, &c, row, text);
        }
    noticed(f, &c, "event 3: it is missing", "DELETE FROM event WHERE seq=3");
    noticed(f, &c, "event 1: it is missing", "DELETE FROM event WHERE seq=1");
    noticed(f, &c, "event 1: it is missing", "UPDATE event SET seq=-seq WHERE seq=2");
    noticed(f, &c, "event 4: ",
            "UPDATE event SET seq=1000 WHERE seq=4; UPDATE event SET seq=4 WHERE seq=5;"
            "UPDATE event SET seq=5 WHERE seq=1000"); /* two in the wrong order */
    noticed(f, &c, "event ",
            "INSERT INTO event SELECT max(seq)+1,fmt,kind,at_ms,body,leaf FROM event");
    free(c.bytes);
}

static void event_bytes(void **state)
{
    struct fix *f = *state;
    struct copy c = {0};
    uint64_t seed = seed_print("event_bytes");
    char text[300];
    prepare(f, &c);
    for (int i = 0; i < 60; i++) {
        unsigned seq = (unsigned)(seed_next(&seed) % 9) + 1,
                 at = (unsigned)(seed_next(&seed) % 150) + 1;
        snprintf(text, sizeof text,
                 "UPDATE event SET body=CAST(substr(body,1,%u)||CASE substr(body,%u,1) WHEN x'41' "
                 "THEN x'42' ELSE x'41'"
                 " END||substr(body,%u) AS BLOB) WHERE seq=%u",
                 at - 1, at, at + 1, seq);
        char row[32];
        snprintf(row, sizeof row, "event %u: ", seq);
        noticed(f, &c, row, text);
    }
    free(c.bytes);
}

static void row_columns(void **state)
{
    static const char *const item[] = {"net_mg", "dia_um",    "len_um", "defects",   "flags",
                                       "lane",   "grade",     "outlet", "why",       "rule",
                                       "at_ms",  "recovered", "fmt",    "outlet_why"};
    static const char *const outcome[] = {"seq", "outlet", "reason", "at_ms", "fmt"};
    struct fix *f = *state;
    struct copy c = {0};
    char text[300];
    prepare(f, &c);
    for (size_t i = 0; i < sizeof item / sizeof *item; i++)
        for (unsigned at = 1; at <= ROWS - 19; at += 93) {
            snprintf(text, sizeof text,
                     "UPDATE item SET %s=%s+1 WHERE id=(SELECT id FROM item LIMIT 1 OFFSET %u)",
                     item[i], item[i], at - 1);
            noticed(f, &c, "item ", text);
        }
    for (size_t i = 0; i < sizeof outcome / sizeof *outcome; i++) {
        snprintf(text, sizeof text, "UPDATE outcome SET %s=%s+1 WHERE id&4294967295=270",
                 outcome[i], outcome[i]);
        noticed(f, &c, !strcmp(outcome[i], "fmt") ? "outcome " : "item ",
                text); /* its block begins with items */
    }
    noticed(f, &c, "item ", "UPDATE item SET net_mg=NULL WHERE id&4294967295=7");
    noticed(f, &c, "item ",
            "UPDATE item SET mid_um=0 WHERE id&4294967295=7"); /* 0 is not "not measured" */
    noticed(f, &c, "item ", "DELETE FROM item WHERE id&4294967295=8");
    noticed(f, &c, "item ",
            "DELETE FROM item WHERE id&4294967295=281"); /* the only one of its segment */
    noticed(f, &c, "outcome ", "DELETE FROM outcome WHERE id&4294967295=8");
    noticed(f, &c, "item ",
            "UPDATE item SET id=id+100000 WHERE id&4294967295=256"); /* behind the last block */
    noticed(f, &c, "item ", "UPDATE item SET id=id+(5<<32) WHERE id&4294967295=281");
    noticed(
        f, &c, "item ",
        "INSERT INTO item SELECT id+(9<<32),fmt,net_mg,dia_um,mid_um,len_um,bow_ppm,defects,flags,"
        "lane,grade,outlet,why,outlet_why,rule,recovered,at_ms FROM item WHERE id&4294967295=1");
    noticed(f, &c, "outcome ",
            "INSERT INTO outcome SELECT id-1,fmt,seq,outlet,reason,at_ms FROM outcome WHERE"
            " id&4294967295=1");
    free(c.bytes);
}

static void log_rows(void **state)
{
    struct fix *f = *state;
    struct copy c = {0};
    prepare(f, &c);
    noticed(f, &c, "node 1/0",
            "UPDATE node SET hash=CAST(x'00'||substr(hash,2) AS BLOB) WHERE level=1 AND idx=0");
    noticed(f, &c, "node 2/0", "UPDATE node SET hash=substr(hash,1,31) WHERE level=2 AND idx=0");
    noticed(f, &c, "node 1/2", "DELETE FROM node WHERE level=1 AND idx=2");
    noticed(f, &c, "node 1/1", "UPDATE node SET idx=77 WHERE level=1 AND idx=1");
    noticed(f, &c, "node 1/1", "UPDATE node SET level=7 WHERE level=1 AND idx=1");
    noticed(f, &c, "node table", "INSERT INTO node VALUES(0,0,zeroblob(32))");
    noticed(f, &c, "checkpoint 1",
            "UPDATE checkpoint SET root=CAST(x'00'||substr(root,2) AS BLOB) WHERE size=1");
    noticed(f, &c, "checkpoint 1", "UPDATE checkpoint SET root=x'' WHERE size=1");
    noticed(f, &c, "checkpoint 1", "UPDATE checkpoint SET at_ms=at_ms-1 WHERE size=1");
    noticed(f, &c, "checkpoint 1", "UPDATE checkpoint SET note=replace(note,'1','2') WHERE size=1");
    noticed(f, &c, "checkpoint 1", "UPDATE checkpoint SET note='' WHERE size=1");
    noticed(f, &c, "checkpoint 2", "UPDATE checkpoint SET size=2 WHERE size=1");
    noticed(f, &c, "checkpoint ",
            "UPDATE checkpoint SET note=(SELECT note FROM checkpoint WHERE size=1)"
            " WHERE size=(SELECT max(size) FROM checkpoint)");
    noticed(f, &c, "checkpoint table", "INSERT INTO checkpoint VALUES(0,0,x'','')");
    noticed(f, &c, "event ",
            "DELETE FROM checkpoint WHERE size=(SELECT max(size) FROM checkpoint)");
    free(c.bytes);
}

/* Events and their checkpoint cut off together look sound, until somebody kept a checkpoint. */
static void cut_off(void **state)
{
    struct fix *f = *state;
    struct copy c = {0};
    struct err why;
    json_t *report = NULL;
    prepare(f, &c);
    assert_int_equal(check(f, c.note, &report, &why), 0);
    assert_int_equal(json_integer_value(json_object_get(report, "against")), c.note_size);
    json_decref(report);
    tmp_write(f->file, c.bytes, c.n);
    sql(f, "DELETE FROM checkpoint WHERE size>4; DELETE FROM event WHERE seq>1 AND seq>(SELECT "
           "max(size) FROM checkpoint);"
           "DELETE FROM node WHERE ((idx+1)<<level)>(SELECT max(seq) FROM event); DELETE FROM "
           "item; DELETE FROM outcome");
    assert_int_equal(check(f, NULL, NULL, &why), 0);
    assert_int_equal(check(f, c.note, NULL, &why), ERR_CHECK);
    assert_non_null(strstr(why.text, "missing"));
    free(c.bytes);
}

/* The same key signs two histories: each is sound, and neither contains the other's checkpoint. */
static void forked(void **state)
{
    struct fix *f = *state, g = *f;
    struct tlog_checkpoint one;
    struct err why;
    char command[400];
    fix_open(f);
    fix_begin(f);
    OK(clock_stepped(f->s, 1000, e));
    fix_commit(f);
    fix_close(f);
    snprintf(g.dir, sizeof g.dir, "%s/g", f->tmp.dir);
    snprintf(command, sizeof command, "cp -r %s %s", f->dir, g.dir);
    assert_int_equal(system(command), 0);
    fix_open(f);
    fix_open(&g);
    fix_begin(f);
    fix_begin(&g);
    OK(clock_stepped(f->s, 2000, e));
    OK(clock_stepped(g.s, 3000, e));
    fix_commit(f);
    fix_commit(&g);
    OK(tlog_newest(store_db(f->s), &one, e));
    assert_int_equal(check(f, one.note, NULL, &why), 0);
    assert_int_equal(check(&g, one.note, NULL, &why), ERR_CHECK);
    assert_non_null(strstr(why.text, "given checkpoint 3: its root"));
    fix_close(&g);
}

static void foreign_notes(void **state)
{
    struct fix *f = *state;
    struct copy c = {0};
    struct err why;
    char other[NOTE_MAX];
    prepare(f, &c);
    assert_int_equal(check(f, "nonsense", NULL, &why), ERR_PARSE);
    assert_int_equal(check(f, "", NULL, &why), ERR_PARSE);
    strcpy(other, c.note);
    char *last = strrchr(other, '=') - 6;
    *last = *last == 'A' ? 'B' : 'A';
    assert_int_equal(check(f, other, NULL, &why), ERR_CHECK);
    assert_non_null(strstr(why.text, "does not hold"));
    free(c.bytes);
}

/* A hand that knows the format and rewrites everything but cannot sign. */
static void rewritten(void **state)
{
    struct fix *f = *state;
    struct err why;
    struct fix g = *f;
    struct store_facts facts;
    char text[600], key[64];
    fix_open(f);
    fix_begin(f);
    OK(clock_stepped(f->s, 1000, e));
    fix_commit(f);
    OK(store_facts(store_db(f->s), &facts, e));
    base64_text(facts.public_key, 32, key, sizeof key);
    fix_close(f);
    snprintf(g.dir, sizeof g.dir, "%s/g", f->tmp.dir);
    snprintf(g.key, sizeof g.key, "%s/other", f->tmp.dir);
    snprintf(g.file, sizeof g.file, "%s/g/store.db", f->tmp.dir);
    fix_open(&g); /* a store of its own, signed with a key of its own */
    fix_begin(&g);
    OK(clock_stepped(g.s, 5, e));
    fix_commit(&g);
    fix_close(&g);
    assert_int_equal(check(&g, NULL, NULL, &why),
                     0); /* sound in itself: whose it is, its key says */
    sql(&g, no_triggers);
    snprintf(text, sizeof text,
             "UPDATE event SET body=CAST(json_set(CAST(body AS TEXT),'$.public_key','%s') AS BLOB) "
             "WHERE seq=1",
             key);
    sql(&g, text);
    assert_int_equal(check(&g, NULL, NULL, &why), ERR_CHECK);
}

static void empty_and_alien(void **state)
{
    struct fix *f = *state;
    struct db *m = NULL;
    json_t *report = NULL;
    (void)f;
    OK(db_open_memory("CREATE TABLE x(y)", &m, e));
    assert_true(verify_store(m, NULL, &report, NULL) < 0);
    db_close(m);
}

/* While the daemon writes: rows behind the last block are counted, not blamed. */
static void living_store(void **state)
{
    struct fix *f = *state;
    json_t *report = NULL;
    struct err why;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 260);
    OK(item_blocks(f->s, mono_now(), false, e));
    fix_commit(f);
    fix_begin(f);
    fix_rows(f, 261, 262);
    assert_int_equal(check(f, NULL, &report, &why), 0);
    assert_int_equal(json_integer_value(json_object_get(report, "unblocked")), 8);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(sound),        FIX_TEST(event_columns),   FIX_TEST(event_bytes),
        FIX_TEST(row_columns),  FIX_TEST(log_rows),        FIX_TEST(cut_off),
        FIX_TEST(forked),       FIX_TEST(foreign_notes),   FIX_TEST(rewritten),
        FIX_TEST(living_store), FIX_TEST(empty_and_alien),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
