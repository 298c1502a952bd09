/* Buyers' streams and the CloudEvents made of them. */
#include "traceability/test_store.h"
#include "base/crypto.h"
#include "base/json.h"
#include "traceability/stream.h"

static void add_buyer(struct fix *f, const char *id)
{
    json_t *body = json_pack("{s:s}", "buyer", id);
    OK(event_append(f->s, EVENT_BUYER_REGISTERED, body, NULL, NULL, e));
    json_decref(body);
}

/* Some public event that asks for nothing to be there: a restart's notice for nobody
 * but `buyer`. */
static void restart(struct fix *f)
{
    OK(stream_restart(f->s, "uid:7", e));
}

struct seen {
    int n, stop_after;
    int64_t epoch[16], at[16], seq[16];
    char leaf[16][65], *doc[16];
};

static int see(void *ctx, const struct stream_event *se)
{
    struct seen *s = ctx;
    size_t n = 0;
    assert_true(s->n < 16);
    s->epoch[s->n] = se->epoch;
    s->at[s->n] = se->n;
    s->seq[s->n] = se->ev.seq;
    hex_text(se->leaf, 32, s->leaf[s->n], 65);
    s->doc[s->n] = export_cloudevent(se, "min-county", "0123456789abcdef0123456789abcdef", &n);
    assert_int_equal(n, strlen(s->doc[s->n]));
    return ++s->n == s->stop_after;
}

static void forget(struct seen *s)
{
    for (int i = 0; i < s->n; i++)
        free(s->doc[i]);
    *s = (struct seen){0};
}

static void order_and_paging(void **state)
{
    struct fix *f = *state;
    struct seen s = {0};
    int64_t epoch, n, at;
    fix_open(f);
    fix_begin(f);
    add_buyer(f, "market");
    struct db *db = store_db(f->s);
    OK(stream_head(db, "market", &epoch, &n, &at, e));
    assert_true(epoch == 1 && n == 0 && at == 0);
    OK(stream_read(db, "market", 0, 0, 10, see, &s, e));
    assert_int_equal(s.n, 0);
    restart(f); /* epoch 2 */
    add_buyer(f, "co-op");
    restart(f); /* epoch 3, and 2 for the newer one */
    OK(stream_read(db, "market", 0, 0, 10, see, &s, e));
    assert_true(s.n == 2 && s.epoch[0] == 2 && s.at[0] == 1 && s.epoch[1] == 3 && s.at[1] == 1);
    forget(&s);
    OK(stream_read(db, "market", 2, 1, 10, see, &s, e));
    assert_true(s.n == 1 && s.epoch[0] == 3);
    forget(&s);
    OK(stream_read(db, "market", 0, 0, 1, see, &s, e));
    assert_true(s.n == 1 && s.epoch[0] == 2);
    forget(&s);
    s.stop_after = 1;
    OK(stream_read(db, "market", 0, 0, 10, see, &s, e));
    assert_int_equal(s.n, 1);
    forget(&s);
    OK(stream_read(db, "co-op", 0, 0, 10, see, &s, e));
    assert_true(s.n == 1 && s.epoch[0] == 2); /* the other's restart is not its business */
    forget(&s);
    OK(stream_head(db, "market", &epoch, &n, &at, e));
    assert_true(epoch == 3 && n == 1 && at > 0);
    assert_int_equal(stream_read(db, "nobody", 0, 0, 10, see, &s, NULL), ERR_NOT_FOUND);
    assert_int_equal(stream_head(db, "nobody", &epoch, &n, &at, NULL), ERR_NOT_FOUND);
    fix_commit(f);
}

/* The wall's clock may go back: the order is the number's. */
static void no_clock_orders_a_stream(void **state)
{
    struct fix *f = *state;
    struct seen s = {0};
    fix_open(f);
    fix_begin(f);
    json_t *body = json_pack("{s:s,s:s}", "lot", "G261124-A0017", "reason", "test");
    add_buyer(f, "market");
    OK(event_append(f->s, EVENT_LOT_HELD, body, "uid:7", NULL, e));
    json_decref(body);
    OK(db_exec(store_db(f->s),
               "INSERT INTO event SELECT (SELECT max(seq)+1 FROM event),fmt,kind,1000,body,leaf"
               " FROM event WHERE kind='lot.held';"
               "INSERT INTO stream SELECT 'market',1,2,max(seq) FROM event",
               e));
    OK(stream_read(store_db(f->s), "market", 0, 0, 10, see, &s, e));
    assert_true(s.n == 2 && s.at[0] == 1 && s.at[1] == 2);
    forget(&s);
    store_rollback(f->s);
}

/* Public events of the domain go to every buyer that stands registered, densely. */
static void everybody_gets_public_events(void **state)
{
    struct fix *f = *state;
    struct seen s = {0};
    enum event_kind held;
    if (event_kind_from("lot.held", &held))
        skip();
    fix_open(f);
    fix_begin(f);
    json_t *body = json_pack("{s:s,s:s}", "lot", "G261124-A0017", "reason", "test");
    add_buyer(f, "market");
    OK(event_append(f->s, held, body, "uid:7", NULL, e));
    add_buyer(f, "late");
    OK(event_append(f->s, held, body, "uid:7", NULL, e));
    OK(event_append(f->s, EVENT_CLOCK_STEPPED, NULL, NULL, NULL, e)); /* not public */
    json_decref(body);
    OK(stream_read(store_db(f->s), "market", 0, 0, 10, see, &s, e));
    assert_true(s.n == 2 && s.at[0] == 1 && s.at[1] == 2 && s.epoch[1] == 1);
    forget(&s);
    OK(stream_read(store_db(f->s), "late", 0, 0, 10, see, &s, e));
    assert_true(s.n == 1 && s.at[0] == 1);
    assert_null(strstr(s.doc[0], "uid:7"));
    forget(&s);
    fix_commit(f);
}

static void restore_names_the_past(void **state)
{
    struct fix *f = *state;
    struct seen s = {0};
    fix_open(f);
    fix_begin(f);
    add_buyer(f, "market");
    restart(f); /* gives the stream one entry */
    char old[33];
    strcpy(old, store_id(f->s));
    OK(store_restored(f->s, "uid:7", e));
    assert_string_equal(store_id(f->s), old); /* until it is committed */
    fix_commit(f);
    assert_string_not_equal(store_id(f->s), old);
    OK(stream_read(store_db(f->s), "market", 0, 0, 10, see, &s, e));
    assert_int_equal(s.n, 2);
    json_t *doc = json_loads(s.doc[1], 0, NULL), *data = json_object_get(doc, "data");
    assert_int_equal(json_int_or(data, "previous_epoch", 0), 2);
    assert_int_equal(json_int_or(data, "previous_n", 0), 1);
    assert_string_equal(json_text_or(data, "previous_leaf", ""), s.leaf[0]);
    json_decref(doc);
    forget(&s);
    fix_close(f);
    fix_open(f);
    assert_string_not_equal(store_id(f->s), old);
}

static int one_text(struct db *db, const char *sql, char *ret, size_t size)
{
    struct stmt *q = db_q(db, sql);
    int rc = q_one(q);
    if (rc == 1)
        snprintf(ret, size, "%s", q_str(q, 0));
    q_done(q);
    return rc == 1 ? 0 : rc;
}

static void cloud_event(void **state)
{
    struct fix *f = *state;
    struct seen s = {0};
    char body[1024], want[1100];
    fix_open(f);
    fix_begin(f);
    add_buyer(f, "market");
    restart(f);
    fix_commit(f);
    OK(stream_read(store_db(f->s), "market", 0, 0, 10, see, &s, e));
    assert_int_equal(s.n, 1);
    OK(one_text(store_db(f->s), "SELECT CAST(body AS TEXT) FROM event WHERE seq=3", body,
                sizeof body));
    snprintf(want, sizeof want, ",\"data\":%s}", body);
    assert_string_equal(s.doc[0] + strlen(s.doc[0]) - strlen(want), want); /* verbatim */
    json_t *doc = json_loads(s.doc[0], JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(doc);
    assert_string_equal(json_text_or(doc, "specversion", ""), "1.0");
    assert_string_equal(json_text_or(doc, "id", ""), "3");
    assert_string_equal(json_text_or(doc, "source", ""),
                        "/lotline/min-county/0123456789abcdef0123456789abcdef");
    assert_string_equal(json_text_or(doc, "type", ""), "lotline.stream.restarted");
    assert_string_equal(json_text_or(doc, "stream", ""), "market");
    assert_int_equal(json_int_or(doc, "streamepoch", 0), 2);
    assert_int_equal(json_int_or(doc, "streamseq", 0), 1);
    assert_int_equal(json_int_or(doc, "logindex", 0), 2);
    assert_string_equal(json_text_or(doc, "leaf", ""), s.leaf[0]);
    uint8_t hash[32];
    char text[65];
    struct sha256 h;
    sha256_init(&h);
    sha256_add(&h, "", 1);
    sha256_add(&h, body, strlen(body));
    sha256_end(&h, hash);
    assert_string_equal(hex_text(hash, 32, text, sizeof text), s.leaf[0]);
    json_decref(doc);
    forget(&s);
}

struct names {
    int n;
    char name[8][32];
};

static void take_name(void *ctx, const char *name)
{
    struct names *l = ctx;
    snprintf(l->name[l->n++], 32, "%s", name);
}

static void listing(void **state)
{
    struct fix *f = *state;
    struct names l = {0};
    fix_open(f);
    fix_begin(f);
    add_buyer(f, "m2");
    add_buyer(f, "m1");
    OK(stream_list(store_db(f->s), take_name, &l, e));
    assert_int_equal(l.n, 2);
    assert_string_equal(l.name[0], "m1");
    fix_commit(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIX_TEST(no_clock_orders_a_stream),
        FIX_TEST(order_and_paging),
        FIX_TEST(everybody_gets_public_events),
        FIX_TEST(restore_names_the_past),
        FIX_TEST(cloud_event),
        FIX_TEST(listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
