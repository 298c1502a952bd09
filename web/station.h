/* The shed's screens: the weighing station, the line, and what their buttons ask of lotlined. The
 * routes are prototyped by route.h; this is what the pure part offers to its test. */
#pragma once
#include <stdbool.h>

/* May a button of ours ask for this? Only these verbs leave the shed's listener; lotlined checks
 * roles and arguments anyway. */
bool station_verb_ok(const char *verb);
