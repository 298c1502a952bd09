/* lotline status; lotline watch: the daemon's status document, once or live. */
#include "base/clock.h"
#include "base/ipc.h"
#include "base/json.h"
#include "base/num.h"
#include "cli/commands.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static long long number(const json_t *o, const char *key, int64_t def)
{
    return (long long)json_int_or(o, key, def);
}

static void print_lines(const json_t *status)
{
    size_t i;
    const json_t *l;
    json_array_foreach(json_object_get(status, "lines"), i, l) {
        printf("line %-12s %-10s run %-4lld items %-8lld late %lld/%lld lost %lld  slot p99 %lld "
               "us  age %lld ms%s%s\n",
               json_text_or(l, "line", ""), json_text_or(l, "state", ""), number(l, "run", 0),
               number(l, "items", 0), number(l, "late_plc", 0), number(l, "late_host", 0),
               number(l, "lost_plc", 0), number(l, "slot_p99_us", 0), number(l, "age_ms", -1),
               json_is_true(json_object_get(l, "quarantined")) ? "  QUARANTINED" : "",
               json_is_true(json_object_get(l, "feed_stop_wanted")) ? "  FEED STOP" : "");
    }
}

static void print_stations(const json_t *status)
{
    size_t i;
    const json_t *s;
    json_array_foreach(json_object_get(status, "station"), i, s) {
        printf("station %-9s ", json_text_or(s, "name", ""));
        cli_kg(json_int_or(s, "net_mg", 0));
        printf("  %s  age %lld ms\n", json_text_or(s, "text", ""), number(s, "age_ms", -1));
    }
}

static void print_status(const json_t *status)
{
    size_t i;
    const json_t *a;
    const json_t *r = json_object_get(status, "record");
    print_lines(status);
    print_stations(status);
    printf("record  event %lld  commits %lld  slowest %lld us%s\n", number(status, "head", 0),
           number(r, "commits", 0), number(r, "commit_max_us", 0),
           json_is_true(json_object_get(r, "failed")) ? "  FAILED" : "");
    json_array_foreach(json_object_get(status, "sinks"), i, a)
        printf("sink %-12s cursor %lld  waiting %lld  %s\n", json_text_or(a, "sink", ""),
               number(a, "cursor", 0), number(a, "lag", 0), json_text_or(a, "state", ""));
    json_array_foreach(json_object_get(status, "alarms"), i, a)
        printf("ALARM %s %s: %s\n", json_text_or(a, "code", ""), json_text_or(a, "line", ""),
               json_text_or(a, "text", ""));
}

int cli_status(struct cli *c, int argc, char **argv)
{
    struct err e = {0};
    json_t *status = NULL;
    (void)argv;
    if (argc)
        return cli_usage("status");
    if (cli_call(c, "status", NULL, &status, &e) < 0)
        return cli_fail(c, &e);
    return cli_print(c, status, print_status);
}

static void show_live(const struct cli *c, json_t *doc)
{
    if (!json_object_get(doc, "v")) /* a bare head after a commit */
        return;
    if (!c->json && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    cli_print(c, json_incref(doc), print_status);
}

int cli_watch(struct cli *c, int argc, char **argv)
{
    struct err e = {0};
    const char *seconds = cli_option(&argc, argv, "--seconds");
    int64_t s = 0;
    int fd;
    json_t *hello = NULL, *doc = NULL;
    if (argc || (seconds && num_i64(seconds, 1, 86400, &s) < 0))
        return cli_usage("watch [--seconds N]");
    int rc = ipc_connect(c->socket, 2000, &fd, &hello, &e);
    json_decref(hello);
    if (rc == 0)
        rc = ipc_call(fd, "watch", NULL, NULL, 2000, &doc, &e);
    json_decref(doc);
    struct mono end = s ? mono_add_ms(mono_now(), s * 1000) : MONO_NEVER;
    while (rc == 0 && !mono_reached(mono_now(), end)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        poll(&p, 1, 1000);
        doc = NULL;
        rc = ipc_recv(fd, &doc, &e);
        if (rc == 0)
            show_live(c, doc);
        else if (rc == ERR_AGAIN)
            rc = 0;
        json_decref(doc);
    }
    return rc < 0 ? cli_fail(c, &e) : 0;
}
