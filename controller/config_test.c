/* A whole configuration file: what is loaded once, who shares a bus, which line decides too late.
 * Maps and crops are the shipped ones. */
#include "controller/config.h"
#include "base/test_tmp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define OUTLETS                                                                                    \
    "map: mailbox-v1-weight, crop: codonopsis, bad_outlet: 5, default_outlet: 5,\n"                \
    "   outlets: {\"1\": [1], \"2\": [2], \"3\": [3], reject: [4]}"
#define SERIAL(baud) "serial: /dev/ttyUSB0, baud: " baud
#define DRIVE        "{name: d1, map: invt-gd20, unit: 2, "
#define SCALE                                                                                      \
    "{name: w1, map: hbm-wtx110, unit: 3, max_g: 9000, e_mg: 1000, d_mg: 1000, min_g: 20, "

static const char *maps; /* folder of the maps; NULL: the shipped ones */

/* The rest of the file is `parts`; *ret is NULL when it is refused. */
static int load(const char *parts, struct config **ret, struct err *e)
{
    struct tmp t;
    char text[4096], folder[512];
    assert_non_null(getcwd(folder, sizeof(folder)));
    int n = snprintf(text, sizeof(text),
                     "site: test\nstore: store\nkey: key\nmaps: %s%s\ncrops: %s/crops\n%s\n",
                     maps ? maps : folder, maps ? "" : "/plc-maps", folder, parts);
    tmp_make(&t);
    tmp_write(tmp_path(&t, "lotlined.yaml"), text, (size_t)n);
    *ret = NULL;
    *e = (struct err){0};
    int rc = config_load(tmp_path(&t, "lotlined.yaml"), ret, e);
    tmp_remove(&t);
    return rc;
}

static void refused(const char *parts, int code, int line, const char *const words[])
{
    struct config *c;
    struct err e;
    assert_int_equal(load(parts, &c, &e), code);
    assert_non_null(strstr(e.file, "lotlined.yaml"));
    assert_int_equal(e.line, line);
    for (size_t i = 0; words[i]; i++)
        if (!strstr(e.text, words[i]))
            fail_msg("\"%s\" is not in: %s", words[i], e.text);
}

static struct config *accepted(const char *parts)
{
    struct config *c;
    struct err e;
    if (load(parts, &c, &e) < 0)
        fail_msg("%s:%d: %s", e.file, e.line, e.text);
    return c;
}

static void test_loaded_once(void **state)
{
    (void)state;
    struct config *c = accepted("lines:\n"
                                " - {name: a, host: 127.0.0.1, port: 1, " OUTLETS "}\n"
                                " - {name: b, host: 127.0.0.1, port: 2, " OUTLETS "}\n"
                                "drives:\n"
                                " - " DRIVE "host: 127.0.0.1, port: 3}\n"
                                " - {name: d2, map: invt-gd20, host: 127.0.0.1, port: 4}");
    assert_ptr_equal(c->lines[0].map, c->lines[1].map);
    assert_ptr_equal(c->lines[0].crop, c->lines[1].crop);
    assert_ptr_equal(c->drives[0].map, c->drives[1].map);
    assert_ptr_not_equal(c->lines[0].map, c->drives[0].map);
    assert_int_equal(c->n_map_files, 2);
    assert_int_equal(c->n_crop_files, 1);
    config_free(c); /* each once: ASan says so */
    refused("drives:\n - {name: d1, map: mailbox-v1, host: 127.0.0.1, port: 3}", ERR_RANGE, 7,
            (const char *[]){"not for this kind of device", NULL});
    refused("lines:\n"
            " - {name: a, host: 127.0.0.1, port: 1, " OUTLETS "}\n"
            "drives:\n - {name: d1, map: mailbox-v1-weight, host: 127.0.0.1, port: 3}",
            ERR_RANGE, 10, (const char *[]){"not for this kind of device", NULL});
}

static void test_shared(void **state)
{
    (void)state;
    refused("lines:\n"
            " - {name: a, " SERIAL("115200") ", " OUTLETS "}\n"
                                             "drives:\n - " DRIVE SERIAL("9600") "}",
            ERR_RANGE, 10, (const char *[]){"drive d1", "line a (line 7)", "baud", NULL});
    refused("lines:\n"
            " - {name: a, " SERIAL("115200") ", port: 1, " OUTLETS "}\n"
                                             " - {name: b, " SERIAL("115200") ", port: 2, " OUTLETS
                                                                              "}\n",
            ERR_EXISTS, 9, (const char *[]){"line b: a has the same PLC", NULL});
    /* The bus is as slow as the slowest unit needs it, whichever comes first in the file. */
    struct config *c =
        accepted("lines:\n"
                 " - {name: a, " SERIAL("115200") ", " OUTLETS "}\n"
                                                  "drives:\n - " DRIVE SERIAL("115200") "}");
    struct bus_options o = config_bus(c, &c->lines[0].at);
    assert_true(o.serial);
    assert_int_equal(o.guard_us, 5000);
    assert_int_equal(o.quarantine_ms, 400);
    config_free(c);
}

/* 0.1 m/s: 10 ms a millimetre. Alone the line needs 168 ms: poll 5, five transactions of 20 ms and
 * 2 x 1.75 ms of silence, 277 characters of 96 us, a scan of 20. With a drive on the bus 5 ms of
 * silence each: 32.5 ms more; and 644 ms while it is dead: 200 + 400 + 20 and its frames. */
#define BELT(mm) "belt_um_per_s: 100000, lead_ms: 0, distance_um: " mm "000, "
static void test_dead_neighbour_rtu(void **state)
{
    (void)state;
    config_free(accepted("lines:\n - {name: a, " BELT("18") SERIAL("115200") ", " OUTLETS "}"));
    refused("lines:\n - {name: a, " BELT("16") SERIAL("115200") ", " OUTLETS "}", ERR_RANGE, 7,
            (const char *[]){"line a: cannot decide in time", "the belt gives 160 ms",
                             "are missing", "1 mm away", NULL});
    refused("lines:\n - {name: a, " BELT("80")
                SERIAL("115200") ", " OUTLETS "}\n"
                                 "drives:\n - " DRIVE SERIAL("115200") "}",
            ERR_RANGE, 7,
            (const char *[]){"line a: deciding may take", "the belt gives 800 ms",
                             "while d1 is dead", "are missing", "mm away", NULL});
    config_free(accepted("lines:\n - {name: a, " BELT("85")
                             SERIAL("115200") ", " OUTLETS "}\n"
                                              "drives:\n - " DRIVE SERIAL("115200") "}"));
    config_free(accepted("lines:\n - {name: a, " BELT("18")
                             SERIAL("115200") ", " OUTLETS "}\n"
                                              "drives:\n - " DRIVE "serial: /dev/ttyUSB1}"));
}

/* One connection for all units behind a gateway: it is reset with the answer that does not come,
 * and made again at once: 200 ms, 5 to connect, 10 between. Alone the line needs 150 ms. */
static void test_dead_neighbour_tcp(void **state)
{
    (void)state;
    config_free(accepted("lines:\n - {name: a, " BELT("15") "host: 127.0.0.1, " OUTLETS "}\n"
                                                            "scales:\n - " SCALE
                                                            "host: 127.0.0.1, port: 503}"));
    refused("lines:\n - {name: a, " BELT("36") "host: 127.0.0.1, " OUTLETS "}\n"
                                               "scales:\n - " SCALE "host: 127.0.0.1}",
            ERR_RANGE, 7,
            (const char *[]){"the belt gives 360 ms", "may take 365 ms (215 while w1 is dead)",
                             "5 ms are missing", "1 mm away or use another bus", NULL});
    config_free(accepted("lines:\n - {name: a, " BELT("37") "host: 127.0.0.1, " OUTLETS "}\n"
                                                            "scales:\n - " SCALE
                                                            "host: 127.0.0.1}"));
}

/* A map of the test's own beside the shipped ones: units 1 to 32, two scales. */
static const char two_scales[] =
    "map: two\nversion: 1.0.0\nkind: registers\ntitle: t\nsource: s\nconfidence: A\n"
    "link: {fc: [3], max_read: 10, timeout_ms: 100, turnaround_ms: 10, units: [1-32],\n"
    "       connect_pause_ms: 250}\n"
    "records:\n  - {name: a, addr: 0, words: 2, source: s, confidence: A,\n"
    "     channels: {count: 2, stride: 4}, weight: {decimals: 0, units: [g]},\n"
    "     fields: [{role: scale.net, at: 0, type: s32}]}\n"
    "vectors:\n  - {name: v, origin: constructed, frames: [], expect: {scale.net: 0}}\n";

static void test_units_and_channels_of_a_map(void **state)
{
    (void)state;
    struct tmp t;
    tmp_make(&t);
    tmp_write(tmp_path(&t, "two.yaml"), two_scales, strlen(two_scales));
    maps = t.dir;
#define TWO "{name: w1, map: two, host: 127.0.0.1, max_g: 9, e_mg: 1, d_mg: 1, min_g: 2, "
    struct config *c = accepted("scales:\n - " TWO "unit: 32, channel: 1}");
    const struct map_request *q;
    assert_int_equal(map_plan(c->scales[0].map, &q), 1);
    assert_int_equal(q[0].addr, 4);
    assert_int_equal(config_link(c, &c->scales[0].at).connect_pause_ms, 250);
    config_free(c);
    refused("scales:\n - " TWO "unit: 33}", ERR_RANGE, 7,
            (const char *[]){"scale w1: a device of map two has no unit id 33", NULL});
    refused(
        "scales:\n - " TWO "unit: 1, channel: 2}", ERR_RANGE, 7,
        (const char *[]){"scale w1: map two has 2 channels, from 0: there is no channel 2", NULL});
    maps = NULL;
    tmp_remove(&t);
}

/* The longest names do not cut the way out. */
static void test_long_names(void **state)
{
    (void)state;
    refused("lines:\n - {name: abcdefghijklmnopqrstuvw, belt_um_per_s: 2000000, lead_ms: 1000, "
            "distance_um: 10000, host: 127.0.0.1, " OUTLETS "}\n"
            "drives:\n - {name: zyxwvutsrqponmlkjihgfed, map: invt-gd20, host: 127.0.0.1}",
            ERR_RANGE, 7,
            (const char *[]){"abcdefghijklmnopqrstuvw", "zyxwvutsrqponmlkjihgfed",
                             "use another bus", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loaded_once),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_dead_neighbour_rtu),
        cmocka_unit_test(test_dead_neighbour_tcp),
        cmocka_unit_test(test_units_and_channels_of_a_map),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
