/* A .mo catalogue, read as it stands in the file (contract: text.h).
 * Thread: text_load before the first thread, everything else from any. Owns the one catalogue.
 * Invariants: 1. a catalogue is checked whole before it is used: every offset lies inside the file,
 * every text ends with a NUL at its stated length, msgids are sorted. A lookup then needs no
 * checks.
 * 2. a load that fails leaves the catalogue as it was. Format: GNU gettext manual, "MO files". */
#include "base/text.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 4 << 20, HEADER_BYTES = 28 };
#define MAGIC         0x950412deu
#define MAGIC_SWAPPED 0xde120495u

struct catalogue {
    char *file;
    size_t size;
    bool swapped;
    uint32_t n, ids, texts; /* entries; where the two tables of {length, offset} stand */
};

static struct catalogue zh;

/* The 32-bit word at an offset that the caller has checked. */
static uint32_t word_at(const struct catalogue *c, size_t at)
{
    uint32_t v;
    memcpy(&v, c->file + at, sizeof v);
    return c->swapped ? __builtin_bswap32(v) : v;
}

static const char *entry(const struct catalogue *c, uint32_t table, uint32_t i)
{
    return c->file + word_at(c, (size_t)table + (size_t)i * 8 + 4);
}

static bool table_is_sound(const struct catalogue *c, uint32_t table)
{
    if (table > c->size || c->n > (c->size - table) / 8)
        return false;
    for (uint32_t i = 0; i < c->n; i++) {
        uint32_t n = word_at(c, (size_t)table + (size_t)i * 8);
        uint32_t at = word_at(c, (size_t)table + (size_t)i * 8 + 4);
        if (at >= c->size || n >= c->size - at || c->file[at + n] != '\0')
            return false;
    }
    return true;
}

static bool is_sound(struct catalogue *c)
{
    uint32_t magic = 0;
    if (c->size < HEADER_BYTES)
        return false;
    memcpy(&magic, c->file, sizeof magic);
    if (magic != MAGIC && magic != MAGIC_SWAPPED)
        return false;
    c->swapped = magic == MAGIC_SWAPPED;
    if (word_at(c, 4) >> 16 != 0) /* major revision */
        return false;
    c->n = word_at(c, 8);
    c->ids = word_at(c, 12);
    c->texts = word_at(c, 16);
    if (!table_is_sound(c, c->ids) || !table_is_sound(c, c->texts))
        return false;
    for (uint32_t i = 1; i < c->n; i++)
        if (strcmp(entry(c, c->ids, i - 1), entry(c, c->ids, i)) >= 0)
            return false;
    return true;
}

static int read_file(const char *path, struct catalogue *ret, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        int why = errno;
        return err_set(e, why == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(why));
    }
    char *bytes = malloc(FILE_MAX + 1);
    size_t n = bytes ? fread(bytes, 1, FILE_MAX + 1, f) : 0;
    bool bad = ferror(f) != 0;
    fclose(f);
    int code = !bytes ? ERR_NOMEM : bad ? ERR_IO : n > FILE_MAX ? ERR_TOOBIG : 0;
    if (code) {
        free(bytes);
        return err_set(e, code, "%s: %s", path, err_text(code));
    }
    *ret = (struct catalogue){.file = bytes, .size = n};
    return 0;
}

int text_load(const char *dir, struct err *e)
{
    char path[4096];
    struct catalogue c = {0};
    if (snprintf(path, sizeof path, "%s/zh_CN.mo", dir) >= (int)sizeof path)
        return err_set(e, ERR_TOOBIG, "%s: the path is too long", dir);
    int code = read_file(path, &c, e);
    if (code)
        return code;
    if (!is_sound(&c)) {
        free(c.file);
        return err_set(e, ERR_PARSE, "%s is no sound .mo file", path);
    }
    free(zh.file);
    zh = c;
    return 0;
}

const char *text_in(enum lang lang, const char *msgid)
{
    uint32_t low = 0, high = lang == LANG_ZH && *msgid ? zh.n : 0; /* "" is the header's msgid */
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = strcmp(msgid, entry(&zh, zh.ids, mid));
        if (order == 0) {
            const char *text = entry(&zh, zh.texts, mid);
            return *text ? text : msgid;
        }
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return msgid;
}

/* The weight of "…;q=0.8" in thousandths; 1000 without one, 0 when it is no weight. */
static unsigned weight_of(const char *item, size_t n)
{
    const char *q = memmem(item, n, "q=", 2);
    if (!q)
        return 1000;
    const char *p = q + 2, *end = item + n;
    unsigned v = p < end && *p == '1' ? 1000 : 0, place = 100;
    if (v == 0 && p + 1 < end && *p == '0' && p[1] == '.')
        for (p += 2; p < end && *p >= '0' && *p <= '9' && place; p++, place /= 10)
            v += (unsigned)(*p - '0') * place;
    return v;
}

static bool names(const char *item, size_t n, const char *tag)
{
    return n >= 2 && !strncasecmp(item, tag, 2) && (n == 2 || strchr("-;, \t", item[2]));
}

enum lang lang_from(const char *accept_language)
{
    if (!accept_language) /* most of our visitors: a shed's tablet, a scanner's web view */
        return LANG_ZH;
    unsigned best = 0;
    enum lang lang = *accept_language ? LANG_EN : LANG_ZH;
    for (const char *p = accept_language; *p;) {
        size_t n = strcspn(p, ",");
        size_t blank = strspn(p, " \t");
        if (blank < n) {
            const char *item = p + blank;
            bool chinese = names(item, n - blank, "zh"), any = *item == '*';
            unsigned w =
                chinese || any || names(item, n - blank, "en") ? weight_of(item, n - blank) : 0;
            if (w > best) {
                best = w;
                lang = chinese || any ? LANG_ZH : LANG_EN;
            }
        }
        p += n + (p[n] == ',');
    }
    return lang;
}

const char *lang_code(enum lang lang)
{
    return lang == LANG_ZH ? "zh-CN" : "en";
}
