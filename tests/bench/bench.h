/* What the measuring programs share: two clocks, arguments, a way to give up. Each prints one JSON
 * object on its last line; a program that cannot measure says why on stderr and exits 1. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline int64_t bench_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t bench_mono_ns(void)
{
    return bench_ns(CLOCK_MONOTONIC);
}

static inline int64_t bench_cpu_ns(void)
{
    return bench_ns(CLOCK_PROCESS_CPUTIME_ID);
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void bench_give_up(const char *fmt,
                                                                                 ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

/* A whole number from the command line. */
static inline int64_t bench_number(const char *text, int64_t min, int64_t max)
{
    char *end = NULL;
    long long v = strtoll(text, &end, 10);
    if (!end || end == text || *end || v < min || v > max)
        bench_give_up("%s: a number from %lld to %lld expected", text, (long long)min,
                      (long long)max);
    return v;
}

/* What a run did. Plain value. */
struct bench_result {
    int64_t ops, ns, cpu_ns, bytes; /* bytes: on disk or on the wire, by what the run grew */
};

static inline void bench_begin(struct bench_result *r)
{
    *r = (struct bench_result){.ns = bench_mono_ns(), .cpu_ns = bench_cpu_ns()};
}

static inline void bench_end(struct bench_result *r, int64_t ops)
{
    r->ops = ops;
    r->ns = bench_mono_ns() - r->ns;
    r->cpu_ns = bench_cpu_ns() - r->cpu_ns;
}

static inline void bench_print(const struct bench_result *r)
{
    printf("{\"ops\":%lld,\"ns\":%lld,\"cpu_ns\":%lld,\"bytes\":%lld}\n", (long long)r->ops,
           (long long)r->ns, (long long)r->cpu_ns, (long long)r->bytes);
}
