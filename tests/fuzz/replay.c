/* Runs files, or all files of folders, once through a target: seeds and former crashes in make
 * check, and a crash under a debugger. Usage: TARGET FILE|DIR… */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

static const char *now_at = "setup";

/* A crash must say which file it was. */
static void on_crash(int sig)
{
    fprintf(stderr, "signal %d at %s\n", sig, now_at);
}

static unsigned run_file(const char *path)
{
    static uint8_t bytes[FILE_MAX];
    FILE *f = fopen(path, "re");
    assert(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    uint8_t *exact = malloc(n ? n : 1); /* so that a reader beyond the end is seen */
    assert(exact);
    memcpy(exact, bytes, n);
    now_at = path;
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 1;
}

static unsigned run_path(const char *path)
{
    struct stat st;
    unsigned n = 0;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return run_file(path);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        char file[1024];
        if (e->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        n += run_file(file);
    }
    if (d)
        closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;
    struct sigaction once = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGABRT, &once, NULL);
    sigaction(SIGSEGV, &once, NULL);
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        n += run_path(argv[i]);
    printf("%-10s %u inputs\n", strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], n);
    return n ? 0 : 1;
}
