/* Pages, styles and scripts that are compiled in (web/pages, web/js; web/embed.mk makes the table).
 * Read-only after loading; any thread. */
#pragma once
#include "base/err.h"
#include <stddef.h>

struct assets;
struct asset {
    const char *name, *text;
    size_t n;
    char url[64]; /* "/a/verify.js?0a1b2c3d": changes with the text, so it may be kept for ever */
    const char *tag; /* what follows the '?' */
    char *packed;    /* gzip */
    size_t n_packed;
};
int assets_load(struct assets **ret, struct err *e);
void assets_free(struct assets *a);
const struct asset *assets_get(const struct assets *a, const char *name); /* NULL: no such */
const struct asset *assets_at(const struct assets *a, size_t i);          /* NULL past the end */
const char *asset_type(const char *name); /* media type by the name's end */
