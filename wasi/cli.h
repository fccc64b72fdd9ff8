// SPDX-License-Identifier: MIT
/* What the parts of the `hb` command share. One `cli` lives as long as the process; commands are
 * rows of a table (main.c) and return an exit code. Data goes to stdout through cli->out only;
 * everything that is said about it goes to stderr. */
#ifndef HB_WASI_CLI_H
#define HB_WASI_CLI_H

#include <yyjson.h>

#include "base/buf.h"
#include "hb.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

#define CLI_FLAGS_MAX 16

typedef struct cli cli;

typedef struct cli_flag {
    const char *name;           /* without dashes */
    char letter;                /* 0: none */
    const char *value;          /* what it takes, for help; NULL: a switch */
    const char *desc;
} cli_flag;

typedef struct cli_command {
    const char *name;           /* "ws create" */
    const char *aliases; /* other spellings of the last word, separated by spaces, or NULL */
    const char *args; /* "ID", "" when it takes none */
    const char *summary; /* one line */
    const char *details; /* lines, or NULL */
    const char *examples; /* lines without "hb ", or NULL */
    const cli_flag *flags; /* ends with name NULL; NULL when it has none of its own */
    int args_min, args_max; /* args_max -1: any number */
    int (*run)(cli *c);
} cli_command;

struct cli {
    int argc;
    char **argv;
    const hb_mem *mem;
    hb_arena arena; /* what dies with the process */
    hb_err err;
    const cli_command *command;
    struct {
        const cli_flag *flag;
        const char *value;
    } flags[CLI_FLAGS_MAX];
    int flag_count;
    const char **args; /* positional ones after the command's words */
    int arg_count;
    hb_buf out; /* stdout, not yet written */
    bool out_failed; /* the reader is gone: nothing more is written */
    bool json;
    uint32_t timeout_ms; /* of each call; 0: none */
    const char *home;
    const char *workspace; /* as given by flag or environment; NULL */
};

/* ---- main.c: the tables */
extern const cli_command *const cli_commands[]; /* ends with NULL */
extern const cli_flag cli_global_flags[]; /* ends with name NULL */

/* ---- args.c */
/* Fills command, flags, args and the global members. CLI_OK, or the exit code after a message;
 * *done when there is nothing left to do (help and version were printed). */
int cli_parse(cli *c, bool *done);
/* Value of a flag ("" for a switch that was given), or NULL. */
const char *cli_flag_get(const cli *c, const char *name);
bool cli_flag_has(const cli *c, const char *name);
/* A non-negative whole number, or `fallback` when the flag is absent; CLI_USAGE when malformed. */
int cli_flag_number(cli *c, const char *name, int64_t fallback, int64_t *out);

/* ---- help.c */
void cli_help(cli *c, hb_str group); /* "" for all commands */
void cli_help_command(cli *c, const cli_command *command);

/* ---- output.c */
/* Writes what has gathered in c->out when it is large (or `all` of it). False: the reader is gone.
 */
bool cli_flush(cli *c, bool all);
/* "ERR <message>" with code and place; returns CLI_FAILED. */
int cli_fail(const cli *c, const hb_err *err);
/* "ERR <message>" of our own; returns CLI_FAILED. */
int cli_error(const cli *c, const char *fmt, ...) HB_PRINTF(2, 3);
/* The same with the way to help; returns CLI_USAGE. */
int cli_usage(const cli *c, const char *fmt, ...) HB_PRINTF(2, 3);
/* "note: ..." on stderr. */
void cli_note(const cli *c, const char *fmt, ...) HB_PRINTF(2, 3);
int cli_no_memory(const cli *c);

/* ---- json.c: documents in c->arena */
yyjson_alc cli_alc(cli *c);
/* Parses; `what` names the text in the message. */
hb_status cli_json_parse(cli *c, hb_str text, const char *what, yyjson_doc **out, hb_err *err);
hb_str cli_json_text(yyjson_val *object, const char *key); /* "" when absent or no text */
/* JSON text of a value: indented by two spaces, or compact. */
hb_status cli_json_print(cli *c, yyjson_val *value, bool pretty, hb_buf *out, hb_err *err);
/* The value as YAML in the layout of `hb ws presets show`: indent 4, list items under their key. */
void cli_yaml_print(yyjson_val *value, hb_buf *out);
/* A JSON text as the command's output: as it is with --json, else YAML. */
int cli_print_document(cli *c, hb_str json);

/* ---- table.c: a heading and aligned columns */
typedef struct cli_table {
    const cli *c;
    uint32_t column_count;
    uint32_t row_count, cap;
    hb_str *cells; /* borrowed; row 0 is the header */
} cli_table;
hb_status cli_table_init(cli_table *table, cli *c, const char *const *headers, uint32_t count,
                         hb_err *err);
hb_status cli_table_add(cli_table *table, cli *c, const hb_str *cells, hb_err *err);
void cli_table_print(const cli_table *table, const char *heading, hb_buf *out);
/* Columns that a text takes on a terminal. */
uint32_t cli_width(hb_str text);

/* ---- frame.c: rows in four formats */
typedef enum cli_format { CLI_TABLE, CLI_JSON, CLI_NDJSON, CLI_CSV } cli_format;
int cli_format_get(cli *c, cli_format fallback, cli_format *out);
/* Prints rows [0, row_count) of the batch without the columns whose name starts with '$'. */
int cli_print_frame(cli *c, const hb_batch *batch, cli_format format);
/* One row as a JSON object. */
hb_status cli_row_json(const hb_batch *batch, uint32_t row, hb_buf *out, hb_err *err);

/* ---- files.c */
/* The whole file, "-" for stdin. */
int cli_read_all(cli *c, const char *path, hb_buf *out);
/* A JSON argument: inline when it starts with { or [, "-" for stdin, else a file's name. */
int cli_read_json_arg(cli *c, const char *arg, hb_buf *out);
int cli_open_input(cli *c, const char *path, int *fd);
/* Makes the folder and its parents. */
int cli_make_folder(cli *c, const char *path);
/* Through a temporary file and rename. */
int cli_write_file(cli *c, const char *path, hb_str text);
/* Says why `path` cannot be reached; when the folder was not given to the module, with the command
 * line that gives it. Returns CLI_FAILED. */
bool cli_path_is_outside(const char *path, int error);
int cli_fail_path(const cli *c, const char *doing, const char *path, int error);
int64_t cli_now_ms(void);
extern const hb_clock cli_clock; /* monotonic, for deadlines */

/* ---- registry.c: <home>/workspaces/<id>.json */
hb_str cli_registry_path(cli *c, hb_str id);
/* The record as a document; NULL with CLI_FAILED and a message when there is none. */
int cli_registry_get(cli *c, hb_str id, yyjson_doc **out);
bool cli_registry_has(cli *c, hb_str id);
/* Sorted ids, in c->arena. */
int cli_registry_list(cli *c, hb_str **ids, uint32_t *count);
/* Which workspace the command works on: flag, environment, or the only one. */
int cli_registry_choose(cli *c, hb_str *id);
/* The record without secrets, and with the construction where the reference has it. */
yyjson_mut_val *cli_registry_show(cli *c, yyjson_mut_doc *doc, yyjson_val *record);
/* Options for hb_workspace_open. */
hb_status cli_registry_options(cli *c, yyjson_val *record, hb_buf *out, hb_err *err);
/* The variables HVNB_... as a JSON mapping. */
void cli_environment(hb_buf *out);

/* ---- session.c: an open workspace */
typedef struct cli_session {
    cli *c;
    hb_str id;
    hb_workspace *ws;
    hb_task *task; /* of the last call; its answer is lent until the next */
    const hb_answer *answer;
} cli_session;
/* Opens the chosen workspace. */
int cli_session_open(cli_session *s, cli *c);
/* Opens the workspace of a record that need not be stored yet. */
int cli_session_open_record(cli_session *s, cli *c, hb_str id, yyjson_val *record);
void cli_session_close(cli_session *s);
/* Runs one call to its answer. */
hb_status cli_session_call(cli_session *s, hb_request *request);
/* The same, and prints the error. */
int cli_session_do(cli_session *s, hb_request *request);
/* Index of an entity, or a message with the nearest name. */
int cli_session_entity(cli_session *s, const char *id, uint32_t *index);
/* Says on stderr that what is written will be gone, when it will. */
int cli_session_warn(cli_session *s);

/* ---- tree.c */
hb_status cli_print_plan(cli *c, yyjson_val *plan, hb_buf *out, hb_err *err);

#endif
