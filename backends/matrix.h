// SPDX-License-Identifier: MIT
/* Which operators a type has under a strategy, for backends that keep whole rows: sqlite and the
 * SQL engines elsewhere. Unknown pairs are "no". */
#ifndef HB_BACKENDS_MATRIX_H
#define HB_BACKENDS_MATRIX_H

#include "query/ir.h"

bool hb_matrix_has_op(const hb_type *type, hb_strategy strategy, hb_op op);
/* The same of a path inside a Json field. */
bool hb_matrix_has_path_op(const hb_type *type, hb_strategy strategy, hb_op op);
/* The value lies in the row, as it is. */
bool hb_matrix_is_plain(hb_strategy strategy);

#endif
