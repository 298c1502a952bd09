/* Whether the MQTT library can still connect to anything. Without memory at one place paho 1.3.12
 * loses the buffer that all connections of a process read into (SocketBuffer.c) and from then on
 * gives up each of them at the first packet: nothing but a new process helps. That a broker is
 * away, or closes, looks the same from outside; so the library is led to a listener of this process
 * that gives the shortest answer there is. Publisher thread. */
#pragma once
#include <stdbool.h>

struct probe;
/* *p is made when it is NULL. Blocks at most 5 s, where all is well milliseconds. False: the
 * library did not connect. True also where the trial itself could not be made. */
bool probe_passes(struct probe **p);
void probe_free(struct probe *p);
