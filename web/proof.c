/* Checking and handing out proofs (contract: proof.h).
 * Invariant: what is not wholly there or cannot be read counts as bad, never as good; "none" is
 * only said where nothing was claimed. */
#include "web/proof.h"
#include "base/crypto.h"
#include "base/json.h"
#include "traceability/merkle.h"
#include "traceability/note.h"
#include "traceability/seal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum check check_seal(const json_t *seal, const char *scanned)
{
    const char *record = json_text_or(seal, "record", ""), *nonce = json_text_or(seal, "nonce", "");
    if (!json_is_object(seal))
        return scanned && *scanned ? CHECK_BAD : CHECK_NONE;
    if (!seal_holds(json_text_or(seal, "text", ""), record, strlen(record), nonce))
        return CHECK_BAD;
    if (!scanned || !*scanned)
        return CHECK_NONE;
    return seal_holds(scanned, record, strlen(record), nonce) ? CHECK_OK : CHECK_BAD;
}

/* Opens the note with the key and reads its body; the log's origin is its first line. */
static int open_note(const json_t *log, struct note_checkpoint *ret)
{
    const char *note = json_text_or(log, "note", ""), *key = json_text_or(log, "public_key", "");
    char origin[NOTE_NAME_MAX];
    uint8_t pub[ED25519_PUBLIC_LEN];
    size_t n = strcspn(note, "\n"), body, got;
    if (n == 0 || n >= sizeof origin || base64_parse(key, strlen(key), pub, sizeof pub, &got) ||
        got != sizeof pub)
        return ERR_PARSE;
    memcpy(origin, note, n);
    origin[n] = '\0';
    int code = note_open(note, strlen(note), origin, pub, &body, NULL);
    return code ? code : note_read(note, body, ret, NULL);
}

static bool read_hash(const char *text, struct merkle_hash *ret)
{
    return strlen(text) == 2 * sizeof ret->b && hex_parse(text, ret->b, sizeof ret->b) == 0;
}

static enum check check_inclusion(const json_t *log, const struct note_checkpoint *c)
{
    struct merkle_proof proof = {0};
    struct merkle_hash leaf;
    const json_t *hash;
    size_t i;
    int64_t index = json_int_or(log, "index", -1);
    if (index < 0 || !read_hash(json_text_or(log, "leaf", ""), &leaf))
        return CHECK_BAD;
    json_array_foreach(json_object_get(log, "proof"), i, hash) {
        const char *text = json_is_string(hash) ? json_string_value(hash) : "";
        if (proof.n == MERKLE_PROOF_MAX || !read_hash(text, &proof.hash[proof.n]))
            return CHECK_BAD;
        proof.n++;
    }
    return merkle_included(&leaf, (uint64_t)index, c->size, &proof, &c->root) ? CHECK_OK
                                                                              : CHECK_BAD;
}

void proof_check(const json_t *lot, const char *scanned, struct proof *ret)
{
    const json_t *log = json_object_get(lot, "log");
    struct note_checkpoint c;
    *ret = (struct proof){.seal = check_seal(json_object_get(lot, "seal"), scanned)};
    if (!json_is_object(log))
        return;
    ret->signature = ret->inclusion = CHECK_BAD;
    if (open_note(log, &c))
        return;
    ret->signature = CHECK_OK;
    ret->inclusion = check_inclusion(log, &c);
}

json_t *proof_data(const json_t *lot)
{
    static const char *const keys[] = {"leaf", "index", "size", "proof", "note", "public_key"};
    const json_t *log = json_object_get(lot, "log"), *seal = json_object_get(lot, "seal");
    json_t *data = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_set(data, keys[i], json_object_get(log, keys[i]));
    if (json_is_object(seal)) {
        json_object_set(data, "record", json_object_get(seal, "record"));
        json_object_set(data, "nonce", json_object_get(seal, "nonce"));
    }
    return data;
}

static bool put_hash(FILE *f, const char *hex)
{
    struct merkle_hash h;
    char text[48];
    if (!read_hash(hex, &h))
        return false;
    fprintf(f, "%s\n", base64_text(h.b, sizeof h.b, text, sizeof text));
    return true;
}

char *proof_file(const json_t *log)
{
    char *text = NULL;
    size_t n, i;
    const json_t *hash;
    int64_t index = json_int_or(log, "index", -1);
    FILE *f = index < 0 ? NULL : open_memstream(&text, &n);
    if (!f)
        return NULL;
    bool good = true;
    fprintf(f, "c2sp.org/tlog-proof@v1\nindex %lld\n", (long long)index);
    json_array_foreach(json_object_get(log, "proof"), i, hash)
        good = good && json_is_string(hash) && put_hash(f, json_string_value(hash));
    fprintf(f, "\n%s", json_text_or(log, "note", ""));
    good = good && !ferror(f);
    if (fclose(f) == 0 && good)
        return text;
    free(text);
    return NULL;
}
