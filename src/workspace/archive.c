// SPDX-License-Identifier: MIT
/* Export and import: one call makes or takes one record (value/archive.h), so that neither side
 * holds the whole workspace, and the host may stream, show progress and stop in between.
 *
 *   EXPORT  params [part, number, after, limit, rows]: part "head" and "end" without an entity,
 *           "entity" with one, "rows" the next `limit` rows behind object_id `after`; NONE when
 *           there are no more. -> the record's bytes
 *   IMPORT  text: the file from a record on, params [number]. With DRY_RUN the record is only
 *           checked -> JSON {kind, length, rows, of, data}; without, an entity is registered and
 *           rows are written, with the answer of REGISTER or UPSERT
 * Rows go through the ordinary write path: the workspace's own routing places them. */
#include "value/archive.h"

#include "value/wire.h"
#include "workspace/workspace.h"

/* ---- export ---------------------------------------------------------------------------- */

typedef struct export_params {
    hb_str part;
    uint32_t number, limit;
    hb_str after;
    uint64_t rows;
} export_params;

static hb_status export_read_params(hb_str pack, export_params *out, hb_err *err) {
    *out = (export_params){ .limit = 1024 };
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    bool ok = hb_pack_next(&reader, &item) && item.tag == HB_PACK_ARRAY && item.count >= 2;
    uint32_t count = ok ? item.count : 0;
    for (uint32_t i = 0; i < count && ok; i++) {
        ok = hb_pack_next(&reader, &item);
        bool whole = ok && item.tag == HB_PACK_INT && item.i >= 0;
        bool text = ok && item.tag == HB_PACK_STR;
        if (i == 0 && text)
            out->part = item.s;
        else if (i == 1 && whole && item.i <= UINT32_MAX)
            out->number = (uint32_t)item.i;
        else if (i == 2 && text)
            out->after = item.s;
        else if (i == 3 && whole && item.i > 0)
            out->limit = item.i < 65536 ? (uint32_t)item.i : 65536;
        else if (i == 4 && whole)
            out->rows = (uint64_t)item.i;
        else
            ok = false;
    }
    if (ok) return HB_OK;
    return hb_err_set(err, HB_E_INTERNAL, "malformed parameters of an export");
}

static hb_status export_finish(hb_task *task, hb_buf *record, hb_err *err) {
    hb_status status = hb_buf_check(record, err);
    if (status == HB_OK) status = hb_task_finish_bytes(task, hb_buf_str(record), err);
    hb_buf_free(record);
    return status;
}

static hb_status export_head(hb_workspace *ws, const hb_request *request, uint32_t number,
                             hb_task *task, hb_err *err) {
    hb_buf out;
    hb_buf_init(&out, ws->mem);
    hb_archive_write_file_head(&out);
    uint32_t begin = hb_archive_begin(HB_ARCHIVE_HEAD, number, &out);
    hb_pack_map(&out, 5);
    hb_pack_str(&out, HB_STR("workspace"));
    hb_pack_str(&out, ws->id);
    hb_pack_str(&out, HB_STR("created_at"));
    hb_pack_int(&out, request->now_ms);
    hb_pack_str(&out, HB_STR("version"));
    hb_pack_str(&out, HB_STR(HB_VERSION));
    hb_pack_str(&out, HB_STR("preset"));
    hb_pack_str(&out, ws->preset);
    hb_pack_str(&out, HB_STR("catalog"));
    hb_pack_bool(&out, ws->catalog);
    hb_archive_end(begin, &out);
    return export_finish(task, &out, err);
}

static hb_status export_entity(hb_workspace *ws, const hb_entity *entity, uint32_t number,
                               hb_task *task, hb_err *err) {
    hb_buf out;
    hb_buf_init(&out, ws->mem);
    uint32_t begin = hb_archive_begin(HB_ARCHIVE_ENTITY, number, &out);
    hb_buf_add_str(&out, entity->schema->definition);
    hb_archive_end(begin, &out);
    return export_finish(task, &out, err);
}

static hb_status export_end(hb_workspace *ws, const export_params *params, hb_task *task,
                            hb_err *err) {
    hb_buf out;
    hb_buf_init(&out, ws->mem);
    uint32_t begin = hb_archive_begin(HB_ARCHIVE_END, params->number, &out);
    hb_pack_map(&out, 2);
    hb_pack_str(&out, HB_STR("records"));
    hb_pack_int(&out, (int64_t)params->number + 1);
    hb_pack_str(&out, HB_STR("rows"));
    hb_pack_int(&out, (int64_t)params->rows);
    hb_archive_end(begin, &out);
    return export_finish(task, &out, err);
}

typedef struct export_program {
    hb_workspace *ws;
    hb_entity *entity;
    hb_run *run;
    uint32_t number;
} export_program;

static hb_status export_advance(hb_task *task, hb_err *err) {
    export_program *e = task->program;
    bool done = false;
    HB_TRY(hb_run_advance(e->run, &done, err));
    if (!done) return HB_OK;
    const hb_run_result *result = hb_run_result_get(e->run);
    if (result->batch.row_count == 0) {
        task->done = true;
        return HB_OK;
    }
    hb_str id = e->entity->schema->entity_id;
    const uint32_t head[2] = { id.len, 0 };
    hb_buf out;
    hb_buf_init(&out, e->ws->mem);
    uint32_t begin = hb_archive_begin(HB_ARCHIVE_ROWS, e->number, &out);
    hb_buf_add(&out, head, sizeof(head));
    hb_buf_add_str(&out, id);
    hb_buf_align(&out, 8);
    hb_wire_write(&result->batch, result->roles, 0, &out);
    hb_archive_end(begin, &out);
    return export_finish(task, &out, err);
}

/* All fields of the rows behind `after`, in the order of object_id. */
static hb_status export_rows(hb_workspace *ws, hb_entity *entity, const export_params *params,
                             hb_task *task, hb_err *err) {
    export_program *e = HB_NEW(&task->arena, export_program);
    if (e == NULL) return hb_err_memory(err);
    *e = (export_program){ .ws = ws, .entity = entity, .number = params->number };
    task->program = e;
    task->advance = export_advance;
    const hb_page page = { .last = params->after, .limit = params->limit };
    return hb_page_read(task, ws, entity, &page, &e->run, err);
}

hb_status hb_call_export(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    task->advance = hb_task_finish;
    export_params params;
    HB_TRY(export_read_params(request->params, &params, err));
    if (hb_str_eq(params.part, HB_STR("head"))) {
        return export_head(ws, request, params.number, task, err);
    }
    if (hb_str_eq(params.part, HB_STR("end"))) return export_end(ws, &params, task, err);
    hb_entity *entity;
    HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    if (hb_str_eq(params.part, HB_STR("entity"))) {
        return export_entity(ws, entity, params.number, task, err);
    }
    return export_rows(ws, entity, &params, task, err);
}

/* ---- import ---------------------------------------------------------------------------- */

static const char *const kind_names[] = { "", "head", "entity", "rows", "end" };

/* {"kind", "length", "of": entity id or null, "rows", "data": the payload as JSON or null} */
static hb_status import_answer(hb_workspace *ws, const hb_archive_record *record, hb_str entity,
                               uint32_t rows, hb_task *task, hb_err *err) {
    hb_buf json;
    hb_buf_init(&json, ws->mem);
    hb_buf_printf(&json,
                  "{\"kind\":\"%s\",\"length\":%u,\"rows\":%u,\"of\":", kind_names[record->kind],
                  (unsigned)record->total_len, (unsigned)rows);
    if (entity.len > 0)
        hb_buf_add_json_str(&json, entity);
    else
        hb_buf_add_c(&json, "null");
    hb_buf_add_c(&json, ",\"data\":");
    hb_status status = HB_OK;
    bool small = record->kind == HB_ARCHIVE_HEAD || record->kind == HB_ARCHIVE_END;
    if (small)
        status = hb_pack_to_json(record->payload, 0, false, &json, err);
    else
        hb_buf_add_c(&json, "null");
    hb_buf_add_char(&json, '}');
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    return status;
}

static hb_status import_malformed(uint32_t number, hb_err *err) {
    return hb_err_set(err, HB_E_CORRUPT, "record %u of the export is malformed", (unsigned)number);
}

static hb_status import_rows_read(const hb_archive_record *record, hb_task *task, hb_str *entity,
                                  hb_batch *batch, hb_err *err) {
    hb_str payload = record->payload;
    uint32_t id_len = 0;
    if (payload.len >= 8) memcpy(&id_len, payload.ptr, sizeof(id_len));
    uint32_t from =
        payload.len >= 8 && id_len <= HB_NAME_CHARS_MAX * 4 ? (8 + id_len + 7) & ~7u : 0;
    if (from == 0 || from > payload.len) return import_malformed(record->number, err);
    *entity = hb_str_n(payload.ptr + 8, id_len);
    hb_str bytes = hb_str_n(payload.ptr + from, payload.len - from);
    if (((uintptr_t)bytes.ptr & 7) != 0) {
        char *copy = hb_arena_alloc(&task->arena, bytes.len);
        if (copy == NULL) return hb_err_memory(err);
        memcpy(copy, bytes.ptr, bytes.len);
        bytes.ptr = copy;
    }
    HB_TRY(hb_wire_read(bytes, &task->arena, batch, err));
    if (batch->column_count == 0 || batch->columns[0].kind != HB_KIND_TEXT ||
        !hb_str_eq(batch->columns[0].name, HB_STR("object_id"))) {
        return import_malformed(record->number, err);
    }
    return HB_OK;
}

/* Catalog rows carry the workspace's id, and long ids of theirs are made from it. */
static hb_status import_catalog(hb_workspace *ws, hb_batch *batch, hb_task *task, hb_err *err) {
    int at_id = hb_batch_find(batch, HB_STR("target_id"));
    int at_entity = hb_batch_find(batch, HB_STR("target_entity"));
    int at_ws = hb_batch_find(batch, HB_STR("ws"));
    hb_column *columns =
        hb_arena_copy(&task->arena, batch->columns, batch->column_count * sizeof(*columns));
    hb_str *ids = hb_arena_array(&task->arena, batch->row_count, sizeof(*ids));
    hb_str *own = hb_arena_array(&task->arena, batch->row_count, sizeof(*own));
    if (columns == NULL || ids == NULL || own == NULL) return hb_err_memory(err);
    if (at_id < 0 || at_entity < 0 || at_ws < 0 || columns[at_id].kind != HB_KIND_TEXT ||
        columns[at_entity].kind != HB_KIND_TEXT) {
        return hb_err_set(err, HB_E_CORRUPT, "the export's Catalog rows lack their targets");
    }
    for (uint32_t i = 0; i < batch->row_count; i++) {
        own[i] = ws->id;
        if (hb_column_cell(&columns[at_id], i) != HB_CELL_VALUE ||
            hb_column_cell(&columns[at_entity], i) != HB_CELL_VALUE) {
            ids[i] = hb_column_span(&columns[0], i);
            continue;
        }
        HB_TRY(hb_catalog_id(ws, hb_column_span(&columns[at_entity], i),
                             hb_column_span(&columns[at_id], i), &task->arena, &ids[i], err));
    }
    HB_TRY(hb_columns_text(ids, batch->row_count, &task->arena, &columns[0], err));
    HB_TRY(hb_columns_text(own, batch->row_count, &task->arena, &columns[at_ws], err));
    columns[0].name = batch->columns[0].name;
    columns[at_ws].name = batch->columns[at_ws].name;
    batch->columns = columns;
    return HB_OK;
}

static hb_status import_rows(hb_workspace *ws, const hb_request *request,
                             const hb_archive_record *record, hb_task *task, hb_err *err) {
    hb_str id;
    hb_batch batch;
    HB_TRY(import_rows_read(record, task, &id, &batch, err));
    if ((request->flags & HB_FLAG_DRY_RUN) != 0) {
        return import_answer(ws, record, id, batch.row_count, task, err);
    }
    hb_entity *entity;
    HB_TRY(hb_entity_by_id(ws, id, &entity, err));
    if (entity->index == HB_ENTITY_CATALOG) HB_TRY(import_catalog(ws, &batch, task, err));
    hb_request *upsert = HB_NEW(&task->arena, hb_request);
    if (upsert == NULL) return hb_err_memory(err);
    *upsert = (hb_request){ .kind = HB_CALL_UPSERT,
                            .entity = entity->index,
                            .flags = request->flags | HB_FLAG_OVERWRITE | HB_FLAG_LOOSE_EDGES |
                                     HB_FLAG_COMPUTED,
                            .now_ms = request->now_ms,
                            .batch = batch };
    return hb_call_upsert(ws, upsert, task, err);
}

/* Would the definition be accepted? `*id` lives in `arena`. */
static hb_status import_check_entity(hb_workspace *ws, hb_str definition, hb_arena *arena,
                                     hb_str *id, hb_err *err) {
    hb_entity *entity;
    HB_TRY(hb_entity_new(ws, definition, &entity, err));
    *id = hb_arena_str(arena, entity->schema->entity_id);
    uint32_t index = hb_map_find(&ws->by_id, entity->schema->entity_id);
    hb_status status = id->ptr != NULL ? HB_OK : hb_err_memory(err);
    if (status == HB_OK && index != HB_MAP_NONE &&
        !hb_schema_same(ws->entities[index]->schema, entity->schema)) {
        hb_err_set(err, HB_E_SCHEMA_CONFLICT,
                   "the export's entity '%.*s' is registered here with another structure",
                   HB_ARG(*id));
        status = hb_err_where(err, *id, HB_STR_EMPTY, HB_STR_EMPTY);
    }
    hb_entity_free(ws, entity);
    return status;
}

static hb_status import_entity(hb_workspace *ws, const hb_request *request,
                               const hb_archive_record *record, hb_task *task, hb_err *err) {
    if (!hb_pack_valid(record->payload)) return import_malformed(record->number, err);
    if ((request->flags & HB_FLAG_DRY_RUN) != 0) {
        hb_str id;
        HB_TRY(import_check_entity(ws, record->payload, &task->arena, &id, err));
        return import_answer(ws, record, id, 0, task, err);
    }
    hb_request *registering = HB_NEW(&task->arena, hb_request);
    if (registering == NULL) return hb_err_memory(err);
    *registering = (hb_request){ .kind = HB_CALL_REGISTER,
                                 .entity = HB_ENTITY_NONE,
                                 .now_ms = request->now_ms,
                                 .text = record->payload };
    return hb_call_register(ws, registering, task, err);
}

hb_status hb_call_import(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    task->advance = hb_task_finish;
    hb_pack_reader reader = hb_pack_read(request->params);
    hb_pack_item item;
    bool ok = hb_pack_next(&reader, &item) && item.tag == HB_PACK_ARRAY && item.count == 1 &&
              hb_pack_next(&reader, &item) && item.tag == HB_PACK_INT;
    if (!ok) return hb_err_set(err, HB_E_INTERNAL, "malformed parameters of an import");
    hb_str bytes = request->text;
    uint32_t skipped = 0;
    if (item.i == 0) {
        HB_TRY(hb_archive_read_file_head(bytes, err));
        skipped = HB_ARCHIVE_FILE_HEAD_LEN;
        bytes = hb_str_n(bytes.ptr + skipped, bytes.len - skipped);
    }
    hb_archive_record record;
    HB_TRY(hb_archive_read(bytes, (uint32_t)item.i, &record, err));
    record.total_len += skipped;
    if ((record.kind == HB_ARCHIVE_HEAD) != (item.i == 0)) {
        return import_malformed(record.number, err);
    }
    if (record.kind == HB_ARCHIVE_ROWS) return import_rows(ws, request, &record, task, err);
    if (record.kind == HB_ARCHIVE_ENTITY) return import_entity(ws, request, &record, task, err);
    if (!hb_pack_valid(record.payload)) return import_malformed(record.number, err);
    return import_answer(ws, &record, HB_STR_EMPTY, 0, task, err);
}
