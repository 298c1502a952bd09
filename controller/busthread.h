/* The bus thread: bus_next, link_do, bus_done, wait. Nothing else. One per serial port or
 * connection. */
#pragma once
#include "controller/bus.h"
#include "controller/link.h"

struct busthread;
/* Starts the thread; b and l are used by it alone from now on. `name` is where its devices are, for
 * people who read the log ("127.0.0.1:502", "/dev/ttyUSB0"); the thread is called after it. */
int busthread_start(struct bus *b, struct link *l, const char *name, struct busthread **ret,
                    struct err *e);
void busthread_wake(struct busthread *t); /* any thread: a new acknowledgement or order waits */
/* Asks for the goodbyes of its devices (bounded to 200 ms), joins, frees; NULL: nothing. */
void busthread_stop(struct busthread *t);
/* Monotonic ns of the last completed turn: the watchdog's view. */
int64_t busthread_progress_ns(const struct busthread *t);
bool busthread_link_up(const struct busthread *t);
