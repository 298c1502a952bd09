/* The polled image of a register device. Pure.
 * 1. A reading is made of one complete round only; an error ends the round, so that no old word
 * stands beside a new one. */
#include "controller/image.h"
#include <string.h>

int image_init(struct image *m, const struct map *map, uint8_t unit, uint32_t period_ms,
               struct err *e)
{
    *m = (struct image){.map = map, .unit = unit, .period_ms = period_ms};
    m->n_plan = map_plan(map, &m->plan);
    if (m->n_plan == 0 || m->n_plan > IMAGE_REQUESTS || map_image_words(map) > IMAGE_WORDS)
        return err_set(e, ERR_TOOBIG, "map %s reads more than %d words", map_id(map), IMAGE_WORDS);
    return 0;
}

bool image_want(struct image *m, struct mono now, struct want *ret, struct mono *ret_wake)
{
    if (!mono_reached(now, m->due)) {
        *ret_wake = m->due;
        return false;
    }
    const struct map_request *q = &m->plan[m->next];
    *ret = (struct want){.prio = PRIO_TELEMETRY,
                         .unit = m->unit,
                         .fc = q->fc,
                         .addr = q->addr,
                         .n = q->n,
                         .timeout_ms = map_link(m->map)->timeout_ms,
                         .tag = (uint16_t)m->next};
    return true;
}

bool image_reply(struct image *m, const struct want *w, const struct reply *r, struct mono now,
                 struct reading *ret)
{
    m->link_up = r->rc == 0 || r->rc == ERR_EXCEPTION;
    if (r->rc != 0) { /* invariant 1 */
        m->next = 0;
        m->due = mono_add_ms(now, m->period_ms);
        return false;
    }
    if (w->tag == 0)
        m->began = r->sent;
    memcpy(m->words + m->plan[w->tag].at, r->words, r->n * sizeof(uint16_t));
    if (++m->next < m->n_plan)
        return false;
    m->next = 0;
    m->due = mono_add_ms(m->began, m->period_ms);
    m->wall = wall_now();
    map_decode(m->map, m->words, ret);
    return true;
}
