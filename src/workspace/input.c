// SPDX-License-Identifier: MIT
/* Rows given by the caller: columns to fields, coercion, object ids, defaults, required fields. */
#include "base/format.h"
#include "base/num.h"
#include "value/coerce.h"
#include "workspace/workspace.h"

/* Which of several rows it was: callers send batches. */
static void input_row(hb_err *err, uint32_t row, uint32_t row_count) {
    if (err == NULL || row_count < 2) return;
    size_t len = strlen(err->msg);
    hb_format(err->msg + len, sizeof(err->msg) - len, " (row %u of %u)", row + 1, row_count);
}

static hb_status input_where(const hb_entity *entity, hb_str field, hb_err *err) {
    return hb_err_where(err, entity->schema->entity_id, field, HB_STR_EMPTY);
}

/* Input column of each field, then of each derive, or -1. */
static hb_status input_map(const hb_entity *entity, const hb_batch *batch, bool drop_unknown,
                           int32_t *source, hb_err *err) {
    const hb_schema *schema = entity->schema;
    for (uint32_t f = 0; f < schema->field_count + schema->derive_count; f++) source[f] = -1;
    for (uint32_t c = 0; c < batch->column_count; c++) {
        uint32_t field = hb_schema_find(entity->schema, batch->columns[c].name);
        if (field == HB_FIELD_NONE) {
            uint32_t derive = hb_schema_derive_find(schema, batch->columns[c].name);
            if (derive < schema->derive_count) field = schema->field_count + derive;
        }
        if (field == HB_FIELD_NONE) {
            if (drop_unknown) continue;
            return hb_schema_unknown_field(entity->schema, batch->columns[c].name, err);
        }
        if (source[field] >= 0) {
            hb_err_set(err, HB_E_VALIDATION, "the rows have two columns called '%.*s'",
                       HB_ARG(batch->columns[c].name));
            return input_where(entity, batch->columns[c].name, err);
        }
        source[field] = (int32_t)c;
    }
    return HB_OK;
}

/* The object_id that a row itself gives: "" when it gives none. */
static hb_status input_own_id(const hb_entity *entity, const hb_column *column, uint32_t row,
                              hb_arena *arena, hb_str *out, hb_err *err) {
    *out = HB_STR_EMPTY;
    if (hb_column_cell(column, row) != HB_CELL_VALUE) return HB_OK;
    hb_value given = hb_column_get(column, row), id;
    if (given.kind == HB_KIND_PACK) HB_TRY(hb_pack_to_value(given.as.s, arena, &given, err));
    if (given.kind == HB_KIND_NULL || (given.kind == HB_KIND_TEXT && given.as.s.len == 0))
        return HB_OK;
    const hb_type *type = entity->schema->fields[HB_FIELD_OBJECT_ID].type;
    if (hb_coerce_value(type, &given, arena, &id, err) != HB_OK) {
        return input_where(entity, HB_STR("object_id"), err);
    }
    if (hb_str_trim(id.as.s).len == 0) {
        hb_err_set(err, HB_E_INVALID_ID, "object_id is only white space");
        return input_where(entity, HB_STR("object_id"), err);
    }
    *out = id.as.s;
    return HB_OK;
}

/* The id derived from a row's name; "" when it has no usable one. */
static hb_status input_name_id(const hb_entity *entity, const hb_column *names, uint32_t row,
                               const hb_mem *mem, hb_arena *arena, hb_str *out, hb_err *err) {
    *out = HB_STR_EMPTY;
    if (names == NULL || hb_column_cell(names, row) != HB_CELL_VALUE) return HB_OK;
    hb_value value = hb_column_get(names, row);
    /* A Json that is a text or a number is a name like any other. */
    if (value.kind == HB_KIND_PACK) HB_TRY(hb_pack_to_value(value.as.s, arena, &value, err));
    char digits[HB_NUM_TEXT_MAX];
    hb_str name;
    if (value.kind == HB_KIND_TEXT) {
        name = value.as.s;
    } else if (value.kind == HB_KIND_I64) {
        name = hb_str_n(digits, hb_num_write_i64(value.as.i, digits));
    } else if (value.kind == HB_KIND_F64) {
        name = hb_str_n(digits, hb_num_write_f64(value.as.f, digits));
    } else {
        return HB_OK;
    }
    if (hb_str_trim(name).len == 0) return HB_OK;
    if (name.len > HB_NAME_CHARS_MAX && hb_utf8_count(name) > HB_NAME_CHARS_MAX) {
        hb_err_set(err, HB_E_INVALID_ID,
                   "an id is derived from at most %u characters of name, found %u",
                   HB_NAME_CHARS_MAX, hb_utf8_count(name));
        return input_where(entity, HB_STR("name"), err);
    }
    hb_str parts[2] = { entity->schema->entity_id, name };
    char hash[HB_OBJECT_ID_HASH_LEN];
    hb_object_id_hash(parts, 2, mem, hash);
    *out = hb_arena_str(arena, hb_str_n(hash, sizeof(hash)));
    return out->ptr != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status input_ids(const hb_entity *entity, const hb_column *own, bool from_name,
                           hb_input *input, hb_arena *arena, hb_err *err) {
    uint32_t name_field = hb_schema_find(entity->schema, HB_STR("name"));
    uint32_t derive = hb_schema_derive_find(entity->schema, HB_STR("catalog.name"));
    const hb_column *derived =
        derive < entity->schema->derive_count ? &input->derived[derive] : NULL;
    const hb_column *names = name_field != HB_FIELD_NONE ? &input->columns[name_field] : NULL;
    hb_map seen;
    hb_map_init(&seen, arena->mem);
    hb_status status = hb_map_reserve(&seen, input->row_count) ? HB_OK : hb_err_memory(err);
    for (uint32_t i = 0; i < input->row_count && status == HB_OK; i++) {
        hb_str id = HB_STR_EMPTY;
        if (own != NULL) status = input_own_id(entity, own, i, arena, &id, err);
        if (status == HB_OK && id.len == 0 && from_name) {
            status = input_name_id(entity, derived, i, arena->mem, arena, &id, err);
        }
        if (status == HB_OK && id.len == 0 && from_name) {
            status = input_name_id(entity, names, i, arena->mem, arena, &id, err);
        }
        if (status != HB_OK) break;
        if (id.len == 0) {
            status = hb_err_set(err, HB_E_INVALID_ID, "row %u has no object_id%s", i,
                                from_name ? " and no name to derive one from" : "");
            input_where(entity, HB_STR("object_id"), err);
        } else if (hb_map_find(&seen, id) != HB_MAP_NONE) {
            status = hb_err_set(err, HB_E_DUPLICATE, "the batch contains object_id '%.*s' twice",
                                HB_ARG(id));
            input_where(entity, HB_STR("object_id"), err);
        } else if (!hb_map_put(&seen, id, i)) {
            status = hb_err_memory(err);
        }
        input->ids[i] = id;
    }
    hb_map_free(&seen);
    return status;
}

/* One input column as the field's, or all ABSENT where the rows have none. */
static hb_status input_column(const hb_entity *entity, const hb_field *field, hb_str name,
                              const hb_column *given, uint32_t row_count, hb_arena *arena,
                              hb_column *out, hb_err *err) {
    if (given == NULL) {
        HB_TRY(hb_columns_null(field, row_count, arena, out, err));
        if (row_count > 0) memset((void *)(uintptr_t)out->state, HB_CELL_ABSENT, row_count);
        return HB_OK;
    }
    uint32_t bad_row = 0;
    hb_status status = hb_coerce_column(field->type, given, row_count, arena, out, &bad_row, err);
    if (status != HB_OK) {
        input_row(err, bad_row, row_count);
        return input_where(entity, name, err);
    }
    out->name = field->name;
    return HB_OK;
}

static hb_status input_derived(const hb_entity *entity, const hb_batch *batch,
                               const int32_t *source, hb_arena *arena, hb_input *out, hb_err *err) {
    const hb_schema *schema = entity->schema;
    out->derived = HB_NEW_ARRAY(arena, hb_column, schema->derive_count);
    if (out->derived == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < schema->derive_count; i++) {
        const hb_derive *derive = &schema->derives[i];
        const uint32_t column = hb_schema_find(entity->catalog, derive->column);
        HB_TRY(input_column(entity, &entity->catalog->fields[column], derive->target,
                            source[i] >= 0 ? &batch->columns[source[i]] : NULL, batch->row_count,
                            arena, &out->derived[i], err));
    }
    return HB_OK;
}

hb_status hb_input_read(const hb_entity *entity, const hb_batch *batch, bool drop_unknown,
                        bool derive, hb_arena *arena, hb_input *out, hb_err *err) {
    const hb_schema *schema = entity->schema;
    if (batch->row_count > HB_BATCH_ROWS_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "a call takes at most %u rows, found %u",
                          HB_BATCH_ROWS_MAX, batch->row_count);
    }
    int32_t *source =
        hb_arena_array(arena, (size_t)schema->field_count + schema->derive_count, sizeof(*source));
    out->row_count = batch->row_count;
    out->ids = HB_NEW_ARRAY(arena, hb_str, batch->row_count);
    out->columns = HB_NEW_ARRAY(arena, hb_column, schema->field_count);
    if (source == NULL || out->ids == NULL || out->columns == NULL) return hb_err_memory(err);
    HB_TRY(input_map(entity, batch, drop_unknown, source, err));
    for (uint32_t f = 1; f < schema->field_count; f++) {
        const hb_field *field = &schema->fields[f];
        HB_TRY(input_column(entity, field, field->name,
                            source[f] >= 0 ? &batch->columns[source[f]] : NULL, batch->row_count,
                            arena, &out->columns[f], err));
    }
    HB_TRY(input_derived(entity, batch, source + schema->field_count, arena, out, err));
    const hb_column *own =
        source[HB_FIELD_OBJECT_ID] >= 0 ? &batch->columns[source[HB_FIELD_OBJECT_ID]] : NULL;
    HB_TRY(input_ids(entity, own, derive, out, arena, err));
    HB_TRY(
        hb_columns_text(out->ids, out->row_count, arena, &out->columns[HB_FIELD_OBJECT_ID], err));
    return HB_OK;
}

static bool column_has(const hb_column *column, uint32_t row_count, hb_cell cell) {
    if (column->state == NULL) return false;
    for (uint32_t i = 0; i < row_count; i++) {
        if (column->state[i] == (uint8_t)cell) return true;
    }
    return false;
}

/* ABSENT cells take the current value, else the default, else null. */
static hb_status complete_column(const hb_field *field, hb_column *column, uint32_t row_count,
                                 const hb_column *current, const uint32_t *found, hb_arena *arena,
                                 hb_err *err) {
    hb_colbuf built;
    hb_colbuf_init(&built, arena->mem, field->kind, column->dim);
    bool ok = hb_colbuf_reserve(&built, row_count, column->heap_len);
    hb_status bad_default = HB_OK;
    for (uint32_t i = 0; i < row_count && ok; i++) {
        if (column->state[i] != HB_CELL_ABSENT) {
            ok = hb_colbuf_add_cell(&built, column, i);
        } else if (current != NULL && found[i] != HB_MAP_NONE) {
            ok = hb_colbuf_add_cell(&built, current, found[i]);
        } else if (field->def_invalid) {
            hb_value none;  /* the definition was accepted; using its default is what fails */
            bad_default = hb_coerce_value(field->type, &field->def, arena, &none, err);
            break;
        } else if (field->has_default) {
            ok = hb_colbuf_add(&built, &field->def);
        } else {
            ok = hb_colbuf_add_null(&built);
        }
    }
    hb_column view = hb_colbuf_view(&built, field->name);
    hb_status status = bad_default;
    if (status == HB_OK) {
        status = ok ? hb_columns_copy(&view, row_count, arena, column, err) : hb_err_memory(err);
    }
    hb_colbuf_free(&built);
    return status;
}

static hb_status check_required(const hb_entity *entity, const hb_field *field,
                                const hb_column *column, uint32_t row_count, bool absent,
                                hb_err *err) {
    for (uint32_t i = 0; i < row_count && column->state != NULL; i++) {
        if (column->state[i] == HB_CELL_VALUE) continue;
        hb_err_set(err, HB_E_VALIDATION,
                   absent ? "required field '%.*s' is missing in row %u"
                          : "required field '%.*s' is null in row %u",
                   HB_ARG(field->name), i);
        return input_where(entity, field->name, err);
    }
    return HB_OK;
}

hb_status hb_input_complete(const hb_entity *entity, hb_input *input, const hb_column *current,
                            const uint32_t *found, hb_arena *arena, hb_err *err) {
    for (uint32_t f = 1; f < entity->schema->field_count; f++) {
        const hb_field *field = &entity->schema->fields[f];
        hb_column *column = &input->columns[f];
        bool absent = column_has(column, input->row_count, HB_CELL_ABSENT);
        if (absent && !field->has_default && current == NULL && !field->required) {
            /* Absent and null read the same from here on. */
            uint8_t *state = hb_arena_copy(arena, column->state, input->row_count);
            if (state == NULL) return hb_err_memory(err);
            for (uint32_t i = 0; i < input->row_count; i++) {
                if (state[i] == HB_CELL_ABSENT) state[i] = HB_CELL_NULL;
            }
            column->state = state;
        } else if (absent) {
            HB_TRY(complete_column(field, column, input->row_count,
                                   current != NULL ? &current[f] : NULL, found, arena, err));
        }
        if (field->required)
            HB_TRY(check_required(entity, field, column, input->row_count, absent, err));
    }
    return HB_OK;
}
