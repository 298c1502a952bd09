/* libyaml's events as one tree with line marks (contract: yaml.h).
 * Thread: any; a document is read-only once loaded. Owns: every node, key and text, freed by
 * ydoc_free. Refused, because each lets a file mean something else than it shows: aliases and
 * anchors, tags, several documents, duplicate keys, keys that are no plain text, NUL in a text.
 * Bounds: 4 MiB, depth 32, NODE_MAX entries in one map or list (the search for duplicates is
 * quadratic). */
#include "base/yaml.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 32, NODE_MAX = 16384, FILE_MAX = 4 << 20 };

struct ydoc {
    char *name;
    struct ynode *root;
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one being looked at; deleted by the next advance */
    const char *name;
    struct err *e;
};

static void node_free(struct ynode *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->n; i++)
        node_free(n->child[i]);
    free(n->child);
    free((char *)(uintptr_t)n->key); /* const to the readers, ours to free */
    free((char *)(uintptr_t)n->text);
    free(n);
}

static int line_of(const struct reader *r)
{
    return (int)r->event.start_mark.line + 1;
}

static int refuse(struct reader *r, const char *what)
{
    return err_at(r->e, ERR_PARSE, r->name, line_of(r), "%s", what);
}

static int no_memory(struct reader *r)
{
    return err_at(r->e, ERR_NOMEM, r->name, line_of(r), "out of memory");
}

static int advance(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return 0;
    const yaml_parser_t *p = &r->parser;
    int code = p->error == YAML_MEMORY_ERROR ? ERR_NOMEM : ERR_PARSE;
    if (p->error == YAML_READER_ERROR)
        return err_at(r->e, code, r->name, 0, "%s at byte %zu", p->problem, p->problem_offset);
    return err_at(r->e, code, r->name, (int)p->problem_mark.line + 1, "%s%s%s",
                  p->problem ? p->problem : err_text(code), p->context ? " " : "",
                  p->context ? p->context : "");
}

/* An anchor alone is refused too: its only use is an alias. */
static int check_plain(struct reader *r)
{
    const yaml_event_t *ev = &r->event;
    const yaml_char_t *tag = NULL, *anchor = NULL;
    if (ev->type == YAML_ALIAS_EVENT)
        return refuse(r, "aliases (*name) are not allowed");
    if (ev->type == YAML_SCALAR_EVENT) {
        tag = ev->data.scalar.tag;
        anchor = ev->data.scalar.anchor;
    } else if (ev->type == YAML_MAPPING_START_EVENT) {
        tag = ev->data.mapping_start.tag;
        anchor = ev->data.mapping_start.anchor;
    } else if (ev->type == YAML_SEQUENCE_START_EVENT) {
        tag = ev->data.sequence_start.tag;
        anchor = ev->data.sequence_start.anchor;
    }
    return anchor ? refuse(r, "anchors (&name) are not allowed")
           : tag  ? refuse(r, "tags (!name) are not allowed")
                  : 0;
}

static int take_text(struct reader *r, const char **ret)
{
    const char *value = (const char *)r->event.data.scalar.value;
    size_t n = r->event.data.scalar.length;
    if (memchr(value, '\0', n))
        return refuse(r, "a text must not contain a NUL");
    char *copy = strndup(value, n);
    if (!copy)
        return no_memory(r);
    *ret = copy;
    return 0;
}

/* Takes ownership of `child` in any case. */
static int append(struct reader *r, struct ynode *parent, struct ynode *child)
{
    int code = 0;
    if (parent->n >= NODE_MAX)
        code = refuse(r, "too many entries");
    for (size_t i = 0; !code && child->key && i < parent->n; i++)
        if (!strcmp(parent->child[i]->key, child->key))
            code = err_at(r->e, ERR_KEY, r->name, child->line,
                          "\"%s\" stands here twice, first in line %d", child->key,
                          parent->child[i]->line);
    if (!code && (parent->n & (parent->n - 1)) == 0) { /* full at every power of two */
        struct ynode **more =
            realloc(parent->child, sizeof *more * (parent->n ? parent->n * 2 : 1));
        if (more)
            parent->child = more;
        else
            code = no_memory(r);
    }
    if (code)
        node_free(child);
    else
        parent->child[parent->n++] = child;
    return code;
}

static int read_node(struct reader *r, int depth, const char *key, int key_line,
                     struct ynode **ret);

static int read_list(struct reader *r, int depth, struct ynode *list)
{
    for (;;) {
        struct ynode *child = NULL;
        int code = advance(r);
        if (code || r->event.type == YAML_SEQUENCE_END_EVENT)
            return code;
        code = read_node(r, depth + 1, NULL, 0, &child);
        if (!code)
            code = append(r, list, child);
        if (code)
            return code;
    }
}

static int read_key(struct reader *r, const char **ret)
{
    int code = check_plain(r);
    if (code)
        return code;
    if (r->event.type != YAML_SCALAR_EVENT || r->event.data.scalar.length == 0)
        return refuse(r, "a key must be a text");
    return take_text(r, ret);
}

static int read_map(struct reader *r, int depth, struct ynode *map)
{
    for (;;) {
        struct ynode *child = NULL;
        const char *key = NULL;
        int code = advance(r);
        if (code || r->event.type == YAML_MAPPING_END_EVENT)
            return code;
        code = read_key(r, &key);
        if (code)
            return code;
        int line = line_of(r);
        code = advance(r);
        if (code) {
            free((char *)(uintptr_t)key);
            return code;
        }
        code = read_node(r, depth + 1, key, line, &child);
        if (!code)
            code = append(r, map, child);
        if (code)
            return code;
    }
}

/* The node whose first event is being looked at. Takes ownership of `key` in any case. The line of
 * an entry is its key's: that is where a person looks. */
static int read_node(struct reader *r, int depth, const char *key, int key_line, struct ynode **ret)
{
    struct ynode *n = calloc(1, sizeof *n);
    if (!n) {
        free((char *)(uintptr_t)key);
        return no_memory(r);
    }
    n->key = key;
    n->line = key ? key_line : line_of(r);
    int code = check_plain(r);
    if (!code && depth > DEPTH_MAX)
        code = refuse(r, "nested too deeply");
    if (!code && r->event.type == YAML_SCALAR_EVENT) {
        n->kind = YNODE_SCALAR;
        n->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        code = take_text(r, &n->text);
    } else if (!code) {
        n->kind = r->event.type == YAML_MAPPING_START_EVENT ? YNODE_MAP : YNODE_LIST;
        code = n->kind == YNODE_MAP ? read_map(r, depth, n) : read_list(r, depth, n);
    }
    if (code)
        node_free(n);
    else
        *ret = n;
    return code;
}

static int read_stream(struct reader *r, struct ynode **ret)
{
    struct ynode *root = NULL;
    int code = advance(r); /* stream start */
    if (!code)
        code = advance(r);
    if (!code && r->event.type == YAML_DOCUMENT_START_EVENT) {
        code = advance(r);
        if (!code)
            code = read_node(r, 1, NULL, 0, &root);
        if (!code)
            code = advance(r); /* document end */
        if (!code)
            code = advance(r);
        if (!code && r->event.type != YAML_STREAM_END_EVENT)
            code = refuse(r, "a second document is not allowed");
    }
    if (code)
        node_free(root);
    else
        *ret = root;
    return code;
}

/* "# only comments" gives an unquoted empty scalar in some shapes: that is an empty
 * document too. */
static struct ynode *drop_empty(struct ynode *root)
{
    if (!root || root->kind != YNODE_SCALAR || root->quoted || !root->text || root->text[0])
        return root;
    node_free(root);
    return NULL;
}

int ydoc_parse(const char *name, const char *text, size_t n, struct ydoc **ret, struct err *e)
{
    struct reader r = {.name = name, .e = e};
    struct ydoc *d = calloc(1, sizeof *d);
    char *copy = strdup(name);
    if (!d || !copy || !yaml_parser_initialize(&r.parser)) {
        free(d);
        free(copy);
        return err_at(e, ERR_NOMEM, name, 0, "out of memory");
    }
    d->name = copy;
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    int code = n > FILE_MAX ? err_at(e, ERR_TOOBIG, name, 0, "larger than %d bytes", FILE_MAX)
                            : read_stream(&r, &d->root);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    if (code) {
        ydoc_free(d);
        return code;
    }
    d->root = drop_empty(d->root);
    *ret = d;
    return 0;
}

static int file_error(const char *path, int why, struct err *e)
{
    int code = why == ENOENT ? ERR_NOT_FOUND : why == EACCES ? ERR_DENIED : ERR_IO;
    return err_at(e, code, path, 0, "%s", strerror(why));
}

int ydoc_load(const char *path, struct ydoc **ret, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return file_error(path, errno, e);
    char *text = malloc(FILE_MAX + 1);
    size_t n = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
    int why = ferror(f) ? errno : 0;
    fclose(f);
    int code = !text ? err_at(e, ERR_NOMEM, path, 0, "out of memory")
               : why ? file_error(path, why, e)
                     : ydoc_parse(path, text, n, ret, e);
    free(text);
    return code;
}

void ydoc_free(struct ydoc *d)
{
    if (!d)
        return;
    node_free(d->root);
    free(d->name);
    free(d);
}

const struct ynode *ydoc_root(const struct ydoc *d)
{
    return d->root;
}

const char *ydoc_name(const struct ydoc *d)
{
    return d->name;
}

const struct ynode *ynode_get(const struct ynode *map, const char *key)
{
    if (!map || map->kind != YNODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (!strcmp(map->child[i]->key, key))
            return map->child[i];
    return NULL;
}
