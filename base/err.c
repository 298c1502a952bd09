/* The error table as code, and the caller's slot (contract: err.h).
 * Thread: any; nothing is shared. Texts are cut at a whole UTF-8 character, and of a long file name
 * the end is kept, because the end is what tells one file from another. */
#include "base/err.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#undef err_set /* macros under LINT */
#undef err_at

static const struct {
    const char *name, *text;
    int exit;
} rows[ERR_COUNT] = {
#define E(name, exit, text) {#name, text, exit},
#include "base/errors.def"
#undef E
};

static int index_of(int code)
{
    return code < 0 && code >= -(int)ERR_COUNT ? -code - 1 : -1;
}

/* Drops the torn character that vsnprintf may leave at the end of a full buffer. */
static void trim_tail(char *s, size_t size)
{
    size_t n = strlen(s), at = n;
    if (n + 1 < size)
        return;
    while (at > 0 && ((unsigned char)s[at - 1] & 0xc0) == 0x80)
        at--;
    if (at == 0)
        return;
    unsigned char lead = (unsigned char)s[at - 1];
    size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (need > 1 && n - (at - 1) < need)
        s[at - 1] = '\0';
}

/* How many bytes the character at s has; 0: it is none, or one that moves the cursor. */
static size_t character(const unsigned char *s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* shorter forms are overlong */
    size_t n = *s < 0x80 ? 1 : *s < 0xc0 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf8 ? 4 : 0;
    if (n <= 1)
        return n && *s >= 0x20 && *s != 0x7f;
    uint32_t c = *s & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

/* A library's message may quote a damaged file; ours goes into JSON and onto terminals. */
static void clean(char *s)
{
    while (*s) {
        size_t n = character((const unsigned char *)s);
        if (n == 0)
            *s = '?';
        s += n ? n : 1;
    }
}

static void put_file(char *to, size_t size, const char *file)
{
    size_t n = strlen(file);
    if (n < size) {
        memcpy(to, file, n + 1);
        return;
    }
    const char *tail = file + n - (size - 4);
    while (((unsigned char)*tail & 0xc0) == 0x80)
        tail++;
    snprintf(to, size, "...%s", tail);
}

static void put(struct err *e, int code, const char *file, int line, const char *fmt, va_list ap)
{
    char text[sizeof e->text];
    vsnprintf(text, sizeof text, fmt, ap); /* first: an argument may point into the slot */
    trim_tail(text, sizeof text);
    clean(text);
    put_file(e->file, sizeof e->file, file);
    clean(e->file);
    memcpy(e->text, text, sizeof text);
    e->code = code;
    e->line = line;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    if (!e)
        return code;
    va_list ap;
    va_start(ap, fmt);
    put(e, code, "", 0, fmt, ap);
    va_end(ap);
    return code;
}

int err_at(struct err *e, int code, const char *file, int line, const char *fmt, ...)
{
    if (!e)
        return code;
    va_list ap;
    va_start(ap, fmt);
    put(e, code, file ? file : "", line, fmt, ap);
    va_end(ap);
    return code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    if (!e)
        return 0;
    char old[sizeof e->text], prefix[sizeof e->text];
    snprintf(old, sizeof old, "%s", e->text[0] ? e->text : err_text(e->code));
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    size_t n = strnlen(prefix, sizeof e->text - 3);
    memcpy(e->text, prefix, n);
    snprintf(e->text + n, sizeof e->text - n, ": %s", old);
    trim_tail(e->text, sizeof e->text);
    clean(e->text);
    return e->code;
}

const char *err_name(int code)
{
    int i = index_of(code);
    return code == 0 ? "OK" : i < 0 ? "ERR_?" : rows[i].name;
}

const char *err_text(int code)
{
    int i = index_of(code);
    return code == 0 ? "ok" : i < 0 ? "unknown error" : rows[i].text;
}

int err_exit(int code)
{
    int i = index_of(code);
    return code == 0 ? 0 : i < 0 ? 1 : rows[i].exit;
}

int err_from_name(const char *name)
{
    for (int i = 0; name && i < (int)ERR_COUNT; i++)
        if (!strcmp(rows[i].name, name))
            return -(i + 1);
    return 0;
}

const char *err_line(const struct err *e, char *buf, size_t size)
{
    const char *text = e->text[0] ? e->text : err_text(e->code);
    if (!e->file[0])
        snprintf(buf, size, "%s", text);
    else if (e->line > 0)
        snprintf(buf, size, "%s:%d: %s", e->file, e->line, text);
    else
        snprintf(buf, size, "%s: %s", e->file, text);
    if (size > 0)
        trim_tail(buf, size);
    return buf;
}
