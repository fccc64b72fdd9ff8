// SPDX-License-Identifier: MIT
/* sqlite: the amalgamation inside the module, in memory or on a file of the host.
 *
 * A container is a STRICT table, so that SQLite filters, sorts, counts and limits; operators that
 * it does not have with our meaning are ours, registered on the connection. BM25 and vector ranking
 * run on indexes in memory, built at first use. The layout is described in sqlite/sqlite_priv.h.
 * Processes take turns on a file: sqlite/lease.h. */
#include "backends/sqlite/sqlite_priv.h"

static hb_status sqlite_refresh(hb_job *job, hb_err *err) {
    sqlite_conn *conn = job->instance->state;
    if (sqlite_lease_is_meddled(conn)) return sqlite_lease_enter(conn, err);
    sqlite_table *table = job->fragment->container->state;
    if (table != NULL) sqlite_derived_forget(table);
    return HB_OK;
}

static hb_status sqlite_perform(hb_job *job, hb_err *err) {
    hb_status status = HB_OK;
    switch (job->fragment->kind) {
    case HB_FRAG_ENSURE: status = sqlite_table_ensure(job, err); break;
    case HB_FRAG_WRITE: status = sqlite_write(job, err); break;
    case HB_FRAG_DELETE: status = sqlite_delete(job, err); break;
    case HB_FRAG_FETCH: status = sqlite_fetch(job, err); break;
    case HB_FRAG_SCAN: status = sqlite_scan(job, err); break;
    case HB_FRAG_COUNT: status = sqlite_count(job, err); break;
    case HB_FRAG_AGGREGATE: status = sqlite_aggregate(job, err); break;
    case HB_FRAG_CLEAR: status = sqlite_table_clear(job, err); break;
    case HB_FRAG_REFRESH: status = sqlite_refresh(job, err); break;
    case HB_FRAG_ATTACH:    /* of remote ones */
    case HB_FRAG_PROBE:
    case HB_FRAG_COMMIT: break;
    }
    job->done = status == HB_OK;
    return status;
}

/* The call's deadline holds while a fragment runs. A commit or a rollback is not interrupted. */
static hb_status sqlite_begin(hb_job *job, hb_err *err) {
    sqlite_conn *conn = job->instance->state;
    HB_TRY(sqlite_lease_enter(conn, err));
    sqlite_conn_limit(conn, &job->deadline);
    hb_status status = sqlite_perform(job, err);
    sqlite_conn_limit(conn, NULL);
    return sqlite_lease_explain(conn, status, err);
}

static void sqlite_idle(hb_instance *instance) {
    sqlite_lease_yield(instance->state);
}

static hb_status sqlite_turn(hb_instance *instance, hb_err *err) {
    return sqlite_lease_turn(instance->state, err);
}

static hb_status sqlite_changes(hb_instance *instance, uint64_t *count, hb_err *err) {
    sqlite_conn *conn = instance->state;
    HB_TRY(sqlite_lease_enter(conn, err));
    *count = conn->lease.changes;
    return HB_OK;
}

static void sqlite_end(hb_job *job) {
    (void)job;      /* jobs finish in begin() and keep nothing */
}

static const hb_option sqlite_options[] = {
    { "database", 's', false, "file path, or ':memory:' (the default)" },
    { "path", 's', false, "another name of 'database'" },
    { "layout", 's', false,
      "'own' (the default of a new file) or 'python': HeavenBase for Python's" },
    { "vfs", 's', false, "SQLite VFS; the default is the platform's" },
    { NULL, 0, false, NULL },
};

#define REDUCERS (1u << HB_REDUCE_COUNT | 1u << HB_REDUCE_MIN | 1u << HB_REDUCE_MAX)

const hb_backend hb_backend_sqlite = {
    .name = "sqlite",
    .desc = "SQLite inside the module: in memory or on a file",
    .roles = HB_ROLE_ROW | HB_TAG_SQL,
    .local = true,
    .routing_rank = 10,
    .options = sqlite_options,
    .caps = {
        .sort = HB_EXACT,
        .limit = HB_EXACT,
        .count = HB_EXACT,
        .metrics = 1u << HB_METRIC_COSINE | 1u << HB_METRIC_L2 | 1u << HB_METRIC_DOT,
        .search = true,
        .candidates = true,
        .unique = true,
        .check_in_tx = true,
        .filtered_rank = true,
        .groups = 1u << HB_KIND_BOOL | 1u << HB_KIND_I64 | 1u << HB_KIND_F64 | 1u << HB_KIND_TEXT,
        .reducers = { [HB_KIND_BOOL] = REDUCERS, [HB_KIND_I64] = REDUCERS, [HB_KIND_F64] = REDUCERS,
                      [HB_KIND_TEXT] = REDUCERS },
    },
    .stores = sqlite_stores,
    .offer = sqlite_offer,
    .supports = sqlite_supports,
    .open = sqlite_conn_open,
    .close = sqlite_conn_close,
    .idle = sqlite_idle,
    .turn = sqlite_turn,
    .changes = sqlite_changes,
    .flush = sqlite_conn_flush,
    .durable = sqlite_conn_durable,
    .tx = sqlite_conn_tx,
    .meta_put = sqlite_meta_put,
    .meta_get = sqlite_meta_get,
    .meta_delete = sqlite_meta_delete,
    .meta_list = sqlite_meta_list,
    .check = sqlite_check,
    .begin = sqlite_begin,
    .end = sqlite_end,
    .release = sqlite_table_release,
};
