/* A system that does not say what it was asked: the record gets a word for that, and never a guess.
 */
#include "base/clock.h"
#include "base/test_calls.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/timex.h>
#include <unistd.h>
#include <cmocka.h>

CALL(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))

static int answer;
static int status;

int adjtimex(struct timex *t)
{
    t->status = status;
    return answer;
}

static void a_boot_id_that_cannot_be_read_is_all_zeros(void **state)
{
    (void)state;
    call_fails("read", EIO, 0); /* once in the life of a process */
    assert_string_equal(clock_boot_id(), "00000000000000000000000000000000");
    assert_true(call_failed());
    assert_string_equal(clock_boot_id(), "00000000000000000000000000000000");
}

static void a_clock_is_synced_only_when_the_kernel_says_so(void **state)
{
    (void)state;
    static const struct {
        int answer, status;
        const char *word;
    } rows[] = {
        {-1, 0, "unknown"},
        {TIME_OK, 0, "synced"},
        {TIME_OK, STA_UNSYNC, "unsynced"},
        {TIME_ERROR, 0, "unsynced"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        answer = rows[i].answer;
        status = rows[i].status;
        assert_string_equal(clock_state(), rows[i].word);
    }
}

static void the_earlier_of_two_times_is_the_least(void **state)
{
    (void)state;
    const struct mono a = {5}, b = {7};
    assert_int_equal(mono_min(a, b).ns, 5);
    assert_int_equal(mono_min(b, a).ns, 5);
    assert_int_equal(mono_min(MONO_NEVER, b).ns, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boot_id_that_cannot_be_read_is_all_zeros),
        cmocka_unit_test(a_clock_is_synced_only_when_the_kernel_says_so),
        cmocka_unit_test(the_earlier_of_two_times_is_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
