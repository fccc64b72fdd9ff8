// SPDX-License-Identifier: MIT
/* Row files as JSON, byte for byte as HeavenBase for Python writes them. */
#include "backends/files/files_priv.h"
#include "value/python_json.h"

#define INDENT 2u

hb_status files_json_decode(hb_str bytes, hb_buf *pack, hb_err *err) {
    hb_status status = hb_python_json_read(bytes, pack, err);
    if (status == HB_E_VALIDATION || status == HB_E_LIMIT) err->code = status = HB_E_CORRUPT;
    return status;
}

/* The row as one mapping, then as text. */
static hb_status json_encode(const files_table *table, const hb_batch *batch, uint32_t row,
                             hb_buf *out, hb_err *err) {
    hb_buf cell, whole;
    hb_buf_init(&cell, out->mem);
    hb_buf_init(&whole, out->mem);
    hb_status status = HB_OK;
    hb_pack_map(&whole, table->field_count);
    for (uint32_t i = 0; i < table->field_count && status == HB_OK; i++) {
        hb_pack_str(&whole, files_field(table, i)->name);
        status = files_cell_pack(table, batch, i, row, &cell, err);
        hb_buf_add_str(&whole, hb_buf_str(&cell));
    }
    if (status == HB_OK) status = hb_buf_check(&whole, err);
    if (status == HB_OK) status = hb_python_json_write(hb_buf_str(&whole), INDENT, true, out, err);
    hb_buf_free(&whole);
    hb_buf_free(&cell);
    return status;
}

const files_format files_json = { { ".json", 5 }, json_encode, files_json_decode };
