/* Configuration of programs: first byte 0: a sink of lotline-mqtt, 1: lotline-web as a file, 2: the
 * same as a command line (one argument a line), 3: lotlined. */
#include "base/crypto.h"
#include "controller/config.h"
#include "mqtt/sink.h"
#include "tests/fuzz/fuzz.h"
#include "web/options.h"
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static int fd;
static char path[32], program[] = "lotline-web", option[] = "--config";

void fuzz_setup(void)
{
    assert(crypto_setup() == 0 && (fd = memfd_create("fuzz", MFD_CLOEXEC)) >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
}

static void put(const struct feeder *f)
{
    ssize_t n = pwrite(fd, f->p, f->n, 0);
    assert(n == (ssize_t)f->n && ftruncate(fd, n) == 0);
}

static void sink(const struct feeder *f)
{
    struct sink *s = calloc(1, sizeof *s);
    struct err e = {0};
    put(f);
    assert(s);
    int rc = sink_load(path, s, &e);
    assert(rc == 0 || rc == e.code);
    assert(rc || (s->name[0] && s->broker.port >= 1 && s->broker.port <= 65535));
    free(s);
}

static void web(int argc, char **argv)
{
    struct web_options o;
    struct err e = {0};
    int rc = options_read(argc, argv, &o, &e);
    assert(rc >= 0 || rc == e.code);
    assert(rc != 0 || (o.role <= 1 && o.host[0] && o.store[0]));
}

static void command_line(struct feeder *f)
{
    char *argv[18] = {program};
    int n = 1;
    while (n < 17 && f->n)
        argv[n++] = take_line(f, '\n');
    bool file = n > 1 && strcmp(argv[1], "--config") == 0,
         help = n == 2 && !strcmp(argv[1], "--help");
    if (!file && !help)
        web(n, argv);
    while (n > 1)
        free(argv[--n]);
}

static void daemon_config(const struct feeder *f)
{
    struct config *c = NULL;
    struct err e = {0};
    put(f);
    int rc = config_load(path, &c, &e);
    assert(rc == 0 || rc == e.code);
    assert((rc == 0) == (c != NULL));
    config_free(c);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    switch (take_u8(&f) % 4) {
    case 0: sink(&f); break;
    case 1:
        put(&f);
        web(3, (char *[]){program, option, path, NULL});
        break;
    case 2: command_line(&f); break;
    case 3: daemon_config(&f); break;
    }
}
