/* What base does for all others, while the n-th allocation fails: a clear error or the whole
 * result. */
#include "base/confdoc.h"
#include "base/db.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/ring.h"
#include "base/test_nth.h"
#include "base/test_tmp.h"
#include "base/text.h"
#include "base/yaml.h"
#include <stdarg.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

static const char yaml[] = "a: 1\nb: [x, 'y', {z: 2}]\nc:\n  d: \"text\"\n";

struct shop {
    struct tmp tmp;
    char file[128];
    int end[2];
};

/* Each gives 0 with all that was asked for, 1 with less, or an error. */

static int tree(struct shop *s, struct err *e)
{
    struct ydoc *d = NULL;
    int rc = ydoc_load(s->file, &d, e);
    if (rc)
        return rc;
    const struct ynode *root = ydoc_root(d), *b = ynode_get(root, "b"), *c = ynode_get(root, "c");
    bool whole = root->n == 3 && b->n == 3 && !strcmp(b->child[1]->text, "y") &&
                 !strcmp(ynode_get(b->child[2], "z")->text, "2") &&
                 !strcmp(ynode_get(c, "d")->text, "text");
    ydoc_free(d);
    return !whole;
}

static int slurped(struct shop *s, struct err *e)
{
    char *text = NULL;
    size_t n = 0;
    int rc = confdoc_slurp(s->file, &text, &n, e);
    if (rc)
        return rc;
    bool whole = n == sizeof yaml - 1 && !memcmp(text, yaml, n);
    free(text);
    return !whole;
}

static int catalogue(struct shop *s, struct err *e)
{
    int rc = text_load(s->tmp.dir, e);
    return rc == ERR_PARSE ? 0 : rc ? rc : 1; /* the file is no catalogue: that must be found */
}

static void count_line(void *ctx, const char *line)
{
    *(int *)ctx += !strcmp(line, "a|1|'one'") || !strcmp(line, "a|2|NULL");
}

static int database(struct shop *s, struct err *e)
{
    (void)s;
    struct db *db = NULL;
    int lines = 0;
    int rc = db_open_memory("CREATE TABLE a(id INTEGER PRIMARY KEY, t TEXT) STRICT;", &db, e);
    if (rc)
        return rc;
    rc = q_run(q_text(q_int(db_q(db, "INSERT INTO a VALUES(?,?)"), 1, 1), 2, "one"));
    if (rc == 0)
        rc = q_run(q_text(q_int(db_q(db, "INSERT INTO a VALUES(?,?)"), 1, 2), 2, NULL));
    if (rc)
        err_set(e, rc, "%s", err_text(rc));
    else
        rc = db_dump(db, "a", count_line, &lines, e);
    db_close(db);
    return rc ? rc : lines != 2;
}

static int packet(struct shop *s, struct err *e)
{
    json_t *doc = json_pack("{s:s,s:i}", "command", "weigh", "n", 7), *got = NULL;
    if (!doc)
        return err_set(e, ERR_NOMEM, "no document");
    int rc = ipc_send(s->end[0], doc);
    if (rc)
        err_set(e, rc, "%s", err_text(rc));
    else if ((rc = ipc_recv(s->end[1], &got, e)) == 0)
        rc = !json_equal(got, doc);
    json_decref(doc);
    json_decref(got);
    while (ipc_recv(s->end[1], &got, NULL) == 0) /* what was sent and not taken */
        json_decref(got);
    return rc;
}

static int bytes(struct shop *s, struct err *e)
{
    (void)s;
    json_t *o = NULL;
    size_t n = 0;
    int rc = json_parse("{\"b\":[1,\"x\"],\"a\":null}", 22, &o, e);
    if (rc)
        return rc;
    char *text = json_canonical(o, &n);
    json_decref(o);
    if (!text)
        return err_set(e, ERR_NOMEM, "no text");
    rc = strcmp(text, "{\"a\":null,\"b\":[1,\"x\"]}") != 0;
    free(text);
    return rc;
}

static const struct {
    const char *name;
    int (*act)(struct shop *s, struct err *e);
} acts[] = {
    {"a YAML file", tree},    {"a file's bytes", slurped}, {"a catalogue", catalogue},
    {"a database", database}, {"a packet", packet},        {"canonical bytes", bytes},
};

static void without_memory_there_is_an_error_or_all_of_it(void **state)
{
    struct shop *s = *state;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        int turns = 0;
        NTH_EVERY(NTH_MEMORY, n)
        {
            struct err e = {0};
            nth_arm();
            int rc = acts[i].act(s, &e);
            bool fired = nth_fired();
            if (rc > 0 || (rc < 0 && (!fired || !e.text[0])))
                fail_msg("%s, failure %d: %s says \"%s\"", acts[i].name, n,
                         rc > 0 ? "a part" : err_name(rc), e.text);
            turns = n;
        }
        assert_true(turns > 1);
    }
}

static void a_ring_without_memory_is_none(void **state)
{
    (void)state;
    NTH_EVERY(NTH_MEMORY, n)
    {
        nth_arm();
        struct ring *r = ring_new(8, 16);
        bool fired = nth_fired();
        assert_int_equal(!r, fired);
        ring_free(r);
    }
    assert_null(ring_new(SIZE_MAX / 2 + 1, 16)); /* more than there can be */
}

/* ---- files that cannot be read ---- */

typedef int reading(const char *path, struct err *e);

static int read_yaml(const char *path, struct err *e)
{
    struct ydoc *d = NULL;
    return ydoc_load(path, &d, e);
}

static int read_bytes(const char *path, struct err *e)
{
    char *text = NULL;
    size_t n = 0;
    return confdoc_slurp(path, &text, &n, e);
}

static int read_catalogue(const char *path, struct err *e)
{
    return text_load(path, e); /* "PATH/zh_CN.mo" */
}

static void a_file_that_cannot_be_read_is_named_with_the_reason(void **state)
{
    struct shop *s = *state;
    char none[160], folder[160], big[160];
    snprintf(none, sizeof none, "%s/none", s->tmp.dir);
    snprintf(folder, sizeof folder, "%s/zh_CN.mo", s->tmp.dir);
    snprintf(big, sizeof big, "%s/big.yaml", s->tmp.dir);
    remove(folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    FILE *f = fopen(big, "we");
    assert_non_null(f);
    for (int i = 0; i < 100000; i++)
        fputs("# longer than any map or crop file may be\n", f);
    assert_int_equal(fclose(f), 0);
    const struct {
        reading *read;
        const char *path;
        int code;
    } rows[] = {
        {read_yaml, none, ERR_NOT_FOUND},      {read_yaml, folder, ERR_IO},
        {read_yaml, big, ERR_TOOBIG},          {read_bytes, none, ERR_NOT_FOUND},
        {read_bytes, folder, ERR_IO},          {read_bytes, big, ERR_TOOBIG},
        {read_catalogue, none, ERR_NOT_FOUND}, {read_catalogue, s->tmp.dir, ERR_IO},
        {read_catalogue, s->file, ERR_IO}, /* a file is no folder */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {0};
        char line[400];
        int rc = rows[i].read(rows[i].path, &e);
        if (rc != rows[i].code || !strstr(err_line(&e, line, sizeof line), rows[i].path))
            fail_msg("row %zu: %s says \"%s\"", i, err_name(rc), e.text);
    }
}

static int start(void **state)
{
    struct shop *s = calloc(1, sizeof *s);
    tmp_make(&s->tmp);
    tmp_write(tmp_path(&s->tmp, "zh_CN.mo"), "none", 4);
    snprintf(s->file, sizeof s->file, "%s", tmp_path(&s->tmp, "x.yaml"));
    tmp_write(s->file, yaml, sizeof yaml - 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s->end), 0);
    *state = s;
    return 0;
}

static int stop(void **state)
{
    struct shop *s = *state;
    close(s->end[0]);
    close(s->end[1]);
    tmp_remove(&s->tmp);
    free(s);
    return 0;
}

int main(void)
{
    json_use_malloc(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_there_is_an_error_or_all_of_it),
        cmocka_unit_test(a_ring_without_memory_is_none),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named_with_the_reason),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
