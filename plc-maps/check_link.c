/* The rules of a map's link. Pure but for the report; part of map_check. */
#include "plc-maps/check.h"
#include <string.h>

bool check_fc(const struct map *m, int64_t fc)
{
    for (size_t i = 0; i < m->link_part.n_fc; i++)
        if (m->link_part.fc[i] == fc)
            return true;
    return false;
}

static void check_functions(struct confdoc *d, const struct map *m)
{
    bool mailbox = m->kind == MAP_MAILBOX;
    const char *known = mailbox ? "\3\4\20\27" /* 4: check_mailbox */ : "\1\2\3\4\5\6\20\27";
    const struct map_link_part *l = &m->link_part;
    for (size_t i = 0; i < l->n_fc; i++)
        if (!strchr(known, (int)l->fc[i]))
            confdoc_error(d, ERR_RANGE, l->line, "\"fc\" may name %s, not %d",
                          mailbox ? "3, 16 and 23" : "1, 2, 3, 4, 5, 6, 16 and 23", (int)l->fc[i]);
        else
            for (size_t k = 0; k < i; k++)
                if (l->fc[k] == l->fc[i])
                    confdoc_error(d, ERR_CHECK, l->line, "\"fc\" names %d twice", (int)l->fc[i]);
    if (!check_fc(m, 1) && !check_fc(m, 2) && !check_fc(m, 3) && !check_fc(m, 4))
        confdoc_error(d, ERR_CHECK, l->line, "\"fc\" names no function that reads");
}

static void check_lengths(struct confdoc *d, const struct map *m)
{
    const struct map_link_part *l = &m->link_part;
    if (check_fc(m, 16) && l->max_write == 0)
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"max_write\" and fc 16 go together: both or neither");
    if (!check_fc(m, 16) && l->max_write > (check_fc(m, 6) ? 1 : 0))
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"max_write\" and fc 16 go together (with fc 6 alone it is 1)");
    if (l->max_read_bytes > 0 && m->link.max_read == 0)
        confdoc_error(d, ERR_RANGE, l->line, "\"max_read_bytes\" (%d) is less than a register",
                      (int)l->max_read_bytes);
    else if (m->link.max_read < l->align)
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"align\" (%d) is longer than a request may be (%d words)", (int)l->align,
                      m->link.max_read);
}

static void check_times(struct confdoc *d, const struct map *m)
{
    const struct map_link_part *l = &m->link_part;
    if (l->timeout_ms <= l->turnaround_ms)
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"timeout_ms\" (%d) must be longer than \"turnaround_ms\" (%d)",
                      (int)l->timeout_ms, (int)l->turnaround_ms);
    if (l->fail_after > 0 && l->max_ms < l->first_ms)
        confdoc_error(d, ERR_CHECK, l->line, "\"max_ms\" of \"breaker\" is below \"first_ms\"");
    if (m->kind == MAP_MAILBOX && (l->min_interval_ms || l->heartbeat_ms || l->align != 1))
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"min_interval_ms\", \"heartbeat_ms\" and \"align\" mean nothing for a "
                      "mailbox");
    if (m->kind == MAP_REGISTERS &&
        check_has_role(m, ROLE_SCALE_HEARTBEAT, MAP_RECORDS_MAX) != (l->heartbeat_ms > 0))
        confdoc_error(d, ERR_CHECK, l->line,
                      "\"heartbeat_ms\" and the role scale.heartbeat go together: both or neither");
}

void check_link(struct confdoc *d, const struct map *m)
{
    check_functions(d, m);
    check_lengths(d, m);
    check_times(d, m);
}
