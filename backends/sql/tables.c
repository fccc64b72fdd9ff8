// SPDX-License-Identifier: MIT
/* Names of tables and columns, and making them. A field's column is called as the field where the
 * engine keeps that name as it is. Where a column of that name has another type, because the field
 * had, the field gets a fresh one: its name and the number of its kind. */
#include "backends/sql/remote.h"
#include "base/md5.h"
#include "value/pack.h"

#define NAME_HASH_CHARS 12u
#define INDEX_CHARS_MAX 600u        /* longest text that a secondary index can surely hold */

/* ---- names ------------------------------------------------------------------------------- */

static bool is_plain(hb_str name, uint32_t max) {
    for (uint32_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return name.len > 0 && name.len <= max;
}

/* What engines of plain names keep; two _ are in none but ours. */
static bool is_word(hb_str name, uint32_t max) {
    return is_plain(name, max) && !hb_str_has_char(name, '-') &&
           !(name.ptr[0] >= '0' && name.ptr[0] <= '9') && hb_str_find(name, HB_STR("__"), 0) < 0;
}

static hb_str name_within(hb_str name, bool words, uint32_t max, hb_arena *arena) {
    if (words ? is_word(name, max) : is_plain(name, max)) return hb_arena_str(arena, name);
    hb_md5 md5;
    uint8_t sum[HB_MD5_LEN];
    hb_md5_init(&md5);
    hb_md5_add(&md5, name.ptr, name.len);
    hb_md5_finish(&md5, sum);
    char text[64];
    uint32_t len = 0;
    if (words) text[len++] = '_';
    for (uint32_t i = 0; i < name.len && len < max - NAME_HASH_CHARS - 1 && len < 40; i++) {
        const char c = name.ptr[i];
        if (is_plain(hb_str_n(&c, 1), 1) && !(words && c == '-')) text[len++] = c;
        if (c >= 'A' && c <= 'Z') text[len++] = (char)(c - 'A' + 'a');
    }
    text[len++] = words ? '_' : '~';    /* in no plain name */
    if (words) text[len++] = '_';
    for (uint32_t i = 0; i < NAME_HASH_CHARS / 2; i++) {
        static const char digits[] = "0123456789abcdef";
        text[len++] = digits[sum[i] >> 4];
        text[len++] = digits[sum[i] & 15];
    }
    return hb_arena_str(arena, hb_str_n(text, len));
}

hb_str sql_name(const sql_remote *remote, hb_str name, hb_arena *arena) {
    const hb_dialect *dialect = remote->engine->dialect;
    return name_within(name, dialect->plain_names, dialect->name_max, arena);
}

/* "hb_notes$": no other name's prefix begins so. */
hb_str sql_prefix_of(const sql_remote *remote, hb_str name, hb_arena *arena) {
    hb_str kept = name_within(name, false, remote->engine->dialect->name_max / 2 - 1, arena);
    return kept.ptr != NULL ? hb_arena_printf(arena, "%.*s$", HB_ARG(kept)) : kept;
}

hb_status sql_check_prefix(const sql_remote *remote, hb_err *err) {
    const uint32_t max = remote->engine->dialect->name_max / 2;
    bool is_good = remote->prefix.len <= max;
    for (uint32_t i = 0; i < remote->prefix.len && is_good; i++) {
        is_good = remote->prefix.ptr[i] == '$' || is_plain(hb_str_sub(remote->prefix, i, 1), 1);
    }
    if (is_good) return HB_OK;
    return hb_err_set(err, HB_E_INVALID_ID,
                      "a prefix of tables has at most %u of a-z, 0-9, '_', '-' and '$'", max);
}

void sql_add_table(hb_sql *sql, const sql_remote *remote, hb_str table) {
    hb_str name = table;
    if (remote->schema.len > 0) {
        hb_sql_ident(sql, remote->schema);
        hb_sql_add(sql, ".");
    }
    if (remote->prefix.len > 0) {
        name = hb_arena_printf(sql->arena, "%.*s%.*s", HB_ARG(remote->prefix), HB_ARG(table));
        sql->failed = sql->failed || name.ptr == NULL;
    }
    if (name.ptr != NULL) hb_sql_ident(sql, name);
}

void sql_add_form(hb_sql *sql, const char *form, hb_str name) {
    hb_value value = { .kind = HB_KIND_TEXT };
    value.as.s = name;
    for (const char *p = form; *p != '\0'; p++) {
        if (p[0] == '$' && p[1] == 's') {
            hb_sql_param_add(sql, &value);
            p++;
        } else {
            hb_buf_add_char(&sql->text, *p);
        }
    }
}

/* ---- what exists ------------------------------------------------------------------------- */

hb_status sql_known_add(sql_remote *remote, hb_str table, hb_str column, hb_str type, hb_err *err) {
    hb_arena *arena = &remote->known_arena;
    if (remote->known_count == remote->known_cap) {
        uint32_t cap = remote->known_cap == 0 ? 64 : remote->known_cap * 2;
        sql_known *grown = hb_arena_array(arena, cap, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        if (remote->known_count > 0)
            memcpy(grown, remote->known, remote->known_count * sizeof(*grown));
        remote->known = grown;
        remote->known_cap = cap;
    }
    sql_known known = { hb_arena_str(arena, table), hb_arena_str(arena, column),
                        hb_arena_str(arena, type) };
    if (known.table.ptr == NULL || known.column.ptr == NULL || known.type.ptr == NULL) {
        return hb_err_memory(err);
    }
    remote->known[remote->known_count++] = known;
    return HB_OK;
}

void sql_known_drop(sql_remote *remote, hb_str table) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < remote->known_count; i++) {
        if (!hb_str_eq(remote->known[i].table, table)) remote->known[kept++] = remote->known[i];
    }
    remote->known_count = kept;
}

bool sql_table_exists(const sql_remote *remote, hb_str table) {
    for (uint32_t i = 0; i < remote->known_count; i++) {
        if (hb_str_eq(remote->known[i].table, table)) return true;
    }
    return false;
}

static const sql_known *known_find(const sql_remote *remote, hb_str table, hb_str column) {
    for (uint32_t i = 0; i < remote->known_count; i++) {
        const sql_known *known = &remote->known[i];
        if (hb_str_eq(known->table, table) && hb_str_eq(known->column, column)) return known;
    }
    return NULL;
}

/* ---- a container's table ----------------------------------------------------------------- */

static const char *known_type(const sql_remote *remote, hb_kind kind) {
    return remote->engine->known_types[kind];
}

/* What we made ourselves is known by all the names that its type may have. */
static bool has_type(const sql_remote *remote, const sql_known *known, hb_kind kind) {
    hb_str names = hb_str_c(known_type(remote, kind));
    if (hb_str_eq(known->type, names)) return true;
    for (uint32_t at = 0; at <= names.len;) {
        const int64_t found = hb_str_find(names, HB_STR("|"), at);
        const uint32_t end = found < 0 ? names.len : (uint32_t)found;
        if (hb_str_eq(known->type, hb_str_sub(names, at, end - at))) return true;
        at = end + 1;
    }
    return false;
}

static hb_status column_name(const sql_remote *remote, sql_table *table, const hb_field *field,
                             hb_str *out, hb_err *err) {
    *out = sql_name(remote, field->name, &table->arena);
    if (out->ptr == NULL) return hb_err_memory(err);
    const sql_known *known = known_find(remote, table->name, *out);
    if (known == NULL || has_type(remote, known, field->kind)) return HB_OK;
    hb_str other = hb_arena_printf(&table->arena, "%.*s %d", HB_ARG(field->name), (int)field->kind);
    if (other.ptr == NULL) return hb_err_memory(err);
    *out = sql_name(remote, other, &table->arena);
    return out->ptr != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status table_name_columns(const sql_remote *remote, const hb_container *container,
                                    sql_table *table, hb_err *err) {
    table->name =
        name_within(container->schema->entity_id, remote->engine->dialect->plain_names,
                    remote->engine->dialect->name_max - remote->prefix.len, &table->arena);
    table->columns = HB_NEW_ARRAY(&table->arena, hb_str, container->field_count);
    if (table->name.ptr == NULL || table->columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_field *field = &container->schema->fields[container->fields[i].field];
        HB_TRY(column_name(remote, table, field, &table->columns[i], err));
    }
    return HB_OK;
}

static void table_free(sql_table *table) {
    const hb_mem *mem = table->mem;
    hb_arena_free(&table->arena);
    hb_mem_free(mem, table, sizeof(*table));
}

hb_status sql_table_of(hb_instance *instance, hb_container *container, sql_table **out,
                       hb_err *err) {
    *out = container->state;
    if (*out != NULL) return HB_OK;
    sql_table *table = hb_mem_zalloc(instance->mem, sizeof(*table));
    if (table == NULL) return hb_err_memory(err);
    table->mem = instance->mem;
    hb_arena_init(&table->arena, instance->mem);
    hb_status status = table_name_columns(instance->state, container, table, err);
    if (status != HB_OK) {
        table_free(table);
        return status;
    }
    container->state = *out = table;
    return HB_OK;
}

void sql_release(hb_instance *instance, hb_container *container) {
    (void)instance;
    if (container->state != NULL) table_free(container->state);
    container->state = NULL;
}

/* ---- making it --------------------------------------------------------------------------- */

hb_status sql_add_schema(sql_list *list, const sql_remote *remote, hb_sql *sql, hb_err *err) {
    if (remote->engine->lock != NULL) {
        hb_sql_clear(sql);
        sql_add_form(sql, remote->engine->lock, remote->schema);
        HB_TRY(sql_table_add(list, remote, sql, err));
    }
    const char *create = remote->engine->dialect->ddl->create_schema;
    if (remote->has_schema || remote->schema.len == 0 || create == NULL) return HB_OK;
    hb_sql_clear(sql);
    hb_sql_add(sql, create);
    hb_sql_ident(sql, remote->schema);
    return sql_table_add(list, remote, sql, err);
}

static bool can_index(const hb_dialect *dialect, const hb_field *field) {
    switch (field->kind) {
    case HB_KIND_BOOL:
    case HB_KIND_I64:
    case HB_KIND_F64: return true;
    case HB_KIND_TEXT:
        if (dialect->no_text_index) return false;
        return field->type->id == HB_TYPE_DATE || field->type->id == HB_TYPE_CATEGORICAL ||
               (field->type->max_chars > 0 && field->type->max_chars <= INDEX_CHARS_MAX);
    case HB_KIND_NULL:
    case HB_KIND_BYTES:
    case HB_KIND_VEC:
    case HB_KIND_PACK:
    case HB_KIND_COUNT: break;
    }
    return false;
}

/* The engine's tables have so many indexes at most: the first fields' are made. */
static bool is_indexed(const sql_remote *remote, const hb_container *container, uint32_t at) {
    if (remote->engine->no_indexes) return false;
    const uint32_t max = remote->engine->dialect->indexes_max;
    uint32_t before = 0;
    for (uint32_t i = 1; i <= at; i++) {
        const hb_placed *placed = &container->fields[i];
        const bool wanted = placed->indexed && can_index(remote->engine->dialect,
                                                         &container->schema->fields[placed->field]);
        if (i == at) return wanted && (max == 0 || before < max);
        before += wanted;
    }
    return false;
}

static hb_status add_index_name(const sql_remote *remote, sql_table *table, uint32_t at,
                                hb_sql *sql, hb_err *err) {
    hb_str apart = HB_STR_EMPTY;
    if (remote->engine->dialect->index_in_schema) {
        apart = remote->prefix.len > 0 ? remote->prefix : remote->schema;
    }
    hb_str name = hb_arena_printf(&table->arena, "%.*s%.*s_%.*s_ix", HB_ARG(apart),
                                  HB_ARG(table->name), HB_ARG(table->columns[at]));
    if (name.ptr != NULL) name = sql_name(remote, name, &table->arena);
    if (name.ptr == NULL) return hb_err_memory(err);
    hb_sql_ident(sql, name);
    return HB_OK;
}

/* Where an index is made with its column: ", KEY name (column)" */
static hb_status add_key(const sql_remote *remote, const hb_container *container, sql_table *table,
                         uint32_t at, const char *words, hb_sql *sql, hb_err *err) {
    const hb_dialect *dialect = remote->engine->dialect;
    if (!dialect->index_inside || !is_indexed(remote, container, at)) return HB_OK;
    hb_sql_add(sql, words);
    HB_TRY(add_index_name(remote, table, at, sql, err));
    hb_sql_add(sql, " (");
    hb_sql_ident(sql, table->columns[at]);
    const bool is_text =
        container->schema->fields[container->fields[at].field].kind == HB_KIND_TEXT;
    if (is_text && dialect->index_part != NULL) hb_sql_add(sql, dialect->index_part);
    hb_sql_add(sql, ")");
    return HB_OK;
}

static void add_column(hb_sql *sql, const sql_remote *remote, const hb_field *field, hb_str name) {
    const hb_dialect *dialect = remote->engine->dialect;
    hb_sql_ident(sql, name);
    hb_sql_add(sql, " ");
    if (field->kind == HB_KIND_VEC && dialect->vector_of != NULL && field->type->dim > 0) {
        hb_sql_of_length(sql, dialect->vector_of, field->type->dim);
    } else {
        hb_sql_add(sql, dialect->types[field->kind]);
    }
}

void sql_add_key_type(hb_sql *sql) {
    const hb_dialect *dialect = sql->dialect;
    const bool inside = !dialect->no_keys && dialect->key_suffix == NULL;
    hb_buf_printf(&sql->text, " %s%s", dialect->id_type, inside ? " PRIMARY KEY" : "");
}

void sql_add_suffix(hb_sql *sql, hb_str key) {
    const char *suffix = sql->dialect->key_suffix;
    for (const char *p = suffix != NULL ? suffix : ""; *p != '\0'; p++) {
        if (p[0] == '$' && p[1] == 'c') {
            hb_sql_ident(sql, key);
            p++;
        } else {
            hb_buf_add_char(&sql->text, *p);
        }
    }
    hb_sql_add(sql, sql->dialect->table_suffix);
}

static hb_status add_create(sql_list *list, const sql_remote *remote, const hb_container *container,
                            sql_table *table, hb_sql *sql, hb_err *err) {
    hb_sql_clear(sql);
    hb_sql_add(sql, remote->engine->dialect->ddl->create_table);
    sql_add_table(sql, remote, table->name);
    hb_sql_add(sql, " (");
    hb_sql_ident(sql, table->columns[0]);
    sql_add_key_type(sql);
    for (uint32_t i = 1; i < container->field_count; i++) {
        hb_sql_add(sql, ", ");
        add_column(sql, remote, &container->schema->fields[container->fields[i].field],
                   table->columns[i]);
    }
    for (uint32_t i = 1; i < container->field_count; i++) {
        HB_TRY(add_key(remote, container, table, i, ", KEY ", sql, err));
    }
    hb_sql_add(sql, ")");
    sql_add_suffix(sql, table->columns[0]);
    return sql_table_add(list, remote, sql, err);
}

static hb_status add_missing(sql_list *list, const sql_remote *remote,
                             const hb_container *container, sql_table *table, hb_sql *sql,
                             hb_err *err) {
    const hb_ddl *ddl = remote->engine->dialect->ddl;
    for (uint32_t i = 1; i < container->field_count; i++) {
        if (known_find(remote, table->name, table->columns[i]) != NULL) continue;
        hb_sql_clear(sql);
        hb_sql_add(sql, "ALTER TABLE ");
        sql_add_table(sql, remote, table->name);
        hb_sql_add(sql, ddl->add_column);
        add_column(sql, remote, &container->schema->fields[container->fields[i].field],
                   table->columns[i]);
        HB_TRY(add_key(remote, container, table, i, ", ADD KEY ", sql, err));
        HB_TRY(sql_table_add(list, remote, sql, err));
    }
    return HB_OK;
}

static hb_status add_indexes(sql_list *list, const sql_remote *remote,
                             const hb_container *container, sql_table *table, bool exists,
                             hb_sql *sql, hb_err *err) {
    for (uint32_t i = 1; i < container->field_count; i++) {
        const bool is_new = !exists || known_find(remote, table->name, table->columns[i]) == NULL;
        if (!is_new || !is_indexed(remote, container, i)) continue;
        hb_sql_clear(sql);
        hb_sql_add(sql, remote->engine->dialect->ddl->create_index);
        HB_TRY(add_index_name(remote, table, i, sql, err));
        hb_sql_add(sql, " ON ");
        sql_add_table(sql, remote, table->name);
        hb_sql_column_list(sql, &table->columns[i], 1);
        HB_TRY(sql_table_add(list, remote, sql, err));
    }
    return HB_OK;
}

static bool lacks(const sql_remote *remote, const hb_container *container, const sql_table *table) {
    for (uint32_t i = 0; i < container->field_count; i++) {
        if (known_find(remote, table->name, table->columns[i]) == NULL) return true;
    }
    return false;
}

static hb_status make_with(sql_list *list, sql_remote *remote, const hb_container *container,
                           sql_table *table, hb_sql *sql, hb_err *err) {
    const bool exists = sql_table_exists(remote, table->name);
    HB_TRY(sql_add_schema(list, remote, sql, err));
    if (exists) {
        HB_TRY(add_missing(list, remote, container, table, sql, err));
    } else {
        HB_TRY(add_create(list, remote, container, table, sql, err));
    }
    if (remote->engine->no_indexes || remote->engine->dialect->index_inside) return HB_OK;
    return add_indexes(list, remote, container, table, exists, sql, err);
}

hb_status sql_table_make(hb_instance *instance, hb_container *container, sql_list *list,
                         hb_err *err) {
    sql_remote *remote = instance->state;
    sql_table *table;
    HB_TRY(sql_table_of(instance, container, &table, err));
    sql_drop_forget(&remote->tx.list, table->name);
    if (!lacks(remote, container, table)) return HB_OK;
    hb_sql sql;
    hb_sql_init(&sql, remote->engine->dialect, remote->mem, &table->arena);
    hb_status status = make_with(list, remote, container, table, &sql, err);
    hb_sql_free(&sql);
    for (uint32_t i = 0; i < container->field_count && status == HB_OK; i++) {
        const hb_field *field = &container->schema->fields[container->fields[i].field];
        if (known_find(remote, table->name, table->columns[i]) != NULL) continue;
        status = sql_known_add(remote, table->name, table->columns[i],
                               hb_str_c(known_type(remote, field->kind)), err);
    }
    return status;
}

/* What another program changed since: names follow from what there is. */
hb_status sql_ensure(hb_job *job, hb_err *err) {
    sql_list list;
    sql_list_init(&list, job->mem);
    sql_release(job->instance, job->fragment->container);
    hb_status status = sql_table_make(job->instance, job->fragment->container, &list, err);
    if (status == HB_OK) status = sql_submit(job, &list, err);
    sql_list_free(&list);
    return status;
}

/* Where dropping a table ends the transaction, it is emptied in it, and dropped after it. */
static hb_status add_clear(const sql_remote *remote, hb_str table, sql_list *list, hb_sql *sql,
                           hb_err *err) {
    const bool later = remote->engine->dialect->tables_commit;
    const char *empty = remote->engine->empty != NULL ? remote->engine->empty : "DELETE FROM ";
    hb_sql_add(sql, later ? empty : remote->engine->dialect->ddl->drop_table);
    sql_add_table(sql, remote, table);
    if (later) HB_TRY(sql_drop_add(list, table, err));
    return sql_list_add(list, remote, sql, err);
}

hb_status sql_clear(hb_job *job, hb_err *err) {
    sql_remote *remote = sql_remote_of(job);
    sql_table *table;
    HB_TRY(sql_table_of(job->instance, job->fragment->container, &table, err));
    if (!sql_table_exists(remote, table->name)) {
        job->done = true;
        return HB_OK;
    }
    sql_list list;
    sql_list_init(&list, job->mem);
    hb_sql sql;
    hb_sql_init(&sql, remote->engine->dialect, job->mem, job->arena);
    hb_status status = add_clear(remote, table->name, &list, &sql, err);
    if (status == HB_OK) status = sql_submit(job, &list, err);
    if (status == HB_OK && !remote->engine->dialect->tables_commit) {
        sql_known_drop(remote, table->name);
    }
    hb_sql_free(&sql);
    sql_list_free(&list);
    return status;
}

/* ---- conditions -------------------------------------------------------------------------- */

/* ["a","b\"c"] */
static hb_status json_literal(hb_sql *sql, const hb_str *texts, uint32_t count, hb_buf *out,
                              hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, out->mem);
    hb_pack_array(&pack, count);
    for (uint32_t i = 0; i < count; i++) hb_pack_str(&pack, hb_sql_marked(sql, texts[i]));
    hb_status status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, out, err);
    hb_buf_free(&pack);
    return status == HB_OK ? hb_buf_check(out, err) : status;
}

/* {"a","b\"c"} */
static hb_status array_literal(const hb_str *texts, uint32_t count, hb_buf *out, hb_err *err) {
    hb_buf_add_char(out, '{');
    for (uint32_t i = 0; i < count; i++) {
        hb_buf_add_c(out, i > 0 ? ",\"" : "\"");
        for (uint32_t at = 0; at < texts[i].len; at++) {
            const char c = texts[i].ptr[at];
            if (c == '"' || c == '\\') hb_buf_add_char(out, '\\');
            hb_buf_add_char(out, c);
        }
        hb_buf_add_char(out, '"');
    }
    hb_buf_add_char(out, '}');
    return hb_buf_check(out, err);
}

static hb_status add_in_array(hb_sql *sql, hb_str column, const hb_str *texts, uint32_t count,
                              hb_err *err) {
    hb_buf literal;
    hb_buf_init(&literal, sql->mem);
    const bool is_json = strstr(sql->dialect->in_array, "$k") != NULL;
    hb_status status = is_json ? json_literal(sql, texts, count, &literal, err)
                               : array_literal(texts, count, &literal, err);
    hb_value value = { .kind = HB_KIND_TEXT };
    value.as.s = status == HB_OK ? hb_arena_str(sql->arena, hb_buf_str(&literal)) : HB_STR_EMPTY;
    hb_buf_free(&literal);
    if (status == HB_OK && value.as.s.ptr == NULL) status = hb_err_memory(err);
    if (status != HB_OK) return status;
    for (const char *p = sql->dialect->in_array; *p != '\0'; p++) {
        if (p[0] == '$' && p[1] == 'c') {
            hb_sql_ident(sql, column);
            p++;
        } else if (p[0] == '$' && (p[1] == 'a' || p[1] == 'k')) {
            hb_sql_cell_add(sql, &value, HB_KIND_NULL);     /* its cast is the template's */
            p++;
        } else {
            hb_buf_add_char(&sql->text, *p);
        }
    }
    return HB_OK;
}

static void add_in_list(hb_sql *sql, hb_str column, const hb_str *texts, uint32_t count) {
    hb_sql_ident(sql, column);
    hb_sql_add(sql, count == 1 ? " = " : " IN (");
    for (uint32_t i = 0; i < count; i++) {
        hb_value value = { .kind = HB_KIND_TEXT };
        value.as.s = texts[i];
        if (i > 0) hb_sql_add(sql, ", ");
        hb_sql_param_add(sql, &value);
    }
    if (count > 1) hb_sql_add(sql, ")");
}

hb_status sql_add_in(hb_sql *sql, hb_str column, const hb_str *texts, uint32_t count, hb_err *err) {
    if (count == 0) {
        hb_buf_printf(&sql->text, "NOT %s", sql->dialect->true_text);
        return HB_OK;
    }
    if (count > 1 && sql->dialect->in_array != NULL && count >= sql->dialect->in_array_from)
        return add_in_array(sql, column, texts, count, err);
    const uint32_t max = sql->dialect->in_list_max > 0 ? sql->dialect->in_list_max : count;
    if (count > max) hb_sql_add(sql, "(");
    for (uint32_t from = 0; from < count; from += max) {
        if (from > 0) hb_sql_add(sql, " OR ");
        add_in_list(sql, column, texts + from, count - from < max ? count - from : max);
    }
    if (count > max) hb_sql_add(sql, ")");
    return HB_OK;
}
