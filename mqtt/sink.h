/* Configuration of one sink: one broker connection, one buyer's stream, and maybe the
 * line status. */
#pragma once
#include "base/err.h"
#include "mqtt/client.h"

struct sink {
    char name[25], coop[25], edge[25];
    char store[256], socket[104], state[256]; /* state: folder of NAME.db, the cursor */
    char stream[25];                          /* "" : this sink publishes status only */
    int status;                               /* bool: edge state, line status, rollup, alarms */
    struct client_options broker;
    char root[40];
};
int sink_load(const char *path, struct sink *ret, struct err *e);
