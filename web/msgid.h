/* Marks an English text that is translated later, where it is shown, so that
 * po/check.py finds it. */
#pragma once
#define N_(s) s
