/* A real ext4 in a file, seen by this process and its children alone, whose power can be cut. Root
 * only. Nothing stays behind: mounts go with the process's mount namespace, the loop device with
 * its last mount. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct loopfs {
    char image[128], at[128];
    int root; /* open directory of the mount; −1: not mounted */
};

/* A namespace of one's own; why not, when it cannot be had (`ret_why`: one line). */
bool loopfs_possible(char *ret_why, size_t size);
/* image and at: paths below `dir`; both are made. */
bool loopfs_format(struct loopfs *f, const char *dir, size_t megabytes);
bool loopfs_mount(struct loopfs *f);
bool loopfs_cut(struct loopfs *f); /* from now on nothing reaches the image, journal included */
bool loopfs_unmount(struct loopfs *f);
