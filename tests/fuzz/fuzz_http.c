/* Addresses, queries, forms and headers as a browser may send them; pure readers only. Lines of the
 * input: address, Accept, Accept-Language, Accept-Encoding, form, name of a field. */
#include "tests/fuzz/fuzz.h"
#include "web/listen.h"
#include "web/resolve.h"
#include "web/route.h"

void fuzz_setup(void)
{
}

/* No control character, whatever was sent (invariant 1 of request.c). */
static void printable(const char *text, bool form)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool line = form && (c == '\n' || c == '\r' || c == '\t');
        assert((c >= 0x20 || line) && c != 0x7f);
    }
}

static void address(const char *uri, const char *language)
{
    struct request *q = malloc(sizeof *q);
    const char *args[ROUTE_ARGS] = {0}, *part, *text;
    unsigned methods;
    struct target t;
    char value[32];
    assert(q);
    memset(q, 0xAA, sizeof *q);
    q->exchange = NULL;
    q->method = METHOD_GET;
    if (request_parse(uri, q) == 0) {
        assert(q->n_segments <= REQUEST_SEGMENTS);
        for (size_t i = 0; i < q->n_segments; i++) {
            assert(*q->segment[i]);
            printable(q->segment[i], false);
        }
        request_language(q, *language ? language : NULL);
        route_match(q, WEB_PUBLIC, args, &methods);
        route_match(q, WEB_SHED, args, &methods);
        if (q->n_segments && resolve(q->segment, q->n_segments, &t, &part, &text) == 0) {
            assert(ident_lot_ok(t.lot) || ident_box_ok(t.box));
            json_decref(resolve_linkset("https://x.example", t.id, &t, "t"));
        }
        if (request_query(q, "linkType", value, sizeof value) == 0)
            resolve_link(value);
        request_query(q, "s", value, 4);
    }
    free(q);
}

static void headers(const char *accept, const char *encoding)
{
    static const char *const offered[] = {"text/html", "application/linkset+json",
                                          "application/json", NULL};
    assert(accept_best(accept, offered));
    accept_gzip(encoding);
}

static void form(const char *text, const char *name)
{
    char value[48];
    if (form_get(text, name, value, sizeof value) == 0) {
        assert(strlen(value) < sizeof value);
        printable(value, true);
    }
    char host[20];
    uint16_t port;
    struct err e = {0};
    if (listen_parse(text, host, sizeof host, &port, &e) == 0)
        assert(strlen(host) < sizeof host);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    struct feeder f = {p, n};
    char *line[6];
    for (int i = 0; i < 6; i++)
        line[i] = take_line(&f, '\n');
    address(line[0], line[2]);
    headers(line[1], line[3]);
    form(line[4], line[5]);
    for (int i = 0; i < 6; i++)
        free(line[i]);
}
