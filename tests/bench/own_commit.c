/* The record as lotlined writes it: own_commit DIR ITEMS GROUP
 *
 * The same items and outcomes as raw_commit.c, GROUP of each a transaction, through item_append and
 * outcome_append, with what the daemon's turn adds: blocks, their events and checkpoint, held
 * words. */
#include "base/crypto.h"
#include "tests/bench/bench.h"
#include "tests/bench/sample.h"
#include "traceability/line.h"
#include "traceability/store.h"
#include <sys/stat.h>

static void must(int rc, const struct err *e)
{
    if (rc < 0)
        bench_give_up("%s %s", err_name(rc), e->text);
}

static struct store *open_store(const char *dir)
{
    char key[512];
    struct store *s = NULL;
    struct err e = {0};
    snprintf(key, sizeof key, "%s/site.key", dir);
    const struct store_options o = {.dir = dir, .key_path = key, .site = "bench", .station = 'A'};
    must(crypto_setup(), &e);
    must(store_open(&o, &s, &e), &e);
    return s;
}

/* Line 1 with an epoch that its PLC has shown. */
static uint32_t open_line(struct store *s)
{
    enum { NONCE = 4711 };
    struct err e = {0};
    uint32_t no, epoch;
    json_t *facts = json_pack("{s:s}", "map", "mailbox-v1");
    must(store_begin(s, &e), &e);
    must(line_configure(s, "s1", facts, &no, &e), &e);
    must(epoch_propose(s, no, NONCE, &epoch, &e), &e);
    must(epoch_shown(s, no, epoch, NONCE, &e), &e);
    must(store_commit(s, &e), &e);
    json_decref(facts);
    return epoch;
}

static int64_t checkpointed_size(struct store *s)
{
    struct stat st;
    struct err e = {0};
    must(db_checkpoint(store_db(s), true), &e);
    return stat(db_path(store_db(s)), &st) == 0 ? (int64_t)st.st_size : 0;
}

int main(int argc, char **argv)
{
    struct bench_result r;
    struct err e = {0};
    if (argc != 4)
        bench_give_up("usage: own_commit DIR ITEMS GROUP");
    uint32_t items = (uint32_t)bench_number(argv[2], 1, 100000000);
    uint32_t group = (uint32_t)bench_number(argv[3], 1, items);
    struct store *s = open_store(argv[1]);
    uint32_t epoch = open_line(s);
    int64_t empty = checkpointed_size(s);
    bench_begin(&r);
    for (uint32_t seq = 1; seq <= items; seq++) {
        const struct item i = sample_item(epoch, seq);
        const struct outcome o = sample_outcome(epoch, seq);
        if ((seq - 1) % group == 0)
            must(store_begin(s, &e), &e);
        must(item_append(s, &i, &e), &e);
        must(outcome_append(s, &o, &e), &e);
        if (seq % group == 0 || seq == items) {
            must(item_blocks(s, mono_now(), seq == items, &e), &e);
            must(store_commit(s, &e), &e);
        }
    }
    bench_end(&r, items);
    r.bytes = checkpointed_size(s) - empty;
    store_close(s);
    bench_print(&r);
    return 0;
}
