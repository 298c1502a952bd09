/* Addresses of lots and boxes (contract: resolve.h). Pure.
 * A number that is wrong in itself (shape, check character) is told from one that is merely
 * unknown: a torn label gives the first, a forged one the second. */
#include "web/resolve.h"
#include "web/msgid.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VOC "https://ref.gs1.org/voc/"

static bool upper(const char *from, char *to, size_t size)
{
    size_t n = strlen(from);
    if (n == 0 || n >= size)
        return false;
    for (size_t i = 0; i <= n; i++)
        to[i] = (char)(from[i] >= 'a' && from[i] <= 'z' ? from[i] - 'a' + 'A' : from[i]);
    return true;
}

/* Letters that base32 leaves out because hands and eyes mistake them. */
static void as_meant(char *text)
{
    for (; *text; text++)
        *text = (char)(*text == 'O' ? '0' : *text == 'I' || *text == 'L' ? '1' : *text);
}

static int wrong(const char *part, const char *text, const char **ret_part, const char **ret_text)
{
    *ret_part = part;
    *ret_text = text;
    return ERR_PARSE;
}

static bool take_lot(const char *text, struct target *t)
{
    if (!upper(text, t->lot, sizeof t->lot) || !ident_lot_ok(t->lot))
        return false;
    snprintf(t->id, sizeof t->id, "10/%s", t->lot);
    return true;
}

static bool take_box(const char *text, struct target *t)
{
    if (!upper(text, t->box, sizeof t->box))
        return false;
    as_meant(t->box);
    snprintf(t->id, sizeof t->id, "B/%s", t->box);
    return ident_box_ok(t->box);
}

static int resolve_gs1(const char *const *s, size_t n, struct target *t, const char **part,
                       const char **text)
{
    if (ident_gtin(s[1], t->gtin, NULL))
        return wrong(N_("product number (GTIN)"), s[1], part, text);
    if (n < 4 || strcmp(s[2], "10"))
        return wrong(N_("lot number"), n > 2 ? s[2] : "", part, text);
    if (!take_lot(s[3], t))
        return wrong(N_("lot number"), s[3], part, text);
    if (n == 4)
        return 0;
    if (n != 6 || strcmp(s[4], "21"))
        return wrong(N_("address"), s[4], part, text);
    return take_box(s[5], t) ? 0 : wrong(N_("box number"), s[5], part, text);
}

int resolve(const char *const *s, size_t n, struct target *ret, const char **part,
            const char **text)
{
    *ret = (struct target){0};
    if (n >= 2 && strcmp(s[0], "01") == 0)
        return resolve_gs1(s, n, ret, part, text);
    if (n == 2 && strcasecmp(s[0], "B") == 0)
        return take_box(s[1], ret) ? 0 : wrong(N_("box number"), s[1], part, text);
    const char *dot = n == 2 ? strchr(s[1], '.') : NULL;
    if (n == 2 && strcmp(s[0], "10") == 0)
        return take_lot(s[1], ret) ? 0 : wrong(N_("lot number"), s[1], part, text);
    if (dot && strcasecmp(s[0], "class") == 0)
        return take_lot(dot + 1, ret) ? 0 : wrong(N_("lot number"), dot + 1, part, text);
    return wrong(N_("address"), n ? s[0] : "", part, text);
}

enum link resolve_link(const char *type)
{
    static const struct {
        const char *name;
        enum link link;
    } known[] = {
        {"", LINK_PAGE},       {"defaultLink", LINK_PAGE},
        {"pip", LINK_PAGE},    {"traceability", LINK_PAGE},
        {"linkset", LINK_SET}, {"all", LINK_SET},
        {"epcis", LINK_EPCIS},
    };
    if (strncasecmp(type, "gs1:", 4) == 0)
        type += 4;
    else if (strncasecmp(type, VOC, strlen(VOC)) == 0)
        type += strlen(VOC);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(type, known[i].name) == 0)
            return known[i].link;
    return LINK_UNKNOWN;
}

/* ---- documents ---- */

static json_t *links(const char *href, const char *type, const char *title, bool languages)
{
    json_t *link = json_pack("{s:s,s:s,s:s}", "href", href, "type", type, "title", title);
    if (languages)
        json_object_set_new(link, "hreflang", json_pack("[s,s]", "zh-CN", "en"));
    return json_pack("[o]", link);
}

json_t *resolve_linkset(const char *base, const char *anchor, const struct target *t,
                        const char *title)
{
    char page[512], own[512], url[640];
    snprintf(page, sizeof page, "%s%s", base, anchor);
    snprintf(own, sizeof own, "%s/%s", base, t->id);
    json_t *set = json_pack("{s:s,s:s}", "anchor", page, "itemDescription", title);
    json_object_set_new(set, VOC "defaultLink", links(page, "text/html", "Lot page", true));
    json_object_set_new(set, VOC "pip", links(page, "text/html", "Lot page", true));
    json_object_set_new(set, VOC "traceability", links(page, "text/html", "Lot page", true));
    snprintf(url, sizeof url, "%s/epcis", own);
    json_object_set_new(set, VOC "epcis",
                        links(url, "application/ld+json", "EPCIS 2.0 document", false));
    snprintf(url, sizeof url, "%s/proof", own);
    json_object_set_new(
        set, "describedby",
        links(url, "text/plain", "Transparency log proof (c2sp.org/tlog-proof@v1)", false));
    return json_pack("{s:[o]}", "linkset", set);
}

json_t *resolve_description(const char *base, const char *name, const char *contact)
{
    return json_pack("{s:s,s:s,s:[s],s:[s,s,s,s],s:b,s:s,s:s}", "name", name, "resolverRoot", base,
                     "supportedPrimaryKeys", "01", "supportedLinkType", "gs1:pip",
                     "gs1:traceability", "gs1:epcis", "gs1:defaultLink",
                     "linkTypeDefaultCanBeLinkset", 0, "contact", contact, "conformance",
                     "GS1 Digital Link compatible; compressed addresses are not expanded, so not a "
                     "conformant resolver");
}
