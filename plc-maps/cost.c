/* What a map costs its bus at worst (contract: plan.h). Pure. */
#include "plc-maps/plan.h"
#include "plc-maps/map_parts.h"

enum { READ_BYTES = 8 + 5, WRITE_BYTES = 9 + 8, BITS_A_CHARACTER = 11 };

/* Data bytes of an answer: two a register, one for eight coils. */
static int64_t data_bytes(const struct map_request *q)
{
    return q->fc == 1 || q->fc == 2 ? (q->n + 7) / 8 : 2 * q->n;
}

static int64_t request_us(const struct map *m, uint32_t baud, int64_t bytes)
{
    int64_t own = m->link_part.turnaround_ms * 1000;
    if (baud == 0)
        return own;
    int64_t half_characters = 2 * bytes + (baud > 19200 ? 0 : 2 * 7); /* 2 × 3.5 of silence */
    int64_t wire = (half_characters * BITS_A_CHARACTER * 1000000 + 2L * baud - 1) / (2L * baud);
    return wire + (baud > 19200 ? 2 * 1750 : 0) + own + m->link_part.guard_us;
}

/* A request and the wait until the device takes the next one. */
static int64_t turn_us(const struct map *m, uint32_t baud, int64_t bytes)
{
    int64_t us = request_us(m, baud, bytes), least = m->link_part.min_interval_ms * 1000;
    return us > least ? us : least;
}

struct map_cost map_cost(const struct map *m, uint32_t baud)
{
    const struct map_link_part *l = &m->link_part;
    struct map_cost c = {.dead_us = l->timeout_ms * 1000};
    if (baud == 0) /* the connection is made again */
        c.dead_us += l->connect_pause_ms * 1000;
    int64_t write_us = request_us(m, baud, WRITE_BYTES + 2 * l->max_write);
    c.longest_us = request_us(m, baud, READ_BYTES + 2 * m->link.max_read);
    if (l->max_write > 0 && write_us > c.longest_us)
        c.longest_us = write_us;
    for (size_t i = 0; i < m->n_requests; i++)
        c.poll_us += turn_us(m, baud, READ_BYTES + data_bytes(&m->requests[i]));
    if (m->kind == MAP_MAILBOX)
        c.poll_us = request_us(m, baud, READ_BYTES + 2 * (MB_HDR_WORDS + 1)) +
                    request_us(m, baud, READ_BYTES + 2 * MB_ITEM_WORDS) +
                    request_us(m, baud, WRITE_BYTES + 2 * MB_SLOT_WORDS) +
                    request_us(m, baud, WRITE_BYTES + 2 * MB_HOST_WORDS);
    else
        c.dead_us *= (int64_t)m->n_requests;
    return c;
}
