/* The table of compiled-in texts (contract: asset.h), hashed and packed once at the start. */
#include "web/asset.h"
#include "base/crypto.h"
#include "web/gzip.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *text;
} table[] = {
#include "web/assets.inc"
};
#define N (sizeof table / sizeof *table)

struct assets {
    struct asset a[N];
};

static int load_one(struct asset *a, const char *name, const char *text)
{
    uint8_t hash[SHA256_LEN];
    char hex[9];
    *a = (struct asset){.name = name, .text = text, .n = strlen(text)};
    sha256_of(text, a->n, hash);
    hex_text(hash, 4, hex, sizeof hex);
    int len = snprintf(a->url, sizeof a->url, "/a/%s?%s", name, hex);
    if (len < 0 || (size_t)len >= sizeof a->url)
        return ERR_TOOBIG;
    a->tag = a->url + len - 8;
    return gzip_pack(text, a->n, &a->packed, &a->n_packed);
}

int assets_load(struct assets **ret, struct err *e)
{
    struct assets *a = calloc(1, sizeof *a);
    int code = a ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < N && code == 0; i++)
        code = load_one(&a->a[i], table[i].name, table[i].text);
    if (code) {
        assets_free(a);
        return err_set(e, code, "pages and scripts: %s", err_text(code));
    }
    *ret = a;
    return 0;
}

void assets_free(struct assets *a)
{
    for (size_t i = 0; a && i < N; i++)
        free(a->a[i].packed);
    free(a);
}

const struct asset *assets_at(const struct assets *a, size_t i)
{
    return i < N ? &a->a[i] : NULL;
}

const struct asset *assets_get(const struct assets *a, const char *name)
{
    for (size_t i = 0; i < N; i++)
        if (strcmp(a->a[i].name, name) == 0)
            return &a->a[i];
    return NULL;
}

const char *asset_type(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}
