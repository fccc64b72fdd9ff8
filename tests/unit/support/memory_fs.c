// SPDX-License-Identifier: MIT
#include "tests/unit/support/memory_fs.h"

#include <stdio.h>
#include <stdlib.h>

struct memory_node {
    memory_node *next;          /* sorted by path */
    char *path;
    bool folder, gone;
    char *bytes;
    uint32_t len, synced;
    char *durable;              /* content at the last sync */
    uint32_t opened;
    int64_t modified;
};

/* ---- nodes -------------------------------------------------------------------------------- */

/* Without "./" in front, doubled slashes and a slash at the end. */
static char *normal(hb_str path) {
    char *out = malloc((size_t)path.len + 1);
    uint32_t len = 0;
    for (uint32_t i = 0; i < path.len; i++) {
        const char c = path.ptr[i];
        if (c == '/' && len > 0 && out[len - 1] == '/') continue;
        if (c == '.' && (len == 0 || out[len - 1] == '/') && (i + 1 == path.len || path.ptr[i + 1] == '/')) {
            if (len == 0) i++;
            continue;
        }
        out[len++] = c;
    }
    while (len > 1 && out[len - 1] == '/') len--;
    out[len] = '\0';
    return out;
}

static memory_node *find(const memory_fs *m, const char *path) {
    for (memory_node *node = m->nodes; node != NULL; node = node->next) {
        if (strcmp(node->path, path) == 0) return node;
    }
    return NULL;
}

static void link_node(memory_fs *m, memory_node *node) {
    memory_node **at = &m->nodes;
    while (*at != NULL && strcmp((*at)->path, node->path) < 0) at = &(*at)->next;
    node->next = *at;
    *at = node;
}

static void unlink_node(memory_fs *m, memory_node *node) {
    memory_node **at = &m->nodes;
    while (*at != node) at = &(*at)->next;
    *at = node->next;
}

static memory_node *add(memory_fs *m, const char *path, bool folder) {
    memory_node *node = calloc(1, sizeof(*node));
    node->path = malloc(strlen(path) + 1);
    memcpy(node->path, path, strlen(path) + 1);
    node->folder = folder;
    node->modified = ++m->tick;
    link_node(m, node);
    return node;
}

static void node_free(memory_node *node) {
    free(node->path);
    free(node->bytes);
    free(node->durable);
    free(node);
}

/* Frees it at once, or when its last open file is closed. */
static void discard(memory_fs *m, memory_node *node) {
    unlink_node(m, node);
    node->gone = true;
    if (node->opened == 0) node_free(node);
}

static bool is_below(const char *path, const char *folder) {
    const size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || (len > 0 && folder[len - 1] == '/'));
}

static bool is_root(const char *path) { return path[0] == '\0' || strcmp(path, "/") == 0; }

/* OK when the folder that `path` lies in exists. */
static hb_fs_code parent_code(const memory_fs *m, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) return HB_FS_OK;
    char parent[1024];
    snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
    const memory_node *node = find(m, parent);
    if (node == NULL) return HB_FS_MISSING;
    return node->folder ? HB_FS_OK : HB_FS_NOT_FOLDER;
}

static void touch_parent(memory_fs *m, const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return;
    char parent[1024];
    snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
    memory_node *node = find(m, parent);
    if (node != NULL) node->modified = ++m->tick;
}

/* ---- operations --------------------------------------------------------------------------- */

/* False: this operation fails, with *code. */
static bool step(memory_fs *m, hb_fs_code *code) {
    if (m->hook_at > 0 && --m->hook_at == 0) m->hook(m->hook_arg);
    m->operations++;
    *code = m->fail_code;
    if (m->dead) return false;
    if (m->fail_at == 0 || m->operations != m->fail_at) return true;
    m->failed = true;
    m->dead = m->kill;
    return false;
}

#define STEP(m)                      \
    memory_fs *m = ctx;              \
    hb_fs_code step_code;            \
    if (!step(m, &step_code)) return step_code

static hb_fs_code open_node(memory_fs *m, const char *path, hb_fs_how how, memory_node **out) {
    memory_node *node = find(m, path);
    if (node != NULL && node->folder) return how == HB_FS_CREATE ? HB_FS_EXISTS : HB_FS_IS_FOLDER;
    if (node == NULL) {
        const hb_fs_code code = parent_code(m, path);
        if (code != HB_FS_OK) return code;
        if (how == HB_FS_READ || how == HB_FS_UPDATE) return HB_FS_MISSING;
        node = add(m, path, false);
        touch_parent(m, path);
    } else if (how == HB_FS_CREATE) {
        return HB_FS_EXISTS;
    } else if (how == HB_FS_WRITE) {
        node->len = 0;
        node->modified = ++m->tick;
    }
    *out = node;
    return HB_FS_OK;
}

static hb_fs_code memory_open(void *ctx, hb_str path, hb_fs_how how, int32_t *file) {
    STEP(m);
    int32_t at = 0;
    while (at < 64 && m->files[at].node != NULL) at++;
    if (at == 64) return HB_FS_MANY_OPEN;
    char *text = normal(path);
    memory_node *node = NULL;
    const hb_fs_code code = open_node(m, text, how, &node);
    free(text);
    if (code != HB_FS_OK) return code;
    node->opened++;
    m->files[at] = (memory_file){ node, 0, how != HB_FS_READ, how == HB_FS_UPDATE };
    *file = at;
    return HB_FS_OK;
}

static hb_fs_code memory_read(void *ctx, int32_t file, void *bytes, uint32_t len, uint32_t *got) {
    *got = 0;
    STEP(m);
    memory_file *f = &m->files[file];
    const uint32_t left = f->at < f->node->len ? f->node->len - f->at : 0;
    *got = left < len ? left : len;
    if (*got > 0) memcpy(bytes, f->node->bytes + f->at, *got);
    f->at += *got;
    return HB_FS_OK;
}

static void append(memory_fs *m, memory_node *node, const void *bytes, uint32_t len) {
    if (len == 0) return;
    node->bytes = realloc(node->bytes, (size_t)node->len + len);
    memcpy(node->bytes + node->len, bytes, len);
    node->len += len;
    node->modified = ++m->tick;
}

/* Over what is there, in a file that was opened to be updated. */
static void put(memory_fs *m, memory_file *file, const void *bytes, uint32_t len) {
    memory_node *node = file->node;
    const uint32_t over = !file->updates ? 0 : len < node->len - file->at ? len : node->len - file->at;
    if (over > 0) memcpy(node->bytes + file->at, bytes, over);
    if (over > 0) node->modified = ++m->tick;
    append(m, node, (const char *)bytes + over, len - over);
    file->at += len;
}

static hb_fs_code memory_write(void *ctx, int32_t file, const void *bytes, uint32_t len) {
    memory_fs *m = ctx;
    hb_fs_code code;
    const bool was_dead = m->dead;
    if (step(m, &code)) {
        put(m, &m->files[file], bytes, len);
        return HB_FS_OK;
    }
    if (!was_dead) put(m, &m->files[file], bytes, len / 2);
    return code;
}

static hb_fs_code memory_sync(void *ctx, int32_t file) {
    STEP(m);
    memory_node_sync(m->files[file].node);
    return HB_FS_OK;
}

/* Closes even when it fails, as the system does. */
static hb_fs_code memory_close(void *ctx, int32_t file) {
    memory_fs *m = ctx;
    memory_node *node = m->files[file].node;
    m->files[file].node = NULL;
    if (--node->opened == 0 && node->gone) node_free(node);
    hb_fs_code code;
    return step(m, &code) ? HB_FS_OK : code;
}

static hb_fs_code rename_node(memory_fs *m, const char *from, const char *to) {
    memory_node *node = find(m, from), *old = find(m, to);
    if (node == NULL) return HB_FS_MISSING;
    const hb_fs_code code = parent_code(m, to);
    if (code != HB_FS_OK) return code;
    if (old == node) return HB_FS_OK;
    if (old != NULL && old->folder != node->folder) return old->folder ? HB_FS_IS_FOLDER : HB_FS_NOT_FOLDER;
    for (memory_node *at = m->nodes; old != NULL && old->folder && at != NULL; at = at->next) {
        if (is_below(at->path, to)) return HB_FS_NOT_EMPTY;
    }
    if (old != NULL) discard(m, old);
    const size_t skip = strlen(from);
    memory_node *all = m->nodes;
    m->nodes = NULL;
    while (all != NULL) {
        memory_node *next = all->next;
        if (all == node || is_below(all->path, from)) {
            char *moved = malloc(strlen(to) + strlen(all->path) - skip + 1);
            sprintf(moved, "%s%s", to, all->path + skip);
            free(all->path);
            all->path = moved;
        }
        link_node(m, all);
        all = next;
    }
    touch_parent(m, from);
    touch_parent(m, to);
    return HB_FS_OK;
}

static hb_fs_code memory_rename(void *ctx, hb_str from, hb_str to) {
    STEP(m);
    char *old_path = normal(from), *new_path = normal(to);
    const hb_fs_code code = rename_node(m, old_path, new_path);
    free(old_path);
    free(new_path);
    return code;
}

static hb_fs_code memory_remove(void *ctx, hb_str path) {
    STEP(m);
    char *text = normal(path);
    memory_node *node = find(m, text);
    const hb_fs_code code = node == NULL ? HB_FS_MISSING : node->folder ? HB_FS_IS_FOLDER : HB_FS_OK;
    if (code == HB_FS_OK) {
        touch_parent(m, text);
        discard(m, node);
    }
    free(text);
    return code;
}

static hb_fs_code memory_remove_folder(void *ctx, hb_str path) {
    STEP(m);
    char *text = normal(path);
    memory_node *node = find(m, text);
    hb_fs_code code = node == NULL ? HB_FS_MISSING : node->folder ? HB_FS_OK : HB_FS_NOT_FOLDER;
    if (code == HB_FS_OK && node->next != NULL && is_below(node->next->path, text)) code = HB_FS_NOT_EMPTY;
    for (memory_node *other = m->nodes; other != NULL && code == HB_FS_OK; other = other->next) {
        if (is_below(other->path, text)) code = HB_FS_NOT_EMPTY;
    }
    if (code == HB_FS_OK) discard(m, node);
    free(text);
    return code;
}

static hb_fs_code memory_make_folder(void *ctx, hb_str path) {
    STEP(m);
    char *text = normal(path);
    hb_fs_code code = is_root(text) || find(m, text) != NULL ? HB_FS_EXISTS : parent_code(m, text);
    if (code == HB_FS_OK) add(m, text, true);
    free(text);
    return code;
}

static hb_fs_code memory_sync_folder(void *ctx, hb_str path) {
    STEP(m);
    (void)path;
    return HB_FS_OK;
}

static hb_fs_code memory_list(void *ctx, hb_str path, hb_fs_visit *visit, void *arg) {
    STEP(m);
    char *text = normal(path);
    const memory_node *folder = find(m, text);
    const hb_fs_code code = folder == NULL && !is_root(text)   ? HB_FS_MISSING
                            : folder != NULL && !folder->folder ? HB_FS_NOT_FOLDER
                                                                : HB_FS_OK;
    const size_t skip = is_root(text) ? strlen(text) : strlen(text) + 1;
    for (const memory_node *node = m->nodes; node != NULL && code == HB_FS_OK; node = node->next) {
        if (!is_root(text) && !is_below(node->path, text)) continue;
        const char *name = node->path + skip;
        if (strchr(name, '/') == NULL && !visit(arg, hb_str_c(name))) break;
    }
    free(text);
    return code;
}

static hb_fs_code memory_stat(void *ctx, hb_str path, hb_fs_stat *out) {
    STEP(m);
    char *text = normal(path);
    const memory_node *node = find(m, text);
    const bool root = is_root(text);
    free(text);
    if (node == NULL && !root) return HB_FS_MISSING;
    *out = (hb_fs_stat){ root || node->folder, node == NULL || node->folder ? 0 : node->len,
                         node == NULL ? 0 : node->modified };
    return HB_FS_OK;
}

/* ---- the test's side ---------------------------------------------------------------------- */

void memory_fs_init(memory_fs *m) {
    memset(m, 0, sizeof(*m));
    m->fs = (hb_fs){ m, memory_open, memory_read, memory_write, memory_sync, memory_close, memory_rename,
                     memory_remove, memory_remove_folder, memory_make_folder, memory_sync_folder, memory_list,
                     memory_stat };
}

void memory_fs_restart(memory_fs *m) {
    for (int i = 0; i < 64; i++) {
        memory_node *node = m->files[i].node;
        m->files[i].node = NULL;
        if (node != NULL && --node->opened == 0 && node->gone) node_free(node);
    }
    m->dead = false;
    m->fail_at = 0;
    m->operations = 0;
    m->failed = false;
}

void memory_fs_power_cut(memory_fs *m) {
    memory_fs_restart(m);
    for (memory_node *node = m->nodes; node != NULL; node = node->next) {
        if (node->folder) continue;
        /* It may have been written anew since, and shorter. */
        if (node->synced > node->len) node->bytes = realloc(node->bytes, node->synced);
        node->len = node->synced;
        if (node->synced > 0) memcpy(node->bytes, node->durable, node->synced);
    }
}

/* One of many bits that depend on all three. */
static bool came_through(uint32_t seed, const char *path, uint32_t sector) {
    uint32_t mixed = seed * 0x9e3779b1u ^ sector * 0x85ebca6bu;
    for (; *path != '\0'; path++) mixed = (mixed ^ (uint8_t)*path) * 0x01000193u;
    mixed ^= mixed >> 15;
    mixed *= 0x2c1b3c6du;
    return (mixed >> 12 & 1) != 0;
}

void memory_fs_power_cut_torn(memory_fs *m, uint32_t seed) {
    memory_fs_restart(m);
    for (memory_node *node = m->nodes; node != NULL; node = node->next) {
        if (node->folder) continue;
        const uint32_t most = node->len > node->synced ? node->len : node->synced;
        const uint32_t len = came_through(seed, node->path, UINT32_MAX) ? node->len : node->synced;
        char *mixed = calloc(1, (size_t)most + 1);
        for (uint32_t at = 0; at < most; at++) {
            const bool fresh = came_through(seed, node->path, at / 512);
            if (fresh && at < node->len) mixed[at] = node->bytes[at];
            if (!fresh && at < node->synced) mixed[at] = node->durable[at];
        }
        free(node->bytes);
        node->bytes = mixed;
        node->len = len;
        memory_node_sync(node);
    }
}

void memory_fs_copy(const memory_fs *from, memory_fs *to) {
    memory_fs_init(to);
    to->tick = from->tick;
    for (const memory_node *node = from->nodes; node != NULL; node = node->next) {
        memory_node *copy = add(to, node->path, node->folder);
        if (node->len > 0) memory_node_write(to, copy, 0, node->bytes, node->len);
        copy->modified = node->modified;
        copy->durable = malloc((size_t)node->synced + 1);
        if (node->synced > 0) memcpy(copy->durable, node->durable, node->synced);
        copy->synced = node->synced;
    }
    to->tick = from->tick;
}

void memory_fs_free(memory_fs *m) {
    memory_fs_restart(m);
    while (m->nodes != NULL) {
        memory_node *next = m->nodes->next;
        node_free(m->nodes);
        m->nodes = next;
    }
}

void memory_fs_fail_at(memory_fs *m, uint64_t nth, hb_fs_code code, bool kill) {
    m->operations = 0;
    m->fail_at = nth;
    m->fail_code = code;
    m->kill = kill;
    m->failed = false;
}

hb_str memory_fs_bytes(const memory_fs *m, const char *path) {
    char *text = normal(hb_str_c(path));
    const memory_node *node = find(m, text);
    free(text);
    if (node == NULL || node->folder) return (hb_str){ NULL, 0 };
    return (hb_str){ node->len > 0 ? node->bytes : "", node->len };
}

void memory_fs_put(memory_fs *m, const char *path, hb_str bytes) {
    char *text = normal(hb_str_c(path));
    for (char *slash = strchr(text + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (find(m, text) == NULL) add(m, text, true);
        *slash = '/';
    }
    memory_node *node = find(m, text);
    if (node == NULL) node = add(m, text, false);
    touch_parent(m, text);
    node->len = 0;
    append(m, node, bytes.ptr, bytes.len);
    memory_node_sync(node);
    free(text);
}

void memory_fs_drop(memory_fs *m, const char *path) {
    char *text = normal(hb_str_c(path));
    memory_node *node = find(m, text);
    if (node != NULL) {
        touch_parent(m, text);
        discard(m, node);
    }
    free(text);
}

const char *memory_fs_path(const memory_fs *m, const char *path, uint32_t nth) {
    char *text = normal(hb_str_c(path));
    const char *found = "";
    for (const memory_node *node = m->nodes; node != NULL; node = node->next) {
        if (node->folder || !(is_root(text) || strcmp(node->path, text) == 0 || is_below(node->path, text))) continue;
        if (nth-- == 0) {
            found = node->path;
            break;
        }
    }
    free(text);
    return found;
}

uint32_t memory_fs_count(const memory_fs *m, const char *path) {
    uint32_t count = 0;
    while (memory_fs_path(m, path, count)[0] != '\0') count++;
    return count;
}

/* ---- another seam over the same files --------------------------------------------------------- */

bool memory_fs_step(memory_fs *m) {
    hb_fs_code ignored;
    return step(m, &ignored);
}

memory_node *memory_node_find(memory_fs *m, const char *path, bool make) {
    char *text = normal(hb_str_c(path));
    memory_node *node = find(m, text);
    if (node == NULL && make && parent_code(m, text) == HB_FS_OK) {
        node = add(m, text, false);
        touch_parent(m, text);
    }
    free(text);
    return node != NULL && node->folder ? NULL : node;
}

void memory_node_hold(memory_node *node) {
    node->opened++;
}

void memory_node_let_go(memory_node *node) {
    if (--node->opened == 0 && node->gone) node_free(node);
}

uint32_t memory_node_read(const memory_node *node, uint64_t at, void *bytes, uint32_t len) {
    const uint32_t left = at < node->len ? node->len - (uint32_t)at : 0;
    const uint32_t got = left < len ? left : len;
    if (got > 0) memcpy(bytes, node->bytes + at, got);
    memset((char *)bytes + got, 0, len - got);
    return got;
}

void memory_node_write(memory_fs *m, memory_node *node, uint64_t at, const void *bytes, uint32_t len) {
    const uint32_t end = (uint32_t)at + len;
    if (end > node->len) {
        node->bytes = realloc(node->bytes, end);
        memset(node->bytes + node->len, 0, end - node->len);
        node->len = end;
    }
    if (len > 0) memcpy(node->bytes + at, bytes, len);
    node->modified = ++m->tick;
}

void memory_node_cut(memory_fs *m, memory_node *node, uint64_t len) {
    if (len < node->len) node->len = (uint32_t)len;
    node->modified = ++m->tick;
}

uint64_t memory_node_len(const memory_node *node) {
    return node->len;
}

void memory_node_sync(memory_node *node) {
    node->durable = realloc(node->durable, (size_t)node->len + 1);
    if (node->len > 0) memcpy(node->durable, node->bytes, node->len);
    node->synced = node->len;
}
