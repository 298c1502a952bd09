/* Checking a crop file for people: all its errors, not only the first. */
#pragma once
#include "crops/crop.h"

struct crop_report {
    void (*error)(void *ctx, const struct err *e); /* called for each; NULL allowed */
    void *ctx;
    unsigned errors, rulesets, grades; /* results; rulesets and grades of a file without errors */
};
/* 0, or the first error's code with its text in *e. `error` and `ctx` of *report are
 * the caller's. */
int crop_check_file(const char *path, struct crop_report *report, struct err *e);
/* One line per fact of a loaded crop, for `lotline crop show`; lang "zh" or "en". */
void crop_describe(const struct crop *c, const char *lang,
                   void (*line)(void *ctx, const char *text), void *ctx);
