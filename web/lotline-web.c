/* lotline-web: buyer pages (--role public) or the screens of the shed (--role shed). */
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "web/loop.h"
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Signals are read by the main thread; every thread inherits the mask. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int write_port(const char *file, uint16_t port, struct err *e)
{
    if (!*file)
        return 0;
    FILE *f = fopen(file, "we");
    bool ok = f && fprintf(f, "%u\n", (unsigned)port) > 0;
    if (f && fclose(f) != 0)
        ok = false;
    return ok ? 0 : err_set(e, ERR_IO, "%s cannot be written", file);
}

static int serve(struct web *w, struct web_options *o, struct err *e)
{
    struct http_options h = {.host = o->host,
                             .port = o->port,
                             .connections = (unsigned)o->connections,
                             .per_ip = (unsigned)o->per_ip,
                             .idle_s = 10,
                             .csp = w->csp,
                             .handler = web_handle,
                             .ctx = w};
    int code = http_new(&h, &w->http, e);
    if (code)
        return code;
    if (!*o->base_url) {
        bool v6 = strchr(o->host, ':') != NULL;
        snprintf(o->base_url, sizeof o->base_url, "http://%s%s%s:%u", v6 ? "[" : "", o->host,
                 v6 ? "]" : "", (unsigned)http_port(w->http));
    }
    code = http_start(w->http, e);
    if (code == 0)
        code = write_port(o->port_file, http_port(w->http), e);
    if (code == 0) {
        log_info("%s on %s port %u", w->role == WEB_SHED ? "shed" : "public", o->host,
                 (unsigned)http_port(w->http));
        code = loop_run(w, e);
    }
    ask_stop(w->ask);
    http_stop(w->http);
    return code;
}

int main(int argc, char **argv)
{
    struct web_options o;
    struct web w = {0};
    struct err e = {0};
    char line[400];
    log_setup("lotline-web", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
    block_signals();
    json_use_malloc(NULL);
    int code = options_read(argc, argv, &o, &e);
    if (code > 0)
        return 0;
    if (code == 0 && crypto_setup())
        code = err_set(&e, ERR_IO, "the crypto library does not start");
    if (code == 0 && *o.text_dir && text_load(o.text_dir, &e))
        log_warn("pages will be in English only: %s", err_line(&e, line, sizeof line));
    if (code == 0)
        code = web_new(&o, &w, &e);
    if (code == 0)
        code = serve(&w, &o, &e);
    web_end(&w);
    if (code)
        log_error("%s", err_line(&e, line, sizeof line));
    return err_exit(code);
}
