/* What disk.c (files, directory, power) and disk_vfs.c (SQLite's side) share. Private to them. */
#pragma once
#include "tests/simulation/disk.h"
#include <sqlite3.h>

struct image { /* bytes of a file */
    uint8_t *p;
    size_t n, cap;
};

struct write { /* a write or truncate since the last good sync of its file */
    bool truncate;
    size_t off, n; /* truncate: the new size is off */
    size_t data;   /* where its bytes stand in inode.data */
};

enum { SHM_LOCKS = 8, SHM_REGIONS = 64 };

struct inode {
    struct image live, durable; /* what the kernel shows; what the platter holds */
    struct write *log;
    size_t log_n, log_cap;
    size_t gone; /* so many at its start were lost by a failed sync: nothing brings them back */
    struct image data; /* the bytes of the log */
    int refs;          /* names, operations of a directory and open files that lead here */
    /* Locks and shared memory: of the open connections only. */
    int opens, shared;
    const void *reserved, *pending, *exclusive;
    int shm_users, shm_shared[SHM_LOCKS];
    const void *shm_exclusive[SHM_LOCKS];
    uint8_t *shm[SHM_REGIONS];
};

enum disk_act { DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_DELETE };

/* Counts an operation. SQLITE_OK, or the error of a dead or ill disk. */
int disk_may(enum disk_act act);
bool disk_read_only(void);

struct inode *disk_find(const char *path);   /* NULL: no such name */
struct inode *disk_create(const char *path); /* NULL as path: without a name. One reference. */
void disk_hold(struct inode *i);
void disk_let_go(struct inode *i);
void disk_unlink(const char *path);
void disk_sync_directory_of(const char *path);

void inode_write(struct inode *i, const void *p, size_t n, size_t off);
void inode_truncate(struct inode *i, size_t size);
void inode_sync(struct inode *i);
void inode_sync_fails(struct inode *i);

void disk_random(void *p, size_t n); /* the stream that SQLite sees */
void disk_count_opens(int by);
