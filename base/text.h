/* Texts for people from a .mo catalogue, chosen per call: libc's gettext is process-wide and needs
 * locales that a small Debian lacks. English is the msgid itself. Read-only after loading. */
#pragma once
#include "base/err.h"

enum lang { LANG_EN, LANG_ZH };

/* Loads "<dir>/zh_CN.mo"; missing or broken: an error, and texts stay English. Once, before
 * threads. */
int text_load(const char *dir, struct err *e);
const char *text_in(enum lang lang, const char *msgid); /* msgid when there is no translation */
enum lang lang_from(const char *accept_language); /* "zh-CN,zh;q=0.9" → LANG_ZH; NULL → LANG_ZH */
const char *lang_code(enum lang lang);            /* "en", "zh-CN" */
