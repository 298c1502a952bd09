/* The subcommands: one row each in lotline.c, one file each here. argv[0] is what follows the
 * subcommand's own name. */
#pragma once
#include "cli/cli.h"

int cli_status(struct cli *c, int argc, char **argv);
int cli_watch(struct cli *c, int argc, char **argv);
int cli_weigh(struct cli *c, int argc, char **argv);
int cli_do(struct cli *c, int argc, char **argv);
int cli_lot(struct cli *c, int argc, char **argv);
int cli_trace(struct cli *c, int argc, char **argv);
int cli_recall(struct cli *c, int argc, char **argv);
int cli_balance(struct cli *c, int argc, char **argv);
int cli_export(struct cli *c, int argc, char **argv);
int cli_log(struct cli *c, int argc, char **argv);
int cli_store(struct cli *c, int argc, char **argv);
int cli_map(struct cli *c, int argc, char **argv);
int cli_crop(struct cli *c, int argc, char **argv);
int cli_config(struct cli *c, int argc, char **argv);
int cli_qr(struct cli *c, int argc, char **argv);
int cli_sim(struct cli *c, int argc, char **argv);
