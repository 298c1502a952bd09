/* gzip (RFC 1952) of whole replies; the only file that knows zlib. Pure; any thread. */
#pragma once
#include "base/err.h"
#include <stddef.h>

int gzip_pack(const char *p, size_t n, char **ret, size_t *ret_n); /* malloc'd */
int gzip_unpack(const char *p, size_t n, size_t max, char **ret,
                size_t *ret_n); /* + NUL; ERR_TOOBIG */
