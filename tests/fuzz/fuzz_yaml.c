/* YAML, row tables, quantities: any text as a document. */
#include "base/conf.h"
#include "base/confdoc.h"
#include "base/num.h"
#include "tests/fuzz/fuzz.h"

struct all {
    int64_t whole, bounded;
    bool flag;
    int word;
    char text[16];
    const struct ynode *node, *list;
};
static const struct conf_row rows[] = {
    {"whole", CONF_INT, CONF_AT(all, whole), INT64_MIN, INT64_MAX, "0", NULL, "", ""},
    {"bounded", CONF_INT, CONF_AT(all, bounded), -5, 70000, "1", NULL, "", ""},
    {"flag", CONF_BOOL, CONF_AT(all, flag), 0, 0, "no", NULL, "", ""},
    {"word", CONF_ENUM, CONF_AT(all, word), 0, 0, "one", "one|two|three", "", ""},
    {"text", CONF_TEXT, CONF_AT(all, text), 0, 12, "", NULL, "", ""},
    {"node", CONF_NODE, CONF_AT(all, node), 0, 0, "", NULL, "", ""},
    {"list", CONF_NODE, CONF_AT(all, list), 0, 0, "", NULL, "", ""},
};
#define N (sizeof rows / sizeof *rows)

void fuzz_setup(void)
{
}

static size_t walk(const struct ynode *n, int depth)
{
    size_t sum = n->key ? strlen(n->key) : 0;
    assert(depth <= 33 && n->line >= 1);
    if (n->kind == YNODE_SCALAR)
        return sum + strlen(n->text);
    for (size_t i = 0; i < n->n; i++) {
        assert((n->kind == YNODE_MAP) == (n->child[i]->key != NULL));
        if (n->child[i]->key)
            assert(ynode_get(n, n->child[i]->key) == n->child[i]); /* no key stands twice */
        sum += walk(n->child[i], depth + 1);
    }
    return sum;
}

static void numbers(const struct ynode *n)
{
    int64_t v, w;
    char text[32];
    for (size_t i = 0; i < n->n; i++)
        numbers(n->child[i]);
    if (n->kind != YNODE_SCALAR)
        return;
    if (num_i64(n->text, INT64_MIN, INT64_MAX, &v) == 0) {
        text[num_text(v, text)] = 0;
        assert(num_i64(text, INT64_MIN, INT64_MAX, &w) == 0 && v == w);
    }
    if (num_decimal(n->text, 6, &v) == 0) {
        num_fixed(v, 6, text, sizeof text);
        assert(num_decimal(text, 6, &w) == 0 && v == w);
    }
}

static void count(void *ctx, const struct err *e)
{
    assert(e->code < 0 && memchr(e->text, 0, sizeof e->text));
    ++*(unsigned *)ctx;
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct ydoc *doc = NULL;
    struct err e = {0};
    struct all a = {0};
    int rc = ydoc_parse("fuzz.yaml", (const char *)p, n, &doc, &e);
    if (rc) {
        assert(rc == e.code && !doc);
        return;
    }
    const struct ynode *root = ydoc_root(doc);
    if (root) {
        walk(root, 1);
        numbers(root);
    }
    unsigned told = 0;
    struct confdoc d = {.doc = doc, .error = count, .ctx = &told};
    bool good = confdoc_read(&d, rows, N, root, &a);
    int64_t ints[4];
    size_t n_ints;
    confdoc_list(&d, a.node, 3);
    confdoc_ints(&d, a.list, -9, 9, 4, ints, &n_ints);
    assert(told == d.errors);
    if (root && root->kind == YNODE_MAP) {
        rc = conf_read(rows, N, doc, root, &a, &e);
        assert((rc == 0) == good);
    }
    ydoc_free(doc);
}
