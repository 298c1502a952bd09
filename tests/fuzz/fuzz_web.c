/* Whole requests to lotline-web over a record: every route, page and document; lotlined is away.
 * First byte: bit 0 role, bits 1 and 2 method. Lines: address, headers until an empty one; then the
 * body.
 * "@b" and its like stand for what is in the record (farm.h). Linked with --wrap=request_header. */
#include "tests/fuzz/farm.h"
#include "web/gzip.h"
#include "web/web.h"

static struct web web[2];
static struct web_options options[2];
static char *headers;

const char *__wrap_request_header(const struct request *q, const char *name);
/* Values stand in `headers` as NAME NUL VALUE NUL … NUL. */
const char *__wrap_request_header(const struct request *q, const char *name)
{
    (void)q;
    for (const char *p = headers; p && *p; p += strlen(p) + 1) {
        bool ours = strcasecmp(p, name) == 0;
        p += strlen(p) + 1;
        if (ours)
            return p;
    }
    return NULL;
}

static void end(void)
{
    for (int i = 0; i < 2; i++)
        web_end(&web[i]);
    farm_remove();
}

void fuzz_setup(void)
{
    struct err e = {0};
    farm_setup(true);
    farm_leave();
    for (int i = 0; i < 2; i++) {
        options[i] = (struct web_options){.role = i, .offset_min = 480};
        snprintf(options[i].store, sizeof options[i].store, "%s", farm.m->f.dir);
        snprintf(options[i].socket, sizeof options[i].socket, "%s/none", farm.m->f.tmp.dir);
        snprintf(options[i].base_url, sizeof options[i].base_url, "https://lotline.example");
        assert(web_new(&options[i], &web[i], &e) == 0);
        ask_stop(web[i].ask); /* nobody answers */
    }
    atexit(end);
}

static char *take_headers(struct feeder *f)
{
    char *all = malloc(f->n + 2);
    size_t n = 0;
    assert(all);
    for (;;) {
        char *line = take_line(f, '\n'), *colon = strchr(line, ':');
        bool last = !*line;
        if (!last && colon && colon > line) {
            *colon = 0;
            char *value = colon + 1 + strspn(colon + 1, " ");
            n += (size_t)sprintf(all + n, "%s", line) + 1;
            n += (size_t)sprintf(all + n, "%s", value) + 1;
        }
        free(line);
        if (last)
            break;
    }
    all[n] = 0;
    return all;
}

/* An input that names the canary itself may see it again. */
static bool names_canary(const uint8_t *p, size_t n)
{
    char *text = fuzz_text(p, n), *to = text;
    for (size_t i = 0; i < n; i++) {
        char hex[3] = {0};
        if (p[i] == '%' && i + 2 < n) {
            memcpy(hex, p + i + 1, 2);
            *to++ = (char)strtol(hex, NULL, 16);
            i += 2;
        } else {
            *to++ = (char)p[i];
        }
    }
    size_t len = (size_t)(to - text);
    bool named = memmem(text, len, "CANARY", 6) || memmem(text, len, CANARY_PHONE, 6);
    free(text);
    return named;
}

static void check(struct reply *r, bool named)
{
    char *plain = NULL;
    size_t n;
    assert(r->status >= 200 && r->status < 600 && !r->then);
    for (size_t i = 0; i < r->n_headers; i++)
        assert(!strpbrk(r->header[i].value, "\r\n"));
    if (r->gzip) {
        assert(gzip_unpack(r->body, r->n, 4u << 20, &plain, &n) == 0);
        assert(named || (!strstr(plain, CANARY_NAME) && !strstr(plain, CANARY_PHONE)));
        free(plain);
    }
    if (r->feed.close)
        r->feed.close(r->feed.self);
    reply_free(r);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    static const enum method methods[] = {METHOD_GET, METHOD_POST, METHOD_HEAD, METHOD_OPTIONS};
    struct feeder f = {p, n};
    uint8_t first = take_u8(&f);
    struct request *q = calloc(1, sizeof *q);
    struct reply r = {0};
    assert(q);
    char *uri = farm_expand(take_line(&f, '\n'));
    fuzz_dice = 1;
    headers = take_headers(&f);
    q->method = methods[first >> 1 & 3];
    char *body = farm_expand(fuzz_text(f.p, f.n < HTTP_BODY_MAX ? f.n : HTTP_BODY_MAX));
    q->body = body;
    q->n_body = strlen(body);
    strcpy(q->ip, "192.0.2.7");
    if (request_parse(uri, q) == 0) {
        request_language(q, request_header(q, "Accept-Language"));
        web_handle(&web[first & 1], q, &r);
        check(&r, names_canary(p, n));
    }
    free(headers);
    free(uri);
    free(body);
    free(q);
}
