// SPDX-License-Identifier: MIT
#include "workspace/replicas.h"

#include <cJSON.h>

#define PAGE_ROWS 256u          /* compared at once */
#define ID_ROWS 4096u           /* ids asked of a backend at once */

typedef struct replica_part {   /* the entity in one backend */
    uint32_t backend;
    hb_container *container;
    uint32_t *columns;          /* fields that are read */
    uint32_t column_count;
    uint32_t *at;               /* by field: its column in an answer, 0: not read here */
    hb_job *ids_job;            /* its ids from `after` on; NULL: they were never asked for */
    hb_batch ids;
    uint32_t id_at;             /* how many of them are dealt with */
    bool all_ids;               /* there are no more after these */
    hb_expr after;              /* "object_id > the last one" */
    hb_buf last;                /* that id; owned */
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
    bool whole;                 /* rows are read with what no other backend holds */
    bool spare;                 /* rows without one in the home stay */
    replica_phase phase;
    uint32_t next;              /* entity to go on with */
    hb_entity *entity;
    replica_part *parts;
    uint32_t part_count, home;
    hb_ids page;                /* the next ids of the entity in any backend, ascending */
    hb_arena arena;             /* of the page */
    hb_rowset *sets[HB_BACKENDS_MAX]; /* rows that the page writes */
    uint32_t set_count;
    bool paused;                /* a page is through */
    hb_changes *changes;        /* of the page; NULL: none */
    hb_stored *stored;          /* what the storage has lost; NULL: nothing */
    hb_restored *restored;      /* what a dry run found to put back */
    cJSON *missing, *orphaned, *different;
    hb_replica_counts counts;
    uint32_t entity_count;
    uint64_t row_count;
};

/* What lives as long as the comparison of an entity. */
static hb_arena *arena_of(const hb_replicas *r) {
    return &r->task->arena;
}

hb_status hb_replicas_start(hb_task *task, hb_workspace *ws, bool fix, bool whole,
                            hb_stored *stored, hb_replicas **out, hb_err *err) {
    hb_replicas *r = HB_NEW(&task->arena, hb_replicas);
    if (r == NULL) return hb_err_memory(err);
    r->task = task;
    r->ws = ws;
    r->fix = fix;
    r->whole = fix || whole;
    r->stored = stored;
    r->spare = stored != NULL && hb_stored_has_aside(stored);
    hb_arena_init(&r->arena, ws->mem);
    *out = r;
    r->missing = cJSON_CreateArray();
    r->orphaned = cJSON_CreateArray();
    r->different = cJSON_CreateArray();
    bool ok = r->missing != NULL && r->orphaned != NULL && r->different != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

static void parts_free(hb_replicas *r) {
    for (uint32_t p = 0; p < r->part_count; p++) hb_buf_free(&r->parts[p].last);
    r->part_count = 0;
}

void hb_replicas_end(hb_replicas *r) {
    if (r == NULL) return;
    hb_changes_end(r->changes);
    r->changes = NULL;
    parts_free(r);
    hb_arena_free(&r->arena);
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

/* A comparison needs what several backends hold, a repair whole rows. */
static hb_status part_new(hb_replicas *r, uint32_t backend, hb_err *err) {
    const hb_routing *routing = r->entity->routing;
    replica_part *part = &r->parts[r->part_count];
    uint32_t field_count = r->entity->schema->field_count;
    *part = (replica_part){ .backend = backend, .container = routing->containers[backend] };
    hb_buf_init(&part->last, r->ws->mem);
    r->part_count++;
    part->columns = hb_arena_array(arena_of(r), field_count, sizeof(uint32_t));
    part->at = HB_NEW_ARRAY(arena_of(r), uint32_t, field_count);
    if (part->columns == NULL || part->at == NULL) return hb_err_memory(err);
    for (uint32_t i = 1; i < part->container->field_count; i++) {
        uint32_t field = part->container->fields[i].field;
        if (!r->whole && hb_routing_holders(routing, field) < 2) continue;
        part->columns[part->column_count++] = field;
        part->at[field] = part->column_count;
    }
    part->rows = hb_arena_array(arena_of(r), PAGE_ROWS, sizeof(uint32_t));
    part->wanted = hb_arena_array(arena_of(r), PAGE_ROWS, sizeof(uint32_t));
    if (part->rows == NULL || part->wanted == NULL) return hb_err_memory(err);
    if (backend == routing->home) r->home = r->part_count - 1;
    return HB_OK;
}

static hb_status part_start(hb_replicas *r, const replica_part *part, const hb_fragment *fragment,
                            hb_job **job, hb_err *err) {
    hb_instance *instance = r->ws->instances[part->backend];
    hb_status status = hb_task_start_job(r->task, instance, fragment, job, err);
    if (status == HB_OK) return HB_OK;
    return hb_err_where(err, r->entity->schema->entity_id, HB_STR_EMPTY, instance->name);
}

/* The rows of the page. */
static hb_status part_ask(hb_replicas *r, replica_part *part, hb_err *err) {
    hb_fragment *fragment = HB_NEW(&r->arena, hb_fragment);
    if (fragment == NULL) return hb_err_memory(err);
    fragment->kind = HB_FRAG_FETCH;
    fragment->container = part->container;
    fragment->limit = HB_NO_LIMIT;
    fragment->ids = &r->page;
    fragment->columns = part->columns;
    fragment->column_count = part->column_count;
    return part_start(r, part, fragment, &part->job, err);
}

/* Its next ids: after the last one, where the backend can tell; else all at once. */
static hb_status part_ask_ids(hb_replicas *r, replica_part *part, hb_err *err) {
    const hb_backend *type = r->ws->instances[part->backend]->type;
    const hb_field *id = &r->entity->schema->fields[HB_FIELD_OBJECT_ID];
    hb_fragment *fragment = HB_NEW(arena_of(r), hb_fragment);
    if (fragment == NULL) return hb_err_memory(err);
    part->after = (hb_expr){ .kind = HB_EXPR_LEAF, .field = HB_FIELD_OBJECT_ID, .op = HB_OP_GT };
    part->after.value = (hb_value){ HB_KIND_TEXT, { .s = hb_buf_str(&part->last) } };
    const bool pages =
        type->caps.limit == HB_EXACT &&
        type->offer(id->type, part->container->fields[0].strategy, false, &part->after).claim ==
            HB_EXACT;
    fragment->kind = HB_FRAG_SCAN;
    fragment->container = part->container;
    fragment->limit = pages ? ID_ROWS : HB_NO_LIMIT;
    fragment->columns = part->columns;
    part->all_ids = !pages;
    if (pages && part->last.len > 0) {
        fragment->filter = &part->after;
        fragment->leaf_count = 1;
    }
    return part_start(r, part, fragment, &part->ids_job, err);
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
        if (entity->is_virtual || !entity->ensured || entity->drifted) continue;
        const hb_routing *routing = entity->routing;
        r->entity = entity;
        parts_free(r);
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
    return HB_OK;
}

/* ---- ids ------------------------------------------------------------------------------------- */

/* What was answered goes, so that memory does not grow with the pages. */
static void forget_ids(replica_part *part) {
    if (part->ids_job != NULL) hb_rowset_free(&part->ids_job->out);
    part->ids = (hb_batch){ 0 };
    part->id_at = 0;
}

static bool needs_ids(const replica_part *part) {
    return part->id_at == part->ids.row_count && !part->all_ids;
}

static hb_status take_ids(replica_part *part, hb_err *err) {
    part->ids = hb_rowset_batch(&part->ids_job->out);
    part->id_at = 0;
    if (part->ids.row_count < ID_ROWS) part->all_ids = true;
    if (part->ids.row_count == 0) return HB_OK;
    hb_buf_clear(&part->last);
    hb_buf_add_str(&part->last, hb_column_span(&part->ids.columns[0], part->ids.row_count - 1));
    return hb_buf_check(&part->last, err);
}

/* *ready: every part has ids at hand, or no more. */
static hb_status fill_ids(hb_replicas *r, bool *ready, hb_err *err) {
    *ready = true;
    for (uint32_t p = 0; p < r->part_count; p++) {
        replica_part *part = &r->parts[p];
        while (needs_ids(part)) {
            const bool asked = part->ids_job != NULL && part->ids.columns == NULL;
            if (!asked) {
                forget_ids(part);
                HB_TRY(part_ask_ids(r, part, err));
            }
            if (!part->ids_job->done) {
                *ready = false;
                break;
            }
            HB_TRY(take_ids(part, err));
        }
    }
    if (*ready) r->phase = REPLICA_PAGE;
    return HB_OK;
}

/* The smallest id that no page had yet; .ptr NULL: the parts have no more, or must ask for more. */
static hb_str next_id(const hb_replicas *r) {
    hb_str id = { NULL, 0 };
    for (uint32_t p = 0; p < r->part_count; p++) {
        const replica_part *part = &r->parts[p];
        if (needs_ids(part)) return (hb_str){ NULL, 0 };
        if (part->id_at == part->ids.row_count) continue;
        const hb_str mine = hb_column_span(&part->ids.columns[0], part->id_at);
        if (id.ptr == NULL || hb_str_cmp(mine, id) < 0) id = mine;
    }
    return id;
}

static void pass_id(hb_replicas *r, hb_str id) {
    for (uint32_t p = 0; p < r->part_count; p++) {
        replica_part *part = &r->parts[p];
        while (part->id_at < part->ids.row_count &&
               hb_str_cmp(hb_column_span(&part->ids.columns[0], part->id_at), id) <= 0) {
            part->id_at++;
        }
    }
}

static hb_status page_ids(hb_replicas *r, hb_err *err) {
    hb_arena_reset(&r->arena);
    hb_str *ids = hb_arena_array(&r->arena, PAGE_ROWS, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    r->page = (hb_ids){ ids, 0 };
    while (r->page.count < PAGE_ROWS) {
        hb_str id = next_id(r);
        if (id.ptr == NULL) break;
        id = hb_arena_str(&r->arena, id);
        if (id.ptr == NULL) return hb_err_memory(err);
        ids[r->page.count++] = id;
        pass_id(r, id);
    }
    r->row_count += r->page.count;
    return HB_OK;
}

static void forget_answers(hb_replicas *r) {
    for (uint32_t p = 0; p < r->part_count; p++) hb_rowset_free(&r->parts[p].job->out);
}

/* ---- one page -------------------------------------------------------------------------------- */

static hb_status start_page(hb_replicas *r, hb_err *err) {
    HB_TRY(page_ids(r, err));
    bool more = false;
    for (uint32_t p = 0; p < r->part_count; p++) more = more || needs_ids(&r->parts[p]);
    if (r->page.count == 0) {
        for (uint32_t p = 0; p < r->part_count && !more; p++) forget_ids(&r->parts[p]);
        r->phase = more ? REPLICA_IDS : REPLICA_NEXT;
        return HB_OK;
    }
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
    for (uint32_t p = 0; p < r->part_count; p++) HB_TRY(part_ask(r, &r->parts[p], err));
    return HB_OK;
}

static hb_status take_answer(hb_replicas *r, replica_part *part, hb_err *err) {
    part->answer = hb_rowset_batch(&part->job->out);
    part->wanted_count = part->unwanted_count = 0;
    part->unwanted = hb_arena_array(&r->arena, r->fix ? r->page.count : 0, sizeof(hb_str));
    if (part->unwanted == NULL) return hb_err_memory(err);
    uint32_t at = 0;
    for (uint32_t i = 0; i < r->page.count; i++) {
        bool hit = at < part->answer.row_count &&
                   hb_str_eq(hb_column_span(&part->answer.columns[0], at), r->page.ids[i]);
        part->rows[i] = hit ? at++ : HB_MAP_NONE;
    }
    return HB_OK;
}

static hb_value value_at(const replica_part *part, uint32_t field, uint32_t i) {
    return hb_column_get(&part->answer.columns[part->at[field]], part->rows[i]);
}

static bool is_lost(const hb_replicas *r, const replica_part *part, uint32_t field, uint32_t i) {
    /* What a repair has just made anew holds nothing yet. */
    if (hb_entity_is_renewed(r->entity, part->backend, field) &&
        value_at(part, field, i).kind == HB_KIND_NULL) {
        return true;
    }
    if (r->stored == NULL) return false;
    const hb_schema *schema = r->entity->schema;
    return hb_stored_is_lost(r->stored, r->ws->instances[part->backend]->name, schema->entity_id,
                             schema->fields[field].name, r->page.ids[i]);
}

/* Where the value of a field is right for id `i` of the page; NULL: nowhere. */
static const replica_part *truth_of(const hb_replicas *r, uint32_t field, uint32_t i) {
    const replica_part *other = NULL;
    for (uint32_t p = 0; p < r->part_count; p++) {
        const replica_part *part = &r->parts[p];
        if (part->at[field] == 0 || part->rows[i] == HB_MAP_NONE) continue;
        if (is_lost(r, part, field, i)) continue;
        if (part->backend == r->entity->routing->primary[field]) return part;
        if (other == NULL) other = part;
    }
    return other;
}

static bool field_differs(const hb_replicas *r, const replica_part *part, uint32_t field,
                          uint32_t i) {
    const replica_part *truth = truth_of(r, field, i);
    if (truth == part || truth == NULL) return false;
    hb_value have = value_at(part, field, i), want = value_at(truth, field, i);
    return !hb_value_eq(&have, &want);
}

static bool add_text(hb_replicas *r, cJSON *item, const char *key, hb_str text) {
    hb_str copy = hb_arena_printf(&r->arena, "%.*s", HB_ARG(text));
    return copy.ptr != NULL && cJSON_AddStringToObject(item, key, copy.ptr) != NULL;
}

/* {"entity", "object_id", "backend"}; *item is lent, NULL: there are enough of them. */
static hb_status note(hb_replicas *r, cJSON *list, uint64_t count, const replica_part *part,
                      uint32_t i, cJSON **item, hb_err *err) {
    *item = NULL;
    if (count > HB_AUDIT_LIST_MAX) return HB_OK;
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
        name = hb_arena_printf(&r->arena, "%.*s", HB_ARG(name));
        cJSON *text = name.ptr != NULL ? cJSON_CreateString(name.ptr) : NULL;
        if (text == NULL || !cJSON_AddItemToArray(fields, text)) {
            cJSON_Delete(text);
            return hb_err_memory(err);
        }
    }
    return HB_OK;
}

/* The home has lost the row with its file, and the others have every field of it. */
static bool is_restorable(const hb_replicas *r, uint32_t i) {
    const hb_str entity = r->entity->schema->entity_id;
    if (!r->spare || !hb_stored_is_aside(r->stored, entity, r->page.ids[i])) return false;
    const replica_part *home = &r->parts[r->home];
    for (uint32_t c = 0; c < home->column_count; c++) {
        if (truth_of(r, home->columns[c], i) == NULL) return false;
    }
    return true;
}

static hb_status compare_row(hb_replicas *r, replica_part *part, uint32_t i, hb_err *err) {
    bool is_there = part->rows[i] != HB_MAP_NONE;
    const replica_part *home = &r->parts[r->home];
    bool is_home_there = home->rows[i] != HB_MAP_NONE ||
                         hb_entity_is_renewed(r->entity, home->backend, HB_FIELD_OBJECT_ID);
    cJSON *item;
    if (!is_home_there && !is_restorable(r, i)) {
        if (!is_there) return HB_OK;
        r->counts.orphaned++;
        if (r->fix && !r->spare) part->unwanted[part->unwanted_count++] = r->page.ids[i];
        return note(r, r->orphaned, r->counts.orphaned, part, i, &item, err);
    }
    bool differs = false;
    for (uint32_t c = 0; c < part->column_count && is_there && !differs; c++) {
        differs = field_differs(r, part, part->columns[c], i);
    }
    if (is_there && !differs) return HB_OK;
    part->wanted[part->wanted_count++] = i;
    if (!is_there) {
        r->counts.missing++;
        return note(r, r->missing, r->counts.missing, part, i, &item, err);
    }
    r->counts.different++;
    HB_TRY(note(r, r->different, r->counts.different, part, i, &item, err));
    return item != NULL ? note_fields(r, part, i, item, err) : HB_OK;
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
    hb_batch *batch = HB_NEW(&r->arena, hb_batch);
    if (batch == NULL) return hb_err_memory(err);
    HB_TRY(hb_task_rowset(r->task, container->field_count, &set, err));
    r->sets[r->set_count++] = set;
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
    hb_ids *ids = HB_NEW(&r->arena, hb_ids);
    if (ids == NULL) return hb_err_memory(err);
    *ids = (hb_ids){ part->unwanted, part->unwanted_count };
    hb_changes_add(r->changes, part->backend, part->container, HB_FRAG_DELETE)->fragment.ids = ids;
    return HB_OK;
}

/* Does a repair change what the row `i` of the page is, and not only what copies of it are? */
static bool comes_back(const hb_replicas *r, uint32_t i) {
    const replica_part *home = &r->parts[r->home];
    if (home->rows[i] == HB_MAP_NONE) return is_restorable(r, i);
    for (uint32_t p = 0; p < r->part_count && r->stored != NULL; p++) {
        const replica_part *part = &r->parts[p];
        for (uint32_t c = 0; c < part->column_count && part->rows[i] != HB_MAP_NONE; c++) {
            const uint32_t field = part->columns[c];
            if (part->backend != r->entity->routing->primary[field]) continue;
            if (is_lost(r, part, field, i) && truth_of(r, field, i) != NULL) return true;
        }
    }
    return false;
}

/* One field of the rows that the home would get back. */
static bool restored_fill(const hb_replicas *r, uint32_t field, const uint32_t *rows,
                          uint32_t count, hb_colbuf *out) {
    bool ok = true;
    for (uint32_t n = 0; n < count && ok; n++) {
        const uint32_t i = rows[n];
        hb_value value = { .kind = HB_KIND_TEXT, .as.s = r->page.ids[i] };
        if (field != HB_FIELD_OBJECT_ID) {
            const replica_part *truth = truth_of(r, field, i);
            value = truth != NULL ? value_at(truth, field, i) : (hb_value){ .kind = HB_KIND_NULL };
        }
        ok = value.kind == out->kind ? hb_colbuf_add(out, &value) : hb_colbuf_add_null(out);
    }
    return ok;
}

/* A dry run keeps them for what follows in the Catalog. */
static hb_status foresee(hb_replicas *r, hb_err *err) {
    const hb_schema *schema = r->entity->schema;
    uint32_t rows[PAGE_ROWS], count = 0;
    for (uint32_t i = 0; i < r->page.count; i++) {
        if (comes_back(r, i)) rows[count++] = i;
    }
    if (count == 0) return HB_OK;
    hb_rowset *set;
    hb_restored *restored = HB_NEW(arena_of(r), hb_restored);
    hb_column *columns = hb_arena_array(arena_of(r), schema->field_count, sizeof(*columns));
    if (restored == NULL || columns == NULL) return hb_err_memory(err);
    HB_TRY(hb_task_rowset(r->task, schema->field_count, &set, err));
    for (uint32_t f = 0; f < schema->field_count; f++) {
        const hb_field *field = &schema->fields[f];
        hb_rowset_column(set, f, field->name, field->kind, dim_of(r, f));
        if (!restored_fill(r, f, rows, count, &set->columns[f])) return hb_err_memory(err);
        columns[f] = hb_colbuf_view(&set->columns[f], field->name);
    }
    *restored = (hb_restored){ r->restored, r->entity, columns, count };
    r->restored = restored;
    return HB_OK;
}

const hb_restored *hb_replicas_restored(const hb_replicas *r) {
    return r->restored;
}

static hb_status take_page(hb_replicas *r, hb_err *err) {
    for (uint32_t p = 0; p < r->part_count; p++) HB_TRY(take_answer(r, &r->parts[p], err));
    for (uint32_t i = 0; i < r->page.count; i++) {
        for (uint32_t p = 0; p < r->part_count; p++) HB_TRY(compare_row(r, &r->parts[p], i, err));
    }
    for (uint32_t p = 0; p < r->part_count && r->fix; p++) HB_TRY(part_mend(r, &r->parts[p], err));
    if (r->whole && !r->fix) HB_TRY(foresee(r, err));
    forget_answers(r);
    r->phase = r->fix ? REPLICA_WRITE : REPLICA_PAGE;
    r->paused = true;
    return HB_OK;
}

static hb_status write_page(hb_replicas *r, bool *done, hb_err *err) {
    if (r->changes->count > 0) HB_TRY(hb_changes_advance(r->changes, done, err));
    if (!*done) return HB_OK;
    hb_changes_end(r->changes);
    r->changes = NULL;
    while (r->set_count > 0) hb_rowset_free(r->sets[--r->set_count]);
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
        case REPLICA_IDS: HB_TRY(fill_ids(r, &ready, err)); break;
        case REPLICA_PAGE:
            if (r->paused && r->task->pauses) {
                r->paused = false;
                r->task->pause = true;
                *done = false;
                return HB_OK;
            }
            HB_TRY(start_page(r, err));
            break;
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
    return r->counts.missing + r->counts.different + r->counts.orphaned == 0;
}

hb_replica_counts hb_replicas_counts(const hb_replicas *r) {
    return r->counts;
}

uint64_t hb_replicas_deleted(const hb_replicas *r) {
    return r->spare ? 0 : r->counts.orphaned;
}

uint64_t hb_replicas_rows(const hb_replicas *r, hb_str *entity) {
    *entity = r->entity != NULL ? r->entity->schema->entity_id : HB_STR_EMPTY;
    return r->row_count;
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
