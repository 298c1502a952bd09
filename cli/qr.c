/* lotline qr TEXT: a QR code in the terminal. */
#include "cli/commands.h"
#include "labels/qr.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int cli_qr(struct cli *c, int argc, char **argv)
{
    struct qr *q = NULL;
    struct err e = {0};
    if (argc != 1)
        return cli_usage("qr TEXT");
    if (qr_make(argv[0], QR_MEDIUM, &q, &e) < 0)
        return cli_fail(c, &e);
    char *text = qr_terminal(q, isatty(STDOUT_FILENO));
    qr_free(q);
    if (!text) {
        err_set(&e, ERR_NOMEM, "no memory for the code");
        return cli_fail(c, &e);
    }
    fputs(text, stdout);
    free(text);
    return 0;
}
