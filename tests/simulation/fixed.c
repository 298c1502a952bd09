/* Time and chance that repeat (contract: fixed.h). Each look at the clock takes a microsecond. */
#include "tests/simulation/fixed.h"
#include "base/clock.h"
#include "base/test_tmp.h"
#include <sodium.h>

struct mono __wrap_mono_now(void);
struct wall __wrap_wall_now(void);

static int64_t now_ns;
static uint64_t state;

struct mono __wrap_mono_now(void)
{
    return (struct mono){now_ns += 1000};
}

struct wall __wrap_wall_now(void)
{
    return (struct wall){INT64_C(1790000000000) + (now_ns += 1000) / 1000000};
}

void fixed_wait_ms(int64_t ms)
{
    now_ns += ms * 1000000;
}

static const char *name(void)
{
    return "fixed";
}

static uint32_t number(void)
{
    return (uint32_t)(seed_next(&state) >> 32);
}

static void bytes(void *p, size_t n)
{
    for (uint8_t *b = p; n; n--)
        *b++ = (uint8_t)(seed_next(&state) >> 56);
}

void fixed_seed(uint64_t seed)
{
    static struct randombytes_implementation ours = {
        .implementation_name = name, .random = number, .buf = bytes};
    state = seed;
    now_ns = 1000000000;
    randombytes_set_implementation(&ours);
}
