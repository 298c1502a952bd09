/* Events as JSON lines. Thread: the program's one. Owns: the descriptor.
 * Invariants: 1 one write(2) a line, so that a reader never meets half of one; 2 keys come from the
 * table plc_events.def; 3 a log that cannot be written ends the program: tests rely on it. */
#include "sim/truth.h"
#include "base/log.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct truth {
    int fd;
};

int truth_open(const char *path, struct truth **ret, struct err *e)
{
    struct truth *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(e, ERR_NOMEM, "no memory");
    t->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (t->fd < 0) {
        free(t);
        return err_set(e, ERR_IO, "%s: cannot be written", path);
    }
    *ret = t;
    return 0;
}

void truth_close(struct truth *t)
{
    if (!t)
        return;
    close(t->fd);
    free(t);
}

void truth_line(struct truth *t, json_t *line)
{
    char buf[1024];
    size_t n = json_dumpb(line, buf, sizeof buf - 1, JSON_COMPACT);
    json_decref(line);
    if (n == 0 || n > sizeof buf - 1)
        return;
    buf[n] = '\n';
    if (write(t->fd, buf, n + 1) != (ssize_t)(n + 1)) {
        log_error("the truth log cannot be written");
        exit(EXIT_FAILURE);
    }
}

static void put(json_t *o, const char *key, int64_t v)
{
    json_object_set_new(o, key, json_integer(v));
}

static void put_item(json_t *o, const struct plc_event *ev)
{
    put(o, "weight", ev->item->weight);
    put(o, "net_mg", ev->item->net_mg);
    put(o, "dia_um", ev->item->dia_um);
    put(o, "len_pulses", ev->item_len_pulses);
    put(o, "aux1", ev->item->aux1);
    put(o, "aux2", ev->item->aux2);
    put(o, "flags", ev->item_flags);
    put(o, "t_ms", ev->item_t_ms);
}

static void put_key(json_t *o, char key, const struct plc_event *ev)
{
    const struct {
        char key;
        const char *name;
        int64_t value;
    } rows[] = {
        {'e', "epoch", ev->epoch},   {'s', "seq", ev->seq},       {'o', "outlet", ev->outlet},
        {'r', "reason", ev->reason}, {'x', "out", ev->out},       {'u', "rule", ev->rule},
        {'n', "count", ev->count},   {'t', "mono_ns", ev->at.ns},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].key == key)
            put(o, rows[i].name, rows[i].value);
    if (key == 'i')
        put_item(o, ev);
    if (key == 'l')
        json_object_set_new(o, "late", json_boolean(ev->late));
    if (key == 'b')
        json_object_set_new(o, "on", json_boolean(ev->on));
    if (key == 'w')
        json_object_set_new(o, "what", json_string(ev->what));
}

void truth_plc(struct truth *t, const char *line, const struct plc_event *ev)
{
    static const struct {
        const char *word, *keys;
    } rows[PLC_EVENT_KINDS] = {
#define E(name, word, keys) {word, keys},
#include "sim/plc_events.def"
#undef E
    };
    json_t *o = json_object();
    json_object_set_new(o, "ev", json_string(rows[ev->kind].word));
    json_object_set_new(o, "line", json_string(line));
    for (const char *k = rows[ev->kind].keys; *k; k++)
        put_key(o, *k, ev);
    truth_line(t, o);
}
