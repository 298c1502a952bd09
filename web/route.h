/* Which address is answered by whom: routes.def. Pure matching; handlers stand in the file of their
 * subject. */
#pragma once
#include "web/reply.h"
#include "web/request.h"

enum web_role { WEB_PUBLIC = 1, WEB_SHED = 2, WEB_BOTH = 3 };

struct web;
/* args: the segments that matched '*', in order. */
typedef void route_fn(struct web *w, const struct request *q, const char *const *args,
                      struct reply *r);

struct route {
    enum method method;
    const char *pattern; /* "/B/…": literal segments fit in either case, '*' takes one */
    enum web_role roles;
    route_fn *handler;
    const char *content, *help;
};
#define ROUTE(method, pattern, roles, handler, content, help) route_fn handler;
#include "web/routes.def"
#undef ROUTE

#define ROUTE_ARGS 4
/* NULL: no such address for this role. HEAD matches GET. *ret_methods gets the bits (1 << METHOD_…)
 * that this address knows, for 405 and OPTIONS. */
const struct route *route_match(const struct request *q, enum web_role role,
                                const char *args[ROUTE_ARGS], unsigned *ret_methods);
const struct route *route_at(size_t i); /* for the reference and the tests; NULL past the end */
/* "GET, HEAD, OPTIONS" */
const char *route_methods(unsigned methods, char *buf, size_t size);
