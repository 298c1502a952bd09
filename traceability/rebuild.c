/* Rebuild (contract: rebuild.h): the proof that projections come from events alone.
 * Thread: the caller's. rebuild_projections: main of lotlined at opening, when the program's projections
 * have another version than the file's. */
#include "traceability/rebuild.h"
#include "traceability/store_inner.h"

int rebuild_projections(struct db *db, struct err *e)
{
    (void)db;
    return err_set(e, ERR_STATE, "not yet");
}
