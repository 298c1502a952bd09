/* One document that says how everything is: `watch`, MQTT status, SSE and `lotline status` show it.
 * Every value carries its age; nothing stale is shown as fresh. Main thread. */
#pragma once
#include <jansson.h>

struct daemon;
json_t *status_hello(struct daemon *d);    /* the first packet of a connection */
json_t *status_document(struct daemon *d); /* shape: see status.c */
