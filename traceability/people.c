/* people.db: names, telephone numbers, consents (contract: people.h). Thread: main of lotlined,
 * its only opener. Owns: table person.
 *
 * Invariants
 *  1. A pid comes from random bits alone, so that it says nothing once its row is gone.
 *  2. Texts of persons go into answers to the shed's own screens and nowhere else: no log
 *     line, no error text, no event holds one.
 *  3. An erased row's bytes are overwritten: secure_delete in the file (store.c), and a
 *     truncating checkpoint of the log after the commit. */
#include "traceability/people.h"
#include "base/crypto.h"
#include "traceability/step.h"
#include "traceability/store_inner.h"
#include <stdio.h>
#include <string.h>

enum { PID_BITS = 50, SALT_LEN = 16 };

static int trouble(struct store *s, int rc, struct err *e)
{
    return err_set(e, rc, "%s: %s", db_path(s->people),
                   rc == ERR_NOT_FOUND ? "no such person" : db_message(s->people));
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static bool is_made_of(const char *text, size_t min, size_t max, const char *set)
{
    size_t n = strlen(text);
    return n >= min && n <= max && strspn(text, set) == n;
}

static int check(const char *kind, const char *name, const char *phone, const char *initials,
                 struct err *e)
{
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    if (!is_made_of(kind, 1, 16, "abcdefghijklmnopqrstuvwxyz-"))
        return err_set(e, ERR_RANGE, "a kind of person is 1 to 16 of a-z and -");
    if (!name[0] || strlen(name) > PEOPLE_NAME_MAX)
        return err_set(e, ERR_RANGE, "a name has 1 to %d bytes", PEOPLE_NAME_MAX);
    if (!is_made_of(phone, 0, 32, "0123456789+- "))
        return err_set(e, ERR_RANGE, "a telephone number is up to 32 digits, blanks, + and -");
    if (!is_made_of(initials, 0, 16, lower))
        return err_set(e, ERR_RANGE, "initials are up to 16 of a-z");
    return 0;
}

int people_add(struct store *s, const char *kind, const char *name, const char *phone,
               const char *initials, char ret_pid[PEOPLE_PID_SIZE], struct err *e)
{
    uint8_t bits[(PID_BITS + 7) / 8], salt[SALT_LEN];
    char pid[PEOPLE_PID_SIZE];
    phone = or_empty(phone);
    initials = or_empty(initials);
    int rc = store_writable(s, e);
    if (rc == 0)
        rc = check(kind, name, phone, initials, e);
    if (rc)
        return rc;
    crypto_random(bits, sizeof bits); /* invariant 1 */
    crypto_random(salt, sizeof salt);
    base32_text(bits, PID_BITS, pid, sizeof pid);
    struct stmt *q = db_q(s->people, "INSERT INTO person(pid,kind,name,phone,initials,consent,salt,"
                                     "held_until_ms,created_ms) VALUES(?,?,?,?,?,'',?,0,?)");
    q_text(q_text(q_text(q, 1, pid), 2, kind), 3, name);
    q_int(q_blob(q_text(q_text(q, 4, phone), 5, initials), 6, salt, sizeof salt), 7, wall_now().ms);
    store_touch(s);
    rc = q_run(q);
    if (rc)
        return trouble(s, rc, e);
    memcpy(ret_pid, pid, sizeof pid);
    return 0;
}

/* Runs a change of one row; no row: ERR_NOT_FOUND. */
static int change_one(struct store *s, struct stmt *q, struct err *e)
{
    int rc = store_writable(s, e);
    if (rc)
        return rc;
    store_touch(s);
    rc = q_run(q);
    if (rc == 0 && db_changes(s->people) == 0)
        rc = ERR_NOT_FOUND;
    return rc ? trouble(s, rc, e) : 0;
}

int people_consent(struct store *s, const char *pid, const char *words, struct err *e)
{
    if (!is_made_of(words, 0, 64, "abcdefghijklmnopqrstuvwxyz- "))
        return err_set(e, ERR_RANGE, "consent is words of a-z and -");
    struct stmt *q = db_q(s->people, "UPDATE person SET consent=? WHERE pid=?");
    return change_one(s, q_text(q_text(q, 1, words), 2, pid), e);
}

bool people_consents(struct store *s, const char *pid, const char *word)
{
    struct stmt *q = db_q(
        s->people, "SELECT 1 FROM person WHERE pid=? AND instr(' '||consent||' ',' '||?||' ')>0");
    bool yes = q_step(q_text(q_text(q, 1, pid), 2, word)) == 1;
    q_done(q);
    return yes;
}

bool people_is_pid(struct store *s, const char *text)
{
    if (!strncmp(text, "pid:", 4))
        text += 4;
    if (strlen(text) != PEOPLE_PID_SIZE - 1)
        return false;
    struct stmt *q = db_q(s->people, "SELECT 1 FROM person WHERE pid=?");
    bool yes = q_step(q_text(q, 1, text)) == 1;
    q_done(q);
    return yes;
}

int people_name(struct store *s, const char *pid, char *buf, size_t size, struct err *e)
{
    struct stmt *q = db_q(s->people, "SELECT name FROM person WHERE pid=?");
    int rc = q_one(q_text(q, 1, pid));
    if (rc < 0)
        return trouble(s, rc, e);
    snprintf(buf, size, "%s", q_str(q, 0));
    q_done(q);
    return 0;
}

int people_find(struct store *s, const char *kind, const char *find, int64_t limit, json_t **ret,
                struct err *e)
{
    struct step_watch since = step_watch(s->people);
    json_t *all = json_array();
    struct stmt *q =
        db_q(s->people, "SELECT pid,kind,name,phone,initials FROM person"
                        " WHERE (?1='' OR kind=?1) AND (?2='' OR instr(initials,lower(?2))=1"
                        " OR instr(name,?2)>0 OR instr(phone,?2)>0)"
                        " ORDER BY initials,name,pid LIMIT ?3");
    q_int(q_text(q_text(q, 1, kind), 2, find), 3, limit);
    while (q_step(q) == 1)
        json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s,s:s}", "pid", q_str(q, 0), "kind",
                                             q_str(q, 1), "name", q_str(q, 2), "phone", q_str(q, 3),
                                             "initials", q_str(q, 4)));
    q_done(q);
    return step_told(s->people, since, 0, all, ret, e);
}

int people_alias(struct store *s, const char *pid, const char *scope, char ret[PEOPLE_PID_SIZE],
                 struct err *e)
{
    struct sha256 h;
    uint8_t full[SHA256_LEN];
    size_t n = 0;
    struct stmt *q = db_q(s->people, "SELECT salt FROM person WHERE pid=?");
    int rc = q_one(q_text(q, 1, pid));
    if (rc < 0)
        return trouble(s, rc, e);
    const void *salt = q_bytes(q, 0, &n);
    sha256_init(&h);
    sha256_add(&h, salt, n);
    sha256_add(&h, scope, strlen(scope));
    sha256_end(&h, full);
    q_done(q);
    base32_text(full, PID_BITS, ret, PEOPLE_PID_SIZE);
    return 0;
}

/* ---- erasure ---- */

int people_hold(struct store *s, const char *pid, struct wall until, struct err *e)
{
    struct stmt *q =
        db_q(s->people, "UPDATE person SET held_until_ms=max(held_until_ms,?) WHERE pid=?");
    return change_one(s, q_text(q_int(q, 1, until.ms), 2, pid), e);
}

int people_erase(struct store *s, const char *pid, struct wall now, struct err *e)
{
    char date[32];
    struct stmt *q = db_q(s->people, "SELECT held_until_ms FROM person WHERE pid=?");
    int rc = q_one(q_text(q, 1, pid));
    if (rc < 0)
        return trouble(s, rc, e);
    struct wall until = {q_col(q, 0)};
    q_done(q);
    if (until.ms > now.ms)
        return err_set(e, ERR_STATE, "the law keeps this person's data until %s",
                       wall_utc(until, date, sizeof date));
    rc = change_one(s, q_text(db_q(s->people, "DELETE FROM person WHERE pid=?"), 1, pid), e);
    if (rc == 0)
        s->erased = true; /* invariant 3 */
    return rc;
}
