/* Matching addresses (contract: route.h; the table: routes.def). Pure. */
#include "web/route.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct route table[] = {
#define ROUTE(method, pattern, roles, handler, content, help)                                      \
    {METHOD_##method, pattern, roles, handler, content, help},
#include "web/routes.def"
#undef ROUTE
};
#define N (sizeof table / sizeof *table)

const struct route *route_at(size_t i)
{
    return i < N ? &table[i] : NULL;
}

static bool fits(const char *pattern, const struct request *q, const char *args[ROUTE_ARGS])
{
    size_t n = 0, taken = 0;
    const char *p = pattern + 1;
    while (*p) {
        size_t len = strcspn(p, "/");
        if (n == q->n_segments)
            return false;
        const char *have = q->segment[n++];
        if (len == 1 && *p == '*') {
            if (taken == ROUTE_ARGS)
                return false;
            args[taken++] = have;
        } else if (strlen(have) != len || strncasecmp(have, p, len)) {
            return false;
        }
        p += len + (p[len] == '/');
    }
    return n == q->n_segments;
}

const struct route *route_match(const struct request *q, enum web_role role,
                                const char *args[ROUTE_ARGS], unsigned *ret_methods)
{
    enum method want = q->method == METHOD_HEAD ? METHOD_GET : q->method;
    unsigned methods = 0;
    const struct route *found = NULL;
    for (size_t i = 0; i < N; i++) {
        const char *got[ROUTE_ARGS] = {0};
        if (!(table[i].roles & role) || !fits(table[i].pattern, q, got))
            continue;
        methods |= 1u << table[i].method;
        if (!found && table[i].method == want) {
            found = &table[i];
            memcpy(args, got, sizeof got);
        }
    }
    if (methods & 1u << METHOD_GET)
        methods |= 1u << METHOD_HEAD;
    *ret_methods = methods ? methods | 1u << METHOD_OPTIONS : 0;
    return found;
}

const char *route_methods(unsigned methods, char *buf, size_t size)
{
    static const char *const words[] = {"GET", "HEAD", "POST", "OPTIONS"};
    size_t n = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (methods & 1u << i && n < size)
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", words[i]);
    return buf;
}
