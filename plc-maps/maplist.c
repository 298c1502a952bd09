/* Maps for people (contract: maplist.h): checking a file, and the reference of its keys. No
 * invariants of its own: it reads what loading proved. */
#include "plc-maps/maplist.h"
#include "plc-maps/map_parts.h"
#include <stdio.h>
#include <stdlib.h>

int map_check_file(const char *path, struct map_report *report, struct err *e)
{
    char *text = NULL, stem[64];
    size_t n = 0;
    struct map *m = NULL;
    struct err first = {0};
    report->errors = report->vectors = 0;
    int rc = confdoc_slurp(path, &text, &n, &first);
    if (rc < 0) {
        report->errors = 1;
        if (report->error)
            report->error(report->ctx, &first);
    } else {
        rc = map_build(path, confdoc_stem(path, stem, sizeof stem), text, n, report->error,
                       report->ctx, &m, &report->errors, &first);
    }
    if (rc == 0)
        report->vectors = (unsigned)m->n_vectors;
    else if (e)
        *e = first;
    free(text);
    map_free(m);
    return rc;
}

void map_reference(void (*line)(void *ctx, const char *text), void *ctx)
{
    const struct map_keys *k;
    for (size_t i = 0; (k = map_keys(i)) != NULL; i++) {
        line(ctx, k->title);
        conf_print(k->rows, k->n, line, ctx);
    }
}
