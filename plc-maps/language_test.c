/* The map language, key by key: what it accepts, what a map then reads, and each refusal with its
 * line. The maps here are made up of pieces; shipped ones are map_test.c's. */
#include "plc-maps/map_parts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A map of the parts that a test cares about. Line 8 is `link`, line 9 begins `body`; the vectors
 * come last. */
struct piece {
    const char *link, *body, *vectors;
};

static char text[8000];

static int parse(const struct piece *p, struct map **ret, struct err *e)
{
    int n =
        snprintf(text, sizeof text,
                 "map: s\nversion: 1.0.0\nkind: registers\ntitle: A scale\nsource: a manual\n"
                 "confidence: A\n#\nlink: {timeout_ms: 100, turnaround_ms: 10, %s}\n%svectors:\n%s",
                 p->link ? p->link : "fc: [3], max_read: 20", p->body,
                 p->vectors ? p->vectors
                            : "  - {name: v, origin: constructed, frames: [], expect: "
                              "{drive.fault: 0}}\n");
    assert_true(n > 0 && (size_t)n < sizeof text);
    return map_parse("t.yaml", text, (size_t)n, ret, e);
}

static struct map *good(const struct piece *p)
{
    struct map *m = NULL;
    struct err e = {0};
    if (parse(p, &m, &e) < 0)
        fail_msg("%d: %s\n%s", e.line, e.text, text);
    return m;
}

static void refused(const struct piece *p, const char *error)
{
    struct map *m = NULL;
    struct err e = {0};
    char line[400];
    if (parse(p, &m, &e) == 0)
        fail_msg("accepted, not %s:\n%s", error, text);
    if (strstr(err_line(&e, line, sizeof line), error) != line)
        fail_msg("got    %s\nwanted %s", line, error);
}

#define RECORD(keys, fields)                                                                       \
    "records:\n  - {name: r, source: s, confidence: A, " keys "\n     fields: [" fields "]}\n"
#define FAULT "{role: drive.fault, at: 0, type: u16}"

/* ---- the manual's own notation ---- */

static void test_manual_notation_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *area;
        int addr;
        const char *manual;
        const char *error; /* NULL: right */
    } rows[] = {
        {"holding", 7, "40008", NULL},
        {"holding", 7, "400008", NULL},
        {"holding", 7, "4x0008", NULL},
        {"holding", 7, "4X00008", NULL},
        {"holding", 7, "0x0007", NULL},
        {"holding", 7, "0x7", NULL},
        {"holding", 8448, "2100H", NULL},
        {"holding", 7, "8 from 1", NULL},
        {"holding", 7, "7 from 0", NULL},
        {"holding", 16129, "16-13 x10-1", NULL},
        {"holding", 9998, "49999", NULL},
        {"holding", 49998, "49999 from 1", NULL},
        {"holding", 65535, "465536", NULL},
        {"input", 0, "30001", NULL},
        {"input", 0, "3x0001", NULL},
        {"coil", 300, "00301", NULL},
        {"discrete", 0, "10001", NULL},
        {"holding", 8, "40008",
         "\"manual\" 40008 is wire address 7 (0x0007), but this is 8 (0x0008)"},
        {"holding", 6, "4x0008", "\"manual\" 4x0008 is wire address 7"},
        {"holding", 8, "0x0007", "\"manual\" 0x0007 is wire address 7"},
        {"holding", 7, "7 from 1", "\"manual\" 7 from 1 is wire address 6"},
        {"holding", 0, "30001", "\"manual\" 30001 is of area input, not holding"},
        {"input", 0, "40001", "\"manual\" 40001 is of area holding, not input"},
        {"holding", 0, "40000", "\"manual\" must be like 40008"},
        {"holding", 7, "8", "\"manual\" must be like 40008"},
        {"holding", 7, "4x008", "\"manual\" must be like 40008"},
        {"holding", 7, "register 7", "\"manual\" must be like 40008"},
        {"holding", 7, "8 from 2", "\"manual\" must be like 40008"},
        {"holding", 7, "50008", "\"manual\" must be like 40008"},
        {"holding", 7, "465537", "\"manual\" must be like 40008"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool bits = rows[i].area[0] == 'c' || rows[i].area[0] == 'd';
        char body[400], error[200];
        snprintf(body, sizeof body,
                 "records:\n  - {name: r, source: s, confidence: A, area: %s, addr: %d, %s: 1,\n"
                 "     manual: \"%s\", fields: [" FAULT "]}\n",
                 rows[i].area, rows[i].addr, bits ? "bits" : "words", rows[i].manual);
        struct piece p = {"fc: [1, 2, 3, 4], max_read: 20", body, NULL};
        if (rows[i].error) {
            snprintf(error, sizeof error, "t.yaml:10: %s", rows[i].error);
            refused(&p, error);
        } else {
            map_free(good(&p));
        }
    }
}

/* On a field it is the field's own register; of coils the field's own coil. */
static void test_manual_of_a_field(void **state)
{
    (void)state;
    map_free(good(&(struct piece){NULL,
                                  RECORD("addr: 7, words: 4, manual: 40008,",
                                         "{role: drive.fault, at: 2, type: u16, manual: 40010}"),
                                  NULL}));
    refused(&(struct piece){NULL,
                            RECORD("addr: 7, words: 4, manual: 40008,",
                                   "{role: drive.fault, at: 2, type: u16, manual: 40009}"),
                            NULL},
            "t.yaml:11: \"manual\" 40009 is wire address 8 (0x0008), but this is 9 (0x0009)");
    struct piece coil = {
        "fc: [1], max_read: 20",
        RECORD("area: coil, addr: 300, bits: 20,",
               "{role: scale.zero, at: 1, type: flag, mask: 4, manual: \"00319\"}"),
        "  - {name: v, origin: constructed, frames: []}\n"};
    map_free(good(&coil));
    coil.body = RECORD("area: coil, addr: 300, bits: 20,",
                       "{role: scale.zero, at: 1, type: flag, mask: 2, manual: \"00319\"}");
    refused(&coil, "t.yaml:11: \"manual\" 00319 is wire address 318");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manual_notation_is_checked),
        cmocka_unit_test(test_manual_of_a_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
