/* GS1 Digital Link and our own short addresses → what the record is asked for. Pure.
 *   /01/{GTIN}/10/{LOT}   /01/{GTIN}/10/{LOT}/21/{BOX}      GS1
 *   /B/{BOX}   /10/{LOT}   /class/{product}.{LOT}           without GS1 keys
 * Case does not matter; O, I and L that were typed for 0 and 1 are taken as meant in box numbers.
 * Also the RFC 9264 linkset and the resolver's description. DL-compatible, not conformant:
 * compressed addresses are not expanded. Source: GS1-Conformant Resolver 1.2.0;
 * facts/traceability 3.2. */
#pragma once
#include "base/err.h"
#include "base/text.h"
#include "traceability/ident.h"
#include <jansson.h>

struct target {
    char gtin[15];               /* 14 digits, "" when the address has none */
    char lot[IDENT_LOT_SIZE];    /* "" for /B/… */
    char box[IDENT_BOX_SIZE];    /* "" for a lot */
    char id[IDENT_LOT_SIZE + 4]; /* for lot_public: "B/…" or "10/…" */
};

/* The first n segments of a path that routes.def has matched. ERR_PARSE: *ret_part is the English
 * msgid of the part that is wrong ("lot number"), *ret_text the text that stood there. */
int resolve(const char *const *segment, size_t n, struct target *ret, const char **ret_part,
            const char **ret_text);
/* What a linkType asks for. */
enum link { LINK_PAGE, LINK_SET, LINK_EPCIS, LINK_UNKNOWN };
enum link
resolve_link(const char *link_type); /* "gs1:pip", its full URI, "linkset", "all"; "" → PAGE */

/* The address itself and what hangs on it. `anchor`: path of the thing, "/01/…/10/…" or "/B/…". */
json_t *resolve_linkset(const char *base_url, const char *anchor, const struct target *t,
                        const char *title);
json_t *resolve_description(const char *base_url, const char *name, const char *contact);
