/* Topic names. Pure. */
#include "mqtt/topics.h"
#include "base/err.h"
#include <string.h>

static const struct {
    const char *pattern;
    int qos;
    bool retained;
} topics[] = {
#define TOPIC(id, pattern, qos, retained, content) {pattern, qos, retained},
#include "mqtt/topics.def"
#undef TOPIC
};

static const char *part(const struct topic_parts *p, const char *name, size_t n)
{
    const struct {
        const char *name, *value;
    } table[] = {{"root", p->root}, {"site", p->site},   {"edge", p->edge}, {"line", p->line},
                 {"code", p->code}, {"buyer", p->buyer}, {"type", p->type}, {"client", p->client}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strlen(table[i].name) == n && strncmp(table[i].name, name, n) == 0)
            return table[i].value;
    return NULL;
}

/* One part, checked character by character; false: refused. */
static bool append(const char *value, bool slash, char *out, size_t *len)
{
    if (!value || !*value)
        return false;
    for (; *value; value++) {
        char c = *value == '.' ? '-' : *value;
        bool ok =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (slash && c == '/');
        if (!ok || *len + 1 >= TOPIC_MAX)
            return false;
        out[(*len)++] = c;
    }
    return true;
}

int topic_name(enum topic_id id, const struct topic_parts *p, char ret[TOPIC_MAX])
{
    char out[TOPIC_MAX] = "";
    size_t len = 0;
    for (const char *s = topics[id].pattern; *s;) {
        if (*s == '{') {
            const char *end = strchr(s, '}');
            size_t n = (size_t)(end - s - 1);
            if (!append(part(p, s + 1, n), strncmp(s, "{root}", 6) == 0, out, &len))
                return ERR_RANGE;
            s = end + 1;
        } else {
            if (len + 1 >= TOPIC_MAX)
                return ERR_RANGE;
            out[len++] = *s++;
        }
    }
    memcpy(ret, out, len);
    ret[len] = 0;
    return 0;
}

int topic_qos(enum topic_id id)
{
    return topics[id].qos;
}

bool topic_retained(enum topic_id id)
{
    return topics[id].retained;
}
