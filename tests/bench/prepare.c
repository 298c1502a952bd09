/* A record made by hand, for benches that need one: prepare DIR KEY SITE < requests
 *
 * Reads one JSON request a line and answers each with one JSON line:
 *   {"command":NAME,"args":{…}}            runs it as the daemon would
 *   {"repeat":N,"of":[REQUEST…]}           the same commands N times; answers the number of
 * commands
 *   {"stream":BUYER,"into":FILE}           commits, then writes "topic TAB CloudEvent" a line
 * Everything is committed at the end of the input or before a stream is written. A
 * refusal ends it. */
#include "base/crypto.h"
#include "base/json.h"
#include "tests/bench/bench.h"
#include "traceability/command.h"
#include "traceability/store.h"
#include "traceability/stream.h"
#include <string.h>

struct dump {
    FILE *out;
    const char *site, *store_id;
    int64_t n;
};

static void must(int rc, const char *what, const struct err *e)
{
    if (rc < 0)
        bench_give_up("%s: %s %s", what, err_name(rc), e->text);
}

static json_t *run_command(struct store *s, const json_t *req)
{
    static const struct actor daemon = {.role = ROLE_DAEMON, .id = "daemon"};
    const char *name = json_text_or(req, "command", "");
    json_t *ret = NULL;
    struct err e = {0};
    must(command_run(s, &daemon, NULL, name, json_object_get(req, "args"), &ret, NULL, &e), name,
         &e);
    return ret;
}

static json_t *repeat(struct store *s, const json_t *req)
{
    const json_t *of = json_object_get(req, "of");
    int64_t n = json_int_or(req, "repeat", 0);
    for (int64_t i = 0; i < n; i++)
        for (size_t k = 0; k < json_array_size(of); k++)
            json_decref(run_command(s, json_array_get(of, k)));
    return json_pack("{s:I}", "commands", (json_int_t)(n * (int64_t)json_array_size(of)));
}

/* The topic as mqtt/topics.def has it; its length counts, not its truth. */
static int dump_event(void *ctx, const struct stream_event *se)
{
    struct dump *d = ctx;
    size_t n;
    char *doc = export_cloudevent(se, d->site, d->store_id, &n);
    if (!doc)
        return ERR_NOMEM;
    fprintf(d->out, "coop/v1/demo/buyer/%s/ev/%s\t%s\n", se->stream, event_kind_name(se->ev.kind),
            doc);
    free(doc);
    d->n++;
    return 0;
}

static json_t *stream(struct store *s, const json_t *req)
{
    struct err e = {0};
    struct dump d = {.out = fopen(json_text_or(req, "into", ""), "we"),
                     .site = store_site(s),
                     .store_id = store_id(s)};
    if (!d.out)
        bench_give_up("%s: cannot be written", json_text_or(req, "into", ""));
    must(store_commit(s, &e), "commit", &e);
    must(stream_read(store_db(s), json_text_or(req, "stream", ""), 0, 0, INT64_MAX, dump_event, &d,
                     &e),
         "stream", &e);
    must(store_begin(s, &e), "begin", &e);
    fclose(d.out);
    return json_pack("{s:I}", "events", (json_int_t)d.n);
}

static json_t *answer(struct store *s, const json_t *req)
{
    return json_object_get(req, "stream")   ? stream(s, req)
           : json_object_get(req, "repeat") ? repeat(s, req)
                                            : run_command(s, req);
}

int main(int argc, char **argv)
{
    struct store *s = NULL;
    struct err e = {0};
    char *line = NULL;
    size_t size = 0;
    if (argc != 4)
        bench_give_up("usage: prepare DIR KEY SITE");
    must(crypto_setup(), "crypto", &e);
    const struct store_options o = {
        .dir = argv[1], .key_path = argv[2], .site = argv[3], .station = 'A'};
    must(store_open(&o, &s, &e), argv[1], &e);
    must(store_begin(s, &e), "begin", &e);
    for (ssize_t n; (n = getline(&line, &size, stdin)) > 0;) {
        json_t *req = NULL;
        must(json_parse(line, (size_t)n, &req, &e), line, &e);
        json_t *ret = answer(s, req);
        json_dumpf(ret, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(ret);
        json_decref(req);
    }
    must(store_commit(s, &e), "commit", &e);
    store_close(s);
    free(line);
    return 0;
}
