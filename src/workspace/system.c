// SPDX-License-Identifier: MIT
/* The two system entities: Catalog (stored, a row per user row) and MetaSchema (virtual). */
#include "workspace/workspace.h"

#define NEVER "253402300799000"

/* Catalog's texts stay where its rows are: it wants no replicas. */
static const char catalog_definition[] =
    "{\"entity_id\":\"sys-catalog\",\"name\":\"Catalog\",\"desc\":\"One row per stored row of a "
    "user entity.\","
    "\"fields\":{"
    "\"target_id\":\"identifier\",\"target_entity\":\"short-text\","
    "\"ws\":{\"type\":\"short-text\",\"default\":\"\"},"
    "\"name\":{\"type\":\"short-text\",\"default\":\"\"},\"version\":{\"type\":\"short-text\","
    "\"default\":\"\"},"
    "\"type\":{\"type\":\"short-text\",\"default\":\"\"},"
    "\"summary\":{\"type\":\"long-text\",\"default\":\"\",\"storage\":{\"strategy\":\"inline\"}},"
    "\"instructions\":{\"type\":\"long-text\",\"default\":\"\",\"storage\":{\"strategy\":"
    "\"inline\"}},"
    "\"examples\":{\"type\":\"json\",\"default\":[]},\"artifacts\":{\"type\":\"json\",\"default\":["
    "]},"
    "\"confidence\":{\"type\":\"float\",\"default\":1.0},"
    "\"desc\":{\"type\":\"medium-text\",\"default\":\"\"},"
    "\"keywords\":{\"type\":\"array[short-text]\",\"default\":[]},"
    "\"tags\":{\"type\":\"json\",\"default\":[]},"
    "\"priority\":{\"type\":\"float\",\"default\":0.0},"
    "\"active\":{\"type\":\"boolean\",\"default\":true},\"visible\":{\"type\":\"boolean\","
    "\"default\":true},"
    "\"created_at\":{\"type\":\"timestamp\",\"default\":0},"
    "\"updated_at\":{\"type\":\"timestamp\",\"default\":0},"
    "\"expires_at\":{\"type\":\"timestamp\",\"default\":" NEVER "},"
    "\"expires_after\":{\"type\":\"duration\",\"default\":0},"
    "\"stale_after\":{\"type\":\"duration\",\"default\":0},"
    "\"expires_compute\":{\"type\":\"timestamp\",\"default\":" NEVER "},"
    "\"stale_compute\":{\"type\":\"timestamp\",\"default\":" NEVER "},"
    "\"creator\":{\"type\":\"short-text\",\"default\":\"\"},\"owner\":{\"type\":\"short-text\","
    "\"default\":\"\"},"
    "\"auth\":{\"type\":\"json\",\"default\":{}},\"metadata\":{\"type\":\"json\",\"default\":{}},"
    "\"note\":{\"type\":\"medium-text\",\"default\":\"\"},"
    "\"source\":{\"type\":\"long-text\",\"default\":\"\",\"storage\":{\"strategy\":\"inline\"}},"
    "\"parent_id\":{\"type\":\"short-text\",\"default\":\"\"},"
    "\"history\":{\"type\":\"json\",\"default\":[]},\"transforms\":{\"type\":\"json\",\"default\":["
    "]},"
    "\"statistics\":{\"type\":\"json\",\"default\":{}},\"feedback\":{\"type\":\"json\",\"default\":"
    "[]},"
    "\"annotations\":{\"type\":\"json\",\"default\":[]},\"related\":{\"type\":\"json\",\"default\":"
    "[]},"
    "\"automations\":{\"type\":\"json\",\"default\":[]}}}";

static const char metaschema_definition[] =
    "{\"entity_id\":\"sys-metaschema\",\"name\":\"MetaSchema\",\"desc\":\"What the workspace is "
    "made of.\","
    "\"fields\":{\"kind\":\"short-text\",\"subject_id\":\"medium-text\",\"name\":\"medium-text\","
    "\"dtype\":\"short-text\",\"desc\":\"medium-text\",\"tags\":\"json\",\"backend\":\"short-"
    "text\","
    "\"type\":\"short-text\",\"strategy\":\"short-text\",\"source\":\"short-text\",\"target\":"
    "\"short-text\","
    "\"meta\":\"json\",\"active\":\"boolean\",\"ws\":\"short-text\",\"field\":\"short-text\"}}";

static hb_status register_one(hb_workspace *ws, const char *definition, bool is_virtual,
                              hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, ws->mem);
    hb_entity *entity = NULL;
    hb_status status = hb_pack_from_json(hb_str_c(definition), &pack, err);
    if (status == HB_OK) status = hb_entity_new(ws, hb_buf_str(&pack), &entity, err);
    hb_buf_free(&pack);
    if (status != HB_OK) return status;
    entity->system = true;
    entity->is_virtual = is_virtual;
    status = hb_entity_add(ws, entity, NULL, err);
    if (status != HB_OK) hb_entity_free(ws, entity);
    return status;
}

hb_status hb_system_register(hb_workspace *ws, hb_err *err) {
    HB_TRY(register_one(ws, catalog_definition, false, err));
    return register_one(ws, metaschema_definition, true, err);
}
