/* Tests of specs, verbs, script and truth log: what tests and people write and read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/json.h"
#include "sim/control.h"
#include "sim/verb.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static struct truth *truth;
static struct device dev[3];

static const char *path_of(const char *name)
{
    static char buf[96];
    snprintf(buf, sizeof buf, "%s/%s", dir, name);
    return buf;
}

static int begin(void **state)
{
    (void)state;
    static const char *const specs[] = {"sorter:name=s1,items=5,rate=2.5,retentive=1",
                                        "scale:name=w1", "drive:name=d1,unit=3"};
    struct err e = {0};
    strcpy(dir, "/tmp/lotline-device-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(truth_open(path_of("truth.jsonl"), &truth, &e), 0);
    for (size_t i = 0; i < 3; i++) {
        struct device_cfg cfg;
        assert_int_equal(device_parse(specs[i], 1, &cfg, &e), 0);
        assert_int_equal(device_open(&dev[i], &cfg, truth, 1, mono_now(), &e), 0);
    }
    return 0;
}

static int finish(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        device_close(&dev[i]);
    truth_close(truth);
    unlink(path_of("truth.jsonl"));
    return rmdir(dir);
}

static bool does(const char *text)
{
    json_t *req = NULL;
    assert_int_equal(json_parse(text, strlen(text), &req, NULL), 0);
    json_t *ans = verb_do(dev, 3, req, mono_now());
    bool ok = json_is_true(json_object_get(ans, "ok"));
    assert_int_equal(ok, json_object_get(ans, "error") == NULL);
    json_decref(req);
    json_decref(ans);
    return ok;
}

static void specs_are_strict(void **state)
{
    (void)state;
    struct device_cfg c;
    static const char *const bad[] = {"sorter",
                                      "robot:name=r",
                                      "sorter:unit=1",
                                      "sorter:name=a,b",
                                      "sorter:name=a,b=1",
                                      "scale:name=a,rate=1",
                                      "scale:name=",
                                      "sorter:name=a,unit=256",
                                      "sorter:name=a,rate=2.5.1",
                                      "sorter:name=a,crop=moss"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        assert_true(device_parse(bad[i], 1, &c, &e) < 0);
        assert_true(e.text[0] != '\0');
    }
    struct err e = {0};
    assert_int_equal(device_parse("sorter:name=s9,port=1502,unit=7,rate=2.5,items=200,ring=32,"
                                  "crop=zucchini,decision-ms=300,outlets=6,default=6,checks=0,"
                                  "base-b=100,base-h=4000,fc23=1,overwrite=1",
                                  1, &c, &e),
                     0);
    assert_int_equal(c.port, 1502);
    assert_int_equal(c.unit, 7);
    assert_int_equal(c.plc.rate_milli, 2500);
    assert_int_equal(c.plc.slot_m, 32);
    assert_int_equal(c.plc.crop, FARM_ZUCCHINI);
    assert_int_equal(c.plc.host, 4000);
    assert_false(c.plc.checks);
    assert_true(c.fc23 && c.plc.overwrite);
}

static void a_sorter_that_cannot_work_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "sorter:name=a,ring=20",      "sorter:name=a,ring=64,slots=32",
        "sorter:name=a,outlets=3",    "sorter:name=a,base-b=100,base-h=200",
        "sorter:name=a,base-b=65000", "sorter:name=a,infeed-ms=9000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct device_cfg c;
        struct device d;
        struct err e = {0};
        assert_int_equal(device_parse(bad[i], 1, &c, &e), 0);
        assert_int_equal(device_open(&d, &c, truth, 1, mono_now(), &e), ERR_RANGE);
    }
}

static void verbs_are_strict(void **state)
{
    (void)state;
    assert_true(does("{\"dev\":\"s1\",\"do\":\"feed\",\"items\":3,\"rate\":\"0.5\"}"));
    assert_true(does("{\"dev\":\"s1\",\"do\":\"feed\",\"rate\":2.5}"));
    assert_int_equal(dev[0].cfg.plc.rate_milli, 2500);
    assert_true(does("{\"dev\":\"s1\",\"do\":\"block\",\"outlet\":2,\"on\":true}"));
    assert_true(does("{\"dev\":\"w1\",\"do\":\"load\",\"mg\":25004000}"));
    assert_true(does("{\"dev\":\"d1\",\"do\":\"fault\",\"kind\":\"late\",\"every\":7,\"ms\":300}"));
    assert_true(does("{\"dev\":\"d1\",\"do\":\"fault-clear\"}"));
    assert_true(does("{\"dev\":\"s1\",\"do\":\"stat\"}"));
    assert_false(does("{\"dev\":\"s1\",\"do\":\"feed\",\"itms\":3}"));
    assert_false(does("{\"dev\":\"s1\",\"do\":\"feed\",\"items\":-1}"));
    assert_false(does("{\"dev\":\"s1\",\"do\":\"block\",\"outlet\":6}"));
    assert_false(does("{\"dev\":\"s1\",\"do\":\"load\",\"mg\":1}")); /* no scale */
    assert_false(does("{\"dev\":\"s1\",\"do\":\"restore\"}"));       /* no backup */
    assert_false(does("{\"dev\":\"d1\",\"do\":\"fault\",\"kind\":\"gremlin\"}"));
    assert_false(does("{\"dev\":\"x\",\"do\":\"stat\"}"));
    assert_false(does("{}"));
}

static json_t *last_line(const char *ev)
{
    char text[2048];
    json_t *found = NULL;
    FILE *f = fopen(path_of("truth.jsonl"), "r");
    assert_non_null(f);
    while (fgets(text, sizeof text, f)) {
        json_t *o = NULL;
        assert_int_equal(json_parse(text, strcspn(text, "\n"), &o, NULL), 0);
        if (strcmp(json_text_or(o, "ev", ""), ev) == 0) {
            json_decref(found);
            found = json_incref(o);
        }
        json_decref(o);
    }
    fclose(f);
    assert_non_null(found);
    return found;
}

static void the_truth_log_keeps_its_schema(void **state)
{
    (void)state;
    const struct farm_item item = {.net_mg = 12340, .weight = 1234, .dia_um = 9000, .aux2 = 1};
    truth_plc(truth, "s1",
              &(struct plc_event){.kind = PLC_ITEM,
                                  .epoch = 7,
                                  .seq = 3,
                                  .item = &item,
                                  .item_flags = 3,
                                  .item_len_pulses = 200,
                                  .item_t_ms = 55,
                                  .at = {123456789}});
    json_t *o = last_line("item");
    static const char *const keys[] = {"line",       "epoch", "seq",   "weight", "net_mg", "dia_um",
                                       "len_pulses", "aux2",  "flags", "t_ms",   "mono_ns"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_non_null(json_object_get(o, keys[i]));
    assert_int_equal(json_int_or(o, "net_mg", 0), 12340);
    assert_int_equal(json_int_or(o, "mono_ns", 0), 123456789);
    json_decref(o);
    assert_true(does("{\"dev\":\"w1\",\"do\":\"load\",\"mg\":25004000}"));
    o = last_line("load");
    assert_string_equal(json_text_or(o, "scale", ""), "w1");
    assert_int_equal(json_int_or(o, "g_true", 0), 25004);
    json_decref(o);
    device_say(&dev[0], "end", device_stat(&dev[0]));
    o = last_line("end");
    assert_string_equal(json_text_or(o, "line", ""), "s1");
    assert_int_equal(json_int_or(o, "feed_left", 0), 5);
    json_decref(o);
}

static void a_script_runs_in_the_order_of_its_times(void **state)
{
    (void)state;
    struct script *s = NULL;
    struct err e = {0};
    struct mono start = mono_now();
    FILE *f = fopen(path_of("script"), "w");
    fputs("# two loads\n\n{\"at_ms\":200,\"dev\":\"w1\",\"do\":\"load\",\"mg\":2000}\n"
          "{\"at_ms\":100,\"dev\":\"w1\",\"do\":\"load\",\"mg\":1000}\n",
          f);
    fclose(f);
    assert_int_equal(script_load(path_of("script"), &s, &e), 0);
    struct mono due = script_run(s, dev, 3, start, start);
    assert_int_equal(mono_since_ms(due, start), 100);
    assert_int_equal(dev[1].scale.load_mg, 0);
    due = script_run(s, dev, 3, start, due);
    assert_int_equal(dev[1].scale.load_mg, 1000);
    due = script_run(s, dev, 3, start, due);
    assert_int_equal(dev[1].scale.load_mg, 2000);
    assert_int_equal(due.ns, INT64_MAX);
    script_free(s);
    f = fopen(path_of("script"), "w");
    fputs("{\"at_ms\":1}\n{\"dev\":\"w1\"}\n", f);
    fclose(f);
    assert_true(script_load(path_of("script"), &s, &e) < 0);
    assert_int_equal(e.line, 2);
    unlink(path_of("script"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(specs_are_strict, begin, finish),
        cmocka_unit_test_setup_teardown(a_sorter_that_cannot_work_is_refused, begin, finish),
        cmocka_unit_test_setup_teardown(verbs_are_strict, begin, finish),
        cmocka_unit_test_setup_teardown(the_truth_log_keeps_its_schema, begin, finish),
        cmocka_unit_test_setup_teardown(a_script_runs_in_the_order_of_its_times, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
