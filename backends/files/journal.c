// SPDX-License-Identifier: MIT
/* Writing several files so that all of them count or none, whenever the process ends.
 *
 * New content goes to files of its own in the tx folder. The commit writes a journal, the list of
 * steps, beside them and gives it its name by one rename: from then on the call counts. The steps
 * (rename over the target, remove) can be taken again any number of times; the journal goes last.
 * Opening carries out a journal that it finds, and clears a tx folder without one. A single step
 * needs no journal: its rename is the commit.
 *
 * Whatever a call puts into the tx folder carries the token of its turn. Whoever takes the folder
 * over from an owner that was silent first removes that owner's drafts, then looks for a journal,
 * then clears the rest; so an owner that was only stopped finds nothing to commit with.
 *
 * When a step fails after the commit, the call has succeeded all the same; the rest is carried out
 * before the next transaction, which fails if it still cannot be done. */
#include "backends/files/files_priv.h"
#include "base/map.h"

#define JOURNAL_BYTES_MAX (1u << 30)

static hb_str below(const files_conn *conn, hb_arena *arena, hb_str path) {
    return hb_fs_join(arena, conn->root, path);
}

static hb_str journal_path(const files_conn *conn, hb_arena *arena) {
    return hb_fs_join(arena, conn->tx_folder, HB_STR("journal"));
}

/* "<tx folder>/<token>.new": the journal before it counts. */
#define DRAFT_SUFFIX ".new"

static hb_str draft_path(const files_conn *conn, hb_arena *arena) {
    hb_str token = files_lease_token(conn, arena);
    if (token.ptr == NULL) return token;
    return hb_arena_printf(arena, "%.*s/%.*s" DRAFT_SUFFIX, HB_ARG(conn->tx_folder), HB_ARG(token));
}

/* ---- carrying out ------------------------------------------------------------------------- */

static hb_status step_remove(const files_conn *conn, hb_str target, hb_err *err) {
    const hb_fs *fs = conn->fs;
    hb_fs_code code = fs->remove(fs->ctx, target);
    if (code == HB_FS_MISSING || code == HB_FS_NOT_FOLDER) return HB_OK;
    return hb_fs_fail(code, "remove", target, err);
}

static hb_str folder_of(hb_str path) {
    uint32_t len = path.len;
    while (len > 0 && path.ptr[len - 1] != '/') len--;
    return (hb_str){ path.ptr, len > 0 ? len - 1 : 0 };
}

/* `again`: the step may have been taken already, then its staged file is gone. */
static hb_status step_put(const files_conn *conn, hb_str staged, hb_str target, bool again,
                          hb_err *err) {
    const hb_fs *fs = conn->fs;
    hb_fs_code code = fs->rename(fs->ctx, staged, target);
    if (code == HB_FS_MISSING) {
        hb_fs_stat info;
        hb_fs_code there = fs->stat(fs->ctx, staged, &info);
        if (there == HB_FS_MISSING && again) return HB_OK;
        if (there != HB_FS_OK) return hb_fs_fail(there, "look at", staged, err);
        HB_TRY(hb_fs_make_folders(fs, folder_of(target), err));
        code = fs->rename(fs->ctx, staged, target);
    }
    return hb_fs_fail(code, "replace", target, err);
}

static hb_status take_step(const files_conn *conn, const files_op *op, bool again, hb_err *err) {
    hb_arena scratch;
    hb_arena_init(&scratch, conn->mem);
    hb_str target = below(conn, &scratch, op->target);
    hb_str staged = op->staged.len > 0 ? below(conn, &scratch, op->staged) : HB_STR_EMPTY;
    hb_status status = target.ptr == NULL || staged.ptr == NULL ? hb_err_memory(err)
                       : staged.len > 0 ? step_put(conn, staged, target, again, err)
                       : op->tree       ? hb_fs_remove_tree(conn->fs, conn->mem, target, err)
                                        : step_remove(conn, target, err);
    if (status == HB_OK) {
        hb_str folder = folder_of(target);
        hb_fs_code code = conn->fs->sync_folder(conn->fs->ctx, folder);
        if (code != HB_FS_MISSING) status = hb_fs_fail(code, "sync", folder, err);
    }
    hb_arena_free(&scratch);
    return status;
}

/* ---- the journal as text: "+<staged>\0<target>\0" or "-<target>\0", "*<folder>\0", closed by "."
 * -------- */

static hb_status journal_write(files_conn *conn, hb_err *err) {
    hb_buf text;
    hb_buf_init(&text, conn->mem);
    for (uint32_t i = 0; i < conn->op_count; i++) {
        const files_op *op = &conn->ops[i];
        hb_buf_add_char(&text, op->staged.len > 0 ? '+' : op->tree ? '*' : '-');
        if (op->staged.len > 0) {
            hb_buf_add_str(&text, op->staged);
            hb_buf_add_char(&text, '\0');
        }
        hb_buf_add_str(&text, op->target);
        hb_buf_add_char(&text, '\0');
    }
    hb_buf_add_char(&text, '.');
    hb_str draft = draft_path(conn, &conn->tx);
    hb_str path = journal_path(conn, &conn->tx);
    hb_status status = hb_buf_check(&text, err);
    if (status == HB_OK && (draft.ptr == NULL || path.ptr == NULL)) status = hb_err_memory(err);
    if (status == HB_OK) {
        status = hb_fs_write_all(conn->fs, draft, hb_buf_str(&text), true, err);
    }
    if (status == HB_OK) {
        status = hb_fs_fail(conn->fs->sync_folder(conn->fs->ctx, conn->tx_folder), "sync",
                            conn->tx_folder, err);
    }
    /* The draft was there before this look: if it is ours no more, it will not be found either. */
    if (status == HB_OK) status = files_lease_check(conn, err);
    if (status == HB_OK) {
        status = hb_fs_fail(conn->fs->rename(conn->fs->ctx, draft, path), "commit", path, err);
    }
    if (status == HB_OK) {
        status = hb_fs_fail(conn->fs->sync_folder(conn->fs->ctx, conn->tx_folder), "sync",
                            conn->tx_folder, err);
        /* Not sure to last: it must not count either. */
        if (status != HB_OK && files_lease_is_ours(conn)) conn->fs->remove(conn->fs->ctx, path);
    }
    hb_buf_free(&text);
    return status;
}

static bool journal_text(hb_str text, uint32_t *at, hb_str *out) {
    const char *end = *at < text.len ? memchr(text.ptr + *at, '\0', text.len - *at) : NULL;
    if (end == NULL) return false;
    *out = hb_str_n(text.ptr + *at, (size_t)(end - (text.ptr + *at)));
    *at += out->len + 1;
    /* Nothing outside of the workspace's folder. */
    return out->len > 0 && out->ptr[0] != '/' && !hb_str_starts(*out, HB_STR("../")) &&
           hb_str_find(*out, HB_STR("/../"), 0) < 0;
}

static hb_status journal_replay(files_conn *conn, hb_str text, hb_str path, hb_err *err) {
    bool whole = text.len > 0 && text.ptr[text.len - 1] == '.';
    for (uint32_t at = 0; whole && at + 1 < text.len;) {
        files_op op = { HB_STR_EMPTY, HB_STR_EMPTY, text.ptr[at] == '*' };
        const char kind = text.ptr[at++];
        whole = kind == '+' ? journal_text(text, &at, &op.staged) : kind == '-' || op.tree;
        whole = whole && journal_text(text, &at, &op.target);
        if (whole) HB_TRY(files_lease_beat(conn, err));
        if (whole) HB_TRY(take_step(conn, &op, true, err));
    }
    if (whole) return HB_OK;
    return hb_err_set(err, HB_E_CORRUPT, "the journal '%.*s' is malformed", HB_ARG(path));
}

/* Removes what lies in the tx folder: the journal first, since it names the rest. */
static hb_status clear_staged(files_conn *conn, hb_err *err) {
    hb_arena scratch;
    hb_arena_init(&scratch, conn->mem);
    hb_str *names;
    uint32_t count = 0;
    hb_str journal = journal_path(conn, &scratch);
    hb_status status = journal.ptr != NULL ? step_remove(conn, journal, err) : hb_err_memory(err);
    if (status == HB_OK) {
        status = hb_fs_names(conn->fs, conn->tx_folder, &scratch, &names, &count, err);
    }
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        hb_str path = hb_fs_join(&scratch, conn->tx_folder, names[i]);
        status = path.ptr != NULL ? step_remove(conn, path, err) : hb_err_memory(err);
    }
    hb_arena_free(&scratch);
    return status;
}

/* Removes the drafts: nothing that is not committed by now can be any more. *any: something lies
 * in the tx folder. */
static hb_status clear_drafts(files_conn *conn, hb_arena *scratch, bool *any, hb_err *err) {
    hb_str *names;
    uint32_t count = 0;
    HB_TRY(hb_fs_names(conn->fs, conn->tx_folder, scratch, &names, &count, err));
    *any = count > 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_str_ends(names[i], HB_STR(DRAFT_SUFFIX))) continue;
        hb_str path = hb_fs_join(scratch, conn->tx_folder, names[i]);
        if (path.ptr == NULL) return hb_err_memory(err);
        HB_TRY(step_remove(conn, path, err));
    }
    return HB_OK;
}

static hb_status carry_out_journal(files_conn *conn, hb_arena *scratch, hb_err *err) {
    hb_buf text;
    hb_buf_init(&text, conn->mem);
    bool found = false;
    hb_str path = journal_path(conn, scratch);
    hb_status status = path.ptr == NULL
                           ? hb_err_memory(err)
                           : hb_fs_read_all(conn->fs, path, JOURNAL_BYTES_MAX, &text, &found, err);
    if (status == HB_OK && found) status = journal_replay(conn, hb_buf_str(&text), path, err);
    hb_buf_free(&text);
    return status;
}

hb_status files_recover(files_conn *conn, hb_err *err) {
    hb_arena scratch;
    hb_arena_init(&scratch, conn->mem);
    bool any = false;
    hb_status status = clear_drafts(conn, &scratch, &any, err);
    if (status == HB_OK && any) status = carry_out_journal(conn, &scratch, err);
    if (status == HB_OK && any) status = clear_staged(conn, err);
    if (status == HB_OK) conn->pending = false;
    hb_arena_free(&scratch);
    return status;
}

/* ---- transactions ------------------------------------------------------------------------- */

/* What was read inside of a transaction goes with it, and so does what was read without seeing its
 * writes. */
static void tx_settle_tables(files_conn *conn, bool committed) {
    for (files_table *table = conn->tables; table != NULL; table = table->next) {
        if (committed ? table->unseen_in_tx : table->loaded_in_tx) table->loaded = false;
        table->loaded_in_tx = table->unseen_in_tx = false;
    }
}

static void tx_forget(files_conn *conn) {
    conn->in_tx = conn->removes_tree = false;
    conn->ops = NULL;
    conn->op_count = conn->op_cap = 0;
    if (conn->group.op_count == 0) conn->staged_count = 0;
    hb_arena_reset(&conn->tx);
}

hb_status files_tx_begin(files_conn *conn, hb_err *err) {
    HB_ASSERT(!conn->in_tx);
    HB_TRY(files_lease_enter(conn, err));
    if (conn->pending) HB_TRY(files_group_write(conn, err));
    if (conn->pending) HB_TRY(files_recover(conn, err));
    HB_TRY(conn->inner.type->tx(&conn->inner, HB_TX_BEGIN, err));
    conn->in_tx = true;
    return HB_OK;
}

void files_tx_rollback(files_conn *conn) {
    hb_err ignored;
    hb_err_init(&ignored);
    hb_status status = conn->inner.type->tx(&conn->inner, HB_TX_ROLLBACK, &ignored);
    HB_ASSERT(status == HB_OK);
    /* What cannot be removed now does not count and is cleared later. */
    for (uint32_t i = 0; i < conn->op_count; i++) {
        if (conn->ops[i].staged.len == 0 || !files_lease_is_ours(conn)) continue;
        hb_str path = below(conn, &conn->tx, conn->ops[i].staged);
        if (path.ptr == NULL || step_remove(conn, path, &ignored) != HB_OK) conn->pending = true;
    }
    tx_settle_tables(conn, false);
    tx_forget(conn);
}

static bool is_single_step(const files_conn *conn) {
    return conn->op_count == 1 && !conn->removes_tree;
}

/* A draft, or a journal of a rename that failed only in name, must not be found later. */
static void forget_journal(files_conn *conn) {
    hb_err ignored;
    hb_err_init(&ignored);
    hb_str names[2] = { journal_path(conn, &conn->tx), draft_path(conn, &conn->tx) };
    for (uint32_t i = 0; i < 2; i++) {
        bool gone = names[i].ptr != NULL && step_remove(conn, names[i], &ignored) == HB_OK;
        if (!gone) conn->pending = true;
    }
}

/* Everything that decides whether the transaction counts. */
static hb_status tx_decide(files_conn *conn, hb_err *err) {
    HB_TRY(files_lease_mark(conn, err));
    const bool single = is_single_step(conn);
    hb_status status =
        single ? take_step(conn, &conn->ops[0], false, err) : journal_write(conn, err);
    if (status == HB_OK) {
        conn->pending = conn->pending || !single;
        return HB_OK;
    }
    /* What we had staged is gone when the folder was taken over meanwhile; the journal is theirs.
     */
    status = files_lease_explain(conn, status, err);
    if (status != HB_E_LOCKED && !single) forget_journal(conn);
    return status;
}

/* After the commit: a failure leaves the rest to the next transaction. */
static void tx_carry_out(files_conn *conn) {
    hb_err ignored;
    hb_err_init(&ignored);
    for (uint32_t i = 0; i < conn->op_count; i++) {
        if (files_lease_beat(conn, &ignored) != HB_OK) return;
        if (take_step(conn, &conn->ops[i], false, &ignored) != HB_OK) return;
    }
    hb_str path = journal_path(conn, &conn->tx);
    if (path.ptr != NULL && step_remove(conn, path, &ignored) == HB_OK) conn->pending = false;
    if (!conn->removes_tree) return;
    files_remove_empty(conn);
    conn->lease.emptied = true;
}

/* Leaves out removals whose file is put again later: taken once more after a kill, they would
 * remove the new file, whose staged one is gone by then. */
static hb_status drop_undone_removals(files_conn *conn, hb_err *err) {
    hb_map put;
    hb_map_init(&put, conn->mem);
    bool ok = hb_map_reserve(&put, conn->op_count);
    uint32_t kept = conn->op_count;
    for (uint32_t i = conn->op_count; i > 0 && ok; i--) {
        const files_op op = conn->ops[i - 1];
        if (op.staged.len > 0) {
            ok = hb_map_put(&put, op.target, 1);
        } else if (!op.tree && hb_map_find(&put, op.target) != HB_MAP_NONE) {
            continue;
        }
        conn->ops[--kept] = op;
    }
    hb_map_free(&put);
    if (!ok) return hb_err_memory(err);
    conn->op_count -= kept;
    memmove(conn->ops, conn->ops + kept, conn->op_count * sizeof(*conn->ops));
    return HB_OK;
}

hb_status files_tx_apply(files_conn *conn, hb_err *err) {
    if (conn->op_count == 0) return HB_OK;
    HB_TRY(drop_undone_removals(conn, err));
    HB_TRY(tx_decide(conn, err));
    if (!is_single_step(conn)) tx_carry_out(conn);
    return HB_OK;
}

hb_status files_tx_commit(files_conn *conn, hb_err *err) {
    bool waits = false;
    hb_status status = conn->op_count > 0 ? files_group_take(conn, &waits, err) : HB_OK;
    if (status == HB_OK && !waits) status = files_tx_apply(conn, err);
    if (status != HB_OK) {
        files_tx_rollback(conn);
        return status;
    }
    status = conn->inner.type->tx(&conn->inner, HB_TX_COMMIT, err);
    HB_ASSERT(status == HB_OK);
    tx_settle_tables(conn, true);
    tx_forget(conn);
    return HB_OK;
}

hb_status files_tx(hb_instance *instance, hb_tx op, hb_err *err) {
    files_conn *conn = instance->state;
    if (op == HB_TX_BEGIN) return files_tx_begin(conn, err);
    if (op == HB_TX_COMMIT) return files_tx_commit(conn, err);
    files_tx_rollback(conn);
    return HB_OK;
}

static hb_status op_add(files_conn *conn, hb_str target, hb_str staged, hb_err *err) {
    if (conn->op_count == conn->op_cap) {
        uint32_t cap = conn->op_cap == 0 ? 16 : conn->op_cap * 2;
        files_op *grown = hb_arena_array(&conn->tx, cap, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        if (conn->op_count > 0) memcpy(grown, conn->ops, conn->op_count * sizeof(*grown));
        conn->ops = grown;
        conn->op_cap = cap;
    }
    hb_str copy = hb_arena_str(&conn->tx, target);
    if (copy.ptr == NULL) return hb_err_memory(err);
    conn->ops[conn->op_count++] = (files_op){ copy, staged, false };
    return HB_OK;
}

hb_status files_tx_put(files_conn *conn, hb_str target, hb_str bytes, hb_err *err) {
    HB_ASSERT(conn->in_tx);
    HB_TRY(files_lease_beat(conn, err));
    if (conn->staged_count == 0) HB_TRY(hb_fs_make_folders(conn->fs, conn->tx_folder, err));
    hb_str token = files_lease_token(conn, &conn->tx);
    if (token.ptr == NULL) return hb_err_memory(err);
    hb_str staged =
        hb_arena_printf(&conn->tx, FILES_HIDDEN "/tx/%.*s-%u", HB_ARG(token), conn->staged_count++);
    hb_str path = staged.ptr != NULL ? below(conn, &conn->tx, staged) : staged;
    if (path.ptr == NULL) return hb_err_memory(err);
    /* Noted first, so that a rollback removes what a failing write leaves. */
    HB_TRY(op_add(conn, target, staged, err));
    return hb_fs_write_all(conn->fs, path, bytes, !conn->relaxed, err);
}

hb_status files_tx_remove(files_conn *conn, hb_str target, hb_err *err) {
    HB_ASSERT(conn->in_tx);
    return op_add(conn, target, HB_STR_EMPTY, err);
}

hb_status files_tx_remove_tree(files_conn *conn, hb_str target, hb_err *err) {
    if (conn->staged_count == 0) HB_TRY(hb_fs_make_folders(conn->fs, conn->tx_folder, err));
    HB_TRY(op_add(conn, target, HB_STR_EMPTY, err));
    conn->ops[conn->op_count - 1].tree = true;
    conn->removes_tree = true;
    return HB_OK;
}

const files_op *files_tx_find(const files_conn *conn, hb_str target) {
    for (uint32_t i = conn->op_count; i > 0; i--) {
        if (hb_str_eq(conn->ops[i - 1].target, target)) return &conn->ops[i - 1];
    }
    for (uint32_t i = conn->group.op_count; i > 0; i--) {
        if (hb_str_eq(conn->group.ops[i - 1].target, target)) return &conn->group.ops[i - 1];
    }
    return NULL;
}
