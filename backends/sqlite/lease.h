// SPDX-License-Identifier: MIT
/* One process at a time has a database file, for as long as it is busy with it.
 *
 * WebAssembly has neither file locks nor the shared memory of SQLite's WAL. So the connection holds
 * a lock beside the file ("<database>.hb-lock", base/lock.h) and works in WAL mode, exclusively and
 * at full speed; when the host says that it is idle, or another process waits, it folds the WAL
 * into the file, gives everything back and lets others in. Taking it again costs a look at the
 * file's change counter, which throws away what another process has made old.
 *
 * A process that was stopped for so long that another one took the file over writes nothing more
 * into it (fence.h), and goes on with a new connection.
 *
 * Programs that do not know this lock, such as HeavenBase for Python, can still open the file while
 * it is held: the log says so, which they remove when they close it, and beside which they put
 * their shared memory. It is looked at before a transaction, before a commit, before the file is
 * given back, and when anything fails; then what the connection knows is of no use either.
 *
 * Files in memory, hosts without files or clock, and workspaces that say "shared": false have no
 * lease; then the connection keeps the file to itself. */
#ifndef HB_BACKENDS_SQLITE_LEASE_H
#define HB_BACKENDS_SQLITE_LEASE_H

#include "base/turn.h"

typedef struct sqlite_conn sqlite_conn;

typedef struct sqlite_lease {
    hb_turn turn;
    hb_str shm;                 /* file that only a native SQLite in WAL mode makes */
    hb_str log;                 /* the file of the log */
    bool has_log;               /* it was there when the file was taken */
    bool meddled;               /* why it is lost: a program without the lock has been at it */
    uint64_t changes;           /* how often it was another one than before */
    int64_t version;            /* data_version when it was given back */
    bool lost;                  /* taken over while we slept: what the connection knows is of no
                                   use; the next call that comes outside of a transaction opens the
                                   file anew */
} sqlite_lease;

void sqlite_lease_init(sqlite_conn *conn, const char *path);
/* Before anything is done with the file. LOCKED (native "HELD") when another process has it, or has
 * taken it over since: the call has to be made again, from what is there now; (native "LOST") when
 * that happened inside of a transaction, and (native "WAL") when a native program holds it in WAL
 * mode. */
hb_status sqlite_lease_enter(sqlite_conn *conn, hb_err *err);
/* Before a call: LOCKED ("HELD") when another process waits and gets its turn. */
hb_status sqlite_lease_turn(sqlite_conn *conn, hb_err *err);
/* Before a commit: the file is still ours. LOCKED (native "LOST") otherwise. */
hb_status sqlite_lease_confirm(sqlite_conn *conn, hb_err *err);
/* What failed because the file was taken over meanwhile is LOCKED as above; anything else is left
 * as it is. */
hb_status sqlite_lease_explain(sqlite_conn *conn, hb_status status, hb_err *err);
/* What a call is told whose file was taken over: "HELD" or "LOST" as above. */
hb_status sqlite_lease_refuse(const sqlite_conn *conn, hb_err *err);
/* Is the file held, and has a program without the lock been at it? Then it is lost and given back.
 * False inside of a transaction that is not to commit. */
bool sqlite_lease_is_meddled(sqlite_conn *conn);
/* Gives the file back if it can be given back; keeps it otherwise. */
void sqlite_lease_yield(sqlite_conn *conn);
/* After the connection was closed. */
void sqlite_lease_end(sqlite_lease *lease);

#endif
