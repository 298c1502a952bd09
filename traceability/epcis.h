/* What the EPCIS export's two files share: the document under construction and its building bricks.
 * Private to export_epcis.c and epcis_event.c. */
#pragma once
#include "traceability/event.h"
#include <jansson.h>

#define EPCIS_URI_SIZE 320

struct epcis {
    struct db *db;
    const char *base;                 /* private identifiers stand under it; no trailing slash */
    char site[33], zone[8], coop[32]; /* zone "+08:00"; coop: its USCC, or "coop" */
    json_t *list;
    struct err *e;
};
/* One stored event → no, one or two EPCIS events in x->list. 0 or an error. */
int epcis_add(struct epcis *x, const struct event *ev);
