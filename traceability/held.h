/* The words of a line's newest items as its PLC posted them: they decide whether a record met again
 * is the one that was committed (rule 3 of the mailbox). At least the newest HELD_ITEMS of a line,
 * sixteen to a row of table held, so that a large commit writes few rows and a small one a single
 * page. Private to the core (item.c, store.c); readers: item_held_words in item.h. Main thread. */
#pragma once
#include "base/db.h"
#include "traceability/item.h"

#define HELD_ITEMS 1024 /* the largest ring of a mailbox */
#define HELD_CHUNK 16
#define HELD_WORDS ((size_t)2 * ITEM_WORDS) /* bytes of an item */

/* The row that is being filled; written when another is begun and before each commit. */
struct held_row {
    uint32_t line; /* 0: none */
    uint32_t epoch, first;
    uint32_t have; /* bit i: the words of item first + i are there */
    bool dirty;
    uint8_t words[HELD_CHUNK * HELD_WORDS];
};

int held_put(struct held_row *h, struct db *db, const struct item *it);
/* 1: the words are held and equal, 0: not held, ERR_EPOCH: they differ. */
int held_same(struct held_row *h, struct db *db, const struct item *it);
int held_flush(struct held_row *h, struct db *db); /* inside the transaction */
void held_forget(struct held_row *h);              /* after a rollback */
