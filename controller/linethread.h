/* The thread of one port with scales that talk in lines: read, hand to every scale of the port, ask
 * the next one. Nothing else. Scales that talk by themselves have a port each; those that are asked
 * may share one, by their addresses. */
#pragma once
#include "controller/byteport.h"
#include "controller/linescale.h"

#define LINETHREAD_SCALES 16

struct linethread;
/* `name` is where the port is, for people who read the log. Starts nothing yet; owns p. */
int linethread_new(struct byteport *p, const char *name, struct linethread **ret, struct err *e);
/* Before the start: one more scale, at most LINETHREAD_SCALES. Borrowed. */
void linethread_add(struct linethread *t, struct linescale *s);
int linethread_start(struct linethread *t, struct err *e);
/* Joins when it was started, frees it and its port; NULL is allowed. */
void linethread_free(struct linethread *t);
/* Monotonic ns of the last completed turn: the watchdog's view. */
int64_t linethread_progress_ns(const struct linethread *t);
