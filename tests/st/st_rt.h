/* What translated Structured Text (st2c.py) stands on: arithmetic that ends the program instead of
 * wrapping, since what a PLC does then differs by vendor. Any thread; no state. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ST_STEP(self, line)                                                                        \
    do {                                                                                           \
        if ((self)->step)                                                                          \
            (self)->step((self)->ctx, line);                                                       \
    } while (0)

_Noreturn static inline void st_fail(const char *what, int line)
{
    printf("Structured Text, line %d: %s\n", line, what);
    fflush(stdout);
    exit(70);
}

static inline size_t st_index(int64_t i, size_t n, int line)
{
    if (i < 0 || (uint64_t)i >= n)
        st_fail("an index outside its array", line);
    return (size_t)i;
}

/* A loop that does not end trips a PLC's watchdog. */
static inline void st_turn(uint32_t *turns, int line)
{
    if (++*turns > 100000)
        st_fail("a loop without end", line);
}

#define ST_ARITHMETIC(name, type, min, max)                                                        \
    static inline type st_##name(int64_t v, int line)                                              \
    {                                                                                              \
        if (v < (min) || v > (max))                                                                \
            st_fail("a " #name " that overflows", line);                                           \
        return (type)v;                                                                            \
    }                                                                                              \
    static inline type st_##name##_add(type a, type b, int line)                                   \
    {                                                                                              \
        return st_##name((int64_t)a + b, line);                                                    \
    }                                                                                              \
    static inline type st_##name##_sub(type a, type b, int line)                                   \
    {                                                                                              \
        return st_##name((int64_t)a - b, line);                                                    \
    }                                                                                              \
    static inline type st_##name##_mul(type a, type b, int line)                                   \
    {                                                                                              \
        return st_##name((int64_t)((uint64_t)(int64_t)a * (uint64_t)(int64_t)b), line);            \
    }                                                                                              \
    static inline type st_##name##_div(type a, type b, int line)                                   \
    {                                                                                              \
        if (b == 0)                                                                                \
            st_fail("a division by 0", line);                                                      \
        return st_##name((int64_t)a / b, line);                                                    \
    }                                                                                              \
    static inline type st_##name##_mod(type a, type b, int line)                                   \
    {                                                                                              \
        if (b == 0)                                                                                \
            st_fail("a division by 0", line);                                                      \
        return st_##name((int64_t)a % b, line);                                                    \
    }
ST_ARITHMETIC(INT, int16_t, INT16_MIN, INT16_MAX)
ST_ARITHMETIC(UINT, uint16_t, 0, UINT16_MAX)
ST_ARITHMETIC(DINT, int32_t, INT32_MIN, INT32_MAX)
ST_ARITHMETIC(UDINT, uint32_t, 0, UINT32_MAX)

/* The same bits. */
#define ST_BITS(from, ftype, to, ttype)                                                            \
    static inline ttype st_##from##_TO_##to(ftype v, int line)                                     \
    {                                                                                              \
        (void)line;                                                                                \
        return (ttype)v;                                                                           \
    }
ST_BITS(WORD, uint16_t, UINT, uint16_t)
ST_BITS(UINT, uint16_t, WORD, uint16_t)
ST_BITS(INT, int16_t, WORD, uint16_t)
ST_BITS(DWORD, uint32_t, UDINT, uint32_t)
ST_BITS(UDINT, uint32_t, DWORD, uint32_t)
ST_BITS(DINT, int32_t, DWORD, uint32_t)
ST_BITS(DWORD, uint32_t, DINT, int32_t)

/* The same value. */
#define ST_VALUE(from, ftype, to, ttype)                                                           \
    static inline ttype st_##from##_TO_##to(ftype v, int line)                                     \
    {                                                                                              \
        return st_##to(v, line);                                                                   \
    }
ST_VALUE(UINT, uint16_t, UDINT, uint32_t)
ST_VALUE(UDINT, uint32_t, UINT, uint16_t)
ST_VALUE(INT, int16_t, UINT, uint16_t)
ST_VALUE(UINT, uint16_t, INT, int16_t)
ST_VALUE(INT, int16_t, DINT, int32_t)
ST_VALUE(DINT, int32_t, INT, int16_t)
ST_VALUE(UINT, uint16_t, DINT, int32_t)
ST_VALUE(DINT, int32_t, UINT, uint16_t)
