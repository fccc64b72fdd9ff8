// SPDX-License-Identifier: MIT
/* Deciding what an alteration does, and the rows in their new shape. */
#include "workspace/alter.h"

#include "value/convert.h"

/* ---- what the caller says besides the definition ----------------------------------------- */

static hb_status params_wrong(hb_err *err) {
    return hb_err_set(err, HB_E_TYPE,
                      "rename expects a mapping of old names to new ones, drop a "
                      "list of names");
}

static hb_status read_texts(hb_pack_reader *reader, uint32_t count, uint32_t step, hb_arena *arena,
                            const hb_str **out, hb_err *err) {
    hb_str *texts = hb_arena_array(arena, count, sizeof(*texts));
    if (texts == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i += step) {
        hb_pack_item item;
        if (!hb_pack_next(reader, &item) || item.tag != HB_PACK_STR) return params_wrong(err);
        texts[i] = item.s;
    }
    *out = texts;
    return HB_OK;
}

static hb_status read_renames(hb_pack_reader *reader, uint32_t count, hb_schema_moves *moves,
                              hb_arena *arena, hb_err *err) {
    const hb_str *both;
    if (count > reader->len) return params_wrong(err);
    HB_TRY(read_texts(reader, count * 2, 1, arena, &both, err));
    hb_str *from = hb_arena_array(arena, count, sizeof(*from));
    hb_str *to = hb_arena_array(arena, count, sizeof(*to));
    if (from == NULL || to == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        from[i] = both[(size_t)i * 2];
        to[i] = both[(size_t)i * 2 + 1];
    }
    moves->from = from;
    moves->to = to;
    moves->rename_count = count;
    return HB_OK;
}

static hb_status read_moves(hb_str params, hb_schema_moves *moves, hb_arena *arena, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(params);
    hb_pack_item list, item;
    hb_str confirm;
    if (params.len == 0) return HB_OK;
    if (!hb_pack_valid(params) || !hb_pack_next(&reader, &list) || list.tag != HB_PACK_ARRAY) {
        return params_wrong(err);
    }
    if (list.count < 2) return HB_OK;
    if (!hb_pack_skip(&reader, &confirm) || !hb_pack_next(&reader, &item)) return params_wrong(err);
    if (item.tag == HB_PACK_MAP) {
        HB_TRY(read_renames(&reader, item.count, moves, arena, err));
    } else if (item.tag != HB_PACK_NIL) {
        return params_wrong(err);
    }
    if (list.count < 3 || !hb_pack_next(&reader, &item) || item.tag == HB_PACK_NIL) return HB_OK;
    if (item.tag != HB_PACK_ARRAY || item.count > reader.len) return params_wrong(err);
    moves->drop_count = item.count;
    return read_texts(&reader, item.count, 1, arena, &moves->dropped, err);
}

/* ---- what happens where ------------------------------------------------------------------ */

static uint32_t place_of(const hb_container *container, uint32_t field) {
    return container != NULL ? container->by_field[field] : HB_FIELD_NONE;
}

/* The field of `after` that a field of `before` becomes. */
static uint32_t successor(const hb_alter *alter, uint32_t field) {
    for (uint32_t f = 0; f < alter->after->schema->field_count; f++) {
        if (alter->diff.origin[f] == field) return f;
    }
    return HB_FIELD_NONE;
}

/* A column that cannot serve the new structure as it is. */
static bool must_rebuild_field(const hb_alter *alter, const hb_container *from,
                               const hb_container *to, uint32_t place) {
    const hb_placed *old = &from->fields[place];
    const uint32_t field = successor(alter, old->field);
    if (field == HB_FIELD_NONE || place_of(to, field) == HB_FIELD_NONE) return true;
    const hb_placed *new = &to->fields[place_of(to, field)];
    const hb_field *a = &from->schema->fields[old->field], *b = &to->schema->fields[field];
    return !hb_str_eq(a->name, b->name) || !hb_type_eq(a->type, b->type) ||
           a->required != b->required || old->strategy != new->strategy ||
           (old->indexed && !new->indexed) || (old->unique && !new->unique);
}

static bool has_group(const hb_schema *in, const hb_field_group *groups, uint32_t count,
                      const hb_schema *of, const hb_field_group *wanted) {
    for (uint32_t i = 0; i < count; i++) {
        if (hb_field_group_same(of, wanted, in, &groups[i])) return true;
    }
    return false;
}

static bool loses_group(const hb_alter *alter) {
    const hb_schema *a = alter->before->schema, *b = alter->after->schema;
    for (uint32_t i = 0; i < a->index_count; i++) {
        if (!has_group(b, b->indexes, b->index_count, a, &a->indexes[i])) return true;
    }
    for (uint32_t i = 0; i < a->unique_count; i++) {
        if (!has_group(b, b->uniques, b->unique_count, a, &a->uniques[i])) return true;
    }
    return false;
}

/* Has the field values that this container has not? */
static bool must_fill_field(const hb_alter *alter, const hb_container *from, const hb_container *to,
                            uint32_t place) {
    const uint32_t field = to->fields[place].field, origin = alter->diff.origin[field];
    const hb_field *def = &to->schema->fields[field];
    if (origin == HB_FIELD_NONE) return def->has_default && def->def.kind != HB_KIND_NULL;
    return place_of(from, origin) == HB_FIELD_NONE;
}

static hb_alter_action action_at(const hb_alter *alter, uint32_t backend) {
    const hb_container *from = alter->before->routing->containers[backend];
    const hb_container *to = alter->after->routing->containers[backend];
    if (from == NULL) return to == NULL ? HB_ALTER_NONE : HB_ALTER_MAKE;
    if (to == NULL) return HB_ALTER_DROP;
    bool rebuild = loses_group(alter), fill = false;
    for (uint32_t i = 1; i < from->field_count && !rebuild; i++) {
        rebuild = must_rebuild_field(alter, from, to, i);
    }
    for (uint32_t i = 1; i < to->field_count && !fill; i++) {
        fill = must_fill_field(alter, from, to, i);
    }
    return rebuild ? HB_ALTER_REBUILD : fill ? HB_ALTER_FILL : HB_ALTER_KEEP;
}

/* A field that the Catalog shows. */
static bool shows(const hb_schema *catalog, const hb_field *field) {
    uint32_t twin = hb_schema_find(catalog, field->name);
    return twin != HB_FIELD_NONE && hb_type_eq(field->type, catalog->fields[twin].type);
}

static bool changes_catalog(const hb_workspace *ws, const hb_alter *alter) {
    const hb_schema *catalog = ws->entities[HB_ENTITY_CATALOG]->schema;
    const hb_schema_diff *diff = &alter->diff;
    bool any = diff->derives;
    for (uint32_t i = 0; i < diff->added_count && !any; i++) {
        const hb_field *field = &diff->after->fields[diff->added[i]];
        any = field->has_default && shows(catalog, field);
    }
    for (uint32_t i = 0; i < diff->removed_count && !any; i++) {
        any = shows(catalog, &diff->before->fields[diff->removed[i]]);
    }
    for (uint32_t i = 0; i < diff->change_count && !any; i++) {
        const hb_field_change *change = &diff->changed[i];
        if ((change->what & (HB_CHANGE_TYPE | HB_CHANGE_NAME | HB_CHANGE_REQUIRED)) == 0) continue;
        any = shows(catalog, &diff->before->fields[change->before]) ||
              shows(catalog, &diff->after->fields[change->after]);
    }
    return any && ws->catalog;
}

/* Must values be looked at, even where no container changes? */
static bool looks_at_rows(const hb_alter *alter) {
    const hb_schema_diff *diff = &alter->diff;
    bool any = diff->uniques || alter->catalog;
    for (uint32_t i = 0; i < diff->change_count && !any; i++) {
        const uint32_t judged = HB_CHANGE_UNIQUE | HB_CHANGE_REQUIRED | HB_CHANGE_TYPE;
        any = (diff->changed[i].what & judged) != 0;
    }
    for (uint32_t i = 0; i < diff->added_count && !any; i++) {
        any = diff->after->fields[diff->added[i]].unique;
    }
    return any;
}

bool hb_alter_retypes(const hb_schema *before, const hb_schema *after) {
    for (uint32_t f = 0; f < after->field_count; f++) {
        const uint32_t old = hb_schema_find(before, after->fields[f].name);
        if (old == HB_FIELD_NONE) continue;
        if (!hb_type_eq(before->fields[old].type, after->fields[f].type)) return true;
    }
    return false;
}

hb_status hb_alter_plan(const hb_workspace *ws, const hb_entity *before, const hb_entity *after,
                        hb_str params, hb_arena *arena, hb_alter *out, hb_err *err) {
    const uint32_t count = after->routing->backend_count;
    memset(out, 0, sizeof(*out));
    out->before = before;
    out->after = after;
    HB_TRY(read_moves(params, &out->moves, arena, err));
    HB_TRY(hb_schema_diff_make(before->schema, after->schema, &out->moves, arena, &out->diff, err));
    out->actions = HB_NEW_ARRAY(arena, hb_alter_action, count);
    if (out->actions == NULL) return hb_err_memory(err);
    out->catalog = changes_catalog(ws, out);
    out->reads = looks_at_rows(out);
    for (uint32_t b = 0; b < count; b++) {
        out->actions[b] = action_at(out, b);
        if (out->actions[b] != HB_ALTER_NONE && out->actions[b] != HB_ALTER_KEEP) out->reads = true;
        /* Rows in memory belong to the container that goes. */
        if (out->actions[b] == HB_ALTER_KEEP && !ws->instances[b]->type->durable(ws->instances[b]))
            out->reads = true;
    }
    return HB_OK;
}

/* ---- rows -------------------------------------------------------------------------------- */

static hb_status row_fails(const hb_alter *alter, const hb_field *field, const hb_batch *batch,
                           uint32_t row, hb_err *err) {
    if (err->code == HB_E_MEMORY) return HB_E_MEMORY;
    char reason[sizeof(err->msg)];
    memcpy(reason, err->msg, sizeof(reason));
    hb_err_set(err, HB_E_VALIDATION, "row '%.*s' does not fit: %.200s",
               HB_ARG(hb_column_span(&batch->columns[0], row)), reason);
    return hb_err_where(err, alter->after->schema->entity_id, field->name, HB_STR_EMPTY);
}

static hb_status null_fails(const hb_alter *alter, const hb_field *field, const hb_batch *batch,
                            uint32_t row, hb_err *err) {
    hb_err_set(err, HB_E_VALIDATION, "a required field expects a value: found null");
    return row_fails(alter, field, batch, row, err);
}

/* Nulls of a field that is required from now on become its default, if it has one. */
static hb_status require(const hb_alter *alter, const hb_field *field, const hb_batch *batch,
                         hb_column *column, hb_arena *arena, hb_err *err) {
    const bool fills = field->has_default && field->def.kind != HB_KIND_NULL;
    hb_colbuf built;
    hb_colbuf_init(&built, arena->mem, field->kind, column->dim);
    hb_status status = HB_OK;
    bool any = false;
    for (uint32_t row = 0; row < batch->row_count && status == HB_OK; row++) {
        const bool none = hb_column_cell(column, row) != HB_CELL_VALUE;
        any = any || none;
        if (none && !fills) {
            status = null_fails(alter, field, batch, row, err);
        } else if (!(none ? hb_colbuf_add(&built, &field->def)
                          : hb_colbuf_add_cell(&built, column, row))) {
            status = hb_err_memory(err);
        }
    }
    const hb_column view = hb_colbuf_view(&built, field->name);
    if (status == HB_OK && any) {
        status = hb_columns_copy(&view, batch->row_count, arena, column, err);
    }
    hb_colbuf_free(&built);
    return status;
}

static hb_status convert(const hb_alter *alter, const hb_field *from, const hb_field *to,
                         const hb_batch *batch, const hb_column *in, hb_arena *arena,
                         hb_column *out, hb_err *err) {
    hb_colbuf built;
    uint32_t bad_row;
    hb_colbuf_init(&built, arena->mem, to->kind, to->kind == HB_KIND_VEC ? to->type->dim : 0);
    hb_status status = hb_convert_column(from->type, to->type,
                                         alter->replaces ? HB_CONVERT_AS_INPUT : HB_CONVERT_EXACT,
                                         in, batch->row_count, &built, &bad_row, err);
    if (status == HB_OK) {
        const hb_column view = hb_colbuf_view(&built, to->name);
        status = hb_columns_copy(&view, batch->row_count, arena, out, err);
    } else {
        status = row_fails(alter, to, batch, bad_row, err);
    }
    hb_colbuf_free(&built);
    return status;
}

static hb_status alter_column(const hb_alter *alter, uint32_t f, const hb_batch *batch,
                              hb_arena *arena, hb_column *out, hb_err *err) {
    const hb_field *field = &alter->after->schema->fields[f];
    const uint32_t origin = alter->diff.origin[f];
    const hb_value none = { .kind = HB_KIND_NULL };
    if (origin == HB_FIELD_NONE) {
        const bool fills = field->has_default && !alter->replaces;
        return hb_columns_constant(field, fills ? &field->def : &none, batch->row_count, arena, out,
                                   err);
    }
    const hb_field *old = &alter->before->schema->fields[origin];
    const int at = hb_batch_find(batch, old->name);
    if (at < 0 || batch->columns[at].kind != old->kind) {
        HB_TRY(hb_columns_null(field, batch->row_count, arena, out, err));
    } else if (hb_type_eq(old->type, field->type)) {
        *out = batch->columns[at];
    } else {
        HB_TRY(convert(alter, old, field, batch, &batch->columns[at], arena, out, err));
    }
    out->name = field->name;
    const bool demands = field->required && !old->required && !alter->replaces;
    return demands ? require(alter, field, batch, out, arena, err) : HB_OK;
}

hb_status hb_alter_columns(const hb_alter *alter, const hb_batch *batch, hb_arena *arena,
                           hb_column **out, hb_err *err) {
    const hb_schema *schema = alter->after->schema;
    hb_column *columns = HB_NEW_ARRAY(arena, hb_column, schema->field_count);
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        HB_TRY(alter_column(alter, f, batch, arena, &columns[f], err));
    }
    *out = columns;
    return HB_OK;
}

/* ---- telling ----------------------------------------------------------------------------- */

static const char *const action_names[] = {
    [HB_ALTER_NONE] = "none",       [HB_ALTER_KEEP] = "keep", [HB_ALTER_FILL] = "fill",
    [HB_ALTER_REBUILD] = "rebuild", [HB_ALTER_MAKE] = "make", [HB_ALTER_DROP] = "drop",
};

static void add_backends(const hb_workspace *ws, const hb_alter *alter, hb_buf *pack) {
    const uint32_t count = alter->after->routing->backend_count;
    uint32_t used = 0;
    for (uint32_t b = 0; b < count; b++) used += alter->actions[b] != HB_ALTER_NONE;
    hb_pack_str(pack, HB_STR("backends"));
    hb_pack_array(pack, used);
    for (uint32_t b = 0; b < count; b++) {
        if (alter->actions[b] == HB_ALTER_NONE) continue;
        hb_pack_map(pack, 2);
        hb_pack_str(pack, HB_STR("backend"));
        hb_pack_str(pack, ws->instances[b]->name);
        hb_pack_str(pack, HB_STR("action"));
        hb_pack_str(pack, hb_str_c(action_names[alter->actions[b]]));
    }
}

static void add_places(const hb_workspace *ws, const hb_entity *entity, uint32_t field,
                       hb_buf *pack) {
    const hb_routing *routing = entity->routing;
    uint32_t count = 0;
    for (uint32_t i = 0; i < routing->binding_count && field != HB_FIELD_NONE; i++) {
        count += routing->bindings[i].field == field;
    }
    hb_pack_array(pack, count);
    for (uint32_t i = 0; i < routing->binding_count && count > 0; i++) {
        const hb_binding *binding = &routing->bindings[i];
        if (binding->field != field) continue;
        hb_pack_map(pack, 2);
        hb_pack_str(pack, HB_STR("backend"));
        hb_pack_str(pack, ws->instances[binding->backend]->name);
        hb_pack_str(pack, HB_STR("strategy"));
        hb_pack_str(pack, hb_strategy_name(binding->strategy));
    }
}

/* Do both structures keep the field in the same places? */
static bool is_moved(const hb_alter *alter, uint32_t f) {
    const hb_routing *a = alter->before->routing, *b = alter->after->routing;
    const uint32_t origin = alter->diff.origin[f];
    if (origin == HB_FIELD_NONE || f == HB_FIELD_OBJECT_ID) return false;
    bool same = a->primary[origin] == b->primary[f];
    for (uint32_t i = 0; i < b->backend_count && same; i++) {
        const uint32_t x = place_of(a->containers[i], origin), y = place_of(b->containers[i], f);
        same = (x == HB_FIELD_NONE) == (y == HB_FIELD_NONE);
        if (!same || x == HB_FIELD_NONE) continue;
        same = a->containers[i]->fields[x].strategy == b->containers[i]->fields[y].strategy;
    }
    return !same;
}

static void add_moved(const hb_workspace *ws, const hb_alter *alter, hb_buf *pack) {
    const hb_schema *schema = alter->after->schema;
    uint32_t count = 0;
    for (uint32_t f = 1; f < schema->field_count; f++) count += is_moved(alter, f);
    hb_pack_str(pack, HB_STR("moved"));
    hb_pack_array(pack, count);
    for (uint32_t f = 1; f < schema->field_count; f++) {
        if (!is_moved(alter, f)) continue;
        hb_pack_map(pack, 3);
        hb_pack_str(pack, HB_STR("field"));
        hb_pack_str(pack, schema->fields[f].name);
        hb_pack_str(pack, HB_STR("from"));
        add_places(ws, alter->before, alter->diff.origin[f], pack);
        hb_pack_str(pack, HB_STR("to"));
        add_places(ws, alter->after, f, pack);
    }
}

hb_status hb_alter_json(const hb_workspace *ws, const hb_alter *alter, int64_t rows, hb_str refusal,
                        hb_arena *arena, hb_buf *out, hb_err *err) {
    hb_err reason;
    hb_err_init(&reason);
    bool ok = refusal.len == 0 && hb_schema_diff_check(&alter->diff, &reason) == HB_OK;
    hb_buf pack;
    hb_buf_init(&pack, ws->mem);
    hb_pack_map(&pack, HB_DIFF_PAIRS + 6);
    hb_pack_str(&pack, HB_STR("entity"));
    hb_pack_str(&pack, alter->after->schema->entity_id);
    hb_pack_str(&pack, HB_STR("ok"));
    hb_pack_bool(&pack, ok);
    hb_pack_str(&pack, HB_STR("same"));
    hb_pack_bool(&pack, hb_schema_diff_is_empty(&alter->diff));
    hb_pack_str(&pack, HB_STR("rows"));
    if (rows >= 0) {
        hb_pack_int(&pack, rows);
    } else {
        hb_pack_nil(&pack);
    }
    add_backends(ws, alter, &pack);
    add_moved(ws, alter, &pack);
    hb_status status = hb_schema_diff_write(&alter->diff, refusal, arena, &pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, out, err);
    if (status == HB_OK) status = hb_buf_check(out, err);
    hb_buf_free(&pack);
    return status;
}
