// SPDX-License-Identifier: MIT
/* Reading the options of an instance. */
#include <cJSON.h>

#include "backends/backend.h"

/* cJSON looks names up as C strings; option names are our own literals. */
static const cJSON *option_find(const hb_instance *instance, const char *name) {
    if (instance->options == NULL) return NULL;
    return cJSON_GetObjectItemCaseSensitive(instance->options, name);
}

hb_str hb_instance_text(const hb_instance *instance, const char *name) {
    const cJSON *item = option_find(instance, name);
    return cJSON_IsString(item) ? hb_str_c(item->valuestring) : HB_STR_EMPTY;
}

bool hb_instance_bool(const hb_instance *instance, const char *name, bool fallback) {
    const cJSON *item = option_find(instance, name);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

int64_t hb_instance_int(const hb_instance *instance, const char *name, int64_t fallback) {
    const cJSON *item = option_find(instance, name);
    if (!cJSON_IsNumber(item)) return fallback;
    double number = item->valuedouble;
    /* Beyond 2^53 a double is no longer the integer that was written. */
    if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0)) return fallback;
    int64_t whole = (int64_t)number;
    return (double)whole == number ? whole : fallback;
}

hb_status hb_instance_flush(hb_instance *instance, hb_err *err) {
    if (!instance->relaxed || instance->type->flush == NULL) return HB_OK;
    return instance->type->flush(instance, err);
}
