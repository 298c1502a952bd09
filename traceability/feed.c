/* Feed-stop in the record. The newest line.feed-stop event of a line says how it stands; they are
 * few and found by kind, so no projection is kept for them. */
#include "traceability/feed.h"
#include "traceability/event.h"
#include "traceability/store.h"

int feed_stop_wanted(struct db *db, uint32_t line, bool *ret, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT CAST(body AS TEXT) ->> 'on' FROM event WHERE kind = "
                              "'line.feed-stop' AND CAST(body AS TEXT) ->> 'line' = ?"
                              " ORDER BY seq DESC LIMIT 1");
    int rc = q_step(q_int(s, 1, line));
    if (rc >= 0)
        *ret = rc == 1 && q_col(s, 0) != 0;
    q_done(s);
    return rc < 0 ? err_set(e, rc, "the line's feed-stop cannot be read: %s", db_message(db)) : 0;
}

int feed_stop(struct store *s, uint32_t line, bool on, const char *actor, struct err *e)
{
    bool stands = false;
    int rc = feed_stop_wanted(store_db(s), line, &stands, e);
    if (rc < 0 || stands == on)
        return rc;
    json_t *body = json_pack("{s:I,s:i}", "line", (json_int_t)line, "on", on ? 1 : 0);
    return event_append_new(s, EVENT_LINE_FEED_STOP, body, actor, NULL, e);
}
