/* What a map asks of the device before it believes it: identity (that it is the right one) and
 * settings (that it is set as the map needs it). Pure but for the report; part of map_read. */
#include "plc-maps/map_parts.h"
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))
enum { NOWHERE = -1 };

struct proof_extra {
    char en[96], zh[96], text[2 * MAP_PROBE_WORDS + 1], manual[24], source[160];
    int area;
    int64_t addr, mask;
    const struct ynode *words, *one_of;
};
#define AT(f) CONF_AT(proof_extra, f)
#define PROOF_ROWS                                                                                 \
    {"area",                                                                                       \
     CONF_ENUM,                                                                                    \
     AT(area),                                                                                     \
     0,                                                                                            \
     0,                                                                                            \
     "holding",                                                                                    \
     "holding|input",                                                                              \
     "",                                                                                           \
     "Holding registers (FC3) or input registers (FC4)."},                                         \
        {"manual",                                                                                 \
         CONF_TEXT,                                                                                \
         AT(manual),                                                                               \
         0,                                                                                        \
         0,                                                                                        \
         "",                                                                                       \
         NULL,                                                                                     \
         "",                                                                                       \
         "The manual's own name of the register, checked against the wire address."},              \
        {"words", CONF_NODE, AT(words), 0, 0, "", NULL, "", "The words that must stand there."},   \
        {"text", CONF_TEXT, AT(text),                                                              \
         0,      0,         "",                                                                    \
         NULL,   "",        "Or the text that must stand there, two characters to a word."},       \
        {"one_of", CONF_NODE, AT(one_of),                                                          \
         0,        0,         "",                                                                  \
         NULL,     "",        "Or one word that must be one of these."},                           \
        {"mask", CONF_INT,   AT(mask),                                                             \
         1,      UINT16_MAX, "0xFFFF",                                                             \
         NULL,   "",         "Bits of each word that are looked at."},                             \
    {                                                                                              \
        "source", CONF_TEXT, AT(source), 0, 0, "", NULL, "", "Where it is from."                   \
    }
static const struct conf_row identity_rows[] = {
    {"addr", CONF_INT, AT(addr), 0, UINT16_MAX, NULL, NULL, "", "First wire address, from 0."},
    PROOF_ROWS,
};
static const struct conf_row setting_rows[] = {
    {"en", CONF_TEXT, AT(en), 1, 0, NULL, NULL, "", "What must be set, in English."},
    {"zh", CONF_TEXT, AT(zh), 1, 0, NULL, NULL, "", "The same in Chinese."},
    {"addr", CONF_INT, AT(addr), NOWHERE, UINT16_MAX, "-1", NULL, "",
     "Wire address of the register that shows it; without it people see to it."},
    PROOF_ROWS,
};
#undef AT
const struct map_keys map_keys_proof = {"identity", "identity, each entry:", identity_rows,
                                        N(identity_rows)};
const struct map_keys map_keys_setting = {"settings", "settings, each entry:", setting_rows,
                                          N(setting_rows)};

/* "02F2" → 0x3032 0x4632; an odd last character is followed by 0. */
static void text_words(const char *text, struct map_probe *p)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        p->words[i / 2] |= (uint16_t)((uint8_t)text[i] << (i % 2 ? 0 : 8));
    p->n = (uint16_t)((n + 1) / 2);
}

static void list_words(struct confdoc *d, const struct ynode *list, struct map_probe *p,
                       uint16_t *ret_n)
{
    int64_t v[MAP_PROBE_WORDS] = {0};
    size_t n = 0;
    confdoc_ints(d, list, 0, UINT16_MAX, MAP_PROBE_WORDS, v, &n);
    for (size_t i = 0; i < n; i++)
        p->words[i] = (uint16_t)v[i];
    *ret_n = (uint16_t)n;
}

static void expected(struct confdoc *d, const struct proof_extra *x, int line, struct map_probe *p)
{
    const bool given[] = {x->words != NULL, x->one_of != NULL, x->text[0] != '\0'};
    size_t ways = 0;
    for (size_t i = 0; i < N(given); i++)
        ways += given[i] ? 1 : 0;
    if (x->addr == NOWHERE && (ways > 0 || x->manual[0]))
        confdoc_error(d, ERR_KEY, line, "what is expected needs the key \"addr\"");
    if (x->addr == NOWHERE)
        return;
    if (ways != 1)
        confdoc_error(d, ERR_KEY, line, "it needs one of \"words\", \"text\" and \"one_of\"");
    if (x->words)
        list_words(d, x->words, p, &p->n);
    if (x->one_of) {
        list_words(d, x->one_of, p, &p->n_of);
        p->n = 1;
    }
    if (x->text[0])
        text_words(x->text, p);
    if (ways == 1 && (p->n == 0 || (x->one_of && p->n_of == 0)))
        confdoc_error(d, ERR_CHECK, line, "the list of expected words is empty");
    p->fc = map_area_fc(x->area);
    p->addr = (uint16_t)x->addr;
    p->mask = (uint16_t)x->mask;
}

static void read_one(struct confdoc *d, struct map *m, const struct ynode *at, bool setting)
{
    struct proof_extra x = {.addr = NOWHERE};
    struct map_proof r = {.line = at->line};
    const struct map_keys *k = setting ? &map_keys_setting : &map_keys_proof;
    if (!confdoc_read(d, k->rows, k->n, at, &x))
        return;
    if (m->n_proofs == MAP_PROBES_MAX) {
        confdoc_error(d, ERR_TOOBIG, at->line, "more than %d of identity and settings",
                      MAP_PROBES_MAX);
        return;
    }
    r.area = x.area;
    r.probe.setting = setting;
    memcpy(r.manual, x.manual, sizeof r.manual);
    memcpy(r.source, x.source, sizeof r.source);
    memcpy(r.probe.en, x.en, sizeof r.probe.en);
    memcpy(r.probe.zh, x.zh, sizeof r.probe.zh);
    if (!setting) {
        snprintf(r.probe.en, sizeof r.probe.en, "it is not the device that its map is for");
        snprintf(r.probe.zh, sizeof r.probe.zh, "不是映射表所描述的设备");
    }
    expected(d, &x, at->line, &r.probe);
    m->proofs[m->n_proofs++] = r;
}

void map_read_identity(struct confdoc *d, struct map *m, const struct ynode *at)
{
    read_one(d, m, at, false);
}

void map_read_setting(struct confdoc *d, struct map *m, const struct ynode *at)
{
    read_one(d, m, at, true);
}
