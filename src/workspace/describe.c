// SPDX-License-Identifier: MIT
/* describe: other words for an entity. sign: what later Catalog rows are stamped with. */
#include "value/coerce.h"
#include "workspace/workspace.h"

hb_status hb_call_describe(hb_workspace *ws, const hb_request *request, hb_task *task,
                           hb_err *err) {
    hb_entity *entity;
    task->advance = hb_task_finish;
    HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    if (entity->system) {
        hb_err_set(err, HB_E_SCHEMA_CONFLICT, "system entity '%.*s' cannot be described anew",
                   HB_ARG(entity->schema->entity_id));
        return hb_err_where(err, entity->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
    }
    hb_schema *reworded;
    HB_TRY(hb_schema_reword(entity->schema, request->text, &reworded, err));
    hb_entity kept = { .schema = reworded };    /* only its definition is looked at */
    hb_status status = hb_entity_persist(ws, task, &kept, err);
    if (status == HB_OK) status = hb_schema_describe(entity->schema, reworded, err);
    if (status == HB_OK) ws->revision++;
    hb_schema_free(reworded);
    return status == HB_OK ? hb_answer_entity(ws, entity, task, err) : status;
}

/* ---- sign ------------------------------------------------------------------------------ */

static const hb_str signed_columns[HB_SIGN_COUNT] = {
    { "owner", 5 }, { "creator", 7 }, { "auth", 4 }, { "metadata", 8 }
};

bool hb_sign_is_column(hb_str catalog_field) {
    for (uint32_t i = 0; i < HB_SIGN_COUNT; i++) {
        if (hb_str_eq(signed_columns[i], catalog_field)) return true;
    }
    return false;
}

const hb_value *hb_sign_value(const hb_workspace *ws, hb_str catalog_field) {
    for (uint32_t i = 0; i < HB_SIGN_COUNT; i++) {
        if (hb_str_eq(signed_columns[i], catalog_field)) {
            return ws->sign[i].kind != HB_KIND_NULL ? &ws->sign[i] : NULL;
        }
    }
    return NULL;
}

/* A value that lives in `arena`. */
static hb_status sign_copy(const hb_value *value, hb_arena *arena, hb_value *out, hb_err *err) {
    *out = *value;
    if (value->kind == HB_KIND_NULL) return HB_OK;
    out->as.s = hb_arena_str(arena, value->as.s);
    return out->as.s.ptr != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status sign_read(const hb_workspace *ws, uint32_t at, hb_str pack, hb_arena *arena,
                           hb_value *out, hb_err *err) {
    const hb_schema *catalog = ws->entities[HB_ENTITY_CATALOG]->schema;
    const hb_field *field = &catalog->fields[hb_schema_find(catalog, signed_columns[at])];
    hb_value given, coerced;
    HB_TRY(hb_pack_to_value(pack, arena, &given, err));
    *out = (hb_value){ .kind = HB_KIND_NULL };
    if (given.kind == HB_KIND_NULL) return HB_OK;
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (field->kind == HB_KIND_PACK && (!hb_pack_next(&r, &item) || item.tag != HB_PACK_MAP)) {
        hb_err_set(err, HB_E_TYPE, "'%.*s' expects a mapping", HB_ARG(field->name));
        return hb_err_where(err, catalog->entity_id, field->name, HB_STR_EMPTY);
    }
    if (hb_coerce_value(field->type, &given, arena, &coerced, err) != HB_OK) {
        return hb_err_where(err, catalog->entity_id, field->name, HB_STR_EMPTY);
    }
    return sign_copy(&coerced, arena, out, err);
}

static hb_status sign_all(const hb_workspace *ws, hb_str pack, hb_arena *arena,
                          hb_value signs[HB_SIGN_COUNT], hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item map, key;
    for (uint32_t i = 0; i < HB_SIGN_COUNT; i++) {
        HB_TRY(sign_copy(&ws->sign[i], arena, &signs[i], err));
    }
    if (!hb_pack_valid(pack) || !hb_pack_next(&r, &map) || map.tag != HB_PACK_MAP) {
        return hb_err_set(err, HB_E_TYPE, "sign expects a mapping");
    }
    for (uint32_t k = 0; k < map.count; k++) {
        hb_str whole;
        uint32_t at = 0;
        if (!hb_pack_next(&r, &key) || !hb_pack_skip(&r, &whole) || key.tag != HB_PACK_STR) {
            return hb_err_set(err, HB_E_TYPE, "sign expects a mapping of texts");
        }
        while (at < HB_SIGN_COUNT && !hb_str_eq(key.s, signed_columns[at])) at++;
        if (at == HB_SIGN_COUNT) {
            hb_err_set(err, HB_E_TYPE, "sign has no '%.*s'", HB_ARG(key.s));
            return hb_err_hint(err, key.s, signed_columns, HB_SIGN_COUNT);
        }
        HB_TRY(sign_read(ws, at, whole, arena, &signs[at], err));
    }
    return HB_OK;
}

static hb_status sign_answer(const hb_workspace *ws, hb_task *task, hb_err *err) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < HB_SIGN_COUNT; i++) count += ws->sign[i].kind != HB_KIND_NULL;
    hb_buf pack, json;
    hb_buf_init(&pack, ws->mem);
    hb_buf_init(&json, ws->mem);
    hb_pack_map(&pack, count);
    for (uint32_t i = 0; i < HB_SIGN_COUNT; i++) {
        if (ws->sign[i].kind == HB_KIND_NULL) continue;
        hb_pack_str(&pack, signed_columns[i]);
        hb_pack_value(&pack, &ws->sign[i]);
    }
    hb_status status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, err);
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    hb_buf_free(&pack);
    return status;
}

hb_status hb_call_sign(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    task->advance = hb_task_finish;
    hb_arena arena;
    hb_arena_init(&arena, ws->mem);
    hb_value signs[HB_SIGN_COUNT];
    hb_status status = sign_all(ws, request->text, &arena, signs, err);
    if (status != HB_OK) {
        hb_arena_free(&arena);
        return status;
    }
    hb_arena_free(&ws->sign_arena);
    ws->sign_arena = arena;
    memcpy(ws->sign, signs, sizeof(signs));
    return sign_answer(ws, task, err);
}
