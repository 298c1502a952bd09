/* One turn of the main thread: drain rings and requests, commit once, only then acknowledge, order
 * and answer. Batches grow by themselves while the disk is slow.  way: 11/12 commit, then
 * acknowledge
 *
 * 1. A position is acknowledged, an answer sent and an order given only after store_commit returned
 * 0.
 * 2. News that were drained but not committed stay in d->news and are applied again after a reopen;
 *    what the record has already is recognised there and stored once.
 * 3. A failed commit stops acknowledgements at once and asks every line for feed-stop; both end
 * when a reopened store has committed again. */
#include "base/log.h"
#include "controller/control.h"
#include "controller/daemon.h"
#include "controller/status.h"
#include "controller/verbs.h"
#include "traceability/line.h"
#include "traceability/run.h"
#include <stdio.h>
#include <string.h>

#define BLOCKS_PERIOD_MS 1000
#define RETRY_MS         500

static void drain(struct daemon *d)
{
    if (d->n_news)
        return; /* invariant 2 */
    for (size_t i = 0; i < d->c->n_lines; i++) {
        struct daemon_line *l = &d->lines[i];
        while (d->n_news < DAEMON_NEWS && ring_pop(l->news, &d->news[d->n_news]))
            d->n_news++;
    }
}

static int line_alarm(struct daemon *d, const struct daemon_line *l, const struct news *n,
                      struct err *e)
{
    const char *name = l->cfg->name, *code = n->u.alarm.code;
    char text[sizeof(d->alarms[0].text)];
    if (n->kind == NEWS_QUARANTINE_OVER) {
        daemon_alarm(d, "quarantine", name, "", false);
        daemon_alarm(d, "ring-too-small", name, "", false);
        return 0;
    }
    snprintf(text, sizeof(text), "%s", n->u.alarm.text);
    if (n->u.alarm.need)
        snprintf(text, sizeof(text), "RING_N is %u, the least for map %s %u: %s", n->u.alarm.have,
                 map_id(l->cfg->map), n->u.alarm.need, n->u.alarm.text);
    bool aside = n->kind == NEWS_QUARANTINE;
    daemon_alarm(d, aside && !n->u.alarm.need ? "quarantine" : code, name, text, true);
    return aside ? line_quarantine(d->store, l->no, n->u.alarm.epoch, n->u.alarm.seq, code, e) : 0;
}

/* What the order will say is noted in the news while it is applied: a read that failed after the
 * commit would lose the order, for which the line asks once. */
static int open_epoch(struct daemon *d, const struct daemon_line *l, struct news *n, struct err *e)
{
    struct item_line_state st;
    int rc =
        epoch_unknown(d->store, l->no, n->u.epoch.epoch, n->u.epoch.oldest, n->u.epoch.nonce, e);
    if (rc == 0 && (rc = item_line_state(d->store, l->no, &st, e)) == 0) {
        n->u.epoch.seq = st.seq;
        n->u.epoch.out = st.out;
    }
    return rc;
}

static int apply_news(struct daemon *d, struct news *n, struct err *e)
{
    struct daemon_line *l = daemon_line_no(d, n->line);
    if (l->broken)
        return 0;
    switch (n->kind) {
    case NEWS_ITEM: return item_append(d->store, &n->u.item, e);
    case NEWS_OUTCOME: return outcome_append(d->store, &n->u.outcome, e);
    case NEWS_GAP: return gap_append(d->store, &n->u.gap, e);
    case NEWS_EPOCH_WANTED:
        return epoch_propose(d->store, l->no, n->u.epoch.nonce, &n->u.epoch.epoch, e);
    case NEWS_EPOCH_SHOWN:
        return epoch_shown(d->store, l->no, n->u.epoch.epoch, n->u.epoch.nonce, e);
    case NEWS_EPOCH_UNKNOWN: return open_epoch(d, l, n, e);
    case NEWS_HELD_GONE:
    case NEWS_PLAN_EFFECTIVE: return 0;
    case NEWS_QUARANTINE:
    case NEWS_QUARANTINE_OVER:
    case NEWS_ALARM: return line_alarm(d, l, n, e);
    }
    return 0;
}

/* A conflict with what is committed breaks its line, not the record; trouble with the disk fails
 * the turn. */
static bool line_trouble(int rc)
{
    return rc == ERR_EPOCH || rc == ERR_STATE || rc == ERR_RANGE || rc == ERR_NOT_FOUND;
}

static int apply_all(struct daemon *d, struct err *e)
{
    for (size_t i = 0; i < d->n_news; i++) {
        struct news *n = &d->news[i];
        int rc = apply_news(d, n, e);
        if (rc < 0 && line_trouble(rc)) {
            struct daemon_line *l = daemon_line_no(d, n->line);
            l->broken = true;
            log_error("line %s: %s: its items are not stored and not acknowledged any more",
                      l->cfg->name, e->text);
            daemon_alarm(d, "record-conflict", l->cfg->name,
                         "What the PLC sends contradicts the record: clear the mailbox at the PLC, "
                         "restart lotlined",
                         true);
        } else if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static uint64_t position(uint32_t epoch, uint32_t n)
{
    return (uint64_t)epoch << 32 | n;
}

/* After the commit: what each record of the batch sets free (invariant 1). */
static void after_commit(struct daemon *d, const struct news *n)
{
    struct daemon_line *l = daemon_line_no(d, n->line);
    if (l->broken)
        return;
    switch (n->kind) {
    case NEWS_ITEM:
        atomic_store(&l->ack.seq, position(n->u.item.epoch, n->u.item.seq));
        if (n->u.item.net_mg > 0)
            l->net_mg += (uint64_t)n->u.item.net_mg;
        break;
    case NEWS_OUTCOME:
        atomic_store(&l->ack.out, position(n->u.outcome.epoch, n->u.outcome.out));
        break;
    case NEWS_GAP:
        if (n->u.gap.to && n->u.gap.kind == GAP_ITEMS)
            atomic_store(&l->ack.seq, position(n->u.gap.epoch, n->u.gap.to));
        else if (n->u.gap.to)
            atomic_store(&l->ack.out, position(n->u.gap.epoch, n->u.gap.to));
        break;
    case NEWS_EPOCH_WANTED:
        daemon_order(d, l,
                     &(struct order){.kind = ORDER_EPOCH,
                                     .epoch = n->u.epoch.epoch,
                                     .nonce = n->u.epoch.nonce});
        break;
    case NEWS_EPOCH_UNKNOWN:
        daemon_order(d, l,
                     &(struct order){.kind = ORDER_EPOCH_OPEN,
                                     .epoch = n->u.epoch.epoch,
                                     .seq = n->u.epoch.seq,
                                     .out = n->u.epoch.out});
        break;
    case NEWS_PLAN_EFFECTIVE: planner_retire(l, n->u.plan.former); break;
    case NEWS_EPOCH_SHOWN:
    case NEWS_HELD_GONE:
    case NEWS_QUARANTINE:
    case NEWS_QUARANTINE_OVER:
    case NEWS_ALARM: break;
    }
}

static void feed_stop_all(struct daemon *d, bool on)
{
    for (size_t i = 0; i < d->c->n_lines; i++)
        daemon_order(d, &d->lines[i],
                     &(struct order){.kind = ORDER_FEED_STOP, .on = on || d->lines[i].feed_stop});
}

static void stations_settle(struct daemon *d, bool committed)
{
    for (size_t i = 0; i < d->c->n_stations; i++) {
        struct daemon_station *s = &d->stations[i];
        if (s->in_doubt && !committed)
            station_undo(s->station, s->in_doubt);
        s->in_doubt = 0;
    }
}

/* Invariant 3. */
static void turn_failed(struct daemon *d, struct mono now, const struct err *e)
{
    store_rollback(d->store);
    stations_settle(d, false);
    for (size_t i = 0; i < d->c->n_lines; i++) {
        struct daemon_line *l = &d->lines[i];
        if (l->feed_changed)
            l->feed_stop = !l->feed_stop;
        l->feed_changed = false;
        l->box_changed = 0;
    }
    d->plans_stale = false;
    if (!d->failed) {
        log_error("the record cannot be written: %s: lines are asked to stop feeding", e->text);
        daemon_alarm(d, "record-failed", "",
                     "The record cannot be written: free or repair the disk", true);
        feed_stop_all(d, true);
    }
    d->failed = true;
    d->retry = mono_add_ms(now, RETRY_MS);
    control_answer(d->control, e);
}

static bool reopened(struct daemon *d, struct mono now)
{
    struct err e = {0};
    if (!mono_reached(now, d->retry))
        return false;
    int rc = store_reopen(d->store, &e);
    d->retry = mono_add_ms(now, RETRY_MS);
    return rc == 0;
}

/* Orders that commands of this turn asked for. */
static void orders_out(struct daemon *d)
{
    for (size_t i = 0; i < d->c->n_lines; i++) {
        struct daemon_line *l = &d->lines[i];
        for (uint16_t k = 1; l->box_changed && k <= OUTLETS_MAX; k++)
            if (l->box_changed >> k & 1)
                daemon_order(d, l, &(struct order){.kind = ORDER_BOX, .outlet = k});
        if (l->feed_changed)
            daemon_order(d, l, &(struct order){.kind = ORDER_FEED_STOP, .on = l->feed_stop});
        l->box_changed = 0;
        l->feed_changed = false;
    }
    bool stale = d->plans_stale;
    d->plans_stale = false;
    if (stale)
        planner_refresh(d);
}

/* Wakes only the lines that have something new to say to their PLC: a wake-up costs every other
 * line's thread the time between two polls. */
static void acknowledge(struct daemon *d)
{
    bool news[CONFIG_LINES_MAX] = {false};
    for (size_t i = 0; i < d->n_news; i++) {
        after_commit(d, &d->news[i]);
        news[daemon_line_no(d, d->news[i].line) - d->lines] = true;
    }
    d->n_news = 0;
    for (size_t i = 0; i < d->c->n_lines; i++)
        if (news[i] && d->lines[i].thread)
            busthread_wake(d->lines[i].thread);
}

static void turn_committed(struct daemon *d, struct mono began)
{
    int64_t us = mono_since_ns(mono_now(), began) / 1000, head = store_head(d->store);
    if (us > d->commit_max_us)
        d->commit_max_us = us;
    d->commits++;
    d->last_commit_ms = wall_now().ms;
    if (d->stepped_ms)
        log_warn("the clock was stepped by %lld ms", (long long)d->stepped_ms);
    d->clock_seen = d->clock_next;
    stations_settle(d, true);
    if (d->failed) {
        d->failed = false;
        log_info("the record can be written again");
        daemon_alarm(d, "record-failed", "", "", false);
        feed_stop_all(d, false);
    }
    acknowledge(d);
    orders_out(d);
    control_answer(d->control, NULL);
    if (head != d->head) {
        d->head = head;
        json_t *doc = json_pack("{s:I,s:I}", "head", (json_int_t)head, "at_ms",
                                (json_int_t)d->last_commit_ms);
        control_publish(d->control, doc);
        json_decref(doc);
    }
}

/* The clock of the wall against the monotonic one: a step over a second is an event. Both are read
 * again when something came between them; what is read counts when the turn is committed. */
static int note_clock(struct daemon *d, struct err *e)
{
    struct clock_pair *seen = &d->clock_seen, *next = &d->clock_next;
    struct mono before;
    int tries = 5;
    do {
        before = mono_now();
        next->wall = wall_now();
        next->mono = mono_now();
    } while (mono_since_ms(next->mono, before) > 10 && --tries);
    int64_t step = next->wall.ms - seen->wall.ms - mono_since_ms(next->mono, seen->mono);
    d->stepped_ms = seen->mono.ns == 0 || (step < 1000 && step > -1000) ? 0 : step;
    return d->stepped_ms ? clock_stepped(d->store, step, e) : 0;
}

void turn_run(struct daemon *d, struct mono now)
{
    struct err e = {0};
    struct request *r;
    if (d->failed && !reopened(d, now)) {
        struct err down = {.code = ERR_IO,
                           .text = "the record cannot be written: free or repair the disk"};
        while ((r = control_next(d->control))) {
            if ((r->keep = verb_needs_no_record(r->verb)))
                verb_run(d, r);
        }
        control_answer(d->control, &down);
        return;
    }
    drain(d);
    bool blocks = mono_reached(now, d->blocks_due);
    if (d->n_news == 0 && !control_waiting(d->control) && !blocks && !d->failed)
        return;
    int rc = store_begin(d->store, &e);
    if (rc == 0)
        rc = note_clock(d, &e);
    if (rc == 0)
        rc = apply_all(d, &e);
    while (rc == 0 && (r = control_next(d->control))) {
        r->keep = verb_needs_no_record(r->verb);
        verb_run(d, r);
    }
    if (rc == 0 && blocks) {
        rc = run_settle(d->store, now, &e);
        if (rc == 0)
            rc = item_blocks(d->store, now, false, &e);
        d->blocks_due = mono_add_ms(now, BLOCKS_PERIOD_MS);
    }
    struct mono began = mono_now();
    if (rc == 0)
        rc = store_commit(d->store, &e);
    if (rc < 0)
        turn_failed(d, now, &e);
    else
        turn_committed(d, began);
}
