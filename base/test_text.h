/* For unit tests only: a text that is right with one piece of it replaced, and what is said then.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct wrong {
    const char *find, *put, *error;
};

/* `text` with the first `find` replaced; malloc'd. */
static inline char *changed(const char *text, const char *find, const char *put)
{
    const char *at = strstr(text, find);
    if (!at)
        fail_msg("\"%s\" is not in the text", find);
    size_t n = strlen(text) - strlen(find) + strlen(put);
    char *out = malloc(n + 1);
    assert_non_null(out);
    snprintf(out, n + 1, "%.*s%s%s", (int)(at - text), text, put, at + strlen(find));
    return out;
}
