"""The planted bugs: name, what the bug is, its edits (file, exact old text, new text), what must find it.

kill: "sim" (the simulated shed) or the path of a unit test program under build/."""

from dataclasses import dataclass


@dataclass
class Mutant:
    name: str
    what: str
    kill: str
    edits: list
    minutes: float = 2  # of virtual time


def one(name, what, kill, file, old, new, minutes=2):
    return Mutant(name, what, kill, [(file, old, new)], minutes)


ITEMS, HEADER, HOST = "controller/mailbox_items.c", "controller/mailbox_header.c", "controller/mailbox_host.c"
SLOTS, EPOCH, OUTCOMES = "controller/mailbox_slots.c", "controller/mailbox_epoch.c", "controller/mailbox_outcomes.c"
LAYOUT, TURN, LINE = "plc-maps/mailbox_layout.c", "controller/turn.c", "controller/line.c"
LINES, LINESCALE = "plc-maps/lines.c", "controller/linescale.c"
STORE, STREAM, PUBLISHER = "traceability/store.c", "traceability/stream.c", "mqtt/publisher.c"

MUTANTS = [
    # ---- commit before acknowledgement
    one("ack-before-commit", "positions are acknowledged, then committed", "sim", TURN,
        "    if (rc == 0)\n        rc = store_commit(d->store, &e);",
        "    if (rc == 0)\n        acknowledge(d);\n    if (rc == 0)\n        rc = store_commit(d->store, &e);"),
    one("answer-before-commit", "a client is answered, then it is committed", "sim", TURN,
        "    if (rc == 0)\n        rc = store_commit(d->store, &e);",
        "    if (rc == 0)\n        control_answer(d->control, NULL);\n    if (rc == 0)\n"
        "        rc = store_commit(d->store, &e);"),
    one("epoch-before-commit", "an epoch goes to the PLC before its event is committed", "sim", TURN,
        "    if (rc == 0)\n        rc = store_commit(d->store, &e);",
        "    for (size_t i = 0; rc == 0 && i < d->n_news; i++)\n"
        "        if (d->news[i].kind == NEWS_EPOCH_WANTED)\n            after_commit(d, &d->news[i]);\n"
        "    if (rc == 0)\n        rc = store_commit(d->store, &e);", 6),
    one("synchronous-normal", "a commit does not wait for the disk", "sim", "base/db_open.c",
        '"PRAGMA synchronous=FULL"', '"PRAGMA synchronous=NORMAL"'),
    one("full-from-the-start", "the file is created without EXTRA", "sim-tests/crashvfs", "base/db_open.c",
        "PRAGMA synchronous=EXTRA;", "PRAGMA synchronous=OFF;"),
    Mutant("cache-not-forgotten", "a rollback leaves the cached positions where they were", "sim", [
        (STORE, "    s->dirty = false;\n    item_places_forget(&s->places);", "    s->dirty = false;"),
        (STORE, "    close_files(s);\n    item_places_forget(&s->places);", "    close_files(s);")]),
    one("news-dropped-on-failure", "what was drained is gone when its commit fails", "sim", TURN,
        "    store_rollback(d->store);\n    stations_settle(d, false);",
        "    store_rollback(d->store);\n    d->n_news = 0;\n    stations_settle(d, false);"),
    one("people-after-store", "store.db commits before people.db", "sim", STORE,
        "    if (rc == 0 && (rc = db_commit(s->people)))\n"
        '        err_set(e, rc, "%s: %s", db_path(s->people), db_message(s->people));\n'
        "    if (rc == 0 && (rc = db_commit(s->db))) /* invariant 1 */\n"
        '        err_set(e, rc, "%s: %s", db_path(s->db), db_message(s->db));\n',
        "    if (rc == 0 && (rc = db_commit(s->db)))\n"
        '        err_set(e, rc, "%s: %s", db_path(s->db), db_message(s->db));\n'
        "    if (rc == 0 && (rc = db_commit(s->people)))\n"
        '        err_set(e, rc, "%s: %s", db_path(s->people), db_message(s->people));\n', 6),
    one("no-feed-stop-on-failure", "the record fails and nobody asks for feed-stop", "sim", TURN,
        "                     \"The record cannot be written: free or repair the disk\", true);\n"
        "        feed_stop_all(d, true);",
        "                     \"The record cannot be written: free or repair the disk\", true);"),
    # ---- the record
    one("checkpoint-one-behind", "the signed checkpoint leaves out the newest event", "sim", STORE,
        "rc = sign_news(s, last, &f, e);", "rc = sign_news(s, last - 1, &f, e);"),
    one("block-leaves-out-a-row", "a block's range begins one row late", "sim", "traceability/block.c",
        "int64_t from = r->after ? r->after : item_id(segment, 0);",
        "int64_t from = r->after ? r->after + 1 : item_id(segment, 0);"),
    one("stream-number-outside", "the stream's number does not go back with its transaction", "sim", STREAM,
        '    int rc = q_run(q_text(db_q(db, "UPDATE buyer SET n=n+1 WHERE ?1 IS NULL OR id=?1"), 1, only));',
        '    static int64_t n;\n    struct stmt *at = db_q(db, "SELECT coalesce(max(n),0) FROM buyer");\n'
        "    int64_t was = q_step(at) == 1 ? q_col(at, 0) : 0;\n    q_done(at);\n    n = (n > was ? n : was) + 1;\n"
        '    int rc = q_run(q_int(q_text(db_q(db, "UPDATE buyer SET n=?2 WHERE ?1 IS NULL OR id=?1"), 1, only), 2, n));'),
    one("same-item-twice", "the newest item is not recognised when it comes again", "traceability/item_test",
        "traceability/item.c", "    if (it->seq <= p->seq && it->seq > 0)\n        return meet_again(s, it, e);",
        "    if (it->seq < p->seq && it->seq > 0)\n        return meet_again(s, it, e);"),
    one("dedup-by-time", "items of the same millisecond count as one", "sim", "traceability/item.c",
        "    store_touch(s);\n    if (!p->segment || p->run != it->run)",
        "    static int64_t last_ms;\n    if (it->at.ms == last_ms)\n        return 0;\n    last_ms = it->at.ms;\n"
        "    store_touch(s);\n    if (!p->segment || p->run != it->run)"),
    one("gap-known-by-bounds-only", "gaps without bounds are told once a line", "sim", "traceability/gap.c",
        "AND line=? AND epoch=? AND first=? AND last=?\"", "AND line=? AND (epoch=? OR 1) AND first=? AND last=?\"",
        6),
    one("epoch-used-again", "the newest number is proposed again", "sim", "traceability/epoch.c",
        "    while (epoch == 0 || (rc = find(s, line, epoch, &k)) == 1)\n        epoch++;\n    *ret = epoch;",
        "    (void)k;\n    *ret = epoch > 1 ? epoch - 1 : epoch;"),
    one("epoch-for-another-nonce", "an epoch of an earlier start of the PLC is proposed to the next one",
        "traceability/line_test", "traceability/epoch.c",
        "if (rc == 1 && k.own && !k.shown && k.nonce == nonce) {", "if (rc == 1 && k.own && !k.shown) {"),
    one("answer-not-stored", "the first answer to a request is not kept", "traceability/command_test",
        "traceability/command.c",
        "    int rc = remember(c->store, row, c->actor, c->request_id, code, code ? why->text : text, e);",
        "    int rc = 0;\n    (void)remember;"),
    one("refusal-leaves-traces", "a refused command is not undone", "traceability/command_test",
        "traceability/command.c", "        db_undo(s->people);\n        db_undo(s->db);",
        "        db_release(s->people);\n        db_release(s->db);"),
    one("run-closes-at-once", "a run closes while its items are on the belt", "sim", "traceability/run_close.c",
        "    if (in_flight == 0 || waited)\n        return close_run(c, &r, ret, e);",
        "    if (in_flight >= 0 || waited)\n        return close_run(c, &r, ret, e);"),
    one("run-counts-default", "what the default outlet got counts as its grade", "sim", "traceability/totals.c",
        '"o.reason = 1 AND (i.outlet_why = " table', '"(1 OR i.outlet_why = " table'),
    one("run-counts-twice", "an item counts once for each of its outcomes", "traceability/run_test",
        "traceability/totals.c", '"GROUP BY seq) o JOIN item i', '"GROUP BY id) o JOIN item i'),
    one("lot-counts-voided", "a voided weighing stays in its lot", "traceability/intake_test", "traceability/weighing.c",
        "    return p ? p->undo(db, ev) : ERR_VERSION;", "    return p ? 0 : ERR_VERSION;"),
    # ---- another version's record
    one("refusal-folds-the-log", "a refused file is closed like any other", "base/db_open_test", "base/db_open.c",
        "    db_keep_log(db, true);\n", ""),
    one("kinds-asked-too-late", "a file is asked about when it has been changed", "base/db_open_test", "base/db_open.c",
        "    return o->is_new || !o->check ? 0 : o->check(db, e);",
        "    int rc = db_checkpoint(db, false);\n    return rc || o->is_new || !o->check ? rc : o->check(db, e);"),
    one("reader-asks-once", "the pages ask for the version when they open the record only", "web/record_test",
        "web/record.c", "        code = store_readable(r->db, &why);", "        code = 0;"),
    # ---- epochs and quarantine
    one("epoch-ignored", "a PLC that forgot everything is taken for the same", "sim", EPOCH,
        "    if (h->epoch == 0)\n        return EV_ZERO;", "    if (h->epoch == 0)\n        return m->epoch ? EV_SAME : EV_ZERO;"),
    one("unknown-epoch-taken", "an unknown epoch is taken for the record's newest", "controller/mailbox_epoch_test", EPOCH,
        "    if (h->epoch == m->rec.epoch)\n        return event_of_record(m, h);", "    if (m->rec.epoch)\n        return event_of_record(m, h);"),
    one("new-epoch-not-cleared", "NEW_EPOCH stands on when EPOCH shows it", "sim", EPOCH,
        "    m->out_seen = h->out_head;\n    m->proposal = 0;", "    m->out_seen = h->out_head;"),
    one("nonce-not-compared", "a proposal for an earlier start of the PLC goes out", "controller/mailbox_epoch_test", EPOCH,
        "    if (m->phase != UNASSIGNED || nonce != m->nonce || epoch == 0 ||", "    if (m->phase != UNASSIGNED || epoch == 0 ||"),
    one("order-kept-while-running", "an order for an epoch is kept while another epoch runs", "controller/mailbox_epoch_test", EPOCH,
        "    if (m->phase != UNASSIGNED || nonce != m->nonce || epoch == 0 ||", "    if (nonce != m->nonce || epoch == 0 ||"),
    one("lost-not-told", "what was shown and lost with its epoch is no gap", "sim", EPOCH,
        "    items_lose(m, m->head_seen, cause);", "    items_lose(m, m->handed, cause);"),
    Mutant("rule-3-skipped", "a PLC that is behind the record, or holds other items, is taken as it is", "controller/mailbox_epoch_test", [
        (EPOCH, "    if (!same_layout(m, h) || went_back(h->head_seq, m->head_seen) ||\n"
         "        went_back(h->out_head, m->out_seen))\n        return EV_CONFLICT;",
         "    if (!same_layout(m, h))\n        return EV_CONFLICT;"),
        (EPOCH, "    if (went_back(h->head_seq, rec->seq) || went_back(h->out_head, rec->out))\n        return EV_CONFLICT;\n", ""),
        (EPOCH, "    (void)now;\n    quarantine(m, \"record-differs\",", "    checked(m, h, now);\n    return;\n    quarantine(m, \"record-differs\",")], 6),
    one("held-words-not-compared", "other items under recorded numbers are not noticed", "controller/mailbox_epoch_test", ITEMS,
        "        if (c->seq != seq || !c->kept || c->compare)\n            continue;",
        "        if (c->seq != seq || c->kept || c->compare)\n            continue;", 6),
    Mutant("quarantine-acknowledges", "ACK_EPOCH stands on in quarantine", "controller/mailbox_epoch_test", [
        (EPOCH, "    if (m->epoch)\n        leave(m, \"quarantine\");\n    m->phase = QUARANTINE;", "    m->phase = QUARANTINE;"),
        (HOST, "    if (m->phase == RUNNING && !m->slot_hold && !m->doubt.on) /* invariant 1 */", "    if (m->epoch)")]),
    one("one-odd-header", "a single odd header moves the machine", "controller/mailbox_epoch_test", HEADER,
        "    return same;\n}\n\nstatic bool heartbeat(", "    return same || m->doubt.on;\n}\n\nstatic bool heartbeat("),
    one("unnumbered-not-told", "what passed without an epoch is no gap", "sim", EPOCH,
        "    if (h->lost_count > overwritten) /* rule 2",
        "    if (h->lost_count > overwritten + UINT16_MAX) /* rule 2"),
    # ---- items
    one("ring-off-by-one", "records are read one cell further", "sim", ITEMS,
        "mb_item_addr(m->o.base, m->ring_n, seq), MB_ITEM_WORDS * n, ret);\n    ret->prio",
        "mb_item_addr(m->o.base, m->ring_n, seq + 1), MB_ITEM_WORDS * n, ret);\n    ret->prio"),
    one("record-not-checked", "a record counts without its number and its check", "sim", ITEMS,
        "    bool good = mb_item_decode(w, m->epoch, c->seq, m->o.map.checks, &record);\n"
        "    bool first = good",
        "    bool good = mb_item_decode(w, m->epoch, mb_u32(w), false, &record);\n    bool first = good"),
    one("crc-not-checked", "a record counts without its check", "sim", ITEMS,
        "    bool good = mb_item_decode(w, m->epoch, c->seq, m->o.map.checks, &record);\n"
        "    bool first = good",
        "    bool good = mb_item_decode(w, m->epoch, c->seq, false, &record);\n    bool first = good", 6),
    one("one-reading-without-checks", "without checks one reading counts", "controller/mailbox_test", ITEMS,
        "    return m->o.map.checks || twice;\n}\n\nstatic void take_good(", "    return true;\n}\n\nstatic void take_good(",
        6),
    one("unreadable-after-one", "a record is given up after one reading", "controller/mailbox_items_test", ITEMS,
        "READS_MAX = 16, READS_MS = 200,", "READS_MAX = 1, READS_MS = 0,"),
    one("outcome-after-one", "an outcome is given up after one reading", "sim", OUTCOMES,
        "BAD_MS = 200, BAD_READS = 4,", "BAD_MS = 0, BAD_READS = 1,"),
    one("handed-over-at-once", "an item is handed over before a second header shows its epoch",
        "controller/mailbox_items_test", ITEMS,
        "    if (m->phase == CHECKING && m->compare_n == 0)\n        epoch_step(m, EV_CHECKED, &m->hdr, now);\n}",
        "    m->turn++;\n    if (m->phase == RUNNING)\n        items_hand_over(m, now);\n"
        "    if (m->phase == CHECKING && m->compare_n == 0)\n        epoch_step(m, EV_CHECKED, &m->hdr, now);\n}"),
    one("gap-not-told", "overwritten items are passed over in silence", "controller/mailbox_test", ITEMS,
        "    tell_gap(m, GAP_ITEMS, m->handed + 1, to, to - m->handed,\n"
        '             m->hdr.state & MB_OVERWRITE ? "overwritten" : "passed");\n    move_handed(m, to);',
        "    move_handed(m, to);", 6),
    one("gap-count-off-by-one", "a gap counts one more than it bounds", "controller/mailbox_test", ITEMS,
        "    tell_gap(m, GAP_ITEMS, m->handed + 1, to, to - m->handed,\n",
        "    tell_gap(m, GAP_ITEMS, m->handed + 1, to, to - m->handed + 1,\n", 6),
    one("gap-swallows-the-next", "a gap takes an item with it that can be had", "controller/mailbox_test", ITEMS,
        "    if (to == m->covered && after(m->hdr.oldest_seq - 1, to))\n        to = m->hdr.oldest_seq - 1;\n    gap_to(m, to);",
        "    if (after(m->covered, to))\n        to++;\n    gap_to(m, to);", 6),
    # ---- decisions and slots
    one("slot-with-wrong-check", "a slot's check is of the next item", "sim", SLOTS,
        "mb_slot_encode(m->epoch, m->slot_from + i, cell_of", "mb_slot_encode(m->epoch + 65536, m->slot_from + i, cell_of"),
    one("outlet-anew-after-restart", "slots of an earlier life are not adopted", "controller/mailbox_items_test", EPOCH,
        "    bool slots = m->adopt && !(h->state & MB_TABLE_MODE) && after(m->covered, m->handed);",
        "    bool slots = m->adopt && !(h->state & MB_TABLE_MODE) && !after(m->covered, m->handed - 1);"),
    one("adopted-without-check", "a slot is adopted by its numbers alone", "controller/mailbox_items_test", SLOTS,
        "            c->adopted =\n                mb_slot_valid(r->words + (size_t)MB_SLOT_WORDS * i, m->epoch, c->seq, &c->outlet);",
        "            c->adopted = r->words[(size_t)MB_SLOT_WORDS * i + 1] == (uint16_t)c->seq &&\n"
        "                         (c->outlet = r->words[(size_t)MB_SLOT_WORDS * i + 2]) != 0;"),
    Mutant("table-mode-writes-slots", "the host decides beside the PLC's own table", "sim", [
        (LINE, "    if (it->table_mode) {\n        *ret =", "    if (it->table_mode && !it->outlet && 0) {\n        *ret ="),
        (ITEMS, "if (!c->adopted && !it.table_mode && c->outlet != 0)", "if (!c->adopted && c->outlet != 0)"),
        ("controller/mailbox_state.h", "!(m->hdr.state & MB_TABLE_MODE) && !m->foreign", "!m->foreign")], 6),
    one("stale-decision", "a batch that was thrown away stays in the tally", "controller/line_test", LINE,
        "    l->now = l->handed; /* invariant 2 */", "    l->handed = l->handed; /* invariant 2 */"),
    one("stale-plan", "a run's plan is not handed to its line", "sim", TURN,
        "    if (stale)\n        planner_refresh(d);", "    if (stale && d->failed)\n        planner_refresh(d);"),
    one("tally-forgotten", "a restart begins with an empty tally", "sim", "controller/planner.c",
        "    return run_state_sums(store_db(d->store), r->run, add_sum, p, e);",
        "    (void)add_sum;\n    return 0;", 6),
    one("bad-weight-graded", "an item without a usable weight is graded", "crops/grade_test", "crops/grade.c",
        "    if (m->quality[MEASURE_WEIGHT] != QUALITY_GOOD || m->value[MEASURE_WEIGHT] <= 0)\n        return WHY_BAD_WEIGHT;\n",
        ""),
    one("limit-off-by-one", "an item at the lower limit belongs to the next grade", "sim", "crops/grade.c",
        "m->value[i] < box->min[i]", "m->value[i] <= box->min[i]"),
    one("share-without-the-item", "a tolerance share is asked before the item is in it", "sim", "crops/grade.c",
        "return ((wide)defect_mg + item_mg) * 1000000 <=", "return ((wide)defect_mg) * 1000000 <="),
    one("blocked-outlet-used", "a blocked outlet is taken", "controller/decide_test", "controller/decide.c",
        " || (blocked >> (outlet - 1) & 1))", " || (blocked >> outlet >> 16 & 1))"),
    # ---- acknowledgements, host words
    one("ack-of-sixteen-bits", "ACK_SEQ wraps at 65536", "controller/mailbox_host_test", HOST,
        ".ack_seq = m->ack_seq,", ".ack_seq = m->ack_seq & 0xFFFF,"),
    one("outcome-cursor-not-moved", "outcomes are never acknowledged", "sim", TURN,
        "        atomic_store(&l->ack.out, position(n->u.outcome.epoch, n->u.outcome.out));\n", ""),
    one("double-cursor", "the items' number acknowledges the outcomes too", "sim", TURN,
        "        atomic_store(&l->ack.seq, position(n->u.item.epoch, n->u.item.seq));\n        if",
        "        atomic_store(&l->ack.seq, position(n->u.item.epoch, n->u.item.seq));\n"
        "        atomic_store(&l->ack.out, position(n->u.item.epoch, n->u.item.seq));\n        if", 6),
    one("ack-above-handed", "what was not handed over yet is acknowledged", "sim", HOST,
        ".ack_seq = m->ack_seq,", ".ack_seq = m->decided,"),
    one("ack-before-header", "after a failure it is acknowledged before a header shows the PLC",
        "controller/mailbox_host_test", HOST,
        "    if (m->phase == RUNNING && !m->slot_hold && !m->doubt.on) /* invariant 1 */",
        "    if (m->phase == RUNNING) /* invariant 1 */"),
    one("feed-stop-not-rewritten", "the request stands only in writes that have news", "sim", HOST,
        ".request = m->feed_stop ? MB_REQUEST_FEED_STOP : 0,", ".request = m->feed_stop && m->host_dirty ? MB_REQUEST_FEED_STOP : 0,"),
    one("heartbeat-stops-while-busy", "host words wait while records and slots are on the way", "controller/mailbox_host_test", HOST,
        "    return host_due(m, now) && mono_reached(now, m->host_latest);",
        "    return host_due(m, now) && mono_reached(now, m->host_latest) && m->covered == m->handed &&\n"
        "           m->hdr.out_head == m->out_handed;", 6),
    Mutant("heartbeat-slow", "host words go out every 400 ms", "sim", [
        (HOST, "    HOST_LATEST_MS = 185,", "    HOST_LATEST_MS = 385,"), (HOST, "    HOST_MS = 150,", "    HOST_MS = 350,")]),
    one("foreign-host-unseen", "another host is never noticed", "controller/mailbox_host_test", HOST,
        "    if (m->odd_n < ODD_READS ||", "    if (m->odd_n < 1000 * ODD_READS ||"),
    # ---- decoding
    one("float-weight", "a weight goes through a float", "plc-maps/mailbox_layout_test", LAYOUT,
        "    int64_t mg = (int64_t)weight * unit_mg[unit];", "    int64_t mg = (int64_t)((float)weight * (float)unit_mg[unit]);"),
    one("decimals-off", "one decimal too few", "plc-maps/mailbox_layout_test", LAYOUT,
        "    *ret_mg = mg / ten[decimals];", "    *ret_mg = mg / ten[decimals ? decimals - 1 : 0];"),
    one("weight-without-sign", "a weight below zero is read as a large one", "plc-maps/mailbox_layout_test", LAYOUT,
        "    int64_t mg = (int64_t)weight * unit_mg[unit];", "    int64_t mg = (int64_t)(uint32_t)weight * unit_mg[unit];"),
    one("kilograms-as-grams", "kg is taken for g", "plc-maps/mailbox_layout_test", LAYOUT,
        "static const int64_t unit_mg[] = {0, 1, 1000, 1000000};\n    static const int64_t ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000};\n    if (unit",
        "static const int64_t unit_mg[] = {0, 1, 1000, 1000};\n    static const int64_t ten[] = {1, 10, 100, 1000, 10000, 100000, 1000000};\n    if (unit"),
    one("sentinel-as-value", "\"not measured\" is taken for a number", "plc-maps/codec_test", "plc-maps/codec.c",
        "        if (u == ((uint64_t)v->sentinels[i] & all))\n            return true;",
        "        if (u == ((uint64_t)v->sentinels[i] & all) && u > all)\n            return true;"),
    one("over-is-good", "an overloaded weight is used", "plc-maps/map_item_test", "plc-maps/map_item.c",
        "{MB_VALID, true},  {MB_STABLE, true},     {MB_OVER, false},", "{MB_VALID, true},  {MB_STABLE, true},"),
    one("word-order", "the low word comes first", "plc-maps/codec_test", "plc-maps/codec.c",
        "    bool swap_words = v->order & ORDER_CDAB,", "    bool swap_words = !(v->order & ORDER_CDAB),"),
    one("float-cut-off", "a float is cut off, not rounded", "plc-maps/codec_property_test", "plc-maps/codec.c",
        "    n += rest >= den - rest;", "    n += rest > den;"),
    one("float-beyond-its-steps", "a float's weight counts where it cannot tell neighbours apart",
        "plc-maps/language_test", "plc-maps/codec.c", "n >= -FLOAT_WHOLE && n <= FLOAT_WHOLE &&", ""),
    one("division-off-by-one", "a division's code takes the entry before", "plc-maps/language_test", "plc-maps/decode.c",
        "        code = w->table.value[code];", "        code = w->table.value[code ? code - 1 : 0];"),
    one("other-selection-read", "a record counts whatever was selected", "plc-maps/record_test", "plc-maps/decode.c",
        "    bool good = !deselected(&r->select, words);", "    bool good = !deselected(&r->select, words) || mul;"),
    one("off-by-one-unseen", "the manual's notation is not held against the address", "plc-maps/language_test",
        "plc-maps/manual.c", "    if (p.addr != addr)", "    if (p.addr > addr + 1)"),
    one("alike-unmarked", "answers that look the same raise no doubt", "plc-maps/plan_limits_test", "plc-maps/plan.c",
        "        q->agree = (twin && !q->proof) || q->torn ? 2 : 1;", "        q->agree = q->torn ? 2 : 1;"),
    one("bits-from-the-top", "coils are unpacked from the highest bit", "controller/frame_test", "controller/frame.c",
        "((unsigned)data[i / 8] >> i % 8 & 1u)", "((unsigned)data[i / 8] >> (7 - i % 8) & 1u)"),
    one("doubt-forgotten", "after a failure the first answer counts", "controller/image_test", "controller/image.c",
        "            m->doubtful[i] = true;", "            m->doubtful[i] = false;"),
    one("doubt-without-silence", "a doubtful register is read again at once", "controller/image_test",
        "controller/image.c", "        m->due = mono_add_ms(now, map_link(m->map)->timeout_ms);", "        m->due = now;"),
    one("another-device-counts", "identity and settings are read and not looked at", "controller/image_test",
        "controller/image.c", "    if (!map_probe_holds(&m->probes[at], r->words)) {",
        "    if (!map_probe_holds(&m->probes[at], r->words) && m->n_probes > 99) {"),
    one("parts-read-once", "what is read in parts counts at once", "controller/image_test", "controller/image.c",
        "    bool counts = !any_torn(m) || (m->passes > 0 && m->same);", "    bool counts = !any_torn(m) || m->same;"),
    one("heartbeat-unseen", "a scale whose heart stands still is good", "controller/scale_test", "controller/scale.c",
        "mono_since_ms(at, s->beat_at) <= within_ms;", "mono_since_ms(at, s->beat_at) <= 1000 * within_ms;"),
    one("late-answer-accepted", "an answer to an earlier request is taken", "controller/link_test", "controller/link.c",
        "        if (rc == 0 && tid == l->tid) /* invariant 1 */", "        if (rc == 0) /* invariant 1 */"),
    one("serial-line-not-drained", "after a timeout the line is not drained", "controller/link_rtu_test",
        "controller/link.c", "    int rc = l->dirty ? drain(l) : 0;", "    int rc = l->dirty && !l->mb ? drain(l) : 0;"),
    # ---- the weighing station
    one("moving-weight", "a weight that still moves is accepted", "sim", "controller/station.c",
        "    if (s->stable_since.ns == 0 || mono_since_ms(v->at, s->stable_since) < s->o.stable_ms)\n        return STATION_MOVING;\n",
        "", 6),
    one("stale-weight", "an old reading is accepted", "controller/station_test", "controller/station.c",
        "    if (mono_since_ms(now, v->at) >= FRESH_MS) /* invariant 3 */\n        return STATION_STALE;\n", ""),
    one("not-back-at-zero", "the scale need not return to zero", "controller/station_test", "controller/station.c",
        "    } else if (!s->loaded && s->was_zero && !at_zero(s, v)) {", "    } else if (!s->loaded && !at_zero(s, v)) {"),
    one("accepted-twice", "one placement is accepted twice", "controller/station_test", "controller/station.c",
        "    s->accepted = placement;\n    *ret = s->v;", "    *ret = s->v;"),
    one("shown-not-compared", "another weight than the shown one is accepted", "controller/station_test",
        "controller/station.c", "    if (shown_mg != s->v.net_mg) /* invariant 2 */", "    if (shown_mg < 0 && shown_mg > 0)"),
    one("placement-number-again", "placements begin at 1 after a restart", "controller/station_test",
        "controller/station.c", "    if (s->placement < after)", "    if (s->placement > after)"),
    # ---- scales that talk in lines
    one("line-check-ignored", "a frame with a wrong check is a weight", "plc-maps/lines_test", LINES,
        "        *ret_right = memcmp(bytes + f->check.at, check, 2) == 0;", "        *ret_right = true;"),
    one("line-frames-mixed", "half a frame is kept over a long pause", "plc-maps/lines_test", LINES,
        "s->came[s->n - 1]) > s->map->lines.gap_ms)", "s->came[s->n - 1]) > 100 * s->map->lines.gap_ms)"),
    one("line-point-moves", "a decimal point may stand anywhere", "plc-maps/lines_test", LINES,
        "    if (unit == UNIT_REFUSED || (d_mg && ", "    if (unit == UNIT_REFUSED || (d_mg < 0 && "),
    one("line-digits-turned", "the low digit first is read as the high one", "plc-maps/lines_test", LINES,
        "d->order == DIGITS_FORWARD ? d->at + k", "d->order != DIGITS_FORWARD ? d->at + k"),
    one("line-of-another", "a frame of another address is ours", "controller/linescale_test", LINES,
        "    if (f->address >= 0 && s->bytes[f->address]", "    if (f->address < 0 && s->bytes[0]"),
    one("line-steady-too-soon", "frames enough are steady, however fast they came", "controller/linescale_test",
        LINESCALE, "mono_since_ms(v->at, s->since) >= s->times.stable_ms", "mono_since_ms(v->at, s->since) >= 0"),
    one("line-steady-over-a-jump", "another weight does not break the row", "controller/linescale_test", LINESCALE,
        "v->net_mg == o->net_mg && v->gross_mg == o->gross_mg &&", ""),
    one("line-late-answer", "a late answer is that to the next request", "controller/linescale_test", LINESCALE,
        "        end_round(s, mono_add_ms(now, s->times.timeout_ms));", "        end_round(s, now);"),
    one("line-silent-and-up", "a scale that says nothing is up", "controller/linescale_test", LINESCALE,
        "    s->own.link_up = port_up && heard;", "    s->own.link_up = port_up;\n    (void)heard;"),
    # ---- the buyers' stream
    one("cursor-moves-on-send", "what was sent counts as delivered", "sim", PUBLISHER,
        "    p->sent = *pos;\n", "    p->sent = p->acked = *pos;\n"),
    one("cursor-written-before-ack", "the cursor on disk is what was sent", "sim", PUBLISHER,
        "    if (cursor_write(p->cursor, &p->acked, &e) == 0)", "    if (cursor_write(p->cursor, &p->sent, &e) == 0)", 6),
    one("cursor-never-written", "a restart begins the stream anew", "sim", PUBLISHER,
        "    if (cursor_write(p->cursor, &p->acked, &e) == 0)", "    (void)cursor_write;\n    if (e.code == 0)", 6),
    one("cursor-not-checked", "a cursor of another history is taken", "sim", PUBLISHER,
        "    if (there.epoch == p->acked.epoch && there.n == p->acked.n &&", "    if (there.epoch >= 0 || there.n == p->acked.n ||"),
    one("window-leaps-a-gap", "the cursor moves past what was not acknowledged", "mqtt/window_test", "mqtt/window.c",
        "    while (w->acked & 1) {", "    while (w->acked) {"),
    one("window-sends-while-rewinding", "new events go out before the old answers are in", "mqtt/window_test",
        "mqtt/window.c", "    if (w->rewinding || w->outstanding >= w->size", "    if (w->outstanding >= w->size"),
    one("no-rewind", "after a loss it goes on with the next event", "mqtt/window_test", "mqtt/window.c",
        "    w->rewinding = false;\n    w->next = w->cursor + 1;", "    w->rewinding = false;\n    w->cursor = w->next - 1;"),
    one("clock-orders-the-stream", "events go out in order of the wall's clock", "traceability/stream_test", STREAM,
        '                 " ORDER BY s.epoch,s.n LIMIT 1");', '                 " ORDER BY s.epoch,e.at_ms,s.n LIMIT 1");', 6),
    one("outbox-reordered", "events go out newest first", "sim", STREAM,
        '                 " ORDER BY s.epoch,s.n LIMIT 1");', '                 " ORDER BY s.epoch,s.n DESC LIMIT 1");'),
    one("events-retained", "every event is retained at the broker", "sim", PUBLISHER,
        "                               .qos = 1,\n                               .content_type = \"application/cloudevents+json\",",
        "                               .qos = 1,\n                               .retain = true,\n"
        "                               .content_type = \"application/cloudevents+json\","),
    one("head-before-events", "the retained head tells of what was not delivered", "sim", PUBLISHER,
        "(long long)p->acked.epoch, (long long)p->acked.n, (long long)wall_now().ms);",
        "(long long)p->head_epoch, (long long)p->head_n, (long long)wall_now().ms);"),
]

# For make check: one of each kind that dies at once.
FEW = ["ack-before-commit", "slot-with-wrong-check", "float-weight", "window-leaps-a-gap"]
