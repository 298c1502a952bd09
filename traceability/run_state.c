/* The open run of a line, as the record has it. Reads only. */
#include "traceability/run_state.h"
#include "base/json.h"
#include "traceability/ledger.h"
#include "traceability/step.h"
#include <stdio.h>

static int failed(struct db *db, int rc, struct err *e)
{
    return err_set(e, rc, "the line's run cannot be read: %s", db_message(db));
}

static int any_held(struct db *db, uint32_t run, bool *ret, struct err *e)
{
    json_t *lots = NULL, *lot;
    size_t i;
    int rc = step_column(q_int(db_q(db, "SELECT lot FROM run_input WHERE run = ?"), 1, run), &lots);
    if (rc < 0)
        return failed(db, rc, e);
    *ret = false;
    json_array_foreach(lots, i, lot) {
        rc = ledger_free_to_use(db, json_string_value(lot), e);
        if (rc == ERR_STATE) {
            *ret = true;
            rc = 0;
        }
        if (rc < 0)
            break;
    }
    json_decref(lots);
    return rc < 0 ? failed(db, rc, e) : 0;
}

int run_state_of(struct db *db, const char *line, struct run_state *ret, struct err *e)
{
    struct run_state r = {0};
    struct stmt *s = q_text(
        db_q(db, "SELECT r.run, r.rule, r.id, u.crop, u.ruleset, u.sha256 FROM run r"
                 " JOIN rule u ON u.rule = r.rule WHERE r.line = ? AND r.state = 'starting'"),
        1, line);
    int rc = q_step(s);
    if (rc == 1) {
        r.run = (uint32_t)q_col(s, 0);
        r.rule = (uint32_t)q_col(s, 1);
        snprintf(r.id, sizeof(r.id), "%s", q_str(s, 2));
        snprintf(r.crop, sizeof(r.crop), "%s", q_str(s, 3));
        snprintf(r.ruleset, sizeof(r.ruleset), "%s", q_str(s, 4));
        snprintf(r.sha256, sizeof(r.sha256), "%s", q_str(s, 5));
    }
    q_done(s);
    if (rc < 0)
        return failed(db, rc, e);
    if (rc == 0)
        return err_set(e, ERR_NOT_FOUND, "no run is open on line %s", line);
    rc = any_held(db, r.run, &r.held, e);
    if (rc == 0)
        *ret = r;
    return rc;
}

int run_state_sums(struct db *db, uint32_t run,
                   void (*cb)(void *ctx, uint16_t grade, uint32_t defects, int64_t net_mg),
                   void *ctx, struct err *e)
{
    struct stmt *s =
        q_int(db_q(db, "SELECT i.grade, i.defects, SUM(i.net_mg) FROM segment s JOIN item i"
                       " ON i.id BETWEEN s.id << 32 AND (s.id << 32) + 4294967295"
                       " WHERE s.run = ? AND i.net_mg IS NOT NULL GROUP BY 1, 2"),
              1, run);
    int rc;
    while ((rc = q_step(s)) == 1)
        cb(ctx, (uint16_t)q_col(s, 0), (uint32_t)q_col(s, 1), q_col(s, 2));
    return rc < 0 ? failed(db, rc, e) : 0;
}

int run_state_fill(struct db *db, const char *line,
                   void (*cb)(void *ctx, int64_t outlet, int64_t net_mg), void *ctx, struct err *e)
{
    struct stmt *s = q_text(
        db_q(db, "SELECT b.outlet, SUM(i.net_mg) FROM box_open b JOIN line l ON l.name = b.line"
                 " JOIN segment s ON s.line = l.no JOIN item i"
                 " ON i.id BETWEEN s.id << 32 AND (s.id << 32) + 4294967295"
                 " WHERE b.line = ? AND i.outlet = b.outlet AND i.at_ms >= b.opened_ms"
                 " AND i.net_mg IS NOT NULL GROUP BY 1"),
        1, line);
    int rc;
    while ((rc = q_step(s)) == 1)
        cb(ctx, q_col(s, 0), q_col(s, 1));
    return rc < 0 ? failed(db, rc, e) : 0;
}
