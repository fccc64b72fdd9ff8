// SPDX-License-Identifier: MIT
/* Values that functions of the host give: they come with the rows, and without such a host a row
 * that needs one is refused. Columns of Catalog that are derived reach it in the same write. */
#include "workspace/workspace.h"

hb_status hb_derives_check(const hb_schema *schema, const hb_schema *catalog, hb_err *err) {
    for (uint32_t i = 0; i < schema->derive_count; i++) {
        const hb_derive *derive = &schema->derives[i];
        if (hb_schema_find(catalog, derive->column) == HB_FIELD_NONE) {
            (void)hb_schema_unknown_field(catalog, derive->column, err);
            err->code = HB_E_SCHEMA;
        } else if (hb_catalog_is_own(derive->column)) {
            hb_err_set(err, HB_E_SCHEMA, "'%.*s' is made by the Catalog and cannot be derived",
                       HB_ARG(derive->target));
        } else {
            continue;
        }
        return hb_err_where(err, schema->entity_id, derive->target, HB_STR_EMPTY);
    }
    return HB_OK;
}

bool hb_derives_has(const hb_schema *schema, hb_str column) {
    for (uint32_t i = 0; i < schema->derive_count; i++) {
        if (hb_str_eq(schema->derives[i].column, column)) return true;
    }
    return false;
}

/* ---- hosts without functions ------------------------------------------------------------- */

/* Does the patch change what the function looks at? */
static bool hook_is_touched(const hb_schema *schema, const hb_hook *hook, const hb_input *input,
                            uint32_t row) {
    const bool whole = hook->input_count == 0;
    const uint32_t count = whole ? schema->field_count : hook->input_count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t field = whole ? i : hook->inputs[i];
        if (field == HB_FIELD_OBJECT_ID) continue;
        if (hb_column_cell(&input->columns[field], row) != HB_CELL_ABSENT) return true;
    }
    return false;
}

static hb_status hook_refuse(const hb_schema *schema, const hb_hook *hook, hb_str target,
                             hb_err *err) {
    hb_err_set(err, HB_E_COMPUTE,
               "'%.*s' is computed by the function '%.*s', which this host "
               "cannot run: give the value",
               HB_ARG(target), HB_ARG(hook->name));
    return hb_err_where(err, schema->entity_id, target, HB_STR_EMPTY);
}

static hb_status hook_given(const hb_schema *schema, const hb_hook *hook, hb_str target,
                            const hb_column *column, const hb_input *input, bool is_set,
                            const uint32_t *found, hb_err *err) {
    for (uint32_t row = 0; row < input->row_count; row++) {
        const hb_cell cell = hb_column_cell(column, row);
        if (cell == HB_CELL_VALUE) continue;
        const bool stored = is_set && found != NULL && found[row] != HB_MAP_NONE;
        if (!stored || cell == HB_CELL_NULL || hook_is_touched(schema, hook, input, row)) {
            return hook_refuse(schema, hook, target, err);
        }
    }
    return HB_OK;
}

hb_status hb_derives_given(const hb_entity *entity, const hb_input *input, bool is_set,
                           const uint32_t *found, hb_err *err) {
    const hb_schema *schema = entity->schema;
    for (uint32_t f = 1; f < schema->field_count; f++) {
        const hb_field *field = &schema->fields[f];
        if (field->compute.name.len == 0) continue;
        HB_TRY(hook_given(schema, &field->compute, field->name, &input->columns[f], input, is_set,
                          found, err));
    }
    for (uint32_t i = 0; i < schema->derive_count; i++) {
        const hb_derive *derive = &schema->derives[i];
        HB_TRY(hook_given(schema, &derive->hook, derive->target, &input->derived[i], input, is_set,
                          found, err));
    }
    return HB_OK;
}

/* ---- the Catalog's rows ------------------------------------------------------------------ */

static hb_status derive_column(const hb_field *field, const hb_column *derived,
                               const hb_column *current, const uint32_t *found, uint32_t row_count,
                               hb_arena *arena, hb_column *column, hb_err *err) {
    hb_colbuf built;
    hb_colbuf_init(&built, arena->mem, field->kind, 0);
    bool ok = hb_colbuf_reserve(&built, row_count, derived->heap_len);
    for (uint32_t i = 0; i < row_count && ok; i++) {
        const hb_cell cell = hb_column_cell(derived, i);
        const bool stored = cell == HB_CELL_ABSENT && found[i] != HB_MAP_NONE;
        const hb_column *from = cell == HB_CELL_VALUE ? derived : stored ? current : column;
        ok = hb_colbuf_add_cell(&built, from, stored ? found[i] : i);
    }
    const hb_column view = hb_colbuf_view(&built, field->name);
    const hb_status status =
        ok ? hb_columns_copy(&view, row_count, arena, column, err) : hb_err_memory(err);
    hb_colbuf_free(&built);
    return status;
}

hb_status hb_derives_apply(const hb_entity *entity, const hb_input *input, hb_column *rows,
                           const hb_column *current, const uint32_t *found, hb_arena *arena,
                           hb_err *err) {
    for (uint32_t i = 0; i < entity->schema->derive_count; i++) {
        const uint32_t at = hb_schema_find(entity->catalog, entity->schema->derives[i].column);
        HB_TRY(derive_column(&entity->catalog->fields[at], &input->derived[i], &current[at], found,
                             input->row_count, arena, &rows[at], err));
    }
    return hb_catalog_deadlines(entity->catalog, rows, input->row_count, arena, err);
}
