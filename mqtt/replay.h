/* Replay over MQTT: {"after":[epoch,seq],"limit":n} on …/req/replay; the answer goes to the
 * request's response topic with its correlation data (MQTT 5, under …/res/ only), or to
 * …/res/{client} where the request names its "client" (3.1.1). The answer is NDJSON of the same
 * CloudEvents, ≤ 50 and ≤ 60 kB a page, then one line {"epoch","seq","more"}. A token bucket bounds
 * what a buyer can ask for. */
#pragma once
#include "base/clock.h"
#include "base/db.h"
#include "mqtt/client.h"
#include "mqtt/sink.h"

#define REPLAY_WAITING 8

struct replay { /* zeroed by its owner */
    struct {
        char topic[128];
        uint8_t correlation[64];
        size_t correlation_n;
        int64_t epoch, n, limit;
    } waiting[REPLAY_WAITING];
    size_t count;
    int64_t tokens;
    struct mono filled;
    uint64_t refused;
};
void replay_ask(struct replay *r, const struct client_message *m, const struct sink *s,
                struct mono now);
void replay_answer(struct replay *r, struct client *c, struct db *store, const struct sink *s,
                   const char *site, const char *store_id, uint64_t context, struct mono now);
struct mono replay_due(const struct replay *r, struct mono now);
