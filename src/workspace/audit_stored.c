// SPDX-License-Identifier: MIT
/* What the backends themselves find wrong with their storage, for audit and repair. */
#include "workspace/audit_stored.h"

#include <cJSON.h>

#include "workspace/transaction.h"

struct hb_stored {
    hb_workspace *ws;
    hb_task *task;
    hb_arena *arena;            /* the task's */
    cJSON *root;                /* the report; borrowed */
    cJSON *files, *problems, *unused;
    hb_map aside;               /* "entity/id" of rows whose file was put aside */
    hb_map lost;                /* "backend/entity/field/id" of values that are lost */
    hb_buf key;                 /* scratch */
    hb_stored_counts counts;
    uint64_t lost_count;        /* of the problems: values that are lost */
    uint64_t left_count;        /* files and problems that nothing was done about */
    bool rehearses;             /* a dry run: says what a repair would do */
    bool redoes;                /* it mends what has drifted, to see what follows */
    uint64_t mended, renamed, put_aside;
    hb_check_how how;
    hb_str backend, entity;     /* that are looked at */
    hb_entity *at;
    uint32_t place;             /* the backend's number */
};

/* A table that cannot be used makes its entity unreadable; one that was made anew holds nothing. */
static hb_status note_drift(hb_stored *s, const hb_finding *finding, hb_err *err) {
    hb_entity *entity = s->at;
    const uint32_t fields = entity->schema->field_count;
    if (!finding->fixed) {
        entity->drifted = true;
        return HB_OK;
    }
    if (entity->renewed == NULL) {
        entity->renewed =
            hb_arena_zalloc(&entity->arena, (size_t)fields * entity->routing->backend_count);
        if (entity->renewed == NULL) return hb_err_memory(err);
    }
    const uint32_t field = hb_schema_find(entity->schema, finding->field);
    entity->renewed[(size_t)s->place * fields + (field != HB_FIELD_NONE ? field : 0)] = 1;
    return HB_OK;
}

static bool add_text(const hb_stored *s, cJSON *item, const char *key, hb_str text) {
    hb_str copy = hb_arena_printf(s->arena, "%.*s", HB_ARG(text));
    return copy.ptr != NULL && cJSON_AddStringToObject(item, key, copy.ptr) != NULL;
}

/* A new item of `list`, or NULL. */
static cJSON *add_item(const hb_stored *s, cJSON *list, const hb_finding *finding) {
    cJSON *item = cJSON_CreateObject();
    if (item == NULL || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return NULL;
    }
    bool ok = add_text(s, item, "backend", s->backend) && add_text(s, item, "entity", s->entity) &&
              add_text(s, item, "path", finding->path);
    return ok ? item : NULL;
}

static bool is_noted(hb_stored *s, const hb_map *map, const hb_str *parts, uint32_t count) {
    hb_buf_clear(&s->key);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) hb_buf_add_char(&s->key, '/');
        hb_buf_add_str(&s->key, parts[i]);
    }
    return !s->key.failed && hb_map_find(map, hb_buf_str(&s->key)) != HB_MAP_NONE;
}

static hb_status set_note(hb_stored *s, hb_map *map, const hb_str *parts, uint32_t count,
                          hb_err *err) {
    if (is_noted(s, map, parts, count)) return HB_OK;
    HB_TRY(hb_buf_check(&s->key, err));
    hb_str key = hb_arena_str(s->arena, hb_buf_str(&s->key));
    return key.ptr != NULL && hb_map_put(map, key, 1) ? HB_OK : hb_err_memory(err);
}

static hb_status add_file(hb_stored *s, const hb_finding *finding, hb_err *err) {
    const bool back = finding->belongs.len > 0;
    if (back) s->renamed++;
    if (!back) s->put_aside++;
    if (!back && (finding->fixed || s->rehearses)) {
        const hb_str key[] = { s->entity, finding->object_id };
        HB_TRY(set_note(s, &s->aside, key, 2, err));
    }
    if (!finding->fixed) s->left_count++;
    if (s->counts.files++ >= HB_AUDIT_LIST_MAX) return HB_OK;
    cJSON *item = add_item(s, s->files, finding);
    bool ok = item != NULL && add_text(s, item, "object_id", finding->object_id) &&
              add_text(s, item, "reason", finding->reason) &&
              cJSON_AddBoolToObject(item, "quarantined", finding->fixed && !back) != NULL;
    if (ok && back) {
        ok = add_text(s, item, "belongs", finding->belongs) &&
             cJSON_AddBoolToObject(item, "renamed", finding->fixed) != NULL;
    }
    return ok ? HB_OK : hb_err_memory(err);
}

/* Values that other backends may give back: those outside the row that are gone, and what does not
 * fit its field. */
static bool is_value(hb_str kind) {
    return hb_str_eq(kind, HB_STR("external")) || hb_str_eq(kind, HB_STR("value"));
}

static hb_status add_problem(hb_stored *s, const hb_finding *finding, hb_err *err) {
    const bool value = is_value(hb_str_c(finding->kind));
    if (value) {
        const hb_str key[] = { s->backend, s->entity, finding->field, finding->object_id };
        HB_TRY(set_note(s, &s->lost, key, 4, err));
        s->lost_count++;
    }
    const bool fixed = finding->fixed && !s->redoes;
    if (value || finding->fixed || (s->how == HB_CHECK_LOOK && !finding->stays)) s->mended++;
    if (!value && !fixed) s->left_count++;
    if (s->counts.problems++ >= HB_AUDIT_LIST_MAX) return HB_OK;
    cJSON *item = add_item(s, s->problems, finding);
    bool ok = item != NULL && add_text(s, item, "object_id", finding->object_id) &&
              add_text(s, item, "reason", finding->reason) &&
              cJSON_AddBoolToObject(item, "repaired", fixed) != NULL &&
              add_text(s, item, "field", finding->field) &&
              cJSON_AddStringToObject(item, "what", finding->kind) != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

static hb_status add_unused(hb_stored *s, const hb_finding *finding, hb_err *err) {
    s->counts.unused += finding->count;
    cJSON *item = add_item(s, s->unused, finding);
    bool ok = item != NULL && add_text(s, item, "field", finding->field) &&
              cJSON_AddNumberToObject(item, "values", (double)finding->count) != NULL &&
              cJSON_AddBoolToObject(item, "deleted", finding->fixed && !s->redoes) != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

static bool item_is(const cJSON *item, const char *key, hb_str text) {
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(item, key);
    return cJSON_IsString(member) && hb_str_eq(hb_str_c(member->valuestring), text);
}

/* A value that nobody had any more: its problem says so. */
static hb_status note_lost(hb_stored *s, const hb_finding *finding, hb_err *err) {
    if (!finding->fixed) s->left_count++;
    for (cJSON *item = s->problems->child; item != NULL; item = item->next) {
        if (!item_is(item, "what", hb_str_c(finding->kind)) ||
            !item_is(item, "backend", s->backend) || !item_is(item, "entity", s->entity) ||
            !item_is(item, "field", finding->field) ||
            !item_is(item, "object_id", finding->object_id)) {
            continue;
        }
        cJSON *value = cJSON_CreateString("lost");
        cJSON *repaired = cJSON_CreateBool(finding->fixed);
        if (value != NULL) cJSON_ReplaceItemInObjectCaseSensitive(item, "value", value);
        if (repaired != NULL) cJSON_ReplaceItemInObjectCaseSensitive(item, "repaired", repaired);
        return value != NULL && repaired != NULL ? HB_OK : hb_err_memory(err);
    }
    return HB_OK;
}

static hb_status add_finding(void *arg, const hb_finding *finding, hb_err *err) {
    hb_stored *s = arg;
    const hb_str kind = hb_str_c(finding->kind);
    if (hb_str_eq(kind, HB_STR("file"))) return add_file(s, finding, err);
    if (hb_str_eq(kind, HB_STR("unused"))) return add_unused(s, finding, err);
    if (hb_str_eq(kind, HB_STR("drift"))) {
        HB_TRY(note_drift(s, finding, err));
        if (s->redoes) return HB_OK; /* it was told before */
    }
    return s->how == HB_CHECK_GIVE_UP ? note_lost(s, finding, err) : add_problem(s, finding, err);
}

/* ---- looking -----------------------------------------------------------------------------------
 */

hb_status hb_stored_start(hb_workspace *ws, hb_task *task, cJSON *root, bool rehearses,
                          hb_stored **out, hb_err *err) {
    hb_stored *s = HB_NEW(&task->arena, hb_stored);
    if (s == NULL) return hb_err_memory(err);
    s->ws = ws;
    s->task = task;
    s->arena = &task->arena;
    s->root = root;
    s->rehearses = rehearses;
    hb_map_init(&s->aside, ws->mem);
    hb_map_init(&s->lost, ws->mem);
    hb_buf_init(&s->key, ws->mem);
    *out = s;
    cJSON *storage = cJSON_AddObjectToObject(root, "storage");
    s->files = cJSON_AddArrayToObject(root, "files");
    s->problems = cJSON_AddArrayToObject(storage, "problems");
    s->unused = cJSON_AddArrayToObject(storage, "unused");
    bool ok = s->files != NULL && s->problems != NULL && s->unused != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

void hb_stored_end(hb_stored *s) {
    if (s == NULL) return;
    hb_map_free(&s->aside);
    hb_map_free(&s->lost);
    hb_buf_free(&s->key);
}

/* What follows from tables that a repair makes anew is found by making them, in a transaction that
 * is taken back. */
static hb_status mend_drift(hb_stored *s, hb_instance *instance, hb_container *container,
                            hb_err *err) {
    if (!instance->type->caps.check_in_tx) return HB_OK;
    s->ws->rehearses = true;
    HB_TRY(hb_rehearsal_open(s->ws, s->task, s->place, err));
    s->at->drifted = false;
    s->redoes = true;
    s->how = HB_CHECK_MEND;
    const hb_status status =
        instance->type->check(instance, container, s->how, add_finding, s, err);
    s->how = HB_CHECK_LOOK;
    s->redoes = false;
    return status;
}

static hb_status check_entity(hb_stored *s, hb_entity *entity, hb_err *err) {
    if (s->how != HB_CHECK_GIVE_UP) {
        entity->drifted = false;
        if (entity->renewed != NULL) {
            memset(entity->renewed, 0,
                   (size_t)entity->schema->field_count * entity->routing->backend_count);
        }
    }
    s->at = entity;
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        hb_instance *instance = hb_entity_instances(s->ws, entity)[b];
        hb_container *container = entity->routing->containers[b];
        if (container == NULL || instance->type->check == NULL) continue;
        s->place = b;
        s->backend = instance->name;
        s->entity = entity->schema->entity_id;
        const bool drifted = entity->drifted; /* in another backend */
        entity->drifted = false;
        hb_status status = instance->type->check(instance, container, s->how, add_finding, s, err);
        if (status == HB_OK && s->rehearses && entity->drifted) {
            status = mend_drift(s, instance, container, err);
        }
        entity->drifted = entity->drifted || drifted;
        if (status != HB_OK) return hb_err_where(err, s->entity, HB_STR_EMPTY, instance->name);
    }
    return HB_OK;
}

hb_status hb_stored_add_twin(void *stored, const hb_entity *entity, uint32_t field,
                             hb_str object_id, hb_err *err) {
    hb_stored *s = stored;
    const hb_finding finding = {
        .kind = "unique",
        .path = HB_STR_EMPTY,
        .field = entity->schema->fields[field].name,
        .object_id = object_id,
        .reason = HB_STR("another row holds the same value, which has to be unique"),
        .stays = true,
    };
    s->backend = hb_entity_instances(s->ws, entity)[entity->routing->primary[field]]->name;
    s->entity = entity->schema->entity_id;
    return add_problem(s, &finding, err);
}

/* ---- definitions -------------------------------------------------------------------------------
 */

static hb_status check_definition(hb_stored *s, hb_instance *keeper, hb_str id, hb_err *err) {
    const uint32_t index = hb_map_find(&s->ws->by_id, id);
    hb_entity *known = index != HB_MAP_NONE ? s->ws->entities[index] : NULL;
    hb_stored_definition stored;
    HB_TRY(hb_definition_read(s->ws, keeper, id, s->arena, &stored, err));
    if (stored.fault == HB_OK && known != NULL) known->broken = HB_OK;
    if (stored.fault == HB_OK && (known != NULL || hb_definition_hidden(s->ws, id) == NULL)) {
        return HB_OK;
    }
    const bool mends = s->how == HB_CHECK_MEND && known != NULL;
    if (mends) {
        HB_TRY(hb_entity_persist(s->ws, s->task, known, err));
        known->broken = HB_OK;
    }
    s->backend = keeper->name;
    s->entity = id;
    hb_str reason = hb_arena_printf(s->arena, "the stored definition %.*s", HB_ARG(stored.reason));
    if (known == NULL) {
        reason = HB_STR("the stored definition cannot be read: register the entity again");
    }
    if (reason.ptr == NULL) return hb_err_memory(err);
    const hb_finding finding = { .kind = "definition",
                                 .path = stored.path,
                                 .reason = reason,
                                 .stays = known == NULL,
                                 .fixed = mends };
    return add_problem(s, &finding, err);
}

hb_status hb_stored_definitions(hb_stored *s, hb_check_how how, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(s->ws);
    hb_str *ids;
    uint32_t count;
    if (keeper == NULL) return HB_OK;
    s->how = how;
    HB_TRY(hb_definition_ids(keeper, s->arena, &ids, &count, err));
    for (uint32_t i = 0; i < count; i++) HB_TRY(check_definition(s, keeper, ids[i], err));
    for (uint32_t e = 0; e < s->ws->entity_count; e++) {
        const hb_entity *entity = s->ws->entities[e];
        const hb_str id = entity->schema->entity_id;
        bool listed = entity->system || !entity->ensured;
        for (uint32_t i = 0; i < count && !listed; i++) listed = hb_str_eq(ids[i], id);
        if (!listed) HB_TRY(check_definition(s, keeper, id, err));
    }
    return HB_OK;
}

static hb_str item_text(const cJSON *item, const char *key) {
    return hb_str_c(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, key)));
}

static bool is_elsewhere(const hb_stored *s, const cJSON *item) {
    const uint32_t index = hb_map_find(&s->ws->by_id, item_text(item, "entity"));
    const hb_entity *entity = s->ws->entities[index];
    return hb_routing_holders(entity->routing,
                              hb_schema_find(entity->schema, item_text(item, "field"))) > 1;
}

/* Until it turns out otherwise, another backend that holds the field gave the value back. */
static hb_status expect_restored(hb_stored *s, hb_err *err) {
    for (cJSON *item = s->problems->child; item != NULL; item = item->next) {
        if (!is_value(item_text(item, "what"))) continue;
        cJSON *repaired = cJSON_CreateTrue();
        if (repaired == NULL) return hb_err_memory(err);
        cJSON_ReplaceItemInObjectCaseSensitive(item, "repaired", repaired);
        const char *value = is_elsewhere(s, item) ? "restored" : "lost";
        if (cJSON_AddStringToObject(item, "value", value) == NULL) return hb_err_memory(err);
    }
    return HB_OK;
}

hb_status hb_stored_check(hb_stored *s, uint32_t index, hb_check_how how, hb_err *err) {
    s->how = how;
    hb_entity *entity = s->ws->entities[index];
    return entity->ensured && !entity->is_virtual ? check_entity(s, entity, err) : HB_OK;
}

hb_status hb_stored_give_up(hb_stored *s, hb_err *err) {
    HB_TRY(expect_restored(s, err));
    for (uint32_t i = 0; i < s->ws->entity_count; i++) {
        HB_TRY(hb_stored_check(s, i, HB_CHECK_GIVE_UP, err));
    }
    s->lost_count = 0;
    return HB_OK;
}

/* ---- what came of it ---------------------------------------------------------------------------
 */

bool hb_stored_has_aside(const hb_stored *s) {
    return s->aside.count > 0;
}

bool hb_stored_is_aside(hb_stored *s, hb_str entity, hb_str object_id) {
    const hb_str key[] = { entity, object_id };
    return s->aside.count > 0 && is_noted(s, &s->aside, key, 2);
}

bool hb_stored_is_lost(hb_stored *s, hb_str backend, hb_str entity, hb_str field,
                       hb_str object_id) {
    const hb_str key[] = { backend, entity, field, object_id };
    return s->lost.count > 0 && is_noted(s, &s->lost, key, 4);
}

hb_status hb_stored_actions(const hb_stored *s, cJSON *actions, hb_err *err) {
    cJSON *storage = cJSON_AddObjectToObject(actions, "storage");
    cJSON *files = cJSON_AddObjectToObject(actions, "files");
    const bool ok = cJSON_AddNumberToObject(storage, "repaired", (double)s->mended) != NULL &&
                    cJSON_AddNumberToObject(storage, "deleted", (double)s->counts.unused) != NULL &&
                    cJSON_AddNumberToObject(files, "renamed", (double)s->renamed) != NULL &&
                    cJSON_AddNumberToObject(files, "quarantined", (double)s->put_aside) != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

hb_status hb_stored_add_json(cJSON *to, const char *key, hb_buf *json, hb_status status,
                             hb_err *err) {
    hb_buf_add_char(json, '\0');
    if (status == HB_OK) status = hb_buf_check(json, err);
    if (status == HB_OK && cJSON_AddRawToObject(to, key, json->ptr) == NULL) {
        status = hb_err_memory(err);
    }
    hb_buf_free(json);
    return status;
}

hb_status hb_stored_finish(hb_stored *s, hb_stored_counts *counts, bool *ok, hb_err *err) {
    *counts = s->counts;
    *ok = s->left_count + s->lost_count == 0;
    bool sound = s->counts.problems <= HB_AUDIT_LIST_MAX || *ok;
    for (const cJSON *item = s->problems->child; item != NULL; item = item->next) {
        sound = sound && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "repaired"));
    }
    cJSON *storage = cJSON_GetObjectItemCaseSensitive(s->root, "storage");
    return cJSON_AddBoolToObject(storage, "ok", sound) != NULL ? HB_OK : hb_err_memory(err);
}
