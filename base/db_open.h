/* The seam between db.c (which alone knows sqlite3.h) and db_open.c. Private to these two. */
#pragma once
#include "base/db.h"

enum db_mode { DB_WRITE, DB_READ, DB_MEMORY };

int db_connect(const char *path, enum db_mode mode, struct db **ret, struct err *e);
void db_keep_files(struct db *db, int lock_fd); /* PERSIST_WAL; the lock goes with the connection */
/* keep: closing leaves the log where it is instead of writing it into the file */
void db_keep_log(struct db *db, bool keep);
bool db_has_vfs(void); /* then the file may exist in memory only */
