/* What may be asked over the control socket: one row per verb, or a command of the record. */
#pragma once
#include "controller/control.h"
#include "controller/daemon.h"

/* Runs one request inside the open transaction; fills r->result or r->error. */
void verb_run(struct daemon *d, struct request *r);
/* Needs no record: answered also while the record cannot be written. */
bool verb_needs_no_record(const char *verb);
