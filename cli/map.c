/* lotline map check FILE… | list [DIR] | show FILE | explain [KEY]; lotline crop check FILE… | show
 * FILE */
#include "cli/commands.h"
#include "crops/crop_check.h"
#include "plc-maps/maplist.h"
#include <glob.h>
#include <stdio.h>
#include <string.h>

struct listing {
    json_t *errors;
    bool print;
};

static void one_error(void *ctx, const struct err *e)
{
    struct listing *l = ctx;
    char line[512];
    err_line(e, line, sizeof(line));
    json_array_append_new(l->errors, json_string(line));
    if (l->print)
        fprintf(stderr, "%s\n", line);
}

static void one_line(void *ctx, const char *line)
{
    (void)ctx;
    puts(line);
}

static void print_maps(const json_t *doc)
{
    printf("%lld maps, %lld errors, %lld vectors\n",
           json_integer_value(json_object_get(doc, "maps")),
           json_integer_value(json_object_get(doc, "errors")),
           json_integer_value(json_object_get(doc, "vectors")));
}

static int map_check(struct cli *c, int argc, char **argv)
{
    struct listing l = {json_array(), !c->json};
    unsigned errors = 0, vectors = 0;
    for (int i = 0; i < argc; i++) {
        struct map_report r = {.error = one_error, .ctx = &l};
        map_check_file(argv[i], &r, NULL);
        errors += r.errors;
        vectors += r.vectors;
    }
    int rc = cli_print(c,
                       json_pack("{s:i,s:i,s:i,s:o}", "maps", argc, "errors", (int)errors,
                                 "vectors", (int)vectors, "messages", l.errors),
                       print_maps);
    return errors ? err_exit(ERR_CHECK) : rc;
}

static int map_list(struct cli *c, const char *folder)
{
    char pattern[512], line[256];
    glob_t g = {0};
    json_t *maps = json_array();
    snprintf(pattern, sizeof(pattern), "%s/*.yaml", folder);
    glob(pattern, 0, NULL, &g);
    for (size_t i = 0; i < g.gl_pathc; i++) {
        struct map *m = NULL;
        struct err e = {0};
        if (map_load(g.gl_pathv[i], &m, &e) < 0) {
            cli_fail(c, &e);
            continue;
        }
        json_array_append_new(maps, json_pack("{s:s,s:s,s:s,s:i}", "id", map_id(m), "version",
                                              map_version(m), "title", map_title(m), "vectors",
                                              (int)map_vectors(m)));
        if (!c->json)
            puts(map_summary(m, line, sizeof(line)));
        map_free(m);
    }
    globfree(&g);
    if (c->json)
        return cli_print(c, json_pack("{s:o}", "maps", maps), NULL);
    json_decref(maps);
    return 0;
}

static int map_explained(struct cli *c, const char *key)
{
    struct err e = {0};
    if (!key)
        map_reference(one_line, NULL);
    else if (map_explain(key, one_line, NULL, &e) < 0)
        return cli_fail(c, &e);
    return 0;
}

int cli_map(struct cli *c, int argc, char **argv)
{
    struct map *m = NULL;
    struct err e = {0};
    if (argc >= 1 && argc <= 2 && strcmp(argv[0], "explain") == 0)
        return map_explained(c, argc == 2 ? argv[1] : NULL);
    if (argc >= 2 && strcmp(argv[0], "check") == 0)
        return map_check(c, argc - 1, argv + 1);
    if (argc >= 1 && argc <= 2 && strcmp(argv[0], "list") == 0)
        return map_list(c, argc == 2 ? argv[1] : "/usr/share/lotline/plc-maps");
    if (argc != 2 || strcmp(argv[0], "show") != 0)
        return cli_usage("map check FILE... | list [DIR] | show FILE | explain [KEY]");
    if (map_load(argv[1], &m, &e) < 0)
        return cli_fail(c, &e);
    map_describe(m, one_line, NULL);
    map_free(m);
    return 0;
}

static void print_crops(const json_t *doc)
{
    printf("%lld crops, %lld errors, %lld rule sets, %lld grades\n",
           json_integer_value(json_object_get(doc, "crops")),
           json_integer_value(json_object_get(doc, "errors")),
           json_integer_value(json_object_get(doc, "rulesets")),
           json_integer_value(json_object_get(doc, "grades")));
}

int cli_crop(struct cli *c, int argc, char **argv)
{
    struct listing l = {.print = !c->json};
    unsigned errors = 0, rulesets = 0, grades = 0;
    struct crop *crop = NULL;
    struct err e = {0};
    if (argc == 2 && strcmp(argv[0], "show") == 0) {
        if (crop_load(argv[1], &crop, &e) < 0)
            return cli_fail(c, &e);
        crop_describe(crop, c->lang == LANG_ZH ? "zh" : "en", one_line, NULL);
        crop_free(crop);
        return 0;
    }
    if (argc < 2 || strcmp(argv[0], "check") != 0)
        return cli_usage("crop check FILE... | show FILE");
    l.errors = json_array();
    for (int i = 1; i < argc; i++) {
        struct crop_report r = {.error = one_error, .ctx = &l};
        crop_check_file(argv[i], &r, &e);
        errors += r.errors;
        rulesets += r.rulesets;
        grades += r.grades;
    }
    int rc =
        cli_print(c,
                  json_pack("{s:i,s:i,s:i,s:i,s:o}", "crops", argc - 1, "errors", (int)errors,
                            "rulesets", (int)rulesets, "grades", (int)grades, "messages", l.errors),
                  print_crops);
    return errors ? err_exit(ERR_CHECK) : rc;
}
