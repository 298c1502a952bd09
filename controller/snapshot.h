/* A value that one thread writes and others read, under a sequence lock: a reader repeats until no
 * write fell into its copy. The writer never waits. */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

struct snapshot_lock {
    atomic_uint seq; /* odd while a write is on */
};
static inline void snapshot_write(struct snapshot_lock *l, void *shared, const void *value, size_t n)
{
    unsigned s = atomic_load_explicit(&l->seq, memory_order_relaxed);
    atomic_store_explicit(&l->seq, s + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(shared, value, n);
    atomic_store_explicit(&l->seq, s + 2, memory_order_release);
}
static inline void snapshot_read(const struct snapshot_lock *lock, const void *shared, void *ret, size_t n)
{
    struct snapshot_lock *l = (struct snapshot_lock *)(void *)(size_t)(const void *)lock;
    unsigned before, later;
    do {
        before = atomic_load_explicit(&l->seq, memory_order_acquire);
        memcpy(ret, shared, n);
        atomic_thread_fence(memory_order_acquire);
        later = atomic_load_explicit(&l->seq, memory_order_relaxed);
    } while (before != later || before & 1);
}
