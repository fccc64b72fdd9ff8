// SPDX-License-Identifier: MIT
/* One process at a time has the folder of a workspace, for as long as it is busy with it.
 *
 * The lock (base/lock.h) lies in the hidden folder. Whoever has it reads, merges and writes at full
 * speed; it goes back when the host says that it is idle, or when another process waits. Taking it
 * completes what a dead owner has committed and clears what it has not. It also looks at the
 * generation, a file with a token that an owner replaces before its first commit: another token
 * than the last one that was seen says that rows in memory may be old.
 *
 * Hosts without clock, and workspaces that say "shared": false have no lease; then the folder is
 * this process's own. */
#ifndef HB_BACKENDS_FILES_LEASE_H
#define HB_BACKENDS_FILES_LEASE_H

#include "base/turn.h"

typedef struct files_conn files_conn;

typedef struct files_lease {
    hb_turn turn;
    hb_str generation;          /* path of the file */
    hb_str name;                /* of the instance, for errors */
    hb_buf seen;                /* the generation when it was last looked at; owned */
    uint64_t changes;           /* how often it was another one than before */
    bool marked;                /* the generation is ours since the lock was taken */
    bool emptied;               /* containers were dropped: no folder is left for nothing */
} files_lease;

/* Prepares it and takes the lock; a folder that must not be written needs none. LOCKED as below. */
hb_status files_lease_open(files_conn *conn, const hb_instance *instance, hb_err *err);
/* Before anything is done with the folder. LOCKED (native "HELD") when another process has it, or
 * has taken it over since: the call has to be made again, from what is there now. */
hb_status files_lease_enter(files_conn *conn, hb_err *err);
/* Before a call: LOCKED ("HELD") when another process waits and gets its turn. */
hb_status files_lease_turn(files_conn *conn, hb_err *err);
/* During long work. LOCKED (native "LOST" in a transaction, else "HELD") when another process has
 * taken the folder over. */
hb_status files_lease_beat(files_conn *conn, hb_err *err);
/* The same, and looks even if the last heartbeat is fresh. */
hb_status files_lease_check(files_conn *conn, hb_err *err);
/* What failed because the folder was taken over meanwhile (files are gone, for one) is LOCKED as
 * above; anything else is left as it is. */
hb_status files_lease_explain(files_conn *conn, hb_status status, hb_err *err);
/* Names this turn among all turns of all processes; "tx" where there are no turns. In the arena. */
hb_str files_lease_token(const files_conn *conn, hb_arena *arena);
/* Before a commit: others will see that rows have changed. LOCKED (native "LOST") as above. */
hb_status files_lease_mark(files_conn *conn, hb_err *err);
/* False: what lies in the tx folder is not ours any more. */
bool files_lease_is_ours(const files_conn *conn);
/* Work that took long for no fault of the caller does not count against its turn. */
void files_lease_extend(files_conn *conn);
/* Gives the folder back, outside of a transaction. */
void files_lease_yield(files_conn *conn);
/* Gives it back for good. */
void files_lease_end(files_conn *conn);

#endif
