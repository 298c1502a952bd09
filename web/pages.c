/* All pages, parsed at the start: a page that does not parse keeps the program from starting, and
 * its unit test from passing. */
#include "web/page.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 32

struct pages {
    size_t n;
    const char *name[PAGES_MAX];
    struct page *page[PAGES_MAX];
};

int pages_load(const struct assets *assets, struct pages **ret, struct err *e)
{
    struct pages *p = calloc(1, sizeof *p);
    const struct asset *a;
    int code = 0;
    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for pages");
    for (size_t i = 0; code == 0 && (a = assets_at(assets, i)); i++) {
        const char *dot = strrchr(a->name, '.');
        if (!dot || strcmp(dot, ".html"))
            continue;
        assert(p->n < PAGES_MAX);
        p->name[p->n] = a->name;
        code = page_parse(a->name, a->text, assets, &p->page[p->n], e);
        p->n += code == 0;
    }
    if (code) {
        pages_free(p);
        return code;
    }
    *ret = p;
    return 0;
}

void pages_free(struct pages *p)
{
    for (size_t i = 0; p && i < p->n; i++)
        page_free(p->page[i]);
    free(p);
}

const struct page *pages_get(const struct pages *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->name[i], name) == 0)
            return p->page[i];
    assert(!"a page that is not compiled in");
    return NULL;
}
