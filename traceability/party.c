/* Who takes part: the cooperative, farmers, workers. Main thread.
 *
 * 1. A person's name and telephone go to people.db and nowhere else; events hold the pseudonym.
 * 2. people.db commits before store.db: a name without an event is harmless, the reverse is not. */
#include "traceability/ident.h"
#include "traceability/people.h"
#include "traceability/step.h"

#define NAME_MAX_BYTES 120

int command_coop_set(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    static const char *const names[] = {"name_zh", "name_en", "contact", "township_zh",
                                        "township_en"};
    const char *text, *uscc = NULL;
    int64_t offset = 480;
    int rc = json_only(args, "name_zh|name_en|uscc|contact|township_zh|township_en|offset_min", e);
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof names[0]; i++)
        rc = step_required(args, names[i], NAME_MAX_BYTES, &text, e);
    if (rc == 0)
        rc = step_optional(args, "uscc", 18, &uscc, e);
    if (rc == 0 && json_object_get(args, "offset_min"))
        rc = json_get_int(args, "offset_min", -720, 840, &offset, e);
    if (rc < 0)
        return rc;
    if (uscc && !ident_uscc_ok(uscc))
        return err_set(
            e, ERR_CHECK,
            "unified social credit code %s: its check character does not fit: copy it again", uscc);
    json_t *body = json_copy((json_t *)(uintptr_t)args);
    if (body && !uscc)
        json_object_del(body, "uscc");
    step_set_int(body, "offset_min", offset);
    rc = step_append(c, EVENT_COOP_SET, body, NULL, e);
    return rc < 0 ? rc : step_answer(ret, json_pack("{s:b}", "ok", 1), e);
}

int apply_coop_set(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT OR REPLACE INTO coop(one, name_zh, name_en, uscc, contact, township_zh, "
                 "township_en, offset_min) VALUES(1,?1,?2,?3,?4,?5,?6,?7)");
    return q_run(
        step_bind(s, ev, "name_zh|name_en|uscc|contact|township_zh|township_en|offset_min"));
}

/* Invariant 1. */
static int add_party(struct command_context *c, const json_t *args, const char *kind, json_t **ret,
                     struct err *e)
{
    const char *name, *phone, *initials, *zh, *en, *plot;
    char pid[PEOPLE_PID_SIZE];
    int rc = step_required(args, "name", NAME_MAX_BYTES, &name, e);
    if (rc < 0 || (rc = step_optional(args, "phone", 32, &phone, e)) < 0 ||
        (rc = step_optional(args, "initials", 16, &initials, e)) < 0 ||
        (rc = step_optional(args, "township_zh", NAME_MAX_BYTES, &zh, e)) < 0 ||
        (rc = step_optional(args, "township_en", NAME_MAX_BYTES, &en, e)) < 0 ||
        (rc = step_optional(args, "plot", 40, &plot, e)) < 0)
        return rc;
    if (!zh != !en)
        return err_set(e, ERR_KEY,
                       "give the township in both languages: township_zh and township_en");
    if ((rc = people_add(c->store, kind, name, phone, initials, pid, e)) < 0)
        return rc;
    json_t *body = json_pack("{s:s,s:s,s:s*,s:s*,s:s*}", "pid", pid, "party", kind, "township_zh",
                             zh, "township_en", en, "plot", plot);
    rc = step_append(c, EVENT_PARTY_ADDED, body, NULL, e);
    return rc < 0 ? rc : step_answer(ret, json_pack("{s:s}", "pid", pid), e);
}

int command_farmer_add(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    const char *zh;
    int rc = json_only(args, "name|phone|initials|township_zh|township_en|plot", e);
    if (rc == 0)
        rc = step_required(args, "township_zh", NAME_MAX_BYTES, &zh, e);
    return rc < 0 ? rc : add_party(c, args, "farmer", ret, e);
}

int command_worker_add(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    int rc = json_only(args, "name|initials|phone", e);
    return rc < 0 ? rc : add_party(c, args, "worker", ret, e);
}

int apply_party_added(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT INTO party(pid, kind, township_zh, township_en, plot, event_seq) "
                 "VALUES(?1,?2,?3,?4,?5,?6)");
    return q_run(q_int(step_bind(s, ev, "pid|party|township_zh|township_en|plot"), 6, ev->seq));
}
