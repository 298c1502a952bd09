/* What a crop is made of, as read from its file. Private to crops/: read by crop_read.c, judged by
 * crop_check.c, decided by grade.c. Plain values with fixed bounds: a crop is one allocation. */
#pragma once
#include "crops/crop.h"
#include "base/confdoc.h"
#include <stdbool.h>

enum { CROP_RULESETS_MAX = 16, CROP_NAME_MAX = 64 };

struct crop_name {
    char zh[CROP_NAME_MAX], en[CROP_NAME_MAX];
};
/* Intervals by measure: minimum inclusive, maximum exclusive. */
struct crop_box {
    bool has[MEASURE_COUNT];
    int64_t min[MEASURE_COUNT], max[MEASURE_COUNT];
};
struct crop_grade {
    char code[16];
    struct crop_name name;
    int line;
    bool otherwise; /* takes what no box takes; only the last grade */
    struct crop_box box;
    bool tolerates[DEFECT_COUNT];
    int64_t share_ppm[DEFECT_COUNT]; /* of the grade's weight in this run; valid when tolerates */
};
struct ruleset {
    char id[32], source[200], sha256[65];
    struct crop_name name;
    int line, basis, confidence;
    uint32_t version;
    struct crop_box domain; /* what the line can be believed to measure; outside: no grade */
    char exclude[DEFECT_COUNT][16]; /* defect → code of the grade it sends an item to; "" none */
    int exclude_line;
    bool proxy;         /* weight stands for something that is not measured */
    int calibration_of; /* enum measure_id */
    int64_t calibration_pieces;
    bool has_calibration;
    struct crop_grade grades[CROP_GRADES_MAX];
    size_t n_grades;
    uint16_t exclude_to[DEFECT_COUNT]; /* the same as grades, set when the file was found right */
};
struct crop {
    char id[48];
    struct crop_name name;
    int line;
    int64_t version;
    struct ruleset rulesets[CROP_RULESETS_MAX];
    size_t n_rulesets;
};

/* Loading, one step per file. Each reports into *d; the next runs only when there was no error. */
void crop_read(struct confdoc *d, struct crop *c);
void crop_check(struct confdoc *d, const struct crop *c);
void crop_check_cover(struct confdoc *d, const struct ruleset *r);
bool crop_hash(const char *crop_id, struct ruleset *r);
/* All of them; see crop_check_file for the report. *ret (NULL after an error) is the caller's. */
int crop_build(const char *name, const char *stem, const char *text, size_t n,
               void (*error)(void *ctx, const struct err *e), void *ctx, struct crop **ret,
               unsigned *ret_errors, struct err *e);

/* A quantity as people write it ("10 mm", "0.5 kg", "10 mm/100mm") in the measure's own unit. */
int crop_quantity(const char *text, enum measure_id m, int64_t *ret);
/* And back, for texts. */
const char *crop_quantity_text(int64_t value, enum measure_id m, char *buf, size_t size);
/* "10 %" → 100000 ppm. */
int crop_share(const char *text, int64_t *ret);
const char *crop_share_text(int64_t ppm, char *buf, size_t size);
