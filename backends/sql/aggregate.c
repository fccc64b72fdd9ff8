// SPDX-License-Identifier: MIT
/* Groups and reducers in the engine, for columns that it groups and compares as the core does. A
 * sum comes as its decimal digits, an average as a sum and a count: so both are the core's, exact
 * to the last bit, and what is too large is said in its words. */
#include "backends/sql/remote.h"
#include "eval/total.h"

static hb_str column_of(const hb_job *job, const sql_table *table, const hb_col *col) {
    return table->columns[job->fragment->container->by_field[col->field]];
}

static void add_groups(hb_sql *sql, const hb_job *job, const sql_table *table, const char *first) {
    const hb_aggregate *aggregate = job->fragment->aggregate;
    for (uint32_t i = 0; i < aggregate->group_count; i++) {
        hb_sql_add(sql, i == 0 ? first : ", ");
        hb_sql_ident(sql, column_of(job, table, &aggregate->groups[i]));
    }
}

static void add_call(hb_sql *sql, const char *head, hb_str column, const char *tail) {
    hb_sql_add(sql, head);
    hb_sql_ident(sql, column);
    hb_sql_add(sql, tail);
}

static bool is_total(const hb_measure *measure) {
    return measure->reducer == HB_REDUCE_SUM || measure->reducer == HB_REDUCE_AVG;
}

static void add_measure(hb_sql *sql, const hb_measure *measure, hb_str column) {
    if (is_total(measure)) {
        add_call(sql, ", count(", column, "), ");
        add_call(sql, sql->dialect->sum_head, column, sql->dialect->sum_tail);
    } else if (measure->reducer == HB_REDUCE_COUNT) {
        add_call(sql, measure->distinct ? ", count(DISTINCT " : ", count(", column, ")");
    } else {
        add_call(sql, measure->reducer == HB_REDUCE_MIN ? ", min(" : ", max(", column, ")");
    }
}

hb_status sql_ask_groups(hb_job *job, const sql_table *table, hb_sql *sql, hb_err *err) {
    const hb_aggregate *aggregate = job->fragment->aggregate;
    bool any;
    add_call(sql, "SELECT min(", table->columns[0], ")");
    add_groups(sql, job, table, ", ");
    for (uint32_t i = 0; i < aggregate->measure_count; i++) {
        const hb_measure *measure = &aggregate->measures[i];
        add_measure(sql, measure, column_of(job, table, &measure->col));
    }
    hb_sql_add(sql, " FROM ");
    sql_add_table(sql, sql_remote_of(job), table->name);
    HB_TRY(sql_add_where(sql, job, table, &any, err));
    add_groups(sql, job, table, " GROUP BY ");
    hb_sql_add(sql, " ORDER BY 1");
    return HB_OK;
}

/* ---- answers ----------------------------------------------------------------------------- */

static hb_status groups_begin(hb_job *job, hb_err *err) {
    const hb_schema *schema = job->fragment->aggregate->schema;
    HB_TRY(hb_rowset_init(&job->out, job->mem, schema->field_count, err));
    for (uint32_t i = 0; i < schema->field_count; i++) {
        hb_rowset_column(&job->out, i, schema->fields[i].name, schema->fields[i].kind, 0);
    }
    return HB_OK;
}

/* The sum or average of the columns `at` (a count) and at + 1 (a sum in digits, or null). */
static hb_status add_total(hb_job *job, const hb_batch *rows, uint32_t row, uint32_t at,
                           const hb_measure *measure, hb_colbuf *out, hb_err *err) {
    hb_total total = { 0 };
    hb_colbuf count;
    hb_colbuf_init(&count, job->mem, HB_KIND_I64, 0);
    hb_status status =
        sql_cell_read(&rows->columns[at], row, HB_KIND_I64, 0, job->arena, &count, err);
    hb_value value = { .kind = HB_KIND_NULL };
    if (status == HB_OK) {
        const hb_column view = hb_colbuf_view(&count, HB_STR_EMPTY);
        value = hb_column_get(&view, 0);
    }
    hb_colbuf_free(&count);
    HB_TRY(status);
    const hb_value digits = hb_column_get(&rows->columns[at + 1], row);
    const bool some = value.kind == HB_KIND_I64 && value.as.i > 0;
    if (some) total.count = (uint64_t)value.as.i;
    if (value.kind != HB_KIND_I64 || value.as.i < 0 ||
        (some && (!sql_holds_texts(&rows->columns[at + 1]) || digits.kind == HB_KIND_NULL ||
                  !hb_total_parse(&total, digits.as.s)))) {
        return hb_err_set(err, HB_E_BAD_REPLY, "an answer has a sum that is no integer");
    }
    HB_TRY(hb_total_result(&total, measure->reducer == HB_REDUCE_AVG,
                           job->fragment->container->schema->entity_id, measure->col.name, &value,
                           err));
    return hb_colbuf_add(out, &value) ? HB_OK : hb_err_memory(err);
}

/* Of no rows at all there is no smallest id. */
static hb_status add_first(hb_job *job, const hb_batch *rows, uint32_t row, hb_err *err) {
    hb_value none = { .kind = HB_KIND_TEXT };
    none.as.s = HB_STR("");
    const bool no_rows = hb_column_get(&rows->columns[0], row).kind == HB_KIND_NULL;
    if (!no_rows) {
        return sql_cell_read(&rows->columns[0], row, HB_KIND_TEXT, 0, job->arena,
                             &job->out.columns[0], err);
    }
    if (job->fragment->aggregate->group_count > 0 || rows->row_count != 1) {
        return hb_err_set(err, HB_E_BAD_REPLY, "an answer has a row without object_id");
    }
    return hb_colbuf_add(&job->out.columns[0], &none) ? HB_OK : hb_err_memory(err);
}

static hb_status add_group(hb_job *job, const hb_batch *rows, uint32_t row, hb_err *err) {
    const hb_aggregate *aggregate = job->fragment->aggregate;
    hb_colbuf *out = job->out.columns;
    HB_TRY(add_first(job, rows, row, err));
    uint32_t at = 1, to = 1;
    for (; to <= aggregate->group_count; at++, to++) {
        HB_TRY(sql_cell_read(&rows->columns[at], row, out[to].kind, 0, job->arena, &out[to], err));
    }
    for (uint32_t i = 0; i < aggregate->measure_count; i++, at++, to++) {
        const hb_measure *measure = &aggregate->measures[i];
        if (is_total(measure)) {
            HB_TRY(add_total(job, rows, row, at++, measure, &out[to], err));
        } else {
            HB_TRY(
                sql_cell_read(&rows->columns[at], row, out[to].kind, 0, job->arena, &out[to], err));
        }
    }
    return HB_OK;
}

hb_status sql_take_groups(hb_job *job, const hb_batch *rows, hb_err *err) {
    const hb_aggregate *aggregate = job->fragment->aggregate;
    uint32_t columns = 1 + aggregate->group_count + aggregate->measure_count;
    for (uint32_t i = 0; i < aggregate->measure_count; i++) {
        columns += is_total(&aggregate->measures[i]);
    }
    HB_TRY(sql_check_columns(rows, columns, err));
    if (aggregate->group_count == 0 && rows->row_count != 1) {
        return hb_err_set(err, HB_E_BAD_REPLY, "a total has %u rows", rows->row_count);
    }
    HB_TRY(groups_begin(job, err));
    for (uint32_t i = 0; i < rows->row_count; i++) HB_TRY(add_group(job, rows, i, err));
    job->rows_examined = rows->row_count;
    job->done = true;
    return HB_OK;
}

/* What there is of no rows: no group, or one row of counts and nulls. */
hb_status sql_no_groups(hb_job *job, hb_err *err) {
    const hb_aggregate *aggregate = job->fragment->aggregate;
    HB_TRY(groups_begin(job, err));
    job->done = true;
    if (aggregate->group_count > 0) return HB_OK;
    hb_value value = { .kind = HB_KIND_TEXT };
    value.as.s = HB_STR("");
    for (uint32_t i = 0; i <= aggregate->measure_count; i++) {
        if (i > 0) {
            const bool counts = aggregate->measures[i - 1].reducer == HB_REDUCE_COUNT;
            value = (hb_value){ .kind = counts ? HB_KIND_I64 : HB_KIND_NULL };
        }
        if (!hb_colbuf_add(&job->out.columns[i], &value)) return hb_err_memory(err);
    }
    return HB_OK;
}
