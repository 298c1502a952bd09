/* Ordered text dump, for comparing two databases row by row (contract: db.h). SQL's own quote()
 * makes the text of a value, so a blob, a text and a number that look alike differ. */
#include "base/db.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain_name(const char *name, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return n > 0 && strspn(name, allowed) >= n;
}

/* "SELECT quote("a")||'|'||quote("b") FROM "t" ORDER BY "a","b"": malloc'd, NULL without memory or
 * columns. */
static char *build_select(struct db *db, const char *table, struct err *e, int *ret_code)
{
    char *sql = NULL, *order = NULL;
    size_t sql_n = 0, order_n = 0;
    FILE *s = open_memstream(&sql, &sql_n), *o = open_memstream(&order, &order_n);
    struct stmt *q = q_text(db_q(db, "SELECT name FROM pragma_table_info(?)"), 1, table);
    int rc = s && o ? 0 : ERR_NOMEM, columns = 0;
    while (!rc && (rc = q_step(q)) == 1) {
        const char *comma = columns++ ? "," : "";
        fprintf(s, "%squote(\"%s\")", *comma ? "||'|'||" : "SELECT ", q_str(q, 0));
        fprintf(o, "%s\"%s\"", comma, q_str(q, 0));
        rc = 0;
    }
    if (o)
        fclose(o);
    if (s)
        fprintf(s, " FROM \"%s\" ORDER BY %s", table, order ? order : "");
    if (s && fclose(s))
        rc = ERR_NOMEM;
    free(order);
    if (!rc && columns == 0)
        rc = ERR_NOT_FOUND;
    *ret_code = rc ? err_set(e, rc, "table %s: %s", table, err_text(rc)) : 0;
    if (!rc)
        return sql;
    free(sql);
    return NULL;
}

static int dump_table(struct db *db, const char *table, void (*line)(void *, const char *),
                      void *ctx, struct err *e)
{
    int rc = 0;
    char *sql = build_select(db, table, e, &rc);
    if (!sql)
        return rc;
    struct stmt *q = db_q(db, sql);
    while ((rc = q_step(q)) == 1) {
        char *text = NULL;
        if (asprintf(&text, "%s|%s", table, q_str(q, 0)) < 0) {
            rc = ERR_NOMEM;
            break;
        }
        line(ctx, text);
        free(text);
    }
    q_done(q);
    free(sql);
    return rc < 0 ? err_set(e, rc, "table %s: %s", table, db_message(db)) : 0;
}

int db_dump(struct db *db, const char *tables, void (*line)(void *, const char *), void *ctx,
            struct err *e)
{
    for (const char *p = tables; *p;) {
        char name[64];
        size_t n = strcspn(p, ",");
        if (n >= sizeof name || !is_plain_name(p, n))
            return err_set(e, ERR_USAGE, "\"%.60s\" is no table name", p);
        memcpy(name, p, n);
        name[n] = '\0';
        int code = dump_table(db, name, line, ctx, e);
        if (code)
            return code;
        p += n + (p[n] == ',');
    }
    return 0;
}
