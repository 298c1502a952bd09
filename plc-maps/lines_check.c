/* What a map of kind `lines` means as a whole; lays its forms out, byte by byte. Pure but for the
 * report; runs once per load, only on maps that read cleanly.
 * Invariant: every byte of a form has exactly one meaning, so what the map does not expect ends a
 * frame. */
#include "plc-maps/map_parts.h"
#include <stdio.h>
#include <string.h>

enum { TOO_LONG_MS = 500 }; /* a reading older than this is not shown as fresh */

/* ---- bytes and their meaning ---- */

static void claim(struct confdoc *d, struct lines_form *f, int64_t at, int64_t width,
                  enum lines_place what, int line)
{
    if (at + width > f->length) {
        confdoc_error(d, ERR_RANGE, line, "byte %d is outside the form's %d bytes",
                      (int)(at + width - 1), (int)f->length);
        return;
    }
    for (int64_t i = at; i < at + width; i++) {
        if (f->place[i] != PLACE_NONE)
            confdoc_error(d, ERR_CHECK, line, "byte %d of form \"%s\" has a meaning already",
                          (int)i, f->name);
        f->place[i] = (uint8_t)what;
    }
}

static void claim_text(struct confdoc *d, struct lines_form *f, int64_t at, const uint8_t *text,
                       size_t n, int line)
{
    claim(d, f, at, (int64_t)n, PLACE_BYTE, line);
    for (size_t i = 0; i < n && at + (int64_t)i < f->length; i++)
        f->wanted[at + (int64_t)i] = text[i];
}

static void claim_words(struct confdoc *d, struct lines_form *f, const struct lines_words *w)
{
    for (size_t i = 1; i < w->n; i++)
        if (strlen(w->word[i].text) != w->width)
            confdoc_error(d, ERR_CHECK, w->line, "words at one place have one length");
    if (w->n)
        claim(d, f, w->at, (int64_t)w->width, PLACE_WORD, w->line);
}

static void claim_fields(struct confdoc *d, struct lines_form *f)
{
    if (f->digits.width)
        claim(d, f, f->digits.at, f->digits.width, PLACE_DIGITS, f->digits.line);
    if (f->sign.at >= 0)
        claim(d, f, f->sign.at, 1, PLACE_SIGN, f->sign.line);
    if (f->decimals.at >= 0)
        claim(d, f, f->decimals.at, 1, PLACE_DECIMALS, f->decimals.line);
    if (f->address >= 0)
        claim(d, f, f->address, 1, PLACE_ADDRESS, f->line);
    if (f->check.at >= 0)
        claim(d, f, f->check.at, 2, PLACE_CHECK, f->check.line);
    claim_words(d, f, &f->unit);
    claim_words(d, f, &f->shown);
    claim_words(d, f, &f->stable);
}

static void lay_out(struct confdoc *d, struct lines_form *f)
{
    claim_text(d, f, 0, f->begin, f->n_begin, f->line);
    if ((int64_t)f->n_end <= f->length)
        claim_text(d, f, f->length - (int64_t)f->n_end, f->end, f->n_end, f->line);
    for (size_t i = 0; i < f->n_match; i++)
        claim_text(d, f, f->match[i].at, (const uint8_t *)f->match[i].text,
                   strlen(f->match[i].text), f->match[i].line);
    for (size_t i = 0; i < f->n_skip; i++)
        claim(d, f, f->skip[i].at, f->skip[i].width, PLACE_SKIP, f->skip[i].line);
    claim_fields(d, f);
    for (int64_t i = 0; i < f->length; i++)
        if (f->place[i] == PLACE_NONE)
            confdoc_error(d, ERR_CHECK, f->line, "byte %d of form \"%s\" has no meaning: %s",
                          (int)i, f->name, "name it in match or skip");
}

/* ---- one form ---- */

static void check_weight(struct confdoc *d, const struct lines_form *f)
{
    const struct lines_digits *g = &f->digits;
    bool weight = f->says == SAYS_WEIGHT;
    if (weight != (g->width > 0))
        confdoc_error(d, ERR_KEY, f->line,
                      "a form has \"digits\" when it says a weight, only then");
    if (!weight && (f->sign.at >= 0 || f->decimals.line || f->unit.n || f->shown.n || f->stable.n))
        confdoc_error(d, ERR_CHECK, f->line,
                      "a form that says no weight has no sign, decimals, unit, shows or stable");
    if (weight && g->point == (f->decimals.line > 0))
        confdoc_error(d, ERR_CHECK, f->line,
                      "decimals are shown by a point among the digits, or "
                      "by \"decimals\": one of both");
    if (g->minus && f->sign.at >= 0)
        confdoc_error(d, ERR_CHECK, f->line, "the minus stands among the digits or at \"sign\"");
    if (f->sign.at >= 0 && strchr(f->sign.plus, f->sign.minus[0]))
        confdoc_error(d, ERR_CHECK, f->sign.line, "one character cannot be minus and plus");
}

static void check_form(struct confdoc *d, const struct lines_form *f)
{
    if (f->n_begin == 0)
        confdoc_error(d, ERR_CHECK, f->line, "\"begin\" names no byte");
    if (f->n_end == 0 && f->closed_by < 0)
        confdoc_error(d, ERR_CHECK, f->line,
                      "a form without \"end\" needs \"closed_by\": else a byte too many or too few "
                      "goes unseen");
    if (f->closed_by >= 0 && f->n_begin && f->closed_by != f->begin[0])
        confdoc_error(d, ERR_CHECK, f->line, "\"closed_by\" is the first byte of \"begin\"");
    if (f->check.at >= 0 && (f->check.from > f->check.to || f->check.to >= f->check.at))
        confdoc_error(d, ERR_RANGE, f->check.line,
                      "a check stands behind the bytes that it is made of");
    check_weight(d, f);
}

static void check_forms(struct confdoc *d, const struct lines_map *l)
{
    size_t weights = 0, judged = 0;
    for (size_t i = 0; i < l->n_forms; i++) {
        weights += l->forms[i].says == SAYS_WEIGHT;
        judged += l->forms[i].stable.n > 0;
        for (size_t k = 0; k < i; k++)
            if (strcmp(l->forms[k].name, l->forms[i].name) == 0)
                confdoc_error(d, ERR_CHECK, l->forms[i].line, "two forms are called \"%s\"",
                              l->forms[i].name);
    }
    if (weights == 0)
        confdoc_error(d, ERR_CHECK, l->line, "no form says a weight");
    if (judged && judged != weights)
        confdoc_error(d, ERR_CHECK, l->line,
                      "either all forms that say a weight show whether it is stable, or none");
}

/* ---- asking ---- */

static const struct lines_form *form_named(const struct lines_map *l, const char *name, size_t *ret)
{
    for (size_t i = 0; i < l->n_forms; i++)
        if (strcmp(l->forms[i].name, name) == 0) {
            *ret = i;
            return &l->forms[i];
        }
    return NULL;
}

static void check_ask(struct confdoc *d, struct lines_map *l, struct lines_request *q)
{
    const struct lines_check *c = &q->check;
    if (!form_named(l, q->answer, &q->form))
        confdoc_error(d, ERR_KEY, q->line, "request \"%s\": no form \"%s\" to answer it", q->name,
                      q->answer);
    if (q->n == 0 || q->address >= (int64_t)q->n)
        confdoc_error(d, ERR_RANGE, q->line, "request \"%s\": the address is outside its %d bytes",
                      q->name, (int)q->n);
    else if (q->address >= 0 && q->bytes[q->address] != 0)
        confdoc_error(d, ERR_CHECK, q->line, "byte %d is filled in: write 0 there",
                      (int)q->address);
    if (c->at >= 0 && (c->from > c->to || c->to >= c->at || c->at + 2 > (int64_t)q->n))
        confdoc_error(d, ERR_RANGE, c->line, "a check stands behind the bytes that it is made of");
    else if (c->at >= 0 && (q->bytes[c->at] || q->bytes[c->at + 1]))
        confdoc_error(d, ERR_CHECK, c->line, "bytes %d and %d are filled in: write 0 there",
                      (int)c->at, (int)c->at + 1);
    for (const struct lines_request *o = l->asks; o < q; o++)
        if (o->form == q->form || strcmp(o->name, q->name) == 0)
            confdoc_error(d, ERR_CHECK, q->line,
                          "requests \"%s\" and \"%s\" cannot be told apart by name and answer",
                          o->name, q->name);
}

static void check_asks(struct confdoc *d, struct lines_map *l)
{
    bool asked = l->mode == LINES_ASKED;
    if (asked != (l->n_asks > 0) || asked != (l->timeout_ms > 0))
        confdoc_error(d, ERR_KEY, l->line,
                      "\"asks\" and \"timeout_ms\" belong to mode asked, and it needs both");
    if ((int64_t)l->n_asks * l->timeout_ms >= TOO_LONG_MS)
        confdoc_error(d, ERR_RANGE, l->line,
                      "%d requests of \"timeout_ms\" %d are a round of %d ms or more: its weight "
                      "would be too old",
                      (int)l->n_asks, (int)l->timeout_ms, TOO_LONG_MS);
    for (size_t i = 0; i < l->n_asks; i++)
        check_ask(d, l, &l->asks[i]);
}

/* ---- the map ---- */

static void check_trade(struct confdoc *d, const struct map *m)
{
    if (m->trade == TRADE_NONE)
        return;
    if (m->origin.confidence == CONFIDENCE_C)
        confdoc_error(d, ERR_CHECK, m->line, "trade use needs confidence A or B");
    for (size_t i = 0; i < m->lines.n_forms; i++)
        if (m->lines.forms[i].confidence == CONFIDENCE_C)
            confdoc_error(d, ERR_CHECK, m->lines.forms[i].line,
                          "trade use needs confidence A or B of form \"%s\"",
                          m->lines.forms[i].name);
}

void lines_check(struct confdoc *d, struct map *m)
{
    struct lines_map *l = &m->lines;
    if (m->n_items || m->n_records || m->n_readable || m->n_writes || m->mailbox_part.line ||
        m->link_part.line)
        confdoc_error(d, ERR_CHECK, m->line,
                      "kind lines has no \"link\", \"mailbox\", \"item\", \"records\", "
                      "\"readable\" or \"write\"");
    for (size_t i = 0; i < m->n_proofs; i++)
        if (m->proofs[i].probe.fc)
            confdoc_error(d, ERR_CHECK, m->proofs[i].line,
                          "kind lines has no register that proves a setting or an identity");
    if (!l->line) {
        confdoc_error(d, ERR_KEY, m->line, "kind lines needs the key \"lines\"");
        return;
    }
    for (size_t i = 0; i < l->n_forms; i++) {
        check_form(d, &l->forms[i]);
        lay_out(d, &l->forms[i]);
    }
    check_forms(d, l);
    check_asks(d, l);
    check_trade(d, m);
}

void lines_describe(const struct map *m, void (*say)(void *ctx, const char *text), void *ctx)
{
    static const char *const says[] = {"a weight", "overload", "underload", "an error"};
    const struct lines_map *l = &m->lines;
    char text[320];
    snprintf(text, sizeof text, "lines: %s, bytes of a frame at most %d ms apart",
             l->mode == LINES_ASKED ? "answers when asked" : "talks by itself", (int)l->gap_ms);
    say(ctx, text);
    if (lines_times(m).judged)
        snprintf(text, sizeof text, "       the frame says whether the weight is stable");
    else
        snprintf(text, sizeof text, "       stable after %d equal frames over %d ms, judged here",
                 (int)l->stable_frames, (int)l->stable_ms);
    say(ctx, text);
    for (size_t i = 0; i < l->n_forms; i++) {
        const struct lines_form *f = &l->forms[i];
        snprintf(text, sizeof text, "form \"%s\": %s, %d bytes, %s, confidence %c, %s", f->name,
                 says[f->says], (int)f->length, f->check.at >= 0 ? "with a check" : "no check",
                 'A' + f->confidence, f->source);
        say(ctx, text);
    }
    for (size_t i = 0; i < l->n_asks; i++) {
        snprintf(text, sizeof text, "asks \"%s\": %d bytes, answered by form \"%s\" within %d ms",
                 l->asks[i].name, (int)l->asks[i].n, l->asks[i].answer, (int)l->timeout_ms);
        say(ctx, text);
    }
}
