/* Maps for people (contract: maplist.h): a file with all its errors. No invariants of its own. */
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
