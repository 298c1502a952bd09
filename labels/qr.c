/* QR codes (contract: qr.h; the only file that knows libqrencode).
 * Thread: any; a symbol belongs to its caller. Owns nothing between calls.
 * A terminal draws light modules: on a dark screen the symbol is then dark on light, as scanners
 * expect; `colour` sets both colours so that it is right on a light screen, too. */
#include "labels/qr.h"
#include <assert.h>
#include <errno.h>
#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qr {
    QRcode *code;
};

int qr_make(const char *text, enum qr_level level, struct qr **ret, struct err *e)
{
    QRecLevel l = level == QR_QUARTILE ? QR_ECLEVEL_Q : QR_ECLEVEL_M;
    struct qr *q = malloc(sizeof *q);
    if (!q)
        return err_set(e, ERR_NOMEM, "no memory for a QR code");
    q->code = *text ? QRcode_encodeString(text, 0, l, QR_MODE_8, 1) : NULL;
    if (!q->code) {
        int why = *text ? errno : EINVAL;
        free(q);
        return err_set(e, why == ERANGE ? ERR_TOOBIG : ERR_RANGE, "no QR code for %zu bytes: %s",
                       strlen(text), strerror(why));
    }
    *ret = q;
    return 0;
}

void qr_free(struct qr *q)
{
    if (!q)
        return;
    QRcode_free(q->code);
    free(q);
}

int qr_side(const struct qr *q)
{
    return q->code->width;
}

bool qr_dark(const struct qr *q, int x, int y)
{
    int n = q->code->width;
    return x >= 0 && y >= 0 && x < n && y < n && (q->code->data[y * n + x] & 1);
}

/* A text that grew in memory; NULL when memory ran out on the way. */
static char *finish(FILE *f, char **text)
{
    bool bad = ferror(f) != 0;
    if (fclose(f) == 0 && !bad)
        return *text;
    free(*text);
    return NULL;
}

char *qr_terminal(const struct qr *q, bool colour)
{
    static const char *const half[] = {"█", "▄", "▀", " "}; /* index: upper dark, lower dark */
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    int end = qr_side(q) + QR_QUIET;
    for (int y = -QR_QUIET; y < end; y += 2) {
        fputs(colour ? "\033[97;40m" : "", f);
        for (int x = -QR_QUIET; x < end; x++) {
            bool below =
                y + 1 < end ? qr_dark(q, x, y + 1) : true; /* past the quiet zone: nothing */
            fputs(half[(qr_dark(q, x, y) ? 1 : 0) + (below ? 2 : 0)], f);
        }
        fputs(colour ? "\033[0m\n" : "\n", f);
    }
    return finish(f, &text);
}

char *qr_path(const struct qr *q)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    int side = qr_side(q);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int run = 0;
            while (qr_dark(q, x + run, y))
                run++;
            if (run)
                fprintf(f, "M%d %dh%dv1h-%dz", x + QR_QUIET, y + QR_QUIET, run, run);
            x += run;
        }
    return finish(f, &text);
}

char *qr_pbm(const struct qr *q, int dots, size_t *ret_n)
{
    assert(dots > 0 && dots <= 64);
    int width = (qr_side(q) + 2 * QR_QUIET) * dots, row = (width + 7) / 8;
    char head[32];
    size_t h = (size_t)snprintf(head, sizeof head, "P4\n%d %d\n", width, width);
    size_t n = h + (size_t)row * (size_t)width;
    char *out = calloc(1, n);
    if (!out)
        return NULL;
    memcpy(out, head, h);
    for (int y = 0; y < width; y++)
        for (int x = 0; x < width; x++)
            if (qr_dark(q, x / dots - QR_QUIET, y / dots - QR_QUIET)) {
                char *byte = out + h + (size_t)y * (size_t)row + x / 8;
                *byte = (char)(*byte | 0x80 >> x % 8);
            }
    *ret_n = n;
    return out;
}
