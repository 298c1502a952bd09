/* YAML → the parts of a map of kind `lines`, by row tables. Knows keys, types and bounds of single
 * values; what they mean together is lines_check.c's. Pure but for the report; once per load. */
#include "plc-maps/map_parts.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { OFFSET_MAX = LINES_FRAME_MAX - 1 };

/* ---- tables ---- */

struct top_extra {
    struct lines_map l;
    const struct ynode *forms, *asks;
};
#define TOP(f) offsetof(struct top_extra, l.f), sizeof(((struct top_extra *)0)->l.f)
static const struct conf_row top_rows[] = {
    {"mode", CONF_ENUM, TOP(mode), 0, 0, NULL, LINES_MODES, "",
     "The scale talks by itself, or answers when it is asked."},
    {"gap_ms", CONF_INT, TOP(gap_ms), 10, 400, "200", NULL, "ms",
     "Bytes of one frame stand no further apart."},
    {"timeout_ms", CONF_INT, TOP(timeout_ms), 0, 2000, "0", NULL, "ms",
     "Mode asked: longest wait for an answer."},
    {"stable_frames", CONF_INT, TOP(stable_frames), 2, 50, "5", NULL, "frames",
     "Without a flag of its own a weight is stable after so many equal frames …"},
    {"stable_ms", CONF_INT, TOP(stable_ms), 200, 10000, "500", NULL, "ms",
     "… over so long; the configuration may override both."},
    {"forms", CONF_NODE, CONF_AT(top_extra, forms), 0, 0, NULL, NULL, "",
     "What a frame may look like; every byte of it is named."},
    {"asks", CONF_NODE, CONF_AT(top_extra, asks), 0, 0, "", NULL, "",
     "Mode asked: the requests of one round, in order."},
};
#undef TOP

struct form_extra {
    struct lines_form f;
    const struct ynode *begin, *end, *match, *skip, *check, *digits, *sign, *decimals, *unit,
        *shows, *stable;
};
#define FORM(m) offsetof(struct form_extra, f.m), sizeof(((struct form_extra *)0)->f.m)
#define AT(m)   CONF_AT(form_extra, m)
static const struct conf_row form_rows[] = {
    {"name", CONF_TEXT, FORM(name), 1, 0, NULL, NULL, "", "Name of the form."},
    {"says", CONF_ENUM, FORM(says), 0, 0, "weight", LINES_SAYS, "",
     "What it tells: a weight, or that there is none because of this."},
    {"length", CONF_INT, FORM(length), 3, LINES_FRAME_MAX, NULL, NULL, "bytes", "Of the frame."},
    {"begin", CONF_NODE, AT(begin), 0, 0, NULL, NULL, "", "Its first bytes, at most 4."},
    {"end", CONF_NODE, AT(end), 0, 0, "", NULL, "", "Its last bytes, at most 4."},
    {"closed_by", CONF_INT, FORM(closed_by), -1, 255, "-1", NULL, "",
     "The frame counts only when this byte, the next frame's first, has come behind it."},
    {"address", CONF_INT, FORM(address), -1, OFFSET_MAX, "-1", NULL, "bytes",
     "Offset of the scale's address, A to Z."},
    {"check", CONF_NODE, AT(check), 0, 0, "", NULL, "", "Its checksum."},
    {"match", CONF_NODE, AT(match), 0, 0, "", NULL, "", "Texts that always stand there."},
    {"skip", CONF_NODE, AT(skip), 0, 0, "", NULL, "", "Characters that mean nothing to a weight."},
    {"digits", CONF_NODE, AT(digits), 0, 0, "", NULL, "", "The weight's digits."},
    {"sign", CONF_NODE, AT(sign), 0, 0, "", NULL, "", "Its sign, when at a place of its own."},
    {"decimals", CONF_NODE, AT(decimals), 0, 0, "", NULL, "",
     "Decimal places when no point shows them: a number, or the digit that says it."},
    {"unit", CONF_NODE, AT(unit), 0, 0, "", NULL, "",
     "Where the unit stands; without it the configuration says it, from the certificate."},
    {"shows", CONF_NODE, AT(shows), 0, 0, "", NULL, "",
     "Which weight it is: displayed (the default), gross or net, or where that stands."},
    {"stable", CONF_NODE, AT(stable), 0, 0, "", NULL, "",
     "Where the scale says whether it is stable; without it the host judges."},
    {"source", CONF_TEXT, FORM(source), 1, 0, NULL, NULL, "", "Where it is from."},
    {"confidence", CONF_ENUM, FORM(confidence), 0, 0, NULL, MAP_CONFIDENCES, "",
     "A manual or maker's code, B independent working code, C neither."},
};
#undef AT
#undef FORM

#define AT(m) CONF_AT(lines_check, m)
static const struct conf_row check_rows[] = {
    {"kind", CONF_ENUM, AT(kind), 0, 0, "xor", LINES_CHECKS, "",
     "Exclusive or of the bytes, as two digits 0-9 A-F."},
    {"from", CONF_INT, AT(from), 0, OFFSET_MAX, NULL, NULL, "bytes", "First byte."},
    {"to", CONF_INT, AT(to), 0, OFFSET_MAX, NULL, NULL, "bytes", "Last byte."},
    {"at", CONF_INT, AT(at), 0, OFFSET_MAX, NULL, NULL, "bytes", "Where its two digits stand."},
};
#undef AT
#define AT(m) CONF_AT(lines_match, m)
static const struct conf_row match_rows[] = {
    {"at", CONF_INT, AT(at), 0, OFFSET_MAX, NULL, NULL, "bytes", "Offset in the frame."},
    {"text", CONF_TEXT, AT(text), 1, 0, NULL, NULL, "", "What stands there."},
};
#undef AT
#define AT(m) CONF_AT(lines_skip, m)
static const struct conf_row skip_rows[] = {
    {"at", CONF_INT, AT(at), 0, OFFSET_MAX, NULL, NULL, "bytes", "Offset in the frame."},
    {"width", CONF_INT, AT(width), 1, LINES_FRAME_MAX, NULL, NULL, "bytes", "How many."},
};
#undef AT
#define AT(m) CONF_AT(lines_digits, m)
static const struct conf_row digits_rows[] = {
    {"at", CONF_INT, AT(at), 0, OFFSET_MAX, NULL, NULL, "bytes", "Offset of the first."},
    {"width", CONF_INT, AT(width), 1, LINES_DIGITS_MAX, NULL, NULL, "bytes",
     "How many characters, with point, minus and blanks."},
    {"order", CONF_ENUM, AT(order), 0, 0, "forward", LINES_ORDERS, "",
     "The high digit comes first, or the low one."},
    {"point", CONF_BOOL, AT(point), 0, 0, "no", NULL, "", "A point may stand among them."},
    {"minus", CONF_BOOL, AT(minus), 0, 0, "no", NULL, "", "A minus may stand before them."},
    {"blanks", CONF_ENUM, AT(blanks), 0, 0, "none", LINES_BLANKS, "",
     "Where blanks may stand, in reading order."},
};
#undef AT
#define AT(m) CONF_AT(lines_sign, m)
static const struct conf_row sign_rows[] = {
    {"at", CONF_INT, AT(at), 0, OFFSET_MAX, NULL, NULL, "bytes", "Offset in the frame."},
    {"minus", CONF_TEXT, AT(minus), 1, 1, "-", NULL, "", "The character below zero."},
    {"plus", CONF_TEXT, AT(plus), 1, 0, NULL, NULL, "", "The characters from zero on."},
};
#undef AT
#define AT(m) CONF_AT(lines_decimals, m)
static const struct conf_row decimals_rows[] = {
    {"at", CONF_INT, AT(at), 0, OFFSET_MAX, NULL, NULL, "bytes", "Offset of the digit."},
    {"max", CONF_INT, AT(max), 0, 6, NULL, NULL, "", "The largest that it may be."},
};
#undef AT

struct words_extra {
    int64_t at;
    const struct ynode *words;
};
#define AT(m) CONF_AT(words_extra, m)
static const struct conf_row words_rows[] = {
    {"at", CONF_INT, AT(at), 0, OFFSET_MAX, NULL, NULL, "bytes", "Offset in the frame."},
    {"words", CONF_NODE, AT(words), 0, 0, NULL, NULL, "",
     "What may stand there and what it means, all of one length."},
};
#undef AT

struct ask_extra {
    struct lines_request q;
    const struct ynode *bytes, *check;
};
#define ASK(m) offsetof(struct ask_extra, q.m), sizeof(((struct ask_extra *)0)->q.m)
#define AT(m)  CONF_AT(ask_extra, m)
static const struct conf_row ask_rows[] = {
    {"name", CONF_TEXT, ASK(name), 1, 0, NULL, NULL, "", "Name of the request."},
    {"bytes", CONF_NODE, AT(bytes), 0, 0, NULL, NULL, "", "What is sent, 0 where it is filled in."},
    {"address", CONF_INT, ASK(address), -1, OFFSET_MAX, "-1", NULL, "bytes",
     "Where the scale's address is filled in, A to Z."},
    {"check", CONF_NODE, AT(check), 0, 0, "", NULL, "", "Its checksum, filled in."},
    {"answer", CONF_TEXT, ASK(answer), 1, 0, NULL, NULL, "", "The form that answers it."},
};
#undef AT
#undef ASK

/* ---- parts ---- */

static void read_edge(struct confdoc *d, const struct ynode *at, uint8_t *out, size_t max,
                      size_t *ret_n)
{
    int64_t v[LINES_FRAME_MAX];
    if (!confdoc_ints(d, at, 0, 255, max, v, ret_n))
        *ret_n = 0;
    for (size_t i = 0; i < *ret_n; i++)
        out[i] = (uint8_t)v[i];
}

static void read_check(struct confdoc *d, const struct ynode *at, struct lines_check *c)
{
    if (at && confdoc_read(d, check_rows, N(check_rows), at, c))
        c->line = at->line;
    else
        c->at = -1;
}

/* A word that stands in a frame, and the word that says what it means. */
static void read_word(struct confdoc *d, const struct ynode *at, const char *meanings,
                      struct lines_words *w)
{
    struct lines_word *one = &w->word[w->n];
    struct err e = {0};
    size_t n = strlen(at->key);
    if (n < 1 || n > LINES_WORD_LEN)
        confdoc_error(d, ERR_RANGE, at->line, "a word has 1 to %d characters", LINES_WORD_LEN);
    else if (conf_word(d->doc, at, meanings, &one->means, &e) < 0)
        confdoc_error(d, e.code, e.line, "%s", e.text);
    else {
        memcpy(one->text, at->key, n + 1);
        w->n++;
    }
}

static void read_words(struct confdoc *d, const struct ynode *at, const char *meanings,
                       struct lines_words *w)
{
    struct words_extra x = {0};
    if (!at || !confdoc_read(d, words_rows, N(words_rows), at, &x))
        return;
    w->at = x.at;
    w->line = at->line;
    if (x.words->kind != YNODE_MAP || x.words->n < 1 || x.words->n > LINES_WORDS_MAX) {
        confdoc_error(d, ERR_PARSE, x.words->line, "\"words\" must be a map of 1 to %d words",
                      LINES_WORDS_MAX);
        return;
    }
    for (size_t i = 0; i < x.words->n; i++)
        read_word(d, x.words->child[i], meanings, w);
    w->width = strlen(w->word[0].text);
}

static void read_digits(struct confdoc *d, const struct form_extra *x, struct lines_form *f)
{
    struct err e = {0};
    f->sign.at = f->decimals.at = f->decimals.fixed = -1;
    if (x->digits && confdoc_read(d, digits_rows, N(digits_rows), x->digits, &f->digits))
        f->digits.line = x->digits->line;
    if (x->sign && confdoc_read(d, sign_rows, N(sign_rows), x->sign, &f->sign))
        f->sign.line = x->sign->line;
    if (!x->decimals)
        return;
    f->decimals.line = x->decimals->line;
    if (x->decimals->kind == YNODE_MAP)
        confdoc_read(d, decimals_rows, N(decimals_rows), x->decimals, &f->decimals);
    else if (conf_int(d->doc, x->decimals, 0, 6, &f->decimals.fixed, &e) < 0)
        confdoc_error(d, e.code, e.line, "%s", e.text);
}

static void read_lists(struct confdoc *d, const struct form_extra *x, struct lines_form *f)
{
    for (size_t i = 0; confdoc_list(d, x->match, LINES_MATCH_MAX) && x->match && i < x->match->n;
         i++) {
        struct lines_match *m = &f->match[f->n_match];
        m->line = x->match->child[i]->line;
        f->n_match += confdoc_read(d, match_rows, N(match_rows), x->match->child[i], m);
    }
    for (size_t i = 0; confdoc_list(d, x->skip, LINES_MATCH_MAX) && x->skip && i < x->skip->n;
         i++) {
        struct lines_skip *s = &f->skip[f->n_skip];
        s->line = x->skip->child[i]->line;
        f->n_skip += confdoc_read(d, skip_rows, N(skip_rows), x->skip->child[i], s);
    }
}

static void read_form(struct confdoc *d, struct lines_map *l, const struct ynode *at)
{
    struct form_extra x = {0};
    struct err e = {0};
    if (!confdoc_read(d, form_rows, N(form_rows), at, &x))
        return;
    struct lines_form *f = &l->forms[l->n_forms++];
    *f = x.f;
    f->line = at->line;
    read_edge(d, x.begin, f->begin, LINES_EDGE_MAX, &f->n_begin);
    read_edge(d, x.end, f->end, LINES_EDGE_MAX, &f->n_end);
    read_check(d, x.check, &f->check);
    read_digits(d, &x, f);
    read_lists(d, &x, f);
    read_words(d, x.unit, MAP_UNITS, &f->unit);
    read_words(d, x.stable, "no|yes", &f->stable);
    if (x.shows && x.shows->kind == YNODE_MAP)
        read_words(d, x.shows, LINES_SHOWS, &f->shown);
    else if (x.shows && conf_word(d->doc, x.shows, LINES_SHOWS, &f->shows, &e) < 0)
        confdoc_error(d, e.code, e.line, "%s", e.text);
}

static void read_ask(struct confdoc *d, struct lines_map *l, const struct ynode *at)
{
    struct ask_extra x = {0};
    if (!confdoc_read(d, ask_rows, N(ask_rows), at, &x))
        return;
    struct lines_request *q = &l->asks[l->n_asks++];
    *q = x.q;
    q->line = at->line;
    read_edge(d, x.bytes, q->bytes, LINES_FRAME_MAX, &q->n);
    read_check(d, x.check, &q->check);
}

void lines_read(struct confdoc *d, struct lines_map *l, const struct ynode *at)
{
    struct top_extra x = {0};
    if (!confdoc_read(d, top_rows, N(top_rows), at, &x))
        return;
    *l = x.l;
    l->line = at->line;
    if (confdoc_list(d, x.forms, LINES_FORMS_MAX))
        for (size_t i = 0; i < x.forms->n; i++)
            read_form(d, l, x.forms->child[i]);
    if (confdoc_list(d, x.asks, LINES_ASKS_MAX))
        for (size_t i = 0; x.asks && i < x.asks->n; i++)
            read_ask(d, l, x.asks->child[i]);
}

const struct map_keys *lines_keys(size_t i)
{
    static const struct map_keys tables[] = {
        {"lines", "lines:", top_rows, N(top_rows)},
        {"forms", "forms of lines, each entry:", form_rows, N(form_rows)},
        {"check", "check of a form or request:", check_rows, N(check_rows)},
        {"match", "match of a form, each entry:", match_rows, N(match_rows)},
        {"skip", "skip of a form, each entry:", skip_rows, N(skip_rows)},
        {"digits", "digits of a form:", digits_rows, N(digits_rows)},
        {"lines_sign", "sign of a form:", sign_rows, N(sign_rows)},
        {"lines_decimals", "decimals of a form as a digit:", decimals_rows, N(decimals_rows)},
        {"words", "unit, shows, stable of a form:", words_rows, N(words_rows)},
        {"asks", "asks of lines, each entry:", ask_rows, N(ask_rows)},
    };
    return i < N(tables) ? &tables[i] : i == N(tables) ? &lines_keys_stream : NULL;
}
