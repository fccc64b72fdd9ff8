// SPDX-License-Identifier: MIT
/* All that a backend author must read. A backend is one const table in one file and one line in
 * registry.c. It answers what it can do (claims), opens instances from options, and runs fragments.
 * It never filters what it did not claim, never sorts or merges for others: the core does the
 * rest. */
#ifndef HB_BACKENDS_BACKEND_H
#define HB_BACKENDS_BACKEND_H

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "compile/fragment.h"
#include "compile/job.h"

/* NO: the core does it. SUPERSET: the backend narrows, the core re-checks. EXACT: trusted. */
typedef enum hb_claim { HB_NO = 0, HB_SUPERSET = 1, HB_EXACT = 2 } hb_claim;

/* How a claimed leaf is answered; explain shows it. */
typedef struct hb_offer {
    hb_claim claim;
    /* the engine's own operator or index; false: a scan in process */
    bool native;
    const char *handler_kind;       /* "index_filter", "sql_where", "row_payload", ... */
    const char *reason;             /* why not native; NULL when native */
} hb_offer;

enum {                              /* storage roles and tags, for routing */
    HB_ROLE_ROW = 1, HB_ROLE_TEXT = 2, HB_ROLE_VECTOR = 4,
    HB_TAG_SQL = 8, HB_TAG_VECTOR = 16, HB_TAG_SEARCH = 32
};

typedef struct hb_option {          /* one accepted option of an instance */
    const char *name;
    char type;                      /* 's' text, 'i' integer, 'b' boolean, 'o' mapping or list */
    bool secret;                    /* redacted wherever options are shown */
    const char *desc;
} hb_option;

typedef struct hb_backend hb_backend;

struct hb_instance {                /* an open backend of one workspace */
    const hb_backend *type;
    hb_str name;
    hb_str workspace_id;
    const hb_mem *mem;
    hb_arena *arena;                /* lives as long as the workspace */
    /* const cJSON *: the instance's mapping, validated against .options */
    const void *options;
    void *state;                    /* the backend's own */
    uint32_t order;                 /* declaration order */
    const hb_fs *fs;                /* the host's files; NULL: none */
    const hb_clock *clock;          /* the host's clock; NULL: none */
    hb_str owner;                   /* token of the workspace, for locks; see hb_workspace_open */
    bool shared;                    /* other processes may use the same files */
    bool relaxed;                   /* a call may return before it is on disk: flush() waits */
};

/* Text option by name, or "" (HB_STR_EMPTY); integer option or `fallback`. */
hb_str hb_instance_text(const hb_instance *instance, const char *name);
int64_t hb_instance_int(const hb_instance *instance, const char *name, int64_t fallback);

/* Boolean option or `fallback`. */
bool hb_instance_bool(const hb_instance *instance, const char *name, bool fallback);

/* Something stored that check() found to be wrong. Texts are borrowed for the call. */
typedef struct hb_finding {
    /* "file": a stored row that cannot be read; "unused": values outside the rows that no row
     * holds, which is no fault; "drift": a structure that another program changed, which keeps the
     * container from being used; else one of the engine: "table", "side_table", "external" (a
     * value outside the row is lost), "value" (one in the row does not fit its field) */
    const char *kind;
    hb_str path;                    /* which one: a file's path, a table */
    hb_str field;                   /* the field it concerns, or "" */
    hb_str object_id;               /* the row it concerns, or "" */
    hb_str reason;                  /* one clause, without secrets */
    hb_str belongs;                 /* "file": its own name, which it gets back; "": it has none */
    uint64_t count;                 /* "unused": how many */
    bool stays;                     /* no repair can mend it */
    bool fixed;                     /* it has been put aside or made good; a value: is null now;
                                       "unused": they are deleted */
} hb_finding;
typedef enum hb_check_how {
    HB_CHECK_LOOK,
    HB_CHECK_MEND,                  /* puts right or aside; values that are lost stay named */
    HB_CHECK_GIVE_UP                /* after that: what nobody brought back is let go; tells only
                                       "external", "value" and "unused" */
} hb_check_how;
typedef hb_status hb_finding_sink(void *arg, const hb_finding *finding, hb_err *err);

typedef enum hb_tx { HB_TX_BEGIN, HB_TX_COMMIT, HB_TX_ROLLBACK } hb_tx;

/* Waits for the device even where calls need not. */
hb_status hb_instance_flush(hb_instance *instance, hb_err *err);

struct hb_backend {
    const char *name;               /* type name: "sqlite" */
    const char *const *aliases;     /* NULL-terminated, or NULL */
    const char *desc;
    uint32_t roles;                 /* HB_ROLE_* | HB_TAG_* */
    bool local;                     /* runs inside the module; jobs finish in begin() */
    uint32_t routing_rank;          /* order in which routing prefers types of equal fitness */
    const hb_option *options;       /* ends with name NULL; "type", "name" are always accepted */

    /* Claims that do not depend on a predicate. */
    struct {
        hb_claim sort;              /* order by fields with our null and text order */
        uint32_t sort_chars;        /* of a text that is longer, it sees the beginning; 0: all */
        hb_claim limit;
        hb_claim count;
        uint32_t metrics;           /* bit 1 << hb_metric for near */
        bool search;                /* BM25 as defined in docs/query.md */
        bool candidates;            /* takes a list of ids */
        bool filtered_rank;         /* near/search apply the fragment's filter before taking k */
        /* What HB_FRAG_AGGREGATE does exactly as the core would: bits 1 << hb_kind of columns that
         * it groups by and counts the different values of, 0: the fragment never comes; and by
         * kind of the column (BOOL, I64, F64, TEXT) bits 1 << hb_reducer */
        uint32_t groups;
        uint32_t reducers[HB_KIND_COUNT];
        bool vector_index;          /* takes the hint of a field (schema.h) for near */
        bool unique;                /* enforces the container's unique constraints itself */
        bool check_in_tx;           /* what check() changes in an open transaction goes with it */
    } caps;
    /* Strategies this backend can hold a type with; false with a reason otherwise. */
    bool (*stores)(const hb_type *type, hb_strategy strategy);
    /* Claim for one leaf on a field held with a strategy. Local: of the operand only its kind
     * counts, unless it is a PACK or a list (a prepared query keeps its plan). */
    hb_offer (*offer)(const hb_type *type, hb_strategy strategy, bool indexed, const hb_expr *leaf);
    /* Static capability: may (type, strategy, op) be answered here, natively or by scan?
     * ops are hb_op_name()s plus "get", "near" and "search". The rows feed capabilities and
     * MetaSchema. */
    hb_offer (*supports)(const hb_type *type, hb_strategy strategy, hb_str op);

    hb_status (*open)(hb_instance *instance, hb_err *err);
    void (*close)(hb_instance *instance);
    /* The host has nothing to do: what is held against other processes may be given back. May be
     * NULL. */
    void (*idle)(hb_instance *instance);
    /* A call begins: where another process waits for what we hold, and has waited long enough, it
     * gets its turn first; then LOCKED ("HELD"), and the call has to be made again. May be NULL. */
    hb_status (*turn)(hb_instance *instance, hb_err *err);
    /* Takes the files for the call that begins, and counts how often others may have changed them
     * since they were opened. LOCKED ("HELD") as above. NULL: nobody else can. */
    hb_status (*changes)(hb_instance *instance, uint64_t *count, hb_err *err);
    /* What calls have left to be written later is on disk once it returns. NULL: nothing is ever
     * left. */
    hb_status (*flush)(hb_instance *instance, hb_err *err);
    bool (*durable)(const hb_instance *instance);           /* survives the process */
    /* Transaction around the write jobs of one call; NULL when the engine has none. */
    hb_status (*tx)(hb_instance *instance, hb_tx op, hb_err *err);
    /* Small durable key-value store per workspace (definitions, intents). NULL when it has none.
     * get: *value is borrowed from `arena`, .ptr NULL when absent. list calls back per key. */
    hb_status (*meta_put)(hb_instance *instance, hb_str key, hb_str value, hb_err *err);
    hb_status (*meta_get)(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value,
                          hb_err *err);
    hb_status (*meta_delete)(hb_instance *instance, hb_str key, hb_err *err);
    hb_status (*meta_list)(hb_instance *instance, hb_str prefix, hb_arena *arena,
                           hb_str **keys, uint32_t *count, hb_err *err);
    /* The file of a key, for messages. NULL: the key says it. */
    hb_status (*meta_path)(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *path,
                           hb_err *err);

    /* Looks over everything that is stored for a container, and tells `sink` what cannot be used.
     * Unless it only looks, it puts that right or aside first, so that it hides nothing. Local
     * ones; may be NULL. */
    hb_status (*check)(hb_instance *instance, hb_container *container, hb_check_how how,
                       hb_finding_sink *sink, void *arg, hb_err *err);

    /* A look for health() that costs next to nothing, at what is stored for a container: an error
     * says what keeps it, or part of it, from being read. NULL: reading one of its rows does. */
    hb_status (*look)(hb_instance *instance, hb_container *container, hb_err *err);

    /* What begin() asks first for a fragment that reads, for explain: JSON {"sql": the text,
     * "params": [type of each parameter]}. NULL: nothing is asked in a language. */
    hb_status (*statement)(hb_instance *instance, const hb_fragment *fragment, hb_arena *arena,
                           hb_buf *json, hb_err *err);

    /* Runs job->fragment. Local: sets job->done and job->out. Remote: emits operations. */
    hb_status (*begin)(hb_job *job, hb_err *err);
    /* NULL when local */
    hb_status (*reply)(hb_job *job, const hb_host_reply *reply, hb_err *err);
    /* frees job->state; called once, also after failure or cancel */
    void (*end)(hb_job *job);
    /* Frees container->state (the stored data of a memory backend included). */
    void (*release)(hb_instance *instance, hb_container *container);
    /* `heir`, which an ENSURE made ready with fragment->replaces, takes the rows of `container`
     * over. Cannot fail. NULL: rows do not live in the container's state. */
    void (*inherit)(hb_instance *instance, hb_container *heir, hb_container *container);
};

/* The list (registry.c), ends with NULL. */
extern const hb_backend *const hb_backends[];
const hb_backend *hb_backend_find(hb_str type_or_alias);        /* NULL when unknown */

#endif
