// SPDX-License-Identifier: MIT
#include "value/json_tree.h"

#include <cJSON.h>

#include "value/pack.h"

/* cJSON does not say why it gives nothing: where the other reader finds no fault, it was memory. */
hb_status hb_json_tree(hb_str json, const hb_mem *mem, cJSON **out, hb_err *err) {
    *out = cJSON_ParseWithLength(json.ptr, json.len);
    if (*out != NULL) return HB_OK;
    hb_buf pack;
    hb_err refused;
    hb_err_init(&refused);
    hb_buf_init(&pack, mem);
    const hb_status status = hb_pack_from_json(json, &pack, &refused);
    hb_buf_free(&pack);
    return status == HB_OK || status == HB_E_MEMORY ? hb_err_memory(err) : HB_OK;
}
