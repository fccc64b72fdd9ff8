// SPDX-License-Identifier: MIT
/* The workspace: open backend instances, registered entities, prepared queries. Owned by the host's
 * handle; everything below lives until hb_workspace_close. */
#ifndef HB_WORKSPACE_WORKSPACE_H
#define HB_WORKSPACE_WORKSPACE_H

#include "base/map.h"
#include "exec/run.h"
#include "exec/task.h"
#include "hb.h"
#include "plan/plan.h"
#include "query/query.h"

typedef struct cJSON cJSON;

typedef struct hb_prepared hb_prepared;

typedef struct hb_entity {
    hb_schema *schema;          /* owned */
    const hb_schema *catalog;   /* whose columns the schema's derives are; borrowed */
    hb_arena arena;             /* routing and containers */
    hb_routing *routing;
    uint32_t index;
    bool system;                /* Catalog, MetaSchema: fixed */
    bool is_virtual;            /* MetaSchema: computed, cannot be written */
    bool ensured;               /* its containers exist */
    /* Another instance has dropped it: its place stays, so that the numbers of others do, and
     * nobody works on it (`system` is set, `ensured` is not, and by_id has it no more). */
    bool dropped;
    bool outdated;              /* another instance has altered it (definitions.c) */
    hb_status broken;           /* its stored definition is not right, and this is the copy's */
    hb_str broken_why;          /* where and how */
    /* Found by audit: */
    bool drifted;               /* its tables are not what was made: it cannot be read */
    uint8_t *renewed;           /* by backend and field: made anew by repair, without what it held;
                                 * of object_id: all of them. NULL: nothing was */
} hb_entity;

/* Was the field's place in the backend made anew by the repair that is under way? */
static inline bool hb_entity_is_renewed(const hb_entity *entity, uint32_t backend,
                                        uint32_t field) {
    const uint8_t *at = entity->renewed;
    if (at == NULL) return false;
    at += (size_t)backend * entity->schema->field_count;
    return at[field] != 0 || at[HB_FIELD_OBJECT_ID] != 0;
}

/* An entity whose definition was stored and is lost. */
typedef struct hb_hidden hb_hidden;
struct hb_hidden {
    hb_hidden *next;
    hb_str id;
    hb_str why;                 /* where and how */
};

#define HB_SIGN_COUNT 4u

struct hb_workspace {
    hb_host host;
    const hb_mem *mem;          /* host.mem */
    hb_arena arena;
    hb_str id;
    hb_str preset;              /* "" when opened from a backend map */
    cJSON *options;             /* owned: as they were given, "backends" with the overrides */
    cJSON *map;                 /* owned: the backends as they are open; instances borrow it */
    bool catalog;               /* keep Catalog rows */
    bool detached;              /* ATTACH is still to come (attach.c) */
    bool dropped;
    bool drop_left;             /* but not on every backend: drop goes on */
    hb_str owner;               /* token of this open workspace; "" knows no intent as its own */
    uint64_t epoch;             /* counts its intents */
    bool shared;                /* other processes may use the same files */
    bool relaxed;               /* durability: calls may return before they are on disk */
    int64_t opened_ms;          /* wall clock at open; 0: the host did not say */
    int64_t intent_ms;          /* how long others leave an intent alone */
    hb_instance **instances;    /* the user's, then the internal one of the virtual entities */
    uint32_t instance_count;    /* the user's */
    uint32_t opened;            /* how many are open (all of them once open succeeded) */
    /* by index; [0] Catalog, [1] MetaSchema; NULL after replacement never */
    hb_entity **entities;
    uint32_t entity_count, entity_cap;
    hb_map by_id;
    hb_hidden *hidden;          /* no two of one id */
    char token[96];             /* what was last seen of the definitions (definitions.c) */
    uint32_t token_len;
    uint64_t changes;           /* hb_backend.changes of the keeper at that time */
    bool rehearses;             /* what is written is taken back: see transaction.h */
    uint64_t rehearsed;         /* backends with a transaction of the rehearsal, by index */
    uint64_t revision;          /* counts changes of the registry */
    uint64_t meta_revision;     /* the one that MetaSchema's rows show */
    hb_prepared **prepared;     /* handle - 1 -> query, NULL when released */
    uint32_t prepared_count, prepared_cap;
    hb_arena sign_arena;        /* the values below */
    hb_value sign[HB_SIGN_COUNT];   /* owner, creator, auth, metadata; KIND_NULL: not signed */
};

#define HB_ENTITY_CATALOG 0u
#define HB_ENTITY_METASCHEMA 1u

/* ---- preset.c */
/* The backend map of a preset, values of the environment (a mapping of texts, or NULL) in place;
 * UNKNOWN_PRESET names the presets there are. The caller deletes it. */
hb_status hb_preset_backends(hb_str name, const cJSON *env, cJSON **out, hb_err *err);
/* All presets: index from 0; false beyond the last. */
bool hb_preset_at(uint32_t index, hb_str *name, hb_str *desc);

/* The variables that `env` gives what `overrides` (or NULL) leave of a preset, {name: value},
 * secrets redacted. The caller deletes it. */
hb_status hb_preset_env(hb_str name, const cJSON *env, const cJSON *overrides, cJSON **out,
                        hb_err *err);

/* ---- open.c */
/* VALIDATION when a text of options in JSON holds a NUL: their reader ends texts there, which would
 * make another path or secret of one. */
hb_status hb_options_check_text(hb_str json, hb_err *err);
/* {name: {option: value}} put into the map: single options, or with the type of another engine all
 * of a backend's. */
hb_status hb_overrides_apply(cJSON *backends, const cJSON *overrides, hb_err *err);

/* ---- attach.c */
/* What a workspace with local backends does when it opens, and one with others once those answered:
 * finishes drops, restores definitions, completes intents. */
hb_status hb_workspace_restore(hb_workspace *ws, hb_err *err);
bool hb_workspace_is_local(const hb_workspace *ws);
/* Reads what a remote keeper holds anew: there when the task has no job pending. */
hb_status hb_keeper_look(hb_workspace *ws, hb_task *task, hb_err *err);

/* ---- redact.c */
#define HB_REDACTED "<redacted>"
/* By the type's own table (NULL: unknown type) or by how it is called. */
bool hb_option_is_secret(const hb_backend *type, const char *name);
/* Puts "<redacted>" for every secret of one backend's options, of a whole backend map. */
hb_status hb_redact_options(cJSON *options, const hb_backend *type, hb_err *err);
hb_status hb_redact_backends(cJSON *backends, hb_err *err);

/* ---- describe.c */
/* What new Catalog rows have in a column of the signature; NULL: its default. */
const hb_value *hb_sign_value(const hb_workspace *ws, hb_str catalog_field);
bool hb_sign_is_column(hb_str catalog_field);

/* ---- prepared.c */
/* The prepared query of a handle, for a task that calls hb_prepared_leave at its end: released
 * meanwhile, it stays until then. */
hb_status hb_prepared_use(hb_workspace *ws, uint32_t handle, hb_prepared **out, hb_err *err);
void hb_prepared_leave(hb_prepared *prepared);
const hb_spec *hb_prepared_spec(const hb_prepared *prepared);
/* The plan that was made for an earlier run, with the operands of `*query`, which becomes the query
 * that it is for; or one that later runs can take. Both stay good until hb_prepared_leave. *out
 * NULL: there is none that could be kept. */
hb_status hb_prepared_plan(hb_prepared *prepared, hb_workspace *ws, hb_entity *entity,
                           const hb_request *request, const hb_plan_options *options,
                           const hb_query **query, const hb_plan **out, hb_err *err);
void hb_prepared_free_all(hb_workspace *ws);

/* ---- call.c */
/* Ends the task with hb_entity_json. */
hb_status hb_answer_entity(hb_workspace *ws, const hb_entity *entity, hb_task *task, hb_err *err);
/* Ends the task with a document, which it deletes; NULL is a lack of memory. */
hb_status hb_answer_cjson(hb_task *task, cJSON *root, hb_err *err);

/* ---- entity.c */
hb_status hb_entity_get(const hb_workspace *ws, uint32_t index, hb_entity **out, hb_err *err);
/* A user-facing text reference, the entity id. */
hb_status hb_entity_by_id(const hb_workspace *ws, hb_str id, hb_entity **out, hb_err *err);
/* Parses and routes a definition without registering it. Moves to the caller. */
hb_status hb_entity_new(hb_workspace *ws, hb_str definition_pack, hb_entity **out, hb_err *err);
void hb_entity_free(hb_workspace *ws, hb_entity *entity);
/* What backends keep in memory for it is freed; they attach it anew at the next use. */
void hb_entity_release(hb_workspace *ws, hb_entity *entity);
/* The instances that the entity's routing counts from: MetaSchema has one of its own. */
hb_instance *const *hb_entity_instances(const hb_workspace *ws, const hb_entity *entity);
/* Adds it to the registry (takes ownership) under a new index, or at the place of `replaced`. */
hb_status hb_entity_add(hb_workspace *ws, hb_entity *entity, hb_entity *replaced, hb_err *err);
/* Starts ENSURE on every container; they are made ready to inherit those of `replaced`, if any. */
hb_status hb_entity_start_ensure(hb_task *task, hb_workspace *ws, hb_entity *entity,
                                 const hb_entity *replaced, hb_err *err);
/* Rows that live in the containers of `replaced` are the entity's from now on. */
void hb_entity_inherit(hb_workspace *ws, hb_entity *entity, hb_entity *replaced);
/* {"entity","index","columns":[...],"schema":{...},"storage":[...]} */
hb_status hb_entity_json(const hb_workspace *ws, const hb_entity *entity, hb_buf *out, hb_err *err);
/* Attaches a definition that is stored to what lies in its backends (local ones); rows in memory
 * are ready to be inherited from `replaced`. */
hb_status hb_entity_attach(hb_workspace *ws, hb_entity *entity, const hb_entity *replaced,
                           hb_err *err);
/* Stores its definition, by one commit, which is through when the task has no job pending, or as
 * part of the keeper's open transaction. */
hb_status hb_entity_persist(hb_workspace *ws, hb_task *task, const hb_entity *entity, hb_err *err);
hb_status hb_entity_persist_in_tx(hb_workspace *ws, const hb_entity *entity, hb_err *err);
/* Reads back what an earlier process registered, and ensures it. */
hb_status hb_entity_restore(hb_workspace *ws, hb_err *err);
/* Clears what an earlier process dropped and could not clear any more. Before restoring. */
hb_status hb_drop_complete_local(hb_workspace *ws, hb_err *err);
/* Starts a fragment on every container of an entity, or on that of one backend. */
hb_status hb_sweep_entity(hb_workspace *ws, hb_task *task, hb_entity *entity, hb_frag_kind kind,
                          uint32_t only_backend, hb_err *err);
/* Takes the definitions out of the keeper, in its open transaction; where other backends outlive
 * the process, they stay under other names until hb_drop_forget. */
hb_status hb_drop_definitions(hb_workspace *ws, hb_instance *keeper, hb_task *task, hb_err *err);
hb_status hb_drop_forget(hb_instance *keeper, hb_arena *arena, hb_err *err);
/* The instance that keeps definitions: main when it can, else the first that can; NULL: none. */
hb_instance *hb_workspace_keeper(const hb_workspace *ws);

/* ---- definition_store.c: definitions as the keeper has them, each with a copy */
typedef struct hb_stored_definition {
    hb_str entity;              /* id */
    hb_str text;                /* the one that counts; .ptr NULL: none */
    hb_status fault;            /* HB_OK; CORRUPT: gone or unreadable; SCHEMA_DRIFT: another one */
    bool of_copy;               /* the fault concerns the copy alone */
    hb_str path;                /* the definition's file or key */
    hb_str reason;              /* goes on from "it " */
} hb_stored_definition;
/* Puts both, in the keeper's open transaction. */
hb_status hb_definition_put(hb_instance *keeper, const hb_schema *schema, hb_err *err);
/* All entities with a definition or a copy, in the arena. */
hb_status hb_definition_ids(hb_instance *keeper, hb_arena *arena, hb_str **out, uint32_t *count,
                            hb_err *err);
/* Both as they are stored; a definition that fits its copy is not parsed. Texts of the arena. */
hb_status hb_definition_read(const hb_workspace *ws, hb_instance *keeper, hb_str id,
                             hb_arena *arena, hb_stored_definition *out, hb_err *err);
/* The entity is broken, or is not any more; such a one is refused: its own error, else OK. */
hb_status hb_definition_note(hb_entity *entity, const hb_stored_definition *stored, hb_err *err);
hb_status hb_definition_refuse(const hb_workspace *ws, const hb_entity *entity, hb_err *err);
/* Entities that nothing more is known of, until they are registered again. */
hb_status hb_definition_hide(hb_workspace *ws, const hb_stored_definition *stored, hb_err *err);
void hb_definition_show(hb_workspace *ws, hb_str id);
const hb_hidden *hb_definition_hidden(const hb_workspace *ws, hb_str id);
hb_status hb_definition_refuse_hidden(const hb_workspace *ws, hb_str id, hb_err *err);

/* ---- definitions.c: what other open instances of the workspace change */
/* Before a definition is stored: others will see that there is another one. */
hb_status hb_definitions_mark(hb_workspace *ws, hb_err *err);
/* After all definitions were read. */
hb_status hb_definitions_see(hb_workspace *ws, hb_err *err);
/* Begin of a call: SCHEMA_CONFLICT when another instance has altered an entity that it works on. */
hb_status hb_definitions_check(hb_workspace *ws, const hb_request *request, hb_err *err);
/* Takes over what others have stored; no other call may be under way. `anew`: also what programs
 * have changed that tell nobody. */
hb_status hb_definitions_reload(hb_workspace *ws, bool anew, hb_err *err);

/* ---- system.c */
hb_status hb_system_register(hb_workspace *ws, hb_err *err);

/* ---- metaschema.c */
/* Brings MetaSchema's rows up to date with the registry; does nothing when they are. */
hb_status hb_metaschema_refresh(hb_workspace *ws, hb_err *err);

/* ---- rows.c: full-schema column sets */
/* Bytes of one element of a column's data. */
size_t hb_cell_bytes(hb_kind kind, uint32_t dim);
/* One column per schema field, typed as the field, all null. */
hb_status hb_columns_null(const hb_field *field, uint32_t row_count, hb_arena *arena,
                          hb_column *out,
                          hb_err *err);
/* The columns of a batch by schema field, under its names; nulls for what it has not. */
hb_status hb_columns_of(const hb_schema *schema, const hb_batch *batch, hb_arena *arena,
                        hb_column **out, hb_err *err);
/* A column that repeats one value (of the field's kind). */
hb_status hb_columns_constant(const hb_field *field, const hb_value *value, uint32_t row_count,
                              hb_arena *arena, hb_column *out, hb_err *err);
/* Copies a column's bytes into the arena. */
hb_status hb_columns_copy(const hb_column *src, uint32_t row_count, hb_arena *arena, hb_column *out,
                          hb_err *err);
/* A TEXT column of the given texts. */
hb_status hb_columns_text(const hb_str *texts, uint32_t row_count, hb_arena *arena, hb_column *out,
                          hb_err *err);
/* The container's part of full-schema columns, as the batch that WRITE expects. */
hb_status hb_columns_for_container(const hb_container *container, const hb_column *columns,
                                   uint32_t row_count, hb_arena *arena, const hb_batch **out,
                                   hb_err *err);

/* ---- fetch.c: whole rows by id from all the backends of an entity, at once */
typedef struct hb_fetch hb_fetch;
/* `columns` are schema fields (NULL: all). Starts a FETCH on each backend that is primary for one
 * of
 * them, and on the home, whose answer says which rows exist. */
hb_status hb_fetch_start(hb_task *task, hb_workspace *ws, hb_entity *entity, const hb_ids *ids,
                         const uint32_t *columns, uint32_t column_count, hb_fetch **out,
                         hb_err *err);
/* Whole rows, which the backend may lend when it holds all of the fields: the caller reads them
 * before anything is written. */
hb_status hb_fetch_start_lent(hb_task *task, hb_workspace *ws, hb_entity *entity,
                              const hb_ids *ids, hb_fetch **out, hb_err *err);
/* What was lent: columns by schema field, every one, and the rows of them that exist, in the order
 * of the ids. NULL: take it. */
const hb_lent *hb_fetch_lent(const hb_fetch *fetch);
bool hb_fetch_done(const hb_fetch *fetch);
/* found[i]: the row of ids[i] in `*out`, or HB_MAP_NONE; `*out` has one row per existing id,
 * columns by
 * schema field (full schema; fields that were not asked for are null). */
hb_status hb_fetch_take(hb_fetch *fetch, const hb_column **out, uint32_t *row_count,
                        const uint32_t **found, hb_err *err);

/* ---- input.c: rows given by the caller */
typedef struct hb_input {
    /* "" where the row gives none and no name derives one (set: error) */
    hb_str *ids;
    hb_column *columns;         /* by schema field, coerced; cells may be ABSENT */
    hb_column *derived;         /* by schema derive, as Catalog has them; cells may be ABSENT */
    uint32_t row_count;
} hb_input;
/* Maps columns to fields, coerces, and finds the ids. Unknown columns are HB_E_UNKNOWN_FIELD unless
 * `drop_unknown`. `derive`: ids from names. */
hb_status hb_input_read(const hb_entity *entity, const hb_batch *batch, bool drop_unknown,
                        bool derive,
                        hb_arena *arena, hb_input *out, hb_err *err);
/* Fills ABSENT cells with the current row's values (found[i] a row of `current`, or HB_MAP_NONE),
 * else
 * defaults, else null, and checks required fields. */
hb_status hb_input_complete(const hb_entity *entity, hb_input *input, const hb_column *current,
                            const uint32_t *found, hb_arena *arena, hb_err *err);

/* ---- derive.c: what functions of the host give */
/* Derives name columns of Catalog that are not its own business. */
hb_status hb_derives_check(const hb_schema *schema, const hb_schema *catalog, hb_err *err);
/* For a host that runs no functions: HB_E_COMPUTE when a row needs one. `found` as in
 * hb_input_complete; NULL: no row is stored. */
hb_status hb_derives_given(const hb_entity *entity, const hb_input *input, bool is_set,
                           const uint32_t *found, hb_err *err);
/* Puts derived values into the Catalog's rows; without one a stored row keeps its own. */
hb_status hb_derives_apply(const hb_entity *entity, const hb_input *input, hb_column *rows,
                           const hb_column *current, const uint32_t *found, hb_arena *arena,
                           hb_err *err);
/* Is this column of Catalog derived for rows of the entity? */
bool hb_derives_has(const hb_schema *schema, hb_str column);

/* ---- catalog.c */
/* Is the column made by the Catalog itself, whatever a row holds? */
bool hb_catalog_is_own(hb_str column);
/* Computes expires_compute and stale_compute anew. */
hb_status hb_catalog_deadlines(const hb_schema *catalog, hb_column *columns, uint32_t row_count,
                               hb_arena *arena, hb_err *err);
/* The Catalog's rows (full schema of Catalog) for rows of an entity. */
hb_status hb_catalog_rows(const hb_workspace *ws, const hb_entity *entity, const hb_column *columns,
                          uint32_t row_count, int64_t now_ms, hb_arena *arena, hb_column **out,
                          hb_err *err);
/* Keeps created_at, active and visible of existing rows. */
hb_status hb_catalog_keep(const hb_workspace *ws, hb_column *rows, uint32_t row_count,
                          const hb_column *current, const uint32_t *found, hb_arena *arena,
                          hb_err *err);
hb_status hb_catalog_id(const hb_workspace *ws, hb_str entity_id, hb_str object_id, hb_arena *arena,
                        hb_str *out, hb_err *err);
/* Catalog fields that a row's projection determines (audited): true for those. */
bool hb_catalog_is_projected(const hb_schema *catalog, uint32_t field, const hb_schema *entity);

/* ---- calls: each makes the task of one request */
typedef hb_status hb_call_fn(hb_workspace *ws, const hb_request *request, hb_task *task,
                             hb_err *err);
hb_call_fn hb_call_register, hb_call_upsert, hb_call_set, hb_call_get, hb_call_exists,
    hb_call_delete, hb_call_query, hb_call_explain, hb_call_audit, hb_call_repair,
    hb_call_refresh, hb_call_drop, hb_call_attach, hb_call_connections, hb_call_flush,
    hb_call_export, hb_call_import, hb_call_alter, hb_call_presets, hb_call_graph, hb_call_find,
    hb_call_describe, hb_call_sign, hb_call_health, hb_call_manifest, hb_call_validate,
    hb_call_prepare, hb_call_release;

/* ---- read.c */
/* The ids of a batch of one TEXT column, in the task's arena. */
hb_status hb_read_ids(const hb_batch *batch, hb_task *task, hb_ids *out, hb_err *err);

/* ---- unique.c: constraints that no engine enforces by itself */
typedef struct hb_unique hb_unique;
/* Starts looking for stored rows that hold a value of the new rows (full-schema columns). */
hb_status hb_unique_start(hb_task *task, hb_workspace *ws, const hb_entity *entity,
                          const hb_column *columns, uint32_t row_count, hb_unique **out,
                          hb_err *err);
/* *done when all is read; then HB_E_UNIQUE if two rows would hold one value. */
hb_status hb_unique_advance(hb_unique *unique, bool *done, hb_err *err);
/* HB_E_UNIQUE if two of these rows, which are all there are, hold one value. */
hb_status hb_unique_among(hb_task *task, hb_workspace *ws, const hb_entity *entity,
                          const hb_column *columns, uint32_t row_count, hb_err *err);
/* The constraint with that number or the next one after it; with `ws`, of those that no engine
 * enforces by itself. False: there is none. Numbers start from 0. `single` lives as long as *out.
 */
bool hb_unique_next(const hb_workspace *ws, const hb_entity *entity, uint32_t *number,
                    uint32_t *single, hb_field_group *out);

/* ---- write.c */
/* Turns `task` into the deletion of `ids`, which live in its arena. */
hb_status hb_write_delete(hb_workspace *ws, const hb_request *request, hb_entity *entity,
                          const hb_ids *ids, hb_task *task, hb_err *err);

/* ---- query.c */
/* Rows of an entity in the order of their object_ids. */
typedef struct hb_page {
    const uint32_t *fields;     /* NULL: all */
    uint32_t field_count;
    const hb_expr *filter;      /* of one leaf; NULL: none. Lives as long as the run */
    hb_str last;                /* only rows after this id; "": from the start */
    uint64_t limit;             /* rows; HB_NO_LIMIT */
} hb_page;
/* Starts reading them, in the task's arena. */
hb_status hb_page_read(hb_task *task, hb_workspace *ws, const hb_entity *entity,
                       const hb_page *page, hb_run **out, hb_err *err);

#endif
