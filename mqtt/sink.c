/* Configuration of one sink. */
#include "mqtt/sink.h"
#include "base/conf.h"
#include "mqtt/topics.h"
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct file {
    struct sink s;
    bool status, tls;
    int protocol;
};
#define S(field) offsetof(struct file, s.field), sizeof(((struct file *)0)->s.field)
static const struct conf_row rows[] = {
    {"sink", CONF_TEXT, S(name), 1, 0, NULL, NULL, "", "Name of the sink, a-z 0-9 -."},
    {"coop", CONF_TEXT, S(coop), 1, 0, NULL, NULL, "", "Cooperative's name in topics, a-z 0-9 -."},
    {"edge", CONF_TEXT, S(edge), 1, 0, "edge", NULL, "", "This machine's name in topics."},
    {"store", CONF_TEXT, S(store), 1, 0, "/var/lib/lotline", NULL, "", "Folder of the record."},
    {"socket", CONF_TEXT, S(socket), 1, 0, "/run/lotline/lotlined.sock", NULL, "",
     "lotlined's control socket."},
    {"state", CONF_TEXT, S(state), 1, 0, "/var/lib/lotline-mqtt", NULL, "",
     "Folder of the cursor."},
    {"stream", CONF_TEXT, S(stream), 0, 0, "", NULL, "",
     "Buyer whose stream goes there; empty: none."},
    {"status", CONF_BOOL, CONF_AT(file, status), 0, 0, "true", NULL, "",
     "Publish edge state, line status, rollup and alarms."},
    {"host", CONF_TEXT, S(broker.host), 1, 0, "127.0.0.1", NULL, "",
     "Broker; prefer an address, names are looked up while others wait."},
    {"port", CONF_INT, S(broker.port), 1, 65535, "1883", NULL, "", "Port of the broker."},
    {"protocol", CONF_ENUM, CONF_AT(file, protocol), 0, 0, "5", "5|3.1.1", "", "MQTT version."},
    {"tls", CONF_BOOL, CONF_AT(file, tls), 0, 0, "false", NULL, "",
     "TLS 1.2 or newer; the host's name is verified."},
    {"ca", CONF_TEXT, S(broker.ca), 0, 0, "", NULL, "", "CA file; empty: the system's."},
    {"cert", CONF_TEXT, S(broker.cert), 0, 0, "", NULL, "", "Client certificate."},
    {"key", CONF_TEXT, S(broker.key), 0, 0, "", NULL, "", "Its key."},
    {"username", CONF_TEXT, S(broker.username), 0, 0, "", NULL, "", "User name."},
    {"password_file", CONF_TEXT, S(broker.password_file), 0, 0, "", NULL, "",
     "File whose first line is the password."},
    {"client_id", CONF_TEXT, S(broker.id), 1, 64, NULL, NULL, "",
     "Client id, unique at the broker."},
    {"keepalive_s", CONF_INT, S(broker.keepalive_s), 5, 300, "15", NULL, "s", "Keep-alive."},
};

static int resolve(const char *file, char *path, size_t size, struct err *e)
{
    char copy[256], joined[600];
    if (path[0] == '/')
        return 0;
    snprintf(copy, sizeof(copy), "%s", file);
    int n = snprintf(joined, sizeof(joined), "%s/%s", dirname(copy), path);
    if (n < 0 || (size_t)n >= size)
        return err_at(e, ERR_TOOBIG, file, 0, "path too long: %s", path);
    memcpy(path, joined, (size_t)n + 1);
    return 0;
}

/* Names that become topics are tried out now, not when the first event waits. */
static int check_names(const char *path, const struct sink *s, struct err *e)
{
    char topic[TOPIC_MAX];
    struct topic_parts p = {
        .root = s->root, .site = s->name, .edge = s->edge, .buyer = s->stream, .line = "x"};
    if (topic_name(TOPIC_EDGE_STATE, &p, topic) < 0)
        return err_at(e, ERR_RANGE, path, 0,
                      "sink, coop and edge may hold a-z, 0-9 and - only, and be short");
    if (s->stream[0] && topic_name(TOPIC_BUYER_HEAD, &p, topic) < 0)
        return err_at(e, ERR_RANGE, path, 0, "stream \"%s\" may hold a-z, 0-9 and - only",
                      s->stream);
    return 0;
}

int sink_load(const char *path, struct sink *ret, struct err *e)
{
    struct ydoc *doc = NULL;
    struct file f = {0};
    int rc = ydoc_load(path, &doc, e);
    if (rc < 0)
        return rc;
    const struct ynode *root = ydoc_root(doc);
    rc = root && root->kind == YNODE_MAP
             ? conf_read(rows, sizeof(rows) / sizeof(rows[0]), doc, root, &f, e)
             : err_at(e, ERR_PARSE, path, 1, "the file is empty or no map of keys");
    if (rc == 0 && ((rc = resolve(path, f.s.store, sizeof(f.s.store), e)) < 0 ||
                    (rc = resolve(path, f.s.socket, sizeof(f.s.socket), e)) < 0 ||
                    (rc = resolve(path, f.s.state, sizeof(f.s.state), e)) < 0))
        goto out;
    if (rc < 0)
        goto out;
    f.s.status = f.status;
    f.s.broker.tls = f.tls;
    f.s.broker.v5 = f.protocol == 0;
    snprintf(f.s.root, sizeof(f.s.root), "coop/v1/%s", f.s.coop);
    rc = check_names(path, &f.s, e);
    if (rc == 0)
        *ret = f.s;
out:
    ydoc_free(doc);
    return rc;
}
