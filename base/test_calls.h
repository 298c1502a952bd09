/* For unit tests only: a call of the C library fails once, with the errno that the test names. A
 * test writes CALL(...) for each function that it lets fail; the linker finds it before the
 * library's. */
#pragma once
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static struct {
    const char *name; /* NULL: nothing fails */
    int why, after;   /* this many calls go well first */
    bool fired;
} call;

static inline void call_fails(const char *name, int why, int after)
{
    call.why = why;
    call.after = after;
    call.fired = false;
    call.name = name;
}

/* Whether it has; from here on all goes well. */
static inline bool call_failed(void)
{
    call.name = NULL;
    return call.fired;
}

static inline bool call_fires(const char *name)
{
    if (!call.name || call.fired || strcmp(call.name, name) != 0 || call.after-- > 0)
        return false;
    errno = call.why;
    return call.fired = true;
}

#define CALL(type, name, params, args)                                                             \
    type name params;                                                                              \
    type name params                                                                               \
    {                                                                                              \
        static type(*real) params;                                                                 \
        void *at;                                                                                  \
        if (call_fires(#name))                                                                     \
            return (type)-1;                                                                       \
        if (!real) {                                                                               \
            at = dlsym(RTLD_NEXT, #name);                                                          \
            memcpy(&real, &at, sizeof real);                                                       \
        }                                                                                          \
        return real args;                                                                          \
    }
