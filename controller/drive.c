/* A drive, read only. Bus thread writes its snapshot, others read it. */
#include "controller/drive.h"
#include "controller/image.h"
#include "controller/snapshot.h"
#include <stdlib.h>

struct drive {
    const char *name;
    struct image image;
    struct drive_view own;
    struct snapshot *shown;
};

int drive_new(const struct drive_options *o, struct drive **ret, struct err *e)
{
    struct drive *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(e, ERR_NOMEM, "no memory for drive %s", o->name);
    d->name = o->name;
    image_init(&d->image, o->map, o->unit, o->period_ms);
    if (!(d->shown = snapshot_new(sizeof(d->own)))) {
        drive_free(d);
        return err_set(e, ERR_NOMEM, "no memory for drive %s", o->name);
    }
    *ret = d;
    return 0;
}

void drive_free(struct drive *d)
{
    if (d)
        snapshot_free(d->shown);
    free(d);
}

static bool want(void *self, struct mono now, struct want *ret, struct mono *ret_wake)
{
    struct drive *d = self;
    return image_want(&d->image, now, ret, ret_wake);
}

static int64_t role(const struct reading *r, enum map_role id)
{
    return r->quality[id] == QUALITY_GOOD ? r->value[id] : 0;
}

static void reply(void *self, const struct want *w, const struct reply *r, struct mono now)
{
    struct drive *d = self;
    struct reading got;
    if (image_reply(&d->image, w, r, now, &got))
        d->own = (struct drive_view){.good = got.quality[ROLE_DRIVE_RUNNING] == QUALITY_GOOD,
                                     .running = role(&got, ROLE_DRIVE_RUNNING) != 0,
                                     .fault = role(&got, ROLE_DRIVE_FAULT),
                                     .speed_mhz = role(&got, ROLE_DRIVE_SPEED),
                                     .current_ma = role(&got, ROLE_DRIVE_CURRENT),
                                     .at = r->got};
    d->own.link_up = d->image.link_up;
    d->own.refused = d->image.refused;
    d->own.good = d->own.good && !d->own.refused;
    snapshot_put(d->shown, &d->own);
}

static void doubt(void *self)
{
    struct drive *d = self;
    image_doubt(&d->image);
}

struct device drive_device(struct drive *d)
{
    const struct map_breaker *k = &map_link(d->image.map)->breaker;
    return (struct device){.name = d->name,
                           .unit = d->image.unit,
                           .want = want,
                           .reply = reply,
                           .doubt = doubt,
                           .self = d,
                           .breaker_fails = k->fail_after,
                           .breaker_first_ms = k->first_ms,
                           .breaker_max_ms = k->max_ms};
}

void drive_get(const struct drive *d, struct drive_view *ret)
{
    snapshot_get(d->shown, ret);
}
