/* One event of a stream as a CloudEvents 1.0 document in structured JSON (contract: stream.h).
 * Pure. "data" is the stored bytes, spliced in as they are, so that a buyer can hash them; the
 * other texts come from closed sets (kinds, [a-z0-9-] names, hex) that need no escaping.
 * Attribute names are lower-case letters only, as CloudEvents 1.0 section "Naming conventions"
 * wants. */
#include "base/crypto.h"
#include "traceability/stream.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENVELOPE_MAX = 768 };

char *export_cloudevent(const struct stream_event *se, const char *site, const char *store_id,
                        size_t *ret_n)
{
    char leaf[2 * SHA256_LEN + 1], at[32];
    char *doc = malloc(ENVELOPE_MAX + se->ev.n);
    if (!doc)
        return NULL;
    int n = snprintf(
        doc, ENVELOPE_MAX,
        "{\"specversion\":\"1.0\",\"id\":\"%lld\",\"source\":\"/lotline/%s/%s\","
        "\"type\":\"lotline.%s\",\"time\":\"%s\",\"datacontenttype\":\"application/json\","
        "\"stream\":\"%s\",\"streamepoch\":%lld,\"streamseq\":%lld,\"logindex\":%lld,"
        "\"leaf\":\"%s\",\"data\":",
        (long long)se->ev.seq, site, store_id, event_kind_name(se->ev.kind),
        wall_utc(se->ev.at, at, sizeof at), se->stream, (long long)se->epoch, (long long)se->n,
        (long long)se->ev.seq - 1, hex_text(se->leaf, SHA256_LEN, leaf, sizeof leaf));
    if (n < 0 || n >= ENVELOPE_MAX - 2) {
        free(doc);
        return NULL;
    }
    memcpy(doc + n, se->ev.bytes, se->ev.n);
    memcpy(doc + n + (int)se->ev.n, "}", 2);
    if (ret_n)
        *ret_n = (size_t)n + se->ev.n + 1;
    return doc;
}
