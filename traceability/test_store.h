/* For unit tests only: a store in a directory of its own, a line with an epoch, items by number. */
#pragma once
#include "base/test_tmp.h"
#include "traceability/command.h"
#include "traceability/event.h"
#include "traceability/item.h"
#include "traceability/line.h"
#include "traceability/store.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

struct fix {
    struct tmp tmp;
    char dir[96], key[96], file[128], people[128];
    struct store *s;
    uint32_t line, epoch;
};

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e_ = {0}, *e = &e_;                                                             \
        int rc_ = (call);                                                                          \
        (void)e;                                                                                   \
        if (rc_)                                                                                   \
            fail_msg("%s: %s: %s", #call, err_name(rc_), e_.text);                                 \
    } while (0)

static inline struct store_options fix_options(const struct fix *f)
{
    return (struct store_options){
        .dir = f->dir, .key_path = f->key, .site = "min-county", .station = 'A'};
}

static inline void fix_open(struct fix *f)
{
    struct store_options o = fix_options(f);
    OK(store_open(&o, &f->s, e));
}

static inline void fix_close(struct fix *f)
{
    store_close(f->s);
    f->s = NULL;
}

static inline int fix_start(void **state)
{
    struct fix *f = calloc(1, sizeof *f);
    assert(f);
    tmp_make(&f->tmp);
    snprintf(f->dir, sizeof f->dir, "%s/s", f->tmp.dir);
    snprintf(f->key, sizeof f->key, "%s/key", f->tmp.dir);
    snprintf(f->file, sizeof f->file, "%s/s/store.db", f->tmp.dir);
    snprintf(f->people, sizeof f->people, "%s/s/people.db", f->tmp.dir);
    *state = f;
    return 0;
}

static inline int fix_stop(void **state)
{
    struct fix *f = *state;
    fix_close(f);
    tmp_remove(&f->tmp);
    free(f);
    return 0;
}

static inline void fix_begin(struct fix *f)
{
    OK(store_begin(f->s, e));
}

static inline void fix_commit(struct fix *f)
{
    OK(store_commit(f->s, e));
}

/* An open transaction in which line "a" shows its first epoch. */
static inline void fix_line(struct fix *f)
{
    json_t *details = json_pack("{s:s}", "map", "sorter");
    fix_begin(f);
    OK(line_configure(f->s, "a", details, &f->line, e));
    OK(epoch_propose(f->s, f->line, 7, &f->epoch, e));
    OK(epoch_shown(f->s, f->line, f->epoch, 7, e));
    json_decref(details);
}

static inline struct item fix_item(const struct fix *f, uint32_t seq)
{
    struct item it = {.line = f->line,
                      .epoch = f->epoch,
                      .seq = seq,
                      .run = 1,
                      .rule = 1,
                      .net_mg = 20000 + (int64_t)seq % 900 * 11,
                      .dia_um = 9000 + (int32_t)(seq % 50) * 100,
                      .mid_um = ITEM_NO_VALUE,
                      .len_um = 210000,
                      .bow_ppm = ITEM_NO_VALUE,
                      .flags = 3,
                      .lane = 1,
                      .grade = (uint16_t)(seq % 3 + 1),
                      .outlet = (uint16_t)(seq % 3 + 1),
                      .why = 1,
                      .at = {1764000000000 + seq * 100}};
    for (int i = 0; i < ITEM_WORDS; i++)
        it.words[i] = (uint16_t)(seq * 31 + (uint32_t)i);
    return it;
}

static inline struct outcome fix_outcome(const struct fix *f, uint32_t out)
{
    return (struct outcome){.line = f->line,
                            .epoch = f->epoch,
                            .out = out,
                            .seq = out,
                            .outlet = (uint16_t)(out % 3 + 1),
                            .reason = 1,
                            .at = {1764000000900 + out * 100}};
}

/* Items and outcomes from..to. */
static inline void fix_rows(struct fix *f, uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n <= to; n++) {
        struct item it = fix_item(f, n);
        struct outcome o = fix_outcome(f, n);
        OK(item_append(f->s, &it, e));
        OK(outcome_append(f->s, &o, e));
    }
}

static inline int64_t fix_number(struct db *db, const char *sql)
{
    struct stmt *q = db_q(db, sql);
    int rc = q_step(q);
    if (rc != 1)
        fail_msg("%s: %s", sql, rc ? db_message(db) : "no row");
    int64_t n = q_col(q, 0);
    q_done(q);
    return n;
}

static inline int fix_command(struct fix *f, const char *request_id, const char *name, json_t *args,
                              json_t **ret, bool *ret_repeat, struct err *e)
{
    static const struct actor manager = {.role = ROLE_MANAGER, .id = "uid:1000"};
    int rc = command_run(f->s, &manager, request_id, name, args, ret, ret_repeat, e);
    json_decref(args);
    return rc;
}

#define FIX_TEST(test) cmocka_unit_test_setup_teardown(test, fix_start, fix_stop)
