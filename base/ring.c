/* Single-producer, single-consumer ring of fixed records (contract: ring.h).
 * Threads: `head` is written by the producer alone, `tail` by the consumer alone; each reads the
 * other's with acquire and publishes its own with release, so a record's bytes are complete before
 * the other side can see them. The counters run freely (modulo 2^64) and stand on cache lines of
 * their own. Invariants: 1. 0 <= head - tail <= capacity. 2. capacity is a power of two. */
#include "base/ring.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64 };

struct ring {
    size_t record_size, capacity;
    unsigned char *slots;
    _Alignas(CACHE_LINE) _Atomic size_t head;
    _Alignas(CACHE_LINE) _Atomic size_t tail;
};

struct ring *ring_new(size_t record_size, size_t capacity)
{
    assert(record_size > 0 && capacity > 0);
    size_t n = 1, bytes = 0;
    while (n < capacity) {
        if (n > SIZE_MAX / 2)
            return NULL;
        n *= 2;
    }
    if (__builtin_mul_overflow(n, record_size, &bytes) || bytes > PTRDIFF_MAX)
        return NULL;
    struct ring *r = aligned_alloc(CACHE_LINE, sizeof *r);
    unsigned char *slots = calloc(1, bytes);
    if (!r || !slots) {
        free(r);
        free(slots);
        return NULL;
    }
    r->record_size = record_size;
    r->capacity = n;
    r->slots = slots;
    atomic_init(&r->head, 0);
    atomic_init(&r->tail, 0);
    return r;
}

void ring_free(struct ring *r)
{
    if (!r)
        return;
    free(r->slots);
    free(r);
}

bool ring_push(struct ring *r, const void *record)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (ring_room(r) == 0)
        return false;
    memcpy(r->slots + (head & (r->capacity - 1)) * r->record_size, record, r->record_size);
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

bool ring_pop(struct ring *r, void *ret_record)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (ring_used(r) == 0)
        return false;
    memcpy(ret_record, r->slots + (tail & (r->capacity - 1)) * r->record_size, r->record_size);
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

size_t ring_room(const struct ring *r)
{
    return r->capacity - (atomic_load_explicit(&r->head, memory_order_relaxed) -
                          atomic_load_explicit(&r->tail, memory_order_acquire));
}

size_t ring_used(const struct ring *r)
{
    return atomic_load_explicit(&r->head, memory_order_acquire) -
           atomic_load_explicit(&r->tail, memory_order_relaxed);
}
