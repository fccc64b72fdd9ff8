// SPDX-License-Identifier: MIT
/* Catalog rows as a projection of the rows they stand for. */
#include "workspace/workspace.h"

/* Catalog columns that no user field is projected onto. */
static const char *const own_columns[] = {
    "object_id",  "target_id",  "target_entity",   "ws",
    "created_at", "updated_at", "expires_compute", "stale_compute",
};
/* Columns that live on their own after the first write. */
static const char *const kept_columns[] = { "created_at", "active", "visible" };

static bool listed(const char *const *list, size_t count, hb_str name) {
    for (size_t i = 0; i < count; i++) {
        if (hb_str_eq(hb_str_c(list[i]), name)) return true;
    }
    return false;
}
#define LISTED(list, name) listed(list, sizeof(list) / sizeof((list)[0]), name)

bool hb_catalog_is_own(hb_str column) {
    return LISTED(own_columns, column);
}

bool hb_catalog_is_projected(const hb_schema *catalog, uint32_t field, const hb_schema *entity) {
    hb_str name = catalog->fields[field].name;
    uint32_t twin = hb_schema_find(entity, name);
    /* Who signed a row is not told by the row. */
    if (hb_sign_is_column(name) &&
        (twin == HB_FIELD_NONE ||
         !hb_type_eq(entity->fields[twin].type, catalog->fields[field].type)))
        return false;
    return !LISTED(kept_columns, name) && !hb_str_eq(name, HB_STR("updated_at")) &&
           !hb_str_eq(name, HB_STR("expires_compute")) && !hb_str_eq(name, HB_STR("stale_compute"));
}

hb_status hb_catalog_id(const hb_workspace *ws, hb_str entity_id, hb_str object_id, hb_arena *arena,
                        hb_str *out, hb_err *err) {
    hb_str plain =
        hb_arena_printf(arena, "catalog:%.*s:%.*s", HB_ARG(entity_id), HB_ARG(object_id));
    if (plain.ptr == NULL) return hb_err_memory(err);
    if (hb_utf8_count(plain) <= HB_ID_CHARS_MAX) {
        *out = plain;
        return HB_OK;
    }
    hb_str parts[4] = { HB_STR("catalog"), ws->id, entity_id, object_id };
    char hash[HB_OBJECT_ID_HASH_LEN];
    hb_object_id_hash(parts, 4, ws->mem, hash);
    *out = hb_arena_printf(arena, "catalog:%.*s", (int)sizeof(hash), hash);
    return out->ptr != NULL ? HB_OK : hb_err_memory(err);
}

/* Empty means: nothing to project. Null, "", [] and {}. */
static bool cell_is_empty(const hb_column *column, uint32_t row) {
    if (hb_column_cell(column, row) != HB_CELL_VALUE) return true;
    if (column->kind == HB_KIND_TEXT) return hb_column_span(column, row).len == 0;
    if (column->kind == HB_KIND_PACK) {
        hb_str pack = hb_column_span(column, row);
        return pack.len == 1 && ((uint8_t)pack.ptr[0] == 0x90 || (uint8_t)pack.ptr[0] == 0x80);
    }
    return false;
}

/* A column where user values stand and `base` elsewhere. Lives on the heap until copied. */
static hb_status project_column(const hb_field *field, const hb_value *base, const hb_column *user,
                                uint32_t row_count, hb_arena *arena, hb_column *out, hb_err *err) {
    bool all = true;
    for (uint32_t i = 0; i < row_count && all; i++) all = !cell_is_empty(user, i);
    if (all) {
        *out = *user;
        out->name = field->name;
        return HB_OK;
    }
    hb_rowset set;
    HB_TRY(hb_rowset_init(&set, arena->mem, 1, err));
    hb_rowset_column(&set, 0, field->name, field->kind, user->dim);
    bool ok = true;
    for (uint32_t i = 0; i < row_count && ok; i++) {
        ok = cell_is_empty(user, i) ? hb_colbuf_add(&set.columns[0], base)
                                    : hb_colbuf_add_cell(&set.columns[0], user, i);
    }
    hb_column view = hb_colbuf_view(&set.columns[0], field->name);
    hb_status status = ok ? hb_columns_copy(&view, row_count, arena, out, err) : hb_err_memory(err);
    hb_rowset_free(&set);
    return status;
}

static hb_status catalog_ids(const hb_workspace *ws, const hb_entity *entity, const hb_column *ids,
                             uint32_t row_count, hb_arena *arena, hb_column *out, hb_err *err) {
    hb_str *texts = hb_arena_array(arena, row_count, sizeof(*texts));
    if (texts == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < row_count; i++) {
        HB_TRY(hb_catalog_id(ws, entity->schema->entity_id, hb_column_span(ids, i), arena,
                             &texts[i], err));
    }
    return hb_columns_text(texts, row_count, arena, out, err);
}

static hb_status catalog_column(const hb_workspace *ws, const hb_entity *entity,
                                const hb_field *field, const hb_column *columns, uint32_t row_count,
                                int64_t now_ms, hb_arena *arena, hb_column *out, hb_err *err) {
    hb_str name = field->name;
    const hb_value *sign = hb_sign_value(ws, name);
    hb_value value = sign != NULL ? *sign : field->def;
    if (hb_str_eq(name, HB_STR("object_id"))) {
        return catalog_ids(ws, entity, &columns[HB_FIELD_OBJECT_ID], row_count, arena, out, err);
    }
    if (hb_str_eq(name, HB_STR("target_id"))) {
        *out = columns[HB_FIELD_OBJECT_ID];
        out->name = name;
        return HB_OK;
    }
    uint32_t user =
        LISTED(own_columns, name) ? HB_FIELD_NONE : hb_schema_find(entity->schema, name);
    if (user != HB_FIELD_NONE && hb_type_eq(entity->schema->fields[user].type, field->type)) {
        return project_column(field, &value, &columns[user], row_count, arena, out, err);
    }
    if (hb_str_eq(name, HB_STR("target_entity")))
        value = (hb_value){ HB_KIND_TEXT, { .s = entity->schema->entity_id } };
    if (hb_str_eq(name, HB_STR("ws"))) value = (hb_value){ HB_KIND_TEXT, { .s = ws->id } };
    if (hb_str_eq(name, HB_STR("created_at")) || hb_str_eq(name, HB_STR("updated_at"))) {
        value = (hb_value){ HB_KIND_I64, { .i = now_ms } };
    }
    return hb_columns_constant(field, &value, row_count, arena, out, err);
}

/* The deadlines: an absolute one, or a span after created_at or updated_at, whichever is sooner. */
hb_status hb_catalog_deadlines(const hb_schema *catalog, hb_column *columns, uint32_t row_count,
                               hb_arena *arena, hb_err *err) {
    const char *const names[2][3] = { { "expires_compute", "expires_after", "created_at" },
                                      { "stale_compute", "stale_after", "updated_at" } };
    const hb_column *at = &columns[hb_schema_find(catalog, HB_STR("expires_at"))];
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t target = hb_schema_find(catalog, hb_str_c(names[k][0]));
        const hb_column *after = &columns[hb_schema_find(catalog, hb_str_c(names[k][1]))];
        const hb_column *from = &columns[hb_schema_find(catalog, hb_str_c(names[k][2]))];
        int64_t *out = hb_arena_array(arena, row_count, sizeof(*out));
        if (out == NULL) return hb_err_memory(err);
        int64_t never = catalog->fields[target].def.as.i;
        for (uint32_t i = 0; i < row_count; i++) {
            bool has_at = k == 0 && hb_column_cell(at, i) == HB_CELL_VALUE;
            int64_t deadline = has_at ? ((const int64_t *)at->data)[i] : never;
            int64_t span =
                hb_column_cell(after, i) == HB_CELL_VALUE ? ((const int64_t *)after->data)[i] : 0;
            int64_t start = ((const int64_t *)from->data)[i];
            if (span > 0 && span < never - start && start + span < deadline)
                deadline = start + span;
            out[i] = deadline;
        }
        columns[target].data = out;
        columns[target].state = NULL;
    }
    return HB_OK;
}

hb_status hb_catalog_rows(const hb_workspace *ws, const hb_entity *entity, const hb_column *columns,
                          uint32_t row_count, int64_t now_ms, hb_arena *arena, hb_column **out,
                          hb_err *err) {
    const hb_schema *catalog = ws->entities[HB_ENTITY_CATALOG]->schema;
    hb_column *rows = HB_NEW_ARRAY(arena, hb_column, catalog->field_count);
    if (rows == NULL) return hb_err_memory(err);
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        HB_TRY(catalog_column(ws, entity, &catalog->fields[f], columns, row_count, now_ms, arena,
                              &rows[f], err));
    }
    HB_TRY(hb_catalog_deadlines(catalog, rows, row_count, arena, err));
    *out = rows;
    return HB_OK;
}

hb_status hb_catalog_keep(const hb_workspace *ws, hb_column *rows, uint32_t row_count,
                          const hb_column *current, const uint32_t *found, hb_arena *arena,
                          hb_err *err) {
    const hb_schema *catalog = ws->entities[HB_ENTITY_CATALOG]->schema;
    for (size_t k = 0; k < sizeof(kept_columns) / sizeof(kept_columns[0]); k++) {
        uint32_t field = hb_schema_find(catalog, hb_str_c(kept_columns[k]));
        size_t size = hb_cell_bytes(rows[field].kind, 0);
        uint8_t *data = hb_arena_copy(arena, rows[field].data, size * row_count);
        if (data == NULL) return hb_err_memory(err);
        for (uint32_t i = 0; i < row_count; i++) {
            if (found[i] == HB_MAP_NONE ||
                hb_column_cell(&current[field], found[i]) != HB_CELL_VALUE)
                continue;
            memcpy(data + i * size, (const uint8_t *)current[field].data + found[i] * size, size);
        }
        rows[field].data = data;
    }
    return hb_catalog_deadlines(catalog, rows, row_count, arena, err);
}
