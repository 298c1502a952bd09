/* Asking lotlined on behalf of a browser. Handlers (HTTP thread) queue jobs and let their exchange
 * wait; the main thread does the calls, one after another over one connection, and wakes the
 * exchange. */
#pragma once
#include "base/clock.h"
#include "web/reply.h"
#include "web/request.h"
#include <stdatomic.h>

struct ask;
struct job {
    char verb[40], request_id[72];
    json_t *args;
    struct exchange *exchange;
    int code; /* 0: `result` */
    json_t *result;
    struct err e;
    struct job *next;
};

int ask_new(const char *socket, struct ask **ret, struct err *e);
/* Refuses what comes from now on and fails what waits; before http_stop. Main thread. */
void ask_stop(struct ask *a);
void ask_free(struct ask *a);

/* HTTP thread. args is taken over; request_id NULL for a mere question. NULL: too many wait
 * already, or the daemon is known to be away. After the exchange was woken the job is the handler's
 * to free. */
struct job *ask_post(struct ask *a, const struct request *q, const char *verb, json_t *args,
                     const char *request_id);
void job_free(struct job *j);

/* Any thread: did lotlined answer lately? */
bool ask_up(const struct ask *a);

/* Main thread. */
int ask_fd(const struct ask *a); /* readable: jobs wait */
void ask_turn(struct ask *a,
              struct mono now); /* does what waits; now and then asks whether it is there */
