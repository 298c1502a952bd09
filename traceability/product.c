/* Products: what is sold, of which crop, under which names and, where there is one, GTIN. Main
 * thread. A product that was named once may be named again: the newest event counts, lots keep its
 * id. */
#include "traceability/ident.h"
#include "traceability/step.h"

int command_product_add(struct command_context *c, const json_t *args, json_t **ret, struct err *e)
{
    const char *product, *crop, *gtin, *zh, *en;
    char g[15];
    int rc = json_only(args, "product|crop|gtin|name_zh|name_en", e);
    if (rc < 0 || (rc = step_required(args, "product", 32, &product, e)) < 0 ||
        (rc = step_required(args, "crop", 32, &crop, e)) < 0 ||
        (rc = step_optional(args, "gtin", 14, &gtin, e)) < 0 ||
        (rc = step_required(args, "name_zh", 80, &zh, e)) < 0 ||
        (rc = step_required(args, "name_en", 80, &en, e)) < 0)
        return rc;
    if (!ident_word_ok(product, 32) || !ident_word_ok(crop, 32))
        return err_set(e, ERR_RANGE,
                       "product and crop are words of a-z, 0-9 and -, as in \"codonopsis-lu\"");
    if (gtin && (rc = ident_gtin(gtin, g, e)) < 0)
        return rc;
    rc = step_append(c, EVENT_PRODUCT_ADDED,
                     json_pack("{s:s,s:s,s:s*,s:s,s:s}", "product", product, "crop", crop, "gtin",
                               gtin ? g : NULL, "name_zh", zh, "name_en", en),
                     NULL, e);
    return rc < 0 ? rc : step_answer(ret, json_pack("{s:s}", "product", product), e);
}

int apply_product_added(struct db *db, const struct event *ev)
{
    struct stmt *s =
        db_q(db, "INSERT OR REPLACE INTO product(product, crop, gtin, name_zh, name_en) "
                 "VALUES(?1,?2,?3,?4,?5)");
    return q_run(step_bind(s, ev, "product|crop|gtin|name_zh|name_en"));
}
