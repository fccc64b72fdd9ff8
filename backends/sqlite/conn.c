// SPDX-License-Identifier: MIT
/* The connection: opening, locking, transactions, prepared statements, and errors by name. */
#include "backends/path.h"
#include "backends/sqlite/derived.h"
#include "backends/sqlite/python.h"

#define BUSY_TIMEOUT_MS 200

/* ---- errors ---------------------------------------------------------------------------------- */

typedef struct code_row {
    int code;
    hb_status status;
    const char *name, *text;
} code_row;

/* Primary result codes. The text is ours: SQLite's own messages may quote SQL or values. */
static const code_row codes[] = {
    { SQLITE_BUSY, HB_E_LOCKED, "SQLITE_BUSY",
      "another process or workspace holds the database file" },
    { SQLITE_LOCKED, HB_E_LOCKED, "SQLITE_LOCKED", "the database is in use by another statement" },
    { SQLITE_CORRUPT, HB_E_CORRUPT, "SQLITE_CORRUPT", "the database file is damaged" },
    { SQLITE_NOTADB, HB_E_CORRUPT, "SQLITE_NOTADB", "the file is not a SQLite database" },
    { SQLITE_NOMEM, HB_E_MEMORY, "SQLITE_NOMEM", "out of memory" },
    { SQLITE_FULL, HB_E_BACKEND, "SQLITE_FULL", "the storage is full" },
    { SQLITE_IOERR, HB_E_BACKEND, "SQLITE_IOERR", "reading or writing the database file failed" },
    { SQLITE_READONLY, HB_E_REFUSED, "SQLITE_READONLY", "the database file cannot be written" },
    { SQLITE_PERM, HB_E_REFUSED, "SQLITE_PERM", "access to the database file was refused" },
    { SQLITE_AUTH, HB_E_REFUSED, "SQLITE_AUTH", "access to the database file was refused" },
    { SQLITE_CANTOPEN, HB_E_UNAVAILABLE, "SQLITE_CANTOPEN",
      "the database file cannot be opened; is its directory there?" },
    { SQLITE_TOOBIG, HB_E_LIMIT, "SQLITE_TOOBIG", "a value is too large for a SQLite row" },
    { SQLITE_INTERRUPT, HB_E_CANCELLED, "SQLITE_INTERRUPT", "the query was interrupted" },
    { SQLITE_CONSTRAINT, HB_E_BACKEND, "SQLITE_CONSTRAINT",
      "a constraint of the table refused the row" },
    { SQLITE_SCHEMA, HB_E_BACKEND, "SQLITE_SCHEMA", "the tables were changed by somebody else" },
    { SQLITE_PROTOCOL, HB_E_LOCKED, "SQLITE_PROTOCOL", "the database file could not be locked" },
    { SQLITE_MISMATCH, HB_E_BACKEND, "SQLITE_MISMATCH",
      "a value does not fit the type of its column" },
    { SQLITE_MISUSE, HB_E_INTERNAL, "SQLITE_MISUSE", "the engine was called out of order" },
    { SQLITE_RANGE, HB_E_INTERNAL, "SQLITE_RANGE", "a parameter number is out of range" },
};

/* Our own statements name what was there when they were made: who misses it now took it away. */
static bool is_drift(const sqlite_conn *conn, int rc) {
    static const char *const words[] = { "no such table", "no such column", "has no column named" };
    if ((rc & 0xff) != SQLITE_ERROR || conn->db == NULL) return false;
    hb_str text = hb_str_c(sqlite3_errmsg(conn->db));
    bool any = false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        any = any || hb_str_find(text, hb_str_c(words[i]), 0) >= 0;
    }
    /* The next use looks at the tables again. */
    for (sqlite_table *table = conn->tables; any && table != NULL; table = table->next) {
        if (conn->in_tx) {
            table->checked = false;
        } else {
            sqlite_table_doubt(table);
        }
    }
    return any;
}

hb_status sqlite_fail(const sqlite_conn *conn, int rc, hb_err *err) {
    if (conn->lease.lost) return sqlite_lease_refuse(conn, err);
    static const code_row other = { SQLITE_ERROR, HB_E_BACKEND, "SQLITE_ERROR",
                                    "the engine reported an error" };
    static const code_row drift = { SQLITE_ERROR, HB_E_SCHEMA_DRIFT, "SQLITE_ERROR",
                                    "another program took a table or a column away" };
    const code_row *row = is_drift(conn, rc) ? &drift : &other;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == (rc & 0xff)) row = &codes[i];
    }
    hb_status status = HB_OK;
    if ((rc & 0xff) == SQLITE_INTERRUPT && conn->deadline != NULL) {
        status = hb_deadline_check(conn->deadline, err);
    }
    if (status == HB_OK) status = hb_err_set(err, row->status, "sqlite: %s", row->text);
    if (err == NULL) return status;
    strncpy(err->native, row->name, sizeof(err->native) - 1);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, conn->instance->name);
}

/* ---- statements ------------------------------------------------------------------------------ */

hb_status sqlite_run(sqlite_conn *conn, const char *sql, hb_err *err) {
    int rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? HB_OK : sqlite_fail(conn, rc, err);
}

hb_status sqlite_prepare(sqlite_conn *conn, hb_str sql, sqlite3_stmt **out, hb_err *err) {
    int rc =
        sqlite3_prepare_v3(conn->db, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, out, NULL);
    if (rc == SQLITE_OK && *out != NULL) return HB_OK;
    return sqlite_fail(conn, rc != SQLITE_OK ? rc : SQLITE_MISUSE, err);
}

static void cached_free(sqlite_conn *conn, sqlite_cached *entry) {
    if (entry->stmt == NULL) return;
    sqlite3_finalize(entry->stmt);
    hb_mem_free(conn->mem, entry->text, entry->text_len);
    memset(entry, 0, sizeof(*entry));
}

void sqlite_cache_clear(sqlite_conn *conn) {
    for (uint32_t i = 0; i < SQLITE_STMTS_MAX; i++) {
        if (!conn->cache[i].busy) cached_free(conn, &conn->cache[i]);
    }
}

static sqlite_cached *cache_find(sqlite_conn *conn, hb_str text) {
    for (uint32_t i = 0; i < SQLITE_STMTS_MAX; i++) {
        sqlite_cached *entry = &conn->cache[i];
        if (entry->stmt != NULL && !entry->busy &&
            hb_str_eq((hb_str){ entry->text, entry->text_len }, text)) {
            return entry;
        }
    }
    return NULL;
}

/* An empty place, or the one that was used longest ago. */
static sqlite_cached *cache_place(sqlite_conn *conn) {
    sqlite_cached *oldest = NULL;
    for (uint32_t i = 0; i < SQLITE_STMTS_MAX; i++) {
        sqlite_cached *entry = &conn->cache[i];
        if (entry->busy) continue;
        if (entry->stmt == NULL) return entry;
        if (oldest == NULL || entry->used < oldest->used) oldest = entry;
    }
    if (oldest != NULL) cached_free(conn, oldest);
    return oldest;
}

static hb_status cache_get(sqlite_conn *conn, hb_str text, sqlite3_stmt **out, hb_err *err) {
    sqlite_cached *entry = cache_find(conn, text);
    if (entry == NULL) {
        entry = cache_place(conn);
        HB_ASSERT(entry != NULL);
        char *copy = hb_mem_alloc(conn->mem, text.len);
        if (copy == NULL) return hb_err_memory(err);
        memcpy(copy, text.ptr, text.len);
        sqlite3_stmt *stmt = NULL;
        hb_status status = sqlite_prepare(conn, text, &stmt, err);
        if (status != HB_OK) {
            hb_mem_free(conn->mem, copy, text.len);
            return status;
        }
        *entry = (sqlite_cached){ .stmt = stmt, .text = copy, .text_len = text.len };
    }
    entry->used = ++conn->tick;
    entry->busy = true;
    *out = entry->stmt;
    return HB_OK;
}

int sqlite_bind_value(sqlite3_stmt *stmt, int at, const hb_value *value) {
    hb_str s = value->as.s;
    switch (value->kind) {
    case HB_KIND_NULL: return sqlite3_bind_null(stmt, at);
    case HB_KIND_BOOL: return sqlite3_bind_int(stmt, at, value->as.b ? 1 : 0);
    case HB_KIND_I64: return sqlite3_bind_int64(stmt, at, value->as.i);
    case HB_KIND_F64: return sqlite3_bind_double(stmt, at, value->as.f);
    case HB_KIND_TEXT: return sqlite_bind_str(stmt, at, s);
    case HB_KIND_BYTES:
        return sqlite3_bind_blob(stmt, at, s.len > 0 ? s.ptr : "", (int)s.len, SQLITE_STATIC);
    case HB_KIND_VEC:
        return sqlite3_bind_blob(stmt, at, value->as.v.len > 0 ? (const void *)value->as.v.ptr : "",
                                 (int)(value->as.v.len * sizeof(float)), SQLITE_STATIC);
    case HB_KIND_PACK:
    case HB_KIND_COUNT: break;
    }
    return SQLITE_MISMATCH;
}

hb_status sqlite_borrow(sqlite_conn *conn, const hb_sql *sql, sqlite3_stmt **out, hb_err *err) {
    HB_TRY(hb_sql_check(sql, err));
    sqlite3_stmt *stmt = NULL;
    HB_TRY(cache_get(conn, hb_sql_text(sql), &stmt, err));
    for (uint32_t i = 0; i < sql->param_count; i++) {
        const hb_sql_param *param = &sql->params[i];
        int rc = param->pointer != NULL ? sqlite3_bind_pointer(stmt, (int)i + 1, param->pointer,
                                                               param->pointer_type, NULL)
                                        : sqlite_bind_value(stmt, (int)i + 1, &param->value);
        if (rc != SQLITE_OK) {
            sqlite_return(conn, stmt);
            return sqlite_fail(conn, rc, err);
        }
    }
    *out = stmt;
    return HB_OK;
}

void sqlite_return(sqlite_conn *conn, sqlite3_stmt *stmt) {
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt); /* they borrowed from the job */
    for (uint32_t i = 0; i < SQLITE_STMTS_MAX; i++) {
        if (conn->cache[i].stmt == stmt) conn->cache[i].busy = false;
    }
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char *conn_option(hb_instance *instance, const char *name) {
    hb_str text = hb_instance_text(instance, name);
    return text.len == 0 ? NULL : text.ptr; /* cJSON strings end with NUL */
}

/* Relaxed commits are not synced one by one; a checkpoint syncs the log before it copies, so that
 * the file is always that of some commit. */
hb_status sqlite_log_start(sqlite_conn *conn, hb_err *err) {
    return sqlite_run(conn,
                      conn->instance->relaxed ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"
                                              : "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
                      err);
}

/* Without a log a commit has been synced in any case. */
hb_status sqlite_conn_flush(hb_instance *instance, hb_err *err) {
    sqlite_conn *conn = instance->state;
    sqlite3_file *log = NULL;
    if (!conn->on_disk) return HB_OK;
    if (conn->lease.lost) return sqlite_lease_enter(conn, err);
    sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log == NULL || log->pMethods == NULL) return HB_OK;
    int rc = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    return rc == SQLITE_OK ? HB_OK : sqlite_fail(conn, rc, err);
}

/* A lock that is held for the connection's life lets SQLite keep the WAL's index in its own memory,
 * which is what makes WAL possible on WebAssembly; and it makes one writer per file a fact. Where
 * WAL is refused SQLite stays with its rollback journal, which is as durable. FULL, unless
 * relaxed: a call that returned is on disk. */
static hb_status conn_configure(sqlite_conn *conn, hb_err *err) {
    sqlite3_busy_timeout(conn->db, BUSY_TIMEOUT_MS);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* First of all: a pragma that reads the file fails on a WAL file without shared memory. */
    if (conn->on_disk) HB_TRY(sqlite_run(conn, "PRAGMA locking_mode=EXCLUSIVE", err));
    HB_TRY(sqlite_lease_enter(conn, err));
    HB_TRY(sqlite_run(conn, "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384", err));
    if (!conn->on_disk || conn->lease.turn.lock.fs != NULL) return HB_OK;
    return sqlite_log_start(conn, err);
}

/* Taking the write lock here tells LOCKED and CORRUPT at open instead of in the middle of a call.
 */
static hb_status conn_make_tables(sqlite_conn *conn, hb_err *err) {
    HB_TRY(sqlite_run(conn, "BEGIN IMMEDIATE", err));
    hb_status status = sqlite_layout_choose(conn, err);
    if (status == HB_OK) status = conn->layout->prepare(conn, err);
    if (status == HB_OK) status = sqlite_run(conn, "COMMIT", err);
    if (sqlite3_get_autocommit(conn->db) == 0) sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* Our lock makes the folder superfluous by which SQLite locks a file on WASI, and which a killed
 * process leaves behind. */
static const char *conn_vfs(const sqlite_conn *conn) {
    const char *given = conn_option(conn->instance, "vfs");
    if (given != NULL || conn->lease.turn.lock.fs == NULL) return given;
    const sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    return vfs != NULL && strcmp(vfs->zName, "unix-dotfile") == 0 ? "unix-none" : NULL;
}

static hb_status conn_add_functions(sqlite_conn *conn, hb_err *err) {
    int rc = sqlite_functions_add(conn->db);
    if (rc == SQLITE_OK) rc = sqlite_python_functions(conn->db);
    return rc == SQLITE_OK ? HB_OK : sqlite_fail(conn, rc, err);
}

static hb_status path_fail(const sqlite_conn *conn, hb_fs_code code, hb_err *err) {
    hb_fs_fail(code, "open", hb_str_c(conn->path), err);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, conn->instance->name);
}

/* SQLite makes the file when it opens it, and does not say what is wrong with a path. */
static hb_status conn_check_path(const sqlite_conn *conn, hb_err *err) {
    const hb_fs *fs = conn->instance->fs;
    if (!conn->on_disk || fs == NULL) return HB_OK;
    const char *slash = strrchr(conn->path, '/');
    const uint32_t cut = slash == NULL         ? 0
                         : slash == conn->path ? 1
                                               : (uint32_t)(slash - conn->path);
    hb_str folder = cut == 0 ? HB_STR(".") : (hb_str){ conn->path, cut };
    hb_fs_stat info;
    hb_fs_code code = fs->stat(fs->ctx, folder, &info);
    if (code == HB_FS_OK && !info.folder) code = HB_FS_NOT_FOLDER;
    if (code != HB_FS_OK) return path_fail(conn, code, err);
    code = fs->stat(fs->ctx, hb_str_c(conn->path), &info);
    if (code == HB_FS_MISSING) return HB_OK;
    if (code == HB_FS_OK && info.folder) code = HB_FS_IS_FOLDER;
    return code == HB_FS_OK ? HB_OK : path_fail(conn, code, err);
}

static hb_status conn_find_path(sqlite_conn *conn, hb_err *err) {
    const char *text = conn_option(conn->instance, "database");
    if (text == NULL) text = conn_option(conn->instance, "path");
    conn->path = text != NULL ? text : ":memory:";
    conn->on_disk = strcmp(conn->path, ":memory:") != 0;
    if (!conn->on_disk || strncmp(text, "file:", 5) != 0) return HB_OK;
    hb_str plain;
    HB_TRY(hb_path_plain(hb_str_c(text), conn->instance->arena, &plain, err));
    conn->path = hb_arena_printf(conn->instance->arena, "%.*s", HB_ARG(plain)).ptr;
    return conn->path != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status conn_connect(sqlite_conn *conn, hb_err *err) {
    HB_TRY(conn_check_path(conn, err));
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const char *vfs = conn_vfs(conn);
    if (conn->lease.turn.lock.fs != NULL) vfs = sqlite_fence_raise(conn, vfs);
    int rc = sqlite3_open_v2(conn->path, &conn->db, flags, vfs);
    HB_TRY(rc == SQLITE_OK ? HB_OK : sqlite_fail(conn, rc, err));
    HB_TRY(conn_configure(conn, err));
    HB_TRY(conn_add_functions(conn, err));
    return conn_make_tables(conn, err);
}

static void conn_disconnect(sqlite_conn *conn) {
    sqlite_cache_clear(conn);
    /* The log of a file that is somebody else's by now is theirs to fold in. */
    if (conn->lease.lost && conn->db != NULL) {
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    sqlite3_close(conn->db);
    conn->db = NULL;
    sqlite_fence_lower(conn);
}

hb_status sqlite_conn_open(hb_instance *instance, hb_err *err) {
    sqlite_conn *conn = hb_mem_zalloc(instance->mem, sizeof(*conn));
    if (conn == NULL) return hb_err_memory(err);
    conn->mem = instance->mem;
    conn->instance = instance;
    hb_map_init(&conn->made, conn->mem);
    instance->state = conn;
    hb_status status = conn_find_path(conn, err);
    if (status == HB_OK) {
        sqlite_lease_init(conn, conn->path);
        status = conn_connect(conn, err);
    }
    if (status != HB_OK) sqlite_conn_close(instance);
    return status;
}

hb_status sqlite_conn_reopen(sqlite_conn *conn, hb_err *err) {
    HB_ASSERT(!conn->in_tx);
    for (sqlite_table *table = conn->tables; table != NULL; table = table->next) {
        sqlite_table_finalize(table);
    }
    sqlite_tables_forget(conn);
    conn_disconnect(conn);
    conn->lease.lost = conn->lease.meddled = false;
    hb_status status = conn_connect(conn, err);
    if (status != HB_OK) {
        conn->lease.lost = true;
        hb_lock_release(&conn->lease.turn.lock);
    }
    return status;
}

void sqlite_conn_close(hb_instance *instance) {
    sqlite_conn *conn = instance->state;
    if (conn == NULL) return;
    while (conn->tables != NULL) {
        sqlite_table *table = conn->tables;
        conn->tables = table->next;
        sqlite_table_free(table);
    }
    sqlite_lease_is_meddled(conn);
    conn_disconnect(conn);
    sqlite_lease_end(&conn->lease);
    hb_map_free(&conn->made);
    hb_mem_free(conn->mem, conn, sizeof(*conn));
    instance->state = NULL;
}

/* Steps of SQLite's virtual machine between two looks at the clock; ten are a row of a scan. The
 * heartbeat of a lock may come later than a deadline. */
#define DEADLINE_STEPS 500
#define HEARTBEAT_STEPS 50000

static int conn_progress(void *ctx) {
    sqlite_conn *conn = ctx;
    const bool late = conn->deadline != NULL && hb_deadline_has_passed(conn->deadline);
    return late || !sqlite_fence_passes(conn);
}

void sqlite_conn_limit(sqlite_conn *conn, const hb_deadline *deadline) {
    conn->deadline = deadline != NULL && deadline->clock != NULL ? deadline : NULL;
    const bool leased = deadline != NULL && conn->lease.turn.lock.fs != NULL;
    const int steps = conn->deadline != NULL ? DEADLINE_STEPS : leased ? HEARTBEAT_STEPS : 0;
    if (conn->db == NULL) return;   /* it was to be opened anew meanwhile, and could not */
    sqlite3_progress_handler(conn->db, steps, steps > 0 ? conn_progress : NULL, conn);
}

bool sqlite_conn_durable(const hb_instance *instance) {
    const sqlite_conn *conn = instance->state;
    return conn != NULL && conn->on_disk;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void conn_roll_back(sqlite_conn *conn) {
    sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL); /* fails only when none is open */
    conn->in_tx = false;
    if (!conn->touched) return;
    /* Tables may be gone again, and indexes in memory saw rows that are: all is attached anew. */
    for (sqlite_table *table = conn->tables; table != NULL; table = table->next) {
        table->checked = false;
    }
}

hb_status sqlite_conn_tx(hb_instance *instance, hb_tx op, hb_err *err) {
    sqlite_conn *conn = instance->state;
    if (op != HB_TX_ROLLBACK) {
        if (op == HB_TX_BEGIN) sqlite_lease_is_meddled(conn); /* then it is opened anew */
        hb_status status =
            op == HB_TX_COMMIT ? sqlite_lease_confirm(conn, err) : sqlite_lease_enter(conn, err);
        if (status != HB_OK && op == HB_TX_COMMIT) conn_roll_back(conn);
        HB_TRY(status);
    }
    switch (op) {
    case HB_TX_BEGIN:
        HB_TRY(sqlite_run(conn, "BEGIN IMMEDIATE", err));
        conn->in_tx = true;
        conn->touched = false;
        return HB_OK;
    case HB_TX_COMMIT: {
        hb_status status = sqlite_run(conn, "COMMIT", err);
        if (status != HB_OK) {
            conn_roll_back(conn);
        }
        conn->in_tx = false;
        return status;
    }
    case HB_TX_ROLLBACK: conn_roll_back(conn); return HB_OK;
    }
    return HB_OK;
}

hb_status sqlite_in_tx(sqlite_table *table, hb_job *job, sqlite_body body, hb_err *err) {
    sqlite_conn *conn = table->conn;
    if (conn->in_tx) {
        conn->touched = true;
        return body(table, job, err);
    }
    HB_TRY(sqlite_conn_tx(conn->instance, HB_TX_BEGIN, err));
    conn->touched = true;
    hb_status status = body(table, job, err);
    if (status == HB_OK) return sqlite_conn_tx(conn->instance, HB_TX_COMMIT, err);
    conn_roll_back(conn);
    return status;
}
