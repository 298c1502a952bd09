/* The plan as a golden vector: what is asked of the device, and what it costs the bus at worst. So
 * a changed limit, delay or period shows as a changed figure and not only as a slower line. */
#include "plc-maps/plan.h"
#include "plc-maps/vector.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct wanted {
    int64_t baud, poll_us, longest_us, dead_us, host, records, slots;
    const struct ynode *requests;
};
#define AT(f) CONF_AT(wanted, f)
static const struct conf_row rows[] = {
    {"baud", CONF_INT, AT(baud), 0, 1000000, "0", NULL, "", "Serial speed; 0 is TCP."},
    {"poll_us", CONF_INT, AT(poll_us), 0, INT64_MAX, NULL, NULL, "us", "One whole poll at worst."},
    {"longest_us", CONF_INT, AT(longest_us), 0, INT64_MAX, NULL, NULL, "us",
     "The longest request that the link allows."},
    {"dead_us", CONF_INT, AT(dead_us), 0, INT64_MAX, NULL, NULL, "us",
     "One poll of a device that does not answer."},
    {"requests", CONF_NODE, AT(requests), 0, 0, "", NULL, "",
     "Kind registers: [fc, address, words, period_ms] of each; a fifth number: how many readings "
     "must agree while the link is doubtful."},
    {"host", CONF_INT, AT(host), 0, UINT16_MAX, "0", NULL, "",
     "Kind mailbox: default H at the smallest ring."},
    {"records", CONF_INT, AT(records), 0, 7, "0", NULL, "", "Kind mailbox: records in one read."},
    {"slots", CONF_INT, AT(slots), 0, 30, "0", NULL, "", "Kind mailbox: slots in one write."},
};
#undef AT
const struct map_keys map_keys_plan = {"plan", "plan of a vector:", rows, N(rows)};

static void same(struct confdoc *d, const struct vector *v, const char *what, int64_t is,
                 int64_t wanted)
{
    if (is != wanted)
        confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": %s is %lld, not %lld", v->name, what,
                      (long long)is, (long long)wanted);
}

static void compare_requests(struct confdoc *d, const struct map *m, const struct vector *v,
                             const struct ynode *list)
{
    if (!confdoc_list(d, list, MAP_REQUESTS_MAX))
        return;
    same(d, v, "the number of requests", (int64_t)m->n_requests, list ? (int64_t)list->n : 0);
    for (size_t i = 0; list && i < list->n && i < m->n_requests; i++) {
        const struct map_request *q = &m->requests[i];
        int64_t w[5] = {0, 0, 0, 0, 1};
        size_t n;
        if (!confdoc_ints(d, list->child[i], 0, UINT32_MAX, N(w), w, &n))
            return;
        if (n < N(w) - 1)
            same(d, v, "the length of a request's entry", (int64_t)n, N(w) - 1);
        else if (q->fc != w[0] || q->addr != w[1] || q->n != w[2] || q->period_ms != w[3] ||
                 q->agree != w[4])
            confdoc_error(d, ERR_CHECK, list->child[i]->line,
                          "vector \"%s\": request %zu is [%d, %d, %d, %d%s]", v->name, i + 1, q->fc,
                          q->addr, q->n, (int)q->period_ms, q->agree > 1 ? ", 2" : "");
    }
}

void vector_plan(struct confdoc *d, const struct map *m, const struct vector *v)
{
    struct wanted w = {0};
    if (!confdoc_read(d, rows, N(rows), v->plan, &w))
        return;
    struct map_cost c = map_cost(m, (uint32_t)w.baud);
    bool mailbox = m->kind == MAP_MAILBOX;
    uint32_t host = mailbox ? mb_default_host(m->mailbox.base, m->mailbox.min_ring) : 0;
    same(d, v, "poll_us", c.poll_us, w.poll_us);
    same(d, v, "longest_us", c.longest_us, w.longest_us);
    same(d, v, "dead_us", c.dead_us, w.dead_us);
    same(d, v, "host", host, w.host);
    same(d, v, "records", mailbox ? m->link.max_read / MB_ITEM_WORDS : 0, w.records);
    same(d, v, "slots", mailbox ? m->link.max_write / MB_SLOT_WORDS : 0, w.slots);
    compare_requests(d, m, v, w.requests);
}
