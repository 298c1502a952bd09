/* Storage faults under the record: the disk fills, an fsync fails. Whatever happens, what was
 * acknowledged stands, nothing is acknowledged after a failure until a reopen, and the batch can be
 * applied again. */
#include "traceability/test_store.h"
#include "traceability/verify.h"
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/syscall.h>

static struct {
    int writes, syncs; /* this many go well, then all fail; −1: no fault */
    bool fired;
} fault = {-1, -1, false};

static bool fires(int *left)
{
    if (*left < 0)
        return false;
    if (*left > 0) {
        --*left;
        return false;
    }
    fault.fired = true;
    return true;
}

/* libsqlite3 calls these; the linker finds ours first. */
int fdatasync(int fd);
int fsync(int fd);

int fdatasync(int fd)
{
    if (!fires(&fault.syncs))
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static ssize_t full_pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (!fires(&fault.writes))
        return pwrite(fd, p, n, at);
    errno = ENOSPC;
    return -1;
}

static int install(void **state)
{
    sqlite3_vfs *v = sqlite3_vfs_find(NULL);
    (void)state;
    sqlite3_syscall_ptr ours = (sqlite3_syscall_ptr)full_pwrite;
    return v->xSetSystemCall(v, "pwrite", ours) || v->xSetSystemCall(v, "pwrite64", ours);
}

static void heal(void)
{
    fault.writes = fault.syncs = -1;
    fault.fired = false;
}

/* Turns of ten items each, as the main loop takes them; returns how many were acknowledged. */
static uint32_t turns(struct fix *f, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n += 10) {
        if (store_begin(f->s, NULL))
            return n;
        bool good = true;
        for (uint32_t i = n + 1; good && i <= n + 10; i++) {
            struct item it = fix_item(f, i);
            struct outcome o = fix_outcome(f, i);
            good = item_append(f->s, &it, NULL) == 0 && outcome_append(f->s, &o, NULL) == 0;
        }
        if (!good || item_blocks(f->s, mono_now(), true, NULL) || store_commit(f->s, NULL)) {
            store_rollback(f->s);
            return n;
        }
    }
    return to;
}

static void check_after(struct fix *f, uint32_t acked)
{
    struct item_line_state st;
    json_t *report = NULL;
    OK(item_line_state(f->s, f->line, &st, e));
    assert_true(st.seq >= acked);                /* an fsync that failed may still have written */
    assert_int_equal(turns(f, acked, 100), 100); /* the same batches again */
    fix_close(f);
    fix_open(f);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM item"), 100);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM outcome"), 100);
    OK(verify_store(store_db(f->s), NULL, &report, e));
    assert_int_equal(json_integer_value(json_object_get(report, "items")), 100);
    json_decref(report);
}

/* Returns whether the fault fired. */
static bool one_fault(struct fix *f, int *point, int n)
{
    struct err why;
    fix_open(f);
    fix_line(f);
    fix_commit(f);
    *point = n;
    uint32_t acked = turns(f, 0, 100);
    bool fired = fault.fired;
    if (acked < 100) {
        int rc = store_reopen(f->s, &why);
        if (rc) { /* the disk is as bad as before: nothing is written, nothing answered */
            assert_true(rc == ERR_IO || rc == ERR_DISK_FULL || rc == ERR_DB);
            assert_true(store_begin(f->s, NULL) == ERR_IO);
        }
        heal();
        OK(store_reopen(f->s, e));
    }
    heal();
    check_after(f, acked);
    fix_close(f);
    return fired;
}

static void every_point(int *point)
{
    bool fired = true;
    int n = 0;
    for (; fired && n < 400; n += n < 40 ? 1 : 7) {
        void *fresh = NULL;
        fix_start(&fresh);
        fired = one_fault(fresh, point, n);
        heal();
        fix_stop(&fresh);
    }
    assert_true(n > 5);
}

static void disk_full(void **state)
{
    (void)state;
    every_point(&fault.writes);
}

static void sync_fails(void **state)
{
    (void)state;
    every_point(&fault.syncs);
}

static void nothing_until_reopened(void **state)
{
    struct fix *f = *state;
    struct err why;
    fix_open(f);
    fix_line(f);
    fix_rows(f, 1, 3);
    fault.syncs = 0;
    assert_int_equal(store_commit(f->s, &why), ERR_IO);
    heal();
    assert_int_equal(store_begin(f->s, &why), ERR_IO); /* although the disk is well again */
    assert_int_equal(store_commit(f->s, &why), ERR_IO);
    struct item it = fix_item(f, 1);
    assert_int_equal(item_append(f->s, &it, &why), ERR_IO);
    assert_int_equal(event_append(f->s, EVENT_CLOCK_STEPPED, NULL, NULL, NULL, &why), ERR_IO);
    assert_int_equal(store_head(f->s), 1);
    OK(store_reopen(f->s, e));
    fix_begin(f);
    fix_commit(f);
}

/* A killed process: no close, no goodbye. */
static void crash_keeps_committed(void **state)
{
    struct fix *f = *state;
    json_t *report = NULL;
    fix_open(f);
    fix_line(f);
    fix_commit(f);
    assert_int_equal(turns(f, 0, 50), 50);
    fix_begin(f);
    fix_rows(f, 51, 55); /* not committed */
    char copy[96], command[300];
    snprintf(copy, sizeof copy, "%s/c", f->tmp.dir);
    snprintf(command, sizeof command, "cp -r %s %s", f->dir, copy);
    assert_int_equal(system(command), 0);
    store_rollback(f->s);
    fix_close(f);
    strcpy(f->dir, copy);
    fix_open(f);
    assert_int_equal(fix_number(store_db(f->s), "SELECT count(*) FROM item"), 50);
    OK(verify_store(store_db(f->s), NULL, &report, e));
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_full),
        cmocka_unit_test(sync_fails),
        FIX_TEST(nothing_until_reopened),
        FIX_TEST(crash_keeps_committed),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
