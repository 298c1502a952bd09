/* A box's label, 60 × 40 mm, as SVG: what a person reads, and the QR that leads to the box's page.
 * Pure. */
#pragma once
#include "base/err.h"
#include <stddef.h>

#define LABEL_WIDTH_MM  60
#define LABEL_HEIGHT_MM 40
#define LABEL_URL_MAX   256

struct label {
    const char *product, *grade, *net_kg; /* "25.004"; "" when nobody weighed it on a trade scale */
    const char *lot, *box, *seal, *packed, *coop;
    const char *word_net, *word_lot, *word_packed; /* in the label's language */
    const char *url;
};
/* "https://HOST/B/ID?s=SEAL": scheme in small letters, host in capitals, so that most of it takes
 * the QR's narrow alphabet. base_url without a trailing slash. ERR_TOOBIG. */
int label_url(const char *base_url, const char *box, const char *seal, char *ret, size_t size);
int label_svg(const struct label *l, char **ret, struct err *e); /* malloc'd */
