// SPDX-License-Identifier: MIT
/* JSON texts as HeavenBase for Python stores them. What JSON cannot say is tagged there:
 * {"__obj_type__": "bigint", "__obj_data__": "9007199254740993"} for an integer beyond 2^53, and
 * the like for tuples, sets, decimals. Written as Python's json.dumps writes, byte for byte. */
#ifndef HB_VALUE_PYTHON_JSON_H
#define HB_VALUE_PYTHON_JSON_H

#include "value/pack.h"

/* Appends the JSON text of one MessagePack value. `indent`: spaces per level, or HB_JSON_ONE_LINE.
 * HB_E_VALIDATION for numbers that are not finite. */
hb_status hb_python_json_write(hb_str pack, uint32_t indent, bool sort_keys, hb_buf *out,
                               hb_err *err);
/* Appends the MessagePack value of a JSON text, tags resolved: tuples and sets are arrays, a
 * decimal its nearest float, an integer beyond 64 bits too; NaN and infinities are null.
 * HB_E_VALIDATION when it is not JSON. */
hb_status hb_python_json_read(hb_str json, hb_buf *pack_out, hb_err *err);
/* May the text hold tags, or numbers that JSON does not know? False: it is what it says. */
bool hb_python_json_is_tagged(hb_str json);
/* As above, but to plain JSON text on one line. */
hb_status hb_python_json_plain(hb_str json, hb_buf *out, hb_err *err);

#endif
