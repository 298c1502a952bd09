/* The host's header words, and whether another host writes too (rule 9). Pure; bus thread.
 *
 * 1. ACK_SEQ and ACK_OUT never exceed what is committed and handed over; ACK_EPOCH is 0 unless
 *    running, and after a failure until a header has shown that the PLC is still the same.
 * 2. HOST_HEARTBEAT changes with every attempt, so that a lost answer cannot look like a stopped
 *    host.
 * 3. Once another host is seen, nothing is written any more. */
#include "controller/mailbox_state.h"

enum {
    HOST_LATEST_MS = 185, /* then before anything but slots */
    HOST_LEAST_MS = 20,
    HOST_MS = 150, /* at least five times a second, with a margin */
    RETRY_MS = 20,
    ODD_READS = 3,
    ODD_WINDOW_MS = 10000,
    SCAN_MS = 100,  /* no PLC scan is longer: its heartbeat changes within it */
    SCAN_BEATS = 3, /* so many changes prove that a whole scan lies between */
};

bool host_due(const struct mailbox *m, struct mono now)
{
    return m->seen && !m->foreign && mono_reached(now, m->host_hold) &&
           (m->host_dirty || mono_reached(now, m->host_due));
}

bool host_overdue(const struct mailbox *m, struct mono now)
{
    return host_due(m, now) && mono_reached(now, m->host_latest);
}

/* On a slow line what is begun before the host's turn takes its own time: a header, or records and
 * their slots, and the write itself. */
static int64_t earlier(int64_t ms, int64_t by_ns)
{
    ms -= by_ns / 1000000;
    return ms < HOST_LEAST_MS ? HOST_LEAST_MS : ms;
}

void host_want(struct mailbox *m, struct want *ret, bool bye)
{
    struct mb_host h = {.session = bye ? 0 : m->o.session,
                        .heartbeat = (uint16_t)(m->beat + 1),
                        .request = m->feed_stop ? MB_REQUEST_FEED_STOP : 0,
                        .ack_seq = m->ack_seq,
                        .ack_out = m->ack_out,
                        .new_epoch = m->proposal,
                        .new_epoch_nonce = m->proposal ? m->nonce : 0};
    if (m->phase == RUNNING && !m->slot_hold && !m->doubt.on) /* invariant 1 */
        h.ack_epoch = m->epoch;
    mailbox_write(m, bye ? TAG_GOODBYE : TAG_HOST, m->host, MB_HOST_WORDS, ret);
    mb_host_encode(&h, ret->words);
}

void host_take(struct mailbox *m, const struct reply *r, struct mono now)
{
    m->beat++; /* invariant 2 */
    if (r->rc != 0) {
        m->host_due = m->host_hold = mono_add_ms(now, RETRY_MS);
        return;
    }
    m->host_dirty = false;
    m->host_due = mono_add_ms(now, earlier(HOST_MS, 2 * m->rtt_ns));
    m->host_latest = mono_add_ms(now, earlier(HOST_LATEST_MS, 3 * m->rtt_ns));
    if (!m->own_write) {
        m->own_write = true;
        m->own_at = r->got;
        m->own_beats = 0;
    }
}

/* Three reads within 10 s that show another session, each a whole PLC scan after a
 * write of ours. */
void host_echo(struct mailbox *m, const struct mb_header *h, bool beat, struct mono sent)
{
    if (!m->own_write || m->foreign)
        return;
    m->own_beats += beat;
    if (h->host_session_echo == m->o.session || m->own_beats < SCAN_BEATS ||
        mono_since_ms(sent, m->own_at) < SCAN_MS)
        return;
    m->own_write = false;
    m->odd_at[m->odd_n++ % ODD_READS] = sent;
    if (m->odd_n < ODD_READS ||
        mono_since_ms(sent, m->odd_at[m->odd_n % ODD_READS]) > ODD_WINDOW_MS)
        return;
    m->foreign = true; /* invariant 3 */
    tell_alarm(m, NEWS_ALARM, "foreign-host",
               "Another computer writes to this PLC: this one has stopped writing; stop the other, "
               "restart lotlined",
               0);
}
