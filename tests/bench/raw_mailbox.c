/* The reference for lotlined's mailbox cycle: libmodbus and nothing else. raw_mailbox POLL_US PORT…
 *
 * One thread per sorter, each with its own blocking connection. Every POLL_US, on absolute
 * deadlines: FC3 of the 32 header words; when HEAD_SEQ moved FC3 of the records, at most 112 words,
 * then FC16 of their slots; when OUT_HEAD moved FC3 of the outcomes; FC16 of the host words after
 * news, and at least every 100 ms. The decision is trivial, nothing is stored, the acknowledgement
 * follows at once. A header or record whose check fails is read again at once. Ends at SIGTERM or
 * SIGINT; on any error of a connection it gives up, since a reference with holes is none.
 *
 * Layout and checks come from plc-maps/mailbox_layout.h: they are the contract, not what is
 * measured. */
#include "plc-maps/mailbox_layout.h"
#include "tests/bench/bench.h"
#include <errno.h>
#include <modbus/modbus.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

enum {
    LINES_MAX = 32,
    READ_WORDS = 112, /* link: max_read of plc-maps/mailbox-v1.yaml */
    BEAT_MS = 100,
    EPOCH = 1, /* every run meets a new simulator */
    OUTLETS = 4,
    TIMEOUT_US = 200000,
};

struct raw_line {
    pthread_t thread;
    int port;
    int64_t poll_ns, beat_due;
    modbus_t *bus;
    uint32_t head, out; /* read and answered up to here */
    bool adopted;
    struct mb_host host;
    uint16_t slots[READ_WORDS / MB_ITEM_WORDS * MB_SLOT_WORDS];
    uint64_t requests, items, outcomes, again, late;
};

static atomic_bool stopping;

/* ---- requests ---- */

static void read_words(struct raw_line *l, uint32_t addr, uint32_t n, uint16_t *ret)
{
    l->requests++;
    if (modbus_read_registers(l->bus, (int)addr, (int)n, ret) != (int)n)
        bench_give_up("port %d: FC3 %u words at %u: %s", l->port, n, addr, modbus_strerror(errno));
}

static void write_words(struct raw_line *l, uint32_t addr, uint32_t n, const uint16_t *words)
{
    l->requests++;
    if (modbus_write_registers(l->bus, (int)addr, (int)n, words) != (int)n)
        bench_give_up("port %d: FC16 %u words at %u: %s", l->port, n, addr, modbus_strerror(errno));
}

static void read_header(struct raw_line *l, struct mb_header *ret)
{
    uint16_t w[MB_HDR_WORDS];
    read_words(l, 0, MB_HDR_WORDS, w);
    while (!mb_header_decode(w, true, ret)) {
        l->again++;
        read_words(l, 0, MB_HDR_WORDS, w);
    }
}

static void write_host(struct raw_line *l, const struct mb_header *h, int64_t now)
{
    uint16_t w[MB_HOST_WORDS];
    l->host.heartbeat++;
    l->host.ack_epoch = h->epoch;
    l->host.ack_seq = l->head;
    l->host.ack_out = l->out;
    mb_host_encode(&l->host, w);
    write_words(l, mb_default_host(0, h->ring_n), MB_HOST_WORDS, w);
    l->beat_due = now + (int64_t)BEAT_MS * 1000000;
}

/* ---- the cycle ---- */

static uint32_t chunk(uint32_t have, uint32_t head, uint32_t ring_n, uint32_t max)
{
    uint32_t n = head - have, to_end = ring_n - ((have + 1) & (ring_n - 1));
    n = n < to_end ? n : to_end;
    return n < max ? n : max;
}

static void take_items(struct raw_line *l, const struct mb_header *h)
{
    uint16_t w[READ_WORDS];
    struct mb_item item;
    uint32_t first = l->head + 1;
    uint32_t n = chunk(l->head, h->head_seq, h->ring_n, READ_WORDS / MB_ITEM_WORDS);
    read_words(l, mb_item_addr(0, h->ring_n, first), n * MB_ITEM_WORDS, w);
    for (uint32_t i = 0; i < n; i++) {
        if (!mb_item_decode(w + i * MB_ITEM_WORDS, EPOCH, first + i, true, &item)) {
            l->again++;
            n = i;
            break;
        }
        mb_slot_encode(EPOCH, item.seq, (uint16_t)(1 + item.seq % OUTLETS),
                       l->slots + i * MB_SLOT_WORDS);
    }
    if (n == 0)
        return;
    write_words(l, mb_slot_addr(mb_default_host(0, h->ring_n), h->slot_m, first), n * MB_SLOT_WORDS,
                l->slots);
    l->head += n;
    l->items += n;
}

static void take_outcomes(struct raw_line *l, const struct mb_header *h)
{
    uint16_t w[READ_WORDS];
    struct mb_outcome o;
    uint32_t first = l->out + 1;
    uint32_t n = chunk(l->out, h->out_head, h->ring_n, READ_WORDS / MB_OUT_WORDS);
    read_words(l, mb_out_addr(0, h->ring_n, first), n * MB_OUT_WORDS, w);
    for (uint32_t i = 0; i < n; i++)
        if (!mb_outcome_decode(w + i * MB_OUT_WORDS, EPOCH, first + i, true, &o)) {
            l->again++;
            n = i;
            break;
        }
    l->out += n;
    l->outcomes += n;
}

/* Rule 1: this epoch, for the nonce that was read; cleared when the header shows it. */
static void propose(struct raw_line *l, const struct mb_header *h, int64_t now)
{
    if (h->epoch != 0)
        bench_give_up("port %d: the sorter is not new: epoch %u", l->port, h->epoch);
    l->host.new_epoch = EPOCH;
    l->host.new_epoch_nonce = h->boot_nonce;
    if (now >= l->beat_due)
        write_host(l, h, now);
}

static void cycle(struct raw_line *l, int64_t now)
{
    struct mb_header h;
    read_header(l, &h);
    if (h.epoch != EPOCH) {
        propose(l, &h, now);
        return;
    }
    bool news = !l->adopted;
    l->adopted = true;
    l->host.new_epoch = l->host.new_epoch_nonce = 0;
    for (; l->head != h.head_seq; news = true)
        take_items(l, &h);
    for (; l->out != h.out_head; news = true)
        take_outcomes(l, &h);
    if (news || now >= l->beat_due)
        write_host(l, &h, now);
}

/* ---- threads ---- */

static void connect_line(struct raw_line *l)
{
    l->bus = modbus_new_tcp("127.0.0.1", l->port);
    if (!l->bus)
        bench_give_up("no memory");
    modbus_set_slave(l->bus, 1);
    modbus_set_response_timeout(l->bus, 0, TIMEOUT_US);
    if (modbus_connect(l->bus) < 0)
        bench_give_up("port %d: %s", l->port, modbus_strerror(errno));
    l->host.session = (uint16_t)(l->port | 1);
}

static void wait_until(int64_t due)
{
    struct timespec ts = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        ;
}

static void *run(void *arg)
{
    struct raw_line *l = arg;
    int64_t due = bench_mono_ns();
    while (!stopping) {
        int64_t now = bench_mono_ns();
        cycle(l, now);
        due += l->poll_ns;
        if (bench_mono_ns() > due) { /* the deadline has passed: the next one that has not */
            l->late++;
            due = bench_mono_ns() / l->poll_ns * l->poll_ns + due % l->poll_ns;
        }
        wait_until(due);
    }
    modbus_close(l->bus);
    modbus_free(l->bus);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct raw_line lines[LINES_MAX];
    struct raw_line sum = {0};
    sigset_t set;
    int sig, n = argc - 2;
    if (n < 1 || n > LINES_MAX)
        bench_give_up("usage: raw_mailbox POLL_US PORT…");
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < n; i++) {
        lines[i].poll_ns = bench_number(argv[1], 1, 1000000) * 1000;
        lines[i].port = (int)bench_number(argv[2 + i], 1, 65535);
        connect_line(&lines[i]);
        if (pthread_create(&lines[i].thread, NULL, run, &lines[i]) != 0)
            bench_give_up("no thread");
    }
    sigwait(&set, &sig);
    stopping = true;
    for (int i = 0; i < n; i++) {
        pthread_join(lines[i].thread, NULL);
        sum.requests += lines[i].requests;
        sum.items += lines[i].items;
        sum.outcomes += lines[i].outcomes;
        sum.again += lines[i].again;
        sum.late += lines[i].late;
    }
    printf("{\"requests\":%llu,\"items\":%llu,\"outcomes\":%llu,\"again\":%llu,\"late\":%llu}\n",
           (unsigned long long)sum.requests, (unsigned long long)sum.items,
           (unsigned long long)sum.outcomes, (unsigned long long)sum.again,
           (unsigned long long)sum.late);
    return 0;
}
