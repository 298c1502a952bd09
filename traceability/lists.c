/* Short lists for the shed's screens. Reads only. */
#include "traceability/lists.h"
#include "traceability/step.h"

static int collect(struct db *db, struct stmt *s, json_t *(*row)(struct stmt *), json_t **ret,
                   struct err *e)
{
    struct step_watch w = step_watch(db);
    json_t *a = json_array();
    while (q_step(s) == 1)
        json_array_append_new(a, row(s));
    q_done(s);
    return step_told(db, w, 0, a, ret, e);
}

static const char *text_or_null(struct stmt *s, int i)
{
    return q_is_null(s, i) ? NULL : q_str(s, i);
}

static json_t *product_row(struct stmt *s)
{
    return json_pack("{s:s,s:s,s:s*,s:s,s:s}", "product", q_str(s, 0), "crop", q_str(s, 1), "gtin",
                     text_or_null(s, 2), "name_zh", q_str(s, 3), "name_en", q_str(s, 4));
}

int list_products(struct db *db, json_t **ret, struct err *e)
{
    return collect(
        db, db_q(db, "SELECT product, crop, gtin, name_zh, name_en FROM product ORDER BY product"),
        product_row, ret, e);
}

static json_t *lot_row(struct stmt *s)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s*,s:I,s:s*}", "id", q_str(s, 0), "kind", q_str(s, 1),
                     "state", q_str(s, 2), "product", q_str(s, 3), "farmer", text_or_null(s, 4),
                     "on_hand_mg", (json_int_t)q_col(s, 5), "grade", text_or_null(s, 6));
}

int list_lots(struct db *db, const char *state, int64_t limit, json_t **ret, struct err *e)
{
    struct stmt *s =
        db_q(db, "SELECT lot, kind, state, product, farmer, mg - drawn_mg, grade_code FROM lot"
                 " WHERE ?1 = '' OR state = ?1 ORDER BY opened_seq DESC, lot LIMIT ?2");
    return collect(db, q_int(q_text(s, 1, state), 2, limit), lot_row, ret, e);
}

static json_t *task_row(struct stmt *s)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "task", q_str(s, 0), "lot", q_str(s, 1), "worker",
                     q_str(s, 2), "state", q_str(s, 3), "out_mg", (json_int_t)q_col(s, 4),
                     "back_mg", (json_int_t)q_col(s, 5));
}

int list_tasks(struct db *db, const char *state, int64_t limit, json_t **ret, struct err *e)
{
    struct stmt *s = db_q(
        db,
        "SELECT task, lot, worker, state, out_mg, (SELECT coalesce(sum(mg), 0) FROM task_return r"
        " WHERE r.task = t.task) FROM task t WHERE ?1 = '' OR state = ?1"
        " ORDER BY event_seq DESC LIMIT ?2");
    return collect(db, q_int(q_text(s, 1, state), 2, limit), task_row, ret, e);
}
