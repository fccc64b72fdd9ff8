// SPDX-License-Identifier: MIT
/* What keeps a connection from writing into a file that another process has taken over. */
#ifndef HB_BACKENDS_SQLITE_FENCE_H
#define HB_BACKENDS_SQLITE_FENCE_H

#include <sqlite3.h>

#include "base/str.h"

typedef struct sqlite_conn sqlite_conn;

typedef struct sqlite_fence {   /* part of a connection; does not move while it is raised */
    sqlite3_vfs vfs;
    sqlite3_vfs *host;
    char name[24];
    bool raised;
} sqlite_fence;

/* Puts a VFS around the one of that name (NULL: the default) and gives its name, to open with. */
const char *sqlite_fence_raise(sqlite_conn *conn, const char *host_name);
/* After the connection was closed. */
void sqlite_fence_lower(sqlite_conn *conn);
/* Is the file ours? Renews the heartbeat where that is due; once it is not, the lease is lost. */
bool sqlite_fence_passes(sqlite_conn *conn);

#endif
