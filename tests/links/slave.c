/* The slave: answers every lane's requests, one frame a packet, as MBAP or RTU frames; knows
 * nothing of faults. Thread: its own. */
#include "base/crc.h"
#include "tests/links/links.h"
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static pthread_t thread;
static _Atomic bool stop;

static void take_write(struct lane *l, const uint8_t *p, uint32_t n)
{
    uint32_t id = (uint32_t)get16(p) << 16 | get16(p + 2);
    for (uint32_t i = 2; i < n; i++)
        if (get16(p + (size_t)2 * i) != written_word(id, i)) {
            tally.torn_writes++;
            return;
        }
    l->done[id % DONE_ROOM] = id;
}

static size_t exception(uint8_t fc, int code, uint8_t *out)
{
    out[0] = fc | 0x80;
    out[1] = (uint8_t)code;
    return 2;
}

/* pdu of n bytes, out: the answer; 0: it makes no sense, silence. */
static size_t answer(struct lane *l, uint8_t unit, const uint8_t *pdu, size_t n, uint8_t *out)
{
    struct want w = {.unit = unit, .fc = pdu[0]};
    uint16_t words[125];
    size_t data = w.fc == 16 ? 6 : w.fc == 23 ? 10 : 5;
    if (n < 5 || (w.fc != 3 && w.fc != 4 && w.fc != 16 && w.fc != 23))
        return 0;
    w.addr = get16(pdu + 1);
    w.n = get16(pdu + 3);
    w.wn = w.fc == 23 ? get16(pdu + 7) : w.fc == 16 ? w.n : 0;
    w.waddr = w.fc == 23 ? get16(pdu + 5) : w.addr;
    if (n != data + (size_t)2 * w.wn || w.n < 1 || w.n > 125 || w.wn > 123)
        return exception(w.fc, 3, out);
    for (uint32_t i = 0; i < w.wn; i++)
        w.words[i] = get16(pdu + data + (size_t)2 * i);
    uint32_t count = ++l->count;
    int code = l->mailbox ? mailbox_words(l, &w, words, mono_now()) : 0;
    if (code)
        return exception(w.fc, code, out);
    if (!l->mailbox && w.wn)
        take_write(l, pdu + data, w.wn);
    out[0] = w.fc;
    memcpy(out + 1, pdu + 1, 4);
    if (w.fc == 16)
        return 5;
    out[1] = (uint8_t)(2 * w.n);
    for (uint16_t i = 0; i < w.n; i++)
        put16(out + 2 + (size_t)2 * i,
              l->mailbox ? words[i] : register_value(l, unit, w.fc, (uint16_t)(w.addr + i), count));
    return 2 + (size_t)2 * w.n;
}

static void serve(struct lane *l)
{
    uint8_t in[FRAME_ROOM], out[FRAME_ROOM];
    ssize_t got = recv(l->up[1], in, sizeof(in), MSG_DONTWAIT);
    size_t n = got > 0 ? (size_t)got : 0, m;
    if (l->kind == LANE_RTU) {
        if (n < 4 || crc16_bytes(0xFFFF, in, n) != 0)
            return;
        m = answer(l, in[0], in + 1, n - 3, out + 1);
        out[0] = in[0];
        uint16_t c = crc16_bytes(0xFFFF, out, m + 1);
        out[m + 1] = (uint8_t)c;
        out[m + 2] = (uint8_t)(c >> 8);
        m = m ? m + 3 : 0;
    } else {
        if (n < 9 || get16(in + 4) != n - 6 || get16(in + 2))
            return;
        m = answer(l, in[6], in + 7, n - 7, out + 7);
        memcpy(out, in, 7);
        put16(out + 4, (unsigned)m + 1);
        m = m ? m + 7 : 0;
    }
    if (m)
        (void)!send(l->up[1], out, m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void *run(void *arg)
{
    (void)arg;
    struct epoll_event ready[LANES_MAX];
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n_lanes; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &lanes[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, lanes[i].up[1], &e);
    }
    struct mono scan = mono_now();
    while (!stop) {
        int n = epoll_wait(ep, ready, LANES_MAX, 2);
        for (int i = 0; i < n; i++)
            serve(ready[i].data.ptr);
        struct mono now = mono_now();
        if (mono_reached(now, scan)) {
            for (int i = 0; i < n_lanes; i++)
                if (lanes[i].mailbox)
                    mailbox_scan(&lanes[i], now);
            scan = mono_add_ms(now, 2);
        }
    }
    return NULL;
}

void slave_start(void)
{
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        give_up("no thread");
}

void slave_stop(void)
{
    stop = true;
    pthread_join(thread, NULL);
}
