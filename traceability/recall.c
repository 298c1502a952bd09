/* What must come back (contract: lot_recall in lot.h). Any database handle; changes nothing.
 *
 * 1. Whatever is wrong with a box may be wrong with every lot that its lot came from: the set is
 * all that came from the delivered lots behind it. A delivered lot that is named itself is the only
 * source.
 * 2. Void boxes do not count; the set grows by itself when a lot is used again, since it is asked
 * anew. */
#include "traceability/ledger.h"
#include "traceability/lot.h"
#include "traceability/step.h"
#include "traceability/trace.h"
#include <stdlib.h>
#include <string.h>

/* The lots in which the trouble may have begun. Invariant 1. */
static int sources_of(struct db *db, const struct trace_start *t, json_t **ret, struct err *e)
{
    json_t *back = NULL;
    int rc = trace_back(db, t->lots, &back, e);
    if (rc < 0)
        return rc;
    char *set = json_dumps(back, JSON_COMPACT);
    json_decref(back);
    if (!set)
        return err_set(e, ERR_NOMEM, "no memory for a recall");
    rc = step_column(
        q_text(db_q(db,
                    "SELECT lot FROM lot WHERE lot IN (SELECT value FROM json_each(?1)) AND kind = "
                    "'intake' ORDER BY 1"),
               1, set),
        ret);
    free(set);
    return rc < 0 ? err_set(e, rc, "the sources cannot be read: %s", db_message(db)) : 0;
}

static int column(struct db *db, const char *sql, const char *set, json_t **ret, struct err *e)
{
    int rc = step_column(q_text(db_q(db, sql), 1, set), ret);
    return rc < 0 ? err_set(e, rc, "the recall cannot be read: %s", db_message(db)) : 0;
}

static const struct {
    const char *key, *sql;
    bool of_sources; /* asked of the sources, not of the whole set */
} parts[] = {
    {"boxes",
     "SELECT u.box FROM json_each(?1) j JOIN unit u ON u.lot = j.value WHERE u.state = 'packed' "
     "ORDER BY 1",
     false},
    {"runs",
     "SELECT DISTINCT r.id FROM json_each(?1) j JOIN run_input i ON i.lot = j.value JOIN run r ON "
     "r.run = i.run "
     "ORDER BY 1",
     false},
    {"farmers",
     "SELECT DISTINCT l.farmer FROM json_each(?1) j JOIN lot l ON l.lot = j.value WHERE l.farmer "
     "IS NOT NULL "
     "ORDER BY 1",
     true},
};

static json_t *net_of(struct db *db, const char *set)
{
    struct stmt *s = db_q(
        db, "SELECT coalesce(sum(u.net_mg), 0) FROM json_each(?1) j JOIN unit u ON u.lot = j.value "
            "WHERE u.state = 'packed'");
    json_t *v = q_step(q_text(s, 1, set)) == 1 ? json_integer(q_col(s, 0)) : NULL;
    q_done(s);
    return v;
}

static int fill(struct db *db, const struct trace_start *t, const json_t *sources,
                const json_t *lots, json_t *o, struct err *e)
{
    char *all = json_dumps(lots, JSON_COMPACT), *first = json_dumps(sources, JSON_COMPACT);
    char *own = json_dumps(t->lots, JSON_COMPACT);
    int rc = all && first && own ? 0 : err_set(e, ERR_NOMEM, "no memory for a recall");
    for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof parts[0]; i++) {
        json_t *a = NULL;
        if ((rc = column(db, parts[i].sql, parts[i].of_sources ? first : all, &a, e)) == 0)
            json_object_set_new(o, parts[i].key, a);
    }
    if (rc == 0) {
        json_t *a = NULL;
        if ((rc = column(db, parts[0].sql, own, &a, e)) == 0)
            json_object_set_new(o, "siblings", a);
        json_object_set_new(o, "boxes_net_mg", net_of(db, all));
    }
    free(all);
    free(first);
    free(own);
    return rc;
}

int lot_recall(struct db *db, const char *id, json_t **ret, struct err *e)
{
    static const char *const kinds[] = {"lot", "box", "run"};
    struct trace_start t;
    struct step_watch since = step_watch(db);
    json_t *sources = NULL, *lots = NULL, *o = NULL;
    int rc = trace_find(db, id, &t, e);
    if (rc < 0)
        return rc;
    if ((rc = sources_of(db, &t, &sources, e)) == 0 &&
        (rc = trace_forward(db, sources, &lots, e)) == 0) {
        o = json_pack("{s:s,s:s,s:O,s:O,s:O}", "id", t.id, "kind", kinds[t.kind], "of", t.lots,
                      "sources", sources, "lots", lots);
        rc =
            o ? fill(db, &t, sources, lots, o, e) : err_set(e, ERR_NOMEM, "no memory for a recall");
    }
    json_decref(sources);
    json_decref(lots);
    json_decref(t.lots);
    return step_told(db, since, rc, o, ret, e); /* a set with a hole would leave goods on sale */
}
