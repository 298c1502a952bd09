/* Options (contract: options.h). One table of keys serves the file and the command line:
 * "--base-url X" is the key base_url, checked and reported in the same way. */
#include "web/options.h"
#include "base/conf.h"
#include "web/listen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conf_row rows[] = {
    {"role", CONF_ENUM, CONF_AT(web_options, role), 0, 0, NULL, "public|shed", "",
     "buyer pages, or the screens of the shed"},
    {"listen", CONF_TEXT, CONF_AT(web_options, listen), 0, 0, "127.0.0.1:8080", NULL, "",
     "address and port; port 0: a free one"},
    {"store", CONF_TEXT, CONF_AT(web_options, store), 0, 0, NULL, NULL, "",
     "directory that holds store.db"},
    {"socket", CONF_TEXT, CONF_AT(web_options, socket), 0, 0, NULL, NULL, "",
     "control socket of lotlined"},
    {"base_url", CONF_TEXT, CONF_AT(web_options, base_url), 0, 0, "", NULL, "",
     "how buyers reach the public pages, for labels and links; empty: this listener"},
    {"text_dir", CONF_TEXT, CONF_AT(web_options, text_dir), 0, 0, "", NULL, "",
     "directory of zh_CN.mo; empty: English only"},
    {"port_file", CONF_TEXT, CONF_AT(web_options, port_file), 0, 0, "", NULL, "",
     "file that gets the port that was chosen"},
    {"connections", CONF_INT, CONF_AT(web_options, connections), 8, 4096, "512", NULL, "",
     "open connections at most"},
    {"per_ip", CONF_INT, CONF_AT(web_options, per_ip), 1, 4096, "64", NULL, "",
     "of those from one address"},
    {"offset_min", CONF_INT, CONF_AT(web_options, offset_min), -720, 840, "480", NULL, "min",
     "minutes east of UTC, for dates"},
    {"behind_proxy", CONF_BOOL, CONF_AT(web_options, behind_proxy), 0, 0, "no", NULL, "",
     "the last X-Forwarded-For is the visitor's address"},
};
#define N (sizeof rows / sizeof *rows)

static void print_help(void)
{
    printf("usage: lotline-web --config FILE | --KEY VALUE...\n");
    for (size_t i = 0; i < N; i++) {
        char option[32];
        snprintf(option, sizeof option, "--%s", rows[i].key);
        for (char *p = option; *p; p++)
            *p = *p == '_' ? '-' : *p;
        printf("  %-16s %s%s%s%s\n", option, rows[i].help, rows[i].def && *rows[i].def ? " (" : "",
               rows[i].def ? rows[i].def : "", rows[i].def && *rows[i].def ? ")" : "");
    }
}

static const struct conf_row *row_for(const char *option)
{
    for (size_t i = 0; i < N; i++) {
        const char *a = option + 2, *b = rows[i].key;
        while (*a && (*a == *b || (*a == '-' && *b == '_'))) {
            a++;
            b++;
        }
        if (!*a && !*b)
            return &rows[i];
    }
    return NULL;
}

/* The command line as a document: lines "key: 'value'". */
static int command_line(int argc, char **argv, FILE *out, struct err *e)
{
    for (int i = 1; i < argc; i += 2) {
        const struct conf_row *row = strncmp(argv[i], "--", 2) == 0 ? row_for(argv[i]) : NULL;
        if (!row)
            return err_set(e, ERR_USAGE, "no option \"%s\" (try --help)", argv[i]);
        if (i + 1 == argc || strpbrk(argv[i + 1], "\n\r"))
            return err_set(e, ERR_USAGE, "%s needs a value", argv[i]);
        const char *quote = row->type == CONF_TEXT ? "'" : "";
        fprintf(out, "%s: %s", row->key, quote);
        for (const char *p = argv[i + 1]; *p; p++)
            fprintf(out, *quote && *p == '\'' ? "''" : "%c", *p);
        fprintf(out, "%s\n", quote);
    }
    return 0;
}

static int load_document(int argc, char **argv, struct ydoc **ret, struct err *e)
{
    char *text = NULL;
    size_t n = 0;
    if (argc == 3 && strcmp(argv[1], "--config") == 0)
        return ydoc_load(argv[2], ret, e);
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return err_set(e, ERR_NOMEM, "no memory");
    int code = command_line(argc, argv, out, e);
    if (fclose(out) && code == 0)
        code = err_set(e, ERR_NOMEM, "no memory");
    if (code == 0)
        code = ydoc_parse("command line", text, n, ret, e);
    free(text);
    return code;
}

/* What one key alone cannot tell. */
static int finish(struct web_options *o, struct err *e)
{
    size_t n = strlen(o->base_url);
    while (n && o->base_url[n - 1] == '/')
        o->base_url[--n] = '\0';
    if (n && strncmp(o->base_url, "http://", 7) && strncmp(o->base_url, "https://", 8))
        return err_set(e, ERR_RANGE, "base_url \"%s\" must begin with http:// or https://",
                       o->base_url);
    return listen_parse(o->listen, o->host, sizeof o->host, &o->port, e);
}

int options_read(int argc, char **argv, struct web_options *ret, struct err *e)
{
    struct ydoc *doc = NULL;
    *ret = (struct web_options){0};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_help();
        return 1;
    }
    int code = load_document(argc, argv, &doc, e);
    if (code == 0 && !ydoc_root(doc))
        code = err_set(e, ERR_USAGE, "role, store and socket are needed (try --help)");
    if (code == 0)
        code = conf_read(rows, N, doc, ydoc_root(doc), ret, e);
    ydoc_free(doc);
    if (code == 0)
        code = finish(ret, e);
    if (code < 0 && code != ERR_NOMEM && e && !(argc == 3 && strcmp(argv[1], "--config") == 0))
        code = e->code = ERR_USAGE; /* what is wrong was typed */
    return code;
}
