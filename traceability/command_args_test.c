/* What a command asks for is what its help says: without an argument that is not optional, with one
 * of another kind, out of all bounds or empty, and with one that does not exist, it is refused by
 * the argument's name, and nothing is recorded. Every command of a day is tried so before it is
 * given as it should be. */
#include "traceability/test_day.h"
#include <ctype.h>

static unsigned tried;

/* ---- arguments by their names ---- */

static const char *help_of(const char *name)
{
    const char *args = "", *help, *row;
    enum role role;
    for (size_t i = 0; (row = command_help(i, &args, &help, &role)); i++)
        if (strcmp(row, name) == 0)
            return args;
    fail_msg("no help for %s", name);
    return NULL;
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The character behind the word, of its first place in the text; 0: it does not stand there. */
static char behind(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += n)
        if ((at == text || !in_word(at[-1])) && !in_word(at[n]))
            return at[n] ? at[n] : ',';
    return 0;
}

/* "run.start" takes "lots", and "routes?" may be left out. What weighing.record takes for one
 * purpose alone stands behind that purpose's name; a box is closed by line and outlet or by its
 * lot. */
static bool is_optional(const char *name, const char *purpose, const char *key)
{
    const char *args = help_of(name), *own = NULL;
    char head[32];
    snprintf(head, sizeof head, "; %s:", purpose);
    if (*purpose)
        own = strstr(args, head);
    char c = own && behind(own + strlen(head), key) ? behind(own + strlen(head), key)
                                                    : behind(args, key);
    if (!c)
        fail_msg("the help of %s does not name \"%s\"", name, key);
    return c == '?' || (strcmp(purpose, "box") == 0 && strcmp(key, "lot") == 0);
}

/* `args` is taken over. */
static void refused(struct farm *m, const struct actor *a, const char *name, json_t *args, int code,
                    const char *says, const char *what)
{
    char id[24];
    struct err e = {0};
    json_t *ret = NULL;
    snprintf(id, sizeof id, "t%u", ++tried);
    fix_begin(&m->f);
    int rc = command_run(m->f.s, a, id, name, args, &ret, NULL, &e);
    if (rc == 0 || ret || (code && rc != code))
        fail_msg("%s with \"%s\" %s: %s: \"%s\"", name, says, what, err_name(rc), e.text);
    if (!e.text[0] || (rc != ERR_NOT_FOUND && !strstr(e.text, says)))
        fail_msg("%s with \"%s\" %s says \"%s\"", name, says, what, e.text);
    assert_int_equal(fix_number(store_db(m->f.s), "SELECT max(seq) FROM event"),
                     store_head(m->f.s));
    store_rollback(m->f.s);
    json_decref(args);
}

static json_t *with(const json_t *args, const char *key, json_t *value)
{
    json_t *other = json_deep_copy(args);
    if (value)
        json_object_set_new(other, key, value);
    else
        json_object_del(other, key);
    return other;
}

static void one_argument(struct farm *m, const struct actor *a, const char *name,
                         const json_t *args, const char *key, bool optional)
{
    static char much[50000];
    const json_t *v = json_object_get(args, key);
    bool text = json_is_string(v), number = json_is_integer(v);
    memset(much, 'x', sizeof much - 1);
    if (!optional)
        refused(m, a, name, with(args, key, NULL), 0, key, "missing");
    refused(m, a, name, with(args, key, text ? json_integer(7) : json_string("x")), 0, key,
            "of another kind");
    if (text)
        refused(m, a, name, with(args, key, json_string(much)), 0, key, "much too long");
    if (text && !optional)
        refused(m, a, name, with(args, key, json_string("")), 0, key, "empty");
    if (number) {
        refused(m, a, name, with(args, key, json_integer(INT64_MAX)), 0, key, "much too large");
        refused(m, a, name, with(args, key, json_integer(INT64_MIN)), 0, key, "much too small");
    }
}

static void all_arguments(struct farm *m, const struct actor *a, const char *id, const char *name,
                          const json_t *args)
{
    const char *key, *purpose = json_text_or(args, "purpose", "");
    json_t *v;
    (void)id;
    fix_commit(&m->f);
    json_object_foreach((json_t *)(uintptr_t)args, key,
                        v) if (strcmp(key, "alibi") !=
                               0) /* the indicator's own, a number or a text */
        one_argument(m, a, name, args, key, is_optional(name, purpose, key));
    refused(m, a, name, with(args, "colour", json_string("red")), ERR_KEY, "colour", "unknown");
    fix_begin(&m->f);
}

static void arguments_are_refused_by_name(void **state)
{
    a_day(*state, all_arguments);
    assert_true(tried > 300);
}

/* ---- what stands inside of arguments ---- */

/* JSON with ' for ". */
static json_t *json_of(const char *text)
{
    char copy[1000];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; (p = strchr(p, '\''));)
        *p = '"';
    json_t *j = json_loads(copy, JSON_DECODE_ANY, NULL);
    if (!j)
        fail_msg("%s", text);
    return j;
}

static const struct actor manager = {ROLE_MANAGER, "uid:1000"};

struct inside {
    const char *value;
    int code;
    const char *says;
};

#define GRADE "{'code':'1','name_zh':'一','name_en':'one'}"
#define SHA   "'0011223344556677889900112233445500112233445566778899001122334455'"

static const struct inside rule_sets[] = {
    {"{}", ERR_KEY, "crop"},
    {"{'crop':'codonopsis'}", ERR_KEY, "ruleset"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'diameter'}", ERR_KEY, "version"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'by the weight of it','version':1}", ERR_RANGE,
     "basis"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':0}", ERR_RANGE, "version"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1}", ERR_KEY, "sha256"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1,'sha256':'0011'}", ERR_PARSE,
     "64 hexadecimal"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1,'sha256':"
     "'zz11223344556677889900112233445500112233445566778899001122334455'}",
     ERR_PARSE, "64 hexadecimal"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1,'sha256':" SHA ",'text':5}",
     ERR_KEY, "text"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1,'sha256':" SHA "}",
     ERR_RANGE, "1 to 16 grades, not 0"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1,'sha256':" SHA
     ",'grades':[1,2,3,4,5,6,7,8,9,"
     "10,11,12,13,14,15,16,17]}",
     ERR_RANGE, "1 to 16 grades, not 17"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1,'sha256':" SHA
     ",'grades':[" GRADE ",{'code':'2','name_zh':'二'}]}",
     ERR_KEY, "name_en"},
    {"{'crop':'codonopsis','ruleset':'lu','basis':'weight','version':1,'sha256':" SHA
     ",'grades':[" GRADE "],'colour':'red'}",
     ERR_KEY, "colour"},
};

static const struct inside route_lists[] = {
    {"'1 to 1'", ERR_RANGE, "list of at most 16"},
    {"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", ERR_RANGE, "list of at most 16"},
    {"[{'grade':1,'outlet':1}]", ERR_KEY, "outlet"},
    {"[{'outlets':[1]}]", ERR_KEY, "grade"},
    {"[{'grade':1,'outlets':['1']}]", ERR_RANGE, "grade 1 is not 1 to 16"},
    {"[{'grade':2,'outlets':[0]}]", ERR_RANGE, "grade 2 is not 1 to 16"},
    {"[{'grade':1,'outlets':[1]},{'grade':4,'outlets':[16,17]}]", ERR_RANGE,
     "grade 4 is not 1 to 16"},
};

static const struct inside lot_lists[] = {
    {"[]", ERR_RANGE, "1 to 200 lots, not 0"},
    {"[7]", ERR_KEY, "list of lot numbers"},
    {"['L261124-A9999']", ERR_NOT_FOUND, ""},
};

static const struct inside weight_lists[] = {
    {"{}", ERR_RANGE, "1 to 20"},
    {"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]", ERR_RANGE, "1 to 20"},
    {"[{'applied_mg':20000000}]", ERR_KEY, "shown_mg"},
    {"[{'shown_mg':20000000}]", ERR_KEY, "applied_mg"},
    {"[{'applied_mg':0,'shown_mg':0}]", ERR_RANGE, "applied_mg"},
    {"[{'applied_mg':60000001,'shown_mg':0}]", ERR_RANGE, "applied_mg"},
    {"[{'applied_mg':1,'shown_mg':120000001}]", ERR_RANGE, "shown_mg"},
};

#define REFUSED(m, name, args, key, list)                                                          \
    for (size_t i = 0; i < sizeof(list) / sizeof(list)[0]; i++)                                    \
    refused(m, &manager, name, with(args, key, json_of((list)[i].value)), (list)[i].code,          \
            (list)[i].says, (list)[i].value)

static void what_stands_inside_is_refused_too(void **state)
{
    struct farm *m = *state;
    char lot[IDENT_LOT_SIZE];
    farm_lot(m, m->farmer1, 1000000, lot);
    fix_commit(&m->f);
    json_t *run = json_pack("{s:s,s:s,s:[s],s:o}", "line", "a", "product", "codonopsis-lu", "lots",
                            lot, "rules", farm_rules("codonopsis"));
    json_t *check = json_pack("{s:s}", "scale", "floor");
    REFUSED(m, "run.start", run, "rules", rule_sets);
    REFUSED(m, "run.start", run, "routes", route_lists);
    REFUSED(m, "run.start", run, "lots", lot_lists);
    REFUSED(m, "scale.check", check, "weights", weight_lists);
    json_decref(run);
    json_decref(check);
}

static void more_lots_than_a_run_takes_are_counted(void **state)
{
    struct farm *m = *state;
    json_t *lots = json_array();
    for (int i = 0; i < 201; i++)
        json_array_append_new(lots, json_string("L261124-A001X"));
    farm_no(m, ERR_RANGE, "not 201", "run.start", "{s:s,s:s,s:o,s:o}", "line", "a", "product",
            "codonopsis-lu", "lots", lots, "rules", farm_rules("codonopsis"));
}

/* ---- who ---- */

static void a_refusal_says_which_role_is_needed(void **state)
{
    static const struct {
        enum role role;
        const char *name, *says;
    } rows[] = {
        {ROLE_NOBODY, "lot.open", "role of worker"},
        {ROLE_WORKER, "run.start", "role of operator"},
        {ROLE_OPERATOR, "hold.release", "role of manager"},
        {ROLE_MANAGER, "weighing.record", "role of the daemon itself"},
    };
    struct farm *m = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        m->role = rows[i].role;
        const struct actor a = {rows[i].role, "uid:1"};
        fix_commit(&m->f);
        refused(m, &a, rows[i].name, json_object(), ERR_DENIED, rows[i].says, "in too low a role");
        fix_begin(&m->f);
    }
}

static void an_answer_is_known_by_request_and_command(void **state)
{
    struct farm *m = *state;
    bool known = true;
    json_t *ret = NULL;
    struct err e = {0};
    assert_int_equal(command_answered(m->f.s, "r1", "coop.sett", &known, &ret, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "did you mean \"coop.set\""));
    assert_int_equal(command_answered(m->f.s, "never", "coop.set", &known, &ret, &e), 0);
    assert_false(known);
    assert_int_equal(command_answered(m->f.s, "r1", "coop.set", &known, &ret, &e), 0);
    assert_true(known && json_is_true(json_object_get(ret, "ok")));
    json_decref(ret);
    ret = NULL;
    assert_int_equal(command_answered(m->f.s, "r1", "lot.open", &known, &ret, &e), ERR_EXISTS);
    assert_true(known && !ret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FARM_TEST(arguments_are_refused_by_name),
        FARM_TEST(what_stands_inside_is_refused_too),
        FARM_TEST(more_lots_than_a_run_takes_are_counted),
        FARM_TEST(a_refusal_says_which_role_is_needed),
        FARM_TEST(an_answer_is_known_by_request_and_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
