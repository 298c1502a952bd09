/* Whether somebody stands at an address: what paho's own words ("no connection") leave open. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A TCP connection there is accepted, and left open for a moment by one who waits to be spoken to.
 * Publisher thread; blocks up to a second and a half, and while a name is looked up. */
bool probe_waits(const char *host, int64_t port);
