/* A ring of fixed records between exactly one producer thread and one consumer thread.
 * Allocates at creation and never after. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct ring;
/* capacity is rounded up to 2^k; NULL: no memory */
struct ring *ring_new(size_t record_size, size_t capacity);
void ring_free(struct ring *r);
bool ring_push(struct ring *r, const void *record); /* producer; false: full, nothing is written */
bool ring_pop(struct ring *r, void *ret_record);    /* consumer; false: empty */
size_t ring_room(const struct ring *r);             /* producer: records that can be pushed now */
size_t ring_used(const struct ring *r);             /* consumer: records that can be popped now */
