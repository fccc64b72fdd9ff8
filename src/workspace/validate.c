// SPDX-License-Identifier: MIT
/* A row against a definition, without a workspace: all that is wrong with it, or the row as it
 * would be written. Ids and what other rows hold are no matter of it. */
#include "value/coerce.h"
#include "workspace/workspace.h"

typedef struct validation {
    hb_task *task;
    hb_schema *schema;          /* owned until the task ends */
    const hb_batch *batch;
    hb_column *columns;         /* of the answer */
    uint32_t column_count;
    hb_buf issues;
} validation;

static void validate_cleanup(hb_task *task, bool failed) {
    validation *v = task->program;
    (void)failed;
    hb_schema_free(v->schema);
    hb_buf_free(&v->issues);
}

static void issue_add(validation *v, hb_str field, const hb_err *why) {
    hb_buf_add_c(&v->issues, v->issues.len > 0 ? ",{\"field\":" : "{\"field\":");
    hb_buf_add_json_str(&v->issues, field);
    hb_buf_printf(&v->issues, ",\"code\":\"%s\",\"message\":", hb_status_name(why->code));
    hb_buf_add_json_str(&v->issues, hb_str_c(why->msg));
    hb_buf_printf(&v->issues, ",\"path\":[%s]}", why->path);
}

static hb_status validate_unknown(validation *v, hb_err *err) {
    for (uint32_t c = 0; c < v->batch->column_count; c++) {
        const hb_str name = v->batch->columns[c].name;
        if (hb_schema_find(v->schema, name) != HB_FIELD_NONE ||
            hb_schema_derive_find(v->schema, name) < v->schema->derive_count) {
            continue;
        }
        hb_err why;
        hb_err_init(&why);
        if (hb_schema_unknown_field(v->schema, name, &why) == HB_E_MEMORY) {
            return hb_err_memory(err);
        }
        issue_add(v, name, &why);
    }
    return HB_OK;
}

/* The default of a field without value, or the complaint that a required one has none. */
static hb_status validate_absent(validation *v, uint32_t f, bool is_null, hb_err *why) {
    const hb_field *field = &v->schema->fields[f];
    hb_column *out = &v->columns[v->column_count];
    hb_value value = { .kind = HB_KIND_NULL };
    if (!is_null && field->has_default) {
        HB_TRY(field->def_invalid
                   ? hb_coerce_value(field->type, &field->def, &v->task->arena, &value, why)
                   : HB_OK);
        value = field->def;
    }
    if (value.kind == HB_KIND_NULL) {
        const bool computed = field->compute.name.len > 0;
        if (field->required && f != HB_FIELD_OBJECT_ID && !computed) {
            return hb_err_set(why, HB_E_VALIDATION, "required field '%.*s' is %s",
                              HB_ARG(field->name), is_null ? "null" : "missing");
        }
        if (!is_null) return HB_OK;
        HB_TRY(hb_columns_null(field, 1, &v->task->arena, out, why));
    } else {
        HB_TRY(hb_columns_constant(field, &value, 1, &v->task->arena, out, why));
    }
    out->name = field->name;
    v->column_count++;
    return HB_OK;
}

static hb_status validate_field(validation *v, uint32_t f, hb_err *why) {
    const hb_field *field = &v->schema->fields[f];
    const int at = hb_batch_find(v->batch, field->name);
    const hb_cell given = at < 0 ? HB_CELL_ABSENT : hb_column_cell(&v->batch->columns[at], 0);
    if (given != HB_CELL_VALUE) return validate_absent(v, f, given == HB_CELL_NULL, why);
    hb_column *out = &v->columns[v->column_count];
    uint32_t bad_row = 0;
    HB_TRY(hb_coerce_column(field->type, &v->batch->columns[at], 1, &v->task->arena, out, &bad_row,
                            why));
    if (hb_column_cell(out, 0) != HB_CELL_VALUE) return validate_absent(v, f, true, why);
    out->name = field->name;
    v->column_count++;
    return HB_OK;
}

static hb_status validate_finish(validation *v, hb_err *err) {
    if (v->issues.len == 0) {
        uint8_t *roles = hb_arena_zalloc_array(&v->task->arena, v->column_count, 1);
        if (roles == NULL) return hb_err_memory(err);
        hb_task_finish_frame(v->task, (hb_batch){ 1, v->column_count, v->columns }, roles);
        return HB_OK;
    }
    hb_buf json;
    hb_buf_init(&json, v->task->mem);
    hb_buf_add_c(&json, "{\"issues\":[");
    hb_buf_add_str(&json, hb_buf_str(&v->issues));
    hb_buf_add_c(&json, "]}");
    hb_status status = hb_buf_check(&v->issues, err);
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(v->task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    return status;
}

hb_status hb_call_validate(hb_workspace *ws, const hb_request *request, hb_task *task,
                           hb_err *err) {
    (void)ws;
    validation *v = HB_NEW(&task->arena, validation);
    if (v == NULL) return hb_err_memory(err);
    v->task = task;
    v->batch = &request->batch;
    hb_buf_init(&v->issues, task->mem);
    task->program = v;
    task->advance = hb_task_finish;
    task->cleanup = validate_cleanup;
    if (v->batch->row_count != 1) {
        return hb_err_set(err, HB_E_TYPE, "one row is validated at a time, found %u",
                          v->batch->row_count);
    }
    HB_TRY(hb_schema_parse(request->text, task->mem, &v->schema, err));
    v->columns = HB_NEW_ARRAY(&task->arena, hb_column, v->schema->field_count);
    if (v->columns == NULL) return hb_err_memory(err);
    HB_TRY(validate_unknown(v, err));
    for (uint32_t f = 0; f < v->schema->field_count; f++) {
        hb_err why;
        hb_err_init(&why);
        const hb_status status = validate_field(v, f, &why);
        if (status == HB_E_MEMORY) return hb_err_memory(err);
        if (status != HB_OK) issue_add(v, v->schema->fields[f].name, &why);
    }
    return validate_finish(v, err);
}
