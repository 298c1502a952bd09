/* people.db: the only place where names and telephone numbers stand, and the only way to them.
 * Events, topics, logs and public pages know a person by pid: 50 random bits as 10 base32
 * characters, never derived from anything. Main thread of lotlined only. Writing: inside
 * store_begin/commit; people.db commits before store.db, so that no event ever names a pid that was
 * lost. */
#pragma once
#include "base/clock.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PEOPLE_PID_SIZE 11 /* with the NUL */
#define PEOPLE_NAME_MAX 120

struct store;
/* kind: "farmer", "worker" … [a-z-]{1,16}. phone, initials: NULL or "" for none; initials are those
 * of the pinyin, [a-z]{1,16}: "zs" finds 张三. Consent is none until it is given. */
int people_add(struct store *s, const char *kind, const char *name, const char *phone,
               const char *initials, char ret_pid[PEOPLE_PID_SIZE], struct err *e);
/* What the person agreed to: words parted by blanks, such as "publish-name"; "" takes
 * it all back. */
int people_consent(struct store *s, const char *pid, const char *words, struct err *e);
bool people_consents(struct store *s, const char *pid, const char *word);
bool people_is_pid(struct store *s, const char *text); /* with or without "pid:" before it */
/* The name as the shed's own screens and papers show it. ERR_NOT_FOUND: unknown or erased. */
int people_name(struct store *s, const char *pid, char *buf, size_t size, struct err *e);
/* [{"pid","kind","name","phone","initials"}…] ordered by initials and name, at most `limit`.
 * find: the beginning of the initials, or any part of name or phone; "" for all.
 * kind "" for all. */
int people_find(struct store *s, const char *kind, const char *find, int64_t limit, json_t **ret,
                struct err *e);
/* Stable within a scope (a lot, a buyer), unlinkable across scopes: 10 base32 characters of
 * SHA-256(salt of the person ‖ scope). Gone with the person. */
int people_alias(struct store *s, const char *pid, const char *scope, char ret[PEOPLE_PID_SIZE],
                 struct err *e);
/* The law keeps the row until then (never shortened). */
int people_hold(struct store *s, const char *pid, struct wall until, struct err *e);
/* Deletes the row. ERR_STATE names the date until which the law keeps it. After the commit the
 * bytes are overwritten in the file and its log. */
int people_erase(struct store *s, const char *pid, struct wall now, struct err *e);
