/* Reading what a browser sends (contract: request.h). Pure.
 * Invariants: 1. nothing decoded holds a control character, so a value can stand in a header or a
 * log line; 2. a text is either read whole or refused, never cut. */
#include "web/request.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum method method_from(const char *word)
{
    static const char *const words[] = {"GET", "HEAD", "POST", "OPTIONS"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0)
            return (enum method)i;
    return METHOD_OTHER;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes from[0, n) into to; returns the length, or a negative error. A form's text may hold line
 * breaks, a path may not. */
static int decode(const char *from, size_t n, bool form, char *to, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        int c = (unsigned char)from[i];
        if (c == '%') {
            int high = i + 2 < n ? hex_digit(from[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(from[i + 2]) : -1;
            if (low < 0)
                return ERR_PARSE;
            c = high * 16 + low;
            i += 2;
        } else if (form && c == '+') {
            c = ' ';
        }
        bool line = form && (c == '\n' || c == '\r' || c == '\t');
        if ((c < 0x20 && !line) || c == 0x7f)
            return ERR_PARSE;
        if (len + 1 >= size)
            return ERR_TOOBIG;
        to[len++] = (char)c;
    }
    to[len] = '\0';
    return (int)len;
}

int request_parse(const char *uri, struct request *ret)
{
    size_t n = strlen(uri);
    if (n > HTTP_URL_MAX)
        return ERR_TOOBIG;
    if (uri[0] != '/')
        return ERR_PARSE;
    memcpy(ret->raw, uri, n + 1);
    char *mark = strchr(ret->raw, '?');
    char *end = mark ? mark : ret->raw + n;
    ret->query = mark ? mark + 1 : end;
    ret->n_segments = 0;
    char *to = ret->text;
    for (char *p = ret->raw + 1; p < end;) {
        size_t len = strcspn(p, "/?");
        if (len && ret->n_segments == REQUEST_SEGMENTS)
            return ERR_NOT_FOUND; /* no address of ours is that deep */
        int used = decode(p, len, false, to, sizeof ret->text - (size_t)(to - ret->text));
        if (used < 0)
            return used;
        if (len) {
            ret->segment[ret->n_segments++] = to;
            to += used + 1;
        }
        p += len + 1;
    }
    return 0;
}

int form_get(const char *form, const char *name, char *ret, size_t size)
{
    size_t want = strlen(name);
    while (*form) {
        size_t len = strcspn(form, "&");
        const char *eq = memchr(form, '=', len);
        size_t key = eq ? (size_t)(eq - form) : len;
        if (key == want && memcmp(form, name, want) == 0) {
            int n = eq ? decode(eq + 1, len - key - 1, true, ret, size)
                       : decode("", 0, true, ret, size);
            return n < 0 ? n : 0;
        }
        form += len + (form[len] == '&');
    }
    return ERR_NOT_FOUND;
}

int request_query(const struct request *q, const char *name, char *ret, size_t size)
{
    return form_get(q->query, name, ret, size);
}

void request_language(struct request *q, const char *accept_language)
{
    char lang[8];
    if (request_query(q, "lang", lang, sizeof lang))
        q->lang = lang_from(accept_language);
    else
        q->lang = strcmp(lang, "en") == 0 ? LANG_EN : LANG_ZH;
}

/* ---- Accept (RFC 9110, 12.4.2 and 12.5) ---- */

static int thousandths(const char *p, const char *end)
{
    int q = 0;
    for (int scale = 1000; p < end && scale; p++) {
        if (*p == '.')
            continue;
        if (*p < '0' || *p > '9')
            break;
        q += (*p - '0') * scale;
        scale /= 10;
    }
    return q > 1000 ? 1000 : q;
}

/* The weight of a range with its parameters, ";q=0.5" in thousandths; 1000 when none is given. */
static int weight_of(const char *p, const char *end)
{
    while (p < end && (p = memchr(p, ';', (size_t)(end - p)))) {
        p += 1 + strspn(p + 1, " \t");
        if (end - p > 2 && strncasecmp(p, "q=", 2) == 0)
            return thousandths(p + 2, end);
    }
    return 1000;
}

/* How well a range fits a type: 3 exact, 2 "type/…", 1 "*", 0 not. */
static int fit(const char *range, size_t n, const char *type)
{
    const char *slash = strchr(type, '/');
    size_t major = slash ? (size_t)(slash - type) + 1 : 0;
    if (n == strlen(type) && strncasecmp(range, type, n) == 0)
        return 3;
    if (major && n == major + 1 && range[n - 1] == '*' && strncasecmp(range, type, major) == 0)
        return 2;
    bool any = (n == 1 && range[0] == '*') || (n == 3 && memcmp(range, "*/*", 3) == 0);
    return any ? 1 : 0;
}

/* The weight that a header gives a type, by its most specific range; −1: not mentioned. */
static int weight_for(const char *header, const char *type)
{
    int best_fit = 0, weight = -1;
    for (const char *p = header; *p;) {
        p += strspn(p, " ,\t");
        const char *end = p + strcspn(p, ",");
        int f = fit(p, strcspn(p, "; ,\t"), type);
        if (f > best_fit) {
            best_fit = f;
            weight = weight_of(p, end);
        }
        p = end;
    }
    return weight;
}

const char *accept_best(const char *header, const char *const *offered)
{
    const char *best = offered[0];
    int best_weight = 0;
    for (size_t i = 0; header && offered[i]; i++) {
        int w = weight_for(header, offered[i]);
        if (w > best_weight) {
            best_weight = w;
            best = offered[i];
        }
    }
    return best;
}

bool accept_gzip(const char *accept_encoding)
{
    return accept_encoding && weight_for(accept_encoding, "gzip") > 0;
}
