/* Characters → readings (contract: lines.h). Pure.
 * 1. A weight comes from one frame: every byte of it stood at its place, its check held, and what
 *    the map does not expect at a place ends the frame there and then.
 * 2. A byte is thrown away only when no form can begin with it.
 * 3. A weight that is no whole milligram, or whose decimal point stands elsewhere than the scale's
 *    d puts it, is BAD, never rounded. */
#include "base/num.h"
#include "plc-maps/map_parts.h"
#include <string.h>

static const int64_t unit_mg[] = {
    [UNIT_REFUSED] = 0, [UNIT_MG] = 1, [UNIT_G] = 1000, [UNIT_KG] = 1000000, [UNIT_T] = 1000000000};

/* ---- one frame against one form ---- */

static uint8_t hex_digit(unsigned v)
{
    return (uint8_t)(v < 10 ? '0' + v : 'A' + v - 10);
}

static void put_check(const struct lines_check *c, const uint8_t *bytes, uint8_t ret[2])
{
    unsigned x = 0;
    for (int64_t i = c->from; i <= c->to; i++)
        x ^= bytes[i];
    ret[0] = hex_digit(x >> 4);
    ret[1] = hex_digit(x & 15);
}

static bool in_digits(const struct lines_digits *d, uint8_t c)
{
    return (c >= '0' && c <= '9') || (c == '.' && d->point) || (c == '-' && d->minus) ||
           (c == ' ' && d->blanks != BLANKS_NONE);
}

static bool in_words(const struct lines_words *w, int64_t at, uint8_t c)
{
    for (size_t i = 0; i < w->n; i++)
        if (at >= w->at && at < w->at + (int64_t)w->width &&
            (uint8_t)w->word[i].text[at - w->at] == c)
            return true;
    return false;
}

/* Invariant 1: may c stand at this place? */
static bool may_stand(const struct lines_form *f, size_t at, uint8_t c)
{
    int64_t i = (int64_t)at;
    switch ((enum lines_place)f->place[at]) {
    case PLACE_NONE: return false;
    case PLACE_BYTE: return c == f->wanted[at];
    case PLACE_ADDRESS: return c >= 'A' && c <= 'Z';
    case PLACE_SIGN: return c && (c == (uint8_t)f->sign.minus[0] || strchr(f->sign.plus, c));
    case PLACE_DIGITS: return in_digits(&f->digits, c);
    case PLACE_DECIMALS: return c >= '0' && c <= '0' + f->decimals.max;
    case PLACE_CHECK: return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
    case PLACE_WORD:
        return in_words(&f->unit, i, c) || in_words(&f->shown, i, c) || in_words(&f->stable, i, c);
    case PLACE_SKIP: return c >= ' ' && c <= '~';
    }
    return false;
}

static const struct lines_word *word_at(const struct lines_words *w, const uint8_t *bytes)
{
    for (size_t i = 0; i < w->n; i++)
        if (memcmp(bytes + w->at, w->word[i].text, w->width) == 0)
            return &w->word[i];
    return NULL;
}

bool lines_fits(const struct lines_form *f, const uint8_t *bytes, size_t n, bool *ret_right)
{
    const struct lines_words *tables[] = {&f->unit, &f->shown, &f->stable};
    uint8_t check[2];
    for (size_t i = 0; i < n && i < (size_t)f->length; i++)
        if (!may_stand(f, i, bytes[i]))
            return false;
    *ret_right = true;
    if (n < (size_t)f->length)
        return true;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (tables[i]->n && !word_at(tables[i], bytes))
            return false;
    if (f->check.at >= 0) {
        put_check(&f->check, bytes, check);
        *ret_right = memcmp(bytes + f->check.at, check, 2) == 0;
    }
    return true;
}

/* ---- its meaning ---- */

struct number {
    int64_t value;
    size_t digits, decimals;
    bool minus;
};

static bool blank_may(const struct lines_digits *d, bool begun)
{
    return d->blanks == BLANKS_AROUND || d->blanks == (begun ? BLANKS_AFTER : BLANKS_BEFORE);
}

/* The digits in reading order: blanks, a minus, digits with a point among them, blanks. */
static bool read_digits(const struct lines_digits *d, const uint8_t *bytes, struct number *ret)
{
    struct number r = {0};
    bool begun = false, ended = false, point = false;
    for (int64_t k = 0; k < d->width; k++) {
        uint8_t c = bytes[d->order == DIGITS_FORWARD ? d->at + k : d->at + d->width - 1 - k];
        if (c == ' ' && blank_may(d, begun)) {
            ended = begun;
            continue;
        }
        if (c == ' ' || ended || (c == '-' && begun) || (c == '.' && point))
            return false;
        begun = true;
        if (c == '-') {
            r.minus = true;
        } else if (c == '.') {
            point = true;
        } else {
            r.value = r.value * 10 + (c - '0');
            r.digits++;
            r.decimals += point;
        }
    }
    *ret = r;
    return r.digits > 0;
}

static void put(struct reading *r, enum map_role role, int64_t v)
{
    r->value[role] = v;
    r->quality[role] = QUALITY_GOOD;
}

/* As many decimals as d needs in this unit: 2 for 0.05 kg. */
static size_t decimals_of(int64_t d_mg, int64_t one_mg)
{
    size_t n = 0;
    for (int64_t rest = d_mg % one_mg; rest; rest = rest * 10 % one_mg)
        n++;
    return n;
}

/* Invariant 3. */
static bool to_mg(const struct number *n, int unit, int64_t d_mg, int64_t *ret)
{
    int64_t v = n->minus ? -n->value : n->value, step = 1;
    for (size_t i = 0; i < n->decimals; i++)
        step *= 10;
    if (unit == UNIT_REFUSED || (d_mg && decimals_of(d_mg, unit_mg[unit]) != n->decimals))
        return false;
    if (num_mul(v, unit_mg[unit], &v) < 0 || v % step != 0)
        return false;
    *ret = v / step;
    return true;
}

static bool read_number(const struct lines_form *f, const uint8_t *bytes, struct number *ret)
{
    if (!read_digits(&f->digits, bytes, ret))
        return false;
    if (f->sign.at >= 0)
        ret->minus = bytes[f->sign.at] == (uint8_t)f->sign.minus[0];
    if (f->decimals.at >= 0)
        ret->decimals = (size_t)(bytes[f->decimals.at] - '0');
    else if (f->decimals.fixed >= 0)
        ret->decimals = (size_t)f->decimals.fixed;
    return true;
}

static int meaning(const struct lines_words *w, const uint8_t *bytes, int otherwise)
{
    const struct lines_word *found = w->n ? word_at(w, bytes) : NULL;
    return found ? found->means : otherwise;
}

/* Which flags the map's frames can show at all: those are 0 when this one does not. */
static void put_flags(const struct lines_map *l, const struct lines_form *f, struct reading *ret)
{
    static const struct {
        int says;
        enum map_role role;
    } flags[] = {{SAYS_OVER, ROLE_SCALE_OVER},
                 {SAYS_UNDER, ROLE_SCALE_UNDER},
                 {SAYS_ERROR, ROLE_SCALE_ERROR}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        for (size_t k = 0; k < l->n_forms; k++)
            if (l->forms[k].says == flags[i].says)
                put(ret, flags[i].role, f->says == flags[i].says);
}

bool lines_decode(const struct lines_map *l, const struct lines_form *f, const uint8_t *bytes,
                  const struct lines_as *as, struct reading *ret)
{
    struct number n;
    struct reading r = {0};
    int64_t mg;
    put_flags(l, f, &r);
    if (f->says != SAYS_WEIGHT) {
        r.quality[ROLE_SCALE_NET] = QUALITY_BAD;
        *ret = r;
        return true;
    }
    if (!read_number(f, bytes, &n))
        return false;
    int shows = meaning(&f->shown, bytes, f->shows), unit = meaning(&f->unit, bytes, as->unit);
    enum map_role role = shows == SHOWS_GROSS ? ROLE_SCALE_GROSS : ROLE_SCALE_NET;
    put(&r, ROLE_SCALE_DECIMALS, (int64_t)n.decimals);
    if (f->shown.n)
        put(&r, ROLE_SCALE_NET_MODE, shows == SHOWS_NET);
    if (f->stable.n)
        put(&r, ROLE_SCALE_STABLE, meaning(&f->stable, bytes, 0));
    r.quality[role] = QUALITY_BAD;
    if (to_mg(&n, unit, as->d_mg, &mg))
        put(&r, role, mg);
    *ret = r;
    return true;
}

/* ---- the stream ---- */

void lines_scan_init(struct lines_scan *s, const struct map *m, const struct lines_as *as)
{
    *s = (struct lines_scan){.map = m, .as = *as};
}

static void drop(struct lines_scan *s, size_t n)
{
    s->n -= n;
    memmove(s->bytes, s->bytes + n, s->n);
    memmove(s->came, s->came + n, s->n * sizeof s->came[0]);
}

static void throw_away(struct lines_scan *s, size_t n)
{
    s->counts.thrown += n;
    drop(s, n);
}

void lines_scan_break(struct lines_scan *s)
{
    throw_away(s, s->n);
}

void lines_scan_put(struct lines_scan *s, uint8_t byte, struct mono now)
{
    if (s->n && mono_since_ms(now, s->came[s->n - 1]) > s->map->lines.gap_ms)
        lines_scan_break(s);
    if (s->n == sizeof s->bytes)
        throw_away(s, 1);
    s->bytes[s->n] = byte;
    s->came[s->n++] = now;
}

enum fit { FIT_NONE, FIT_MORE, FIT_WHOLE, FIT_WRONG };

static enum fit fit(const struct lines_scan *s, const struct lines_form *f)
{
    size_t length = (size_t)f->length, closing = f->closed_by >= 0;
    bool right;
    if (!lines_fits(f, s->bytes, s->n, &right))
        return FIT_NONE;
    if (s->n < length + closing)
        return FIT_MORE;
    if (closing && s->bytes[length] != f->closed_by)
        return FIT_NONE;
    return right ? FIT_WHOLE : FIT_WRONG;
}

/* A whole frame at the head. false: it is of another address, or its digits are none. */
static bool take(struct lines_scan *s, size_t form, struct lines_frame *ret)
{
    const struct lines_map *l = &s->map->lines;
    const struct lines_form *f = &l->forms[form];
    size_t n = (size_t)f->length;
    if (f->address >= 0 && s->bytes[f->address] != 'A' + s->as.address - 1) {
        s->counts.others++;
        drop(s, n);
        return false;
    }
    if (!lines_decode(l, f, s->bytes, &s->as, &ret->r)) {
        throw_away(s, 1);
        return false;
    }
    ret->form = form;
    ret->n = n;
    ret->at = s->came[n - 1];
    memcpy(ret->bytes, s->bytes, n);
    s->counts.frames++;
    drop(s, n);
    return true;
}

bool lines_scan_next(struct lines_scan *s, struct lines_frame *ret)
{
    const struct lines_map *l = &s->map->lines;
    while (s->n) {
        bool more = false, wrong = false;
        size_t whole = l->n_forms;
        for (size_t i = 0; i < l->n_forms && whole == l->n_forms; i++) {
            enum fit is = fit(s, &l->forms[i]);
            more = more || is == FIT_MORE;
            wrong = wrong || is == FIT_WRONG;
            if (is == FIT_WHOLE)
                whole = i;
        }
        if (whole < l->n_forms) {
            if (take(s, whole, ret))
                return true;
        } else if (more) {
            return false;
        } else { /* invariant 2 */
            s->counts.wrong_checks += wrong;
            throw_away(s, 1);
        }
    }
    return false;
}

/* ---- asking ---- */

size_t lines_asks(const struct map *m)
{
    return m->lines.n_asks;
}

size_t lines_ask(const struct map *m, size_t i, uint8_t address, uint8_t *out, size_t *ret_form)
{
    const struct lines_request *q = &m->lines.asks[i];
    memcpy(out, q->bytes, q->n);
    if (q->address >= 0)
        out[q->address] = (uint8_t)('A' + address - 1);
    if (q->check.at >= 0)
        put_check(&q->check, out, out + q->check.at);
    *ret_form = q->form;
    return q->n;
}

struct lines_times lines_times(const struct map *m)
{
    const struct lines_map *l = &m->lines;
    struct lines_times t = {.gap_ms = (uint32_t)l->gap_ms,
                            .timeout_ms = (uint32_t)l->timeout_ms,
                            .stable_ms = (uint32_t)l->stable_ms,
                            .stable_frames = (uint32_t)l->stable_frames};
    for (size_t i = 0; i < l->n_forms; i++)
        t.judged = t.judged || l->forms[i].stable.n > 0;
    return t;
}

bool lines_say_unit(const struct map *m)
{
    for (size_t i = 0; i < m->lines.n_forms; i++)
        if (m->lines.forms[i].says == SAYS_WEIGHT && m->lines.forms[i].unit.n == 0)
            return false;
    return true;
}

bool lines_say_address(const struct map *m)
{
    for (size_t i = 0; i < m->lines.n_forms; i++)
        if (m->lines.forms[i].address >= 0)
            return true;
    return false;
}
