/* For unit tests only: a day in the shed in which every command is given at least once, and goes
 * well. Whoever sets farm.trial sees each before it is run. */
#pragma once
#include "traceability/test_farm.h"

static inline void people_and_papers(struct farm *m)
{
    farm_ok(m, "coop.set", "{s:s,s:s,s:s,s:s,s:s,s:i,s:s}", "name_zh", "甲", "name_en", "A",
            "contact", "0", "township_zh", "东镇", "township_en", "East township", "offset_min",
            (int)fix_number(store_db(m->f.s), "SELECT offset_min FROM coop"), "uscc",
            "91350100M000100Y43");
    farm_people(m);
    farm_ok(m, "product.add", "{s:s,s:s,s:s,s:s,s:s}", "product", "lu", "crop", "codonopsis",
            "gtin", "06901234567892", "name_zh", "党参", "name_en", "Codonopsis");
    json_decref(farm_run(m, "scale.configure",
                         farm_scale("bench", "static", "C-2", wall_now().ms + DAY_MS), 0, NULL));
    json_decref(farm_weigh(m, "check", 20000000, "{s:I}", "applied_mg", (json_int_t)20500000));
    farm_ok(m, "scale.check", "{s:s,s:[{s:i,s:i}]}", "scale", "bench", "weights", "applied_mg",
            20000000, "shown_mg", 20000000);
    farm_ok(m, "buyer.register", "{s:s}", "buyer", "market");
}

static inline json_t *routes(void)
{
    return json_pack("[{s:i,s:[i]},{s:i,s:[i,i]},{s:i,s:[i]}]", "grade", 1, "outlets", 1, "grade",
                     2, "outlets", 2, 3, "grade", 3, "outlets", 3);
}

static inline void the_belt(struct farm *m, struct farm_demo *d)
{
    farm_lot(m, m->farmer1, 2000000, d->lot1);
    farm_lot(m, m->farmer2, 1000000, d->lot2);
    farm_take_run(farm_do(m, "run.start", "{s:s,s:s,s:[s,s],s:o,s:o}", "line", "a", "product",
                          "codonopsis-lu", "lots", d->lot1, d->lot2, "rules",
                          farm_rules("codonopsis"), "routes", routes()),
                  &d->run);
    farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
    farm_ok(m, "box.open", "{s:s,s:i,s:i}", "line", "a", "outlet", 2, "out", (int)m->out);
    farm_ok(m, "box.cancel", "{s:s,s:i,s:s}", "line", "a", "outlet", 2, "reason", "torn");
    for (int i = 0; i < 9; i++)
        farm_item(m, d->run.run, (uint16_t)(i % 3 + 1), 250000, (uint16_t)(i % 3 + 1),
                  (uint16_t)(i % 3 + 1), i < 8 ? 1 : 0);
    farm_text(farm_weigh(m, "box", 750000, "{s:s,s:i}", "line", "a", "outlet", 1), "box", d->box,
              sizeof d->box);
    json_decref(farm_weigh(m, "run.waste", 100000, "{s:s,s:s}", "run", d->run.id, "grade", "soil"));
    json_decref(farm_weigh(m, "run.back", 500000, "{s:s,s:s}", "run", d->run.id, "lot", d->lot1));
    farm_ok(m, "run.calibrate", "{s:i,s:i,s:i,s:s}", "run", (int)d->run.run, "pieces", 10,
            "weighed_mg", 90, "detail", "calliper");
}

/* The last piece is still on its way when the run is stopped. */
static inline void the_belt_ends(struct farm *m, struct farm_demo *d)
{
    struct outcome o = {.line = m->f.line,
                        .epoch = m->f.epoch,
                        .out = ++m->out,
                        .seq = m->seq,
                        .outlet = 3,
                        .reason = 1};
    char weighing[40];
    json_t *a = farm_do(m, "run.stop", "{s:s}", "run", d->run.id);
    assert_string_equal(json_text_or(a, "state", ""), "stopping");
    json_decref(a);
    OK(outcome_append(m->f.s, &o, e));
    a = farm_do(m, "run.stop", "{s:s}", "run", d->run.id);
    assert_string_equal(json_text_or(a, "state", ""), "closed");
    json_decref(a);
    farm_text(farm_weigh(m, "run.back", 100000, "{s:s,s:s}", "run", d->run.id, "lot", d->lot2),
              "weighing", weighing, sizeof weighing);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing, "reason", "wrong crate");
}

static inline void mistakes_are_voided(struct farm *m, struct farm_demo *d)
{
    char open[IDENT_LOT_SIZE], task[IDENT_LOT_SIZE], weighing[4][40];
    farm_text(farm_do(m, "lot.open", "{s:s,s:s,s:s,s:s,s:s,s:s}", "farmer", m->farmer1, "deliverer",
                      m->farmer2, "product", "codonopsis-lu", "township_zh", "西镇", "township_en",
                      "West", "plot", "P-2"),
              "lot", open, sizeof open);
    farm_text(farm_weigh(m, "intake", 4000000, "{s:s,s:s,s:I}", "lot", open, "by", "uid:7", "at_ms",
                         (json_int_t)wall_now().ms),
              "weighing", weighing[0], sizeof weighing[0]);
    farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing[0], "reason", "twice");
    json_t *a =
        farm_weigh(m, "hand.out", 1000000, "{s:s,s:s}", "lot", d->lot3, "worker", m->worker);
    snprintf(task, sizeof task, "%s", json_text_or(a, "task", ""));
    farm_text(a, "weighing", weighing[1], sizeof weighing[1]);
    farm_text(farm_weigh(m, "hand.back", 500000, "{s:s,s:s}", "task", task, "grade", "3"),
              "weighing", weighing[2], sizeof weighing[2]);
    farm_text(farm_weigh(m, "box", 100000, "{s:s}", "lot", d->hand1), "weighing", weighing[3],
              sizeof weighing[3]);
    for (int i = 3; i > 0; i--)
        farm_ok(m, "weighing.void", "{s:s,s:s}", "weighing", weighing[i], "reason", "not this one");
}

static inline void trouble_with_goods(struct farm *m, struct farm_demo *d)
{
    farm_ok(m, "hold.place", "{s:s,s:s}", "lot", d->lot2, "reason", "smells");
    farm_ok(m, "hold.release", "{s:s,s:s}", "lot", d->lot2, "reason", "aired");
    farm_ok(m, "recall.drill", "{s:s}", "id", d->box);
    farm_ok(m, "problem.report", "{s:s,s:s}", "id", d->box, "text", "two stones");
    farm_ok(m, "recall.start", "{s:s,s:s}", "id", d->box, "reason", "stones");
}

static inline void a_day(struct farm *m, farm_trial *trial)
{
    struct farm_demo d;
    m->trial = trial;
    people_and_papers(m);
    the_belt(m, &d);
    the_belt_ends(m, &d);
    farm_hands(m, &d);
    mistakes_are_voided(m, &d);
    trouble_with_goods(m, &d);
    farm_ok(m, "key.rotate", "{}");
    farm_ok(m, "store.restored", "{}");
    farm_rebuilds(m);
}
