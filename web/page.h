/* The page engine: web/pages/NAME.html with holes, filled from a json_t. No code stands in a page.
 *
 *   {{name}}  {{a.b}}  {{.}}    the value, always escaped: a string or an integer; nothing when
 * absent
 *   {{#x}}…{{/x}}               for each element of a list; once within an object; once for
 * anything else that is there. Not there: absent, null, false, "", an empty list
 *   {{^x}}…{{/x}}               when it is not there
 *   {{t:Entry $n of $size}}     translated, then $names filled in (escaped); "$$" is a dollar sign
 *   {{>head.html}}              that page, in place; a .css file byte by byte, so that its hash is
 * known
 *   {{a:verify.js}}             address of a script or style
 *
 * Names are looked up from the innermost section outwards. Blanks at the beginning of lines are
 * dropped. Pages are parsed once; rendering is pure and may be done by any thread. */
#pragma once
#include "base/err.h"
#include "base/text.h"
#include "web/asset.h"
#include <jansson.h>

struct page;
/* `assets` gives included files; NULL: none may be included. Errors name page and line. */
int page_parse(const char *name, const char *text, const struct assets *assets, struct page **ret,
               struct err *e);
void page_free(struct page *p);
/* malloc'd, NUL-terminated; NULL: no memory. */
char *page_render(const struct page *p, const json_t *view, enum lang lang, size_t *ret_n);

struct pages; /* every *.html of the assets */
int pages_load(const struct assets *a, struct pages **ret, struct err *e);
void pages_free(struct pages *p);
const struct page *pages_get(const struct pages *p, const char *name); /* asserted to be there */
