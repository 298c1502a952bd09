/* lotline-web's main thread: waits for lotlined, for jobs and for signals; tells systemd that all
 * is well. */
#pragma once
#include "web/web.h"

int loop_run(struct web *w, struct err *e); /* returns 0 after SIGTERM or SIGINT */
