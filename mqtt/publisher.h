/* One buyer's stream to one broker: reads events by cursor, keeps the window full, moves the cursor
 * on PUBACK, publishes the retained head, answers replay requests. A machine driven by its main
 * loop: publisher_wake after anything happened, publisher_due says when it wants to be called at
 * the latest. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "mqtt/cursor.h"
#include "mqtt/sink.h"
#include <jansson.h>

struct publisher;
enum publisher_state {
    PUBLISHER_OFFLINE,
    PUBLISHER_CONNECTING,
    PUBLISHER_ONLINE,
    PUBLISHER_STOPPED /* needs a person: not authorised, cursor does not match the store */
};
int publisher_new(const struct sink *s, struct db *store, const char *site, const char *store_id,
                  struct publisher **ret, struct err *e);
void publisher_free(struct publisher *p); /* writes the cursor, disconnects */
int publisher_fd(const struct publisher *p);
void publisher_wake(struct publisher *p, struct mono now);
struct mono publisher_due(const struct publisher *p);
/* NULL, or in what way the MQTT library is past use (client_broken). */
const char *publisher_broken(const struct publisher *p, struct mono now);
json_t *publisher_report(const struct publisher *p); /* for sink.report; caller's */
