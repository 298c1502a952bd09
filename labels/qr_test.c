/* What we draw is what a scanner reads: zbarimg decodes the bitmap and the terminal's
 * half blocks. */
#include "labels/qr.h"
#include "base/test_tmp.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

static struct tmp tmp;

static int make_tmp(void **state)
{
    (void)state;
    tmp_make(&tmp);
    return 0;
}

static int remove_tmp(void **state)
{
    (void)state;
    tmp_remove(&tmp);
    return 0;
}

static bool has_zbar(void)
{
    return system("command -v zbarimg >/dev/null 2>&1") == 0;
}

/* What zbarimg reads from an image, without the line's end. */
static const char *scan(const char *path)
{
    static char text[512];
    char command[256];
    snprintf(command, sizeof command, "zbarimg -q --raw -Sdisable -Sqr.enable %s 2>/dev/null",
             path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t n = fread(text, 1, sizeof text - 1, p);
    pclose(p);
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void scan_pbm(const struct qr *q, int dots, const char *text)
{
    size_t n = 0;
    char *pbm = qr_pbm(q, dots, &n);
    assert_non_null(pbm);
    const char *path = tmp_path(&tmp, "code.pbm");
    tmp_write(path, pbm, n);
    free(pbm);
    assert_string_equal(scan(path), text);
}

static void a_scanner_reads_every_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "https://TRACE.EXAMPLE.CN/B/7K2M9QX4TD?s=0123456789ABCDEF",
        "https://TRACE.EXAMPLE.CN/01/06901234567892/10/G261124-A017Q?s=ZZZZZZZZZZZZZZZZ",
        "A",
        "党参 一等",
    };
    if (!has_zbar())
        skip(); /* zbar-tools is a package of `make check`, not of the build */
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int level = QR_MEDIUM; level <= QR_QUARTILE; level++) {
            struct qr *q = NULL;
            assert_int_equal(qr_make(texts[i], (enum qr_level)level, &q, NULL), 0);
            scan_pbm(q, 4, texts[i]);
            qr_free(q);
        }
}

/* Reads half blocks back into modules, as an eye would see them on a dark screen. */
static void terminal_to_pbm(const char *text, int width, const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "P1\n%d %d\n", width * 4, (width + 1) / 2 * 8);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        for (int row = 0; row < 8; row++) {
            for (const char *p = line; *p != '\n';) {
                bool space = *p == ' ';
                bool full = strncmp(p, "█", 3) == 0, lower = strncmp(p, "▄", 3) == 0;
                bool light = full || (!space && (row < 4) != lower);
                for (int k = 0; k < 4; k++)
                    fputs(light ? "0 " : "1 ", f);
                p += space ? 1 : 3;
            }
            fputc('\n', f);
        }
    fclose(f);
}

static void a_terminal_shows_the_same_code(void **state)
{
    (void)state;
    if (!has_zbar())
        skip(); /* as above: zbar-tools */
    struct qr *q = NULL;
    assert_int_equal(qr_make("https://LOTLINE.EXAMPLE/B/7K2M9QX4TD", QR_MEDIUM, &q, NULL), 0);
    char *text = qr_terminal(q, false);
    assert_non_null(text);
    const char *path = tmp_path(&tmp, "terminal.pbm");
    terminal_to_pbm(text, qr_side(q) + 2 * QR_QUIET, path);
    assert_string_equal(scan(path), "https://LOTLINE.EXAMPLE/B/7K2M9QX4TD");
    free(text);
    qr_free(q);
}

static void a_path_covers_exactly_the_dark_modules(void **state)
{
    (void)state;
    struct qr *q = NULL;
    assert_int_equal(qr_make("https://LOTLINE.EXAMPLE/B/7K2M9QX4TD", QR_MEDIUM, &q, NULL), 0);
    char *path = qr_path(q);
    int area = 0, dark = 0, x, y, run, back, used;
    for (const char *p = path; *p; p += used) {
        assert_int_equal(sscanf(p, "M%d %dh%dv1h-%dz%n", &x, &y, &run, &back, &used), 4);
        assert_int_equal(run, back);
        for (int i = 0; i < run; i++)
            assert_true(qr_dark(q, x - QR_QUIET + i, y - QR_QUIET));
        area += run;
    }
    for (y = 0; y < qr_side(q); y++)
        for (x = 0; x < qr_side(q); x++)
            dark += qr_dark(q, x, y);
    assert_int_equal(area, dark);
    free(path);
    qr_free(q);
}

static void a_label_stays_at_33_modules(void **state)
{
    (void)state;
    struct qr *q = NULL; /* a 60×40 mm label has room for version 4: 20.5 mm at half a millimetre */
    assert_int_equal(
        qr_make("https://TRACE.EXAMPLE.CN/B/7K2M9QX4TD?s=0123456789ABCDEF", QR_MEDIUM, &q, NULL),
        0);
    assert_true(qr_side(q) <= 33);
    qr_free(q);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct qr *q = NULL;
    char *longest = calloc(1, 5001);
    assert_non_null(longest);
    memset(longest, 'a', 5000);
    assert_int_equal(qr_make(longest, QR_MEDIUM, &q, &e), ERR_TOOBIG);
    assert_int_equal(qr_make("", QR_MEDIUM, &q, &e), ERR_RANGE);
    assert_null(q);
    free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scanner_reads_every_text, make_tmp, remove_tmp),
        cmocka_unit_test_setup_teardown(a_terminal_shows_the_same_code, make_tmp, remove_tmp),
        cmocka_unit_test(a_path_covers_exactly_the_dark_modules),
        cmocka_unit_test(a_label_stays_at_33_modules),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
