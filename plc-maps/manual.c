/* The manual's own notation of a register, kept beside the wire address and checked against it, so
 * that an address that is off by one shows while the map loads. Pure. Forms:
 *   40008   one-based, the first of five digits is the area (0 coil, 1 discrete, 3 input, 4
 * holding) 400008  the same with six digits 4x0008  the same, area written apart; not for coils,
 * whose 0x would be hexadecimal 0x0007  the wire address itself, hexadecimal 2100H   the same, as
 * drives' manuals write it "8 from 1", "7 from 0"   a plain number, counted from 1 or from 0 "16-13
 * x10-1"   parameter 16-13 of a drive whose register is the parameter times ten, less 1 */
#include "base/num.h"
#include "plc-maps/map_parts.h"
#include <stdio.h>
#include <string.h>

enum { ANY_AREA = -1 };
struct place {
    int area;
    int64_t addr;
};

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

static int area_of(char digit)
{
    switch (digit) {
    case '0': return AREA_COIL;
    case '1': return AREA_DISCRETE;
    case '3': return AREA_INPUT;
    case '4': return AREA_HOLDING;
    default: return ANY_AREA;
    }
}

/* 40008, 400008: the area and a number from 1. */
static bool prefixed(const char *text, struct place *ret)
{
    size_t n = digits(text);
    int64_t from_1;
    if ((n != 5 && n != 6) || text[n] || area_of(text[0]) == ANY_AREA ||
        num_i64(text + 1, 1, 65536, &from_1) < 0)
        return false;
    *ret = (struct place){area_of(text[0]), from_1 - 1};
    return true;
}

/* 4x0008 */
static bool apart(const char *text, struct place *ret)
{
    int64_t from_1;
    if (text[0] == '0' || area_of(text[0]) == ANY_AREA || (text[1] != 'x' && text[1] != 'X') ||
        digits(text + 2) < 4 || num_i64(text + 2, 1, 65536, &from_1) < 0)
        return false;
    *ret = (struct place){area_of(text[0]), from_1 - 1};
    return true;
}

static bool hexadecimal(const char *text, struct place *ret)
{
    char hex[16];
    size_t n = strlen(text);
    bool suffix = n > 1 && n < 8 && (text[n - 1] == 'H' || text[n - 1] == 'h');
    if (!suffix && strncmp(text, "0x", 2) != 0)
        return false;
    snprintf(hex, sizeof hex, "%s%.*s", suffix ? "0x" : "", (int)(suffix ? n - 1 : n), text);
    ret->area = ANY_AREA;
    return num_i64(hex, 0, 65535, &ret->addr) == 0;
}

/* "8 from 1" */
static bool counted(const char *text, struct place *ret)
{
    char number[8];
    size_t n = digits(text);
    int64_t v, base;
    if (n == 0 || n >= sizeof number || strncmp(text + n, " from ", 6) != 0 ||
        num_i64(text + n + 6, 0, 1, &base) < 0)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)n, text);
    if (num_i64(number, base, 65535 + base, &v) < 0)
        return false;
    *ret = (struct place){ANY_AREA, v - base};
    return true;
}

/* "16-13 x10-1" */
static bool parameter(const char *text, struct place *ret)
{
    char number[8];
    size_t a = digits(text);
    size_t b = text[a] == '-' ? digits(text + a + 1) : 0;
    int64_t v;
    if (a == 0 || a > 2 || b != 2 || strcmp(text + a + 1 + b, " x10-1") != 0)
        return false;
    snprintf(number, sizeof number, "%.*s%.2s", (int)a, text, text + a + 1);
    if (num_i64(number, 1, 6553, &v) < 0)
        return false;
    *ret = (struct place){ANY_AREA, v * 10 - 1};
    return true;
}

static bool place_of(const char *text, struct place *ret)
{
    static bool (*const forms[])(const char *, struct place *) = {apart, hexadecimal, counted,
                                                                  parameter, prefixed};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i](text, ret))
            return true;
    return false;
}

bool map_manual_check(struct confdoc *d, int line, const char *manual, int area, int64_t addr)
{
    struct place p;
    if (!manual[0])
        return true;
    if (!place_of(manual, &p))
        return confdoc_error(d, ERR_PARSE, line,
                             "\"manual\" must be like 40008, 400008, 4x0008, 0x0007, 2100H, \"8 "
                             "from 1\" or \"16-13 x10-1\", not \"%s\"",
                             manual);
    if (p.area != ANY_AREA && p.area != area)
        return confdoc_error(d, ERR_CHECK, line, "\"manual\" %s is of area %s, not %s", manual,
                             map_area_word(p.area), map_area_word(area));
    if (p.addr != addr)
        return confdoc_error(d, ERR_CHECK, line,
                             "\"manual\" %s is wire address %d (0x%04X), but this is %d (0x%04X)",
                             manual, (int)p.addr, (unsigned)p.addr, (int)addr, (unsigned)addr);
    return true;
}
