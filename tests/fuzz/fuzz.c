/* Between libFuzzer (or replay.c) and a target: setup once, the limits on processor time.
 * libFuzzer's own limit is wall time, which says nothing on a busy machine. */
#include "tests/fuzz/fuzz.h"
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

static int64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_hang(int sig)
{
    (void)sig;
    abort();
}

static void limit_cpu_s(int s)
{
    struct itimerval t = {.it_value = {s, 0}};
    setitimer(ITIMER_PROF, &t, NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGPROF, on_hang);
    fuzz_setup();
    return 0;
}

/* A page fault storm of a busy machine is no finding: what is slow once must be slow again. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    int64_t took = 0;
    for (int i = 0; i < 3; i++) {
        int64_t began = cpu_ms();
        limit_cpu_s(1);
        fuzz_one(p, n);
        limit_cpu_s(0);
        took = cpu_ms() - began;
        if (took <= FUZZ_SLOW_MS)
            return 0;
    }
    fprintf(stderr, "slow: %lld ms for %zu bytes\n", (long long)took, n);
    abort();
}
