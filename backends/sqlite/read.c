// SPDX-License-Identifier: MIT
/* Reading rows: filters, order and limits become one SELECT. What SQL cannot say with our meaning
 * is asked of the evaluator from inside it, so that every claimed filter is answered by the
 * statement. */
#include "backends/sqlite/sqlite_priv.h"

#include "eval/sort.h"

/* ---- leaves that only this backend can write ------------------------------------------------- */

static hb_status leaf_write_test(sqlite_query *query, hb_sql *sql, const hb_expr *leaf,
                                 hb_str column, hb_kind kind, hb_err *err) {
    const hb_fragment *fragment = query->job->fragment;
    const hb_schema *schema = query->table->container->schema;
    sqlite_filter *filter = &query->filter;
    if (filter->pred == NULL) {
        HB_TRY(hb_pred_new(schema, fragment->filter, query->job->mem, &filter->pred, err));
    }
    sqlite_leaf *test = HB_NEW(query->job->arena, sqlite_leaf);
    if (test == NULL) return hb_err_memory(err);
    *test = (sqlite_leaf){ filter, leaf->leaf_index, kind };
    hb_sql_add(sql, "hb_test(");
    hb_sql_pointer_add(sql, test, SQLITE_LEAF_POINTER);
    hb_sql_add(sql, ", ");
    hb_sql_ident(sql, column);
    hb_sql_add(sql, ")");
    return HB_OK;
}

static void leaf_write_list(hb_sql *sql, hb_str column, sqlite_list *list, bool or_null) {
    hb_sql_add(sql, "(");
    hb_sql_ident(sql, column);
    hb_sql_add(sql, " IN (SELECT value FROM hb_list(");
    hb_sql_pointer_add(sql, list, SQLITE_LIST_POINTER);
    hb_sql_add(sql, "))");
    if (or_null) {
        hb_sql_add(sql, " OR ");
        hb_sql_ident(sql, column);
        hb_sql_add(sql, " IS NULL");
    }
    hb_sql_add(sql, ")");
}

static void leaf_write_items(const sqlite_table *table, hb_sql *sql, const hb_expr *leaf,
                             uint32_t place) {
    hb_sql_add(sql, "slot IN (SELECT slot FROM ");
    hb_sql_ident(sql, table->sides[place]);
    hb_sql_add(sql, " WHERE item = ");
    hb_sql_param_add(sql, &leaf->value);
    hb_sql_add(sql, ")");
}

static hb_status leaf_write_edges(sqlite_query *query, hb_sql *sql, uint32_t place,
                                  hb_pack_reader ids, uint32_t count, hb_err *err) {
    hb_arena *arena = query->job->arena;
    sqlite_list *list = HB_NEW(arena, sqlite_list);
    hb_str *texts = hb_arena_array(arena, count, sizeof(*texts));
    if (list == NULL || texts == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        hb_pack_item item = { .s = HB_STR_EMPTY };
        hb_pack_next(&ids, &item);
        texts[i] = item.s;
    }
    *list = (sqlite_list){ .texts = texts, .count = count };
    hb_sql_add(sql, "slot IN (SELECT slot FROM ");
    hb_sql_ident(sql, query->table->sides[place]);
    hb_sql_add(sql, " WHERE ");
    leaf_write_list(sql, HB_STR("item"), list, false);
    hb_sql_add(sql, ")");
    return HB_OK;
}

static bool value_is_scalar(const hb_value *value) {
    return value->kind == HB_KIND_BOOL || value->kind == HB_KIND_I64 ||
           value->kind == HB_KIND_F64 || value->kind == HB_KIND_TEXT;
}

static hb_status leaf_write(void *ctx, hb_sql *sql, const hb_expr *leaf, hb_err *err) {
    sqlite_query *query = ctx;
    sqlite_table *table = query->table;
    uint32_t place = table->container->by_field[leaf->field];
    hb_str column = table->columns[place];
    const hb_type *type = table->container->schema->fields[leaf->field].type;
    if (leaf->op == HB_OP_IN && leaf->path_len == 0 &&
        hb_sql_can_leaf(&hb_dialect_sqlite, type, leaf)) {
        sqlite_list *list = HB_NEW(query->job->arena, sqlite_list);
        if (list == NULL) return hb_err_memory(err);
        *list = (sqlite_list){ .values = leaf->list, .count = leaf->list_count };
        leaf_write_list(sql, column, list, leaf->list_has_null);
        return HB_OK;
    }
    if (leaf->op == HB_OP_ARRAY_CONTAINS && table->sides[place].len > 0 &&
        value_is_scalar(&leaf->value)) {
        leaf_write_items(table, sql, leaf, place);
        return HB_OK;
    }
    hb_strategy strategy = table->container->fields[place].strategy;
    hb_pack_reader ids;
    uint32_t count;
    if (table->sides[place].len > 0 && sqlite_leaf_edges(type, strategy, leaf, &ids, &count)) {
        return leaf_write_edges(query, sql, place, ids, count, err);
    }
    if (leaf->op == HB_OP_HAS_WORDS && sqlite_derived_has(table, place)) {
        sqlite_list *list;
        HB_TRY(sqlite_words_list(query, place, leaf->value.as.s, &list, err));
        leaf_write_list(sql, HB_STR("slot"), list, false);
        return HB_OK;
    }
    if (leaf->op == HB_OP_CONTAINED_IN && table->sides[place].len > 0 &&
        hb_type_kind(type->item) == HB_KIND_TEXT) {
        hb_sql_add(sql, "slot IN (SELECT slot FROM ");
        hb_sql_ident(sql, table->sides[place]);
        hb_sql_add(sql, " WHERE ");
        HB_TRY(leaf_write_test(query, sql, leaf, HB_STR("item"), HB_KIND_TEXT, err));
        hb_sql_add(sql, ")");
        return HB_OK;
    }
    return leaf_write_test(query, sql, leaf, column,
                           table->container->schema->fields[leaf->field].kind, err);
}

/* ---- the query ------------------------------------------------------------------------------- */

static bool order_is_sql(const sqlite_table *table, const hb_order *order) {
    const hb_container *container = table->container;
    if (order->col.kind != HB_COL_FIELD) return false;
    if (table->blobs[container->by_field[order->col.field]].len > 0) return false;
    hb_kind kind = container->schema->fields[order->col.field].kind;
    return kind == HB_KIND_BOOL || kind == HB_KIND_I64 || kind == HB_KIND_F64 ||
           kind == HB_KIND_TEXT;
}

/* The fragment's columns, and the sort keys among the others when the core sorts. */
static hb_status query_fields(sqlite_query *query, hb_err *err) {
    const hb_fragment *fragment = query->job->fragment;
    query->scored = fragment->near != NULL || fragment->search != NULL;
    /* All rows in object_id order: read as they lie, then sorted, a third faster than in SQL. */
    query->core_sorts =
        query->scored || (fragment->order_count == 0 && fragment->limit == HB_NO_LIMIT);
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        if (!order_is_sql(query->table, &fragment->order[i])) query->core_sorts = true;
    }
    query->visible_count = query->field_count = fragment->column_count;
    query->fields = fragment->columns;
    if (!query->core_sorts) return HB_OK;
    uint32_t *fields = hb_arena_array(
        query->job->arena, fragment->column_count + fragment->order_count, sizeof(*fields));
    if (fields == NULL) return hb_err_memory(err);
    if (fragment->column_count > 0) {
        memcpy(fields, fragment->columns, fragment->column_count * sizeof(*fields));
    }
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        const hb_col *col = &fragment->order[i].col;
        bool stored = col->kind == HB_COL_FIELD || col->kind == HB_COL_PATH;
        if (stored && col->field != HB_FIELD_OBJECT_ID) fields[query->field_count++] = col->field;
    }
    query->fields = fields;
    return HB_OK;
}

static hb_status query_init(sqlite_query *query, hb_job *job, hb_err *err) {
    *query = (sqlite_query){ .job = job };
    hb_buf_init(&query->filter.pack, job->mem);
    hb_arena_init(&query->filter.arena, job->mem);
    hb_err_init(&query->filter.err);
    hb_sql_init(&query->sql, &hb_dialect_sqlite, job->mem, job->arena);
    HB_TRY(sqlite_table_need(job->instance, job->fragment->container, &query->table, err));
    HB_TRY(sqlite_indexes_need(query->table, job, err));
    return query_fields(query, err);
}

static void query_free(sqlite_query *query) {
    hb_sql_free(&query->sql);
    hb_arena_free(&query->filter.arena);
    hb_buf_free(&query->filter.pack);
    hb_pred_free(query->filter.pred);
}

void sqlite_query_columns(sqlite_query *query) {
    const sqlite_table *table = query->table;
    hb_sql_add(&query->sql, "object_id");
    for (uint32_t i = 0; i < query->field_count; i++) {
        hb_sql_add(&query->sql, ", ");
        hb_sql_ident(&query->sql, table->columns[table->container->by_field[query->fields[i]]]);
    }
}

/* One row is found by its key: a list of one takes several times as long as the row. */
static hb_status candidates_write(sqlite_query *query, const hb_ids *candidates, hb_err *err) {
    if (candidates->count == 1) {
        const hb_value id = { .kind = HB_KIND_TEXT, .as.s = candidates->ids[0] };
        hb_sql_add(&query->sql, "object_id = ");
        hb_sql_param_add(&query->sql, &id);
        return HB_OK;
    }
    sqlite_list *list = HB_NEW(query->job->arena, sqlite_list);
    if (list == NULL) return hb_err_memory(err);
    *list = (sqlite_list){ .texts = candidates->ids, .count = candidates->count };
    leaf_write_list(&query->sql, HB_STR("object_id"), list, false);
    return HB_OK;
}

hb_status sqlite_query_from(sqlite_query *query, hb_err *err) {
    const hb_fragment *fragment = query->job->fragment;
    hb_sql *sql = &query->sql;
    hb_sql_add(sql, " FROM ");
    hb_sql_ident(sql, query->table->name);
    const hb_ids *candidates = fragment->candidates;
    if (fragment->filter == NULL && candidates == NULL) return HB_OK;
    hb_sql_add(sql, " WHERE ");
    if (candidates != NULL) {
        HB_TRY(candidates_write(query, candidates, err));
        if (fragment->filter == NULL) return HB_OK;
        hb_sql_add(sql, " AND ");
    }
    hb_sql_scope scope = { query->table->container, query->table->columns, leaf_write, query };
    return hb_sql_where(sql, &scope, fragment->filter, err);
}

hb_status sqlite_query_fail(sqlite_query *query, int rc, hb_err *err) {
    if (query->filter.err.code == HB_OK) return sqlite_fail(query->table->conn, rc, err);
    if (err != NULL) *err = query->filter.err;
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, query->job->instance->name);
}

/* ---- rows ------------------------------------------------------------------------------------ */

hb_status sqlite_rowset_begin(const sqlite_query *query, hb_rowset *out, hb_err *err) {
    const hb_schema *schema = query->table->container->schema;
    HB_TRY(hb_rowset_init(out, query->job->mem, 1 + query->field_count + (query->scored ? 1 : 0),
                          err));
    hb_rowset_column(out, 0, HB_STR("object_id"), HB_KIND_TEXT, 0);
    for (uint32_t i = 0; i < query->field_count; i++) {
        const hb_field *field = &schema->fields[query->fields[i]];
        uint32_t dim = field->kind == HB_KIND_VEC ? field->type->dim : 0;
        hb_rowset_column(out, i + 1, field->name, field->kind, dim);
    }
    if (query->scored)
        hb_rowset_column(out, 1 + query->field_count, HB_STR("score"), HB_KIND_F64, 0);
    return HB_OK;
}

static hb_status cell_fail(sqlite3_stmt *stmt, const hb_err *why, hb_err *err) {
    return hb_err_set(err, HB_E_CORRUPT,
                      "row '%.*s': %s; audit() names all such values, repair() brings them back "
                      "from another backend or makes them null",
                      HB_ARG(sqlite_text_at(stmt, 0)), why->msg);
}

/* SQLite calls the values of a row "unprotected": it means other threads, and there are none here.
 */
static hb_status cell_add(sqlite_query *query, sqlite3_stmt *stmt, int at, hb_colbuf *out,
                          hb_err *err) {
    hb_value value;
    hb_err why;
    hb_err_init(&why);
    hb_status status = sqlite_read_cell(sqlite3_column_value(stmt, at), out->kind, out->dim,
                                        &query->filter.pack, &query->filter.arena, &value, &why);
    if (status == HB_E_CORRUPT && query->job->lost_as_null) {
        value = (hb_value){ .kind = HB_KIND_NULL };
    } else if (status == HB_E_CORRUPT) {
        return cell_fail(stmt, &why, err);
    } else if (status != HB_OK) {
        *err = why;
        return status;
    }
    bool added = hb_colbuf_add(out, &value);
    if (value.kind == HB_KIND_VEC) hb_arena_reset(&query->filter.arena);
    return added ? HB_OK : hb_err_memory(err);
}

/* Column `at` of a row, whose value may be kept outside it. */
static hb_status field_add(sqlite_query *query, sqlite3_stmt *stmt, uint32_t at, hb_colbuf *out,
                           hb_err *err) {
    sqlite_table *table = query->table;
    uint32_t place = at > 0 ? table->container->by_field[query->fields[at - 1]] : 0;
    if (table->blobs[place].len > 0) {
        return sqlite_blob_add(table, place, stmt, (int)at, query->job->lost_as_null, out, err);
    }
    return cell_add(query, stmt, (int)at, out, err);
}

hb_status sqlite_row_add(sqlite_query *query, sqlite3_stmt *stmt, hb_rowset *out, hb_err *err) {
    for (uint32_t i = 0; i <= query->field_count; i++) {
        hb_status status = field_add(query, stmt, i, &out->columns[i], err);
        if (status == HB_OK) continue;
        const hb_schema *schema = query->table->container->schema;
        hb_str field = i == 0 ? HB_STR("object_id") : schema->fields[query->fields[i - 1]].name;
        return hb_err_where(err, schema->entity_id, field, query->job->instance->name);
    }
    return HB_OK;
}

static hb_status rows_take(sqlite_query *query, sqlite3_stmt *stmt, hb_rowset *out, hb_err *err) {
    int rc;
    uint64_t count = 0;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        HB_TRY(sqlite_row_add(query, stmt, out, err));
        count++;
    }
    if (rc != SQLITE_DONE) return sqlite_query_fail(query, rc, err);
    uint64_t stepped = (uint64_t)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
    query->job->rows_examined += stepped > count ? stepped : count;
    return HB_OK;
}

/* ---- order that SQL cannot give -------------------------------------------------------------- */

static const hb_column *arrange_column(const sqlite_query *query, const hb_batch *batch,
                                       const hb_col *col) {
    if (col->kind != HB_COL_FIELD && col->kind != HB_COL_PATH) {
        return query->scored ? &batch->columns[batch->column_count - 1] : NULL;
    }
    if (col->field == HB_FIELD_OBJECT_ID) return &batch->columns[0];
    for (uint32_t i = 0; i < query->field_count; i++) {
        if (query->fields[i] == col->field) return &batch->columns[i + 1];
    }
    return NULL;
}

static hb_status arrange_sort(const sqlite_query *query, const hb_batch *batch, uint32_t *rows,
                              uint32_t *kept, hb_err *err) {
    const hb_fragment *fragment = query->job->fragment;
    hb_sort_key *keys = hb_arena_array(query->job->arena, fragment->order_count, sizeof(*keys));
    if (keys == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        const hb_order *order = &fragment->order[i];
        const hb_column *column = arrange_column(query, batch, &order->col);
        if (column == NULL)
            return hb_err_set(err, HB_E_INTERNAL, "a sort key is not in the fragment");
        bool path = order->col.kind == HB_COL_PATH;
        keys[i] = (hb_sort_key){ column, path ? order->col.path : NULL,
                                 path ? order->col.path_len : 0, order->desc };
    }
    return hb_sort_rows(keys, fragment->order_count, &batch->columns[0], rows, batch->row_count,
                        HB_NO_LIMIT, kept, query->job->arena, err);
}

static bool rows_are_in_place(const uint32_t *numbers, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (numbers[i] != i) return false;
    }
    return true;
}

hb_status sqlite_arrange(sqlite_query *query, hb_rowset *rows, hb_err *err) {
    const hb_fragment *fragment = query->job->fragment;
    hb_batch batch = hb_rowset_batch(rows);
    uint32_t kept = batch.row_count;
    uint32_t *numbers = hb_arena_array(query->job->arena, (size_t)kept + 1, sizeof(*numbers));
    if (numbers == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < kept; i++) numbers[i] = i;
    if (fragment->order_count > 0 || !query->scored)
        HB_TRY(arrange_sort(query, &batch, numbers, &kept, err));
    if (query->visible_count == query->field_count && fragment->offset == 0 &&
        fragment->limit >= kept && rows_are_in_place(numbers, kept)) {
        query->job->out = *rows;
        *rows = (hb_rowset){ 0 };
        return HB_OK;
    }
    uint32_t from = fragment->offset < kept ? (uint32_t)fragment->offset : kept;
    uint32_t count = fragment->limit < kept - from ? (uint32_t)fragment->limit : kept - from;
    hb_rowset *out = &query->job->out;
    uint32_t shown = query->field_count;
    query->field_count = query->visible_count;
    hb_status status = sqlite_rowset_begin(query, out, err);
    query->field_count = shown;
    HB_TRY(status);
    for (uint32_t i = 0; i < out->column_count; i++) {
        bool score = query->scored && i + 1 == out->column_count;
        const hb_column *source = &batch.columns[score ? batch.column_count - 1 : i];
        if (!hb_colbuf_add_rows(&out->columns[i], source, numbers + from, count))
            return hb_err_memory(err);
    }
    return HB_OK;
}

/* ---- the fragments --------------------------------------------------------------------------- */

/* A condition that every row must meet and that a secondary index answers. */
static bool filter_finds_rows(const sqlite_table *table, const hb_expr *expr) {
    if (expr == NULL) return false;
    if (expr->kind == HB_EXPR_AND) {
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            if (filter_finds_rows(table, expr->args[i])) return true;
        }
        return false;
    }
    if (expr->kind != HB_EXPR_LEAF || expr->op == HB_OP_NE) return false;
    const hb_placed *placed = &table->container->fields[table->container->by_field[expr->field]];
    const hb_type *type = table->container->schema->fields[expr->field].type;
    return (placed->indexed || placed->unique) && expr->op != HB_OP_CONTAINS &&
           expr->op != HB_OP_ENDS_WITH && hb_sql_can_leaf(&hb_dialect_sqlite, type, expr);
}

static void scan_write_order(sqlite_query *query) {
    const hb_fragment *fragment = query->job->fragment;
    const sqlite_table *table = query->table;
    hb_sql *sql = &query->sql;
    hb_sql_add(sql, " ORDER BY ");
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        const hb_order *order = &fragment->order[i];
        hb_sql_order_key(sql, table->columns[table->container->by_field[order->col.field]],
                         NULL, order->desc);
        hb_sql_add(sql, ", ");
    }
    /* Walking the index on object_id is right when a limit ends it soon; where another index finds
     * the rows, the plus keeps SQLite from it. */
    hb_sql_add(sql, filter_finds_rows(table, fragment->filter) ? "+object_id" : "object_id");
    hb_sql_limit(sql, fragment->limit, fragment->offset);
}

static hb_status scan_run(sqlite_query *query, hb_rowset *out, hb_err *err) {
    hb_sql_add(&query->sql, "SELECT ");
    sqlite_query_columns(query);
    HB_TRY(sqlite_query_from(query, err));
    if (!query->core_sorts) scan_write_order(query);
    sqlite3_stmt *stmt;
    HB_TRY(sqlite_borrow(query->table->conn, &query->sql, &stmt, err));
    hb_status status = sqlite_rowset_begin(query, out, err);
    if (status == HB_OK) status = rows_take(query, stmt, out, err);
    sqlite_return(query->table->conn, stmt);
    return status;
}

static hb_status scan_sorted_by_core(sqlite_query *query, hb_err *err) {
    hb_rowset rows = { 0 };
    hb_status status = scan_run(query, &rows, err);
    if (status == HB_OK) status = sqlite_arrange(query, &rows, err);
    hb_rowset_free(&rows);
    return status;
}

hb_status sqlite_scan(hb_job *job, hb_err *err) {
    sqlite_query query;
    hb_status status = query_init(&query, job, err);
    if (status == HB_OK) {
        if (query.scored) {
            status = sqlite_rank(&query, err);
        } else if (query.core_sorts) {
            status = scan_sorted_by_core(&query, err);
        } else {
            status = scan_run(&query, &job->out, err);
        }
    }
    query_free(&query);
    return status;
}

static hb_status count_run(sqlite_query *query, hb_err *err) {
    hb_job *job = query->job;
    hb_sql_add(&query->sql, "SELECT count(*)");
    HB_TRY(sqlite_query_from(query, err));
    sqlite3_stmt *stmt;
    HB_TRY(sqlite_borrow(query->table->conn, &query->sql, &stmt, err));
    int rc = sqlite3_step(stmt);
    hb_value count = { .kind = HB_KIND_I64 };
    if (rc == SQLITE_ROW) count.as.i = sqlite3_column_int64(stmt, 0);
    job->rows_examined += (uint64_t)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
    sqlite_return(query->table->conn, stmt);
    if (rc != SQLITE_ROW) return sqlite_query_fail(query, rc, err);
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("count"), HB_KIND_I64, 0);
    return hb_colbuf_add(&job->out.columns[0], &count) ? HB_OK : hb_err_memory(err);
}

hb_status sqlite_count(hb_job *job, hb_err *err) {
    sqlite_query query;
    hb_status status = query_init(&query, job, err);
    if (status == HB_OK) status = count_run(&query, err);
    query_free(&query);
    return status;
}

static void group_columns(sqlite_query *query, const char *first) {
    const hb_aggregate *aggregate = query->job->fragment->aggregate;
    const sqlite_table *table = query->table;
    for (uint32_t i = 0; i < aggregate->group_count; i++) {
        hb_sql_add(&query->sql, i == 0 ? first : ", ");
        hb_sql_ident(&query->sql,
                     table->columns[table->container->by_field[aggregate->groups[i].field]]);
    }
}

static void aggregate_write(sqlite_query *query) {
    const hb_aggregate *aggregate = query->job->fragment->aggregate;
    const sqlite_table *table = query->table;
    hb_sql *sql = &query->sql;
    hb_sql_add(sql, "SELECT coalesce(min(object_id), '')");
    group_columns(query, ", ");
    for (uint32_t i = 0; i < aggregate->measure_count; i++) {
        const hb_measure *measure = &aggregate->measures[i];
        hb_sql_add(sql, measure->reducer == HB_REDUCE_COUNT ? ", count("
                        : measure->reducer == HB_REDUCE_MIN ? ", min("
                                                            : ", max(");
        if (measure->distinct) hb_sql_add(sql, "DISTINCT ");
        hb_sql_ident(sql, table->columns[table->container->by_field[measure->col.field]]);
        hb_sql_add(sql, ")");
    }
}

static hb_status aggregate_rows(sqlite_query *query, sqlite3_stmt *stmt, hb_err *err) {
    hb_rowset *out = &query->job->out;
    const hb_schema *schema = query->job->fragment->aggregate->schema;
    HB_TRY(hb_rowset_init(out, query->job->mem, schema->field_count, err));
    for (uint32_t i = 0; i < schema->field_count; i++)
        hb_rowset_column(out, i, schema->fields[i].name, schema->fields[i].kind, 0);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (uint32_t i = 0; i < schema->field_count; i++)
            HB_TRY(cell_add(query, stmt, (int)i, &out->columns[i], err));
    }
    return rc == SQLITE_DONE ? HB_OK : sqlite_query_fail(query, rc, err);
}

static hb_status aggregate_run(sqlite_query *query, hb_err *err) {
    hb_job *job = query->job;
    hb_sql *sql = &query->sql;
    aggregate_write(query);
    HB_TRY(sqlite_query_from(query, err));
    group_columns(query, " GROUP BY ");
    hb_sql_add(sql, " ORDER BY 1");
    sqlite3_stmt *stmt;
    HB_TRY(sqlite_borrow(query->table->conn, sql, &stmt, err));
    hb_status status = aggregate_rows(query, stmt, err);
    job->rows_examined += (uint64_t)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
    sqlite_return(query->table->conn, stmt);
    return status;
}

hb_status sqlite_aggregate(hb_job *job, hb_err *err) {
    sqlite_query query;
    hb_status status = query_init(&query, job, err);
    if (status == HB_OK) status = aggregate_run(&query, err);
    query_free(&query);
    return status;
}

static hb_status fetch_run(sqlite_query *query, hb_err *err) {
    hb_job *job = query->job;
    const hb_ids *ids = job->fragment->ids;
    hb_sql_add(&query->sql, "SELECT ");
    sqlite_query_columns(query);
    hb_sql_add(&query->sql, " FROM ");
    hb_sql_ident(&query->sql, query->table->name);
    hb_sql_add(&query->sql, " WHERE object_id = ?");
    sqlite3_stmt *stmt;
    HB_TRY(sqlite_borrow(query->table->conn, &query->sql, &stmt, err));
    hb_status status = sqlite_rowset_begin(query, &job->out, err);
    for (uint32_t i = 0; i < ids->count && status == HB_OK; i++) {
        sqlite_bind_str(stmt, 1, ids->ids[i]);
        int rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW) {
            status = sqlite_row_add(query, stmt, &job->out, err);
            job->rows_examined++;
        } else if (rc != SQLITE_DONE) {
            status = sqlite_fail(query->table->conn, rc, err);
        }
        sqlite3_reset(stmt);
    }
    sqlite_return(query->table->conn, stmt);
    return status;
}

hb_status sqlite_fetch(hb_job *job, hb_err *err) {
    sqlite_query query;
    hb_status status = query_init(&query, job, err);
    if (status == HB_OK) status = fetch_run(&query, err);
    query_free(&query);
    return status;
}
