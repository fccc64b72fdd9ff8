// SPDX-License-Identifier: MIT
/* MetaSchema: rows computed from the registry when it is queried after a change. They sit in a
 * memory backend of their own, so that every operator works on them as on any entity. */
#include "plan/capabilities.h"
#include "workspace/workspace.h"

enum {
    META_ID,
    META_KIND,
    META_SUBJECT,
    META_NAME,
    META_DTYPE,
    META_DESC,
    META_TAGS,
    META_BACKEND,
    META_TYPE,
    META_STRATEGY,
    META_SOURCE,
    META_TARGET,
    META_META,
    META_ACTIVE,
    META_WS,
    META_FIELD,
    META_COUNT
};

static const char *const meta_names[META_COUNT] = {
    "object_id", "kind",     "subject_id", "name",   "dtype", "desc",   "tags", "backend",
    "type",      "strategy", "source",     "target", "meta",  "active", "ws",   "field",
};

typedef struct meta_row {
    const char *kind;
    hb_str key;             /* of the row id: "<kind>:<key>" */
    hb_str subject, name, dtype, desc, backend, type, strategy, source, target, field;
    hb_str tags;            /* MessagePack, "" for [] */
    hb_str meta;            /* MessagePack, "" for {} */
} meta_row;

typedef struct meta_builder {
    hb_workspace *ws;
    hb_arena *arena;
    hb_rowset set;
    hb_err *err;
} meta_builder;

static hb_status meta_id(meta_builder *b, const meta_row *row, hb_str *out) {
    *out = hb_arena_printf(b->arena, "%s:%.*s", row->kind, HB_ARG(row->key));
    if (out->ptr == NULL) return hb_err_memory(b->err);
    if (hb_utf8_count(*out) <= HB_ID_CHARS_MAX) return HB_OK;
    hb_str parts[2] = { hb_str_c(row->kind), row->key };
    char hash[HB_OBJECT_ID_HASH_LEN];
    hb_object_id_hash(parts, 2, b->ws->mem, hash);
    *out = hb_arena_printf(b->arena, "%s:%.*s", row->kind, (int)sizeof(hash), hash);
    return out->ptr != NULL ? HB_OK : hb_err_memory(b->err);
}

static hb_status meta_add(meta_builder *b, const meta_row *row) {
    hb_str id;
    HB_TRY(meta_id(b, row, &id));
    const hb_str texts[META_COUNT] = {
        [META_ID] = id,
        [META_KIND] = hb_str_c(row->kind),
        [META_SUBJECT] = row->subject,
        [META_NAME] = row->name,
        [META_DTYPE] = row->dtype,
        [META_DESC] = row->desc,
        [META_TAGS] = row->tags.len > 0 ? row->tags : HB_STR("\x90"),
        [META_BACKEND] = row->backend,
        [META_TYPE] = row->type,
        [META_STRATEGY] = row->strategy,
        [META_SOURCE] = row->source,
        [META_TARGET] = row->target,
        [META_META] = row->meta.len > 0 ? row->meta : HB_STR("\x80"),
        [META_WS] = b->ws->id,
        [META_FIELD] = row->field,
    };
    hb_value yes = { HB_KIND_BOOL, { .b = true } };
    for (uint32_t c = 0; c < META_COUNT; c++) {
        bool ok = c == META_ACTIVE ? hb_colbuf_add(&b->set.columns[c], &yes)
                                   : hb_colbuf_add_text(&b->set.columns[c], texts[c]);
        if (!ok) return hb_err_memory(b->err);
    }
    return HB_OK;
}

static hb_str meta_key(meta_builder *b, hb_str entity, hb_str field, hb_str backend,
                       hb_str strategy) {
    return hb_arena_printf(b->arena, "%.*s.%.*s.%.*s.%.*s", HB_ARG(entity), HB_ARG(field),
                           HB_ARG(backend), HB_ARG(strategy));
}

static hb_status meta_pack_copy(meta_builder *b, hb_buf *pack, hb_str *out) {
    hb_status status = hb_buf_check(pack, b->err);
    *out = hb_arena_str(b->arena, hb_buf_str(pack));
    hb_buf_free(pack);
    HB_TRY(status);
    return out->ptr != NULL ? HB_OK : hb_err_memory(b->err);
}

static hb_status meta_tags(meta_builder *b, const hb_str *tags, uint32_t count, hb_str *out) {
    hb_buf pack;
    hb_buf_init(&pack, b->ws->mem);
    hb_pack_array(&pack, count);
    for (uint32_t i = 0; i < count; i++) hb_pack_str(&pack, tags[i]);
    return meta_pack_copy(b, &pack, out);
}

static hb_status meta_entity(meta_builder *b, const hb_entity *entity) {
    const hb_schema *schema = entity->schema;
    meta_row row = { .kind = "entity",
                     .key = schema->entity_id,
                     .subject = schema->entity_id,
                     .name = schema->name,
                     .desc = schema->desc };
    hb_buf pack;
    hb_buf_init(&pack, b->ws->mem);
    hb_schema_write(schema, &pack);
    HB_TRY(meta_pack_copy(b, &pack, &row.meta));
    HB_TRY(meta_tags(b, schema->tags, schema->tag_count, &row.tags));
    return meta_add(b, &row);
}

static hb_status meta_fields(meta_builder *b, const hb_entity *entity) {
    const hb_schema *schema = entity->schema;
    for (uint32_t f = 0; f < schema->field_count; f++) {
        const hb_field *field = &schema->fields[f];
        meta_row row = { .kind = "field",
                         .subject = schema->entity_id,
                         .name = field->name,
                         .field = field->name,
                         .dtype = hb_type_name(field->type->id),
                         .desc = field->desc,
                         .target = field->type->target_entity };
        row.key =
            hb_arena_printf(b->arena, "%.*s.%.*s", HB_ARG(schema->entity_id), HB_ARG(field->name));
        if (row.key.ptr == NULL) return hb_err_memory(b->err);
        hb_buf pack;
        hb_buf_init(&pack, b->ws->mem);
        hb_pack_map(&pack, 3);
        hb_pack_str(&pack, HB_STR("dtype"));
        hb_type_write(field->type, &pack);
        hb_pack_str(&pack, HB_STR("required"));
        hb_pack_bool(&pack, field->required);
        hb_pack_str(&pack, HB_STR("implicit"));
        hb_pack_bool(&pack, field->implicit);
        HB_TRY(meta_pack_copy(b, &pack, &row.meta));
        HB_TRY(meta_tags(b, field->tags, field->tag_count, &row.tags));
        HB_TRY(meta_add(b, &row));
    }
    return HB_OK;
}

static hb_status meta_storage(meta_builder *b, const hb_entity *entity) {
    const hb_routing *routing = entity->routing;
    hb_instance *const *instances = hb_entity_instances(b->ws, entity);
    for (uint32_t i = 0; i < routing->binding_count; i++) {
        const hb_binding *binding = &routing->bindings[i];
        const hb_instance *instance = instances[binding->backend];
        hb_str field = entity->schema->fields[binding->field].name;
        hb_str strategy = hb_strategy_name(binding->strategy);
        meta_row row = { .kind = "storage",
                         .subject = entity->schema->entity_id,
                         .field = field,
                         .backend = instance->name,
                         .type = hb_str_c(instance->type->name),
                         .strategy = strategy,
                         .source = hb_str_c(binding->source) };
        row.key = meta_key(b, entity->schema->entity_id, field, instance->name, strategy);
        if (row.key.ptr == NULL) return hb_err_memory(b->err);
        row.name = row.key;
        HB_TRY(meta_add(b, &row));
    }
    return HB_OK;
}

static hb_status meta_indexes(meta_builder *b, const hb_entity *entity) {
    const hb_routing *routing = entity->routing;
    hb_instance *const *instances = hb_entity_instances(b->ws, entity);
    for (uint32_t k = 0; k < routing->backend_count; k++) {
        const hb_container *container = routing->containers[k];
        for (uint32_t i = 0; container != NULL && i < container->field_count; i++) {
            const hb_placed *placed = &container->fields[i];
            if (!placed->indexed) continue;
            const hb_field *field = &entity->schema->fields[placed->field];
            meta_row row = { .kind = "index",
                             .subject = entity->schema->entity_id,
                             .field = field->name,
                             .backend = instances[k]->name,
                             .type = HB_STR("value"),
                             .source = field->index == 1 ? HB_STR("field") : HB_STR("default") };
            row.key = meta_key(b, entity->schema->entity_id, field->name, instances[k]->name,
                               HB_STR("index"));
            if (row.key.ptr == NULL) return hb_err_memory(b->err);
            row.name = row.key;
            HB_TRY(meta_add(b, &row));
        }
    }
    return HB_OK;
}

static hb_status meta_workspace(meta_builder *b) {
    meta_row root = { .kind = "workspace",
                      .key = b->ws->id,
                      .subject = b->ws->id,
                      .name = b->ws->id,
                      .desc = HB_STR("This workspace") };
    HB_TRY(meta_add(b, &root));
    for (uint32_t i = 0; i < b->ws->instance_count; i++) {
        const hb_instance *instance = b->ws->instances[i];
        meta_row row = { .kind = "backend",
                         .key = instance->name,
                         .subject = instance->name,
                         .name = instance->name,
                         .backend = instance->name,
                         .type = hb_str_c(instance->type->name),
                         .desc = hb_str_c(instance->type->desc) };
        HB_TRY(meta_add(b, &row));
    }
    return HB_OK;
}

typedef struct meta_capability_walk {
    meta_builder *builder;
    const hb_backend *const *types;
    hb_status status;
} meta_capability_walk;

static bool meta_capability(void *user, const hb_capability *cap) {
    meta_capability_walk *walk = user;
    meta_builder *b = walk->builder;
    hb_str type = hb_str_c(walk->types[cap->backend]->name);
    meta_row row = { .kind = "capability",
                     .dtype = hb_type_name(cap->dtype),
                     .backend = type,
                     .type = type,
                     .name = cap->op,
                     .strategy = hb_strategy_name(cap->strategy),
                     .subject = type,
                     .source = cap->native ? HB_STR("native") : HB_STR("fallback") };
    row.key = hb_arena_printf(b->arena, "%.*s:%.*s:%.*s:%.*s", HB_ARG(type), HB_ARG(row.dtype),
                              HB_ARG(cap->op), HB_ARG(row.strategy));
    walk->status = row.key.ptr != NULL ? meta_add(b, &row) : hb_err_memory(b->err);
    return walk->status == HB_OK;
}

/* One row per backend type in use, dtype, operator and strategy. */
static hb_status meta_capabilities(meta_builder *b) {
    const hb_backend *types[HB_BACKENDS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->ws->instance_count; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < count; k++) seen = seen || types[k] == b->ws->instances[i]->type;
        if (!seen) types[count++] = b->ws->instances[i]->type;
    }
    meta_capability_walk walk = { b, types, HB_OK };
    hb_capabilities_each(types, count, meta_capability, &walk);
    return walk.status;
}

static hb_status meta_build(meta_builder *b) {
    for (uint32_t c = 0; c < META_COUNT; c++) {
        hb_kind kind = c == META_ACTIVE                   ? HB_KIND_BOOL
                       : c == META_TAGS || c == META_META ? HB_KIND_PACK
                                                          : HB_KIND_TEXT;
        hb_rowset_column(&b->set, c, hb_str_c(meta_names[c]), kind, 0);
    }
    HB_TRY(meta_workspace(b));
    for (uint32_t i = 0; i < b->ws->entity_count; i++) {
        const hb_entity *entity = b->ws->entities[i];
        if (entity->dropped) continue;
        HB_TRY(meta_entity(b, entity));
        HB_TRY(meta_fields(b, entity));
        HB_TRY(meta_storage(b, entity));
        HB_TRY(meta_indexes(b, entity));
    }
    return meta_capabilities(b);
}

static hb_status meta_run(hb_task *task, hb_workspace *ws, hb_container *container,
                          hb_frag_kind kind, const hb_batch *batch, hb_err *err) {
    hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
    if (fragment == NULL) return hb_err_memory(err);
    fragment->kind = kind;
    fragment->container = container;
    fragment->batch = batch;
    hb_job *job;
    return hb_task_start_job(task, ws->instances[ws->instance_count], fragment, &job, err);
}

/* The built rows in the order of MetaSchema's own container. */
static hb_status meta_store(meta_builder *b, hb_task *task, hb_entity *entity) {
    const hb_schema *schema = entity->schema;
    hb_column *columns = HB_NEW_ARRAY(&task->arena, hb_column, schema->field_count);
    if (columns == NULL) return hb_err_memory(b->err);
    hb_batch built = hb_rowset_batch(&b->set);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        int at = hb_batch_find(&built, schema->fields[f].name);
        HB_ASSERT(at >= 0);
        columns[f] = built.columns[at];
    }
    hb_container *container = entity->routing->containers[0];
    const hb_batch *batch;
    HB_TRY(hb_columns_for_container(container, columns, built.row_count, &task->arena, &batch,
                                    b->err));
    if (entity->ensured) HB_TRY(meta_run(task, b->ws, container, HB_FRAG_CLEAR, NULL, b->err));
    HB_TRY(meta_run(task, b->ws, container, HB_FRAG_ENSURE, NULL, b->err));
    entity->ensured = true;
    return meta_run(task, b->ws, container, HB_FRAG_WRITE, batch, b->err);
}

hb_status hb_metaschema_refresh(hb_workspace *ws, hb_err *err) {
    hb_entity *entity = ws->entities[HB_ENTITY_METASCHEMA];
    if (entity->ensured && ws->meta_revision == ws->revision) return HB_OK;
    hb_task *task = hb_task_new(ws->mem, NULL);
    if (task == NULL) return hb_err_memory(err);
    meta_builder b = { .ws = ws, .arena = &task->arena, .err = err };
    hb_status status = hb_rowset_init(&b.set, ws->mem, META_COUNT, err);
    if (status == HB_OK) status = meta_build(&b);
    if (status == HB_OK) status = meta_store(&b, task, entity);
    hb_rowset_free(&b.set);
    task->done = true;
    hb_task_free(task);
    if (status == HB_OK) ws->meta_revision = ws->revision;
    return status;
}
