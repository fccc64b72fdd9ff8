// SPDX-License-Identifier: MIT
#include "workspace/audit_catalog.h"

#include <cJSON.h>

#include "workspace/audit_stored.h"
#include "workspace/audit_unique.h"

typedef enum catalog_phase {
    CATALOG_COUNT,              /* every home is asked how many rows it has */
    CATALOG_ROWS,               /* a page of an entity */
    CATALOG_FOUND,              /* and its Catalog rows */
    CATALOG_STORED,             /* a page of the Catalog */
    CATALOG_ENDS,               /* and the rows that it is about */
    CATALOG_WRITE,
    CATALOG_DONE
} catalog_phase;

typedef struct restored_ref {   /* a row that a repair would put back */
    const hb_restored *in;
    uint32_t row;
    bool seen;                  /* its home has it still, with other values */
} restored_ref;

typedef struct catalog_ends {   /* rows of one entity that a page of the Catalog is about */
    hb_entity *entity;
    hb_str *ids;
    uint32_t *rows;             /* of the page, by id */
    uint32_t count;
    hb_ids asked;
    hb_fetch *fetch;
} catalog_ends;

struct hb_catalog_check {
    hb_task *task;
    hb_workspace *ws;
    hb_entity *catalog;
    int64_t now_ms;
    bool fix;
    bool kept;                  /* there is a Catalog that can be read */
    catalog_phase phase;
    uint32_t at;                /* entity to look at; the Catalog comes after all of them */
    hb_buf last;                /* id that the next page starts after; owned */
    restored_ref *refs;
    uint32_t ref_count;
    hb_map by_id;               /* "entity/object_id" -> ref; owned */
    hb_buf key;                 /* scratch; owned */
    /* The page; everything but `outer` and `changes` lies in its memory: */
    bool paged;
    hb_task_page outer;
    hb_job **jobs;              /* by entity; NULL: not asked */
    hb_run *run;
    hb_column *columns;         /* by field of the entity, or of the Catalog */
    hb_column *expected;        /* Catalog rows */
    uint32_t row_count;
    bool is_last;               /* there are no more rows after it */
    hb_ids ids;
    hb_fetch *found;
    catalog_ends *ends;
    uint32_t end_count;
    uint8_t *dangles;           /* by row */
    hb_changes *changes;
    /* What came of it: */
    bool paused;                /* a page is through: a moment to look at the time */
    uint64_t through;
    hb_catalog_counts counts;
    uint64_t object_count, stored_count;
    uint32_t entity_count;
    cJSON *missing, *mismatched, *dangling;
};

/* ---- life --------------------------------------------------------------------------------------
 */

static hb_status key_of(hb_catalog_check *check, hb_str entity, hb_str id, hb_str *out,
                        hb_err *err) {
    hb_buf_clear(&check->key);
    hb_buf_add_str(&check->key, entity);
    hb_buf_add_char(&check->key, '/');
    hb_buf_add_str(&check->key, id);
    *out = hb_buf_str(&check->key);
    return hb_buf_check(&check->key, err);
}

static hb_status note_restored(hb_catalog_check *check, const hb_restored *restored, hb_err *err) {
    uint32_t count = 0;
    hb_arena *arena = &check->task->arena;
    for (const hb_restored *r = restored; r != NULL; r = r->next) count += r->row_count;
    check->refs = HB_NEW_ARRAY(arena, restored_ref, count);
    if (check->refs == NULL) return hb_err_memory(err);
    for (const hb_restored *r = restored; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->row_count; i++) {
            hb_str key;
            HB_TRY(key_of(check, r->entity->schema->entity_id, hb_column_span(&r->columns[0], i),
                          &key, err));
            key = hb_arena_str(arena, key);
            if (key.ptr == NULL || !hb_map_put(&check->by_id, key, check->ref_count)) {
                return hb_err_memory(err);
            }
            check->refs[check->ref_count++] = (restored_ref){ .in = r, .row = i };
        }
    }
    return HB_OK;
}

/* NULL: it is none of them. */
static hb_status find_restored(hb_catalog_check *check, hb_str entity, hb_str id,
                               restored_ref **out, hb_err *err) {
    *out = NULL;
    if (check->ref_count == 0) return HB_OK;
    hb_str key;
    HB_TRY(key_of(check, entity, id, &key, err));
    const uint32_t at = hb_map_find(&check->by_id, key);
    if (at != HB_MAP_NONE) *out = &check->refs[at];
    return HB_OK;
}

static bool is_looked_at(const hb_entity *entity) {
    return !entity->system && !entity->drifted;
}

hb_status hb_catalog_check_start(hb_task *task, hb_workspace *ws, int64_t now_ms, bool fix,
                                 const hb_restored *restored, hb_catalog_check **out, hb_err *err) {
    hb_catalog_check *check = HB_NEW(&task->arena, hb_catalog_check);
    if (check == NULL) return hb_err_memory(err);
    check->task = task;
    check->ws = ws;
    check->catalog = ws->entities[HB_ENTITY_CATALOG];
    check->now_ms = now_ms;
    check->fix = fix;
    check->kept = ws->catalog && check->catalog->ensured && !check->catalog->drifted;
    hb_buf_init(&check->last, ws->mem);
    hb_buf_init(&check->key, ws->mem);
    hb_map_init(&check->by_id, ws->mem);
    *out = check;
    check->missing = cJSON_CreateArray();
    check->mismatched = cJSON_CreateArray();
    check->dangling = cJSON_CreateArray();
    if (check->missing == NULL || check->mismatched == NULL || check->dangling == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        check->entity_count += is_looked_at(ws->entities[i]);
    }
    return note_restored(check, restored, err);
}

static void page_begin(hb_catalog_check *check) {
    hb_task_page_begin(check->task, &check->outer);
    check->paged = true;
}

static void page_end(hb_catalog_check *check) {
    hb_changes_end(check->changes);
    check->changes = NULL;
    if (check->paged) hb_task_page_end(check->task, &check->outer);
    check->paged = false;
    check->run = NULL;
    check->found = NULL;
    check->ends = NULL;
    check->end_count = 0;
}

void hb_catalog_check_end(hb_catalog_check *check) {
    if (check == NULL) return;
    page_end(check);
    hb_buf_free(&check->last);
    hb_buf_free(&check->key);
    hb_map_free(&check->by_id);
    cJSON_Delete(check->missing);
    cJSON_Delete(check->mismatched);
    cJSON_Delete(check->dangling);
    check->missing = check->mismatched = check->dangling = NULL;
}

hb_status hb_catalog_check_explain(hb_catalog_check *check, hb_status status, hb_err *err) {
    const bool writes = check != NULL && check->changes != NULL;
    return writes ? hb_changes_explain(check->changes, status, err) : status;
}

/* ---- pages -------------------------------------------------------------------------------------
 */

/* An engine that reads all of an entity at once does so before anything is written: what fails then
 * leaves everything as it was. */
static hb_status count_start(hb_catalog_check *check, hb_err *err) {
    hb_workspace *ws = check->ws;
    page_begin(check);
    check->jobs = HB_NEW_ARRAY(&check->task->arena, hb_job *, ws->entity_count);
    if (check->jobs == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        hb_entity *entity = ws->entities[i];
        const bool asked = entity == check->catalog ? check->kept : is_looked_at(entity);
        if (!asked || !entity->ensured) continue;
        hb_fragment *fragment = HB_NEW(&check->task->arena, hb_fragment);
        if (fragment == NULL) return hb_err_memory(err);
        const hb_routing *routing = entity->routing;
        fragment->kind = HB_FRAG_COUNT;
        fragment->container = routing->containers[routing->home];
        fragment->limit = HB_NO_LIMIT;
        HB_TRY(hb_task_start_job(check->task, hb_entity_instances(ws, entity)[routing->home],
                                 fragment, &check->jobs[i], err));
    }
    return HB_OK;
}

static hb_status count_advance(hb_catalog_check *check, bool *ready, hb_err *err) {
    if (!check->paged) HB_TRY(count_start(check, err));
    *ready = true;
    for (uint32_t i = 0; i < check->ws->entity_count && *ready; i++) {
        *ready = check->jobs[i] == NULL || check->jobs[i]->done;
    }
    if (!*ready) return HB_OK;
    hb_job *counted = check->jobs[HB_ENTITY_CATALOG];
    if (counted != NULL) {
        const hb_batch batch = hb_rowset_batch(&counted->out);
        check->stored_count = (uint64_t)((const int64_t *)batch.columns[0].data)[0];
    }
    page_end(check);
    check->phase = CATALOG_ROWS;
    return HB_OK;
}

/* The fields that the Catalog shows; NULL: all. */
static hb_status fields_of(hb_catalog_check *check, const hb_entity *entity, const uint32_t **out,
                           uint32_t *count, hb_err *err) {
    const hb_schema *schema = entity->schema, *catalog = check->catalog->schema;
    uint32_t *fields = hb_arena_array(&check->task->arena, schema->field_count, sizeof(*fields));
    if (fields == NULL) return hb_err_memory(err);
    *count = 0;
    for (uint32_t f = 1; f < schema->field_count; f++) {
        const uint32_t twin = hb_schema_find(catalog, schema->fields[f].name);
        if (twin == HB_FIELD_NONE) continue;
        if (hb_type_eq(schema->fields[f].type, catalog->fields[twin].type)) fields[(*count)++] = f;
    }
    *out = fields;
    return HB_OK;
}

/* Starts reading the next rows of an entity; `whole`: all their fields. */
static hb_status page_read(hb_catalog_check *check, hb_entity *entity, bool whole, hb_err *err) {
    hb_task *task = check->task;
    page_begin(check);
    const uint32_t *fields = NULL;
    uint32_t field_count = 0;
    if (!whole) HB_TRY(fields_of(check, entity, &fields, &field_count, err));
    const hb_page page = { fields, field_count, NULL, hb_buf_str(&check->last), HB_PAGE_ROWS };
    return hb_page_read(task, check->ws, entity, &page, &check->run, err);
}

static hb_status page_take(hb_catalog_check *check, const hb_entity *entity, hb_err *err) {
    HB_TRY(hb_page_take(check->task, entity, check->run, &check->last, &check->columns,
                        &check->row_count, err));
    check->is_last = check->last.len == 0;
    return HB_OK;
}

/* Where the values that a repair would bring back stand; [row] NULL: the page's own. */
static hb_status page_refs(hb_catalog_check *check, const hb_entity *entity,
                           const restored_ref ***out, bool *any, hb_err *err) {
    const restored_ref **refs =
        (const restored_ref **)hb_arena_array(&check->task->arena, check->row_count, sizeof(*refs));
    if (refs == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < check->row_count; i++) {
        restored_ref *ref;
        HB_TRY(find_restored(check, entity->schema->entity_id,
                             hb_column_span(&check->columns[0], i), &ref, err));
        refs[i] = ref;
        if (ref == NULL) continue;
        ref->seen = true;
        *any = true;
    }
    *out = refs;
    return HB_OK;
}

/* A column with the cells of the refs in the place of its own. */
static hb_status column_mended(hb_catalog_check *check, const hb_field *field, uint32_t index,
                               const restored_ref *const *refs, hb_err *err) {
    hb_rowset *set;
    hb_column *column = &check->columns[index];
    HB_TRY(hb_task_rowset(check->task, 1, &set, err));
    hb_rowset_column(set, 0, field->name, column->kind, column->dim);
    for (uint32_t i = 0; i < check->row_count; i++) {
        const hb_column *from = refs[i] != NULL ? &refs[i]->in->columns[index] : column;
        const uint32_t row = refs[i] != NULL ? refs[i]->row : i;
        const bool fits = from->kind == column->kind;
        if (!(fits ? hb_colbuf_add_cell(&set->columns[0], from, row)
                   : hb_colbuf_add_null(&set->columns[0]))) {
            return hb_err_memory(err);
        }
    }
    *column = hb_colbuf_view(&set->columns[0], field->name);
    return HB_OK;
}

static hb_status page_mended(hb_catalog_check *check, const hb_entity *entity, hb_err *err) {
    const hb_schema *schema = entity->schema, *catalog = check->catalog->schema;
    const restored_ref **refs;
    bool any = false;
    if (check->ref_count == 0) return HB_OK;
    HB_TRY(page_refs(check, entity, &refs, &any, err));
    if (!any) return HB_OK;
    for (uint32_t f = 1; f < schema->field_count; f++) {
        if (hb_schema_find(catalog, schema->fields[f].name) == HB_FIELD_NONE) continue;
        HB_TRY(column_mended(check, &schema->fields[f], f, refs, err));
    }
    return HB_OK;
}

/* The rows of the entity that its home lacks, up to a page of them. */
static hb_status page_restored(hb_catalog_check *check, hb_entity *entity, hb_err *err) {
    const hb_schema *schema = entity->schema;
    const restored_ref *refs[HB_PAGE_ROWS];
    page_begin(check);
    check->row_count = 0;
    for (uint32_t i = 0; i < check->ref_count && check->row_count < HB_PAGE_ROWS; i++) {
        restored_ref *ref = &check->refs[i];
        if (ref->seen || ref->in->entity != entity) continue;
        ref->seen = true;
        refs[check->row_count++] = ref;
    }
    check->is_last = check->row_count == 0;
    check->columns = HB_NEW_ARRAY(&check->task->arena, hb_column, schema->field_count);
    if (check->columns == NULL) return hb_err_memory(err);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        if (f > 0 &&
            hb_schema_find(check->catalog->schema, schema->fields[f].name) == HB_FIELD_NONE) {
            HB_TRY(hb_columns_null(&schema->fields[f], check->row_count, &check->task->arena,
                                   &check->columns[f], err));
            continue;
        }
        check->columns[f] = (hb_column){ .kind = schema->fields[f].kind };
        HB_TRY(column_mended(check, &schema->fields[f], f, refs, err));
    }
    return HB_OK;
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

static bool cell_differs(const hb_catalog_check *check, const hb_entity *entity, uint32_t field,
                         const hb_column *stored, uint32_t row, uint32_t expected) {
    const hb_schema *catalog = check->catalog->schema;
    if (!hb_catalog_is_projected(catalog, field, entity->schema)) return false;
    if (hb_derives_has(entity->schema, catalog->fields[field].name)) return false;
    const hb_value a = hb_column_get(&stored[field], row);
    const hb_value b = hb_column_get(&check->expected[field], expected);
    return !hb_value_eq(&a, &b);
}

static bool row_differs(const hb_catalog_check *check, const hb_entity *entity,
                        const hb_column *stored, uint32_t row, uint32_t expected) {
    for (uint32_t f = 0; f < check->catalog->schema->field_count; f++) {
        if (cell_differs(check, entity, f, stored, row, expected)) return true;
    }
    return false;
}

/* A Catalog row as JSON. */
static hb_status add_row(const hb_catalog_check *check, cJSON *item, const char *key,
                         const hb_column *columns, uint32_t row, hb_err *err) {
    const hb_schema *catalog = check->catalog->schema;
    hb_buf pack, json;
    hb_buf_init(&pack, check->ws->mem);
    hb_buf_init(&json, check->ws->mem);
    hb_pack_map(&pack, catalog->field_count);
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        const hb_value value = hb_column_get(&columns[f], row);
        hb_pack_str(&pack, catalog->fields[f].name);
        hb_pack_value(&pack, &value);
    }
    hb_status status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, err);
    status = hb_stored_add_json(item, key, &json, status, err);
    hb_buf_free(&pack);
    return status;
}

/* *item is lent; NULL: there are enough of them. */
static hb_status new_item(cJSON *list, uint64_t count, cJSON **item, hb_err *err) {
    *item = NULL;
    if (count > HB_AUDIT_LIST_MAX) return HB_OK;
    *item = cJSON_CreateObject();
    if (*item != NULL && cJSON_AddItemToArray(list, *item)) return HB_OK;
    cJSON_Delete(*item);
    return hb_err_memory(err);
}

static hb_status tell_missing(hb_catalog_check *check, uint32_t expected, hb_err *err) {
    cJSON *item;
    HB_TRY(new_item(check->missing, ++check->counts.missing, &item, err));
    if (item == NULL) return HB_OK;
    return add_row(check, item, "expected", check->expected, expected, err);
}

static hb_status tell_mismatched(hb_catalog_check *check, const hb_entity *entity,
                                 const hb_column *stored, uint32_t row, uint32_t expected,
                                 hb_err *err) {
    const hb_schema *catalog = check->catalog->schema;
    cJSON *item;
    HB_TRY(new_item(check->mismatched, ++check->counts.mismatched, &item, err));
    if (item == NULL) return HB_OK;
    HB_TRY(add_row(check, item, "catalog", stored, row, err));
    HB_TRY(add_row(check, item, "expected", check->expected, expected, err));
    cJSON *fields = cJSON_AddArrayToObject(item, "fields");
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        if (!cell_differs(check, entity, f, stored, row, expected)) continue;
        const hb_str name =
            hb_arena_printf(&check->task->arena, "%.*s", HB_ARG(catalog->fields[f].name));
        cJSON *text = name.ptr != NULL ? cJSON_CreateString(name.ptr) : NULL;
        if (text == NULL || !cJSON_AddItemToArray(fields, text)) {
            cJSON_Delete(text);
            return hb_err_memory(err);
        }
    }
    return HB_OK;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* The page's write to every backend of the Catalog: rows, or ids that go. */
static hb_status page_write(hb_catalog_check *check, const hb_column *rows, uint32_t row_count,
                            const hb_ids *gone, hb_err *err) {
    const hb_routing *routing = check->catalog->routing;
    hb_arena *arena = &check->task->arena;
    check->phase = CATALOG_WRITE;
    HB_TRY(hb_changes_new(check->ws, check->task, HB_STR_EMPTY, routing->home,
                          routing->backend_count, &check->changes, err));
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        hb_container *container = routing->containers[b];
        if (container == NULL) continue;
        hb_change *change = hb_changes_add(check->changes, b, container,
                                           rows != NULL ? HB_FRAG_WRITE : HB_FRAG_DELETE);
        if (rows != NULL) {
            HB_TRY(hb_columns_for_container(container, rows, row_count, arena,
                                            &change->fragment.batch, err));
        } else {
            change->fragment.ids = gone;
        }
    }
    return HB_OK;
}

/* The rows of the page that are to be written: `wanted`, as expected but for what functions gave
 * and the Catalog alone knows. */
static hb_status page_mend(hb_catalog_check *check, const hb_entity *entity,
                           const hb_column *stored, const uint32_t *found, const uint32_t *wanted,
                           uint32_t count, hb_err *err) {
    const hb_schema *catalog = check->catalog->schema;
    hb_arena *arena = &check->task->arena;
    hb_rowset *set;
    HB_TRY(hb_task_rowset(check->task, catalog->field_count, &set, err));
    uint32_t *at = hb_arena_array(arena, count, sizeof(*at));
    hb_column *rows = HB_NEW_ARRAY(arena, hb_column, catalog->field_count);
    if (at == NULL || rows == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) at[i] = found[wanted[i]];
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        const hb_field *field = &catalog->fields[f];
        const bool derived = hb_derives_has(entity->schema, field->name);
        hb_rowset_column(set, f, field->name, field->kind, 0);
        for (uint32_t i = 0; i < count; i++) {
            const bool stays = derived && at[i] != HB_MAP_NONE;
            if (!hb_colbuf_add_cell(&set->columns[f], stays ? &stored[f] : &check->expected[f],
                                    stays ? at[i] : wanted[i])) {
                return hb_err_memory(err);
            }
        }
        rows[f] = hb_colbuf_view(&set->columns[f], field->name);
    }
    HB_TRY(hb_catalog_keep(check->ws, rows, count, stored, at, arena, err));
    return page_write(check, rows, count, NULL, err);
}

/* ---- the rows of the entities -------------------------------------------------------------------
 */

/* What the page's Catalog rows should be; they are asked for. */
static hb_status page_expect(hb_catalog_check *check, hb_entity *entity, hb_err *err) {
    hb_arena *arena = &check->task->arena;
    HB_TRY(hb_catalog_rows(check->ws, entity, check->columns, check->row_count, check->now_ms,
                           arena, &check->expected, err));
    check->object_count += check->row_count;
    check->through += check->row_count;
    check->phase = CATALOG_FOUND;
    hb_str *ids = hb_arena_array(arena, check->row_count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < check->row_count; i++) {
        ids[i] = hb_column_span(&check->expected[0], i);
    }
    check->ids = (hb_ids){ ids, check->row_count };
    if (!check->kept || check->row_count == 0) return HB_OK;
    return hb_fetch_start(check->task, check->ws, check->catalog, &check->ids, NULL, 0,
                          &check->found, err);
}

/* After the last page of an entity: what its home lacks, then the next entity. */
static void next_page(hb_catalog_check *check) {
    page_end(check);
    check->phase = check->at < check->ws->entity_count ? CATALOG_ROWS
                   : check->is_last                    ? CATALOG_DONE
                                                       : CATALOG_STORED;
}

static hb_status page_compare(hb_catalog_check *check, hb_entity *entity, hb_err *err) {
    const hb_column *stored = NULL;
    const uint32_t *found = NULL;
    uint32_t stored_count, count = 0;
    if (check->found != NULL) {
        HB_TRY(hb_fetch_take(check->found, &stored, &stored_count, &found, err));
    }
    uint32_t *wanted = hb_arena_array(&check->task->arena, check->row_count, sizeof(*wanted));
    if (wanted == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < check->row_count && check->ws->catalog; i++) {
        const uint32_t row = found != NULL ? found[i] : HB_MAP_NONE;
        const bool differs = row != HB_MAP_NONE && row_differs(check, entity, stored, row, i);
        if (row != HB_MAP_NONE && !differs) continue;
        wanted[count++] = i;
        HB_TRY(differs ? tell_mismatched(check, entity, stored, row, i, err)
                       : tell_missing(check, i, err));
    }
    if (check->fix && count > 0 && found != NULL) {
        return page_mend(check, entity, stored, found, wanted, count, err);
    }
    next_page(check);
    return HB_OK;
}

/* Pages of an entity, then of what its home lacks; *ready: there is one to compare. */
static hb_status rows_next(hb_catalog_check *check, bool *ready, hb_err *err) {
    *ready = false;
    hb_workspace *ws = check->ws;
    while (check->at < ws->entity_count && !is_looked_at(ws->entities[check->at])) check->at++;
    if (check->at == ws->entity_count) {
        check->phase = check->kept ? CATALOG_STORED : CATALOG_DONE;
        check->is_last = false;
        check->through = 0;
        return HB_OK;
    }
    hb_entity *entity = ws->entities[check->at];
    if (check->run == NULL && !check->is_last) HB_TRY(page_read(check, entity, false, err));
    if (check->run != NULL) {
        HB_TRY(hb_run_advance(check->run, ready, err));
        if (!*ready) return HB_OK;
        HB_TRY(page_take(check, entity, err));
        HB_TRY(page_mended(check, entity, err));
        return page_expect(check, entity, err);
    }
    HB_TRY(page_restored(check, entity, err));
    *ready = check->row_count > 0;
    if (*ready) {
        HB_TRY(page_expect(check, entity, err));
        check->is_last = true;
        return HB_OK;
    }
    page_end(check);
    check->at++;
    check->is_last = false;
    check->through = 0;
    return HB_OK;
}

/* ---- the Catalog's own rows ---------------------------------------------------------------------
 */

static hb_str text_at(const hb_catalog_check *check, const char *name, uint32_t row) {
    const uint32_t field = hb_schema_find(check->catalog->schema, hb_str_c(name));
    const hb_column *column = &check->columns[field];
    return hb_column_cell(column, row) == HB_CELL_VALUE ? hb_column_span(column, row)
                                                        : HB_STR_EMPTY;
}

/* The row that a Catalog row is about: its id says so, or, where that is a hash, its columns. */
static void about(const hb_catalog_check *check, uint32_t row, hb_str *entity, hb_str *id) {
    const hb_str own = hb_column_span(&check->columns[0], row);
    const hb_str head = HB_STR("catalog:");
    *entity = text_at(check, "target_entity", row);
    *id = text_at(check, "target_id", row);
    if (!hb_str_starts(own, head)) return;
    const int64_t colon = hb_str_find(own, HB_STR(":"), head.len);
    if (colon < 0) return;
    *entity = hb_str_sub(own, head.len, (uint32_t)colon - head.len);
    *id = hb_str_sub(own, (uint32_t)colon + 1, own.len - (uint32_t)colon - 1);
}

/* Is that its id, and not one that looks like it? */
static hb_status is_id_of(hb_catalog_check *check, uint32_t row, hb_str entity, hb_str id,
                          bool *out, hb_err *err) {
    hb_str right;
    *out = false;
    if (id.len == 0) return HB_OK;
    HB_TRY(hb_catalog_id(check->ws, entity, id, &check->task->arena, &right, err));
    *out = hb_str_eq(right, hb_column_span(&check->columns[0], row));
    return HB_OK;
}

static hb_status ends_add(hb_catalog_check *check, hb_entity *entity, hb_str id, uint32_t row,
                          hb_err *err) {
    hb_arena *arena = &check->task->arena;
    catalog_ends *ends = NULL;
    for (uint32_t e = 0; e < check->end_count && ends == NULL; e++) {
        if (check->ends[e].entity == entity) ends = &check->ends[e];
    }
    if (ends == NULL) {
        ends = &check->ends[check->end_count++];
        *ends = (catalog_ends){ .entity = entity };
        ends->ids = hb_arena_array(arena, check->row_count, sizeof(*ends->ids));
        ends->rows = hb_arena_array(arena, check->row_count, sizeof(*ends->rows));
        if (ends->ids == NULL || ends->rows == NULL) return hb_err_memory(err);
    }
    ends->ids[ends->count] = id;
    ends->rows[ends->count++] = row;
    return HB_OK;
}

/* What a row is about is asked for, where that can be read. */
static hb_status ends_row(hb_catalog_check *check, uint32_t row, hb_err *err) {
    hb_str entity, id;
    bool is_own;
    about(check, row, &entity, &id);
    const uint32_t index = hb_map_find(&check->ws->by_id, entity);
    hb_entity *target = index != HB_MAP_NONE ? check->ws->entities[index] : NULL;
    check->dangles[row] =
        target == NULL ? hb_definition_hidden(check->ws, entity) == NULL : !target->drifted;
    if (target == NULL || target->drifted) return HB_OK;
    HB_TRY(is_id_of(check, row, entity, id, &is_own, err));
    if (!is_own || target->system) return HB_OK;
    restored_ref *ref;
    HB_TRY(find_restored(check, entity, id, &ref, err));
    if (ref != NULL) check->dangles[row] = 0;
    return ref != NULL ? HB_OK : ends_add(check, target, id, row, err);
}

static hb_status ends_start(hb_catalog_check *check, hb_err *err) {
    static const uint32_t none[1] = { 0 };
    hb_arena *arena = &check->task->arena;
    check->through += check->row_count;
    check->phase = CATALOG_ENDS;
    check->dangles = hb_arena_zalloc(arena, check->row_count);
    check->ends = HB_NEW_ARRAY(arena, catalog_ends, check->ws->entity_count);
    if (check->dangles == NULL || check->ends == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < check->row_count; i++) HB_TRY(ends_row(check, i, err));
    for (uint32_t e = 0; e < check->end_count; e++) {
        catalog_ends *ends = &check->ends[e];
        ends->asked = (hb_ids){ ends->ids, ends->count };
        HB_TRY(hb_fetch_start(check->task, check->ws, ends->entity, &ends->asked, none, 0,
                              &ends->fetch, err));
    }
    return HB_OK;
}

static bool ends_are_there(const hb_catalog_check *check) {
    for (uint32_t e = 0; e < check->end_count; e++) {
        if (!hb_fetch_done(check->ends[e].fetch)) return false;
    }
    return true;
}

static hb_status ends_take(hb_catalog_check *check, hb_err *err) {
    for (uint32_t e = 0; e < check->end_count; e++) {
        const hb_column *columns;
        const uint32_t *found;
        uint32_t count;
        HB_TRY(hb_fetch_take(check->ends[e].fetch, &columns, &count, &found, err));
        for (uint32_t i = 0; i < check->ends[e].count; i++) {
            if (found[i] != HB_MAP_NONE) check->dangles[check->ends[e].rows[i]] = 0;
        }
    }
    hb_str *ids = hb_arena_array(&check->task->arena, check->row_count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    check->ids = (hb_ids){ ids, 0 };
    for (uint32_t i = 0; i < check->row_count; i++) {
        if (check->dangles[i] == 0) continue;
        ids[check->ids.count++] = hb_column_span(&check->columns[0], i);
        cJSON *item;
        HB_TRY(new_item(check->dangling, ++check->counts.dangling, &item, err));
        if (item != NULL) HB_TRY(add_row(check, item, "catalog", check->columns, i, err));
    }
    if (check->fix && check->ids.count > 0) return page_write(check, NULL, 0, &check->ids, err);
    next_page(check);
    return HB_OK;
}

static hb_status stored_next(hb_catalog_check *check, bool *ready, hb_err *err) {
    if (check->run == NULL) HB_TRY(page_read(check, check->catalog, true, err));
    HB_TRY(hb_run_advance(check->run, ready, err));
    if (!*ready) return HB_OK;
    HB_TRY(page_take(check, check->catalog, err));
    return ends_start(check, err);
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

static hb_status step(hb_catalog_check *check, bool *ready, hb_err *err) {
    *ready = true;
    switch (check->phase) {
    case CATALOG_COUNT: return count_advance(check, ready, err);
    case CATALOG_ROWS: return rows_next(check, ready, err);
    case CATALOG_FOUND:
        *ready = check->found == NULL || hb_fetch_done(check->found);
        return *ready ? page_compare(check, check->ws->entities[check->at], err) : HB_OK;
    case CATALOG_STORED: return stored_next(check, ready, err);
    case CATALOG_ENDS:
        *ready = ends_are_there(check);
        return *ready ? ends_take(check, err) : HB_OK;
    case CATALOG_WRITE:
        HB_TRY(hb_changes_advance(check->changes, ready, err));
        if (*ready) next_page(check);
        return HB_OK;
    case CATALOG_DONE: break;
    }
    return HB_OK;
}

hb_status hb_catalog_check_advance(hb_catalog_check *check, bool *done, hb_err *err) {
    *done = check->paused = false;
    bool ready = true;
    while (check->phase != CATALOG_DONE) {
        const bool paged = check->paged;
        HB_TRY(step(check, &ready, err));
        if (paged && !check->paged && check->phase != CATALOG_DONE) {
            check->paused = check->task->progress = true;
            return HB_OK;
        }
        if (!ready && check->paged) return HB_OK;
    }
    *done = true;
    return HB_OK;
}

bool hb_catalog_check_paused(const hb_catalog_check *check, hb_str *entity, uint64_t *rows) {
    const bool own = check->at == check->ws->entity_count;
    *entity =
        own ? check->catalog->schema->entity_id : check->ws->entities[check->at]->schema->entity_id;
    *rows = check->through;
    return check->paused;
}

hb_catalog_counts hb_catalog_check_counts(const hb_catalog_check *check) {
    return check->counts;
}

bool hb_catalog_check_ok(const hb_catalog_check *check) {
    return check->counts.missing + check->counts.mismatched + check->counts.dangling == 0;
}

static bool give(cJSON *report, const char *key, const cJSON *list) {
    cJSON *copy = cJSON_Duplicate(list, true);
    if (copy != NULL && cJSON_AddItemToObject(report, key, copy)) return true;
    cJSON_Delete(copy);
    return false;
}

hb_status hb_catalog_check_json(const hb_catalog_check *check, cJSON *parent, const char *key,
                                hb_err *err) {
    cJSON *report = cJSON_AddObjectToObject(parent, key);
    const bool ok =
        report != NULL && cJSON_AddBoolToObject(report, "ok", hb_catalog_check_ok(check)) != NULL &&
        give(report, "missing", check->missing) && give(report, "dangling", check->dangling) &&
        give(report, "mismatched", check->mismatched);
    cJSON *checked = ok ? cJSON_AddObjectToObject(report, "checked") : NULL;
    if (checked == NULL ||
        cJSON_AddNumberToObject(checked, "objects", (double)check->object_count) == NULL ||
        cJSON_AddNumberToObject(checked, "catalog_rows", (double)check->stored_count) == NULL ||
        cJSON_AddNumberToObject(checked, "entities", check->entity_count) == NULL ||
        cJSON_AddBoolToObject(checked, "catalog_kept", check->ws->catalog) == NULL) {
        return hb_err_memory(err);
    }
    return HB_OK;
}
