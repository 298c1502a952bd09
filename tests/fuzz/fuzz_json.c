/* JSON of requests and of the record: what parses has one canonical text, which parses to itself.
 */
#include "base/json.h"
#include "tests/fuzz/fuzz.h"

void fuzz_setup(void)
{
}

static void fields(const json_t *o)
{
    struct err e = {0};
    int64_t v;
    const char *text;
    if (json_get_int(o, "n", -5, 500, &v, &e) == 0)
        assert(v >= -5 && v <= 500);
    if (json_get_text(o, "text", 12, &text, &e) == 0)
        assert(strlen(text) <= 12);
    json_only(o, "n|text|args|command", &e);
    json_int_or(json_object_get(o, "args"), "n", 1);
    json_text_or(json_object_get(o, "args"), "text", "");
}

void fuzz_one(const uint8_t *p, size_t n)
{
    json_t *doc = NULL, *again = NULL;
    struct err e = {0};
    size_t len = 0, len_again = 0;
    int rc = json_parse((const char *)p, n, &doc, &e);
    if (rc) {
        assert(rc == e.code && !doc);
        return;
    }
    fields(doc);
    char *text = json_canonical(doc, &len);
    if (text) { /* NULL: it holds reals */
        assert(strlen(text) == len && json_parse(text, len, &again, &e) == 0 &&
               json_equal(doc, again));
        char *twice = json_canonical(again, &len_again);
        assert(twice && len == len_again && memcmp(text, twice, len) == 0);
        free(twice);
    }
    free(text);
    json_decref(again);
    json_decref(doc);
}
