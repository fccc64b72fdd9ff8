// SPDX-License-Identifier: MIT
/* The public C interface: open a workspace, start a call, step its task, read the answer, free.
 *
 * The core never does I/O to the network and knows no time: `now_ms` comes with each request, the
 * clock for deadlines with the host, and a call that needs the network yields operations which the
 * host carries out. Calls on local
 * backends finish in the first step. One workspace is used from one thread; two workspaces never
 * meet. */
#ifndef HB_H
#define HB_H

#include "base/err.h"
#include "base/host.h"
#include "compile/job.h"
#include "value/value.h"

#define HB_VERSION "0.1.0"

typedef struct hb_workspace hb_workspace;
typedef struct hb_task hb_task;

/* `options_json`: {"id", "preset" | "backends": {name: {"type", ...}}, "catalog": true, "env":
 * variables for the preset, "overrides": {name: {option: value}} put into the backends,
 * "intent_ms" (how long others leave an unfinished write alone), "durability" ("strict", or
 * "relaxed": calls may return before they are on disk, FLUSH waits), "persist" (only the manifest
 * tells it)}, and of the host: "owner" (a token that no other open workspace has), "now_ms" (wall
 * clock), "shared" (false: no other process uses the files), "places" (overrides that the manifest
 * leaves out: where files are on this host), "copied" (true: files are a copy that the host keeps
 * elsewhere, and waits for).
 * Everything is checked before anything is opened; `*out` moves to the caller. */
hb_status hb_workspace_open(hb_str options_json, const hb_mem *mem, hb_workspace **out,
                            hb_err *err);
/* The same with all that a host has; what `host` points to outlives the workspace.
 * hb_workspace_open is this with memory alone: file backends then answer UNAVAILABLE. */
hb_status hb_workspace_open_on(hb_str options_json, const hb_host *host, hb_workspace **out,
                               hb_err *err);
/* The host has nothing to do for the moment: what is held against other processes is given back.
 * Calls may follow. No task is under way. */
void hb_workspace_idle(hb_workspace *workspace);
/* Releases every resource; stored data stays. Tasks must be freed before. */
void hb_workspace_close(hb_workspace *workspace);

typedef enum hb_call_kind {
    /* text: definition as MessagePack; flags REPLACE, DRY_RUN (only checks)
     * -> JSON {entity, ...} */
    HB_CALL_REGISTER = 1,
    HB_CALL_INFO = 2,       /* -> JSON {id, preset, backends, entities, persistence} */
    HB_CALL_SCHEMA = 3,     /* entity -> JSON: schema in portable form and storage plan */
    /* entity, batch of rows; flags OVERWRITE DROP_UNKNOWN -> frame of ids */
    HB_CALL_UPSERT = 4,
    HB_CALL_SET = 5,        /* entity, batch with object_id; merge -> frame of ids */
    HB_CALL_GET = 6,        /* entity or none, batch: one TEXT column of ids -> frame; found rows in
                               order of ids, column "$index" (I64) says which id */
    HB_CALL_EXISTS = 7,     /* like GET -> frame: BOOL column per id */
    HB_CALL_DELETE = 8,     /* entity or none, batch of ids -> frame: BOOL column per id */
    HB_CALL_QUERY = 9,      /* entity, text: spec JSON (or prepared handle), params -> frame */
    HB_CALL_EXPLAIN = 10,   /* same -> JSON */
    HB_CALL_PREPARE = 11,   /* text: spec JSON -> JSON {handle, params} */
    HB_CALL_RELEASE = 12,   /* prepared: forget the handle */
    HB_CALL_AUDIT = 13,     /* -> JSON */
    HB_CALL_REPAIR = 14,    /* flags DRY_RUN -> JSON */
    HB_CALL_REFRESH = 15,   /* entity or none; text: backend name or "" */
    HB_CALL_DROP = 16,      /* deletes the workspace's data and registrations */
    /* text: request JSON -> JSON; workspace NULL: everything built in */
    HB_CALL_CAPABILITIES = 17,
    HB_CALL_GRAPH = 18,     /* entity or none, text: options JSON, batch of ids -> JSON; see
                               workspace/graph_call.c */
    HB_CALL_EXPORT = 20,    /* one record of the workspace as a file -> bytes; see archive.c */
    HB_CALL_IMPORT = 21,    /* text: such a file from a record on; flags DRY_RUN NO_CATALOG */
    /* text: definition as MessagePack, params: [confirm]; flags DRY_RUN -> JSON: the plan alone */
    HB_CALL_ALTER = 19,
    HB_CALL_FIND = 22,      /* text: JSON {text, limit} -> frame of what was found */
    /* entity, text: {desc, tags, fields} as MessagePack -> JSON of the entity */
    HB_CALL_DESCRIBE = 23,
    HB_CALL_SIGN = 24,      /* text: {owner, creator, auth, metadata} as MessagePack -> JSON */
    HB_CALL_HEALTH = 25,    /* -> JSON {ok, workspace, entities, backends} */
    /* -> JSON: the manifest. Without workspace, text: {manifest, env, overrides} as MessagePack ->
     * bytes: {id, construction, entities} as MessagePack: what makes it again */
    HB_CALL_MANIFEST = 26,
    HB_CALL_PRESETS = 29,   /* no workspace; text: JSON {name, env} -> JSON list, redacted */
    /* text: definition as MessagePack, batch of one row -> frame of the row as it would be written,
     * or JSON {issues: [{field, code, message, path inside of the field}]}; needs no workspace */
    HB_CALL_VALIDATE = 30,
    HB_CALL_FLUSH = 31,     /* what relaxed calls left to be written is on disk once it is done */
    /* Connects remote backends and takes over what they hold: the first call of a workspace. With
     * local ones alone there is nothing to do, and no need of it */
    HB_CALL_ATTACH = 32,
    /* -> JSON {name: options} of the remote backends, secrets and all: for the host, which makes
     * their drivers */
    HB_CALL_CONNECTIONS = 33,
} hb_call_kind;

enum {
    HB_FLAG_OVERWRITE = 1, HB_FLAG_DROP_UNKNOWN = 2, HB_FLAG_REPLACE = 4, HB_FLAG_DRY_RUN = 8,
    HB_FLAG_NO_PUSHDOWN = 16, HB_FLAG_WANT_TOTAL = 32,
    HB_FLAG_EDGES_DETACH = 1024,    /* DELETE: edges to the rows go too */
    HB_FLAG_EDGES_RESTRICT = 2048,  /* DELETE: edges to the rows forbid it; neither: as declared */
    HB_FLAG_ANY = 64,       /* GET: the first hit is enough */
    HB_FLAG_COMPUTED = 128, /* UPSERT, SET: the host has run the functions of computed fields */
    HB_FLAG_NO_CATALOG = 4096,  /* IMPORT: Catalog rows come from the file as well */
    HB_FLAG_LOOSE_EDGES = 8192, /* UPSERT: edges may lead to rows that are still to come */
    HB_FLAG_PAUSES = 16384      /* AUDIT, REPAIR: HB_STEP_PAUSE now and then, with JSON {part,
                                   entity, rows} as answer */
};

#define HB_ENTITY_NONE UINT32_MAX

typedef struct hb_request {
    hb_call_kind kind;
    /* index given by REGISTER or hb_workspace_entity, or HB_ENTITY_NONE */
    uint32_t entity;
    uint32_t flags;
    uint32_t prepared;          /* handle, 0: none */
    int64_t now_ms;             /* wall clock, for created_at and updated_at */
    uint32_t timeout_ms;        /* deadline, from the start on the host's clock; 0: none */
    hb_str text;
    hb_str params;              /* MessagePack array */
    hb_batch batch;
    /* GET and QUERY may answer with the backend's own columns (answer.rows says which rows of
     * them): the answer is read before anything else is called */
    bool lends;
    /* The task takes it over, with what is in it, and gives it back empty when it is freed: calls
     * one after the other need not ask for memory again. NULL: the task makes its own */
    hb_arena *room;
} hb_request;

typedef enum hb_answer_kind {
    HB_ANSWER_NONE = 0,
    HB_ANSWER_FRAME = 1,
    HB_ANSWER_JSON = 2,
    HB_ANSWER_BYTES = 3
} hb_answer_kind;

/* Lent by the task until it is freed. */
typedef struct hb_answer {
    hb_answer_kind kind;
    hb_batch batch;             /* FRAME */
    /* FRAME: row of the columns for each of the batch's rows; NULL: the same. Set only when the
     * request `lends` */
    const uint32_t *rows;
    const uint8_t *roles;       /* FRAME: hb_wire_role per column */
    const uint32_t *tags;       /* FRAME: hb_wire_tag per column, or NULL */
    uint64_t total;             /* rows before paging, valid when total_known */
    bool total_known;
    bool truncated;
    hb_str cursor;              /* FRAME: goes on behind its last row; "" when nothing follows */
    hb_str json;                /* JSON, BYTES */
} hb_answer;

/* PAUSE: only with HB_FLAG_PAUSES: the answer says how far it is; step again, or free. */
typedef enum hb_step_kind {
    HB_STEP_DONE = 0, HB_STEP_OP = 1, HB_STEP_WAIT = 2, HB_STEP_PAUSE = 3
} hb_step_kind;

typedef struct hb_step {
    hb_step_kind kind;
    const hb_host_op *op;       /* OP: lent until its reply */
    uint32_t timeout_ms;        /* until the deadline: step again then, at the latest; 0: none */
} hb_step;

/* Checks the request and makes its task. Nothing is written on error. The request's memory must
 * outlive the task, unless the task is done after its first step. `*out` moves to the caller. */
hb_status hb_workspace_start(hb_workspace *workspace, const hb_request *request, hb_task **out,
                             hb_err *err);
/* Goes on until the task is done, has an operation for the host, or only a reply helps. After an
 * error the task can only be freed. HB_E_TIMEOUT: the deadline passed before it was done; the error
 * names the backend that did not answer, and freeing the task rolls back. The host then stops the
 * operations that it still carries out; their replies are not wanted any more. */
hb_status hb_task_step(hb_task *task, hb_step *out, hb_err *err);
hb_status hb_task_reply(hb_task *task, const hb_host_reply *reply, hb_err *err);
const hb_answer *hb_task_answer(const hb_task *task);
/* Also cancels: what was not committed is rolled back. */
void hb_task_free(hb_task *task);

/* Index of a registered entity by id, or HB_ENTITY_NONE. */
uint32_t hb_workspace_entity(const hb_workspace *workspace, hb_str entity_id);

#endif
