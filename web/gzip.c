/* gzip of whole replies (contract: gzip.h). Pages are packed once and kept, so the best level is
 * worth its time; 16 added to the window bits asks zlib for the gzip envelope. */
#include "web/gzip.h"
#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16)
#define GZIP_MEMORY 9

static Bytef *bytes(const char *p)
{
    union {
        const char *in;
        Bytef *out; /* zlib's next_in is not const unless ZLIB_CONST; it is not written */
    } u = {p};
    return u.out;
}

int gzip_pack(const char *p, size_t n, char **ret, size_t *ret_n)
{
    z_stream z = {0};
    if (n > 1u << 30 || deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                                     Z_DEFAULT_STRATEGY) != Z_OK)
        return ERR_NOMEM;
    size_t room = deflateBound(&z, (uLong)n);
    char *out = malloc(room);
    if (out) {
        z.next_in = bytes(p);
        z.avail_in = (uInt)n;
        z.next_out = bytes(out);
        z.avail_out = (uInt)room;
    }
    int end = out ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;
    size_t used = z.total_out;
    deflateEnd(&z);
    if (end != Z_STREAM_END) {
        free(out);
        return ERR_NOMEM;
    }
    *ret = out;
    *ret_n = used;
    return 0;
}

/* Grows `out` by doubling until the stream ends or `max` is passed. */
static int inflate_all(z_stream *z, size_t max, char **out, size_t *ret_n)
{
    size_t room = 0;
    for (int end = Z_OK; end == Z_OK;) {
        size_t more = room ? room : 16384;
        char *grown = room > max ? NULL : realloc(*out, room + more + 1);
        if (!grown)
            return room > max ? ERR_TOOBIG : ERR_NOMEM;
        *out = grown;
        z->next_out = bytes(grown + room);
        z->avail_out = (uInt)more;
        room += more;
        end = inflate(z, Z_NO_FLUSH);
        if (end != Z_OK && end != Z_STREAM_END)
            return ERR_PARSE;
    }
    *ret_n = z->total_out;
    (*out)[z->total_out] = '\0';
    return z->total_out > max ? ERR_TOOBIG : 0;
}

int gzip_unpack(const char *p, size_t n, size_t max, char **ret, size_t *ret_n)
{
    z_stream z = {.next_in = bytes(p), .avail_in = (uInt)n};
    char *out = NULL;
    if (n > 1u << 30 || inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return ERR_NOMEM;
    int code = inflate_all(&z, max, &out, ret_n);
    inflateEnd(&z);
    if (code)
        free(out);
    else
        *ret = out;
    return code;
}
