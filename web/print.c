/* A box's label, to be printed from a browser. Thread: HTTP. */
#include "base/json.h"
#include "base/num.h"
#include "labels/label.h"
#include "traceability/lot.h"
#include "web/buyer.h"
#include "web/msgid.h"
#include "web/resolve.h"
#include "web/web.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_box(struct web *w, const char *text, struct target *t, json_t **ret, struct err *e)
{
    const char *const segments[] = {"B", text};
    const char *part, *wrong;
    struct db *db;
    if (resolve(segments, 2, t, &part, &wrong))
        return err_set(e, ERR_NOT_FOUND, "no box \"%.20s\"", text);
    int code = record_begin(w->record, &db, e);
    if (code)
        return code;
    code = lot_public(db, t->id, ret, e);
    record_end(w->record);
    return code;
}

static const char *name_of(const json_t *lot, const char *key, enum lang lang)
{
    return json_text_or(json_object_get(lot, key), lang == LANG_ZH ? "name_zh" : "name_en", "");
}

static int draw(const struct web *w, const json_t *lot, const struct target *t, enum lang lang,
                char **ret, struct err *e)
{
    char url[LABEL_URL_MAX], kg[32] = "", packed[32] = "";
    const char *seal = json_text_or(json_object_get(lot, "seal"), "text", "");
    bool trade = strcmp(json_text_or(lot, "net_basis", ""), "static") == 0;
    int64_t at = json_int_or(lot, "packed_ms", 0);
    if (trade)
        num_kg(json_int_or(lot, "net_mg", 0), kg, sizeof kg);
    if (at > 0)
        wall_local((struct wall){at}, (int)w->o->offset_min, packed, sizeof packed);
    if (label_url(w->o->base_url, t->box, seal, url, sizeof url))
        return err_set(e, ERR_TOOBIG, "base_url is too long for a label");
    const struct label l = {.product = name_of(lot, "product", lang),
                            .grade = name_of(lot, "grade", lang),
                            .net_kg = kg,
                            .lot = json_text_or(lot, "lot", ""),
                            .box = t->box,
                            .seal = seal,
                            .packed = packed,
                            .coop = name_of(lot, "coop", lang),
                            .word_net = text_in(lang, N_("Net")),
                            .word_lot = text_in(lang, N_("Lot")),
                            .word_packed = text_in(lang, N_("Packed")),
                            .url = url};
    return label_svg(&l, ret, e);
}

void label_svg_get(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct target t;
    struct err e = {0};
    json_t *lot = NULL;
    char *svg = NULL;
    int code = read_box(w, args[0], &t, &lot, &e);
    if (code == 0)
        code = draw(w, lot, &t, q->lang, &svg, &e);
    json_decref(lot);
    if (code || !svg) {
        reply_error(r, &e);
        return;
    }
    reply_take(r, 200, asset_type(".svg"), svg, strlen(svg));
    reply_header(r, "Cache-Control", "no-store");
    web_pack(r);
}

void label_page(struct web *w, const struct request *q, const char *const *args, struct reply *r)
{
    struct target t;
    struct err e = {0};
    json_t *lot = NULL;
    char path[40], page[40];
    if (read_box(w, args[0], &t, &lot, &e)) {
        web_notice(w, q, r, reply_status_of(e.code), NULL, N_("No such box"),
                   N_("Please check the number."));
        return;
    }
    snprintf(path, sizeof path, "/label/%s", t.box);
    snprintf(page, sizeof page, "/B/%s", t.box);
    json_t *view = json_pack("{s:s,s:s,s:s}", "box", t.box, "path", path, "page", page);
    buyer_frame(view, q->lang, t.box, path, "");
    if (strcmp(json_text_or(lot, "verdict", ""), "ok"))
        json_object_set_new(view, "verdict",
                            buyer_verdict(json_text_or(lot, "verdict", ""), q->lang));
    json_decref(lot);
    web_page(w, q, r, 200, "label.html", view);
}
