// SPDX-License-Identifier: MIT
#include "exec/run.h"

#include <stdlib.h>

typedef enum node_state { NODE_WAITING = 0, NODE_RUNNING, NODE_DONE } node_state;

typedef struct run_node {
    node_state state;
    hb_job *job;                /* SCAN and HYDRATE under way */
    hb_fragment fragment;       /* the node's, with candidates or ids filled in */
    hb_ids ids;
    hb_rows rows;
} run_node;

struct hb_run {
    hb_task *task;
    const hb_plan *plan;
    hb_instance *const *instances;
    run_node *nodes;
    uint64_t total;
    bool total_set;
    bool lends;                 /* every backend is local: nothing is written while it runs */
    bool lends_rows;            /* the result may be some rows of its columns */
    hb_run_result result;
};

static bool run_is_local(const hb_plan *plan, hb_instance *const *instances) {
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const hb_node *node = &plan->nodes[i];
        const bool job = node->kind == HB_NODE_SCAN || node->kind == HB_NODE_HYDRATE;
        if (job && !instances[node->backend]->type->local) return false;
    }
    return true;
}

hb_status hb_run_new(hb_task *task, const hb_plan *plan, hb_instance *const *instances,
                     hb_run **out, hb_err *err) {
    hb_run *run = HB_NEW(&task->arena, hb_run);
    if (run == NULL) return hb_err_memory(err);
    run->nodes = HB_NEW_ARRAY(&task->arena, run_node, plan->node_count);
    if (run->nodes == NULL) return hb_err_memory(err);
    run->task = task;
    run->plan = plan;
    run->instances = instances;
    run->result.total_known = true;
    run->lends = run_is_local(plan, instances);
    *out = run;
    return HB_OK;
}

void hb_run_lend_rows(hb_run *run) {
    run->lends_rows = run->lends;
}

/* The ids of a node in ascending order: candidates must be sorted, and ranked rows are not. */
static int run_id_compare(const void *a, const void *b) {
    return hb_str_cmp(*(const hb_str *)a, *(const hb_str *)b);
}

static hb_status run_sorted_ids(hb_run *run, const hb_rows *rows, hb_ids *out, hb_err *err) {
    hb_arena *arena = &run->task->arena;
    hb_str *ids = hb_arena_array(arena, rows->count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    bool sorted = true;
    for (uint32_t i = 0; i < rows->count; i++) {
        ids[i] = hb_rows_id(rows, i);
        if (i > 0 && hb_str_cmp(ids[i - 1], ids[i]) > 0) sorted = false;
    }
    if (!sorted) qsort(ids, rows->count, sizeof(*ids), run_id_compare);
    *out = (hb_ids){ ids, rows->count };
    return HB_OK;
}

/* What a fragment's result columns are: object_id, the columns asked for, and the score. */
static hb_status run_fragment_colids(hb_run *run, const hb_fragment *fragment, const hb_job *job,
                                     const uint32_t **out, hb_err *err) {
    const uint32_t count =
        job->lent.columns != NULL ? job->lent.column_count : job->out.column_count;
    uint32_t *colids = hb_arena_array(&run->task->arena, (size_t)count + 1, sizeof(*colids));
    if (colids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; fragment->aggregate != NULL && i < job->out.column_count; i++)
        colids[i] = i;
    colids[0] = HB_FIELD_OBJECT_ID;
    for (uint32_t i = 0; i < fragment->column_count; i++) colids[i + 1] = fragment->columns[i];
    if (fragment->near != NULL || fragment->search != NULL) {
        colids[fragment->column_count + 1] = HB_COLID_SCORE;
    }
    *out = colids;
    return HB_OK;
}

static hb_status run_job_rows(hb_run *run, const hb_fragment *fragment, hb_job *job, hb_rows *rows,
                              hb_err *err) {
    const uint32_t *colids;
    HB_TRY(run_fragment_colids(run, fragment, job, &colids, err));
    if (job->lent.columns != NULL) {
        const hb_lent *lent = &job->lent;
        *rows = (hb_rows){ lent->columns, colids, lent->column_count, lent->rows, lent->row_count };
        return HB_OK;
    }
    hb_batch batch = hb_rowset_batch(&job->out);
    *rows = (hb_rows){ batch.columns, colids, batch.column_count, NULL, batch.row_count };
    return HB_OK;
}

static hb_status run_start_scan(hb_run *run, const hb_node *node, run_node *state, hb_err *err) {
    state->fragment = node->fragment;
    state->fragment.lends = run->lends;
    if (node->candidates_from != HB_NODE_NONE) {
        HB_TRY(run_sorted_ids(run, &run->nodes[node->candidates_from].rows, &state->ids, err));
        state->fragment.candidates = &state->ids;
    }
    state->state = NODE_RUNNING;
    return hb_task_start_job(run->task, run->instances[node->backend], &state->fragment,
                             &state->job, err);
}

static hb_status run_start_hydrate(hb_run *run, const hb_node *node, run_node *state, hb_err *err) {
    state->fragment = node->fragment;
    state->fragment.lends = run->lends;
    HB_TRY(hb_rows_ids(&run->nodes[node->inputs[0]].rows, &run->task->arena, &state->ids, err));
    state->fragment.ids = &state->ids;
    state->state = NODE_RUNNING;
    return hb_task_start_job(run->task, run->instances[node->backend], &state->fragment,
                             &state->job, err);
}

static hb_status run_finish_job(hb_run *run, const hb_node *node, run_node *state, hb_err *err) {
    hb_rows rows;
    HB_TRY(run_job_rows(run, &state->fragment, state->job, &rows, err));
    if (node->kind == HB_NODE_HYDRATE) {
        HB_TRY(hb_exec_hydrate(run->task, &run->nodes[node->inputs[0]].rows, &rows, &state->rows,
                               err));
    } else {
        state->rows = rows;
    }
    state->state = NODE_DONE;
    return HB_OK;
}

static void run_note_total(hb_run *run, uint64_t total) {
    if (run->total_set) return;
    run->total = total;
    run->total_set = true;
}

static hb_status run_limit(hb_run *run, const hb_node *node, const hb_rows *in, hb_rows *out,
                           hb_err *err) {
    run_note_total(run, in->count);
    HB_TRY(hb_exec_limit(run->task, node->limit, node->offset, in, out, err));
    hb_run_result *result = &run->result;
    result->truncated = run->total > node->offset + out->count;
    if (!run->plan->pushed_limit) return HB_OK;
    /* One row more than the limit was asked for: its absence proves the end. */
    uint64_t skipped = run->plan->query->offset;
    result->total_known = !result->truncated && (out->count > 0 || skipped == 0);
    run->total = skipped + out->count;
    return HB_OK;
}

static hb_status run_count(hb_run *run, const hb_node *node, hb_err *err) {
    uint64_t count = 0;
    HB_TRY(hb_exec_count(run->task, node->count_field, node->count_distinct,
                         &run->nodes[node->inputs[0]].rows, &count, err));
    hb_rowset *set;
    HB_TRY(hb_task_rowset(run->task, 1, &set, err));
    hb_rowset_column(set, 0, HB_STR("count"), HB_KIND_I64, 0);
    hb_value value = { HB_KIND_I64, { .i = (int64_t)count } };
    if (!hb_colbuf_add(&set->columns[0], &value)) return hb_err_memory(err);
    static const uint8_t roles[1] = { 0 };
    run->result.batch = hb_rowset_batch(set);
    run->result.roles = roles;
    run_note_total(run, 1);
    return HB_OK;
}

/* The core's own operators, all inputs being there. */
static hb_status run_local(hb_run *run, const hb_node *node, run_node *state, hb_err *err) {
    hb_task *task = run->task;
    const hb_query *query = run->plan->query;
    const hb_schema *schema = node->schema != NULL ? node->schema : query->schema;
    const hb_rows **in = hb_arena_array(&task->arena, node->input_count, sizeof(*in));
    if (in == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < node->input_count; i++) in[i] = &run->nodes[node->inputs[i]].rows;
    switch (node->kind) {
    case HB_NODE_FILTER:
        return hb_exec_filter(task, schema, node->residual, in[0], &state->rows, err);
    case HB_NODE_INTERSECT:
        return hb_exec_intersect(task, in, node->input_count, &state->rows, err);
    case HB_NODE_UNION: return hb_exec_union(task, in, node->input_count, &state->rows, err);
    case HB_NODE_EXCEPT: return hb_exec_except(task, in[0], in[1], &state->rows, err);
    case HB_NODE_ADD_SCORES:
        return hb_exec_add_scores(task, in, node->input_count, node->ranked_count, node->bound,
                                  &state->rows, err);
    case HB_NODE_FUSE:
        return hb_exec_fuse(task, in[0], in[1], query->fuse_k, query->fuse_near, query->fuse_search,
                            node->bound, &state->rows, err);
    case HB_NODE_SORT:
        run_note_total(run, in[0]->count);
        return hb_exec_sort(task, node->order, node->order_count, node->bound, in[0], &state->rows,
                            err);
    case HB_NODE_LIMIT: return run_limit(run, node, in[0], &state->rows, err);
    case HB_NODE_COUNT: return run_count(run, node, err);
    case HB_NODE_PROJECT:
        run_note_total(run, in[0]->count);
        state->rows = *in[0];
        if (run->result.truncated && in[0]->count > 0)
            HB_TRY(hb_exec_cursor(task, query, in[0], query->offset + in[0]->count,
                                  &run->result.cursor, err));
        return hb_exec_project(task, schema, node->columns, node->column_count, query, in[0],
                               run->lends_rows ? &run->result.rows : NULL, &run->result.batch,
                               &run->result.roles, err);
    case HB_NODE_AGGREGATE:
        return hb_exec_aggregate(task, schema, query->aggregate, in[0], &state->rows, err);
    case HB_NODE_SCAN:
    case HB_NODE_HYDRATE: break;
    }
    HB_ASSERT(false);
    return HB_E_INTERNAL;
}

/* Between operators: each of them is one pass over its rows. */
static hb_status run_check_deadline(const hb_run *run, hb_err *err) {
    hb_status status = hb_deadline_check(&run->task->deadline, err);
    if (status != HB_OK) {
        hb_err_where(err, run->plan->query->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
    }
    return status;
}

static bool run_inputs_ready(const hb_run *run, const hb_node *node) {
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (run->nodes[node->inputs[i]].state != NODE_DONE) return false;
    }
    return node->kind != HB_NODE_SCAN || node->candidates_from == HB_NODE_NONE ||
           run->nodes[node->candidates_from].state == NODE_DONE;
}

static hb_status run_node_advance(hb_run *run, const hb_node *node, run_node *state, hb_err *err) {
    bool remote = node->kind == HB_NODE_SCAN || node->kind == HB_NODE_HYDRATE;
    if (state->state == NODE_WAITING && run_inputs_ready(run, node)) {
        if (node->kind == HB_NODE_SCAN) {
            HB_TRY(run_start_scan(run, node, state, err));
        } else if (node->kind == HB_NODE_HYDRATE) {
            HB_TRY(run_start_hydrate(run, node, state, err));
        } else {
            HB_TRY(run_check_deadline(run, err));
            HB_TRY(run_local(run, node, state, err));
            state->state = NODE_DONE;
        }
    }
    if (remote && state->state == NODE_RUNNING && state->job->done) {
        return run_finish_job(run, node, state, err);
    }
    return HB_OK;
}

/* A pushed COUNT fragment is the whole plan: its one row is the answer. */
static void run_take_count(hb_run *run, const hb_node *last, run_node *state) {
    static const uint8_t roles[1] = { 0 };
    if (last->kind != HB_NODE_SCAN || last->fragment.kind != HB_FRAG_COUNT) return;
    run->result.batch = hb_rowset_batch(&state->job->out);
    run->result.roles = roles;
    run_note_total(run, 1);
}

hb_status hb_run_advance(hb_run *run, bool *done, hb_err *err) {
    const hb_plan *plan = run->plan;
    for (uint32_t i = 0; i < plan->node_count; i++) {
        if (run->nodes[i].state == NODE_DONE) continue;
        HB_TRY(run_node_advance(run, &plan->nodes[i], &run->nodes[i], err));
    }
    run_node *last = &run->nodes[plan->node_count - 1];
    *done = last->state == NODE_DONE;
    if (*done) {
        run_take_count(run, &plan->nodes[plan->node_count - 1], last);
        run->result.total = run->total;
    }
    return HB_OK;
}

const hb_run_result *hb_run_result_get(const hb_run *run) {
    return &run->result;
}

uint64_t hb_run_rows_examined(const hb_run *run) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < run->plan->node_count; i++) {
        if (run->nodes[i].job != NULL) sum += run->nodes[i].job->rows_examined;
    }
    return sum;
}
