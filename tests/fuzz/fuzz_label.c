/* QR codes and labels of any texts: drawn, and the drawing is well formed as far as a text may
 * spoil it. Lines: as the fields of a label. */
#include "labels/label.h"
#include "labels/qr.h"
#include "tests/fuzz/fuzz.h"

void fuzz_setup(void)
{
}

static void qr(const char *text)
{
    struct qr *q = NULL;
    struct err e = {0};
    if (qr_make(text, QR_MEDIUM, &q, &e))
        return;
    size_t n = 0;
    int side = qr_side(q);
    assert(side >= 21 && side <= 177 && qr_dark(q, 0, 0) && !qr_dark(q, -1, 0) &&
           !qr_dark(q, side, 0));
    char *terminal = qr_terminal(q, false), *path = qr_path(q), *pbm = qr_pbm(q, 2, &n);
    assert(terminal && path && pbm && n > 10);
    free(terminal);
    free(path);
    free(pbm);
    qr_free(q);
}

/* Angle brackets stand only where we put them: as many in a label of plain texts. */
static size_t brackets(const char *svg)
{
    size_t n = 0;
    for (; *svg; svg++)
        n += *svg == '<';
    return n;
}

static void label(char *const line[8])
{
    struct label l = {line[0], line[1], line[2], line[3], line[4],  line[5],
                      line[6], line[7], "Net",   "Lot",   "Packed", "https://x.example/B/0"};
    char *svg = NULL;
    struct err e = {0};
    if (label_svg(&l, &svg, &e))
        return;
    assert(brackets(svg) < 64 && strstr(svg, "</svg>"));
    free(svg);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    char *line[8];
    for (int i = 0; i < 8; i++)
        line[i] = take_line(&f, '\n');
    qr(line[0]);
    label(line);
    for (int i = 0; i < 8; i++)
        free(line[i]);
}
