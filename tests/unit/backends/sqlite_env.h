// SPDX-License-Identifier: MIT
/* An open sqlite instance with one container, and fragments run on it. For the tests beside it. */
#ifndef HB_TESTS_UNIT_BACKENDS_SQLITE_ENV_H
#define HB_TESTS_UNIT_BACKENDS_SQLITE_ENV_H

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/backend.h"

#include "tests/unit/test.h"

extern const hb_backend hb_backend_sqlite;

/* ---- a container in an open instance --------------------------------------------------------- */

#define PLACES_MAX 24

typedef struct env {
    cJSON *options;
    hb_arena arena;
    hb_instance instance;
    hb_schema *schema;
    hb_placed placed[PLACES_MAX];
    uint32_t by_field[PLACES_MAX];
    hb_container container;
    uint32_t op_ids;
    hb_err err;
} env;

static const char definition_text[] = "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\","
                                      "\"Title\":\"short-text\",\"slot\":\"integer\","
                                      "\"body\":\"long-text\",\"n\":\"integer\",\"score\":"
                                      "\"float\",\"flag\":\"boolean\",\"at\":\"timestamp\","
                                      "\"doc\":\"json\",\"tags\":\"array[short-text]\",\"nums\":"
                                      "\"array[integer]\",\"emb\":\"vector[3]\","
                                      "\"blob\":\"artifact\"}}";

static inline hb_strategy strategy_for(const hb_field *field) {
    if (hb_str_eq(field->name, HB_STR("body"))) return HB_STRATEGY_INVERTED;
    if (hb_str_eq(field->name, HB_STR("tags"))) return HB_STRATEGY_SPARSE_GRAM;
    if (field->type->id == HB_TYPE_ARRAY) return HB_STRATEGY_SIDE;
    if (field->type->id == HB_TYPE_JSON) return HB_STRATEGY_JSON;
    if (field->type->id == HB_TYPE_VECTOR) return HB_STRATEGY_VECTOR;
    return HB_STRATEGY_INLINE;
}

static inline hb_schema *schema_of(const char *json) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    hb_err err;
    hb_schema *schema = NULL;
    hb_err_init(&err);
    if (hb_pack_from_json(hb_str_c(json), &pack, &err) != HB_OK ||
        hb_schema_parse(hb_buf_str(&pack), hb_mem_default(), &schema, &err) != HB_OK) {
        printf("schema: %s\n", err.msg);
    }
    hb_buf_free(&pack);
    return schema;
}

/* `path` NULL: in memory; `layout` NULL: the file's. */
static inline hb_status env_open_as(env *e, const char *workspace, const char *path,
                                    const char *definition, const char *layout) {
    memset(e, 0, sizeof(*e));
    hb_arena_init(&e->arena, hb_mem_default());
    e->options = cJSON_CreateObject();
    if (path != NULL) cJSON_AddStringToObject(e->options, "database", path);
    if (layout != NULL) cJSON_AddStringToObject(e->options, "layout", layout);
    e->instance = (hb_instance){ .type = &hb_backend_sqlite,
                                 .name = HB_STR("main"),
                                 .workspace_id = hb_str_c(workspace),
                                 .mem = hb_mem_default(),
                                 .arena = &e->arena,
                                 .options = e->options };
    e->schema = schema_of(definition);
    CHECK(e->schema != NULL && e->schema->field_count <= PLACES_MAX);
    for (uint32_t i = 0; i < e->schema->field_count; i++) {
        const hb_field *field = &e->schema->fields[i];
        e->placed[i] = (hb_placed){ .field = i,
                                    .strategy = strategy_for(field),
                                    .primary = true,
                                    .indexed = field->type->id == HB_TYPE_INTEGER,
                                    .unique = field->unique };
        e->by_field[i] = i;
    }
    e->container = (hb_container){ .schema = e->schema,
                                   .workspace_id = e->instance.workspace_id,
                                   .fields = e->placed,
                                   .field_count = e->schema->field_count,
                                   .by_field = e->by_field };
    hb_err_init(&e->err);
    return hb_backend_sqlite.open(&e->instance, &e->err);
}

static inline hb_status env_open(env *e, const char *workspace, const char *path,
                                 const char *definition) {
    return env_open_as(e, workspace, path, definition, NULL);
}

static inline void env_close(env *e) {
    hb_backend_sqlite.release(&e->instance, &e->container);
    hb_backend_sqlite.close(&e->instance);
    hb_schema_free(e->schema);
    cJSON_Delete(e->options);
    hb_arena_free(&e->arena);
}

static inline uint32_t field_of(const env *e, const char *name) {
    return hb_schema_find(e->schema, hb_str_c(name));
}

static inline hb_status run(env *e, hb_fragment *fragment, hb_job *job) {
    fragment->container = &e->container;
    *job = (hb_job){ .instance = &e->instance,
                     .fragment = fragment,
                     .mem = hb_mem_default(),
                     .arena = &e->arena,
                     .next_op_id = &e->op_ids };
    hb_err_init(&e->err);
    hb_status status = hb_backend_sqlite.begin(job, &e->err);
    CHECK(status != HB_OK || job->done);
    CHECK_INT(e->err.code, status);
    if (hb_backend_sqlite.end != NULL) hb_backend_sqlite.end(job);
    return status;
}

static inline hb_status run_plain(env *e, hb_frag_kind kind) {
    hb_fragment fragment = { .kind = kind, .limit = HB_NO_LIMIT };
    hb_job job;
    hb_status status = run(e, &fragment, &job);
    hb_rowset_free(&job.out);
    return status;
}

/* ---- rows: values by schema field ------------------------------------------------------------ */

typedef struct row {
    hb_value values[PLACES_MAX];
} row;

static inline hb_value null_value(void) {
    return (hb_value){ .kind = HB_KIND_NULL };
}
static inline hb_value int_value(int64_t i) {
    return (hb_value){ .kind = HB_KIND_I64, .as.i = i };
}
static inline hb_value text_value(hb_str s) {
    return (hb_value){ .kind = HB_KIND_TEXT, .as.s = s };
}

static inline hb_value json_value(env *e, const char *json) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    CHECK_INT(hb_pack_from_json(hb_str_c(json), &pack, NULL), HB_OK);
    hb_value value = { .kind = HB_KIND_PACK };
    value.as.s = hb_arena_str(&e->arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return value;
}

static inline void rows_to_set(const env *e, const row *rows, uint32_t count, hb_rowset *set) {
    CHECK_INT(hb_rowset_init(set, hb_mem_default(), e->schema->field_count, NULL), HB_OK);
    for (uint32_t f = 0; f < e->schema->field_count; f++) {
        const hb_field *field = &e->schema->fields[f];
        hb_rowset_column(set, f, field->name, field->kind,
                         field->kind == HB_KIND_VEC ? field->type->dim : 0);
        for (uint32_t i = 0; i < count; i++)
            CHECK(hb_colbuf_add(&set->columns[f], &rows[i].values[f]));
    }
}

static inline hb_status write_rows(env *e, const row *rows, uint32_t count) {
    hb_rowset set;
    rows_to_set(e, rows, count, &set);
    hb_batch batch = hb_rowset_batch(&set);
    hb_fragment fragment = { .kind = HB_FRAG_WRITE, .batch = &batch };
    hb_job job;
    hb_status status = run(e, &fragment, &job);
    hb_rowset_free(&job.out);
    hb_rowset_free(&set);
    return status;
}

static inline int64_t count_rows(env *e) {
    hb_fragment fragment = { .kind = HB_FRAG_COUNT, .limit = HB_NO_LIMIT };
    hb_job job;
    CHECK_INT(run(e, &fragment, &job), HB_OK);
    hb_batch batch = hb_rowset_batch(&job.out);
    int64_t count = hb_column_get(&batch.columns[0], 0).as.i;
    hb_rowset_free(&job.out);
    return count;
}

static inline row simple_row(env *e, hb_str id, int64_t n) {
    row r;
    memset(&r, 0, sizeof(r));
    r.values[0] = text_value(id);
    r.values[field_of(e, "n")] = int_value(n);
    return r;
}

#endif
