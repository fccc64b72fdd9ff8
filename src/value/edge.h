// SPDX-License-Identifier: MIT
/* The edges in a cell of a relation, and the question for the rows that lead somewhere. */
#ifndef HB_VALUE_EDGE_H
#define HB_VALUE_EDGE_H

#include "value/pack.h"
#include "value/type.h"

typedef struct hb_edges {
    hb_pack_reader reader;
    uint32_t left;
    hb_str column;
} hb_edges;

/* The items of a HyperG cell (PACK bytes, borrowed); `column` is the one that leads to rows. */
hb_edges hb_edges_read(hb_str column, hb_str cell);
/* The next edge: the id that it leads to, and its whole encoding (may be NULL). False at the end;
 * items without an id are passed over. */
bool hb_edges_next(hb_edges *edges, hb_str *target, hb_str *whole);
/* Name of the column that leads to rows; the type must be a relation. */
static inline hb_str hb_edge_column(const hb_type *type) {
    return type->columns[type->edge_column - 1].name;
}
/* Is the operand of an EXISTS on a relation only about where edges lead: {column: id} or
 * {column: {"eq": id}} or {column: {"in": [ids]}}? Then *ids stands before `count` texts. */
bool hb_edge_lookup(const hb_type *type, hb_str operand, hb_pack_reader *ids, uint32_t *count);

#endif
