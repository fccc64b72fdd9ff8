// SPDX-License-Identifier: MIT
/* What the backends themselves find wrong with their storage, for audit and repair. */
#include <cJSON.h>

#include "workspace/workspace.h"

typedef struct stored_report {
    cJSON *files, *problems;
    bool ok;                    /* nothing is left to mend */
    hb_arena *arena;
    hb_str backend, entity;
} stored_report;

static bool add_text(const stored_report *report, cJSON *item, const char *key, hb_str text) {
    hb_str copy = hb_arena_printf(report->arena, "%.*s", HB_ARG(text));
    return copy.ptr != NULL && cJSON_AddStringToObject(item, key, copy.ptr) != NULL;
}

static hb_status add_finding(void *arg, const hb_finding *finding, hb_err *err) {
    stored_report *report = arg;
    bool is_file = hb_str_eq(hb_str_c(finding->kind), HB_STR("file"));
    cJSON *item = cJSON_CreateObject();
    if (item == NULL || !cJSON_AddItemToArray(is_file ? report->files : report->problems, item)) {
        cJSON_Delete(item);
        return hb_err_memory(err);
    }
    report->ok = report->ok && finding->fixed;
    bool ok =
        add_text(report, item, "backend", report->backend) &&
        add_text(report, item, "entity", report->entity) &&
        add_text(report, item, "path", finding->path) &&
        add_text(report, item, "object_id", finding->object_id) &&
        add_text(report, item, "reason", finding->reason) &&
        cJSON_AddBoolToObject(item, is_file ? "quarantined" : "repaired", finding->fixed) != NULL;
    if (ok && !is_file) {
        ok = add_text(report, item, "field", finding->field) &&
             cJSON_AddStringToObject(item, "what", finding->kind) != NULL;
    }
    return ok ? HB_OK : hb_err_memory(err);
}

static hb_status check_entity(hb_workspace *ws, const hb_entity *entity, bool fix,
                              stored_report *report, hb_err *err) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        hb_instance *instance = hb_entity_instances(ws, entity)[b];
        hb_container *container = entity->routing->containers[b];
        if (container == NULL || instance->type->check == NULL) continue;
        report->backend = instance->name;
        report->entity = entity->schema->entity_id;
        hb_status status =
            instance->type->check(instance, container, fix, add_finding, report, err);
        if (status != HB_OK) {
            return hb_err_where(err, report->entity, HB_STR_EMPTY, instance->name);
        }
    }
    return HB_OK;
}

hb_status hb_audit_stored(hb_workspace *ws, bool fix, cJSON *root, hb_arena *arena, bool *ok,
                          hb_err *err) {
    cJSON *storage = cJSON_AddObjectToObject(root, "storage");
    stored_report report = { .files = cJSON_AddArrayToObject(root, "files"),
                             .problems = cJSON_AddArrayToObject(storage, "problems"),
                             .ok = true,
                             .arena = arena };
    if (report.files == NULL || report.problems == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (!ws->entities[i]->ensured || ws->entities[i]->is_virtual) continue;
        HB_TRY(check_entity(ws, ws->entities[i], fix, &report, err));
    }
    *ok = report.ok;
    bool sound = true;
    for (const cJSON *item = report.problems->child; item != NULL; item = item->next) {
        sound = sound && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "repaired"));
    }
    return cJSON_AddBoolToObject(storage, "ok", sound) != NULL ? HB_OK : hb_err_memory(err);
}
