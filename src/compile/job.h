// SPDX-License-Identifier: MIT
/* A job: one fragment under way on one backend instance; and the operations that it asks of the
 * host.
 * Local backends finish inside begin(). Remote ones emit operations and go on in reply(). */
#ifndef HB_COMPILE_JOB_H
#define HB_COMPILE_JOB_H

#include "base/buf.h"
#include "base/clock.h"
#include "compile/fragment.h"

typedef enum hb_host_op_kind { HB_HOST_FETCH = 1, HB_HOST_SQL = 2 } hb_host_op_kind;

typedef struct hb_header { hb_str name, value; } hb_header;

/* One request to the host. Borrowed from the job until its reply was taken. */
typedef struct hb_host_op {
    uint32_t id;                    /* set by hb_job_emit; unique within the task */
    hb_host_op_kind kind;
    hb_str backend;                 /* instance name: which fetch or driver */
    /* FETCH */
    hb_str method, url;
    const hb_header *headers;
    uint32_t header_count;
    hb_str body;
    /* SQL: MessagePack [[text, [parameter...]]...], run in this order on one connection; the reply
     * has the rows of the last one. With `in_transaction` all of them are done or none. */
    hb_str statements;
    bool in_transaction;
    uint32_t timeout_ms;            /* 0: the task's */
    uint32_t delay_ms;              /* FETCH: the host waits so long before it begins */
    uint32_t answer_max;            /* FETCH: more bytes are no answer; 0: any number */
    bool undo;                      /* FETCH: given up, its URL is to be DELETEd */
} hb_host_op;

/* What came back. Borrowed for the duration of the call. */
typedef struct hb_host_reply {
    uint32_t op_id;
    /* the host could not carry it: `text` says why, no secret in it */
    bool failed;
    hb_str text;
    uint32_t status;                /* FETCH: HTTP status */
    const hb_header *headers;
    uint32_t header_count;
    hb_str body;                    /* FETCH: bytes; SQL: a batch in wire form (wire.h) */
    uint64_t affected;              /* SQL: rows that the last statement affected */
    hb_str native;                  /* engine's own error code when failed */
} hb_host_reply;

typedef struct hb_instance hb_instance;

/* A result that stays where it is stored: the backend's own columns, and which of their rows. Good
 * until something is written. */
typedef struct hb_lent {
    const hb_column *columns;       /* in the job's arena; NULL: nothing is lent */
    uint32_t column_count;
    const uint32_t *rows;           /* in the job's arena */
    uint32_t row_count;
} hb_lent;

typedef struct hb_job {
    hb_instance *instance;
    const hb_fragment *fragment;
    const hb_mem *mem;
    hb_arena *arena;                /* the task's arena: lives until the task is freed */
    /* the task's; what runs for long in begin() looks at it now and then */
    hb_deadline deadline;
    void *state;                    /* the backend's own; freed in end() */
    bool lost_as_null;              /* a value outside its row that is lost reads as null */
    bool as_mended;                 /* rows are there that a repair would give their name back */
    bool forgiven;                  /* a reply that fails ends the job, and not its task */
    hb_err *fault;                  /* keeps the first such failure; may be NULL */
    uint32_t op_timeout_ms;         /* of operations that name none; 0: the task's */
    bool done;                      /* set by begin() or reply() */
    hb_rowset out;                  /* the result; owned by the job */
    hb_lent lent;                   /* the result instead of `out`, when the fragment `lends` */
    uint64_t rows_examined;         /* for explain --analyze and tests of cost */
    hb_host_op *ops;                /* queue of emitted, not yet handed out */
    uint32_t op_count, op_cap;
    uint32_t *waiting;              /* ids of handed-out operations without a reply yet */
    uint32_t waiting_count, waiting_cap;
    uint32_t *next_op_id;           /* counter of the task */
} hb_job;

/* Queues an operation (texts must live in job->arena or longer). *id may be NULL. */
hb_status hb_job_emit(hb_job *job, const hb_host_op *op, uint32_t *id, hb_err *err);

#endif
