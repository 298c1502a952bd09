/* A listening TCP socket at a numeric address. */
#pragma once
#include "base/err.h"
#include <stdint.h>

/* port 0: a free one, told in *ret_port. Non-blocking, close-on-exec. */
int listen_on(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port, struct err *e);
/* "127.0.0.1:8080" or "[::1]:8080" → host and port. ERR_PARSE, ERR_RANGE. */
int listen_parse(const char *text, char *ret_host, size_t size, uint16_t *ret_port, struct err *e);
