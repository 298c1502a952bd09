/* placeholder */
#include "traceability/lot.h"
int export_epcis(struct db *db, const char *id, const char *base_url, json_t **ret, struct err *e)
{
    (void)db, (void)id, (void)base_url, (void)ret;
    return err_set(e, ERR_STATE, "not yet");
}
