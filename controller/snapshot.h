/* One plain value that a bus thread writes and any thread reads whole, without a lock on the
 * writer's side (a sequence lock). Allocates at creation and never after. */
#pragma once
#include <stddef.h>

struct snapshot;
struct snapshot *snapshot_new(size_t size); /* all zero until the first put; NULL: no memory */
void snapshot_free(struct snapshot *s);
void snapshot_put(struct snapshot *s, const void *value); /* one writer */
void snapshot_get(const struct snapshot *s, void *ret_value);
