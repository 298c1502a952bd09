/* lotline sim …: runs lotline-sim from the folder of lotline itself, else from PATH. */
#include "cli/commands.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_sim(struct cli *c, int argc, char **argv)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 16);
    char **args = calloc((size_t)argc + 2, sizeof(*args));
    char name[] = "lotline-sim";
    if (!args)
        return 1;
    args[0] = name;
    for (int i = 0; i < argc; i++)
        args[i + 1] = argv[i];
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        if (slash) {
            memcpy(slash + 1, name, sizeof(name));
            execv(self, args);
        }
    }
    execvp(name, args);
    struct err e = {0};
    err_set(&e, ERR_NOT_FOUND, "lotline-sim cannot be started: %s", strerror(errno));
    free(args);
    return cli_fail(c, &e);
}
