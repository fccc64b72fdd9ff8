// SPDX-License-Identifier: MIT
/* Relaxed durability: calls that have returned are gathered, and written as one transaction when
 * the host has nothing to do, when somebody else wants the folder, before anything is read from
 * disk, and by a flush. Their new files lie in the tx folder already, without having been synced;
 * a process that dies before loses the gathered calls, whole ones from the last on, and nothing
 * that was written before. Definitions and intents never wait, nor does a drop. */
#include "backends/files/files_priv.h"

#define GROUP_STEPS_MAX 4096u

static bool can_wait(const files_conn *conn) {
    if (!conn->relaxed || conn->removes_tree) return false;
    for (uint32_t i = 0; i < conn->op_count; i++) {
        if (hb_str_starts(conn->ops[i].target, HB_STR(FILES_META_BELOW))) return false;
    }
    return conn->group.op_count + conn->op_count <= GROUP_STEPS_MAX;
}

/* New files of relaxed calls were written without waiting for the device. */
static hb_status sync_staged(const files_conn *conn, const files_op *ops, uint32_t count,
                             hb_err *err) {
    hb_arena scratch;
    hb_arena_init(&scratch, conn->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        if (ops[i].staged.len == 0) continue;
        hb_str path = hb_fs_join(&scratch, conn->root, ops[i].staged);
        status = path.ptr != NULL ? hb_fs_sync_file(conn->fs, path, err) : hb_err_memory(err);
        hb_arena_reset(&scratch);
    }
    hb_arena_free(&scratch);
    return status;
}

static hb_status group_reserve(files_group *group, uint32_t more, hb_err *err) {
    if (group->op_cap - group->op_count >= more) return HB_OK;
    uint32_t cap =
        group->op_count + more > 2 * group->op_cap ? group->op_count + more : 2 * group->op_cap;
    files_op *grown = hb_arena_array(&group->arena, cap, sizeof(*grown));
    if (grown == NULL) return hb_err_memory(err);
    if (group->op_count > 0) memcpy(grown, group->ops, group->op_count * sizeof(*grown));
    group->ops = grown;
    group->op_cap = cap;
    return HB_OK;
}

hb_status files_group_take(files_conn *conn, bool *taken, hb_err *err) {
    files_group *group = &conn->group;
    *taken = can_wait(conn);
    if (!*taken) {
        HB_TRY(files_group_write(conn, err));
        return conn->relaxed ? sync_staged(conn, conn->ops, conn->op_count, err) : HB_OK;
    }
    HB_TRY(files_lease_beat(conn, err));
    HB_TRY(group_reserve(group, conn->op_count, err));
    for (uint32_t i = 0; i < conn->op_count; i++) {
        files_op *op = &group->ops[group->op_count + i];
        op->target = hb_arena_str(&group->arena, conn->ops[i].target);
        op->tree = false;
        op->staged = hb_arena_str(&group->arena, conn->ops[i].staged);
        if (op->target.ptr == NULL || op->staged.ptr == NULL) return hb_err_memory(err);
    }
    group->op_count += conn->op_count;
    return HB_OK;
}

hb_status files_group_write(files_conn *conn, hb_err *err) {
    files_group *group = &conn->group;
    if (group->op_count == 0) return HB_OK;
    HB_TRY(sync_staged(conn, group->ops, group->op_count, err));
    /* The open transaction, if there is one, waits beside. */
    files_op *ops = conn->ops;
    const uint32_t op_count = conn->op_count;
    const bool removes_tree = conn->removes_tree;
    conn->ops = group->ops;
    conn->op_count = group->op_count;
    conn->removes_tree = false;
    hb_status status = files_tx_apply(conn, err);
    group->op_count = conn->op_count;
    conn->ops = ops;
    conn->op_count = op_count;
    conn->removes_tree = removes_tree;
    if (status == HB_OK) files_group_forget(conn);
    return status;
}

void files_group_forget(files_conn *conn) {
    files_group *group = &conn->group;
    group->ops = NULL;
    group->op_count = group->op_cap = 0;
    hb_arena_reset(&group->arena);
}

void files_group_free(files_group *group) {
    hb_arena_free(&group->arena);
}
