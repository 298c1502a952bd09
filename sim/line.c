/* Opening ptys and serial devices. Thread: the program's. The link is replaced, never a file. */
#include "sim/line.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

int64_t line_wire_ns(uint32_t baud, int64_t n)
{
    return n * 11 * 1000000000 / baud;
}

int64_t line_silence_ns(uint32_t baud)
{
    return baud > 19200 ? 1750000 : line_wire_ns(baud, 7) / 2;
}

static speed_t speed_of(uint32_t baud)
{
    static const struct {
        uint32_t baud;
        speed_t speed;
    } rows[] = {{1200, B1200},   {2400, B2400},   {4800, B4800},   {9600, B9600},
                {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].baud == baud)
            return rows[i].speed;
    return B19200;
}

static int set_raw(int fd, uint32_t baud)
{
    struct termios t;
    if (tcgetattr(fd, &t) < 0)
        return ERR_IO;
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    cfsetspeed(&t, speed_of(baud));
    return tcsetattr(fd, TCSANOW, &t) < 0 ? ERR_IO : 0;
}

static int pty_new(const char *path, uint32_t baud, int *ret_fd, int *ret_keep, struct err *e)
{
    char other[64];
    int keep = -1, fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || ptsname_r(fd, other, sizeof other) != 0)
        goto fail;
    keep = open(other, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (keep < 0 || set_raw(keep, baud) < 0 || symlink(other, path) < 0)
        goto fail;
    *ret_fd = fd;
    *ret_keep = keep;
    return 0;
fail:
    if (fd >= 0)
        close(fd);
    if (keep >= 0)
        close(keep);
    return err_set(e, ERR_IO, "%s: no pseudo terminal", path);
}

int line_open(const char *path, uint32_t baud, int *ret_fd, int *ret_keep, struct err *e)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        unlink(path); /* of an earlier run */
    if (stat(path, &st) < 0 && errno == ENOENT)
        return pty_new(path, baud, ret_fd, ret_keep, e);
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: cannot be opened", path);
    if (!S_ISCHR(st.st_mode) || set_raw(fd, baud) < 0) {
        close(fd);
        return err_set(e, ERR_IO, "%s: no serial device", path);
    }
    *ret_fd = fd;
    *ret_keep = -1;
    return 0;
}
