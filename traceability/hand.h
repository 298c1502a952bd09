/* Hand sorting (手工分拣): a crate goes out to a worker, comes back in grades, the rest is loss. */
#pragma once
#include <stdbool.h>

/* Names of a hand grade: "1", "2", "3", "mixed"; false for any other word (both names then ""). */
bool hand_grade_names(const char *code, const char **ret_zh, const char **ret_en);
