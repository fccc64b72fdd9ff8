// SPDX-License-Identifier: MIT
/* Column sets over the full schema of an entity. */
#include "workspace/workspace.h"

size_t hb_cell_bytes(hb_kind kind, uint32_t dim) {
    switch (kind) {
    case HB_KIND_BOOL: return 1;
    case HB_KIND_I64:
    case HB_KIND_F64:
    case HB_KIND_TEXT:
    case HB_KIND_BYTES:
    case HB_KIND_PACK: return 8;
    case HB_KIND_VEC: return dim > 0 ? (size_t)dim * sizeof(float) : sizeof(hb_span);
    case HB_KIND_NULL:
    case HB_KIND_COUNT: break;
    }
    return 0;
}

static uint32_t field_dim(const hb_field *field) {
    return field->kind == HB_KIND_VEC ? field->type->dim : 0;
}

hb_status hb_columns_null(const hb_field *field, uint32_t row_count, hb_arena *arena,
                          hb_column *out, hb_err *err) {
    uint32_t dim = field_dim(field);
    uint8_t *state = hb_arena_array(arena, row_count, 1);
    void *data = hb_arena_zalloc_array(arena, row_count, hb_cell_bytes(field->kind, dim));
    if (state == NULL || data == NULL) return hb_err_memory(err);
    memset(state, HB_CELL_NULL, row_count);
    *out = (hb_column){ field->name, field->kind, dim, state, data, NULL, 0, NULL };
    return HB_OK;
}

hb_status hb_columns_of(const hb_schema *schema, const hb_batch *batch, hb_arena *arena,
                        hb_column **out, hb_err *err) {
    hb_column *columns = HB_NEW_ARRAY(arena, hb_column, schema->field_count);
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        const hb_field *field = &schema->fields[f];
        const int at = hb_batch_find(batch, field->name);
        if (at >= 0 && batch->columns[at].kind == field->kind) {
            columns[f] = batch->columns[at];
            columns[f].name = field->name;
        } else {
            HB_TRY(hb_columns_null(field, batch->row_count, arena, &columns[f], err));
        }
    }
    *out = columns;
    return HB_OK;
}

hb_status hb_columns_constant(const hb_field *field, const hb_value *value, uint32_t row_count,
                              hb_arena *arena, hb_column *out, hb_err *err) {
    if (value->kind == HB_KIND_NULL) return hb_columns_null(field, row_count, arena, out, err);
    uint32_t dim = field_dim(field);
    size_t size = hb_cell_bytes(field->kind, dim);
    uint8_t *data = hb_arena_zalloc_array(arena, row_count, size);
    if (data == NULL) return hb_err_memory(err);
    *out = (hb_column){ field->name, field->kind, dim, NULL, data, NULL, 0, NULL };
    hb_span span = { 0, 0 };
    switch (field->kind) {
    case HB_KIND_BOOL: memset(data, value->as.b ? 1 : 0, row_count); return HB_OK;
    case HB_KIND_I64:
    case HB_KIND_F64:
        for (uint32_t i = 0; i < row_count; i++) memcpy(data + i * size, &value->as, size);
        return HB_OK;
    case HB_KIND_VEC:
        if (dim > 0) {
            for (uint32_t i = 0; i < row_count; i++) memcpy(data + i * size, value->as.v.ptr, size);
            return HB_OK;
        }
        span.len = value->as.v.len * (uint32_t)sizeof(float);
        out->heap = (const uint8_t *)value->as.v.ptr;
        break;
    case HB_KIND_TEXT:
    case HB_KIND_BYTES:
    case HB_KIND_PACK:
    case HB_KIND_NULL:
    case HB_KIND_COUNT:
        span.len = value->as.s.len;
        out->heap = (const uint8_t *)value->as.s.ptr;
        break;
    }
    out->heap_len = span.len;
    for (uint32_t i = 0; i < row_count; i++) memcpy(data + i * size, &span, size);
    return HB_OK;
}

hb_status hb_columns_copy(const hb_column *src, uint32_t row_count, hb_arena *arena, hb_column *out,
                          hb_err *err) {
    HB_ASSERT(src->pieces == NULL);     /* what was built for a call is in one piece */
    *out = *src;
    out->data =
        hb_arena_copy(arena, src->data, (size_t)row_count * hb_cell_bytes(src->kind, src->dim));
    if (src->state != NULL) out->state = hb_arena_copy(arena, src->state, row_count);
    if (src->heap_len > 0) out->heap = hb_arena_copy(arena, src->heap, src->heap_len);
    bool ok = out->data != NULL && (src->state == NULL || out->state != NULL) &&
              (src->heap_len == 0 || out->heap != NULL);
    return ok ? HB_OK : hb_err_memory(err);
}

hb_status hb_columns_text(const hb_str *texts, uint32_t row_count, hb_arena *arena, hb_column *out,
                          hb_err *err) {
    uint64_t heap_len = 0;
    for (uint32_t i = 0; i < row_count; i++) heap_len += texts[i].len;
    if (heap_len > HB_BUF_BYTES_MAX)
        return hb_err_set(err, HB_E_LIMIT, "texts of one call exceed 2 GB");
    hb_span *spans = hb_arena_array(arena, row_count, sizeof(*spans));
    uint8_t *heap = hb_arena_alloc(arena, (size_t)heap_len);
    if (spans == NULL || heap == NULL) return hb_err_memory(err);
    uint32_t pos = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        if (texts[i].len > 0) memcpy(heap + pos, texts[i].ptr, texts[i].len);
        spans[i] = (hb_span){ pos, texts[i].len };
        pos += texts[i].len;
    }
    *out = (hb_column){ HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, spans, heap,
                        (uint32_t)heap_len,  NULL };
    return HB_OK;
}

hb_status hb_columns_for_container(const hb_container *container, const hb_column *columns,
                                   uint32_t row_count, hb_arena *arena, const hb_batch **out,
                                   hb_err *err) {
    hb_column *part = hb_arena_array(arena, container->field_count, sizeof(*part));
    hb_batch *batch = HB_NEW(arena, hb_batch);
    if (part == NULL || batch == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < container->field_count; i++)
        part[i] = columns[container->fields[i].field];
    *batch = (hb_batch){ row_count, container->field_count, part };
    *out = batch;
    return HB_OK;
}
