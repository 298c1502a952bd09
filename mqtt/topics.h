/* Topic names from one table. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define TOPIC_MAX 65 /* 64 bytes and a NUL */

enum topic_id {
#define TOPIC(id, pattern, qos, retained, content) TOPIC_##id,
#include "mqtt/topics.def"
#undef TOPIC
    TOPIC_COUNT
};
/* Fills what the patterns name; a part that a pattern does not use may be NULL. */
struct topic_parts {
    const char *root, *site, *edge, *line, *code, *buyer, *type, *client;
};
/* 0; ERR_RANGE: a part is empty or has other characters than a-z 0-9 - (/ in root, . becomes - in
 * type), or the topic is longer than 64 bytes. */
int topic_name(enum topic_id id, const struct topic_parts *p, char ret[TOPIC_MAX]);
int topic_qos(enum topic_id id);
bool topic_retained(enum topic_id id);
