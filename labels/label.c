/* A box's label (contract: label.h). Positions are millimetres; the QR has half-millimetre modules,
 * so it prints as 4 dots a module at 203 dpi. A text that would be too long is set smaller, never
 * cut: a cut number is a wrong number. */
#include "labels/label.h"
#include "labels/qr.h"
#include "traceability/ident.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE_UM 500
#define MODULES_MAX                                                                                \
    37 /* with the quiet zone 22.5 mm: what the place beside the text has room for */
#define MARGIN_UM   2000
#define QR_RIGHT_UM 59500

int label_url(const char *base_url, const char *box, const char *seal, char *ret, size_t size)
{
    char path[64];
    const char *host = strstr(base_url, "://");
    host = host ? host + 3 : base_url;
    const char *end = strchrnul(host, '/');
    if (strlen(box) + strlen(seal) + sizeof "/B/?s=" > sizeof path)
        return ERR_TOOBIG;
    ident_box_path(box, seal, path, sizeof path);
    int n = snprintf(ret, size, "%s%s", base_url, path);
    if (n < 0 || (size_t)n >= size)
        return ERR_TOOBIG;
    for (char *p = ret + (host - base_url); p < ret + (end - base_url); p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    return 0;
}

/* ---- text ---- */

static void put_escaped(FILE *f, const char *s)
{
    for (; *s; s++)
        switch (*s) {
        case '&': fputs("&amp;", f); break;
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '"': fputs("&quot;", f); break;
        default:
            if ((unsigned char)*s >= 0x20)
                fputc(*s, f);
        }
}

/* Width in thousandths of the letter's size: Chinese letters are square, others about 0.6 of it. */
static int width_of(const char *s)
{
    int w = 0;
    for (; *s; s++)
        if (((unsigned char)*s & 0xc0) != 0x80)
            w += (unsigned char)*s >= 0xe0 ? 1000 : 620;
    return w;
}

struct line {
    int x, y, size, room; /* µm; y: baseline; room: width that may be used */
    bool bold;
};

static void put_line(FILE *f, struct line l, const char *before, const char *text)
{
    int width = width_of(before) + width_of(text) + (*before && *text ? 350 : 0);
    int size = l.size;
    if (width > 0 && (long long)width * size > (long long)l.room * 1000)
        size = (int)((long long)l.room * 1000 / width);
    fprintf(f, "<text x=\"%d\" y=\"%d\" font-size=\"%d\"%s>", l.x, l.y, size,
            l.bold ? " font-weight=\"700\"" : "");
    put_escaped(f, before);
    fputs(*before && *text ? " " : "", f);
    put_escaped(f, text);
    fputs("</text>\n", f);
}

/* "0123456789ABCDEF" → "0123 4567 89AB CDEF". */
static void grouped(const char *text, char *ret, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; text[i] && n + 2 < size; i++) {
        if (i && i % 4 == 0)
            ret[n++] = ' ';
        ret[n++] = text[i];
    }
    ret[n] = '\0';
}

/* ---- drawing ---- */

static int put_qr(FILE *f, const char *url, int *ret_left, struct err *e)
{
    struct qr *q = NULL;
    int code = qr_make(url, QR_MEDIUM, &q, e);
    if (code)
        return code;
    int modules = qr_side(q) + 2 * QR_QUIET;
    char *path = modules <= MODULES_MAX + 2 * QR_QUIET ? qr_path(q) : NULL;
    qr_free(q);
    if (!path)
        return err_set(e, ERR_TOOBIG, "the address does not fit a label's QR: %zu characters",
                       strlen(url));
    *ret_left = QR_RIGHT_UM - modules * MODULE_UM;
    fprintf(f, "<path transform=\"translate(%d 500) scale(%d)\" d=\"%s\"/>\n", *ret_left, MODULE_UM,
            path);
    free(path);
    return 0;
}

static void put_texts(FILE *f, const struct label *l, int left)
{
    char seal[32], net[64], name[256];
    int room = left - MARGIN_UM;
    grouped(l->seal, seal, sizeof seal);
    snprintf(name, sizeof name, "%s %s", l->product, l->grade);
    snprintf(net, sizeof net, "%s kg", l->net_kg);
    put_line(f, (struct line){MARGIN_UM, 7500, 5200, room, true}, "", name);
    if (*l->net_kg)
        put_line(f, (struct line){MARGIN_UM, 15500, 6200, room, true}, l->word_net, net);
    put_line(f, (struct line){MARGIN_UM, 21000, 3200, room, false}, l->word_packed, l->packed);
    put_line(f, (struct line){MARGIN_UM, 26500, 3400, 56000, true}, l->word_lot, l->lot);
    put_line(f, (struct line){MARGIN_UM, 31500, 3800, 56000, true}, l->box, seal);
    put_line(f, (struct line){MARGIN_UM, 37000, 3400, 56000, false}, "", l->coop);
}

int label_svg(const struct label *l, char **ret, struct err *e)
{
    char *text = NULL;
    size_t n;
    int left = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return err_set(e, ERR_NOMEM, "no memory for a label");
    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%dmm\" height=\"%dmm\" viewBox=\"0 "
            "0 %d %d\" "
            "font-family=\"'WenQuanYi Micro Hei','Noto Sans CJK SC','PingFang SC','Microsoft "
            "YaHei',sans-serif\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            LABEL_WIDTH_MM, LABEL_HEIGHT_MM, LABEL_WIDTH_MM * 1000, LABEL_HEIGHT_MM * 1000);
    int code = put_qr(f, l->url, &left, e);
    if (code == 0)
        put_texts(f, l, left);
    fputs("</svg>\n", f);
    if (fclose(f) && code == 0)
        code = err_set(e, ERR_NOMEM, "no memory for a label");
    if (code)
        free(text);
    else
        *ret = text;
    return code;
}
