// SPDX-License-Identifier: MIT
/* The registry of entities. */
#include "workspace/workspace.h"

static hb_status refuse_dropped(const hb_entity *entity, hb_err *err) {
    const hb_str id = entity->schema->entity_id;
    hb_err_set(err, HB_E_UNKNOWN_ENTITY,
               "another instance of the workspace has dropped entity '%.*s': registering it begins "
               "anew, without rows",
               HB_ARG(id));
    return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
}

hb_status hb_entity_get(const hb_workspace *ws, uint32_t index, hb_entity **out, hb_err *err) {
    if (index >= ws->entity_count) {
        return hb_err_set(err, HB_E_UNKNOWN_ENTITY, "no entity is registered under number %u",
                          index);
    }
    *out = ws->entities[index];
    return (*out)->dropped ? refuse_dropped(*out, err) : HB_OK;
}

hb_status hb_entity_by_id(const hb_workspace *ws, hb_str id, hb_entity **out, hb_err *err) {
    uint32_t index = hb_map_find(&ws->by_id, id);
    if (index != HB_MAP_NONE) return hb_entity_get(ws, index, out, err);
    HB_TRY(hb_definition_refuse_hidden(ws, id, err));
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        const hb_entity *gone = ws->entities[i];
        if (gone->dropped && hb_str_eq(gone->schema->entity_id, id))
            return refuse_dropped(gone, err);
    }
    hb_str known[64];
    uint32_t count = 0;
    for (uint32_t i = 0; i < ws->entity_count && count < 64; i++) {
        if (ws->entities[i]->dropped) continue;
        known[count++] = ws->entities[i]->schema->entity_id;
    }
    hb_err_set(err, HB_E_UNKNOWN_ENTITY, "workspace '%.*s' has no registered entity '%.*s'",
               HB_ARG(ws->id), HB_ARG(id));
    hb_err_hint(err, id, known, count);
    return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
}

uint32_t hb_workspace_entity(const hb_workspace *ws, hb_str entity_id) {
    return hb_map_find(&ws->by_id, entity_id);
}

hb_status hb_entity_new(hb_workspace *ws, hb_str definition_pack, hb_entity **out, hb_err *err) {
    hb_entity *entity = hb_mem_zalloc(ws->mem, sizeof(*entity));
    if (entity == NULL) return hb_err_memory(err);
    hb_arena_init(&entity->arena, ws->mem);
    hb_status status = hb_schema_parse(definition_pack, ws->mem, &entity->schema, err);
    if (status == HB_OK && entity->schema->derive_count > 0) {
        entity->catalog = ws->entities[HB_ENTITY_CATALOG]->schema;
        status = hb_derives_check(entity->schema, entity->catalog, err);
    }
    if (status == HB_OK) {
        bool system = hb_str_eq(entity->schema->entity_id, HB_STR("sys-metaschema"));
        hb_instance *const *instances = system ? ws->instances + ws->instance_count : ws->instances;
        uint32_t count = system ? 1 : ws->instance_count;
        status = hb_route(entity->schema, instances, count, ws->id, &entity->arena,
                          &entity->routing, err);
    }
    if (status != HB_OK) {
        hb_entity_free(ws, entity);
        return status;
    }
    *out = entity;
    return HB_OK;
}

hb_instance *const *hb_entity_instances(const hb_workspace *ws, const hb_entity *entity) {
    return entity->is_virtual ? ws->instances + ws->instance_count : ws->instances;
}

void hb_entity_release(hb_workspace *ws, hb_entity *entity) {
    for (uint32_t b = 0; entity->routing != NULL && b < entity->routing->backend_count; b++) {
        hb_container *container = entity->routing->containers[b];
        if (container == NULL || container->state == NULL) continue;
        hb_instance *instance = hb_entity_instances(ws, entity)[b];
        instance->type->release(instance, container);
    }
}

void hb_entity_free(hb_workspace *ws, hb_entity *entity) {
    if (entity == NULL) return;
    hb_entity_release(ws, entity);
    hb_schema_free(entity->schema);
    hb_arena_free(&entity->arena);
    hb_mem_free(ws->mem, entity, sizeof(*entity));
}

hb_status hb_entity_add(hb_workspace *ws, hb_entity *entity, hb_entity *replaced, hb_err *err) {
    if (replaced != NULL) {
        /* The map borrows its key from the schema that goes away; what is reserved cannot fail. */
        if (!hb_map_reserve(&ws->by_id, ws->by_id.count + 1)) return hb_err_memory(err);
        hb_map_remove(&ws->by_id, replaced->schema->entity_id);
        entity->index = replaced->index;
    } else {
        if (ws->entity_count == ws->entity_cap) {
            uint32_t cap = ws->entity_cap == 0 ? 16 : ws->entity_cap * 2;
            hb_entity **entities = hb_mem_realloc(
                ws->mem, ws->entities, ws->entity_cap * sizeof(*entities), cap * sizeof(*entities));
            if (entities == NULL) return hb_err_memory(err);
            ws->entities = entities;
            ws->entity_cap = cap;
        }
        if (ws->entity_count == HB_ENTITIES_MAX) {
            return hb_err_set(err, HB_E_LIMIT, "a workspace has at most %u entities",
                              HB_ENTITIES_MAX);
        }
        entity->index = ws->entity_count;
    }
    if (!hb_map_put(&ws->by_id, entity->schema->entity_id, entity->index))
        return hb_err_memory(err);
    ws->entities[entity->index] = entity;
    if (replaced == NULL) ws->entity_count++;
    hb_definition_show(ws, entity->schema->entity_id);
    ws->revision++;
    return HB_OK;
}

hb_status hb_entity_start_ensure(hb_task *task, hb_workspace *ws, hb_entity *entity,
                                 const hb_entity *replaced, hb_err *err) {
    hb_instance *const *instances = hb_entity_instances(ws, entity);
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        if (entity->routing->containers[b] == NULL) continue;
        hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
        if (fragment == NULL) return hb_err_memory(err);
        fragment->kind = HB_FRAG_ENSURE;
        fragment->container = entity->routing->containers[b];
        if (replaced != NULL) fragment->replaces = replaced->routing->containers[b];
        hb_job *job;
        HB_TRY(hb_task_start_job(task, instances[b], fragment, &job, err));
    }
    return HB_OK;
}

void hb_entity_inherit(hb_workspace *ws, hb_entity *entity, hb_entity *replaced) {
    hb_instance *const *instances = hb_entity_instances(ws, entity);
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        hb_container *heir = entity->routing->containers[b];
        hb_container *container = replaced->routing->containers[b];
        if (heir == NULL || container == NULL || instances[b]->type->inherit == NULL) continue;
        if (heir->state == NULL || container->state == NULL) continue;
        instances[b]->type->inherit(instances[b], heir, container);
    }
}

/* ---- definitions kept across processes ------------------------------------------------- */

hb_instance *hb_workspace_keeper(const hb_workspace *ws) {
    hb_instance *keeper = NULL;
    for (uint32_t i = 0; i < ws->instance_count; i++) {
        hb_instance *instance = ws->instances[i];
        if (instance->type->meta_put == NULL || !instance->type->durable(instance)) continue;
        if (hb_str_eq(instance->name, HB_STR("main"))) return instance;
        if (keeper == NULL) keeper = instance;
    }
    return keeper;
}

/* "<major>" or "<major>.<minor>" of what the keeper has: definitions and intents, and how entities
 * lie in their backends. Without one it is as old as can be, and 1. */
#define FORMAT_KEY "format"
#define FORMAT_MAJOR 1

static hb_status format_check(hb_instance *keeper, hb_arena *arena, hb_err *err) {
    hb_str stored;
    HB_TRY(keeper->type->meta_get(keeper, HB_STR(FORMAT_KEY), arena, &stored, err));
    if (stored.ptr == NULL) return HB_OK;
    uint32_t major = 0, at = 0;
    while (at < stored.len && at < 4 && stored.ptr[at] >= '0' && stored.ptr[at] <= '9') {
        major = major * 10 + (uint32_t)(stored.ptr[at++] - '0');
    }
    if (major == FORMAT_MAJOR && (at == stored.len || stored.ptr[at] == '.')) return HB_OK;
    hb_err_set(err, HB_E_FORMAT,
               "the workspace is stored in format %.*s: expected %d, the only one known here",
               HB_ARG(hb_str_sub(stored, 0, 20)), FORMAT_MAJOR);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, keeper->name);
}

static hb_status format_put(hb_instance *keeper, hb_arena *arena, hb_err *err) {
    hb_str stored;
    HB_TRY(keeper->type->meta_get(keeper, HB_STR(FORMAT_KEY), arena, &stored, err));
    return stored.ptr != NULL
               ? HB_OK
               : keeper->type->meta_put(keeper, HB_STR(FORMAT_KEY), HB_STR("1"), err);
}

hb_status hb_entity_persist_in_tx(hb_workspace *ws, const hb_entity *entity, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper == NULL || entity->system) return HB_OK;
    hb_arena scratch;
    hb_arena_init(&scratch, ws->mem);
    hb_status status = format_put(keeper, &scratch, err);
    if (status == HB_OK) status = hb_definitions_mark(ws, err);
    if (status == HB_OK) status = hb_definition_put(keeper, entity->schema, err);
    hb_arena_free(&scratch);
    return status;
}

hb_status hb_entity_persist(hb_workspace *ws, hb_task *task, const hb_entity *entity, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper == NULL || entity->system) return HB_OK;
    hb_status status = keeper->type->tx(keeper, HB_TX_BEGIN, err);
    if (status == HB_OK) {
        status = hb_entity_persist_in_tx(ws, entity, err);
        if (status == HB_OK) {
            hb_job *commit;
            status = hb_task_start_commit(task, keeper, &commit, err);
            if (status == HB_OK) status = hb_instance_flush(keeper, err);
        } else {
            hb_err ignored; /* the first error is what the caller hears of */
            hb_err_init(&ignored);
            keeper->type->tx(keeper, HB_TX_ROLLBACK, &ignored);
        }
    }
    return status == HB_OK ? HB_OK : hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, keeper->name);
}

/* One that is no definition is hidden: audit names it, register puts another in its place. */
static bool is_unreadable(hb_status status) {
    return status == HB_E_SCHEMA || status == HB_E_TYPE || status == HB_E_VALIDATION ||
           status == HB_E_INVALID_ID || status == HB_E_CORRUPT;
}

static hb_status restore_one(hb_workspace *ws, hb_instance *keeper, hb_str id, hb_arena *scratch,
                             hb_err *err) {
    hb_stored_definition stored;
    HB_TRY(hb_definition_read(ws, keeper, id, scratch, &stored, err));
    if (stored.text.ptr == NULL) return hb_definition_hide(ws, &stored, err);
    hb_entity *entity;
    hb_status status = hb_entity_new(ws, stored.text, &entity, err);
    if (is_unreadable(status)) {
        stored.reason = hb_arena_printf(scratch, "cannot be read (%.120s)", err->msg);
        hb_err_init(err);
        return hb_definition_hide(ws, &stored, err);
    }
    HB_TRY(status);
    if (hb_map_find(&ws->by_id, id) != HB_MAP_NONE) {
        hb_entity_free(ws, entity);
        return HB_OK;
    }
    status = hb_definition_note(entity, &stored, err);
    if (status == HB_OK) status = hb_entity_add(ws, entity, NULL, err);
    if (status != HB_OK) {
        hb_entity_free(ws, entity);
        return status;
    }
    return HB_OK;
}

/* What another program changed is told at its first use, and by audit: the rest can be used. */
static hb_status restore_container(hb_workspace *ws, hb_entity *entity, uint32_t backend, bool made,
                                   const hb_entity *replaced, hb_err *err) {
    hb_container *container = entity->routing->containers[backend];
    container->made = made;
    /* A remote one exists since its definition does; what it lacks is told at its first use. */
    if (!hb_entity_instances(ws, entity)[backend]->type->local) return HB_OK;
    hb_task *task = hb_task_new(ws->mem, NULL);
    if (task == NULL) return hb_err_memory(err);
    task->advance = hb_task_finish;
    task->done = true;
    hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
    hb_status status = fragment != NULL ? HB_OK : hb_err_memory(err);
    if (status == HB_OK) {
        fragment->kind = HB_FRAG_ENSURE;
        fragment->container = container;
        if (replaced != NULL) fragment->replaces = replaced->routing->containers[backend];
        hb_job *job;
        hb_instance *instance = hb_entity_instances(ws, entity)[backend];
        status = hb_task_start_job(task, instance, fragment, &job, err);
    }
    hb_task_free(task);
    /* The rows of an alteration that was cut off may break its constraints: its intent has others.
     */
    if (status == HB_E_SCHEMA_DRIFT || (status == HB_E_UNIQUE && !made)) {
        hb_err_init(err);
        return HB_OK;
    }
    return status;
}

static hb_status restore_ensure(hb_workspace *ws, hb_entity *entity, bool made,
                                const hb_entity *replaced, hb_err *err) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        if (entity->routing->containers[b] == NULL) continue;
        HB_TRY(restore_container(ws, entity, b, made, replaced, err));
    }
    entity->ensured = true;
    return HB_OK;
}

/* A write that was cut off may have left tables to be made. */
static hb_status has_intents(hb_instance *keeper, hb_arena *arena, bool *out, hb_err *err) {
    hb_str *keys;
    uint32_t count;
    HB_TRY(keeper->type->meta_list(keeper, HB_STR("intent/"), arena, &keys, &count, err));
    *out = count > 0;
    return HB_OK;
}

static hb_status restore_all(hb_workspace *ws, hb_instance *keeper, hb_arena *arena, hb_err *err) {
    hb_str *ids;
    uint32_t count = 0;
    bool unfinished = false;
    HB_TRY(format_check(keeper, arena, err));
    HB_TRY(hb_definition_ids(keeper, arena, &ids, &count, err));
    HB_TRY(has_intents(keeper, arena, &unfinished, err));
    for (uint32_t i = 0; i < count; i++) HB_TRY(restore_one(ws, keeper, ids[i], arena, err));
    for (uint32_t i = 0; i < ws->entity_count && count > 0; i++) {
        hb_entity *entity = ws->entities[i];
        if (!entity->ensured) HB_TRY(restore_ensure(ws, entity, !unfinished, NULL, err));
    }
    return HB_OK;
}

hb_status hb_entity_restore(hb_workspace *ws, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper == NULL) return HB_OK;
    hb_arena scratch;
    hb_arena_init(&scratch, ws->mem);
    hb_status status = restore_all(ws, keeper, &scratch, err);
    hb_arena_free(&scratch);
    return status == HB_OK ? hb_definitions_see(ws, err) : status;
}

/* An alteration that is not through yet may have left tables to be made, too. */
hb_status hb_entity_attach(hb_workspace *ws, hb_entity *entity, const hb_entity *replaced,
                           hb_err *err) {
    return restore_ensure(ws, entity, false, replaced, err);
}

/* ---- as JSON --------------------------------------------------------------------------- */

hb_status hb_entity_json(const hb_workspace *ws, const hb_entity *entity, hb_buf *out,
                         hb_err *err) {
    const hb_schema *schema = entity->schema;
    hb_buf_add_c(out, "{\"entity\":");
    hb_buf_add_json_str(out, schema->entity_id);
    hb_buf_printf(out, ",\"index\":%u,\"columns\":[", entity->index);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        const hb_field *field = &schema->fields[f];
        hb_buf_add_c(out, f > 0 ? ",{\"name\":" : "{\"name\":");
        hb_buf_add_json_str(out, field->name);
        hb_buf_printf(out, ",\"kind\":%d,\"dim\":%u,\"type\":", (int)field->kind,
                      field->kind == HB_KIND_VEC ? field->type->dim : 0);
        hb_buf_add_json_str(out, hb_type_name(field->type->id));
        hb_buf_add_char(out, '}');
    }
    hb_buf_add_c(out, "],\"storage\":[");
    for (uint32_t i = 0; i < entity->routing->binding_count; i++) {
        const hb_binding *binding = &entity->routing->bindings[i];
        hb_buf_add_c(out, i > 0 ? ",{\"field\":" : "{\"field\":");
        hb_buf_add_json_str(out, schema->fields[binding->field].name);
        hb_buf_add_c(out, ",\"backend\":");
        hb_buf_add_json_str(out, hb_entity_instances(ws, entity)[binding->backend]->name);
        hb_buf_add_c(out, ",\"strategy\":");
        hb_buf_add_json_str(out, hb_strategy_name(binding->strategy));
        hb_buf_printf(out, ",\"primary\":%s,\"source\":", binding->primary ? "true" : "false");
        hb_buf_add_json_str(out, hb_str_c(binding->source));
        hb_buf_add_c(out, ",\"why\":");
        hb_buf_add_json_str(out, hb_str_c(binding->why != NULL ? binding->why : ""));
        hb_buf_add_char(out, '}');
    }
    hb_buf_add_c(out, "],\"schema\":");
    hb_buf pack;
    hb_buf_init(&pack, ws->mem);
    hb_schema_write(schema, &pack);
    hb_status status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, out, err);
    hb_buf_free(&pack);
    HB_TRY(status);
    hb_buf_add_char(out, '}');
    return hb_buf_check(out, err);
}
