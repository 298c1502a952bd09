/* The buyer's page (contract: buyer.h).  way: 12/12 the record to the buyer's phone
 * Pure. Texts stand in pages/buyer.html; what depends on a word of the record (a verdict, a step)
 * stands in the tables here.
 *
 *  1. Nothing is shown that the JSON does not say: an unknown word is shown as it is, not guessed.
 *  2. A seal that does not fit outranks every other verdict; the record's own verdict is then said,
 * too.
 *  3. Shares of farms are shown from three farms up: with two, each would know the other's.
 *  4. What only the belt weighed is never shown as a trade weight. */
#include "web/buyer.h"
#include "base/json.h"
#include "base/num.h"
#include "web/msgid.h"
#include "web/proof.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARES_FROM 3

static const struct verdict {
    const char *name, *class, *word, *text;
} verdicts[] = {
    {"ok", "ok", N_("Valid"), N_("On record; neither on hold nor recalled.")},
    {"hold", "hold", N_("On hold"),
     N_("Sale is stopped for now. Please do not use it until this is cleared.")},
    {"recalled", "bad", N_("Recalled"),
     N_("Please do not use it. Give it back to the seller or the cooperative.")},
    {"void", "gone", N_("Void"), N_("This label was cancelled. It stands for no goods.")},
    {"seal", "bad", N_("Seal does not fit"),
     N_("The seal on this label is not the one on record. Do not accept the goods by this label.")},
    {"unknown", "gone", N_("Unknown"),
     N_("There is no such number on record. Please compare it with the label.")},
};
/* Steps that pages/buyer.html has words for. */
static const char *const steps[] = {"received", "sorting",  "graded",  "packed",
                                    "held",     "released", "recalled"};
static const struct {
    const char *basis, *text;
} bases[] = {
    {"diameter", N_("diameter")},
    {"weight", N_("weight of each piece")},
    {"length", N_("length")},
    {"manual", N_("eye and hand")},
    {"machine", N_("the sorting machine's own settings")},
};

/* ---- small pieces ---- */

static void set_text(json_t *view, const char *key, const char *text)
{
    json_object_set_new(view, key, json_string(text));
}

static void set_flag(json_t *view, const char *key)
{
    json_object_set_new(view, key, json_true());
}

static void set_kg(json_t *view, const char *key, int64_t mg)
{
    char kg[32];
    set_text(view, key, num_kg(mg, kg, sizeof kg));
}

/* For sums and for what a belt weighed: to the gram, as people read it. */
static void set_grams(json_t *view, const char *key, int64_t mg)
{
    int64_t g, whole;
    bool fits = num_ratio(mg, 1, 1000, &g) == 0 && num_mul(g, 1000, &whole) == 0;
    set_kg(view, key, fits ? whole : mg);
}

static void set_share(json_t *view, const char *key, int64_t ppm)
{
    char text[32];
    int64_t tenths;
    if (num_ratio(ppm, 1, 1000, &tenths) == 0)
        set_text(view, key, num_fixed(tenths, 1, text, sizeof text));
}

static void set_time(json_t *view, const char *key, int64_t ms, int offset_min)
{
    char text[32];
    if (ms > 0)
        set_text(view, key, wall_local((struct wall){ms}, offset_min, text, sizeof text));
}

/* A name in the asked language; in the other one when it is missing. */
static const char *name_in(const json_t *o, const char *zh, const char *en, enum lang lang)
{
    const char *mine = json_text_or(o, lang == LANG_ZH ? zh : en, "");
    return *mine ? mine : json_text_or(o, lang == LANG_ZH ? en : zh, "");
}

static int64_t int_of(const json_t *o, const char *key)
{
    return json_int_or(o, key, -1);
}

static bool has(const json_t *o, const char *key)
{
    return json_is_integer(json_object_get(o, key));
}

/* ---- parts of the page ---- */

static const struct verdict *verdict_named(const char *name)
{
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
        if (strcmp(verdicts[i].name, name) == 0)
            return &verdicts[i];
    return NULL;
}

json_t *buyer_verdict(const char *name, enum lang lang)
{
    const struct verdict *v = verdict_named(name);
    if (!v)
        v = &verdicts[sizeof verdicts / sizeof *verdicts - 1]; /* unknown */
    json_t *o = json_pack("{s:s,s:s,s:s}", "class", v->class, "word", text_in(lang, v->word),
                          "text", text_in(lang, v->text));
    set_flag(o, v->name);
    return o;
}

static json_t *verdict(const json_t *lot, const struct proof *p, enum lang lang)
{
    const char *own = json_text_or(lot, "verdict", "unknown");
    json_t *o = buyer_verdict(p->seal == CHECK_BAD ? "seal" : own, lang); /* invariant 2 */
    if (p->seal == CHECK_BAD && strcmp(own, "ok")) {
        const struct verdict *v = verdict_named(own);
        set_text(o, "also", v ? text_in(lang, v->text) : own);
    }
    set_text(o, "reason", json_text_or(lot, "reason", ""));
    return o;
}

static void put_product(json_t *view, const json_t *lot, enum lang lang)
{
    const json_t *p = json_object_get(lot, "product"), *g = json_object_get(lot, "grade");
    const char *name = name_in(p, "name_zh", "name_en", lang);
    const char *other = name_in(p, "name_zh", "name_en", lang == LANG_ZH ? LANG_EN : LANG_ZH);
    json_object_set_new(
        view, "product",
        json_pack("{s:s,s:s}", "name", name, "other", strcmp(name, other) ? other : ""));
    set_text(view, "grade", json_is_object(g) ? name_in(g, "name_zh", "name_en", lang) : "");
}

static void put_weight(json_t *view, const json_t *lot)
{
    if (!has(lot, "net_mg"))
        return;
    json_t *net = json_object();
    set_kg(net, "kg", int_of(lot, "net_mg"));
    set_flag(net,
             strcmp(json_text_or(lot, "net_basis", "none"), "static") == 0 ? "static" : "belt");
    json_object_set_new(view, "net", net);
    if (int_of(lot, "pieces") > 0)
        json_object_set(view, "pieces", json_object_get(lot, "pieces"));
}

static void put_rule(json_t *view, const json_t *lot)
{
    const json_t *r = json_object_get(lot, "rule");
    char sha[9];
    if (!json_is_object(r))
        return;
    snprintf(sha, sizeof sha, "%s", json_text_or(r, "sha256", ""));
    json_t *rule = json_pack("{s:s,s:s}", "id", json_text_or(r, "id", ""), "sha", sha);
    if (has(r, "version"))
        json_object_set(rule, "version", json_object_get(r, "version"));
    else
        set_text(rule, "version", json_text_or(r, "version", ""));
    json_object_set_new(view, "rule", rule);
}

static void put_basis(json_t *view, const json_t *lot, const struct buyer_ask *a)
{
    const char *basis = json_text_or(lot, "grade_basis", "");
    const json_t *c = json_object_get(lot, "calibration");
    const char *text = basis;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (strcmp(bases[i].basis, basis) == 0)
            text = text_in(a->lang, bases[i].text);
    set_text(view, "basis", text);
    put_rule(view, lot);
    if (strcmp(basis, "weight") && !json_is_object(c))
        return;
    json_t *proxy = json_object();
    if (json_is_object(c)) {
        json_t *sample = json_pack("{s:I,s:s}", "n", (json_int_t)int_of(c, "pieces"), "detail",
                                   json_text_or(c, "detail", ""));
        set_time(sample, "at", int_of(c, "weighed_ms"), a->offset_min);
        json_object_set_new(proxy, "sample", sample);
    }
    json_object_set_new(view, "proxy", proxy);
}

static void put_coop(json_t *view, const json_t *lot, enum lang lang)
{
    const json_t *c = json_object_get(lot, "coop"), *o;
    size_t i;
    char all[512] = "";
    json_object_set_new(view, "coop",
                        json_pack("{s:s,s:s,s:s}", "name", name_in(c, "name_zh", "name_en", lang),
                                  "uscc", json_text_or(c, "uscc", ""), "contact",
                                  json_text_or(c, "contact", "")));
    json_array_foreach(json_object_get(lot, "origin"), i, o) {
        size_t n = strlen(all);
        const char *name = name_in(o, "zh", "en", lang);
        if (n + strlen(name) + 4 < sizeof all)
            snprintf(all + n, sizeof all - n, "%s%s", n ? (lang == LANG_ZH ? "、" : ", ") : "",
                     name);
    }
    set_text(view, "origins", all);
}

static void put_farms(json_t *view, const json_t *lot)
{
    const json_t *list = json_object_get(lot, "farms"), *f;
    size_t i, n = json_array_size(list);
    if (n == 0)
        return;
    json_t *farms = json_pack("{s:I}", "count", (json_int_t)n), *shares = json_array();
    set_flag(farms, n == 1 ? "one" : "many");
    json_array_foreach(list, i, f) {
        int64_t ppm = int_of(f, "share_ppm");
        json_t *row = json_pack("{s:s,s:I}", "alias", json_text_or(f, "alias", ""), "width",
                                (json_int_t)(ppm / 10000));
        set_share(row, "share", ppm);
        json_array_append_new(shares, row);
    }
    if (n >= SHARES_FROM) /* invariant 3 */
        json_object_set(farms, "shares", shares);
    else if (n > 1)
        set_flag(farms, "hidden");
    json_decref(shares);
    json_object_set_new(view, "farms", farms);
}

static void put_timeline(json_t *view, const json_t *lot, const struct buyer_ask *a)
{
    const json_t *s;
    size_t i;
    json_t *list = json_array();
    json_array_foreach(json_object_get(lot, "timeline"), i, s) {
        const char *kind = json_text_or(s, "kind", ""), *detail = json_text_or(s, "detail", "");
        json_t *step = json_pack("{s:s}", "detail", detail);
        bool known = false;
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
            known = known || strcmp(steps[k], kind) == 0;
        char flag[24];
        snprintf(flag, sizeof flag, "is_%s", known ? kind : "other");
        set_flag(step, flag);
        set_text(step, "kind", kind); /* invariant 1 */
        if (strcmp(detail, "hand") == 0)
            set_flag(step, "by_hand");
        set_time(step, "at", int_of(s, "at_ms"), a->offset_min);
        if (has(s, "mg"))
            set_grams(step, "kg", int_of(s, "mg"));
        json_array_append_new(list, step);
    }
    if (json_array_size(list))
        json_object_set_new(view, "timeline", json_pack("{s:O}", "steps", list));
    json_decref(list);
}

static void put_balance(json_t *view, const json_t *lot)
{
    const json_t *b = json_object_get(lot, "balance");
    int64_t in = int_of(b, "in_mg"), loss = json_int_or(b, "loss_mg", 0), ppm;
    if (in <= 0 || num_ratio(loss, 1000000, in, &ppm))
        return;
    json_t *o = json_object();
    set_grams(o, "in", in);
    set_grams(o, "out", int_of(b, "out_mg"));
    set_grams(o, "loss", loss);
    set_share(o, "loss_share", ppm);
    json_object_set_new(view, "balance", o);
}

static const char *check_class(enum check c)
{
    switch (c) {
    case CHECK_NONE: return "none";
    case CHECK_OK: return "ok";
    case CHECK_BAD: return "bad";
    }
    return "bad";
}

static void put_age(json_t *view, int64_t asof_ms, const struct buyer_ask *a)
{
    int64_t s = (a->now.ms - (asof_ms < 0 ? 0 : asof_ms)) / 1000;
    static const struct {
        const char *key;
        int64_t from, per;
    } units[] = {{"days", 172800, 86400}, {"hours", 7200, 3600}, {"minutes", 120, 60}};
    set_time(view, "asof", asof_ms, a->offset_min);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (s >= units[i].from) {
            json_object_set_new(view, units[i].key, json_integer(s / units[i].per));
            return;
        }
    if (s >= 0)
        set_flag(view, "fresh");
}

/* "0123456789ABCDEF" → "0123 4567 89AB CDEF". */
static void put_grouped(json_t *view, const char *key, const char *text)
{
    char out[64];
    size_t n = 0;
    for (size_t i = 0; text[i] && n + 2 < sizeof out; i++) {
        if (i && i % 4 == 0)
            out[n++] = ' ';
        out[n++] = text[i];
    }
    out[n] = '\0';
    set_text(view, key, out);
}

static void put_proof(json_t *view, const json_t *lot, const struct proof *p,
                      const struct buyer_ask *a)
{
    const json_t *log = json_object_get(lot, "log");
    json_t *data = proof_data(lot);
    char *text = json_dumps(data, JSON_COMPACT);
    char key[13];
    set_text(view, "proof", text ? text : "");
    free(text);
    json_decref(data);
    set_text(view, "seal_class", check_class(p->seal));
    set_text(view, "sign_class", check_class(p->signature));
    set_text(view, "log_class", check_class(p->inclusion));
    put_grouped(view, "seal_text", json_text_or(json_object_get(lot, "seal"), "text", ""));
    snprintf(key, sizeof key, "%s", json_text_or(log, "public_key", ""));
    set_text(view, "key", key);
    int64_t index = json_int_or(log, "index", 0);
    json_object_set_new(view, "entry", json_integer(index < INT64_MAX ? index + 1 : index));
    json_object_set_new(view, "entries", json_integer(json_int_or(log, "size", 0)));
    put_age(view, json_int_or(log, "at_ms", json_int_or(lot, "asof_ms", 0)), a);
}

/* ---- the whole ---- */

void buyer_frame(json_t *view, enum lang lang, const char *title, const char *path,
                 const char *query)
{
    char href[1200];
    const char *other = lang == LANG_ZH ? "en" : "zh";
    snprintf(href, sizeof href, "%s?%s%slang=%s", path, query, *query ? "&" : "", other);
    set_text(view, "other_href", href);
    set_text(view, "html_lang", lang_code(lang));
    set_text(view, "lang", lang == LANG_ZH ? "zh" : "en");
    set_text(view, "other_lang", lang == LANG_ZH ? "en" : "zh-CN");
    set_text(view, "other_word", lang == LANG_ZH ? "English" : "中文");
    set_text(view, "title", title);
}

/* The seal as it goes on in links; what cannot be a seal is replaced by something as wrong. */
static void seal_query(const char *seal, char ret[24])
{
    size_t n = seal ? strlen(seal) : 0;
    bool plain =
        n <= 20 && strspn(n ? seal : "",
                          "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == n;
    snprintf(ret, 24, "%s%s", n ? "s=" : "", n == 0 ? "" : plain ? seal : "0");
}

static void put_names(json_t *view, const json_t *lot, const struct buyer_ask *a)
{
    const char *id = json_text_or(lot, "id", ""), *sorted = json_text_or(lot, "sorted_by", "");
    bool box = strcmp(json_text_or(lot, "kind", ""), "box") == 0;
    const char *bare = strchr(id, '/') ? strchr(id, '/') + 1 : id;
    char path[64], title[256], query[24];
    snprintf(path, sizeof path, "/%s/%s", box ? "B" : "10", bare);
    snprintf(title, sizeof title, "%s %s %s",
             json_text_or(json_object_get(view, "product"), "name", ""),
             json_text_or(view, "grade", ""), bare);
    seal_query(a->seal, query);
    buyer_frame(view, a->lang, title, path, query);
    set_text(view, "base", path);
    set_text(view, "box", box ? bare : "");
    set_text(view, "lot", json_text_or(lot, "lot", bare));
    if (int_of(lot, "boxes") > 0 && !box)
        json_object_set(view, "boxes", json_object_get(lot, "boxes"));
    if (strcmp(sorted, "hand") == 0 || strcmp(sorted, "line") == 0)
        set_flag(view, *sorted == 'h' ? "by_hand" : "by_line");
}

json_t *buyer_view(const json_t *lot, const struct buyer_ask *a)
{
    json_t *view = json_object();
    struct proof p;
    proof_check(lot, a->seal, &p);
    json_object_set_new(view, "verdict", verdict(lot, &p, a->lang));
    put_product(view, lot, a->lang);
    put_names(view, lot, a);
    put_weight(view, lot);
    put_basis(view, lot, a);
    set_time(view, "packed", json_int_or(lot, "packed_ms", 0), a->offset_min);
    put_coop(view, lot, a->lang);
    put_farms(view, lot);
    put_timeline(view, lot, a);
    put_balance(view, lot);
    put_proof(view, lot, &p, a);
    if (a->can_report)
        set_flag(view, "can_report");
    return view;
}

char *buyer_page(const struct pages *pages, const json_t *lot, const struct buyer_ask *a,
                 size_t *ret_n)
{
    json_t *view = buyer_view(lot, a);
    char *text = page_render(pages_get(pages, "buyer.html"), view, a->lang, ret_n);
    json_decref(view);
    return text;
}
