// SPDX-License-Identifier: MIT
/* search over the workspace itself: the available Catalog rows and MetaSchema, scored by where the
 * text stands. A field that is the text scores its weight and 30, one that contains it the weight,
 * one with all its words 10 less, one with any of them half; the best field counts. */
#include <cJSON.h>

#include "text/fold.h"
#include "value/json_tree.h"
#include "workspace/workspace.h"

#define FIND_LIMIT_DEFAULT 20
#define FIND_LIMIT_MAX 200
#define FIND_WORDS_MAX 32
#define FIND_FIELDS_MAX 12

typedef struct find_weight {
    const char *field;
    double weight;
} find_weight;

static const find_weight catalog_weights[] = {
    { "name", 100 }, { "desc", 80 }, { "summary", 50 },       { "keywords", 45 },
    { "tags", 45 },  { "type", 30 }, { "target_entity", 25 }, { "target_id", 20 },
};
static const find_weight meta_weights[] = {
    { "name", 90 },    { "desc", 80 },     { "tags", 45 },   { "subject_id", 35 },
    { "field", 35 },   { "kind", 30 },     { "type", 25 },   { "dtype", 25 },
    { "backend", 25 }, { "strategy", 25 }, { "source", 25 }, { "target", 25 },
};

/* Columns of the answer between object_id and score; and where each comes from. */
enum {
    OUT_ENTITY,
    OUT_KIND,
    OUT_TARGET_ENTITY,
    OUT_TARGET_ID,
    OUT_SUBJECT,
    OUT_FIELD,
    OUT_NAME,
    OUT_DESC,
    OUT_TYPE,
    OUT_COUNT
};
static const char *const out_names[OUT_COUNT] = {
    "source_entity", "kind", "target_entity", "target_id", "subject_id",
    "field",         "name", "desc",          "type",
};

typedef struct find_source {        /* one of the two */
    hb_entity *entity;
    const find_weight *weights;
    uint32_t weight_count;
    const char *kind;               /* of every row; NULL: its column says */
    hb_run *run;                    /* NULL: there are no rows */
    bool done;
} find_source;

typedef struct find_hit {
    const find_source *source;
    uint32_t row;
    double score;
} find_hit;

typedef struct find_program {
    hb_workspace *ws;
    hb_task *task;
    int64_t now_ms;
    hb_str text;                    /* folded */
    hb_str words[FIND_WORDS_MAX];
    uint32_t word_count;
    find_source sources[2];
    find_hit *hits;                 /* best first */
    uint32_t hit_count, limit;
    hb_buf fold;                    /* scratch */
} find_program;

/* ---- scoring --------------------------------------------------------------------------- */

static bool stands_in(hb_str part, hb_str text) {
    return hb_str_find(text, part, 0) >= 0;
}

static double score_text(find_program *f, hb_str text, double weight) {
    if (text.len == 0) return 0;
    hb_buf_clear(&f->fold);
    hb_text_fold(text, &f->fold);
    const hb_str folded = hb_buf_str(&f->fold);
    if (hb_str_eq(folded, f->text)) return weight + 30;
    if (stands_in(f->text, folded)) return weight;
    uint32_t found = 0;
    for (uint32_t i = 0; i < f->word_count; i++) found += stands_in(f->words[i], folded);
    if (found == 0) return 0;
    return found == f->word_count ? weight - 10 : weight / 2;
}

/* A text, or the best text of a list. */
static double score_cell(find_program *f, const hb_column *column, uint32_t row, double weight) {
    if (hb_column_cell(column, row) != HB_CELL_VALUE) return 0;
    if (column->kind == HB_KIND_TEXT) return score_text(f, hb_column_span(column, row), weight);
    if (column->kind != HB_KIND_PACK) return 0;
    hb_pack_reader r = hb_pack_read(hb_column_span(column, row));
    hb_pack_item list, item;
    if (!hb_pack_next(&r, &list) || list.tag != HB_PACK_ARRAY) return 0;
    double best = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        hb_str whole;
        if (!hb_pack_skip(&r, &whole)) break;
        hb_pack_reader inner = hb_pack_read(whole);
        if (!hb_pack_next(&inner, &item) || item.tag != HB_PACK_STR) continue;
        const double score = score_text(f, item.s, weight);
        if (score > best) best = score;
    }
    return best;
}

static hb_str cell_text(const find_source *source, uint32_t row, const char *name) {
    const hb_batch *batch = &hb_run_result_get(source->run)->batch;
    const int at = hb_batch_find(batch, hb_str_c(name));
    if (at < 0 || batch->columns[at].kind != HB_KIND_TEXT) return HB_STR_EMPTY;
    if (hb_column_cell(&batch->columns[at], row) != HB_CELL_VALUE) return HB_STR_EMPTY;
    return hb_column_span(&batch->columns[at], row);
}

static hb_str hit_text(const find_hit *hit, int column) {
    if (column == OUT_ENTITY) return hit->source->entity->schema->entity_id;
    if (column == OUT_KIND && hit->source->kind != NULL) return hb_str_c(hit->source->kind);
    return cell_text(hit->source, hit->row, out_names[column]);
}

/* Score descending, then kind, name, id. */
static bool comes_before(const find_hit *a, const find_hit *b) {
    if (a->score > b->score || a->score < b->score) return a->score > b->score;
    int order = hb_str_cmp(hit_text(a, OUT_KIND), hit_text(b, OUT_KIND));
    if (order == 0) order = hb_str_cmp(hit_text(a, OUT_NAME), hit_text(b, OUT_NAME));
    if (order == 0) {
        order = hb_str_cmp(cell_text(a->source, a->row, "object_id"),
                           cell_text(b->source, b->row, "object_id"));
    }
    return order < 0;
}

static void keep_hit(find_program *f, find_hit hit) {
    uint32_t at = f->hit_count;
    if (at == f->limit) {
        if (!comes_before(&hit, &f->hits[at - 1])) return;
        at--;
    } else {
        f->hit_count++;
    }
    for (; at > 0 && comes_before(&hit, &f->hits[at - 1]); at--) f->hits[at] = f->hits[at - 1];
    f->hits[at] = hit;
}

/* Active, visible, neither expired nor stale: MetaSchema has no such columns but `active`. */
static bool is_available(const find_program *f, const hb_batch *batch, uint32_t row) {
    static const char *const flags[] = { "active", "visible" };
    static const char *const deadlines[] = { "expires_compute", "stale_compute" };
    for (int i = 0; i < 2; i++) {
        const int flag = hb_batch_find(batch, hb_str_c(flags[i]));
        const int time = hb_batch_find(batch, hb_str_c(deadlines[i]));
        if (flag >= 0) {
            const hb_value value = hb_column_get(&batch->columns[flag], row);
            if (value.kind != HB_KIND_BOOL || !value.as.b) return false;
        }
        if (time >= 0) {
            const hb_value value = hb_column_get(&batch->columns[time], row);
            if (value.kind == HB_KIND_I64 && value.as.i <= f->now_ms) return false;
        }
    }
    return true;
}

static void score_source(find_program *f, const find_source *source) {
    const hb_batch *batch = &hb_run_result_get(source->run)->batch;
    int columns[FIND_FIELDS_MAX];
    for (uint32_t i = 0; i < source->weight_count; i++) {
        columns[i] = hb_batch_find(batch, hb_str_c(source->weights[i].field));
    }
    for (uint32_t row = 0; row < batch->row_count; row++) {
        double best = 0;
        if (!is_available(f, batch, row)) continue;
        for (uint32_t i = 0; i < source->weight_count; i++) {
            if (columns[i] < 0) continue;
            const double score =
                score_cell(f, &batch->columns[columns[i]], row, source->weights[i].weight);
            if (score > best) best = score;
        }
        if (best > 0) keep_hit(f, (find_hit){ source, row, best });
    }
}

/* ---- the answer ------------------------------------------------------------------------ */

static hb_status find_answer(find_program *f, hb_err *err) {
    hb_rowset *set;
    HB_TRY(hb_task_rowset(f->task, OUT_COUNT + 2, &set, err));
    hb_rowset_column(set, 0, HB_STR("object_id"), HB_KIND_TEXT, 0);
    for (uint32_t c = 0; c < OUT_COUNT; c++) {
        hb_rowset_column(set, c + 1, hb_str_c(out_names[c]), HB_KIND_TEXT, 0);
    }
    hb_rowset_column(set, OUT_COUNT + 1, HB_STR("score"), HB_KIND_F64, 0);
    bool ok = true;
    for (uint32_t i = 0; i < f->hit_count && ok; i++) {
        const find_hit *hit = &f->hits[i];
        const hb_value score = { HB_KIND_F64, { .f = hit->score } };
        ok = hb_colbuf_add_text(&set->columns[0], cell_text(hit->source, hit->row, "object_id"));
        for (int c = 0; c < OUT_COUNT && ok; c++) {
            ok = hb_colbuf_add_text(&set->columns[c + 1], hit_text(hit, c));
        }
        ok = ok && hb_colbuf_add(&set->columns[OUT_COUNT + 1], &score);
    }
    if (!ok) return hb_err_memory(err);
    set->row_count = f->hit_count;
    static const uint8_t roles[OUT_COUNT + 2] = { 1 };
    hb_task_finish_frame(f->task, hb_rowset_batch(set), roles);
    return HB_OK;
}

static hb_status find_advance(hb_task *task, hb_err *err) {
    find_program *f = task->program;
    for (int i = 0; i < 2; i++) {
        find_source *source = &f->sources[i];
        if (source->run == NULL) continue;
        if (!source->done) HB_TRY(hb_run_advance(source->run, &source->done, err));
        if (!source->done) return HB_OK;
    }
    for (int i = 0; i < 2; i++) {
        if (f->sources[i].run != NULL) score_source(f, &f->sources[i]);
    }
    HB_TRY(hb_buf_check(&f->fold, err));
    return find_answer(f, err);
}

static void find_cleanup(hb_task *task, bool failed) {
    find_program *f = task->program;
    (void)failed;
    hb_buf_free(&f->fold);
}

/* ---- starting -------------------------------------------------------------------------- */

static hb_status find_start(find_program *f, find_source *source, hb_err *err) {
    const hb_schema *schema = source->entity->schema;
    static const char *const also[] = { "active",        "visible",    "expires_compute",
                                        "stale_compute", "kind",       "target_entity",
                                        "target_id",     "subject_id", "field",
                                        "name",          "desc",       "type" };
    uint32_t fields[FIND_FIELDS_MAX * 2];
    uint32_t count = 0;
    for (uint32_t i = 0; i < source->weight_count + sizeof(also) / sizeof(also[0]); i++) {
        const char *name =
            i < source->weight_count ? source->weights[i].field : also[i - source->weight_count];
        const uint32_t field = hb_schema_find(schema, hb_str_c(name));
        bool known = field == HB_FIELD_NONE;
        for (uint32_t k = 0; k < count; k++) known = known || fields[k] == field;
        if (!known) fields[count++] = field;
    }
    const hb_page page = { .fields = fields, .field_count = count, .limit = HB_NO_LIMIT };
    return hb_page_read(f->task, f->ws, source->entity, &page, &source->run, err);
}

static hb_status find_text(find_program *f, hb_str text, hb_err *err) {
    hb_buf folded;
    hb_buf_init(&folded, f->ws->mem);
    hb_text_fold(hb_str_trim(text), &folded);
    hb_status status = hb_buf_check(&folded, err);
    if (status == HB_OK) {
        f->text = hb_arena_str(&f->task->arena, hb_buf_str(&folded));
        if (f->text.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&folded);
    HB_TRY(status);
    if (f->text.len == 0) return hb_err_set(err, HB_E_QUERY, "search needs a text");
    uint32_t from = 0;
    for (uint32_t i = 0; i <= f->text.len && f->word_count < FIND_WORDS_MAX; i++) {
        if (i < f->text.len && (unsigned char)f->text.ptr[i] > ' ') continue;
        if (i > from) f->words[f->word_count++] = hb_str_sub(f->text, from, i);
        from = i + 1;
    }
    return HB_OK;
}

static hb_status find_options(find_program *f, hb_str json, hb_err *err) {
    cJSON *options;
    HB_TRY(hb_json_tree(json, f->task->mem, &options, err));
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(options, "text");
    const cJSON *limit = cJSON_GetObjectItemCaseSensitive(options, "limit");
    double most = cJSON_IsNumber(limit) ? limit->valuedouble : FIND_LIMIT_DEFAULT;
    hb_status status = HB_OK;
    if (!cJSON_IsString(text)) {
        status = hb_err_set(err, HB_E_TYPE, "search expects a text");
    } else if (limit != NULL && !cJSON_IsNull(limit) && !cJSON_IsNumber(limit)) {
        status = hb_err_set(err, HB_E_TYPE, "the limit of a search is a number");
    } else if (!(most >= 1) || most != (double)(uint32_t)(most > 1e9 ? 1e9 : most)) {
        status = hb_err_set(err, HB_E_QUERY, "the limit of a search is a whole number from 1");
    } else if (most > FIND_LIMIT_MAX) {
        status = hb_err_set(err, HB_E_LIMIT, "a search gives at most %d rows", FIND_LIMIT_MAX);
    } else {
        f->limit = (uint32_t)most;
        status = find_text(f, hb_str_c(text->valuestring), err);
    }
    cJSON_Delete(options);
    return status;
}

hb_status hb_call_find(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    find_program *f = HB_NEW(&task->arena, find_program);
    if (f == NULL) return hb_err_memory(err);
    f->ws = ws;
    f->task = task;
    f->now_ms = request->now_ms;
    hb_buf_init(&f->fold, ws->mem);
    task->program = f;
    task->advance = find_advance;
    task->cleanup = find_cleanup;
    HB_TRY(find_options(f, request->text, err));
    f->hits = hb_arena_array(&task->arena, f->limit, sizeof(*f->hits));
    if (f->hits == NULL) return hb_err_memory(err);
    f->sources[0] = (find_source){ .entity = ws->entities[HB_ENTITY_CATALOG],
                                   .weights = catalog_weights,
                                   .weight_count = sizeof(catalog_weights) / sizeof(find_weight),
                                   .kind = "object" };
    f->sources[1] = (find_source){ .entity = ws->entities[HB_ENTITY_METASCHEMA],
                                   .weights = meta_weights,
                                   .weight_count = sizeof(meta_weights) / sizeof(find_weight) };
    HB_TRY(hb_metaschema_refresh(ws, err));
    if (ws->catalog && f->sources[0].entity->ensured) HB_TRY(find_start(f, &f->sources[0], err));
    return find_start(f, &f->sources[1], err);
}
