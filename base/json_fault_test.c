/* A canonical form while the n-th allocation fails: whole, or none. jansson's own json_dumps lost a
 * key so, and a block in the record had no "last_outcome". */
#include "base/json.h"
#include "base/test_nth.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define WIDEST 128 /* wherever a buffer of jansson's or of ours is full, some key stands there */

static json_t *block(const char *root)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s}", "line", (json_int_t)1, "epoch",
                     (json_int_t)1795, "segment", (json_int_t)1, "items", (json_int_t)256,
                     "first_item", (json_int_t)1025, "last_item", (json_int_t)1280, "outcomes",
                     (json_int_t)250, "first_outcome", (json_int_t)1020, "last_outcome",
                     (json_int_t)1269, "root", root);
}

static void a_block_is_whole_or_there_is_none(void **state)
{
    char root[WIDEST + 1] = "";
    (void)state;
    for (size_t width = 0; width < WIDEST; width++) {
        root[width] = 'a';
        json_t *j = block(root);
        char *whole = json_canonical(j, NULL);
        json_decref(j);
        assert_non_null(whole);
        NTH_EVERY(NTH_MEMORY, n)
        {
            nth_arm();
            j = block(root);
            char *text = json_canonical(j, NULL);
            if (!nth_fired())
                assert_non_null(text);
            if (text)
                assert_string_equal(text, whole);
            free(text);
            json_decref(j);
        }
        free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_block_is_whole_or_there_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
