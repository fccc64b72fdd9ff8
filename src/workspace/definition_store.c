// SPDX-License-Identifier: MIT
/* Definitions as the keeper has them: each under its key, and once more as a copy with a checksum,
 * both written by one commit. What was registered or altered last is the source of truth: where the
 * definition is gone, cannot be read or is another one, the copy tells so and takes its place. */
#include "base/crc32.h"
#include "workspace/workspace.h"

#define PREFIX "entity/"
#define COPY_PREFIX "copy/"
#define SUM_LEN 8u              /* of the copy: CRC-32 of id and definition, in hexadecimal */

static uint32_t sum_of(hb_str id, hb_str definition) {
    return hb_crc32(hb_crc32(0, id), definition);
}

static hb_str key_of(const char *prefix, hb_str id, hb_arena *arena) {
    return hb_arena_printf(arena, "%s%.*s", prefix, HB_ARG(id));
}

/* ---- writing --------------------------------------------------------------------------------- */

static hb_status put_both(hb_instance *keeper, const hb_schema *schema, hb_arena *arena,
                          hb_buf *copy, hb_err *err) {
    const hb_str id = schema->entity_id, definition = schema->definition;
    const hb_str key = key_of(PREFIX, id, arena), copy_key = key_of(COPY_PREFIX, id, arena);
    if (key.ptr == NULL || copy_key.ptr == NULL) return hb_err_memory(err);
    hb_buf_printf(copy, "%08x", (unsigned)sum_of(id, definition));
    hb_buf_add_str(copy, definition);
    HB_TRY(hb_buf_check(copy, err));
    HB_TRY(keeper->type->meta_put(keeper, key, definition, err));
    return keeper->type->meta_put(keeper, copy_key, hb_buf_str(copy), err);
}

hb_status hb_definition_put(hb_instance *keeper, const hb_schema *schema, hb_err *err) {
    hb_arena arena;
    hb_buf copy;
    hb_arena_init(&arena, keeper->mem);
    hb_buf_init(&copy, keeper->mem);
    const hb_status status = put_both(keeper, schema, &arena, &copy, err);
    hb_buf_free(&copy);
    hb_arena_free(&arena);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

hb_status hb_definition_ids(hb_instance *keeper, hb_arena *arena, hb_str **out, uint32_t *count,
                            hb_err *err) {
    hb_str *keys, *copies;
    uint32_t key_count, copy_count, used = 0;
    const uint32_t skip = (uint32_t)sizeof(PREFIX) - 1;
    const uint32_t copy_skip = (uint32_t)sizeof(COPY_PREFIX) - 1;
    HB_TRY(keeper->type->meta_list(keeper, HB_STR(PREFIX), arena, &keys, &key_count, err));
    HB_TRY(keeper->type->meta_list(keeper, HB_STR(COPY_PREFIX), arena, &copies, &copy_count, err));
    hb_map known;
    hb_map_init(&known, keeper->mem);
    hb_str *ids = hb_arena_array(arena, (size_t)key_count + copy_count, sizeof(*ids));
    bool ok = ids != NULL && hb_map_reserve(&known, key_count);
    for (uint32_t i = 0; i < key_count && ok; i++) {
        ids[used] = hb_str_sub(keys[i], skip, keys[i].len);
        ok = hb_map_put(&known, ids[used], i);
        used++;
    }
    for (uint32_t i = 0; i < copy_count && ok; i++) {
        const hb_str id = hb_str_sub(copies[i], copy_skip, copies[i].len);
        if (hb_map_find(&known, id) == HB_MAP_NONE) ids[used++] = id;
    }
    hb_map_free(&known);
    *out = ids;
    *count = used;
    return ok ? HB_OK : hb_err_memory(err);
}

static bool copy_text(hb_str copy, hb_str id, hb_arena *arena, hb_str *out) {
    if (copy.ptr == NULL || copy.len <= SUM_LEN) return false;
    *out = hb_str_sub(copy, SUM_LEN, copy.len);
    const hb_str sum = hb_arena_printf(arena, "%08x", (unsigned)sum_of(id, *out));
    return sum.ptr != NULL && hb_str_eq(sum, hb_str_sub(copy, 0, SUM_LEN));
}

static hb_status fault(hb_stored_definition *out, hb_status code, hb_str reason, hb_err *err) {
    out->fault = code;
    out->reason = reason;
    return reason.ptr != NULL ? HB_OK : hb_err_memory(err);
}

/* What is wrong with a definition that is there; *ok: it is one of this entity. */
static hb_status look_at(const hb_workspace *ws, hb_str definition, hb_stored_definition *out,
                         bool *ok, hb_arena *arena, hb_err *err) {
    hb_schema *schema;
    hb_err refused;
    hb_err_init(&refused);
    *ok = false;
    const hb_status status = hb_schema_parse(definition, ws->mem, &schema, &refused);
    if (status == HB_E_MEMORY) return hb_err_memory(err);
    if (status != HB_OK) {
        return fault(out, HB_E_CORRUPT,
                     hb_arena_printf(arena, "cannot be read (%.120s)", refused.msg), err);
    }
    *ok = hb_str_eq(schema->entity_id, out->entity);
    const hb_str reason = *ok ? HB_STR("is not the one that was registered or altered last")
                              : hb_arena_printf(arena, "is that of the entity '%.*s'",
                                                HB_ARG(hb_str_sub(schema->entity_id, 0, 63)));
    hb_schema_free(schema);
    return fault(out, HB_E_SCHEMA_DRIFT, reason, err);
}

/* There is no sound copy: the definition counts if it is one. */
static hb_status read_alone(const hb_workspace *ws, hb_str definition, bool has_copy,
                            hb_stored_definition *out, hb_arena *arena, hb_err *err) {
    bool ok = false;
    if (definition.ptr == NULL) return fault(out, HB_E_CORRUPT, HB_STR("is gone"), err);
    HB_TRY(look_at(ws, definition, out, &ok, arena, err));
    if (!ok) return HB_OK;
    out->text = definition;
    out->of_copy = true;
    return fault(out, HB_E_CORRUPT,
                 has_copy ? HB_STR("has a copy that was changed") : HB_STR("has lost its copy"),
                 err);
}

hb_status hb_definition_read(const hb_workspace *ws, hb_instance *keeper, hb_str id,
                             hb_arena *arena, hb_stored_definition *out, hb_err *err) {
    const hb_str key = key_of(PREFIX, id, arena), copy_key = key_of(COPY_PREFIX, id, arena);
    hb_str definition, copy, text;
    *out = (hb_stored_definition){ .entity = id, .path = key };
    if (key.ptr == NULL || copy_key.ptr == NULL) return hb_err_memory(err);
    if (keeper->type->meta_path != NULL) {
        HB_TRY(keeper->type->meta_path(keeper, key, arena, &out->path, err));
    }
    HB_TRY(keeper->type->meta_get(keeper, key, arena, &definition, err));
    HB_TRY(keeper->type->meta_get(keeper, copy_key, arena, &copy, err));
    if (!copy_text(copy, id, arena, &text)) {
        return read_alone(ws, definition, copy.ptr != NULL, out, arena, err);
    }
    out->text = text;
    if (definition.ptr == NULL) return fault(out, HB_E_CORRUPT, HB_STR("is gone"), err);
    bool ok;
    return hb_str_eq(definition, text) ? HB_OK : look_at(ws, definition, out, &ok, arena, err);
}

/* ---- what follows from it -------------------------------------------------------------------- */

static hb_str why_of(const hb_stored_definition *stored, hb_arena *arena) {
    return hb_arena_printf(arena, "%.*s: it %.*s", HB_ARG(stored->path), HB_ARG(stored->reason));
}

hb_status hb_definition_note(hb_entity *entity, const hb_stored_definition *stored, hb_err *err) {
    entity->broken = HB_OK;
    if (stored->fault == HB_OK || stored->of_copy) return HB_OK;
    entity->broken_why = why_of(stored, &entity->arena);
    if (entity->broken_why.ptr == NULL) return hb_err_memory(err);
    entity->broken = stored->fault;
    return HB_OK;
}

hb_status hb_definition_refuse(const hb_workspace *ws, const hb_entity *entity, hb_err *err) {
    if (entity->broken == HB_OK) return HB_OK;
    const hb_str id = entity->schema->entity_id;
    hb_err_set(err, entity->broken,
               "the stored definition of '%.*s' was changed, %.*s; repair() puts the one back that "
               "was registered or altered last",
               HB_ARG(id), HB_ARG(entity->broken_why));
    const hb_instance *keeper = hb_workspace_keeper(ws);
    return hb_err_where(err, id, HB_STR_EMPTY, keeper != NULL ? keeper->name : HB_STR_EMPTY);
}

hb_status hb_definition_hide(hb_workspace *ws, const hb_stored_definition *stored, hb_err *err) {
    hb_hidden *hidden = HB_NEW(&ws->arena, hb_hidden);
    if (hidden == NULL) return hb_err_memory(err);
    hidden->id = hb_arena_str(&ws->arena, stored->entity);
    hidden->why = why_of(stored, &ws->arena);
    if (hidden->id.ptr == NULL || hidden->why.ptr == NULL) return hb_err_memory(err);
    hidden->next = ws->hidden;
    ws->hidden = hidden;
    return HB_OK;
}

const hb_hidden *hb_definition_hidden(const hb_workspace *ws, hb_str id) {
    const hb_hidden *at = ws->hidden;
    while (at != NULL && !hb_str_eq(at->id, id)) at = at->next;
    return at;
}

void hb_definition_show(hb_workspace *ws, hb_str id) {
    for (hb_hidden **at = &ws->hidden; *at != NULL;) {
        if (hb_str_eq((*at)->id, id)) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}

hb_status hb_definition_refuse_hidden(const hb_workspace *ws, hb_str id, hb_err *err) {
    const hb_hidden *hidden = hb_definition_hidden(ws, id);
    if (hidden == NULL) return HB_OK;
    hb_err_set(err, HB_E_CORRUPT,
               "the stored definition of '%.*s' and its copy are lost, %.*s; registering the "
               "entity brings its rows back",
               HB_ARG(id), HB_ARG(hidden->why));
    const hb_instance *keeper = hb_workspace_keeper(ws);
    return hb_err_where(err, id, HB_STR_EMPTY, keeper != NULL ? keeper->name : HB_STR_EMPTY);
}
