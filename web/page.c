/* The page engine (contract: page.h).
 * A page is parsed into a flat list of nodes; a section's node knows where its end stands. Owns
 * copies of names and messages; the text between holes is borrowed from the compiled-in table.
 * Invariant: whatever comes from a view leaves through `escape`; there is no way around it. */
#include "web/page.h"
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 10

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_MESSAGE, NODE_SECTION, NODE_INVERSE, NODE_END };
struct node {
    enum node_kind kind;
    size_t end;       /* of a section: index of its NODE_END */
    const char *text; /* NODE_TEXT: n bytes, borrowed */
    size_t n;
    char *name; /* owned; NODE_TEXT: none */
};
struct page {
    struct node *node;
    size_t n, room;
};

/* ---- parsing ---- */

struct parser {
    const char *name, *start, *at;
    const struct assets *assets;
    struct page *page;
    size_t open[DEPTH_MAX], depth;
    int includes;
    struct err *e;
};

static int wrong(const struct parser *p, const char *what, const char *name)
{
    int line = 1;
    for (const char *c = p->start; c < p->at; c++)
        line += *c == '\n';
    return err_at(p->e, ERR_PARSE, p->name, line, "%s%s%s", what, *name ? " " : "", name);
}

static int add(struct parser *p, struct node n)
{
    struct page *g = p->page;
    if (g->n == g->room) {
        size_t room = g->room ? g->room * 2 : 64;
        struct node *grown = reallocarray(g->node, room, sizeof *grown);
        if (!grown)
            return err_set(p->e, ERR_NOMEM, "no memory for page %s", p->name);
        g->node = grown;
        g->room = room;
    }
    g->node[g->n++] = n;
    return 0;
}

static int add_text(struct parser *p, const char *text, size_t n)
{
    return n ? add(p, (struct node){.kind = NODE_TEXT, .text = text, .n = n}) : 0;
}

/* Text of a page: line by line, without the blanks that indent it and without empty lines. */
static int add_lines(struct parser *p, const char *text, size_t n)
{
    const char *end = text + n;
    while (text < end) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        const char *stop = line ? line + 1 : end;
        int code = add_text(p, text, (size_t)(stop - text));
        if (code || !line)
            return code;
        for (text = stop; text < end && (*text == ' ' || *text == '\n'); text++)
            ;
    }
    return 0;
}

static int add_named(struct parser *p, enum node_kind kind, const char *name, size_t n)
{
    struct node node = {.kind = kind, .name = strndup(name, n)};
    int code =
        node.name ? add(p, node) : err_set(p->e, ERR_NOMEM, "no memory for page %s", p->name);
    if (code)
        free(node.name);
    return code;
}

static int open_section(struct parser *p, enum node_kind kind, const char *name, size_t n)
{
    if (p->depth == DEPTH_MAX)
        return wrong(p, "sections are nested too deep", "");
    p->open[p->depth++] = p->page->n;
    return add_named(p, kind, name, n);
}

static int close_section(struct parser *p, const char *name, size_t n)
{
    struct node *open = p->depth ? &p->page->node[p->open[p->depth - 1]] : NULL;
    if (!open || strlen(open->name) != n || memcmp(open->name, name, n))
        return wrong(p, "closes what is not open:", open ? open->name : "");
    open->end = p->page->n;
    p->depth--;
    return add(p, (struct node){.kind = NODE_END});
}

static int parse_text(struct parser *p);

static int include(struct parser *p, const char *name)
{
    const struct asset *a = p->assets ? assets_get(p->assets, name) : NULL;
    const char *dot = strrchr(name, '.');
    if (!a)
        return wrong(p, "no such file:", name);
    if (dot && strcmp(dot, ".css") == 0)
        return add_text(p, a->text, a->n);
    if (p->includes == 4)
        return wrong(p, "includes are nested too deep", "");
    struct parser inner = *p;
    inner.name = a->name;
    inner.start = inner.at = a->text;
    inner.includes++;
    inner.depth = 0;
    int code = parse_text(&inner);
    return code == 0 && inner.depth ? wrong(&inner, "a section is not closed", "") : code;
}

static int add_hole(struct parser *p, const char *hole, size_t n)
{
    char name[64] = "";
    if (n > 2 && hole[0] == 't' && hole[1] == ':')
        return add_named(p, NODE_MESSAGE, hole + 2, n - 2);
    if (n == 0 || n >= sizeof name)
        return wrong(p, "a name of 1 to 63 characters is needed", "");
    memcpy(name, hole, n);
    switch (name[0]) {
    case '#': return open_section(p, NODE_SECTION, hole + 1, n - 1);
    case '^': return open_section(p, NODE_INVERSE, hole + 1, n - 1);
    case '/': return close_section(p, hole + 1, n - 1);
    case '>': return include(p, name + 1);
    default: break;
    }
    if (strncmp(name, "a:", 2))
        return add_named(p, NODE_VALUE, hole, n);
    const struct asset *a = p->assets ? assets_get(p->assets, name + 2) : NULL;
    return a ? add_text(p, a->url, strlen(a->url)) : wrong(p, "no such file:", name + 2);
}

static int parse_text(struct parser *p)
{
    for (;;) {
        const char *hole = strstr(p->at, "{{");
        int code = add_lines(p, p->at, hole ? (size_t)(hole - p->at) : strlen(p->at));
        if (code || !hole)
            return code;
        const char *end = strstr(hole, "}}");
        p->at = hole;
        if (!end)
            return wrong(p, "\"{{\" without \"}}\"", "");
        code = add_hole(p, hole + 2, (size_t)(end - hole) - 2);
        if (code)
            return code;
        p->at = end + 2;
    }
}

int page_parse(const char *name, const char *text, const struct assets *assets, struct page **ret,
               struct err *e)
{
    struct page *g = calloc(1, sizeof *g);
    if (!g)
        return err_set(e, ERR_NOMEM, "no memory for page %s", name);
    struct parser p = {
        .name = name, .start = text, .at = text, .assets = assets, .page = g, .e = e};
    int code = parse_text(&p);
    if (code == 0 && p.depth)
        code = wrong(&p, "section is not closed:", g->node[p.open[p.depth - 1]].name);
    if (code) {
        page_free(g);
        return code;
    }
    *ret = g;
    return 0;
}

void page_free(struct page *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        free(p->node[i].name);
    free(p->node);
    free(p);
}

/* ---- rendering ---- */

struct scope {
    const json_t *at[DEPTH_MAX + 1];
    size_t n;
    enum lang lang;
    FILE *out;
};

static void escape(FILE *out, const char *s)
{
    for (;;) {
        size_t plain = strcspn(s, "&<>\"'");
        fwrite(s, 1, plain, out);
        s += plain;
        switch (*s++) {
        case '\0': return;
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        default: fputs("&#39;", out); break;
        }
    }
}

static const json_t *member(const json_t *o, const char *name, size_t n)
{
    char key[64];
    assert(n < sizeof key);
    memcpy(key, name, n);
    key[n] = '\0';
    return json_object_get(o, key);
}

/* "a.b": a is looked for from the inside outwards, b within it. */
static const json_t *look_up(const struct scope *s, const char *name, size_t n)
{
    if (n == 1 && name[0] == '.')
        return s->at[s->n - 1];
    const char *dot = memchr(name, '.', n);
    size_t first = dot ? (size_t)(dot - name) : n;
    const json_t *v = NULL;
    for (size_t i = s->n; i > 0 && !v; i--)
        v = member(s->at[i - 1], name, first);
    while (v && dot) {
        const char *part = dot + 1;
        dot = memchr(part, '.', n - (size_t)(part - name));
        v = member(v, part, dot ? (size_t)(dot - part) : n - (size_t)(part - name));
    }
    return v;
}

static void put_value(const struct scope *s, const char *name, size_t n)
{
    const json_t *v = look_up(s, name, n);
    if (json_is_string(v))
        escape(s->out, json_string_value(v));
    else if (json_is_integer(v))
        fprintf(s->out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
}

static void put_message(const struct scope *s, const char *msgid)
{
    const char *p = text_in(s->lang, msgid);
    while (*p) {
        const char *dollar = strchrnul(p, '$');
        for (; p < dollar; p++) {
            char one[2] = {*p, '\0'};
            escape(s->out, one);
        }
        if (!*p)
            return;
        size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (n)
            put_value(s, p + 1, n);
        else
            fputc('$', s->out);
        p += 1 + (n ? n : p[1] == '$');
    }
}

static bool is_there(const json_t *v)
{
    return v && !json_is_null(v) && !json_is_false(v) &&
           !(json_is_array(v) && json_array_size(v) == 0) &&
           !(json_is_string(v) && !*json_string_value(v));
}

static void put_nodes(const struct page *p, size_t from, size_t to, struct scope *s);

static void put_within(const struct page *p, size_t section, const json_t *v, struct scope *s)
{
    s->at[s->n++] = v;
    put_nodes(p, section + 1, p->node[section].end, s);
    s->n--;
}

static void put_section(const struct page *p, size_t i, struct scope *s)
{
    const char *name = p->node[i].name;
    const json_t *v = look_up(s, name, strlen(name)), *element;
    size_t k;
    if (!is_there(v))
        return;
    if (!json_is_array(v)) {
        put_within(p, i, v, s);
        return;
    }
    json_array_foreach(v, k, element)
        put_within(p, i, element, s);
}

static void put_nodes(const struct page *p, size_t from, size_t to, struct scope *s)
{
    for (size_t i = from; i < to; i++) {
        const struct node *n = &p->node[i];
        switch (n->kind) {
        case NODE_TEXT: fwrite(n->text, 1, n->n, s->out); break;
        case NODE_VALUE: put_value(s, n->name, strlen(n->name)); break;
        case NODE_MESSAGE: put_message(s, n->name); break;
        case NODE_SECTION: put_section(p, i, s); break;
        case NODE_INVERSE:
            if (!is_there(look_up(s, n->name, strlen(n->name))))
                put_nodes(p, i + 1, n->end, s);
            break;
        case NODE_END: break;
        }
        if (n->kind == NODE_SECTION || n->kind == NODE_INVERSE)
            i = n->end;
    }
}

char *page_render(const struct page *p, const json_t *view, enum lang lang, size_t *ret_n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_n);
    if (!out)
        return NULL;
    struct scope s = {.at = {view}, .n = 1, .lang = lang, .out = out};
    put_nodes(p, 0, p->n, &s);
    bool bad = ferror(out) != 0;
    if (fclose(out) == 0 && !bad)
        return text;
    free(text);
    return NULL;
}
