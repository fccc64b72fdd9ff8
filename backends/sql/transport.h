// SPDX-License-Identifier: MIT
/* SQL engines by HTTP. The option `via` chooses a transport: one const table in one file, which
 * says what requests the statements of a list become, and what rows its answers hold. The host
 * only carries bytes. What all of them share is in http.c: options, time and again, and errors,
 * which never tell a secret, an address or the server's words; and in json.c: reading answers.
 *
 * Tried again is only what is safe: reads when nobody answered or the server was not able to, and
 * anything that the server refused before it began. */
#ifndef HB_BACKENDS_SQL_TRANSPORT_H
#define HB_BACKENDS_SQL_TRANSPORT_H

#include "backends/sql/remote.h"
#include "value/pack.h"

#define SQL_ANSWER_BYTES_MAX (128u << 20)   /* of one answer */
#define SQL_HTTP_HEADERS_MAX 8u

/* The options of every engine that can be reached by HTTP, as rows of hb_option. */
#define SQL_HTTP_OPTIONS                                                                           \
    { "via", 's', false, "how it is reached: \"gateway\" or another way by HTTP; else a driver" }, \
    { "url", 's', false, "by HTTP: where" },                                                       \
    { "token", 's', true, "by HTTP: what the server knows this program by" },                      \
    { "connection", 's', false, "gateway: which of its connections" }

typedef struct sql_transport sql_transport;

/* Where requests go, and what goes with each. Texts of the instance's arena. */
typedef struct sql_link {
    const sql_transport *transport;
    hb_str url;
    hb_str loads_url;           /* the transport's own: where rows go, if that is elsewhere */
    hb_header headers[SQL_HTTP_HEADERS_MAX];
    uint32_t header_count;
} sql_link;

/* When a request goes out once more by itself. What only reads: always when it is safe. */
typedef enum sql_again {
    SQL_AGAIN_UNBEGUN,          /* what writes: when the server refused it before it began */
    SQL_AGAIN_UNANSWERED,       /* ...or said that it, or what is before it, was not able to */
    SQL_AGAIN_ALWAYS            /* ...or did not answer: it means the same when it comes twice */
} sql_again;

/* The statements under way. In the job's arena, as its texts. */
typedef struct sql_exchange {
    hb_str statements;          /* MessagePack list [[text, [parameter...]]...] */
    uint32_t count;
    bool in_transaction;        /* else all of them only read */
    hb_host_op request;         /* the one under way */
    uint32_t tries;             /* how often it went out */
    uint32_t at;                /* the transport's own: how far it is */
    hb_str session;             /* the transport's own: what the server wants to hear again */
    /* Not NULL: what failed is being undone, and this is told whatever that is answered. */
    const hb_err *failure;
    sql_again again;            /* of the request under way */
    void *run;                  /* the transport's own */
} sql_exchange;

/* What an answer says that is not what was asked for. */
typedef struct sql_fault {
    hb_status status;           /* HB_OK: the HTTP status says all */
    hb_str native;              /* the engine's own code, or empty */
    bool not_begun;             /* for sure nothing of it was done */
} sql_fault;

struct sql_transport {
    const char *name;           /* as `via` says it */
    /* Reads the instance's options into link->url and headers. */
    hb_status (*open)(const sql_remote *remote, sql_link *link, hb_err *err);
    /* Sends the first request of the job's exchange. */
    hb_status (*send)(hb_job *job, hb_err *err);
    /* An answer with status 200: *complete with the rows of the last statement, or the next request
     * has been sent. */
    hb_status (*take)(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                      hb_err *err);
    /* Any other answer; what it does not understand it leaves. NULL: its status says all. */
    void (*fault)(hb_job *job, const hb_host_reply *reply, sql_fault *out);
    /* A failure of any kind: what it means for all of the list. NULL: what it says. */
    hb_status (*failed)(hb_job *job, hb_status status, hb_err *err);
    uint32_t wait_first_ms;     /* before the second time; 0: the usual */
    /* An answer with status 307: sends the request to where it belongs, or refuses to. NULL: such
     * an answer is none. */
    hb_status (*redirect)(hb_job *job, const hb_host_reply *reply, hb_err *err);
    /* It reads, and takes rows as loads (load.c): what makes, empties and drops tables goes to the
     * host's driver. */
    bool loads_only;
};

extern const sql_transport sql_transport_gateway;
extern const sql_transport sql_transport_neon;
extern const sql_transport sql_transport_planetscale;
extern const sql_transport sql_transport_trino;
extern const sql_transport sql_transport_starrocks;

static inline sql_exchange *sql_exchange_of(const hb_job *job) {
    return ((sql_state *)job->state)->exchange;
}

/* ---- http.c: for the core */
/* What `via` says; nothing when it is absent. */
hb_status sql_http_open(sql_remote *remote, hb_err *err);
hb_status sql_http_send(hb_job *job, hb_str statements, uint32_t count, bool in_transaction,
                        hb_err *err);
hb_status sql_http_reply(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                         hb_err *err);

/* ---- http.c: for transports */
/* A text option that has to be there; visible ASCII only, since it becomes part of a request. */
hb_status sql_http_option(const sql_remote *remote, const char *name, hb_str *out, hb_err *err);
/* A name that has to be there, and becomes one step of a path once it is escaped. */
hb_status sql_http_step(const sql_remote *remote, const char *name, hb_str *out, hb_err *err);
/* The option `url`, without slashes at its end: http or https, without credentials. .len 0: it is
 * absent. */
hb_status sql_http_url(const sql_remote *remote, hb_str *out, hb_err *err);
/* The same of another option. */
hb_status sql_http_url_of(const sql_remote *remote, const char *name, hb_str *out, hb_err *err);
/* Adds the header of a name, without a colon, and its password. */
hb_status sql_http_basic(const sql_remote *remote, sql_link *link, hb_str username, hb_str password,
                         hb_err *err);
/* Adds a header of every request. */
void sql_http_header(sql_link *link, const char *name, hb_str value);
/* "Bearer <token>" if there is a token. */
hb_status sql_http_bearer(const sql_remote *remote, sql_link *link, hb_err *err);
/* A POST of `body`, which is copied and freed, to `url`. */
hb_status sql_http_post(hb_job *job, hb_str url, hb_buf *body, hb_err *err);
/* A request without body, after so long. With `undo` its URL is DELETEd when it is given up. */
hb_status sql_http_request(hb_job *job, const char *method, hb_str url, uint32_t delay_ms,
                           bool undo, hb_err *err);
/* An engine's own error in an answer. */
hb_status sql_http_refused(const hb_job *job, const sql_fault *fault, hb_err *err);
/* Value of a header by its name in small letters; empty: there is none. */
hb_str sql_http_find(const hb_host_reply *reply, hb_str name);
/* Whether nobody could take the text for a secret or a value: capitals, digits, - and _, short. */
bool sql_http_is_code(hb_str text);

/* ---- json.c: writing */
/* How a protocol writes one parameter. */
typedef void sql_param_writer(hb_buf *out, const hb_pack_item *param);
/* {"<text_name>":"SELECT ...","params":[...]}, the statements with commas between them. */
hb_status sql_json_statements(const sql_exchange *exchange, const char *text_name,
                              sql_param_writer *param, hb_buf *out, hb_err *err);

/* ---- literals.c */
/* The statement with its parameters in the place of ?, which counts outside of quotes only. Bytes
 * are X'..', or with `bytes_as_text` the text \\x... */
hb_status sql_spell(hb_str text, hb_pack_reader *params, bool bytes_as_text, hb_buf *out,
                    hb_err *err);
/* The digits of a number with an exponent: no decimal. VALIDATION when it is not finite. */
hb_status sql_add_double(hb_buf *out, double number, hb_err *err);
void sql_add_hex(hb_buf *out, hb_str bytes);

/* ---- json.c: reading. What has another form is BAD_REPLY. */
/* The whole body as MessagePack, in the job's arena. */
hb_status sql_json_read(const hb_job *job, hb_str body, hb_str *pack, hb_err *err);
/* The members of a mapping by name, without a name twice; .ptr NULL: absent. */
hb_status sql_json_members(hb_str pack, const char *const *names, hb_str *values, uint32_t count,
                           hb_err *err);
/* The items of a list follow in `items`. */
hb_status sql_json_list(hb_str pack, hb_pack_reader *items, uint32_t *count, hb_err *err);
/* The text, or empty when it is something else. */
hb_str sql_json_text(hb_str pack);
/* A list of rows, each a list of as many cells as there are names. Cells are null, flags, numbers,
 * texts, and {"$bytes": base64}; with `texts_only` null and texts. A column has one kind: numbers
 * may mix, and be the texts NaN, Infinity and -Infinity among others. */
hb_status sql_json_rows(const hb_job *job, hb_str rows, const hb_str *names, uint32_t name_count,
                        bool texts_only, hb_batch *out, hb_err *err);
/* NaN, Infinity, -Infinity. */
bool sql_json_number_word(hb_str text, double *out);
hb_status sql_bad_answer(hb_err *err, const char *what);

#endif
