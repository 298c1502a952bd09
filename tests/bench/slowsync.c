/* A slow disk for one program: LD_PRELOAD=slowsync.so SLOWSYNC_MS=20. fsync and fdatasync of
 * anything sleep that long and then do their work. The delay is read once, before
 * main. Any thread. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long ms;

__attribute__((constructor)) static void set_delay(void)
{
    const char *text = getenv("SLOWSYNC_MS");
    ms = text ? strtol(text, NULL, 10) : 0;
    ms = ms < 0 ? 0 : ms;
}

static void delay(void)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (ms && nanosleep(&left, &left) != 0)
        ;
}

static int slow(const char *name, int fd)
{
    union {
        void *found;
        int (*call)(int);
    } real = {.found = dlsym(RTLD_NEXT, name)};
    delay();
    return real.call(fd);
}

int fsync(int fd)
{
    return slow("fsync", fd);
}

int fdatasync(int fd)
{
    return slow("fdatasync", fd);
}
