/* The fault script: requests of the control channel, each at its time. Thread: the program's.
 * Owns: the parsed lines. Invariant: lines are carried out in the order of their times; equal times
 * in the order of the file. */
#include "base/json.h"
#include "base/log.h"
#include "sim/control.h"
#include "sim/verb.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 1000, LINE_BYTES = 1024 };

struct script {
    struct {
        int64_t at_ms;
        json_t *request;
    } line[LINES_MAX];
    size_t n, next;
};

void script_free(struct script *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        json_decref(s->line[i].request);
    free(s);
}

/* Keeps the lines ordered by time, stable. */
static void insert(struct script *s, int64_t at_ms, json_t *request)
{
    size_t i = s->n++;
    for (; i > 0 && s->line[i - 1].at_ms > at_ms; i--)
        s->line[i] = s->line[i - 1];
    s->line[i].at_ms = at_ms;
    s->line[i].request = request;
}

static int parse_line(struct script *s, const char *path, int number, const char *text,
                      struct err *e)
{
    json_t *req = NULL;
    int64_t at = 0;
    if (text[0] == '#' || text[strspn(text, " \t\r\n")] == '\0')
        return 0;
    if (s->n == LINES_MAX)
        return err_at(e, ERR_TOOBIG, path, number, "more than %d lines", LINES_MAX);
    struct err why = {0};
    int rc = json_parse(text, strcspn(text, "\r\n"), &req, &why);
    rc = rc ? rc : json_get_int(req, "at_ms", 0, INT64_MAX / 2000000, &at, &why);
    if (rc) {
        json_decref(req);
        return err_at(e, rc, path, number, "%s", why.text);
    }
    insert(s, at, req);
    return 0;
}

int script_load(const char *path, struct script **ret, struct err *e)
{
    char text[LINE_BYTES];
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, ERR_IO, "%s: cannot be read", path);
    struct script *s = calloc(1, sizeof *s);
    int rc = 0;
    if (!s) {
        fclose(f);
        return err_set(e, ERR_NOMEM, "no memory");
    }
    for (int number = 1; rc == 0 && fgets(text, sizeof text, f); number++)
        rc = parse_line(s, path, number, text, e);
    fclose(f);
    if (rc) {
        script_free(s);
        return rc;
    }
    *ret = s;
    return 0;
}

struct mono script_run(struct script *s, struct device *devs, size_t n, struct mono start,
                       struct mono now)
{
    for (; s->next < s->n; s->next++) {
        struct mono due = mono_add_ms(start, s->line[s->next].at_ms);
        if (!mono_reached(now, due))
            return due;
        json_t *ans = verb_do(devs, n, s->line[s->next].request, now);
        if (!json_is_true(json_object_get(ans, "ok")))
            log_warn("script line at %lld ms: %s", (long long)s->line[s->next].at_ms,
                     json_text_or(ans, "error", "?"));
        json_decref(ans);
    }
    return MONO_NEVER;
}
