/* A sequence lock over 64-bit words. Writer: one bus thread; readers: any. Invariant: `seq` is
 * odd while the words change; a reader that saw it change copies again. The words are atomics
 * themselves (relaxed), so a torn copy is thrown away, not undefined. */
#include "controller/snapshot.h"
#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_WORDS 256

struct snapshot {
    size_t size;
    _Atomic uint32_t seq;
    _Atomic uint64_t words[SNAPSHOT_WORDS];
};

struct snapshot *snapshot_new(size_t size)
{
    assert(size <= SNAPSHOT_WORDS * sizeof(uint64_t));
    struct snapshot *s = calloc(1, sizeof(*s));
    if (s)
        s->size = size;
    return s;
}

void snapshot_free(struct snapshot *s)
{
    free(s);
}

static size_t words_of(const struct snapshot *s)
{
    return (s->size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

void snapshot_put(struct snapshot *s, const void *value)
{
    uint64_t w[SNAPSHOT_WORDS] = {0};
    memcpy(w, value, s->size);
    uint32_t seq = atomic_load_explicit(&s->seq, memory_order_relaxed);
    atomic_store_explicit(&s->seq, seq + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < words_of(s); i++)
        atomic_store_explicit(&s->words[i], w[i], memory_order_relaxed);
    atomic_store_explicit(&s->seq, seq + 2, memory_order_release);
}

void snapshot_get(const struct snapshot *s, void *ret_value)
{
    uint64_t w[SNAPSHOT_WORDS];
    for (;;) {
        uint32_t seq = atomic_load_explicit(&s->seq, memory_order_acquire);
        for (size_t i = 0; i < words_of(s); i++)
            w[i] = atomic_load_explicit(&s->words[i], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if ((seq & 1) == 0 && atomic_load_explicit(&s->seq, memory_order_relaxed) == seq)
            break;
        sched_yield(); /* the writer may share this processor */
    }
    memcpy(ret_value, w, s->size);
}
