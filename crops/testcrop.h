/* For unit tests only: a crop that is right, and what is said when a piece of it is another. */
#pragma once
#include "base/test_text.h"
#include "crops/crop.h"

/* Line numbers count from 1. */
static const char root[] = "crop: c\n"                                         /* 1 */
                           "version: 3\n"                                      /* 2 */
                           "name: {zh: 根, en: Root}\n"                        /* 3 */
                           "rulesets:\n"                                       /* 4 */
                           "  - id: r\n"                                       /* 5 */
                           "    name: {zh: 甲, en: First way}\n"               /* 6 */
                           "    basis: diameter\n"                             /* 7 */
                           "    source: a table\n"                             /* 8 */
                           "    confidence: B\n"                               /* 9 */
                           "    domain: {head_diameter: [0 mm, 100 mm]}\n"     /* 10 */
                           "    exclude: {mould: out}\n"                       /* 11 */
                           "    grades:\n"                                     /* 12 */
                           "      - code: \"1\"\n"                             /* 13 */
                           "        name: {zh: 一等, en: First}\n"             /* 14 */
                           "        where: {head_diameter: [10 mm, 100 mm]}\n" /* 15 */
                           "        tolerate: {black: 0 %}\n"                  /* 16 */
                           "      - code: \"2\"\n"                             /* 17 */
                           "        name: {zh: 二等, en: Second}\n"            /* 18 */
                           "        where: {head_diameter: [4 mm, 10 mm]}\n"   /* 19 */
                           "        tolerate: {black: 10 %}\n"                 /* 20 */
                           "      - code: out\n"                               /* 21 */
                           "        name: {zh: 等外, en: Off}\n"               /* 22 */
                           "        where: {head_diameter: [0 mm, 4 mm]}\n";   /* 23 */

static inline void expect_error(const char *text, const struct wrong *w)
{
    char *bad = changed(text, w->find, w->put), line[400];
    struct crop *c = NULL;
    struct err e = {0};
    int rc = crop_parse("c.yaml", bad, strlen(bad), &c, &e);
    if (rc == 0)
        fail_msg("accepted: %s -> %s", w->find, w->put);
    assert_int_equal(rc, e.code);
    assert_null(c);
    if (strstr(err_line(&e, line, sizeof line), w->error) != line)
        fail_msg("%s -> %s:\n  got    %s\n  wanted %s", w->find, w->put, line, w->error);
    free(bad);
}
