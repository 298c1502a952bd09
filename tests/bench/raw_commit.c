/* The reference for the record: a bare SQLite group commit. raw_commit DIR ITEMS GROUP
 *
 * DIR/raw.db, WAL, synchronous=FULL, page size and checkpoint interval of base/db_open.c; one
 * thread, prepared statements. A transaction holds GROUP items and their outcomes: rows of the same
 * columns and values as traceability/schema.sql has them, without its triggers, blocks, held words
 * and log. */
#include "tests/bench/bench.h"
#include "tests/bench/sample.h"
#include <sqlite3.h>
#include <sys/stat.h>

#define EPOCH   1
#define SEGMENT (INT64_C(1) << 32)

static const char schema[] =
    "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=4000;"
    "PRAGMA synchronous=FULL;"
    "CREATE TABLE item(id INTEGER PRIMARY KEY, fmt INTEGER NOT NULL, net_mg INTEGER, dia_um "
    "INTEGER,"
    " mid_um INTEGER, len_um INTEGER, bow_ppm INTEGER, defects INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, lane INTEGER NOT NULL, grade INTEGER NOT NULL, outlet INTEGER NOT "
    "NULL,"
    " why INTEGER NOT NULL, outlet_why INTEGER NOT NULL, rule INTEGER NOT NULL,"
    " recovered INTEGER NOT NULL, at_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE outcome(id INTEGER PRIMARY KEY, fmt INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " outlet INTEGER NOT NULL, reason INTEGER NOT NULL, at_ms INTEGER NOT NULL) STRICT;";

static void must(sqlite3 *db, int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
        bench_give_up("SQLite: %s", sqlite3_errmsg(db));
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    must(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));
    return s;
}

/* n values; INT64_MIN binds NULL. */
static void insert(sqlite3 *db, sqlite3_stmt *s, const int64_t *v, int n)
{
    for (int i = 0; i < n; i++)
        must(db,
             v[i] == INT64_MIN ? sqlite3_bind_null(s, i + 1) : sqlite3_bind_int64(s, i + 1, v[i]));
    must(db, sqlite3_step(s));
    must(db, sqlite3_reset(s));
}

static int64_t or_null(int32_t v)
{
    return v == ITEM_NO_VALUE ? INT64_MIN : v;
}

static void put(sqlite3 *db, sqlite3_stmt *item, sqlite3_stmt *outcome, uint32_t seq)
{
    const struct item i = sample_item(EPOCH, seq);
    const struct outcome o = sample_outcome(EPOCH, seq);
    const int64_t row[] = {SEGMENT | seq,
                           1,
                           i.net_mg,
                           or_null(i.dia_um),
                           or_null(i.mid_um),
                           or_null(i.len_um),
                           or_null(i.bow_ppm),
                           i.defects,
                           i.flags,
                           i.lane,
                           i.grade,
                           i.outlet,
                           i.why,
                           i.outlet_why,
                           i.rule,
                           i.recovered,
                           i.at.ms};
    const int64_t out[] = {SEGMENT | seq, 1, o.seq, o.outlet, o.reason, o.at.ms};
    insert(db, item, row, sizeof row / sizeof row[0]);
    insert(db, outcome, out, sizeof out / sizeof out[0]);
}

static int64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

int main(int argc, char **argv)
{
    char path[512];
    sqlite3 *db = NULL;
    if (argc != 4)
        bench_give_up("usage: raw_commit DIR ITEMS GROUP");
    uint32_t items = (uint32_t)bench_number(argv[2], 1, 100000000);
    uint32_t group = (uint32_t)bench_number(argv[3], 1, items);
    snprintf(path, sizeof path, "%s/raw.db", argv[1]);
    must(db, sqlite3_open(path, &db));
    must(db, sqlite3_exec(db, schema, NULL, NULL, NULL));
    must(db, sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL));
    int64_t empty = size_of(path);
    sqlite3_stmt *begin = prepared(db, "BEGIN IMMEDIATE"), *commit = prepared(db, "COMMIT");
    sqlite3_stmt *item = prepared(db, "INSERT INTO item VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    sqlite3_stmt *outcome = prepared(db, "INSERT INTO outcome VALUES(?,?,?,?,?,?)");
    struct bench_result r;
    bench_begin(&r);
    for (uint32_t seq = 1; seq <= items; seq++) {
        if ((seq - 1) % group == 0)
            insert(db, begin, NULL, 0);
        put(db, item, outcome, seq);
        if (seq % group == 0 || seq == items)
            insert(db, commit, NULL, 0);
    }
    bench_end(&r, items);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(item);
    sqlite3_finalize(outcome);
    must(db, sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL));
    r.bytes = size_of(path) - empty;
    sqlite3_close(db);
    bench_print(&r);
    return 0;
}
