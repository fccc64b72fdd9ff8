// SPDX-License-Identifier: MIT
/* SQL dialects as data: one row says how an engine spells things, and which of our operators it can
 * say with exactly our meaning. The one writer (sql.h) reads rows; an absent member means "this
 * engine cannot say it", and the leaf is left to somebody else. Const, borrowed by everybody.
 *
 * Templates for leaves. `$` and a letter stand for:
 *   $c  the column            $o  the comparison operator (=, <>, <, <=, >, >=)
 *   $p  the operand           $b  the operand's UTF-8 bytes as a byte string
 *   $r  the operand without the mark that texts may have (text_marked)
 *   $n  the smallest text that is greater than every text that starts with the operand
 *   $l  minus the operand's length in bytes
 *   $j  the JSON path as one text, "$.a.b"
 *   $h  the same leaf as the backend's own hook writes it
 * Every use of $p $r $n $b $l $j binds one parameter, in the order of the template. */
#ifndef HB_COMPILE_DIALECTS_H
#define HB_COMPILE_DIALECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "value/value.h"

typedef enum hb_placeholder {
    HB_PLACEHOLDER_QUESTION,        /* ?  ?  ?  */
    HB_PLACEHOLDER_DOLLAR,          /* $1 $2 $3 */
    HB_PLACEHOLDER_COLON,           /* :1 :2 :3 */
    HB_PLACEHOLDER_AT               /* @p1 @p2  */
} hb_placeholder;

typedef enum hb_limit_style {
    HB_LIMIT_OFFSET,                /* LIMIT n OFFSET m */
    HB_LIMIT_OFFSET_FIRST,          /* OFFSET m LIMIT n */
    HB_LIMIT_FETCH                  /* OFFSET m ROWS FETCH NEXT n ROWS ONLY */
} hb_limit_style;

typedef enum hb_upsert_style {
    HB_UPSERT_ON_CONFLICT,          /* INSERT ... ON CONFLICT(id) DO UPDATE SET c=excluded.c */
    HB_UPSERT_ON_DUPLICATE,         /* INSERT ... ON DUPLICATE KEY UPDATE c=VALUES(c) */
    HB_UPSERT_BY_KEY,               /* INSERT: the row of a key that is there is replaced */
    HB_UPSERT_MERGE,                /* MERGE INTO ... USING (VALUES ...) */
    HB_UPSERT_INSERT_ALL,           /* delete, then INSERT ALL INTO ... INTO ... */
    HB_UPSERT_NONE                  /* delete, then insert */
} hb_upsert_style;

enum {                              /* text semantics that the engine shares with us */
    HB_TEXT_EQ_EXACT = 1,           /* = compares bytes: no folding, no trailing-space rule */
    HB_TEXT_ORDER_EXACT = 2         /* < compares code points */
};

/* The words of statements that make and drop; a name follows each. */
typedef struct hb_ddl {
    const char *create_schema;      /* NULL: they are there, or it is an error */
    const char *create_table, *create_index;
    const char *add_column, *drop_table;
} hb_ddl;

typedef struct hb_dialect {
    const char *name;
    char quote_open, quote_close;   /* around identifiers; the closing one is doubled inside */
    hb_placeholder placeholder;
    hb_limit_style limit;
    const char *no_limit;           /* what LIMIT says for "all", where OFFSET needs a LIMIT */
    hb_upsert_style upsert;
    bool limit_written;             /* numbers of LIMIT cannot be bound: they are written out */
    bool nulls_last;                /* understands ORDER BY c NULLS LAST */
    uint32_t text_exact;            /* HB_TEXT_* */
    uint32_t in_max;                /* longest IN list written out; longer ones go to the hook */
    uint32_t params_soft_max;       /* from here on, leaves go to the hook: one parameter each */
    const char *true_text;          /* a condition that holds */
    const char *not_true;           /* suffix: "neither false nor null" negated, a NOT of two... */
    const char *not_head;           /* ...and what stands before the condition, or NULL */
    const char *is_not;             /* null-safe <>; NULL: written as (c <> ? OR c IS NULL) */
    const char *contains;           /* templates; NULL: not sayable */
    const char *starts_with;
    const char *ends_with;
    /* Where = and < of a text would not do: templates for = and <>, and for < <= > >=; the first is
     * not of object_id. What such a text, or object_id, is ordered by. NULL: as any column. */
    const char *text_equal, *text_compare, *text_order, *id_order;
    uint32_t order_chars;           /* text_compare sees so many; 0: all */
    uint32_t operand_max;           /* bytes of a text in these templates; 0: any */
    const char *json_number;        /* JSON path, comparison with a number */
    const char *json_true;          /* JSON path is true; is false */
    const char *json_false;
    const char *types[HB_KIND_COUNT];   /* column types by physical kind */
    /* what stands around a placeholder of a kind, so that the engine need not guess its type; or
     * NULL */
    const char *cast_heads[HB_KIND_COUNT], *casts[HB_KIND_COUNT];
    const char *id_type;                /* column type of object_id; NULL: of a text */
    /* "column is one of the texts of this one parameter": with $c, and the parameter as $a, an
     * array's literal {"a","b"}, or $k, a JSON text; NULL: a list */
    const char *in_array;
    uint32_t in_array_from;             /* shorter ones are lists */
    /* The type of a vector of a length, and the cast to it, # for the length; NULL: as of any */
    const char *vector_of, *vector_cast;
    bool holds_nul;                     /* a text may hold U+0000 */
    /* A text that ends in one of these characters, U+0001 among them, or is empty if that is
     * marked too, is stored with U+0001 behind it: what the engine would confuse stays apart, and
     * the order of texts is kept. NULL: texts are stored as they are. */
    const char *text_marked;
    bool empty_marked;
    bool bytes_marked;                  /* and so are byte strings */
    uint32_t name_max;                  /* bytes of an identifier */
    uint32_t params_max;                /* of one statement; 0: not known to have one */
    uint32_t bytes_max;                 /* of its parameters, unless one row has more; 0: any */
    /* Around an integer column: its sum, which never overflows, as a text of its digits. */
    const char *sum_head, *sum_tail;
    const hb_ddl *ddl;
    const char *merge_hint, *merge_end;     /* behind the table's name, and at the end of a MERGE */
    bool no_text_index;             /* texts are of a type that no index takes */
    bool index_in_schema;           /* indexes of a schema have a name each, not those of a table */
    const char *table_suffix;       /* after the closing parenthesis of CREATE TABLE */
    /* Making and dropping tables ends the transaction that it is done in. */
    bool tables_commit;
    /* An index is made with its table or column, "KEY name (c)": no statement of its own. */
    bool index_inside;
    const char *index_part;         /* what of a text goes into an index, "(191)", or NULL: all */
    uint32_t indexes_max;           /* of a table; 0: any */
    bool no_keys;                   /* no PRIMARY KEY is declared */
    const char *key_suffix;         /* says which column is the key, $c, before table_suffix */
    bool plain_names;               /* a name has letters, digits and _ only, no digit first */
    uint32_t in_list_max;           /* values of one IN list of ids; then there are more; 0: any */
    /* Rows of one parameter, $k: a JSON list of lists of texts and nulls; and how a cell of a kind
     * is read of them, # for its number from 1. NULL: rows are VALUES with a parameter per cell. */
    const char *json_rows, *json_cells[HB_KIND_COUNT];
} hb_dialect;

extern const hb_dialect hb_dialect_sqlite;
extern const hb_dialect hb_dialect_postgres;
extern const hb_dialect hb_dialect_pgvector;        /* the same with a type for vectors */
extern const hb_dialect hb_dialect_duckdb;
extern const hb_dialect hb_dialect_trino;
extern const hb_dialect hb_dialect_starrocks;
extern const hb_dialect hb_dialect_mssql;
extern const hb_dialect hb_dialect_oracle;
/* MySQL and its relatives, by the collation that compares texts byte by byte, spaces at the end
 * too: MySQL from 8.0.17 on, MariaDB; servers without one have binary columns. */
extern const hb_dialect hb_dialect_mysql, hb_dialect_mariadb, hb_dialect_mysql_binary;

#endif
