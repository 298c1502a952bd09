/* Golden streams of a map of kind `lines`: characters and what they must mean. Pure but for the
 * report. A vector speaks of every value that its frames give, as those of registers do. */
#include "plc-maps/map_parts.h"
#include "plc-maps/vector.h"
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { STREAM_MAX = 160 };

struct stream {
    char name[64], origin[96], hex[STREAM_MAX * 3], text[STREAM_MAX], request[32];
    int unit, line;
    int64_t address, frames, thrown;
    const struct ynode *expect, *bad;
    uint8_t bytes[STREAM_MAX];
    size_t n;
};
#define AT(f) CONF_AT(stream, f)
static const struct conf_row rows[] = {
    {"name", CONF_TEXT, AT(name), 1, 0, NULL, NULL, "", "What the characters show."},
    {"origin", CONF_TEXT, AT(origin), 1, 0, NULL, NULL, "",
     "\"manual page …\", \"capture …\", \"test …\" or \"constructed\"."},
    {"bytes", CONF_TEXT, AT(hex), 0, 0, "", NULL, "", "The stream, two digits 0-9 A-F a byte."},
    {"text", CONF_TEXT, AT(text), 0, 0, "", NULL, "", "Or the stream as printable text."},
    {"request", CONF_TEXT, AT(request), 0, 0, "", NULL, "",
     "The request whose bytes these are; without it they are what the scale sends."},
    {"address", CONF_INT, AT(address), 1, LINES_ADDRESSES, "1", NULL, "", "Of the scale."},
    {"unit", CONF_ENUM, AT(unit), 0, 0, "none", LINES_UNITS, "",
     "What the configuration says, when the frames do not."},
    {"frames", CONF_INT, AT(frames), 0, STREAM_MAX, "1", NULL, "", "Frames that must be found."},
    {"thrown", CONF_INT, AT(thrown), 0, STREAM_MAX, "0", NULL, "bytes", "Bytes of no frame."},
    {"expect", CONF_NODE, AT(expect), 0, 0, "", NULL, "", "Values of each frame by name."},
    {"bad", CONF_NODE, AT(bad), 0, 0, "", NULL, "", "Names whose quality must be bad."},
};
#undef AT

const struct map_keys lines_keys_stream = {"stream", "vectors of kind lines, each entry:", rows,
                                           N(rows)};

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_bytes(struct confdoc *d, struct stream *v)
{
    if ((v->hex[0] != 0) == (v->text[0] != 0))
        return confdoc_error(d, ERR_KEY, v->line, "a vector has either bytes or text");
    v->n = strlen(v->text);
    memcpy(v->bytes, v->text, v->n);
    for (const char *p = v->hex; *p; p++) {
        int high = hex_value(p[0]), low = high < 0 ? -1 : hex_value(p[1]);
        if (low < 0 || v->n == STREAM_MAX)
            return confdoc_error(d, ERR_PARSE, v->line, "\"bytes\" are at most %d pairs of 0-9 A-F",
                                 STREAM_MAX);
        v->bytes[v->n++] = (uint8_t)(high << 4 | low);
        p += p[2] == ' ' ? 2 : 1;
    }
    return true;
}

static void run_request(struct confdoc *d, const struct map *m, const struct stream *v)
{
    uint8_t out[LINES_FRAME_MAX];
    size_t form;
    for (size_t i = 0; i < m->lines.n_asks; i++)
        if (strcmp(m->lines.asks[i].name, v->request) == 0) {
            size_t n = lines_ask(m, i, (uint8_t)v->address, out, &form);
            if (n != v->n || memcmp(out, v->bytes, n) != 0)
                confdoc_error(d, ERR_CHECK, v->line, "vector \"%s\": request \"%s\" is another",
                              v->name, v->request);
            return;
        }
    confdoc_error(d, ERR_KEY, v->line, "vector \"%s\": no request \"%s\"", v->name, v->request);
}

static void run_stream(struct confdoc *d, const struct map *m, const struct stream *v)
{
    struct lines_as as = {.address = (uint8_t)v->address, .unit = v->unit};
    struct lines_scan s;
    struct lines_frame f = {0};
    struct expected want;
    uint64_t bad;
    if (!vector_expect(d, v->expect, map_role_words, ROLE_COUNT, &want) ||
        !vector_bits(d, v->bad, map_role_words, &bad))
        return;
    lines_scan_init(&s, m, &as);
    for (size_t i = 0; i < v->n; i++) {
        lines_scan_put(&s, v->bytes[i], (struct mono){0});
        while (lines_scan_next(&s, &f))
            vector_reading(d, v->name, v->line, &f.r, &want, bad, "its frame");
    }
    if (s.counts.frames != (uint64_t)v->frames || s.counts.thrown != (uint64_t)v->thrown)
        confdoc_error(d, ERR_CHECK, v->line,
                      "vector \"%s\": %d frames found and %d bytes thrown away, not %d and %d",
                      v->name, (int)s.counts.frames, (int)s.counts.thrown, (int)v->frames,
                      (int)v->thrown);
}

void lines_vector(struct confdoc *d, const struct map *m, const struct ynode *at)
{
    struct stream v = {.line = at->line};
    if (!confdoc_read(d, rows, N(rows), at, &v))
        return;
    if (!vector_origin_known(v.origin))
        confdoc_error(
            d, ERR_CHECK, at->line,
            "\"origin\" must be \"manual page …\", \"capture …\", \"test …\" or \"constructed\"");
    if (!read_bytes(d, &v))
        return;
    if (v.request[0])
        run_request(d, m, &v);
    else
        run_stream(d, m, &v);
}
