/* The key `link` of a map: what the device's link can carry and how it wants to be treated. Pure
 * but for the report; part of map_read. */
#include "base/num.h"
#include "plc-maps/map_parts.h"
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

struct link_extra {
    struct map_link_part p;
    const struct ynode *fc, *breaker, *units;
};
#define AT(f) CONF_AT(link_extra, f)
static const struct conf_row link_rows[] = {
    {"fc", CONF_NODE, AT(fc), 0, 0, NULL, NULL, "", "Function codes that may be used."},
    {"max_read", CONF_INT, AT(p.max_read), 1, MAP_READ_MAX, NULL, NULL, "words",
     "Longest read in one request; 1: single registers only."},
    {"max_read_bytes", CONF_INT, AT(p.max_read_bytes), 0, 250, "0", NULL, "bytes",
     "Most data bytes in one answer; 0: no such limit. The smaller of both holds."},
    {"max_write", CONF_INT, AT(p.max_write), 0, 123, "0", NULL, "words",
     "Longest write in one request."},
    {"max_gap", CONF_INT, AT(p.max_gap), 0, MAP_READ_MAX - 2, "0", NULL, "words",
     "Unwanted words that one read may include."},
    {"align", CONF_INT, AT(p.align), 1, 4, "1", NULL, "words",
     "Requests for registers begin at a multiple of it and have such a length."},
    {"silent_unknown", CONF_BOOL, AT(p.silent_unknown), 0, 0, "no", NULL, "",
     "A function that the device does not know is not answered at all."},
    {"one_connection", CONF_BOOL, AT(p.one_connection), 0, 0, "no", NULL, "",
     "The device serves one TCP connection on its port."},
    {"timeout_ms", CONF_INT, AT(p.timeout_ms), 5, 10000, NULL, NULL, "ms",
     "Longest wait for an answer."},
    {"guard_us", CONF_INT, AT(p.guard_us), 0, 1000000, "0", NULL, "us",
     "Silence before the next request, on a serial line."},
    {"turnaround_ms", CONF_INT, AT(p.turnaround_ms), 0, 5000, NULL, NULL, "ms",
     "The device's own worst delay before it answers."},
    {"min_interval_ms", CONF_INT, AT(p.min_interval_ms), 0, 10000, "0", NULL, "ms",
     "Least time from one request to this device to the next."},
    {"connect_pause_ms", CONF_INT, AT(p.connect_pause_ms), 0, 10000, "0", NULL, "ms",
     "Pause after connecting, before the first request."},
    {"heartbeat_ms", CONF_INT, AT(p.heartbeat_ms), 0, 60000, "0", NULL, "ms",
     "The counter of role scale.heartbeat must have moved within this time; 0: there is none."},
    {"frozen_ms", CONF_INT, AT(p.frozen_ms), 0, 600000, "5000", NULL, "ms",
     "The same words for so long while the scale says that it moves: frozen; 0: no such rule."},
    {"breaker", CONF_NODE, AT(breaker), 0, 0, "", NULL, "",
     "How long a unit that fails is left alone."},
    {"units", CONF_NODE, AT(units), 0, 0, "", NULL, "",
     "Unit ids that such a device may have: numbers and ranges like 1-99; none: any."},
    {"serial", CONF_TEXT, AT(p.serial), 0, 0, "", NULL, "",
     "Factory setting of the serial port, like 9600 8N1, or 9600 7N2 ASCII."},
};
#undef AT
const struct map_keys map_keys_link = {"link", "link:", link_rows, N(link_rows)};

#define AT(f) CONF_AT(map_link_part, f)
static const struct conf_row breaker_rows[] = {
    {"fail_after", CONF_INT, AT(fail_after), 1, 100, NULL, NULL, "failures",
     "Failures running until the unit is left alone."},
    {"first_ms", CONF_INT, AT(first_ms), 10, 60000, NULL, NULL, "ms", "For how long at first."},
    {"max_ms", CONF_INT, AT(max_ms), 10, 600000, NULL, NULL, "ms",
     "At most; the time doubles with each failure."},
};
#undef AT
const struct map_keys map_keys_breaker = {"breaker", "breaker of link:", breaker_rows,
                                          N(breaker_rows)};

/* "1-99" or "7". */
static bool unit_range(const char *text, int64_t *ret_first, int64_t *ret_last)
{
    char first[8];
    size_t n = strcspn(text, "-");
    if (n == 0 || n >= sizeof first)
        return false;
    snprintf(first, sizeof first, "%.*s", (int)n, text);
    if (num_i64(first, 0, 255, ret_first) < 0)
        return false;
    *ret_last = *ret_first;
    return !text[n] || (num_i64(text + n + 1, 0, 255, ret_last) == 0 && *ret_last >= *ret_first);
}

static void read_units(struct confdoc *d, struct map_link_part *p, const struct ynode *list)
{
    if (!confdoc_list(d, list, MAP_LIST_MAX))
        return;
    for (size_t i = 0; list && i < list->n; i++) {
        const struct ynode *c = list->child[i];
        const char *text = c->kind == YNODE_SCALAR ? c->text : "";
        if (!unit_range(text, &p->unit_first[i], &p->unit_last[i]))
            confdoc_error(d, ERR_PARSE, c->line,
                          "\"units\" names ids from 0 to 255 like 1 or 1-99, not \"%.20s\"", text);
    }
    p->n_units = list ? list->n : 0;
}

static bool usual_baud(int64_t baud)
{
    static const int64_t usual[] = {300,   600,   1200,  2400,  4800,   9600,
                                    14400, 19200, 38400, 57600, 115200, 230400};
    for (size_t i = 0; i < N(usual); i++)
        if (usual[i] == baud)
            return true;
    return false;
}

/* "9600 8N1" or "9600 7N2 ASCII". */
static bool serial_of(const char *text, struct map_serial *ret)
{
    char baud[8];
    int64_t b;
    size_t n = strcspn(text, " ");
    if (n == 0 || n >= sizeof baud || text[n] != ' ')
        return false;
    snprintf(baud, sizeof baud, "%.*s", (int)n, text);
    const char *f = text + n + 1;
    if (num_i64(baud, 1, 1000000, &b) < 0 || !usual_baud(b) || strlen(f) < 3)
        return false;
    *ret = (struct map_serial){.baud = (uint32_t)b,
                               .data = (uint8_t)(f[0] - '0'),
                               .parity = f[1],
                               .stop = (uint8_t)(f[2] - '0'),
                               .ascii = f[3] != '\0'};
    return (ret->data == 7 || ret->data == 8) && strchr("NEO", ret->parity) &&
           (ret->stop == 1 || ret->stop == 2) && (!f[3] || !strcmp(f + 3, " ASCII"));
}

static void read_serial(struct confdoc *d, struct map_link_part *p)
{
    if (!p->serial[0])
        return;
    if (!serial_of(p->serial, &p->port))
        confdoc_error(d, ERR_PARSE, p->line,
                      "\"serial\" must be like 9600 8N1 or 9600 7N2 ASCII, not \"%s\"", p->serial);
    else if (p->port.data == 7 && !p->port.ascii)
        confdoc_error(d, ERR_CHECK, p->line, "\"serial\": RTU has 8 data bits, not 7");
}

void map_read_link(struct confdoc *d, struct map *m, const struct ynode *at)
{
    struct link_extra x = {0};
    if (!confdoc_read(d, link_rows, N(link_rows), at, &x))
        return;
    m->link_part = x.p;
    m->link_part.line = at->line;
    confdoc_ints(d, x.fc, 1, 127, MAP_LIST_MAX, m->link_part.fc, &m->link_part.n_fc);
    if (x.breaker)
        confdoc_read(d, breaker_rows, N(breaker_rows), x.breaker, &m->link_part);
    read_units(d, &m->link_part, x.units);
    read_serial(d, &m->link_part);
}
