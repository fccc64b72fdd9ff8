// SPDX-License-Identifier: MIT
#include "workspace/replicas.h"

#include <cJSON.h>

#define PAGE_ROWS 256u

typedef struct replica_part {   /* the entity in one backend */
    uint32_t backend;
    hb_container *container;
    uint32_t *columns;          /* fields that are read */
    uint32_t column_count;
    uint32_t *at;               /* by field: its column in an answer, 0: not read here */
    hb_job *job;
    hb_batch answer;
    uint32_t *rows;             /* by id of the page: its row in the answer, or HB_MAP_NONE */
    uint32_t *wanted;           /* ids of the page whose row is to be written */
    uint32_t wanted_count;
    hb_str *unwanted;           /* ids whose row is to go */
    uint32_t unwanted_count;
} replica_part;

typedef enum replica_phase {
    REPLICA_NEXT,
    REPLICA_IDS,
    REPLICA_PAGE,
    REPLICA_READ,
    REPLICA_WRITE
} replica_phase;

struct hb_replicas {
    hb_task *task;
    hb_workspace *ws;
    bool fix;
    bool spare;                 /* rows without one in the home stay */
    replica_phase phase;
    uint32_t next;              /* entity to go on with */
    hb_entity *entity;
    replica_part *parts;
    uint32_t part_count, home;
    hb_str *ids;                /* of the entity, in any backend */
    uint32_t id_count, at;
    hb_ids page;
    hb_changes *changes;        /* of the page; NULL: none */
    cJSON *missing, *orphaned, *different;
    uint32_t missing_count, orphaned_count, different_count;
    uint32_t entity_count;
    uint64_t row_count;
};

static hb_arena *arena_of(const hb_replicas *r) {
    return &r->task->arena;
}

hb_status hb_replicas_start(hb_task *task, hb_workspace *ws, bool fix, bool spare,
                            hb_replicas **out, hb_err *err) {
    hb_replicas *r = HB_NEW(&task->arena, hb_replicas);
    if (r == NULL) return hb_err_memory(err);
    r->task = task;
    r->ws = ws;
    r->fix = fix;
    r->spare = spare;
    *out = r;
    r->missing = cJSON_CreateArray();
    r->orphaned = cJSON_CreateArray();
    r->different = cJSON_CreateArray();
    bool ok = r->missing != NULL && r->orphaned != NULL && r->different != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

void hb_replicas_end(hb_replicas *r) {
    if (r == NULL) return;
    hb_changes_end(r->changes);
    r->changes = NULL;
    cJSON_Delete(r->missing);
    cJSON_Delete(r->orphaned);
    cJSON_Delete(r->different);
    r->missing = r->orphaned = r->different = NULL;
}

hb_status hb_replicas_explain(hb_replicas *r, hb_status status, hb_err *err) {
    bool is_writing = r != NULL && r->phase == REPLICA_WRITE && r->changes != NULL;
    return is_writing ? hb_changes_explain(r->changes, status, err) : status;
}

/* ---- which parts ----------------------------------------------------------------------------- */

static bool is_shared(const hb_routing *routing, uint32_t field) {
    uint32_t holders = 0;
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        const hb_container *container = routing->containers[b];
        if (container != NULL && container->by_field[field] != HB_FIELD_NONE) holders++;
    }
    return holders > 1;
}

/* A comparison needs what several backends hold, a repair whole rows. */
static hb_status part_new(hb_replicas *r, uint32_t backend, hb_err *err) {
    const hb_routing *routing = r->entity->routing;
    replica_part *part = &r->parts[r->part_count];
    uint32_t field_count = r->entity->schema->field_count;
    *part = (replica_part){ .backend = backend, .container = routing->containers[backend] };
    part->columns = hb_arena_array(arena_of(r), field_count, sizeof(uint32_t));
    part->at = HB_NEW_ARRAY(arena_of(r), uint32_t, field_count);
    if (part->columns == NULL || part->at == NULL) return hb_err_memory(err);
    for (uint32_t i = 1; i < part->container->field_count; i++) {
        uint32_t field = part->container->fields[i].field;
        if (!r->fix && !is_shared(routing, field)) continue;
        part->columns[part->column_count++] = field;
        part->at[field] = part->column_count;
    }
    if (backend == routing->home) r->home = r->part_count;
    r->part_count++;
    return HB_OK;
}

static hb_status part_ask(hb_replicas *r, replica_part *part, bool only_ids, hb_err *err) {
    hb_fragment *fragment = HB_NEW(arena_of(r), hb_fragment);
    if (fragment == NULL) return hb_err_memory(err);
    fragment->kind = only_ids ? HB_FRAG_SCAN : HB_FRAG_FETCH;
    fragment->container = part->container;
    fragment->limit = HB_NO_LIMIT;
    fragment->columns = part->columns;
    if (!only_ids) {
        fragment->ids = &r->page;
        fragment->column_count = part->column_count;
    }
    hb_instance *instance = r->ws->instances[part->backend];
    hb_status status = hb_task_start_job(r->task, instance, fragment, &part->job, err);
    if (status == HB_OK) return HB_OK;
    return hb_err_where(err, r->entity->schema->entity_id, HB_STR_EMPTY, instance->name);
}

static bool parts_are_done(const hb_replicas *r) {
    for (uint32_t p = 0; p < r->part_count; p++) {
        if (!r->parts[p].job->done) return false;
    }
    return true;
}

/* The next entity that lies in several backends; its ids are asked for. */
static hb_status next_entity(hb_replicas *r, bool *any, hb_err *err) {
    *any = false;
    for (; r->next < r->ws->entity_count && !*any; r->next++) {
        hb_entity *entity = r->ws->entities[r->next];
        if (entity->is_virtual || !entity->ensured) continue;
        const hb_routing *routing = entity->routing;
        r->entity = entity;
        r->part_count = 0;
        r->parts = hb_arena_array(arena_of(r), routing->backend_count, sizeof(*r->parts));
        if (r->parts == NULL) return hb_err_memory(err);
        for (uint32_t b = 0; b < routing->backend_count; b++) {
            if (routing->containers[b] != NULL) HB_TRY(part_new(r, b, err));
        }
        *any = r->part_count > 1;
    }
    if (!*any) return HB_OK;
    r->entity_count++;
    r->phase = REPLICA_IDS;
    for (uint32_t p = 0; p < r->part_count; p++) HB_TRY(part_ask(r, &r->parts[p], true, err));
    return HB_OK;
}

/* ---- ids ------------------------------------------------------------------------------------- */

static hb_status collect(hb_replicas *r, hb_map *seen, size_t cap, hb_err *err) {
    r->ids = hb_arena_array(arena_of(r), cap, sizeof(*r->ids));
    if (r->ids == NULL) return hb_err_memory(err);
    r->id_count = 0;
    for (uint32_t p = 0; p < r->part_count; p++) {
        hb_batch batch = hb_rowset_batch(&r->parts[p].job->out);
        for (uint32_t i = 0; i < batch.row_count; i++) {
            hb_str id = hb_column_span(&batch.columns[0], i);
            if (hb_map_find(seen, id) != HB_MAP_NONE) continue;
            id = hb_arena_str(arena_of(r), id);
            if (id.ptr == NULL || !hb_map_put(seen, id, r->id_count)) return hb_err_memory(err);
            r->ids[r->id_count++] = id;
        }
    }
    return HB_OK;
}

/* What one page's answers held goes, so that memory does not grow with the pages. */
static void forget_answers(hb_replicas *r) {
    for (uint32_t p = 0; p < r->part_count; p++) hb_rowset_free(&r->parts[p].job->out);
}

static hb_status take_ids(hb_replicas *r, hb_err *err) {
    size_t cap = 0;
    for (uint32_t p = 0; p < r->part_count; p++) {
        cap += hb_rowset_batch(&r->parts[p].job->out).row_count;
    }
    hb_map seen;
    hb_map_init(&seen, r->ws->mem);
    hb_status status = collect(r, &seen, cap, err);
    hb_map_free(&seen);
    HB_TRY(status);
    forget_answers(r);
    r->row_count += r->id_count;
    r->at = 0;
    r->phase = REPLICA_PAGE;
    for (uint32_t p = 0; p < r->part_count; p++) {
        replica_part *part = &r->parts[p];
        part->rows = hb_arena_array(arena_of(r), PAGE_ROWS, sizeof(uint32_t));
        part->wanted = hb_arena_array(arena_of(r), PAGE_ROWS, sizeof(uint32_t));
        if (part->rows == NULL || part->wanted == NULL) return hb_err_memory(err);
    }
    return HB_OK;
}

/* ---- one page -------------------------------------------------------------------------------- */

static hb_status start_page(hb_replicas *r, hb_err *err) {
    if (r->at == r->id_count) {
        r->phase = REPLICA_NEXT;
        return HB_OK;
    }
    uint32_t left = r->id_count - r->at;
    r->page = (hb_ids){ r->ids + r->at, left < PAGE_ROWS ? left : PAGE_ROWS };
    r->at += r->page.count;
    r->phase = REPLICA_READ;
    if (r->fix) {
        /* The source of truth stays as it is read until the others are written. */
        hb_instance *home = r->ws->instances[r->parts[r->home].backend];
        HB_TRY(hb_changes_new(r->ws, r->task, r->entity->schema->entity_id, HB_BACKEND_NONE,
                              r->part_count * 2, &r->changes, err));
        if (home->type->durable(home)) {
            HB_TRY(hb_changes_begin(r->changes, r->parts[r->home].backend, err));
        }
    }
    for (uint32_t p = 0; p < r->part_count; p++) HB_TRY(part_ask(r, &r->parts[p], false, err));
    return HB_OK;
}

static hb_status take_answer(hb_replicas *r, replica_part *part, hb_err *err) {
    part->answer = hb_rowset_batch(&part->job->out);
    part->wanted_count = part->unwanted_count = 0;
    part->unwanted = hb_arena_array(arena_of(r), r->fix ? r->page.count : 0, sizeof(hb_str));
    if (part->unwanted == NULL) return hb_err_memory(err);
    uint32_t at = 0;
    for (uint32_t i = 0; i < r->page.count; i++) {
        bool hit = at < part->answer.row_count &&
                   hb_str_eq(hb_column_span(&part->answer.columns[0], at), r->page.ids[i]);
        part->rows[i] = hit ? at++ : HB_MAP_NONE;
    }
    return HB_OK;
}

/* Where the value of a field is right for id `i` of the page; NULL: nowhere. */
static const replica_part *truth_of(const hb_replicas *r, uint32_t field, uint32_t i) {
    const replica_part *other = NULL;
    for (uint32_t p = 0; p < r->part_count; p++) {
        const replica_part *part = &r->parts[p];
        if (part->at[field] == 0 || part->rows[i] == HB_MAP_NONE) continue;
        if (part->backend == r->entity->routing->primary[field]) return part;
        if (other == NULL) other = part;
    }
    return other;
}

static hb_value value_at(const replica_part *part, uint32_t field, uint32_t i) {
    return hb_column_get(&part->answer.columns[part->at[field]], part->rows[i]);
}

static bool field_differs(const hb_replicas *r, const replica_part *part, uint32_t field,
                          uint32_t i) {
    const replica_part *truth = truth_of(r, field, i);
    if (truth == part || truth == NULL) return false;
    hb_value have = value_at(part, field, i), want = value_at(truth, field, i);
    return !hb_value_eq(&have, &want);
}

static bool add_text(hb_replicas *r, cJSON *item, const char *key, hb_str text) {
    hb_str copy = hb_arena_printf(arena_of(r), "%.*s", HB_ARG(text));
    return copy.ptr != NULL && cJSON_AddStringToObject(item, key, copy.ptr) != NULL;
}

/* {"entity", "object_id", "backend"}; *item is lent. */
static hb_status note(hb_replicas *r, cJSON *list, const replica_part *part, uint32_t i,
                      cJSON **item, hb_err *err) {
    *item = cJSON_CreateObject();
    if (*item == NULL || !cJSON_AddItemToArray(list, *item)) {
        cJSON_Delete(*item);
        return hb_err_memory(err);
    }
    bool ok = add_text(r, *item, "entity", r->entity->schema->entity_id) &&
              add_text(r, *item, "object_id", r->page.ids[i]) &&
              add_text(r, *item, "backend", r->ws->instances[part->backend]->name);
    return ok ? HB_OK : hb_err_memory(err);
}

static hb_status note_fields(hb_replicas *r, const replica_part *part, uint32_t i, cJSON *item,
                             hb_err *err) {
    cJSON *fields = cJSON_AddArrayToObject(item, "fields");
    if (fields == NULL) return hb_err_memory(err);
    for (uint32_t c = 0; c < part->column_count; c++) {
        if (!field_differs(r, part, part->columns[c], i)) continue;
        hb_str name = r->entity->schema->fields[part->columns[c]].name;
        name = hb_arena_printf(arena_of(r), "%.*s", HB_ARG(name));
        cJSON *text = name.ptr != NULL ? cJSON_CreateString(name.ptr) : NULL;
        if (text == NULL || !cJSON_AddItemToArray(fields, text)) {
            cJSON_Delete(text);
            return hb_err_memory(err);
        }
    }
    return HB_OK;
}

static hb_status compare_row(hb_replicas *r, replica_part *part, uint32_t i, hb_err *err) {
    bool is_there = part->rows[i] != HB_MAP_NONE;
    bool is_home_there = r->parts[r->home].rows[i] != HB_MAP_NONE;
    cJSON *item;
    if (!is_home_there) {
        if (!is_there) return HB_OK;
        r->orphaned_count++;
        if (r->fix && !r->spare) part->unwanted[part->unwanted_count++] = r->page.ids[i];
        return note(r, r->orphaned, part, i, &item, err);
    }
    bool differs = false;
    for (uint32_t c = 0; c < part->column_count && is_there && !differs; c++) {
        differs = field_differs(r, part, part->columns[c], i);
    }
    if (is_there && !differs) return HB_OK;
    part->wanted[part->wanted_count++] = i;
    if (!is_there) {
        r->missing_count++;
        return note(r, r->missing, part, i, &item, err);
    }
    r->different_count++;
    HB_TRY(note(r, r->different, part, i, &item, err));
    return note_fields(r, part, i, item, err);
}

/* ---- mending --------------------------------------------------------------------------------- */

static uint32_t dim_of(const hb_replicas *r, uint32_t field) {
    for (uint32_t p = 0; p < r->part_count; p++) {
        const replica_part *part = &r->parts[p];
        if (part->at[field] == 0 || part->answer.row_count == 0) continue;
        uint32_t dim = part->answer.columns[part->at[field]].dim;
        if (dim > 0) return dim;
    }
    return r->entity->schema->fields[field].type->dim;
}

static bool column_fill(const hb_replicas *r, const replica_part *part, uint32_t field,
                        hb_colbuf *out) {
    bool ok = true;
    for (uint32_t w = 0; w < part->wanted_count && ok; w++) {
        const replica_part *truth = truth_of(r, field, part->wanted[w]);
        if (truth == NULL) {
            ok = hb_colbuf_add_null(out);
            continue;
        }
        const hb_column *from = &truth->answer.columns[truth->at[field]];
        ok = from->kind == out->kind ? hb_colbuf_add_cell(out, from, truth->rows[part->wanted[w]])
                                     : hb_colbuf_add_null(out);
    }
    return ok;
}

/* The wanted rows as the source of truth has them, in the container's columns. */
static hb_status part_write(hb_replicas *r, const replica_part *part, hb_err *err) {
    const hb_container *container = part->container;
    hb_rowset *set;
    hb_batch *batch = HB_NEW(arena_of(r), hb_batch);
    if (batch == NULL) return hb_err_memory(err);
    HB_TRY(hb_task_rowset(r->task, container->field_count, &set, err));
    bool ok = true;
    for (uint32_t c = 0; c < container->field_count && ok; c++) {
        uint32_t field = container->fields[c].field;
        const hb_field *def = &r->entity->schema->fields[field];
        bool is_id = field == HB_FIELD_OBJECT_ID;
        hb_rowset_column(set, c, def->name, def->kind, is_id ? 0 : dim_of(r, field));
        for (uint32_t w = 0; w < part->wanted_count && ok && is_id; w++) {
            hb_value id = { HB_KIND_TEXT, { .s = r->page.ids[part->wanted[w]] } };
            ok = hb_colbuf_add(&set->columns[c], &id);
        }
        if (!is_id) ok = column_fill(r, part, field, &set->columns[c]);
    }
    if (!ok) return hb_err_memory(err);
    *batch = hb_rowset_batch(set);
    hb_changes_add(r->changes, part->backend, part->container, HB_FRAG_WRITE)->fragment.batch =
        batch;
    return HB_OK;
}

static hb_status part_mend(hb_replicas *r, const replica_part *part, hb_err *err) {
    if (part->wanted_count > 0) HB_TRY(part_write(r, part, err));
    if (part->unwanted_count == 0) return HB_OK;
    hb_ids *ids = HB_NEW(arena_of(r), hb_ids);
    if (ids == NULL) return hb_err_memory(err);
    *ids = (hb_ids){ part->unwanted, part->unwanted_count };
    hb_changes_add(r->changes, part->backend, part->container, HB_FRAG_DELETE)->fragment.ids = ids;
    return HB_OK;
}

static hb_status take_page(hb_replicas *r, hb_err *err) {
    for (uint32_t p = 0; p < r->part_count; p++) HB_TRY(take_answer(r, &r->parts[p], err));
    for (uint32_t i = 0; i < r->page.count; i++) {
        for (uint32_t p = 0; p < r->part_count; p++) HB_TRY(compare_row(r, &r->parts[p], i, err));
    }
    for (uint32_t p = 0; p < r->part_count && r->fix; p++) HB_TRY(part_mend(r, &r->parts[p], err));
    forget_answers(r);
    r->phase = r->fix ? REPLICA_WRITE : REPLICA_PAGE;
    return HB_OK;
}

static hb_status write_page(hb_replicas *r, bool *done, hb_err *err) {
    if (r->changes->count > 0) HB_TRY(hb_changes_advance(r->changes, done, err));
    if (!*done) return HB_OK;
    hb_changes_end(r->changes);
    r->changes = NULL;
    r->phase = REPLICA_PAGE;
    return HB_OK;
}

hb_status hb_replicas_advance(hb_replicas *r, bool *done, hb_err *err) {
    for (bool ready = true; ready;) {
        switch (r->phase) {
        case REPLICA_NEXT:
            HB_TRY(next_entity(r, &ready, err));
            if (!ready) {
                *done = true;
                return HB_OK;
            }
            break;
        case REPLICA_IDS:
            ready = parts_are_done(r);
            if (ready) HB_TRY(take_ids(r, err));
            break;
        case REPLICA_PAGE: HB_TRY(start_page(r, err)); break;
        case REPLICA_READ:
            ready = parts_are_done(r);
            if (ready) HB_TRY(take_page(r, err));
            break;
        case REPLICA_WRITE: HB_TRY(write_page(r, &ready, err)); break;
        }
    }
    *done = false;
    return HB_OK;
}

/* ---- reporting ------------------------------------------------------------------------------- */

bool hb_replicas_are_ok(const hb_replicas *r) {
    return r->missing_count + r->different_count + r->orphaned_count == 0;
}

void hb_replicas_counts(const hb_replicas *r, uint32_t *missing, uint32_t *different,
                        uint32_t *orphaned) {
    *missing = r->missing_count;
    *different = r->different_count;
    *orphaned = r->spare ? 0 : r->orphaned_count;
}

static bool give(cJSON *report, const char *key, cJSON **list) {
    if (!cJSON_AddItemToObject(report, key, *list)) return false;
    *list = NULL;
    return true;
}

hb_status hb_replicas_json(hb_replicas *r, cJSON *parent, const char *key, hb_err *err) {
    cJSON *report = key != NULL ? cJSON_AddObjectToObject(parent, key) : parent;
    bool ok = report != NULL &&
              cJSON_AddBoolToObject(report, "ok", hb_replicas_are_ok(r)) != NULL &&
              give(report, "missing", &r->missing) && give(report, "orphaned", &r->orphaned) &&
              give(report, "different", &r->different);
    cJSON *checked = ok ? cJSON_AddObjectToObject(report, "checked") : NULL;
    ok = checked != NULL && cJSON_AddNumberToObject(checked, "entities", r->entity_count) != NULL &&
         cJSON_AddNumberToObject(checked, "rows", (double)r->row_count) != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}
