/* Hand sorting (contract: hand.h): crate out, returns by grade, close. Main thread.
 *
 * 1. Crate out = returns + loss; returns beyond the crate by more than the scales' tolerance are
 *    refused, so that a loss is never below minus that tolerance.
 * 2. There is one graded lot per (source lot, grade), whoever sorted it; trimmings and soil are
 * weighed but become no lot; "mixed" goes to a rework lot.
 * 3. The worker stands as a pseudonym in internal events only. */
#include "traceability/hand.h"
#include "traceability/graded.h"
#include "traceability/intake.h"
#include "traceability/ledger.h"
#include "traceability/step.h"
#include "traceability/weighing.h"
#include "base/num.h"
#include <string.h>

static const struct {
    const char *code, *zh, *en;
    enum ident_kind kind; /* 0: no lot */
} grades[] = {
    {"1", "一等", "Grade 1", IDENT_GRADED},
    {"2", "二等", "Grade 2", IDENT_GRADED},
    {"3", "三等", "Grade 3", IDENT_GRADED},
    {"mixed", "混等", "Mixed, to be sorted again", IDENT_REWORK},
    {"trimmings", "碎料", "Trimmings", 0},
    {"soil", "泥土", "Soil", 0},
};
#define GRADES (sizeof grades / sizeof grades[0])

static size_t grade_index(const char *code)
{
    size_t i = 0;
    while (i < GRADES && strcmp(grades[i].code, code))
        i++;
    return i;
}

bool hand_grade_names(const char *code, const char **ret_zh, const char **ret_en)
{
    size_t i = grade_index(code);
    *ret_zh = i < GRADES ? grades[i].zh : "";
    *ret_en = i < GRADES ? grades[i].en : "";
    return i < GRADES;
}

struct task_row {
    char lot[21], worker[24], state[8];
    int64_t out_mg, drawn_mg, back_mg, tolerance_mg;
    int64_t returns;
};

static int task_get(struct db *db, const char *task, struct task_row *ret, struct err *e)
{
    struct task_row t = {0};
    struct stmt *s =
        db_q(db, "SELECT lot, worker, state, out_mg, drawn_mg FROM task WHERE task = ?1");
    int rc = q_one(q_text(s, 1, task));
    if (rc < 0)
        return err_set(e, rc, "no task %.20s: its number stands on the crate's slip", task);
    STEP_COPY(t.lot, s, 0);
    STEP_COPY(t.worker, s, 1);
    STEP_COPY(t.state, s, 2);
    t.out_mg = q_col(s, 3);
    t.drawn_mg = q_col(s, 4);
    q_done(s);
    s = db_q(db, "SELECT coalesce(sum(mg), 0), count(*) FROM task_return WHERE task = ?1");
    if ((rc = q_one(q_text(s, 1, task))) < 0)
        return err_set(e, rc, "the returns of task %s cannot be read", task);
    t.back_mg = q_col(s, 0);
    t.returns = q_col(s, 1);
    q_done(s);
    s = db_q(db, "SELECT coalesce(sum(c.e_mg), 0) FROM weighing w JOIN scale c ON c.scale = "
                 "w.scale WHERE w.task = ?1 "
                 "AND w.voided_seq IS NULL");
    if ((rc = q_one(q_text(s, 1, task))) < 0)
        return err_set(e, rc, "the weighings of task %s cannot be read", task);
    t.tolerance_mg = q_col(s, 0);
    q_done(s);
    *ret = t;
    return 0;
}

/* ---- crate out ---- */

int hand_out_check(struct command_context *c, const struct weighing *w, json_t *body, struct err *e)
{
    struct db *db = store_db(c->store);
    const char *lot, *worker;
    char task[IDENT_LOT_SIZE], kg[24];
    struct ledger_lot l;
    struct ident_mint m;
    int rc = step_required(w->args, "lot", 20, &lot, e);
    if (rc < 0 || (rc = step_required(w->args, "worker", 20, &worker, e)) < 0 ||
        (rc = intake_worker(db, worker, e)) < 0 || (rc = ledger_get(db, lot, &l, e)) < 0)
        return rc;
    if (strcmp(l.state, "open") == 0)
        return err_set(e, ERR_STATE, "lot %s is still open: close it first (lot.close)", lot);
    if ((rc = ledger_free_to_use(db, lot, e)) < 0 || (rc = weighing_fits(w, lot, l.unit, e)) < 0)
        return rc;
    if (w->net_mg > ledger_on_hand(&l) + 2 * w->scale.e_mg)
        return err_set(e, ERR_STATE,
                       "lot %s has only %s kg on hand: is this crate from another lot?", lot,
                       num_kg(ledger_on_hand(&l), kg, sizeof kg));
    if ((rc = ident_begin(db, store_station(c->store), wall_now(), &m, e)) < 0 ||
        (rc = ident_lot(&m, IDENT_TASK, task, e)) < 0)
        return rc;
    step_set_text(body, "lot", lot);
    step_set_text(body, "worker", worker);
    step_set_text(body, "task", task);
    step_set_int(body, "drawn_mg", w->net_mg < ledger_on_hand(&l) ? w->net_mg : ledger_on_hand(&l));
    return 0;
}

static int use_up(struct db *db, const char *lot, struct wall at)
{
    struct ledger_lot l;
    int rc = ledger_get(db, lot, &l, NULL);
    if (rc < 0)
        return rc;
    return ledger_state(db, lot, ledger_on_hand(&l) > 0 ? "closed" : "used", at);
}

int hand_out_apply(struct db *db, const struct event *ev)
{
    const char *lot = step_text(ev, "lot"), *task = step_text(ev, "task");
    struct stmt *s = db_q(
        db, "INSERT INTO task(task, lot, worker, out_mg, drawn_mg, state, opened_ms, event_seq) "
            "VALUES(?1,?2,?3,?4,?5,'open',?6,?7)");
    int rc = q_run(q_int(q_int(step_bind(s, ev, "task|lot|worker|net_mg|drawn_mg"), 6, ev->at.ms),
                         7, ev->seq));
    if (rc < 0 || (rc = ident_note(db, task)) < 0 ||
        (rc = ledger_draw(db, lot, step_int(ev, "drawn_mg"))) < 0 ||
        (rc = use_up(db, lot, ev->at)) < 0)
        return rc;
    return ledger_note(db, lot, ev->seq);
}

int hand_out_may_void(struct command_context *c, const struct weighing_row *r, bool manager,
                      json_t *body, struct err *e)
{
    struct task_row t = {0};
    (void)manager;
    int rc = task_get(store_db(c->store), r->task, &t, e);
    if (rc < 0)
        return rc;
    if (strcmp(t.state, "open") || t.returns)
        return err_set(e, ERR_STATE,
                       "task %s has returns already: void them first, or let it stand", r->task);
    step_set_int(body, "drawn_mg", t.drawn_mg);
    return 0;
}

int hand_out_undo(struct db *db, const struct event *ev)
{
    const char *lot = step_text(ev, "lot");
    struct stmt *s = db_q(db, "UPDATE task SET state = 'void' WHERE task = ?1");
    int rc = q_run(step_bind(s, ev, "task"));
    if (rc < 0 || (rc = ledger_draw(db, lot, -step_int(ev, "drawn_mg"))) < 0 ||
        (rc = use_up(db, lot, ev->at)) < 0)
        return rc;
    return ledger_note(db, lot, ev->seq);
}

/* ---- returns ---- */

/* The lot of (source, grade): found, or numbered now ("to_new"). Invariant 2. */
static int return_lot(struct command_context *c, const char *source, const char *code,
                      enum ident_kind kind, json_t *body, struct err *e)
{
    struct db *db = store_db(c->store);
    char lot[IDENT_LOT_SIZE];
    struct ident_mint m;
    struct stmt *s = db_q(db, "SELECT lot FROM lot WHERE source = ?1 AND grade_code = ?2");
    int rc = q_step(q_text(q_text(s, 1, source), 2, code));
    if (rc == 1)
        step_set_text(body, "to", q_str(s, 0));
    q_done(s);
    if (rc < 0)
        return err_set(e, rc, "the lots of %s cannot be read", source);
    if (rc == 1)
        return 0;
    if ((rc = ident_begin(db, store_station(c->store), wall_now(), &m, e)) < 0 ||
        (rc = ident_lot(&m, kind, lot, e)) < 0)
        return rc;
    step_set_text(body, "to", lot);
    json_object_set_new(body, "to_new", json_true());
    return 0;
}

int hand_back_check(struct command_context *c, const struct weighing *w, json_t *body,
                    struct err *e)
{
    struct db *db = store_db(c->store);
    const char *task, *code;
    struct task_row t = {0};
    struct ledger_lot l;
    int rc = step_required(w->args, "task", 20, &task, e);
    if (rc < 0 || (rc = step_required(w->args, "grade", 16, &code, e)) < 0 ||
        (rc = task_get(db, task, &t, e)) < 0 || (rc = ledger_get(db, t.lot, &l, e)) < 0)
        return rc;
    size_t g = grade_index(code);
    if (g == GRADES)
        return err_set(e, ERR_RANGE, "grade \"%.16s\": use 1, 2, 3, mixed, trimmings or soil",
                       code);
    if (strcmp(t.state, "open"))
        return err_set(e, ERR_STATE, "task %s is %s: weigh out a new crate", task,
                       strcmp(t.state, "void") ? "closed" : "void");
    if ((rc = weighing_fits(w, t.lot, l.unit, e)) < 0)
        return rc;
    if (t.back_mg + w->net_mg > t.out_mg + t.tolerance_mg + w->scale.e_mg) {
        char back[24], out[24];
        return err_set(
            e, ERR_STATE, "%s kg would have come back from a crate of %s kg: check crate and task",
            num_kg(t.back_mg + w->net_mg, back, sizeof back), num_kg(t.out_mg, out, sizeof out));
    }
    step_set_text(body, "task", task);
    step_set_text(body, "grade", code);
    step_set_text(body, "lot", t.lot);
    step_set_text(body, "product", l.product);
    return grades[g].kind ? return_lot(c, t.lot, code, grades[g].kind, body, e) : 0;
}

static int open_return_lot(struct db *db, const struct event *ev)
{
    struct ledger_lot l = {.state = "closed"};
    const char *code = step_text(ev, "grade");
    snprintf(l.lot, sizeof l.lot, "%s", step_text(ev, "to"));
    snprintf(l.kind, sizeof l.kind, "%s",
             grades[grade_index(code)].kind == IDENT_REWORK ? "rework" : "graded");
    snprintf(l.product, sizeof l.product, "%s", step_text(ev, "product"));
    snprintf(l.source, sizeof l.source, "%s", step_text(ev, "lot"));
    snprintf(l.grade_code, sizeof l.grade_code, "%s", code);
    int rc = ledger_open(db, ev, &l);
    return rc < 0 ? rc : ledger_share_copy(db, l.lot, l.source);
}

int hand_back_apply(struct db *db, const struct event *ev)
{
    const char *to = step_text(ev, "to"), *source = step_text(ev, "lot");
    int rc = json_object_get(ev->body, "to_new") ? open_return_lot(db, ev) : 0;
    struct stmt *s =
        db_q(db, "INSERT INTO task_return(weighing, task, grade, lot, mg) VALUES(?1,?2,?3,?4,?5)");
    if (rc == 0)
        rc = q_run(step_bind(s, ev, "weighing|task|grade|to|net_mg"));
    if (rc == 0 && to) {
        rc = ledger_add(db, to, step_int(ev, "net_mg"), step_text(ev, "unit"));
        if (rc == 0)
            rc = ledger_edge(db, source, to, "hand", step_int(ev, "net_mg"), ev->seq);
        if (rc == 0)
            rc = ledger_note(db, to, ev->seq);
    }
    return rc < 0 ? rc : ledger_note(db, source, ev->seq);
}

int hand_back_may_void(struct command_context *c, const struct weighing_row *r, bool manager,
                       json_t *body, struct err *e)
{
    struct db *db = store_db(c->store);
    struct task_row t;
    struct ledger_lot l;
    (void)manager;
    int rc = task_get(db, r->task, &t, e);
    if (rc < 0)
        return rc;
    if (strcmp(t.state, "open"))
        return err_set(e, ERR_STATE, "task %s is closed: its returns stand", r->task);
    struct stmt *s =
        db_q(db, "SELECT lot FROM task_return WHERE weighing = ?1 AND lot IS NOT NULL");
    rc = q_step(q_text(s, 1, r->weighing));
    if (rc == 1)
        step_set_text(body, "to", q_str(s, 0));
    q_done(s);
    const char *to = json_text_or(body, "to", NULL);
    if (rc < 0 || !to)
        return rc;
    if ((rc = ledger_get(db, to, &l, e)) < 0)
        return rc;
    if (ledger_on_hand(&l) < r->net_mg)
        return err_set(e, ERR_STATE, "lot %s was packed or drawn on already: this return stands",
                       to);
    return 0;
}

int hand_back_undo(struct db *db, const struct event *ev)
{
    const char *to = step_text(ev, "to"), *source = step_text(ev, "lot");
    int64_t mg = step_int(ev, "net_mg");
    struct stmt *s = db_q(db, "DELETE FROM task_return WHERE weighing = ?1");
    int rc = q_run(step_bind(s, ev, "weighing"));
    if (rc == 0 && to) {
        rc = ledger_add(db, to, -mg, step_text(ev, "unit"));
        if (rc == 0)
            rc = ledger_edge(db, source, to, "hand", -mg, ev->seq);
        if (rc == 0)
            rc = ledger_note(db, to, ev->seq);
    }
    return rc < 0 ? rc : ledger_note(db, source, ev->seq);
}

/* ---- close ---- */

/* [{grade, lot?, mg}…] of the task. */
static int task_returns(struct db *db, const char *task, json_t **ret)
{
    struct stmt *s = db_q(db, "SELECT grade, lot, sum(mg) FROM task_return WHERE task = ?1 GROUP "
                              "BY grade ORDER BY grade");
    json_t *a = json_array();
    int rc;
    q_text(s, 1, task);
    while ((rc = q_step(s)) == 1)
        json_array_append_new(a, json_pack("{s:s,s:s*,s:I}", "grade", q_str(s, 0), "lot",
                                           q_is_null(s, 1) ? NULL : q_str(s, 1), "mg",
                                           (json_int_t)q_col(s, 2)));
    q_done(s);
    if (rc < 0) {
        json_decref(a);
        return rc;
    }
    *ret = a;
    return 0;
}

/* All closed tasks of the source lot together: that is what its graded lots came from. */
static int source_sums(struct db *db, const char *lot, struct graded_sums *ret, struct err *e)
{
    struct stmt *s = db_q(
        db,
        "SELECT coalesce(sum(out_mg), 0), coalesce(sum(loss_mg), 0) FROM task WHERE lot = ?1 AND "
        "state = 'closed'");
    int rc = q_one(q_text(s, 1, lot));
    if (rc < 0)
        return err_set(e, rc, "the tasks of lot %s cannot be read", lot);
    *ret = (struct graded_sums){"hand", q_col(s, 0), q_col(s, 0) - q_col(s, 1), q_col(s, 1)};
    q_done(s);
    return 0;
}

static int tell_returns(struct command_context *c, const char *source, const json_t *returns,
                        struct err *e)
{
    struct graded_sums sums;
    const json_t *o;
    size_t i;
    int rc = source_sums(store_db(c->store), source, &sums, e);
    json_array_foreach(returns, i, o) {
        const char *lot = json_text_or(o, "lot", NULL);
        if (rc == 0 && lot && lot[0] == IDENT_GRADED)
            rc = graded_append(c, lot, &sums, e);
    }
    return rc;
}

int command_hand_close(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    struct db *db = store_db(c->store);
    const char *task;
    struct task_row t = {0};
    json_t *returns = NULL;
    int rc = json_only(args, "task", e);
    if (rc < 0 || (rc = step_required(args, "task", 20, &task, e)) < 0 ||
        (rc = task_get(db, task, &t, e)) < 0)
        return rc;
    if (strcmp(t.state, "open"))
        return err_set(e, ERR_STATE, "task %s is closed or void already", task);
    if (t.returns == 0)
        return err_set(e, ERR_STATE,
                       "nothing came back from task %s yet: weigh the returns, or void the crate",
                       task);
    int64_t loss = t.out_mg - t.back_mg;
    if (loss < -t.tolerance_mg) /* invariant 1 */
        return err_set(e, ERR_STATE,
                       "more came back from task %s than went out: void the wrong weighing", task);
    if ((rc = task_returns(db, task, &returns)) < 0)
        return err_set(e, rc, "the returns of task %s cannot be read", task);
    json_t *body =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:o}", "task", task, "lot", t.lot, "worker", t.worker,
                  "out_mg", (json_int_t)t.out_mg, "loss_mg", (json_int_t)loss, "returns", returns);
    rc = step_append(c, EVENT_TASK_CLOSED, json_incref(body), NULL, e);
    if (rc == 0)
        rc = tell_returns(c, t.lot, json_object_get(body, "returns"), e);
    if (rc == 0)
        rc = step_answer(ret,
                         json_pack("{s:s,s:s,s:I,s:I,s:O}", "task", task, "lot", t.lot, "out_mg",
                                   (json_int_t)t.out_mg, "loss_mg", (json_int_t)loss, "returns",
                                   json_object_get(body, "returns")),
                         e);
    json_decref(body);
    return rc;
}

int apply_task_closed(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "UPDATE task SET state = 'closed', loss_mg = ?2, closed_ms = ?3 WHERE task = ?1");
    int rc = q_run(q_int(step_bind(s, ev, "task|loss_mg"), 3, ev->at.ms));
    return rc < 0 ? rc : ledger_note(db, step_text(ev, "lot"), ev->seq);
}
