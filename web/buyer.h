/* The buyer's page: a pure function of what the record says about a lot and how it was asked for.
 * Served by lotline-web, or written to a file for any other server: no clock, no database, no
 * network. */
#pragma once
#include "base/clock.h"
#include "base/text.h"
#include "web/page.h"
#include <stdbool.h>

struct buyer_ask {
    enum lang lang;
    const char *seal; /* as scanned; NULL or "": none */
    bool can_report;  /* somebody would take a report now */
    struct wall now;  /* for the age of the data */
    int offset_min;   /* minutes east of UTC, for dates */
};
/* lot: as lot_public gives it. malloc'd HTML; NULL: no memory. */
char *buyer_page(const struct pages *p, const json_t *lot, const struct buyer_ask *a,
                 size_t *ret_n);
json_t *buyer_view(const json_t *lot, const struct buyer_ask *a); /* what the page is filled with */

/* What every page needs: language, the link to the other one. `path` and `query` (without lang=, ""
 * when empty) make that link. */
void buyer_frame(json_t *view, enum lang lang, const char *title, const char *path,
                 const char *query);
/* A verdict for the banner: "ok", "hold", "recalled", "void", "seal", "unknown". */
json_t *buyer_verdict(const char *name, enum lang lang);
