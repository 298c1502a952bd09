/* Strict numbers and checked arithmetic (contract: num.h). Pure; any thread.
 * A text is judged whole before a value is looked at, so ERR_PARSE always means "not a number" and
 * ERR_RANGE always means "a number, but not one of these". */
#include "base/num.h"
#include "base/err.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

__extension__ typedef __int128 wide;

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* All of `text` in the base into *ret; a value over 2^64-1 reads as that with *ret_over set. */
static int read_digits(const char *text, unsigned base, uint64_t *ret, bool *ret_over)
{
    uint64_t v = 0;
    bool over = false;
    if (!*text)
        return ERR_PARSE;
    for (; *text; text++) {
        unsigned d = (unsigned)digit(*text);
        if (d >= base)
            return ERR_PARSE;
        over |= __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v);
    }
    *ret = v;
    *ret_over = over;
    return 0;
}

/* A magnitude and a sign as an int64_t. */
static int with_sign(uint64_t magnitude, bool negative, int64_t *ret)
{
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return ERR_RANGE;
    *ret = negative ? (int64_t) - (wide)magnitude : (int64_t)magnitude;
    return 0;
}

int num_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    if (!text)
        return ERR_PARSE;
    bool negative = *text == '-', hex = !strncmp(text, "0x", 2), over = false;
    uint64_t magnitude = 0;
    int64_t v = 0;
    int code =
        read_digits(text + (negative ? 1 : 0) + (hex ? 2 : 0), hex ? 16 : 10, &magnitude, &over);
    if (code)
        return code;
    if (over || with_sign(magnitude, negative, &v) || v < min || v > max)
        return ERR_RANGE;
    *ret = v;
    return 0;
}

int num_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
    int64_t v = 0;
    int code = num_i64(text, min, max, &v);
    if (!code)
        *ret = (uint32_t)v;
    return code;
}

int num_add(int64_t a, int64_t b, int64_t *ret)
{
    int64_t v;
    if (__builtin_add_overflow(a, b, &v))
        return ERR_OVERFLOW;
    *ret = v;
    return 0;
}

int num_sub(int64_t a, int64_t b, int64_t *ret)
{
    int64_t v;
    if (__builtin_sub_overflow(a, b, &v))
        return ERR_OVERFLOW;
    *ret = v;
    return 0;
}

int num_mul(int64_t a, int64_t b, int64_t *ret)
{
    int64_t v;
    if (__builtin_mul_overflow(a, b, &v))
        return ERR_OVERFLOW;
    *ret = v;
    return 0;
}

int num_ratio(int64_t a, int64_t num, int64_t den, int64_t *ret)
{
    assert(den > 0);
    wide p = (wide)a * num;
    wide q = p / den, rest = p % den; /* C truncates toward zero, so both carry p's sign */
    if (rest >= 0 ? rest >= den - rest : -rest >= den + rest)
        q += p < 0 ? -1 : 1;
    if (q < INT64_MIN || q > INT64_MAX)
        return ERR_OVERFLOW;
    *ret = (int64_t)q;
    return 0;
}

int num_decimal(const char *text, unsigned decimals, int64_t *ret)
{
    assert(decimals <= 18);
    if (!text)
        return ERR_PARSE;
    bool negative = *text == '-', over = false;
    const char *p = negative ? text + 1 : text, *dot = strchr(p, '.');
    size_t whole = dot ? (size_t)(dot - p) : strlen(p), places = dot ? strlen(dot + 1) : 0;
    if (whole == 0 || (dot && places == 0) || places > decimals)
        return ERR_PARSE;
    uint64_t v = 0;
    for (; *p; p++) {
        if (p == dot)
            continue;
        if (*p < '0' || *p > '9')
            return ERR_PARSE;
        over |= __builtin_mul_overflow(v, 10u, &v) ||
                __builtin_add_overflow(v, (unsigned)(*p - '0'), &v);
    }
    for (; places < decimals; places++)
        over |= __builtin_mul_overflow(v, 10u, &v);
    return over ? ERR_RANGE : with_sign(v, negative, ret);
}

const char *num_fixed(int64_t value, unsigned decimals, char *buf, size_t size)
{
    assert(decimals <= 18);
    uint64_t magnitude = value < 0 ? (uint64_t) - (wide)value : (uint64_t)value, scale = 1;
    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    const char *sign = value < 0 ? "-" : "";
    if (decimals == 0)
        snprintf(buf, size, "%s%" PRIu64, sign, magnitude);
    else
        snprintf(buf, size, "%s%" PRIu64 ".%0*" PRIu64, sign, magnitude / scale, (int)decimals,
                 magnitude % scale);
    return buf;
}

const char *num_kg(int64_t mg, char *buf, size_t size)
{
    return mg % 1000 == 0 ? num_fixed(mg / 1000, 3, buf, size) : num_fixed(mg, 6, buf, size);
}

size_t num_text(int64_t v, char ret[NUM_TEXT])
{
    char digits[NUM_TEXT];
    uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
    size_t n = 0, at = 0;
    do
        digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0)
        ret[at++] = '-';
    while (n)
        ret[at++] = digits[--n];
    return at;
}

uint64_t num_isqrt(uint64_t v)
{
    uint64_t root = 0, bit = (uint64_t)1 << 62;
    while (bit > v)
        bit >>= 2;
    for (; bit; bit >>= 2) {
        if (v >= root + bit) {
            v -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}
