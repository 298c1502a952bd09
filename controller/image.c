/* The polled image of a register device. Pure.
 * 1. A reading is made of one complete round only; an error ends the round, so that no old word
 *    stands beside a new one.
 * 2. After a failure a late answer may come. A request whose answer another one could be taken for
 *    (agree 2) then counts only when two answers running are equal, with a silence between them in
 *    which whatever is under way arrives and is thrown away. Without the silence every answer could
 *    be the one before's, for ever, and two rounds would still agree.
 * 3. A record that is read in parts counts only when two passes over it read the same.
 * 4. A device that does not show its identity and settings gives no reading. */
#include "controller/image.h"
#include <assert.h>
#include <string.h>

enum {
    PROBE_TAG = 1000,  /* tags of probes begin here, those of requests at 0 */
    REFUSED_MS = 1000, /* until a device that was refused is looked at again */
    TRIES = 4,         /* until answers agree; then the round is given up */
    GATEWAY_NO_PATH = 0x0A,
    GATEWAY_NO_ANSWER = 0x0B,
};

void image_init(struct image *m, const struct map *map, uint8_t unit, uint32_t period_ms)
{
    *m = (struct image){.map = map, .unit = unit, .period_ms = period_ms};
    m->n_plan = map_plan(map, &m->plan);
    m->n_probes = map_probes(map, &m->probes);
    assert(m->n_plan > 0 && m->n_plan <= IMAGE_REQUESTS && map_image_words(map) <= IMAGE_WORDS);
}

/* ---- asking ---- */

static struct want reading_of(const struct image *m, uint8_t fc, uint16_t addr, uint16_t n,
                              size_t tag)
{
    return (struct want){.prio = PRIO_TELEMETRY,
                         .unit = m->unit,
                         .fc = fc,
                         .addr = addr,
                         .n = n,
                         .timeout_ms = map_link(m->map)->timeout_ms,
                         .tag = (uint16_t)tag};
}

bool image_want(struct image *m, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct mono due = m->due, free = mono_add_ms(m->asked, map_link(m->map)->min_interval_ms);
    if (m->asked.ns != 0 && due.ns < free.ns)
        due = free;
    if (!mono_reached(now, due)) {
        *ret_wake = due;
        return false;
    }
    while (m->probe < m->n_probes && m->probes[m->probe].fc == 0) /* people see to this one */
        m->probe++;
    if (m->probe < m->n_probes) {
        const struct map_probe *p = &m->probes[m->probe];
        *ret = reading_of(m, p->fc, p->addr, p->n, PROBE_TAG + m->probe);
    } else {
        const struct map_request *q = &m->plan[m->next];
        *ret = reading_of(m, q->fc, q->addr, q->n, m->next);
    }
    return true;
}

/* ---- answers ---- */

void image_doubt(struct image *m)
{
    for (size_t i = 0; i < m->n_plan; i++)
        if (m->plan[i].agree > 1) {
            m->doubtful[i] = true;
            m->seen[i] = false;
        }
}

static void end_round(struct image *m, struct mono due)
{
    m->next = 0;
    m->tries = m->passes = 0;
    m->due = due;
}

static void refuse(struct image *m, const struct map_probe *p, struct mono now)
{
    m->refused = p;
    m->probe = 0;
    end_round(m, mono_add_ms(now, REFUSED_MS));
}

/* An exception is an answer, unless a gateway gives it for a device that does not. */
static bool answered(const struct reply *r)
{
    return r->rc == 0 || (r->rc == ERR_EXCEPTION && r->exception != GATEWAY_NO_PATH &&
                          r->exception != GATEWAY_NO_ANSWER);
}

static void failed(struct image *m, const struct want *w, const struct reply *r, struct mono now)
{
    if (answered(r) && w->tag >= PROBE_TAG) { /* it has no such register */
        refuse(m, &m->probes[w->tag - PROBE_TAG], now);
        return;
    }
    end_round(m, mono_add_ms(now, m->period_ms)); /* invariant 1 */
    if (answered(r))
        return;
    image_doubt(m); /* invariant 2 */
    m->probe = 0;   /* another device may stand there now */
}

static void take_probe(struct image *m, size_t at, const struct reply *r, struct mono now)
{
    if (!map_probe_holds(&m->probes[at], r->words)) {
        refuse(m, &m->probes[at], now);
        return;
    }
    m->probe = at + 1;
    m->due = now;
}

/* The answer shows whose it is, where its request can tell. */
static bool is_own(const struct image *m, const struct map_request *q, const struct reply *r)
{
    const struct map_probe *p = q->proof ? &m->probes[q->proof - 1] : NULL;
    return !p || map_probe_holds(p, r->words + (p->addr - q->addr));
}

/* Into the image. false: the answer is doubtful and must be read again (invariant 2). */
static bool take_words(struct image *m, size_t at, const struct reply *r)
{
    uint16_t *to = m->words + m->plan[at].at;
    size_t size = r->n * sizeof(uint16_t);
    bool equal = memcmp(to, r->words, size) == 0;
    if (m->plan[at].torn)
        m->same = m->same && equal;
    if (m->doubtful[at] && m->seen[at] && equal)
        m->doubtful[at] = false;
    m->seen[at] = true;
    memcpy(to, r->words, size);
    return !m->doubtful[at];
}

static void read_again(struct image *m, struct mono now)
{
    if (++m->tries < TRIES)
        m->due = mono_add_ms(now, map_link(m->map)->timeout_ms);
    else
        end_round(m, mono_add_ms(now, m->period_ms));
}

static bool any_torn(const struct image *m)
{
    for (size_t i = 0; i < m->n_plan; i++)
        if (m->plan[i].torn)
            return true;
    return false;
}

/* All of the round have come: does it count? What is in parts is read once more (invariant 3). */
static bool round_counts(struct image *m, struct mono now)
{
    bool counts = !any_torn(m) || (m->passes > 0 && m->same);
    m->same = true;
    m->next = 0;
    m->due = now;
    if (counts || ++m->passes >= TRIES)
        end_round(m, mono_add_ms(m->began, m->period_ms));
    return counts;
}

bool image_reply(struct image *m, const struct want *w, const struct reply *r, struct mono now,
                 struct reading *ret)
{
    m->link_up = r->rc == 0 || r->rc == ERR_EXCEPTION;
    m->asked = r->sent;
    if (r->rc != 0) {
        failed(m, w, r, now);
        return false;
    }
    if (w->tag >= PROBE_TAG) {
        take_probe(m, w->tag - PROBE_TAG, r, now);
        return false;
    }
    if (!is_own(m, &m->plan[w->tag], r)) {
        refuse(m, &m->probes[m->plan[w->tag].proof - 1], now);
        return false;
    }
    if (w->tag == 0 && m->passes == 0)
        m->began = r->sent;
    if (!take_words(m, w->tag, r)) {
        read_again(m, now);
        return false;
    }
    m->tries = 0;
    m->due = now;
    if (++m->next < m->n_plan || !round_counts(m, now))
        return false;
    m->refused = NULL;
    m->wall = wall_now();
    map_decode(m->map, m->words, ret);
    return true;
}
