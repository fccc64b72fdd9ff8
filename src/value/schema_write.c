// SPDX-License-Identifier: MIT
/* A schema as data: the canonical definition, which can be parsed again, and the full dictionary
 * that describes every field, implied ones too. */
#include "value/schema_parts.h"

static void key_text(hb_buf *out, hb_str key, hb_str text) {
    hb_pack_str(out, key);
    hb_pack_str(out, text);
}

static void key_bool(hb_buf *out, hb_str key, bool value) {
    hb_pack_str(out, key);
    hb_pack_bool(out, value);
}

static void key_tags(hb_buf *out, const hb_str *tags, uint32_t count) {
    hb_pack_str(out, HB_STR("tags"));
    hb_pack_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        hb_pack_str(out, tags[i]);
    }
}

static void key_examples(hb_buf *out, hb_str examples) {
    hb_pack_str(out, HB_STR("examples"));
    if (examples.len > 0) hb_buf_add_str(out, examples);
    else hb_pack_array(out, 0);
}

/* Functions are shown where there are any. */
static uint32_t hook_keys(const hb_field *field) {
    return (field->compute.name.len > 0 ? 1u : 0u) + (field->query_compute.len > 0 ? 1u : 0u);
}

static void key_hooks(const hb_field *field, hb_buf *out) {
    if (field->compute.name.len > 0) {
        hb_pack_str(out, HB_STR("compute"));
        hb_hook_write(&field->compute, out);
    }
    if (field->query_compute.len > 0) {
        hb_pack_str(out, HB_STR("query_compute"));
        hb_query_hook_write(field, out);
    }
}

/* ---- dictionary ------------------------------------------------------------------------- */

static void write_field(const hb_field *field, bool pk, hb_buf *out) {
    hb_pack_map(out, 9u + hook_keys(field));
    key_text(out, HB_STR("name"), field->name);
    hb_pack_str(out, HB_STR("dtype"));
    hb_type_write(field->type, out);
    key_bool(out, HB_STR("pk"), pk);
    key_bool(out, HB_STR("required"), field->required);
    hb_pack_str(out, HB_STR("default"));
    if (field->has_default) hb_pack_value(out, &field->def);
    else hb_pack_nil(out);
    key_bool(out, HB_STR("has_default"), field->has_default);
    key_text(out, HB_STR("desc"), field->desc);
    key_tags(out, field->tags, field->tag_count);
    key_examples(out, field->examples);
    key_hooks(field, out);
}

void hb_schema_write(const hb_schema *schema, hb_buf *out) {
    hb_pack_map(out, schema->derive_count > 0 ? 6 : 5);
    key_text(out, HB_STR("entity_id"), schema->entity_id);
    key_text(out, HB_STR("name"), schema->name);
    key_text(out, HB_STR("desc"), schema->desc);
    key_tags(out, schema->tags, schema->tag_count);
    hb_pack_str(out, HB_STR("fields"));
    hb_pack_map(out, schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        hb_pack_str(out, schema->fields[i].name);
        write_field(&schema->fields[i], i == HB_FIELD_OBJECT_ID, out);
    }
    if (schema->derive_count > 0) hb_derives_write(schema, out);
}

/* ---- canonical definition --------------------------------------------------------------- */

static void write_params(const hb_store *store, hb_buf *out) {
    const bool target = store->edge_target.len > 0;
    hb_pack_str(out, HB_STR("params"));
    hb_pack_map(out, (target ? 1u : 0u) + (store->edge_detach ? 1u : 0u) +
                         hb_vector_hint_size(&store->vector));
    hb_vector_hint_write(&store->vector, out);
    if (target) key_text(out, HB_STR("target"), store->edge_target);
    if (store->edge_detach) key_text(out, HB_STR("on_delete"), HB_STR("detach"));
}

static void write_stores(const hb_field *field, hb_buf *out) {
    hb_pack_str(out, HB_STR("stores"));
    hb_pack_array(out, field->store_count);
    for (uint32_t i = 0; i < field->store_count; i++) {
        const hb_store *store = &field->stores[i];
        const bool params = store->edge_target.len > 0 || store->edge_detach ||
                            hb_vector_hint_size(&store->vector) > 0;
        hb_pack_map(out, 1u + (store->to.len > 0 ? 1u : 0u) + (store->optional ? 1u : 0u) +
                             (store->reason.len > 0 ? 1u : 0u) + (params ? 1u : 0u));
        if (store->to.len > 0) key_text(out, HB_STR("to"), store->to);
        key_text(out, HB_STR("strategy"), hb_strategy_name(store->strategy));
        if (store->optional) key_bool(out, HB_STR("optional"), true);
        if (store->reason.len > 0) key_text(out, HB_STR("reason"), store->reason);
        if (params) write_params(store, out);
    }
}

void hb_field_define(const hb_field *field, hb_buf *out) {
    const uint32_t count = 1u + (field->required ? 1u : 0u) + (field->has_default ? 2u : 0u) +
                           (field->desc.len > 0 ? 1u : 0u) + (field->tag_count > 0 ? 1u : 0u) +
                           (field->examples.len > 0 ? 1u : 0u) +
                           (field->store_count > 0 ? 1u : 0u) + (field->index >= 0 ? 1u : 0u) +
                           (field->unique ? 1u : 0u) + hook_keys(field);
    hb_pack_map(out, count);
    hb_pack_str(out, HB_STR("type"));
    hb_type_write(field->type, out);
    if (field->required) key_bool(out, HB_STR("required"), true);
    if (field->has_default) {
        hb_pack_str(out, HB_STR("default"));
        hb_pack_value(out, &field->def);
        key_bool(out, HB_STR("has_default"), true);
    }
    if (field->desc.len > 0) key_text(out, HB_STR("desc"), field->desc);
    if (field->tag_count > 0) key_tags(out, field->tags, field->tag_count);
    if (field->examples.len > 0) key_examples(out, field->examples);
    if (field->store_count > 0) write_stores(field, out);
    if (field->index >= 0) key_bool(out, HB_STR("index"), field->index > 0);
    if (field->unique) key_bool(out, HB_STR("unique"), true);
    key_hooks(field, out);
}

static void define_groups(const hb_schema *schema, hb_str key, const hb_field_group *groups,
                          uint32_t count, hb_buf *out) {
    hb_pack_str(out, key);
    hb_pack_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const hb_field_group *group = &groups[i];
        hb_pack_map(out, group->to.len > 0 ? 2 : 1);
        hb_pack_str(out, HB_STR("fields"));
        hb_pack_array(out, group->field_count);
        for (uint32_t j = 0; j < group->field_count; j++) {
            hb_pack_str(out, schema->fields[group->fields[j]].name);
        }
        if (group->to.len > 0) key_text(out, HB_STR("to"), group->to);
    }
}

void hb_schema_define(const hb_schema *schema, hb_buf *out) {
    uint32_t declared = 0;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        declared += i != HB_FIELD_OBJECT_ID && !schema->fields[i].implicit ? 1u : 0u;
    }
    /* object_id is implied, but a description or an otherwise empty entity needs it said. */
    const bool own_id = declared == 0 || schema->fields[0].tag_count > 0 ||
                        schema->fields[0].examples.len > 0 ||
                        !hb_str_eq(schema->fields[0].desc, HB_OBJECT_ID_DESC);
    hb_pack_map(out, 3u + (schema->desc.len > 0 ? 1u : 0u) + (schema->tag_count > 0 ? 1u : 0u) +
                         (schema->index_count > 0 ? 1u : 0u) +
                         (schema->unique_count > 0 ? 1u : 0u) +
                         (schema->derive_count > 0 ? 1u : 0u));
    key_text(out, HB_STR("entity_id"), schema->entity_id);
    key_text(out, HB_STR("name"), schema->name);
    if (schema->desc.len > 0) key_text(out, HB_STR("desc"), schema->desc);
    if (schema->tag_count > 0) key_tags(out, schema->tags, schema->tag_count);
    hb_pack_str(out, HB_STR("fields"));
    hb_pack_map(out, declared + (own_id ? 1u : 0u));
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const hb_field *field = &schema->fields[i];
        if (i == HB_FIELD_OBJECT_ID ? !own_id : field->implicit) continue;
        hb_pack_str(out, field->name);
        hb_field_define(field, out);
    }
    if (schema->index_count > 0) {
        define_groups(schema, HB_STR("indexes"), schema->indexes, schema->index_count, out);
    }
    if (schema->unique_count > 0) {
        define_groups(schema, HB_STR("constraints"), schema->uniques, schema->unique_count, out);
    }
    if (schema->derive_count > 0) hb_derives_write(schema, out);
}
