/* Identifiers (contract: ident.h). Any thread; the counter is a projection, so that numbers go on
 * after a restart and a rebuild alike.
 *
 * 1. A number is never given twice for one station and printed date: ident_note keeps the highest.
 * 2. The clock may step back: the date is only part of the name, the counter is kept per date. */
#include "traceability/ident.h"
#include "base/crypto.h"
#include <stdio.h>
#include <string.h>

#define PLAIN_MAX  999                        /* 001 … 999 */
#define NUMBER_MAX (PLAIN_MAX + 26 * 36 * 36) /* then A00 … ZZZ */

static const char alnum[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static int value_36(char c)
{
    const char *p = c ? strchr(alnum, c) : NULL;
    return p ? (int)(p - alnum) : -1;
}

char ident_check_37_36(const char *text)
{
    int p = 36;
    for (; *text; text++) {
        int v = value_36(*text);
        if (v < 0)
            continue;
        p += v;
        p = p > 36 ? p - 36 : p;
        p = p * 2 % 37;
    }
    return alnum[(37 - p) % 36];
}

static void number_text(uint32_t n, char ret[4])
{
    if (n <= PLAIN_MAX) {
        ret[0] = alnum[n / 100];
        ret[1] = alnum[n / 10 % 10];
        ret[2] = alnum[n % 10];
    } else {
        n -= PLAIN_MAX + 1;
        ret[0] = alnum[10 + n / 1296];
        ret[1] = alnum[n / 36 % 36];
        ret[2] = alnum[n % 36];
    }
    ret[3] = 0;
}

static uint32_t number_value(const char *t)
{
    uint32_t a = (uint32_t)value_36(t[0]), b = (uint32_t)value_36(t[1]),
             c = (uint32_t)value_36(t[2]);
    return a < 10 ? a * 100 + b * 10 + c : PLAIN_MAX + 1 + (a - 10) * 1296 + b * 36 + c;
}

int ident_offset_min(struct db *db, int *ret_min, struct err *e)
{
    struct stmt *s = db_q(db, "SELECT offset_min FROM coop");
    int rc = q_step(s), min = rc == 1 ? (int)q_col(s, 0) : 480;
    q_done(s);
    if (rc < 0)
        return err_set(e, rc, "the time zone of printed dates cannot be read");
    *ret_min = min;
    return 0;
}

int ident_day(struct db *db, struct wall at, char ret[7], struct err *e)
{
    int min, rc = ident_offset_min(db, &min, e);
    if (rc == 0)
        wall_yymmdd(at, min, ret, 7);
    return rc;
}

int ident_begin(struct db *db, char station, struct wall at, struct ident_mint *ret, struct err *e)
{
    struct ident_mint m = {.station = station};
    int rc = ident_day(db, at, m.day, e);
    if (rc < 0)
        return rc;
    struct stmt *s = db_q(db, "SELECT n FROM counter WHERE station = ?1 AND day = ?2");
    q_text(s, 1, (char[2]){station, 0});
    q_text(s, 2, m.day);
    rc = q_step(s);
    if (rc < 0)
        return err_set(e, rc, "the counter of lot numbers cannot be read");
    m.next = 1 + (rc == 1 ? (uint32_t)q_col(s, 0) : 0);
    q_done(s);
    *ret = m;
    return 0;
}

int ident_lot(struct ident_mint *m, enum ident_kind kind, char ret[IDENT_LOT_SIZE], struct err *e)
{
    char number[4];
    if (m->next > NUMBER_MAX)
        return err_set(e, ERR_RANGE, "the numbers of %s at station %c are used up: go on tomorrow",
                       m->day, m->station);
    number_text(m->next++, number);
    snprintf(ret, IDENT_LOT_SIZE, "%c%s-%c%s", (char)kind, m->day, m->station, number);
    size_t n = strlen(ret);
    ret[n] = ident_check_37_36(ret);
    ret[n + 1] = 0;
    return 0;
}

bool ident_lot_ok(const char *lot)
{
    char body[IDENT_LOT_SIZE];
    if (strlen(lot) != 13 || lot[7] != '-')
        return false;
    for (int i = 0; i < 13; i++) {
        bool digit = (i >= 1 && i <= 6) || ((i == 10 || i == 11) && lot[9] <= '9');
        if (i != 7 && (value_36(lot[i]) < 0 || (digit && lot[i] > '9')))
            return false;
    }
    memcpy(body, lot, 12);
    body[12] = 0;
    return ident_check_37_36(body) == lot[12];
}

int ident_note(struct db *db, const char *lot)
{
    char day[7] = {0};
    if (!ident_lot_ok(lot))
        return ERR_PARSE;
    memcpy(day, lot + 1, 6);
    struct stmt *s = db_q(db, "INSERT INTO counter(station, day, n) VALUES(?1, ?2, ?3) "
                              "ON CONFLICT DO UPDATE SET n = max(n, excluded.n)");
    q_text(s, 1, (char[2]){lot[8], 0});
    q_text(s, 2, day);
    q_int(s, 3, number_value(lot + 9));
    return q_run(s);
}

void ident_box(char ret[IDENT_BOX_SIZE])
{
    uint8_t r[7];
    crypto_random(r, sizeof r);
    base32_text(r, 50, ret, IDENT_BOX_SIZE);
}

bool ident_box_ok(const char *box)
{
    return strlen(box) == 10 && strspn(box, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == 10;
}

bool ident_word_ok(const char *text, size_t max)
{
    size_t n = strlen(text);
    return n >= 1 && n <= max && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int ident_gs1_check(const char *digits, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return -1;
        sum += (digits[i] - '0') * ((n - i) % 2 ? 3 : 1);
    }
    return (10 - sum % 10) % 10;
}

/* Prefixes of restricted circulation, in the 14-digit form. */
static bool gtin_restricted(const char g[15])
{
    if (strncmp(g, "000000", 6) == 0)
        return g[6] == '0' || g[6] == '2';
    return g[1] == '2' || (g[1] == '0' && (g[2] == '2' || g[2] == '4'));
}

int ident_gtin(const char *text, char ret[15], struct err *e)
{
    char g[15];
    size_t n = strlen(text);
    if (n != 8 && n != 12 && n != 13 && n != 14)
        return err_set(e, ERR_RANGE,
                       "GTIN \"%.20s\" has %zu characters: it must have 8, 12, 13 or 14", text, n);
    memset(g, '0', 14);
    memcpy(g + 14 - n, text, n);
    g[14] = 0;
    int check = ident_gs1_check(g, 13);
    if (check < 0 || g[13] < '0' || g[13] > '9')
        return err_set(e, ERR_PARSE, "GTIN \"%s\" holds something other than digits", text);
    if (check != g[13] - '0')
        return err_set(e, ERR_CHECK, "GTIN %s: its check digit should be %d: copy it again", text,
                       check);
    if (gtin_restricted(g))
        return err_set(e, ERR_RANGE,
                       "GTIN %s has a prefix for use within one shop (02, 04, 20-29): leave it out "
                       "or get a real one",
                       text);
    memcpy(ret, g, sizeof g);
    return 0;
}

bool ident_sscc_ok(const char *text)
{
    return strlen(text) == 18 && ident_gs1_check(text, 17) == text[17] - '0';
}

bool ident_uscc_ok(const char *text)
{
    static const char set[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    int sum = 0, weight = 1;
    if (strlen(text) != 18)
        return false;
    for (int i = 0; i < 17; i++, weight = weight * 3 % 31) {
        const char *p = strchr(set, text[i]);
        if (!p)
            return false;
        sum += (int)(p - set) * weight;
    }
    return set[(31 - sum % 31) % 31] == text[17];
}

void ident_lot_uri(const char *base, const char *gtin, const char *product, const char *lot,
                   char *ret, size_t size)
{
    if (gtin && *gtin)
        snprintf(ret, size, "https://id.gs1.org/01/%s/10/%s", gtin, lot);
    else
        snprintf(ret, size, "%s/class/%s.%s", base, product, lot);
}

void ident_uri(const char *base, const char *kind, const char *id, char *ret, size_t size)
{
    int n = snprintf(ret, size, "%s/%s/%s", base, kind, id);
    size_t from = strlen(base) + strlen(kind) + 2;
    for (size_t i = from; n > 0 && i < (size_t)n && i + 1 < size; i++)
        if (!strchr("-._", ret[i]) && !(ret[i] >= '0' && ret[i] <= '9') &&
            !(ret[i] >= 'A' && ret[i] <= 'Z') && !(ret[i] >= 'a' && ret[i] <= 'z'))
            ret[i] = '-';
}

void ident_box_path(const char *box, const char *seal, char *ret, size_t size)
{
    snprintf(ret, size, "/B/%s?s=%s", box, seal);
}

void ident_uuid(const void *p, size_t n, char ret[46])
{
    uint8_t h[SHA256_LEN];
    char x[33];
    sha256_of(p, n, h);
    h[6] = (uint8_t)(0x80 | (h[6] & 0x0f));
    h[8] = (uint8_t)(0x80 | (h[8] & 0x3f));
    hex_text(h, 16, x, sizeof x);
    snprintf(ret, 46, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", x, x + 8, x + 12, x + 16, x + 20);
}
