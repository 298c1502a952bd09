/* ext4 on a loop device in a mount namespace of one's own (contract: loopfs.h). */
#include "tests/simulation/loopfs.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHUTDOWN         _IOR('X', 125, uint32_t) /* FS_IOC_SHUTDOWN of ext4, xfs, f2fs */
#define SHUTDOWN_NO_LOGS 2u

bool loopfs_possible(char *ret_why, size_t size)
{
    const char *what = geteuid()                           ? "it needs root"
                       : access("/sbin/mke2fs", X_OK)      ? "there is no mke2fs"
                       : access("/dev/loop-control", W_OK) ? "there are no loop devices"
                       : unshare(CLONE_NEWNS)              ? "it may have no mounts of its own"
                       : mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)
                           ? "mounts cannot be private"
                           : NULL;
    if (what)
        snprintf(ret_why, size, "%s", what);
    return !what;
}

static bool run_mke2fs(const char *image)
{
    pid_t pid = fork();
    int status = 1;
    if (pid == 0) {
        execl("/sbin/mke2fs", "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^resize_inode", image,
              (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool loopfs_format(struct loopfs *f, const char *dir, size_t megabytes)
{
    snprintf(f->image, sizeof f->image, "%s/image", dir);
    snprintf(f->at, sizeof f->at, "%s/at", dir);
    f->root = -1;
    mkdir(f->at, 0700);
    unlink(f->image);
    int fd = open(f->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && ftruncate(fd, (off_t)megabytes << 20) == 0;
    if (fd >= 0)
        close(fd);
    return good && run_mke2fs(f->image);
}

/* The device's number, configured so that it frees itself; another process may be faster. */
static int attach(const char *image, char *ret_device, size_t size, int *ret_fd)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int file = open(image, O_RDWR | O_CLOEXEC), no = -1;
    *ret_fd = -1;
    for (int tries = 0; control >= 0 && file >= 0 && tries < 20 && *ret_fd < 0; tries++) {
        struct loop_config c = {.fd = (uint32_t)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
        no = ioctl(control, LOOP_CTL_GET_FREE);
        snprintf(ret_device, size, "/dev/loop%d", no);
        int fd = no < 0 ? -1 : open(ret_device, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &c) == 0)
            *ret_fd = fd;
        else if (fd >= 0)
            close(fd);
    }
    if (control >= 0)
        close(control);
    if (file >= 0)
        close(file);
    return *ret_fd >= 0 ? 0 : -1;
}

bool loopfs_mount(struct loopfs *f)
{
    char device[32];
    int fd;
    if (attach(f->image, device, sizeof device, &fd))
        return false;
    int rc = mount(device, f->at, "ext4", MS_NOATIME, NULL);
    close(fd); /* the mount holds it now, or it is free again */
    if (rc)
        return false;
    f->root = open(f->at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return f->root >= 0;
}

bool loopfs_cut(struct loopfs *f)
{
    uint32_t how = SHUTDOWN_NO_LOGS;
    return ioctl(f->root, SHUTDOWN, &how) == 0;
}

bool loopfs_unmount(struct loopfs *f)
{
    if (f->root >= 0)
        close(f->root);
    f->root = -1;
    for (int tries = 0; tries < 200; tries++) {
        if (umount2(f->at, 0) == 0)
            return true;
        if (errno != EBUSY)
            return false;
        usleep(5000);
    }
    return false;
}
