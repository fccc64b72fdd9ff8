// SPDX-License-Identifier: MIT
/* Presets: named backend maps. */
#include "workspace/workspace.h"

static const struct {
    const char *name;
    const char *desc;
    const char *backends;
} presets[] = {
    { "debug", "SQLite rows, vectors and text, all in the memory of this process.",
      "{\"main\":{\"type\":\"sqlite\",\"name\":\"main\",\"database\":\":memory:\"},"
      "\"vec\":{\"type\":\"inmem\",\"name\":\"vec\"},"
      "\"search\":{\"type\":\"inmem\",\"name\":\"search\"}}" },
};

bool hb_preset_at(uint32_t index, hb_str *name, hb_str *desc, hb_str *backends_json) {
    if (index >= sizeof(presets) / sizeof(presets[0])) return false;
    *name = hb_str_c(presets[index].name);
    *desc = hb_str_c(presets[index].desc);
    *backends_json = hb_str_c(presets[index].backends);
    return true;
}

hb_status hb_preset_find(hb_str name, hb_str *json, hb_err *err) {
    hb_str known[sizeof(presets) / sizeof(presets[0])], desc;
    uint32_t count = 0;
    while (hb_preset_at(count, &known[count], &desc, json)) {
        if (hb_str_eq(known[count], name)) return HB_OK;
        if (++count == sizeof(presets) / sizeof(presets[0])) break;
    }
    hb_err_set(err, HB_E_UNKNOWN_PRESET, "unknown preset '%.*s'", HB_ARG(name));
    return hb_err_hint(err, name, known, count);
}
