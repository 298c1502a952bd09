/* Lines as the record knows them (contract: line.h). Thread: main of lotlined. Owns: table
 * line. */
#include "traceability/line.h"
#include "base/json.h"
#include "traceability/store_inner.h"
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 24 };

int apply_line_configured(struct db *db, const struct event *ev)
{
    char *details = json_canonical(json_object_get(ev->body, "details"), NULL);
    struct stmt *q = db_q(db, "INSERT INTO line(no,name,details,event_seq) VALUES(?,?,?,?)"
                              " ON CONFLICT(no) DO UPDATE SET details=excluded.details,"
                              "event_seq=excluded.event_seq");
    q_text(q_int(q, 1, json_int_or(ev->body, "line", 0)), 2,
           json_text_or(ev->body, "line_name", ""));
    int rc = details ? q_run(q_int(q_text(q, 3, details), 4, ev->seq)) : ERR_PARSE;
    free(details);
    return rc;
}

/* The line's number and whether it is configured just so; 0 when the name is new. */
static int find(struct store *s, const char *name, const char *details, uint32_t *ret_no,
                bool *ret_same)
{
    struct stmt *q = db_q(s->db, "SELECT no,details=? FROM line WHERE name=?");
    int rc = q_step(q_text(q_text(q, 1, details), 2, name));
    *ret_no = rc == 1 ? (uint32_t)q_col(q, 0) : 0;
    *ret_same = rc == 1 && q_col(q, 1) == 1;
    q_done(q);
    return rc < 0 ? rc : 0;
}

static int next_no(struct store *s, uint32_t *ret)
{
    struct stmt *q = db_q(s->db, "SELECT coalesce(max(no),0)+1 FROM line");
    int rc = q_one(q);
    if (rc == 1)
        *ret = (uint32_t)q_col(q, 0);
    q_done(q);
    return rc < 0 ? rc : 0;
}

static bool name_is_plain(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && n <= NAME_MAX_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int configure(struct store *s, const char *name, const json_t *details, const char *text,
                     uint32_t *ret_no, struct err *e)
{
    bool same = false;
    uint32_t no = 0;
    int rc = find(s, name, text, &no, &same);
    if (rc == 0 && no == 0)
        rc = next_no(s, &no);
    if (rc)
        return err_set(e, rc, "line %s: %s", name, db_message(s->db));
    if (no > LINES_MAX)
        return err_set(e, ERR_RANGE, "line %s: the record knows %d lines and takes no more", name,
                       LINES_MAX);
    *ret_no = no;
    if (same)
        return 0;
    json_t *body =
        json_pack("{s:I,s:s,s:O}", "line", (json_int_t)no, "line_name", name, "details", details);
    return event_append_new(s, EVENT_LINE_CONFIGURED, body, NULL, NULL, e);
}

int line_configure(struct store *s, const char *name, const json_t *details, uint32_t *ret_no,
                   struct err *e)
{
    int rc = store_writable(s, e);
    if (rc)
        return rc;
    if (!name_is_plain(name))
        return err_set(e, ERR_RANGE, "line \"%.40s\" must be 1 to %d of a-z, 0-9 and -", name,
                       NAME_MAX_BYTES);
    uint64_t unmade = json_failures();
    char *text = json_is_object(details) ? json_canonical(details, NULL) : NULL;
    if (!text && json_failures() != unmade)
        return err_set(e, ERR_NOMEM, "line %s: no memory for its details", name);
    if (!text)
        return err_set(e, ERR_RANGE, "line %s: its details must be an object of integers and texts",
                       name);
    rc = configure(s, name, details, text, ret_no, e);
    free(text);
    return rc;
}

int line_quarantine(struct store *s, uint32_t line, uint32_t epoch, uint32_t seq, const char *code,
                    struct err *e)
{
    json_t *body = json_pack("{s:I,s:I,s:I,s:s}", "line", (json_int_t)line, "epoch",
                             (json_int_t)epoch, "item_seq", (json_int_t)seq, "code", code);
    return event_append_new(s, EVENT_LINE_QUARANTINED, body, NULL, NULL, e);
}

int clock_stepped(struct store *s, int64_t step_ms, struct err *e)
{
    json_t *body = json_pack("{s:I}", "step_ms", (json_int_t)step_ms);
    return event_append_new(s, EVENT_CLOCK_STEPPED, body, NULL, NULL, e);
}
