/* LD_PRELOAD: the thread that gets signal SIGRTMIN + 7 does nothing for as long as the shared page
 * says (fault.py), as if it were stuck in a call; all others go on. LOTLINE_FAULT_HANG names the
 * page. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct page {
    _Atomic int64_t ms;
    _Atomic int64_t begun, ended;
};

static struct page *page;

static void hang(int signal)
{
    int64_t ms = atomic_load(&page->ms);
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    int kept = errno;
    (void)signal;
    atomic_fetch_add(&page->begun, 1);
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
    atomic_fetch_add(&page->ended, 1);
    errno = kept;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("LOTLINE_FAULT_HANG");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return;
    page = at;
    struct sigaction act = {.sa_handler = hang, .sa_flags = SA_RESTART};
    sigaction(SIGRTMIN + 7, &act, NULL);
}
