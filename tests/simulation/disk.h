/* A disk in memory that loses what a disk may lose: a SQLite VFS whose unsynced writes are each
 * kept, dropped, torn at 512 bytes or turned to garbage by a power cut, in any order. WAL and
 * shared memory work over several connections of one process. Deterministic: all chance comes from
 * the seed. One thread. For simulation and crash tests only; used through db_use_vfs(DISK_VFS). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_VFS "simdisk"

void disk_register(void);        /* once a process, as SQLite's default VFS too (its randomness) */
void disk_format(uint64_t seed); /* an empty, healthy disk; all connections must be closed before */

/* From the k-th write, truncate, sync or delete on (1: the next), the machine is dead: that
 * operation and all later ones fail without effect until disk_restart. 0: never. */
void disk_die_at(uint64_t k);
void disk_die(void); /* now */
bool disk_dead(void);
uint64_t disk_ops(void);                /* writes, truncates, syncs and deletes since disk_format */
extern void (*disk_watch)(uint64_t op); /* called before the op-th of them, on a living disk */
void disk_chance(uint64_t seed);        /* another fate of what is not synced from now on */

/* After every connection of the dead process is closed. cut false: the process died, the kernel
 * keeps what it had taken. cut true: the power went: what was not synced is kept, dropped, torn,
 * garbage. */
void disk_restart(bool cut);

/* Ill health, until disk_format or changed. FULL: every write; READ_ONLY: every change, and files
 * open read-only; SYNC_FAILS: every sync, and of what it should have written chance takes a part
 * for good: no later sync brings the rest, though the kernel shows it until a cut. */
enum disk_ill { DISK_WELL, DISK_FULL, DISK_READ_ONLY, DISK_SYNC_FAILS };
void disk_ill(enum disk_ill what);
extern bool disk_lies; /* syncs do nothing: to show that the harness would notice */

/* Whole content, for copies and damage: pointers stay valid until the next operation. NULL: no
 * file. */
uint8_t *disk_file(const char *path, size_t *ret_n);
