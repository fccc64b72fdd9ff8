// SPDX-License-Identifier: MIT
#include "exec/task.h"

typedef struct hb_task_rows {
    hb_rowset set;
    struct hb_task_rows *next;
} hb_task_rows;

/* An arena that has grown further is not kept for the next task. */
#define ROOM_BYTES_MAX (256u * 1024u)

hb_task *hb_task_new(const hb_mem *mem, hb_arena *room) {
    hb_arena own;
    hb_arena_init(&own, mem);
    hb_arena *arena = room != NULL ? room : &own;
    hb_task *task = HB_NEW(arena, hb_task);
    if (task == NULL) return NULL;
    task->mem = mem;
    task->arena = *arena;
    task->room = room;
    if (room != NULL) hb_arena_init(room, mem);
    task->progress = true;
    task->next_op_id = 1;
    return task;
}

hb_status hb_job_emit(hb_job *job, const hb_host_op *op, uint32_t *id, hb_err *err) {
    if (job->op_count == job->op_cap) {
        uint32_t cap = job->op_cap == 0 ? 4 : job->op_cap * 2;
        hb_host_op *ops = hb_arena_array(job->arena, cap, sizeof(*ops));
        if (ops == NULL) return hb_err_memory(err);
        if (job->op_count > 0) memcpy(ops, job->ops, job->op_count * sizeof(*ops));
        job->ops = ops;
        job->op_cap = cap;
    }
    if (job->op_count + job->waiting_count >= job->waiting_cap) {
        uint32_t cap = job->waiting_cap == 0 ? 8 : job->waiting_cap * 2;
        uint32_t *waiting = hb_arena_array(job->arena, cap, sizeof(*waiting));
        if (waiting == NULL) return hb_err_memory(err);
        if (job->waiting_count > 0)
            memcpy(waiting, job->waiting, job->waiting_count * sizeof(*waiting));
        job->waiting = waiting;
        job->waiting_cap = cap;
    }
    hb_host_op *slot = &job->ops[job->op_count++];
    *slot = *op;
    slot->id = (*job->next_op_id)++;
    slot->backend = job->instance->name;
    if (slot->timeout_ms == 0) slot->timeout_ms = job->op_timeout_ms;
    if (id != NULL) *id = slot->id;
    return HB_OK;
}

static void task_name_job(const hb_job *job, hb_err *err) {
    const hb_container *container = job->fragment->container;
    hb_err_where(err, container != NULL ? container->schema->entity_id : HB_STR_EMPTY, HB_STR_EMPTY,
                 job->instance->name);
}

static hb_status job_begin(hb_job *job, hb_err *err) {
    hb_instance *instance = job->instance;
    if (job->fragment->kind != HB_FRAG_COMMIT || !instance->type->local) {
        return instance->type->begin(job, err);
    }
    HB_TRY(instance->type->tx(instance, HB_TX_COMMIT, err));
    job->done = true;
    return HB_OK;
}

hb_status hb_task_start_job(hb_task *task, hb_instance *instance, const hb_fragment *fragment,
                            hb_job **out, hb_err *err) {
    hb_task_job *entry = HB_NEW(&task->arena, hb_task_job);
    if (entry == NULL) return hb_err_memory(err);
    entry->job.instance = instance;
    entry->job.fragment = fragment;
    entry->job.mem = task->mem;
    entry->job.arena = &task->arena;
    entry->job.deadline = task->deadline;
    entry->job.lost_as_null = task->lost_as_null;
    entry->job.as_mended = task->as_mended;
    entry->job.op_timeout_ms = task->op_timeout_ms;
    entry->job.next_op_id = &task->next_op_id;
    entry->next = task->jobs;
    task->jobs = entry;
    *out = &entry->job;
    hb_status status = job_begin(&entry->job, err);
    if (status != HB_OK) {
        task_name_job(&entry->job, err);
        return status;
    }
    if (entry->job.done) {
        task->progress = true;
    } else {
        task->pending++;
    }
    return HB_OK;
}

hb_status hb_task_start_commit(hb_task *task, hb_instance *instance, hb_job **out, hb_err *err) {
    static const hb_fragment commit = { .kind = HB_FRAG_COMMIT };
    return hb_task_start_job(task, instance, &commit, out, err);
}

hb_status hb_task_rowset(hb_task *task, uint32_t column_count, hb_rowset **out, hb_err *err) {
    hb_task_rows *rows = HB_NEW(&task->arena, hb_task_rows);
    if (rows == NULL) return hb_err_memory(err);
    HB_TRY(hb_rowset_init(&rows->set, task->mem, column_count, err));
    rows->next = task->owned;
    task->owned = rows;
    *out = &rows->set;
    return HB_OK;
}

hb_status hb_task_finish(hb_task *task, hb_err *err) {
    (void)err;
    task->done = true;
    return HB_OK;
}

hb_status hb_task_finish_json(hb_task *task, hb_str json, hb_err *err) {
    hb_str copy = hb_arena_str(&task->arena, json);
    if (copy.ptr == NULL) return hb_err_memory(err);
    task->answer.kind = HB_ANSWER_JSON;
    task->answer.json = copy;
    task->done = true;
    return HB_OK;
}

hb_status hb_task_finish_bytes(hb_task *task, hb_str bytes, hb_err *err) {
    HB_TRY(hb_task_finish_json(task, bytes, err));
    task->answer.kind = HB_ANSWER_BYTES;
    return HB_OK;
}

void hb_task_finish_frame(hb_task *task, hb_batch batch, const uint8_t *roles) {
    task->answer.kind = HB_ANSWER_FRAME;
    task->answer.batch = batch;
    task->answer.roles = roles;
    task->done = true;
}

/* The oldest queued operation of any job, or NULL. Jobs queue in order; handing out shifts. */
static const hb_host_op *task_next_op(hb_task *task) {
    for (hb_task_job *entry = task->jobs; entry != NULL; entry = entry->next) {
        hb_job *job = &entry->job;
        if (entry->ended || job->op_count == 0) continue;
        hb_host_op *op = hb_arena_copy(&task->arena, &job->ops[0], sizeof(*op));
        if (op == NULL) return NULL;
        job->waiting[job->waiting_count++] = op->id;
        job->op_count--;
        memmove(&job->ops[0], &job->ops[1], job->op_count * sizeof(*op));
        return op;
    }
    return NULL;
}

static bool task_has_ops(const hb_task *task) {
    for (const hb_task_job *entry = task->jobs; entry != NULL; entry = entry->next) {
        if (!entry->ended && entry->job.op_count > 0) return true;
    }
    return false;
}

/* HB_E_TIMEOUT once the deadline has passed; it names the job that has waited longest. */
static hb_status task_check_deadline(hb_task *task, hb_err *err) {
    hb_status status = hb_deadline_check(&task->deadline, err);
    if (status == HB_OK) return HB_OK;
    task->failed = true;
    const hb_job *oldest = NULL;
    for (const hb_task_job *entry = task->jobs; entry != NULL; entry = entry->next) {
        if (!entry->ended && !entry->job.done) oldest = &entry->job;
    }
    if (oldest != NULL) task_name_job(oldest, err);
    return status;
}

hb_status hb_task_step(hb_task *task, hb_step *out, hb_err *err) {
    HB_ASSERT(!task->failed);
    for (;;) {
        *out = (hb_step){ .kind = HB_STEP_DONE };
        if (task->done && task->pending == 0) return HB_OK;
        HB_TRY(task_check_deadline(task, err));
        if (task->progress && !task->done) {
            task->progress = false;
            hb_status status = task->advance(task, err);
            if (status != HB_OK) {
                task->failed = true;
                return status;
            }
            if (!task->pause) continue;
            task->pause = false;
            task->progress = true;
            out->kind = HB_STEP_PAUSE;
            out->timeout_ms = hb_deadline_left_ms(&task->deadline);
            return HB_OK;
        }
        if (task_has_ops(task)) {
            out->kind = HB_STEP_OP;
            out->timeout_ms = hb_deadline_left_ms(&task->deadline);
            out->op = task_next_op(task);
            return out->op != NULL ? HB_OK : hb_err_memory(err);
        }
        /* A program that neither finishes nor waits for anything is our own bug. */
        HB_ASSERT(task->pending > 0);
        out->kind = HB_STEP_WAIT;
        out->timeout_ms = hb_deadline_left_ms(&task->deadline);
        return HB_OK;
    }
}

/* The job that waits for `op_id`; NULL when no operation of that id is outstanding. */
static hb_task_job *task_find_op(hb_task *task, uint32_t op_id) {
    for (hb_task_job *entry = task->jobs; entry != NULL; entry = entry->next) {
        hb_job *job = &entry->job;
        for (uint32_t i = 0; i < job->waiting_count; i++) {
            if (job->waiting[i] != op_id) continue;
            job->waiting[i] = job->waiting[--job->waiting_count];
            return entry;
        }
    }
    return NULL;
}

hb_status hb_task_reply(hb_task *task, const hb_host_reply *reply, hb_err *err) {
    HB_ASSERT(!task->failed);
    hb_task_job *entry = task_find_op(task, reply->op_id);
    if (entry == NULL) {
        task->failed = true;
        return hb_err_set(err, HB_E_INTERNAL, "reply to unknown operation %u", reply->op_id);
    }
    /* An operation that the host gave up at the deadline is no failure of its backend. */
    if (reply->failed && hb_deadline_has_passed(&task->deadline)) {
        return task_check_deadline(task, err);
    }
    hb_status status = entry->job.instance->type->reply(&entry->job, reply, err);
    if (status != HB_OK && entry->job.forgiven) {
        task_name_job(&entry->job, err);
        if (entry->job.fault != NULL && entry->job.fault->code == HB_OK) *entry->job.fault = *err;
        hb_err_init(err);
        entry->job.done = true;
    } else if (status != HB_OK) {
        hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, entry->job.instance->name);
        task->failed = true;
        return task->refused != NULL ? task->refused(task, status, err) : status;
    }
    if (entry->job.done) {
        task->pending--;
        task->progress = true;
    }
    return HB_OK;
}

const hb_answer *hb_task_answer(const hb_task *task) {
    return task->done || task->answer.kind == HB_ANSWER_JSON ? &task->answer : NULL;
}

static void free_jobs(hb_task *task) {
    for (hb_task_job *entry = task->jobs; entry != NULL; entry = entry->next) {
        if (!entry->ended && entry->job.instance->type->end != NULL) {
            entry->job.instance->type->end(&entry->job);
        }
        entry->ended = true;
        hb_rowset_free(&entry->job.out);
    }
    for (hb_task_rows *rows = task->owned; rows != NULL; rows = rows->next)
        hb_rowset_free(&rows->set);
}

void hb_task_page_begin(hb_task *task, hb_task_page *outer) {
    HB_ASSERT(task->pending == 0);
    *outer = (hb_task_page){ task->arena, task->jobs, task->owned };
    hb_arena_init(&task->arena, task->mem);
    task->jobs = NULL;
    task->owned = NULL;
}

void hb_task_page_end(hb_task *task, const hb_task_page *outer) {
    free_jobs(task);
    hb_arena_free(&task->arena);
    task->arena = outer->arena;
    task->jobs = outer->jobs;
    task->owned = outer->owned;
}

void hb_task_free(hb_task *task) {
    if (task == NULL) return;
    if (task->cleanup != NULL) task->cleanup(task, task->failed || !task->done);
    free_jobs(task);
    hb_arena arena = task->arena;       /* the task itself lies there */
    hb_arena *room = task->room;
    if (room == NULL || room->head != NULL || arena.used_bytes > ROOM_BYTES_MAX) {
        hb_arena_free(&arena);
        return;
    }
    hb_arena_reset(&arena);
    *room = arena;
}
