/* EPCIS documents of the demo's lots. With EPCIS_OUT=file the whole store's document is written
 * there, for the official schema to judge (tests/scenario). */
#include "traceability/test_farm.h"

static json_t *export(struct farm *m, const char *id)
{
    json_t *o = NULL;
    OK(export_epcis(store_db(m->f.s), id, "https://farm.example/t", &o, e));
    return o;
}

static size_t count(const json_t *doc, const char *type, const char *step)
{
    const json_t *list = json_object_get(json_object_get(doc, "epcisBody"), "eventList");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        n += !strcmp(json_text_or(o, "type", ""), type) &&
             !strcmp(json_text_or(o, "bizStep", ""), step);
    }
    return n;
}

static void a_lot_is_told_with_its_sources(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    json_t *o = export(m, d.run.grade[1]);
    assert_int_equal(count(o, "ObjectEvent", "creating_class_instance"), 2);
    assert_int_equal(count(o, "ObjectEvent", "receiving"), 2);
    assert_int_equal(count(o, "TransformationEvent", "creating_class_instance"), 2);
    assert_int_equal(count(o, "ObjectEvent", "inspecting"), 1);
    assert_int_equal(count(o, "AggregationEvent", "packing"), 1);
    json_decref(o);
}

static void nobody_is_named(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    json_t *o = export(m, NULL), *again = export(m, NULL);
    char *text = json_dumps(o, JSON_COMPACT);
    const char *never[] = {m->farmer1, m->farmer2, m->worker, CANARY_NAME, CANARY_PHONE};
    for (size_t i = 0; i < 5; i++)
        if (strstr(text, never[i]))
            fail_msg("%s stands in the export", never[i]);
    assert_true(json_equal(o, again));
    free(text);
    json_decref(o);
    json_decref(again);
}

/* A packing tells pieces only where somebody counted them. */
static void what_nobody_counted_is_not_told(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    farm_demo(m, &d);
    const char *lots[] = {d.run.grade[1], d.hand1};
    for (size_t i = 0; i < 2; i++) {
        json_t *o = export(m, lots[i]), *v;
        const json_t *list = json_object_get(json_object_get(o, "epcisBody"), "eventList");
        size_t k, packed = 0;
        json_array_foreach(list, k, v)
            if (!strcmp(json_text_or(v, "bizStep", ""), "packing")) {
                packed++;
                assert_int_equal(json_object_get(v, "lotline:pieces") != NULL, i == 0);
                assert_int_equal(json_object_get(v, "lotline:itemsMg") != NULL, i == 0);
            }
        assert_int_equal(packed, 1);
        json_decref(o);
    }
}

/* A scale that shows one weight and not what it took off: no gross and no tare is told. */
static void what_the_scale_did_not_show_is_not_told(void **state)
{
    static const char *const kinds[] = {"weighed", "unknown"};
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", lot, sizeof lot);
    for (size_t i = 0; i < 2; i++)
        json_decref(
            farm_weigh(m, "intake", 9000000, "{s:s,s:s}", "lot", lot, "tare_kind", kinds[i]));
    OK(store_commit(m->f.s, e));
    json_t *o = export(m, lot), *v, *report;
    size_t k, j, seen = 0;
    json_array_foreach(json_object_get(json_object_get(o, "epcisBody"), "eventList"), k, v)
        if (!strcmp(json_text_or(v, "bizStep", ""), "receiving")) {
            const json_t *list = json_object_get(
                json_array_get(json_object_get(v, "sensorElementList"), 0), "sensorReport");
            assert_int_equal(json_array_size(list), seen ? 1 : 3);
            json_array_foreach((json_t *)(uintptr_t)list, j, report)
                if (j + 1 == json_array_size(list))
                    assert_string_equal(json_text_or(report, "lotline:reading", ""), "net");
            seen++;
        }
    assert_int_equal(seen, 2);
    json_decref(o);
}

static void what_was_voided_is_declared(void **state)
{
    struct farm *m = *state;
    struct farm_demo d;
    char lot[IDENT_LOT_SIZE];
    farm_demo(m, &d);
    fix_begin(&m->f);
    farm_text(farm_do(m, "lot.open", "{s:s,s:s}", "farmer", m->farmer1, "product", "codonopsis-lu"),
              "lot", lot, sizeof lot);
    json_decref(farm_weigh(m, "intake", 9000000, "{s:s}", "lot", lot));
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", "shed-11", "reason", "wrong crate");
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", d.lot1, "reason", "smell");
    farm_ok(m, "hold.release", "{s:s,s:s}", "lot", d.lot1, "reason", "looked at");
    farm_ok(m, "recall.start", "{s:s,s:s}", "id", d.hand_box, "reason", "mould");
    OK(store_commit(m->f.s, e));
    json_t *o = export(m, lot);
    const json_t *list = json_object_get(json_object_get(o, "epcisBody"), "eventList");
    assert_int_equal(json_array_size(list), 3);
    const json_t *first = json_array_get(list, 1), *second = json_array_get(list, 2);
    assert_string_equal(json_text_or(first, "eventID", "1"), json_text_or(second, "eventID", "2"));
    assert_null(json_object_get(first, "errorDeclaration"));
    assert_non_null(json_object_get(second, "errorDeclaration"));
    json_decref(o);
    o = export(m, NULL);
    if (getenv("EPCIS_OUT"))
        assert_int_equal(json_dump_file(o, getenv("EPCIS_OUT"), JSON_INDENT(1)), 0);
    json_decref(o);
    farm_rebuilds(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(a_lot_is_told_with_its_sources),
        FARM_TEST(nobody_is_named),
        FARM_TEST(what_nobody_counted_is_not_told),
        FARM_TEST(what_the_scale_did_not_show_is_not_told),
        FARM_TEST(what_was_voided_is_declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
