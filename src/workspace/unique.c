// SPDX-License-Identifier: MIT
/* Unique constraints that no engine enforces by itself: the rows that hold one of the new values
 * are queried before anything is written. A null in any column exempts a row. */
#include "workspace/workspace.h"

typedef struct unique_rule {
    const uint32_t *fields;
    uint32_t field_count;
    hb_run *run;                /* NULL: no row has a value to look for */
    bool done;
} unique_rule;

struct hb_unique {
    hb_task *task;
    hb_workspace *ws;
    const hb_entity *entity;
    const hb_column *columns;   /* new rows, full schema */
    uint32_t row_count;
    unique_rule *rules;
    uint32_t rule_count;
};

/* One engine holds all the fields and enforces the constraint itself. */
static bool unique_is_native(const hb_workspace *ws, const hb_entity *entity,
                             const hb_field_group *group) {
    const uint32_t *primary = entity->routing->primary;
    const uint32_t backend = primary[group->fields[0]];
    for (uint32_t i = 1; i < group->field_count; i++) {
        if (primary[group->fields[i]] != backend) return false;
    }
    return backend == HB_BACKEND_NONE || ws->instances[backend]->type->caps.unique;
}

bool hb_unique_next(const hb_workspace *ws, const hb_entity *entity, uint32_t *number,
                    uint32_t *single, hb_field_group *out) {
    const hb_schema *schema = entity->schema;
    for (; *number < schema->field_count + schema->unique_count; *number += 1) {
        const bool alone = *number < schema->field_count;
        if (alone && (*number == HB_FIELD_OBJECT_ID || !schema->fields[*number].unique)) continue;
        *single = *number;
        *out = alone ? (hb_field_group){ .fields = single, .field_count = 1 }
                     : schema->uniques[*number - schema->field_count];
        if (ws == NULL || !unique_is_native(ws, entity, out)) return true;
    }
    return false;
}

static bool unique_row_counts(const hb_unique *u, const unique_rule *rule, uint32_t row) {
    for (uint32_t i = 0; i < rule->field_count; i++) {
        if (hb_column_cell(&u->columns[rule->fields[i]], row) != HB_CELL_VALUE) return false;
    }
    return true;
}

/* field in [the new values]; *out NULL when there is none. */
static hb_status unique_filter(const hb_unique *u, const unique_rule *rule, const hb_expr **out,
                               hb_err *err) {
    hb_arena *arena = &u->task->arena;
    hb_expr *leaf = HB_NEW(arena, hb_expr);
    hb_value *list = hb_arena_array(arena, u->row_count, sizeof(*list));
    if (leaf == NULL || list == NULL) return hb_err_memory(err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < u->row_count; i++) {
        if (!unique_row_counts(u, rule, i)) continue;
        list[count++] = hb_column_get(&u->columns[rule->fields[0]], i);
    }
    leaf->kind = HB_EXPR_LEAF;
    leaf->field = rule->fields[0];
    leaf->op = HB_OP_IN;
    leaf->list = list;
    leaf->list_count = count;
    *out = count > 0 ? leaf : NULL;
    return HB_OK;
}

static hb_status unique_start_rule(hb_unique *u, unique_rule *rule, hb_err *err) {
    hb_page page = { .fields = rule->fields,
                     .field_count = rule->field_count,
                     .limit = HB_NO_LIMIT };
    HB_TRY(unique_filter(u, rule, &page.filter, err));
    rule->done = page.filter == NULL;
    return rule->done ? HB_OK : hb_page_read(u->task, u->ws, u->entity, &page, &rule->run, err);
}

hb_status hb_unique_start(hb_task *task, hb_workspace *ws, const hb_entity *entity,
                          const hb_column *columns, uint32_t row_count, hb_unique **out,
                          hb_err *err) {
    const hb_schema *schema = entity->schema;
    hb_unique *u = HB_NEW(&task->arena, hb_unique);
    const size_t rule_max = (size_t)schema->field_count + schema->unique_count;
    uint32_t *single = hb_arena_array(&task->arena, rule_max, sizeof(*single));
    if (u == NULL || single == NULL) return hb_err_memory(err);
    *u = (hb_unique){ task, ws, entity, columns, row_count, NULL, 0 };
    u->rules = HB_NEW_ARRAY(&task->arena, unique_rule, rule_max);
    if (u->rules == NULL) return hb_err_memory(err);
    hb_field_group group;
    for (uint32_t n = 0; hb_unique_next(ws, entity, &n, &single[u->rule_count], &group); n++) {
        unique_rule *rule = &u->rules[u->rule_count++];
        *rule = (unique_rule){ .fields = group.fields, .field_count = group.field_count };
        HB_TRY(unique_start_rule(u, rule, err));
    }
    *out = u;
    return HB_OK;
}

/* ---- comparing ------------------------------------------------------------------------- */

static hb_status unique_key(const hb_column *const *columns, uint32_t count, uint32_t row,
                            hb_arena *arena, const hb_mem *mem, hb_str *out, hb_err *err) {
    hb_buf key;
    hb_buf_init(&key, mem);
    for (uint32_t i = 0; i < count; i++) {
        hb_value value = hb_column_get(columns[i], row);
        hb_pack_value(&key, &value);
    }
    hb_status status = hb_buf_check(&key, err);
    if (status == HB_OK) *out = hb_arena_str(arena, hb_buf_str(&key));
    hb_buf_free(&key);
    if (status == HB_OK && out->ptr == NULL) status = hb_err_memory(err);
    return status;
}

static hb_status unique_refuse(const hb_unique *u, const unique_rule *rule, hb_str a, hb_str b,
                               hb_err *err) {
    const hb_schema *schema = u->entity->schema;
    hb_str names = HB_STR_EMPTY;
    for (uint32_t i = 0; i < rule->field_count && names.ptr != NULL; i++) {
        names = hb_arena_printf(&u->task->arena, "%.*s%s%.*s", HB_ARG(names), i > 0 ? ", " : "",
                                HB_ARG(schema->fields[rule->fields[i]].name));
    }
    hb_err_set(err, HB_E_UNIQUE,
               "unique constraint on %.*s(%.*s): object_ids '%.*s' and '%.*s' "
               "have the same value",
               HB_ARG(schema->entity_id), HB_ARG(names), HB_ARG(a), HB_ARG(b));
    return hb_err_where(err, schema->entity_id, schema->fields[rule->fields[0]].name, HB_STR_EMPTY);
}

/* The new rows by key; two of them with one key are refused. */
static hb_status unique_index(const hb_unique *u, const unique_rule *rule, hb_map *by_key,
                              hb_err *err) {
    hb_arena *arena = &u->task->arena;
    const hb_column **columns = hb_arena_array(arena, rule->field_count, sizeof(*columns));
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < rule->field_count; i++) columns[i] = &u->columns[rule->fields[i]];
    const hb_column *ids = &u->columns[HB_FIELD_OBJECT_ID];
    for (uint32_t row = 0; row < u->row_count; row++) {
        if (!unique_row_counts(u, rule, row)) continue;
        hb_str key;
        HB_TRY(unique_key(columns, rule->field_count, row, arena, u->ws->mem, &key, err));
        uint32_t other = hb_map_find(by_key, key);
        if (other != HB_MAP_NONE) {
            return unique_refuse(u, rule, hb_column_span(ids, other), hb_column_span(ids, row),
                                 err);
        }
        if (!hb_map_put(by_key, key, row)) return hb_err_memory(err);
    }
    return HB_OK;
}

/* The stored rows that hold a new value, unless the call replaces them. */
static hb_status unique_compare(const hb_unique *u, const unique_rule *rule, const hb_map *by_key,
                                const hb_map *by_id, hb_err *err) {
    if (rule->run == NULL) return HB_OK;
    hb_arena *arena = &u->task->arena;
    const hb_batch *stored = &hb_run_result_get(rule->run)->batch;
    const hb_column **columns = hb_arena_array(arena, rule->field_count, sizeof(*columns));
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < rule->field_count; i++) columns[i] = &stored->columns[i + 1];
    for (uint32_t row = 0; row < stored->row_count; row++) {
        hb_str id = hb_column_span(&stored->columns[0], row);
        if (hb_map_find(by_id, id) != HB_MAP_NONE) continue;
        hb_str key;
        HB_TRY(unique_key(columns, rule->field_count, row, arena, u->ws->mem, &key, err));
        uint32_t mine = hb_map_find(by_key, key);
        if (mine == HB_MAP_NONE) continue;
        return unique_refuse(u, rule, id, hb_column_span(&u->columns[HB_FIELD_OBJECT_ID], mine),
                             err);
    }
    return HB_OK;
}

static hb_status unique_check_rule(const hb_unique *u, const unique_rule *rule, const hb_map *by_id,
                                   hb_err *err) {
    hb_map by_key;
    hb_map_init(&by_key, u->ws->mem);
    hb_status status = unique_index(u, rule, &by_key, err);
    if (status == HB_OK) status = unique_compare(u, rule, &by_key, by_id, err);
    hb_map_free(&by_key);
    return status;
}

hb_status hb_unique_advance(hb_unique *u, bool *done, hb_err *err) {
    *done = true;
    for (uint32_t i = 0; i < u->rule_count; i++) {
        if (!u->rules[i].done) HB_TRY(hb_run_advance(u->rules[i].run, &u->rules[i].done, err));
        *done = *done && u->rules[i].done;
    }
    if (!*done || u->rule_count == 0) return HB_OK;
    hb_map by_id;
    hb_map_init(&by_id, u->ws->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < u->row_count && status == HB_OK; i++) {
        hb_str id = hb_column_span(&u->columns[HB_FIELD_OBJECT_ID], i);
        if (!hb_map_put(&by_id, id, i)) status = hb_err_memory(err);
    }
    for (uint32_t i = 0; i < u->rule_count && status == HB_OK; i++) {
        status = unique_check_rule(u, &u->rules[i], &by_id, err);
    }
    hb_map_free(&by_id);
    return status;
}

hb_status hb_unique_among(hb_task *task, hb_workspace *ws, const hb_entity *entity,
                          const hb_column *columns, uint32_t row_count, hb_err *err) {
    const hb_unique u = {
        .task = task, .ws = ws, .entity = entity, .columns = columns, .row_count = row_count
    };
    hb_field_group group;
    uint32_t single;
    for (uint32_t n = 0; hb_unique_next(NULL, entity, &n, &single, &group); n++) {
        const unique_rule rule = { .fields = group.fields, .field_count = group.field_count };
        HB_TRY(unique_check_rule(&u, &rule, NULL, err));
    }
    return HB_OK;
}
