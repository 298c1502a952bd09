/* EPCIS 2.0 JSON-LD documents (contract: export_epcis in lot.h). Any database handle; a function of
 * the store alone: two exports of one head are the same bytes. Events: epcis_event.c.
 *
 * 1. A lot's document tells of the lot and of every lot that it came from, nothing beside.
 * 2. Events are read one by one: a reader's transaction stays short however long the export. */
#include "traceability/epcis.h"
#include "base/num.h"
#include "traceability/lot.h"
#include "traceability/step.h"
#include "traceability/ident.h"
#include "traceability/trace.h"
#include <stdlib.h>
#include <string.h>

#define CONTEXT "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

static int add(void *ctx, const struct event *ev)
{
    return epcis_add(ctx, ev);
}

static void read_text(struct stmt *s, char *ret, size_t size, const char *otherwise)
{
    bool found = q_step(s) == 1 && !q_is_null(s, 0);
    snprintf(ret, size, "%s", found ? q_str(s, 0) : otherwise);
    q_done(s);
}

static int setup(struct epcis *x)
{
    int min, rc = ident_offset_min(x->db, &min, x->e);
    if (rc < 0)
        return rc;
    int away = min < 0 ? -min : min;
    read_text(db_q(x->db, "SELECT value FROM meta WHERE key = 'site'"), x->site, sizeof x->site,
              "site");
    read_text(db_q(x->db, "SELECT uscc FROM coop"), x->coop, sizeof x->coop, "coop");
    snprintf(x->zone, sizeof x->zone, "%c%02d:%02d", min < 0 ? '-' : '+', away / 60 % 24,
             away % 60);
    return 0;
}

/* Invariant 1. Event numbers of the lots, ascending. */
static int events_of(struct db *db, const json_t *lots, json_t **ret, struct err *e)
{
    char *set = json_dumps(lots, JSON_COMPACT);
    if (!set)
        return err_set(e, ERR_NOMEM, "no memory for the export");
    struct stmt *s = db_q(
        db, "SELECT DISTINCT x.event_seq FROM json_each(?1) j JOIN lot_event x ON x.lot = j.value "
            "ORDER BY 1");
    int rc = step_column(q_text(s, 1, set), ret);
    free(set);
    return rc < 0 ? err_set(e, rc, "the events of the lot cannot be read: %s", db_message(db)) : 0;
}

static int add_lot(struct epcis *x, const char *id)
{
    struct trace_start t;
    json_t *back = NULL, *seqs = NULL, *seq;
    size_t i;
    int rc = trace_find(x->db, id, &t, x->e);
    if (rc < 0)
        return rc;
    if ((rc = trace_back(x->db, t.lots, &back, x->e)) == 0)
        rc = events_of(x->db, back, &seqs, x->e);
    json_array_foreach(seqs, i, seq) {
        int64_t n;
        if (rc == 0 && (rc = num_i64(json_string_value(seq), 1, INT64_MAX, &n)) == 0)
            rc = event_read(x->db, n, add, x, x->e);
    }
    json_decref(seqs);
    json_decref(back);
    json_decref(t.lots);
    return rc;
}

static json_t *document(const struct epcis *x, int64_t at_ms)
{
    char at[32], ns[EPCIS_URI_SIZE];
    wall_utc((struct wall){at_ms}, at, sizeof at);
    snprintf(ns, sizeof ns, "%s/ns#", x->base);
    return json_pack("{s:[s,{s:s}],s:s,s:s,s:s,s:{s:O}}", "@context", CONTEXT, "lotline", ns,
                     "type", "EPCISDocument", "schemaVersion", "2.0", "creationDate", at,
                     "epcisBody", "eventList", x->list);
}

int export_epcis(struct db *db, const char *id, const char *base_url, json_t **ret, struct err *e)
{
    struct step_watch w = step_watch(db);
    struct epcis x = {.db = db, .base = base_url, .list = json_array(), .e = e};
    int64_t at_ms = 0;
    if (!x.list)
        return err_set(e, ERR_NOMEM, "no memory for the export");
    int rc = setup(&x);
    struct stmt *s = db_q(
        db, "SELECT coalesce(max(at_ms), 0) FROM event WHERE seq = (SELECT max(seq) FROM event)");
    if (q_step(s) == 1)
        at_ms = q_col(s, 0);
    q_done(s);
    if (rc == 0)
        rc = id ? add_lot(&x, id) : event_scan(db, 0, INT64_MAX, add, &x, e);
    rc = step_told(db, w, rc, rc ? NULL : document(&x, at_ms), ret, e);
    json_decref(x.list);
    return rc;
}
