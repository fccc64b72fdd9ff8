// SPDX-License-Identifier: MIT
/* Definitions that other open instances of the workspace may change.
 *
 * Whoever stores a definition gives the keeper a new token under "definitions" first. At the begin
 * of a call, when another instance has had the keeper's files in between, the token tells whether
 * definitions have to be compared: new entities are taken up at once, and words; an entity of
 * another structure is outdated, and every call that needs it is refused until refresh() or
 * register() has taken its definition over: no row is read or written in a shape that is over. One
 * whose definition is gone with the token was dropped, and is unknown until it is registered. */
#include "workspace/workspace.h"

#define TOKEN_KEY "definitions"

static hb_instance *shared_keeper(const hb_workspace *ws) {
    if (ws->host.clock == NULL || !ws->shared) return NULL;
    hb_instance *keeper = hb_workspace_keeper(ws);
    return keeper != NULL && keeper->type->changes != NULL ? keeper : NULL;
}

static void see(hb_workspace *ws, hb_str token) {
    const uint32_t len = token.len < sizeof(ws->token) ? token.len : (uint32_t)sizeof(ws->token);
    if (len > 0) memcpy(ws->token, token.ptr, len);
    ws->token_len = len;
}

static bool is_seen(const hb_workspace *ws, hb_str token) {
    const uint32_t len = token.len < sizeof(ws->token) ? token.len : (uint32_t)sizeof(ws->token);
    return len == ws->token_len && (len == 0 || memcmp(token.ptr, ws->token, len) == 0);
}

hb_status hb_definitions_mark(hb_workspace *ws, hb_err *err) {
    hb_instance *keeper = shared_keeper(ws);
    if (keeper == NULL) return HB_OK;
    hb_buf token;
    hb_buf_init(&token, ws->mem);
    hb_buf_printf(&token, "%llu %.*s", (unsigned long long)++ws->epoch, HB_ARG(ws->owner));
    hb_status status = hb_buf_check(&token, err);
    if (status == HB_OK) {
        status = keeper->type->meta_put(keeper, HB_STR(TOKEN_KEY), hb_buf_str(&token), err);
    }
    if (status == HB_OK) see(ws, hb_buf_str(&token));
    hb_buf_free(&token);
    return status;
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* It comes with the first entity. */
static hb_status attach_catalog(hb_workspace *ws, hb_err *err) {
    hb_entity *catalog = ws->entities[HB_ENTITY_CATALOG];
    return catalog->ensured || !ws->catalog ? HB_OK : hb_entity_attach(ws, catalog, NULL, err);
}

/* *out: the stored definition as an entity of its own, NULL when it is none: audit names what
 * cannot be read. */
static hb_status entity_of(hb_workspace *ws, const hb_stored_definition *found, hb_entity **out,
                           hb_err *err) {
    hb_entity *stored;
    *out = NULL;
    hb_status status = hb_entity_new(ws, found->text, &stored, err);
    if (status == HB_E_MEMORY) return status;
    if (status == HB_OK) {
        status = hb_definition_note(stored, found, err);
        if (status == HB_OK && hb_str_eq(stored->schema->entity_id, found->entity)) {
            *out = stored;
            return HB_OK;
        }
        hb_entity_free(ws, stored);
        if (status == HB_E_MEMORY) return status;
    }
    hb_err_init(err);
    return HB_OK;
}

/* Puts `stored` in the place of `known`, or beside the others; moves it. */
static hb_status take_over(hb_workspace *ws, hb_entity *stored, hb_entity *known, hb_err *err) {
    hb_status status = attach_catalog(ws, err);
    if (status == HB_OK) status = hb_entity_attach(ws, stored, known, err);
    if (status == HB_OK) status = hb_entity_add(ws, stored, known, err);
    if (status != HB_OK) {
        hb_entity_free(ws, stored);
        return status;
    }
    if (known == NULL) return HB_OK;
    hb_entity_inherit(ws, stored, known);
    hb_entity_free(ws, known);
    return HB_OK;
}

/* One stored definition; `reload` puts it in the place of an outdated one. */
static hb_status compare_one(hb_workspace *ws, const hb_stored_definition *found, bool reload,
                             hb_err *err) {
    const uint32_t index = hb_map_find(&ws->by_id, found->entity);
    hb_entity *known = index != HB_MAP_NONE ? ws->entities[index] : NULL;
    if (known != NULL) HB_TRY(hb_definition_note(known, found, err));
    if (known != NULL && hb_str_eq(known->schema->definition, found->text)) {
        known->outdated = false;
        return HB_OK;
    }
    hb_entity *stored;
    HB_TRY(entity_of(ws, found, &stored, err));
    if (stored == NULL) return HB_OK;
    const bool same = known != NULL && hb_schema_same(known->schema, stored->schema);
    if (known == NULL || (reload && !same)) return take_over(ws, stored, known, err);
    hb_status status = HB_OK;
    if (same) {
        status = hb_schema_describe(known->schema, stored->schema, err);
        ws->revision++;
    }
    known->outdated = !same && !known->system;
    hb_entity_free(ws, stored);
    return status;
}

/* ---- what another instance has dropped ------------------------------------------------------- */

static void let_go(hb_workspace *ws, hb_entity *entity) {
    hb_entity_release(ws, entity);
    entity->ensured = false;
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        hb_container *container = entity->routing->containers[b];
        if (container != NULL) container->made = false;
    }
}

static bool is_listed(hb_str id, const hb_str *ids, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (hb_str_eq(ids[i], id)) return true;
    }
    return false;
}

/* A drop takes the definitions and their token: an entity that is missed beside the token that was
 * seen last has lost its definition. With the last one the Catalog goes too. */
static void forget_dropped(hb_workspace *ws, const hb_str *ids, uint32_t count) {
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        hb_entity *entity = ws->entities[i];
        if (entity->system || is_listed(entity->schema->entity_id, ids, count)) continue;
        hb_map_remove(&ws->by_id, entity->schema->entity_id);
        entity->dropped = entity->system = true;
        let_go(ws, entity);
        ws->revision++;
    }
    if (count == 0) let_go(ws, ws->entities[HB_ENTITY_CATALOG]);
}

static hb_status compare_all(hb_workspace *ws, hb_instance *keeper, bool reload, hb_arena *arena,
                             hb_err *err) {
    hb_str *ids, token;
    uint32_t count;
    HB_TRY(keeper->type->meta_get(keeper, HB_STR(TOKEN_KEY), arena, &token, err));
    const bool seen = is_seen(ws, token);
    if (!reload && seen) return HB_OK;
    HB_TRY(hb_definition_ids(keeper, arena, &ids, &count, err));
    if (!seen) forget_dropped(ws, ids, count);
    for (uint32_t i = 0; i < count; i++) {
        hb_stored_definition found;
        HB_TRY(hb_definition_read(ws, keeper, ids[i], arena, &found, err));
        if (found.text.ptr == NULL) continue; /* audit names what is lost */
        HB_TRY(compare_one(ws, &found, reload, err));
    }
    see(ws, token);
    return HB_OK;
}

static bool has_outdated(const hb_workspace *ws) {
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (ws->entities[i]->outdated) return true;
    }
    return false;
}

static hb_status compare(hb_workspace *ws, bool reload, bool anew, hb_err *err) {
    hb_instance *keeper = shared_keeper(ws);
    uint64_t changes = ws->changes;
    if (keeper != NULL) HB_TRY(keeper->type->changes(keeper, &changes, err));
    if (keeper == NULL && anew) keeper = hb_workspace_keeper(ws);
    if (keeper == NULL) return HB_OK;
    if (changes == ws->changes && !anew && !(reload && has_outdated(ws))) return HB_OK;
    hb_arena arena;
    hb_arena_init(&arena, ws->mem);
    hb_status status = compare_all(ws, keeper, reload, &arena, err);
    hb_arena_free(&arena);
    if (status == HB_OK) ws->changes = changes;
    return status;
}

hb_status hb_definitions_see(hb_workspace *ws, hb_err *err) {
    hb_instance *keeper = shared_keeper(ws);
    hb_str token;
    if (keeper == NULL) return HB_OK;
    HB_TRY(keeper->type->changes(keeper, &ws->changes, err));
    hb_arena arena;
    hb_arena_init(&arena, ws->mem);
    hb_status status = keeper->type->meta_get(keeper, HB_STR(TOKEN_KEY), &arena, &token, err);
    if (status == HB_OK) see(ws, token);
    hb_arena_free(&arena);
    return status;
}

hb_status hb_definitions_reload(hb_workspace *ws, bool anew, hb_err *err) {
    return compare(ws, true, anew, err);
}

/* ---- refusing -------------------------------------------------------------------------------- */

static hb_status refuse(const hb_entity *entity, hb_err *err) {
    hb_err_set(err, HB_E_SCHEMA_CONFLICT,
               "another instance of the workspace has altered entity '%.*s': refresh() takes its "
               "definition over, and what is declared here has to follow",
               HB_ARG(entity->schema->entity_id));
    return hb_err_where(err, entity->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
}

/* Calls that name the only entity they work on. */
static bool is_about_one(hb_call_kind kind) {
    return kind == HB_CALL_UPSERT || kind == HB_CALL_SET || kind == HB_CALL_QUERY ||
           kind == HB_CALL_EXPLAIN || kind == HB_CALL_GET || kind == HB_CALL_EXISTS;
}

static bool is_concerned(hb_call_kind kind) {
    return is_about_one(kind) || kind == HB_CALL_DELETE || kind == HB_CALL_AUDIT ||
           kind == HB_CALL_REPAIR || kind == HB_CALL_ALTER || kind == HB_CALL_DESCRIBE ||
           kind == HB_CALL_GRAPH || kind == HB_CALL_EXPORT || kind == HB_CALL_IMPORT;
}

/* Calls that name no entity may touch all of them; these four look after what is broken. */
static bool is_used(const hb_request *request, uint32_t entity) {
    const hb_call_kind kind = request->kind;
    if (kind == HB_CALL_AUDIT || kind == HB_CALL_REPAIR || kind == HB_CALL_ALTER ||
        kind == HB_CALL_IMPORT) {
        return false;
    }
    return request->entity == entity || request->entity == HB_ENTITY_NONE;
}

static hb_status check_one(const hb_workspace *ws, const hb_request *request, uint32_t index,
                           hb_err *err) {
    const hb_entity *entity = ws->entities[index];
    if (entity->outdated) return refuse(entity, err);
    return is_used(request, index) ? hb_definition_refuse(ws, entity, err) : HB_OK;
}

hb_status hb_definitions_check(hb_workspace *ws, const hb_request *request, hb_err *err) {
    if (!is_concerned(request->kind)) return HB_OK;
    HB_TRY(compare(ws, false, false, err));
    if (is_about_one(request->kind) && request->entity < ws->entity_count) {
        return check_one(ws, request, request->entity, err);
    }
    for (uint32_t i = 0; i < ws->entity_count; i++) HB_TRY(check_one(ws, request, i, err));
    return HB_OK;
}
