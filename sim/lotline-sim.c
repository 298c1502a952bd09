/* lotline-sim: simulated scales, sorters and drives with a fault script and a truth log. */
#include "base/log.h"
#include "base/num.h"
#include "sim/shed.h"
#include "sim/verb.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: lotline-sim --run DIR [--seed S] [--script FILE] DEVICE...\n"
    "  DEVICE  sorter:name=s1[,port=0][,unit=1][,rate=10][,items=200][,ring=64][,checks=1]...\n"
    "          scale:name=w1[,port=0|,pty=PATH][,unit=1]\n"
    "          drive:name=d1[,port=0|,pty=PATH][,unit=3]\n"
    "Ports are on 127.0.0.1; 0 takes a free one. DIR/sim.json tells them, DIR/truth.jsonl what "
    "really\n"
    "happened; DIR/sim.sock takes {\"dev\":\"s1\",\"do\":\"stat\"} and the like, one a line.\n";

static void help_line(const char *text)
{
    printf("  %s\n", text);
}

static int help(void)
{
    fputs(usage, stdout);
    puts("keys of a device:");
    device_help(help_line);
    puts("verbs, with \"dev\" on the control socket or with \"at_ms\" in a script:");
    verb_help(help_line);
    puts("kinds of fault:");
    for (int k = 0; k < FAULT_KINDS; k++)
        printf("  %-10s %s\n", fault_word((enum fault_kind)k), fault_text((enum fault_kind)k));
    return 0;
}

static int options(int argc, char **argv, struct shed_cfg *ret)
{
    static const struct option longs[] = {{"run", required_argument, NULL, 'r'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"script", required_argument, NULL, 'f'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int64_t seed = 1;
    for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) >= 0;) {
        if (o == 'r')
            ret->dir = optarg;
        else if (o == 'f')
            ret->script = optarg;
        else if (o == 'h')
            exit(help());
        else if (o != 's' || num_i64(optarg, 0, INT64_MAX, &seed) != 0)
            return ERR_USAGE;
    }
    ret->seed = (uint64_t)seed;
    ret->spec = argv + optind;
    ret->n = (size_t)(argc - optind);
    return ret->dir && ret->n ? 0 : ERR_USAGE;
}

int main(int argc, char **argv)
{
    struct shed_cfg cfg = {0};
    struct shed *shed = NULL;
    struct err e = {0};
    char line[320];
    log_setup("lotline-sim", LOG_LEVEL_INFO, false);
    if (options(argc, argv, &cfg) != 0) {
        fputs(usage, stderr);
        return err_exit(ERR_USAGE);
    }
    int rc = shed_new(&cfg, &shed, &e);
    if (rc) {
        log_error("%s", err_line(&e, line, sizeof line));
        return err_exit(rc);
    }
    puts("ready");
    fflush(stdout);
    rc = shed_run(shed);
    shed_free(shed);
    return err_exit(rc);
}
