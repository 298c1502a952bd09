/* lotline-web's options: a YAML file, or the same keys on the command line. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct web_options {
    int role; /* index into "public|shed" */
    char listen[64], host[64];
    uint16_t port;
    char store[256], socket[104], base_url[200], text_dir[256], port_file[256];
    int64_t connections, per_ip, offset_min;
    bool behind_proxy;
};
/* 0: go on; 1: the help was printed; negative: wrong usage or a wrong file. */
int options_read(int argc, char **argv, struct web_options *ret, struct err *e);
