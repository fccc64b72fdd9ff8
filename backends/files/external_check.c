// SPDX-License-Identifier: MIT
/* Values outside the row, for audit and repair. A value that was changed on disk is as good as
 * gone: a repair puts its file into the entity's quarantine. What no other backend could give back
 * becomes null, and values that no row holds go, unless a row's file is in quarantine: it may be
 * put back by hand, and lead to them. */
#include "backends/files/external.h"

void files_values_check_open(files_values_check *check, files_table *table, hb_check_how how,
                             hb_finding_sink *sink, void *arg) {
    *check = (files_values_check){ .table = table, .how = how, .sink = sink, .arg = arg };
    hb_arena_init(&check->arena, table->conn->mem);
    hb_buf_init(&check->bytes, table->conn->mem);
    hb_map_init(&check->states, table->conn->mem);
}

void files_values_check_close(files_values_check *check) {
    hb_map_free(&check->states);
    hb_buf_free(&check->bytes);
    hb_arena_free(&check->arena);
}

static hb_str value_path(files_values_check *check, hb_str name) {
    const hb_str target = files_value_target(check->table, name, &check->arena);
    if (target.ptr == NULL) return target;
    return hb_fs_join(&check->arena, check->table->conn->root, target);
}

/* Looked at once, however many rows hold it. */
static hb_status value_state(files_values_check *check, hb_str name, files_value_state *out,
                             hb_err *err) {
    const uint32_t known = hb_map_find(&check->states, name);
    if (known != HB_MAP_NONE) {
        *out = (files_value_state)known;
        return HB_OK;
    }
    HB_TRY(files_lease_beat(check->table->conn, err));
    HB_TRY(files_value_read(check->table, name, &check->arena, &check->bytes, out, err));
    name = hb_arena_str(&check->arena, name);
    if (name.ptr == NULL || !hb_map_put(&check->states, name, *out)) return hb_err_memory(err);
    if (*out != FILES_VALUE_CHANGED || check->how == HB_CHECK_LOOK) return HB_OK;
    const hb_str path = value_path(check, name);
    if (path.ptr == NULL) return hb_err_memory(err);
    return files_quarantine(check->table, path, name, &check->arena, err);
}

static hb_status tell_lost(files_values_check *check, uint32_t place, hb_str object_id, hb_str name,
                           files_value_state state, hb_err *err) {
    const hb_finding finding = {
        .kind = "external",
        .path = value_path(check, name),
        .field = files_field(check->table, place)->name,
        .object_id = object_id,
        .reason = state == FILES_VALUE_GONE
                      ? HB_STR("the value that is kept outside the row is gone")
                      : HB_STR("the value that is kept outside the row was changed"),
        .fixed = check->how == HB_CHECK_GIVE_UP,
    };
    if (finding.path.ptr == NULL) return hb_err_memory(err);
    check->lost++;
    return check->sink(check->arg, &finding, err);
}

hb_status files_values_check_row(files_values_check *check, hb_str object_id, hb_value *cells,
                                 bool *changed, hb_err *err) {
    const files_table *table = check->table;
    *changed = false;
    for (uint32_t i = 1; i < table->field_count; i++) {
        hb_str name;
        files_value_state state;
        if (table->outside[i] == FILES_IN_ROW || !files_value_of(&cells[i], &name)) continue;
        HB_TRY(value_state(check, name, &state, err));
        if (state == FILES_VALUE_THERE) continue;
        HB_TRY(tell_lost(check, i, object_id, name, state, err));
        if (check->how != HB_CHECK_GIVE_UP) continue;
        cells[i] = (hb_value){ .kind = HB_KIND_NULL };
        *changed = true;
    }
    return HB_OK;
}

static hb_status values_remove(files_table *table, hb_arena *arena, const hb_str *names,
                               uint32_t count, hb_err *err) {
    HB_TRY(files_tx_begin(table->conn, err));
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        const hb_str target = files_value_target(table, names[i], arena);
        status =
            target.ptr != NULL ? files_tx_remove(table->conn, target, err) : hb_err_memory(err);
    }
    if (status == HB_OK) return files_tx_commit(table->conn, err);
    files_tx_rollback(table->conn);
    return status;
}

hb_status files_values_check_unused(files_values_check *check, hb_err *err) {
    files_table *table = check->table;
    bool spared;
    HB_TRY(files_has_quarantined(table, &check->arena, &spared, err));
    if (spared || check->spares || check->how == HB_CHECK_MEND) return HB_OK;
    const hb_str folder = value_path(check, HB_STR_EMPTY);
    if (folder.ptr == NULL) return hb_err_memory(err);
    hb_str *names;
    uint32_t count, unused = 0;
    HB_TRY(hb_fs_names(table->conn->fs, folder, &check->arena, &names, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!files_value_is_name(names[i])) continue;
        if (hb_map_find(&check->states, names[i]) == HB_MAP_NONE) names[unused++] = names[i];
    }
    if (unused == 0) return HB_OK;
    const bool gone = check->how == HB_CHECK_GIVE_UP;
    if (gone) HB_TRY(values_remove(table, &check->arena, names, unused, err));
    const hb_finding finding = { .kind = "unused",
                                 .path = folder,
                                 .reason = HB_STR("no row holds these values"),
                                 .count = unused,
                                 .fixed = gone };
    return check->sink(check->arg, &finding, err);
}
