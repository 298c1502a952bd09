/* .mo catalogues and Accept-Language. The first byte's lowest bit: whether the rest is a catalogue
 * or a header; looked up afterwards: shipped msgids and pieces of the input. */
#include "base/text.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <unistd.h>

static char dir[64], path[96];

static void clean(void)
{
    unlink(path);
    rmdir(dir);
}

void fuzz_setup(void)
{
    strcpy(dir,
           access("/dev/shm", W_OK) ? "/tmp/lotline-fuzz-XXXXXX" : "/dev/shm/lotline-fuzz-XXXXXX");
    assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/zh_CN.mo", dir);
    atexit(clean);
}

static void catalogue(const uint8_t *p, size_t n)
{
    struct err e = {0};
    FILE *f = fopen(path, "we");
    assert(f);
    size_t put = fwrite(p, 1, n, f);
    assert(put == n && fclose(f) == 0);
    int rc = text_load(dir, &e);
    assert(rc == 0 || rc == e.code);
    const char *const asked[] = {"", "Valid", "Weighing station", "\x01", "zz", "No such page"};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        assert(strlen(text_in(LANG_ZH, asked[i])) < 4 << 20);
        assert(text_in(LANG_EN, asked[i]) == asked[i]);
    }
    char *piece = fuzz_text(p + n / 2, n - n / 2);
    assert(strlen(text_in(LANG_ZH, piece)) < 4 << 20);
    free(piece);
}

void fuzz_one(const uint8_t *p, size_t n)
{
    if (n && p[0] & 1) {
        catalogue(p + 1, n - 1);
        return;
    }
    char *header = fuzz_text(p, n);
    enum lang lang = lang_from(header);
    assert(lang == LANG_EN || lang == LANG_ZH);
    free(header);
}
