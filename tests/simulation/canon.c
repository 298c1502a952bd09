/* A canonical day of the record (contract: canon.h). */
#include "tests/simulation/canon.h"
#include "traceability/people.h"

enum {
    LOT_1 = 1,
    LOT_2,
    RUN_START,
    ITEMS_FROM,
    STOP_AFTER = 14,
    ERASE = 18,
    BOX = CANON_TURNS - 6,
    RUN_STOP,
    HAND_OUT,
    HAND_BACK,
    HAND_CLOSE,
    ITEMS = 10 /* a turn */
};

void canon_room(struct tmp *t)
{
    strcpy(t->dir, access("/dev/shm", W_OK) ? "/tmp/lotline-canon-XXXXXX"
                                            : "/dev/shm/lotline-canon-XXXXXX");
    assert(mkdtemp(t->dir));
}

void canon_start(struct canon *c)
{
    *c = (struct canon){.farm.role = ROLE_MANAGER};
    strcpy(c->farm.f.dir, "s");
    strcpy(c->farm.f.key, "key");
}

int canon_open(struct canon *c, struct err *e)
{
    struct store_options o = fix_options(&c->farm.f);
    return store_open(&o, &c->farm.f.s, e);
}

void canon_close(struct canon *c)
{
    fix_close(&c->farm.f);
}

static void set_up(struct farm *m)
{
    fix_line(&m->f);
    int noon = 720 - (int)(wall_now().ms / 60000 % 1440);
    farm_ok(m, "coop.set", "{s:s,s:s,s:s,s:s,s:s,s:i}", "name_zh", "样例合作社", "name_en",
            "Sample Co-operative", "contact", "0000-0000", "township_zh", "东镇", "township_en",
            "East township", "offset_min", noon);
    farm_people(m);
    farm_ok(m, "product.add", "{s:s,s:s,s:s,s:s}", "product", "codonopsis-lu", "crop", "codonopsis",
            "name_zh", "潞党参", "name_en", "Codonopsis, Lu");
    json_decref(farm_run(m, "scale.configure",
                         farm_scale("floor", "static", "C-1", wall_now().ms + 30 * DAY_MS), 0,
                         NULL));
    farm_ok(m, "scale.check", "{s:s,s:[{s:i,s:i}]}", "scale", "floor", "weights", "applied_mg",
            20000000, "shown_mg", 20000000);
}

static void items(struct canon *c)
{
    for (int i = 0; i < ITEMS; i++) {
        uint16_t grade = (uint16_t)(i % 3 + 1);
        c->packed += grade == 1;
        farm_item(&c->farm, c->demo.run.run, grade, 50000, grade, grade, 1);
    }
}

static void now_and_then(struct canon *c, int turn)
{
    struct farm *m = &c->farm;
    char name[24];
    snprintf(name, sizeof name, "buyer-%d", turn);
    if (turn % 4 == 0)
        OK(item_blocks(m->f.s, mono_now(), true, e));
    if (turn % 5 == 1)
        farm_ok(m, "farmer.add", "{s:s,s:s,s:s}", "name", CANARY_NAME, "township_zh", "西镇",
                "township_en", "West township");
    if (turn % 7 == 2)
        farm_ok(m, "buyer.register", "{s:s}", "buyer", name);
    if (turn % 6 == 2)
        json_decref(
            farm_run(m, "lot.open",
                     json_pack("{s:s,s:s}", "farmer", "0123456789", "product", "codonopsis-lu"),
                     ERR_NOT_FOUND, NULL));
    if (turn % 9 == 5)
        farm_ok(m, "problem.report", "{s:s,s:s}", "id", c->demo.lot1, "text", "too many stones");
    if (turn == ERASE)
        OK(people_erase(m->f.s, m->worker, wall_now(), e));
}

static void hand_out(struct canon *c)
{
    struct farm *m = &c->farm;
    farm_text(farm_do(m, "worker.add", "{s:s}", "name", CANARY_NAME "4"), "pid", m->worker,
              sizeof m->worker);
    farm_lot(m, m->farmer1, 15000000, c->demo.lot3);
    farm_text(
        farm_weigh(m, "hand.out", 12000000, "{s:s,s:s}", "lot", c->demo.lot3, "worker", m->worker),
        "task", c->demo.task, IDENT_LOT_SIZE);
}

static void box(struct canon *c)
{
    farm_text(farm_weigh(&c->farm, "box", c->packed * 50000 + 10000, "{s:s,s:i}", "line", "a",
                         "outlet", 1),
              "box", c->demo.box, sizeof c->demo.box);
}

void canon_turn(struct canon *c, int turn)
{
    struct farm *m = &c->farm;
    switch (turn) {
    case 0: set_up(m); break;
    case LOT_1: farm_lot(m, m->farmer1, 20000000, c->demo.lot1); break;
    case LOT_2: farm_lot(m, m->farmer2, 10000000, c->demo.lot2); break;
    case RUN_START:
        farm_start_run(m, c->demo.lot1, c->demo.lot2, &c->demo.run);
        farm_ok(m, "box.open", "{s:s,s:i}", "line", "a", "outlet", 1);
        break;
    case BOX: box(c); break;
    case RUN_STOP: farm_ok(m, "run.stop", "{s:s}", "run", c->demo.run.id); break;
    case HAND_OUT: hand_out(c); break;
    case HAND_BACK:
        json_decref(
            farm_weigh(m, "hand.back", 6000000, "{s:s,s:s}", "task", c->demo.task, "grade", "1"));
        break;
    case HAND_CLOSE: farm_ok(m, "hand.close", "{s:s}", "task", c->demo.task); break;
    default:
        if (turn < BOX)
            items(c);
        now_and_then(c, turn);
    }
}

void canon_rest(struct canon *c, int turn)
{
    struct store *s = c->farm.f.s;
    if (turn % 5 == 4) {
        db_checkpoint(store_people(s), turn % 2);
        db_checkpoint(store_db(s), turn % 2);
    }
    if (turn == STOP_AFTER)
        canon_close(c);
}

int canon_go_on(struct canon *c)
{
    struct store *s = c->farm.f.s;
    struct item_line_state st = {0};
    struct item it;
    char name[24], pid[PEOPLE_PID_SIZE];
    int rc = store_begin(s, NULL);
    if (rc)
        return rc;
    json_t *details = json_pack("{s:s}", "map", "sorter");
    rc = line_configure(s, "a", details, &c->farm.f.line, NULL);
    json_decref(details);
    if (rc == 0)
        rc = item_line_state(s, c->farm.f.line, &st, NULL);
    if (rc == 0 && !st.epoch)
        rc = epoch_propose(s, c->farm.f.line, 7, &st.epoch, NULL);
    c->farm.f.epoch = st.epoch;
    it = fix_item(&c->farm.f, st.seq + 1);
    it.run = it.rule = 0;
    if (rc == 0)
        rc = item_append(s, &it, NULL);
    snprintf(name, sizeof name, CANARY_NAME "%u", st.seq);
    if (rc == 0)
        rc = people_add(s, "farmer", name, NULL, NULL, pid, NULL);
    if (rc == 0)
        rc = store_commit(s, NULL);
    if (rc)
        store_rollback(s);
    return rc;
}
