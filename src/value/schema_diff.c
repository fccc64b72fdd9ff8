// SPDX-License-Identifier: MIT
/* The difference of two definitions: found, judged, and told as text and as data. */
#include "value/schema_diff.h"

/* ---- finding ------------------------------------------------------------------------------ */

static bool defaults_same(const hb_field *a, const hb_field *b) {
    return a->has_default == b->has_default && a->def_invalid == b->def_invalid &&
           (!a->has_default || hb_value_eq(&a->def, &b->def));
}

static uint32_t field_changes(const hb_field *a, const hb_field *b) {
    uint32_t what = 0;
    if (!hb_type_eq(a->type, b->type)) what |= HB_CHANGE_TYPE;
    if (a->required != b->required) what |= HB_CHANGE_REQUIRED;
    if (!defaults_same(a, b)) what |= HB_CHANGE_DEFAULT;
    if (a->index != b->index) what |= HB_CHANGE_INDEX;
    if (a->unique != b->unique) what |= HB_CHANGE_UNIQUE;
    if (!hb_field_stores_same(a, b)) what |= HB_CHANGE_STORAGE;
    if (what == 0 && !hb_field_same(a, b)) what |= HB_CHANGE_OTHER;
    return what;
}

static bool groups_differ(const hb_schema *a, const hb_field_group *x, uint32_t x_count,
                          const hb_schema *b, const hb_field_group *y, uint32_t y_count) {
    if (x_count != y_count) return true;
    for (uint32_t i = 0; i < x_count; i++) {
        if (!hb_field_group_same(a, &x[i], b, &y[i])) return true;
    }
    return false;
}

hb_status hb_schema_diff_make(const hb_schema *before, const hb_schema *after, hb_arena *arena,
                              hb_schema_diff *out, hb_err *err) {
    uint32_t *added = hb_arena_array(arena, after->field_count, sizeof *added);
    uint32_t *removed = hb_arena_array(arena, before->field_count, sizeof *removed);
    hb_field_change *changed = hb_arena_array(arena, after->field_count, sizeof *changed);
    if (added == NULL || removed == NULL || changed == NULL) return hb_err_memory(err);
    *out = (hb_schema_diff){ .before = before, .after = after };
    for (uint32_t f = 0; f < after->field_count; f++) {
        const uint32_t old = hb_schema_find(before, after->fields[f].name);
        if (old == HB_FIELD_NONE) {
            added[out->added_count++] = f;
            continue;
        }
        const uint32_t what = field_changes(&before->fields[old], &after->fields[f]);
        if (what != 0) changed[out->change_count++] = (hb_field_change){ old, f, what };
    }
    for (uint32_t f = 0; f < before->field_count; f++) {
        if (hb_schema_find(after, before->fields[f].name) == HB_FIELD_NONE) {
            removed[out->removed_count++] = f;
        }
    }
    out->added = added;
    out->removed = removed;
    out->changed = changed;
    out->indexes = groups_differ(before, before->indexes, before->index_count, after,
                                 after->indexes, after->index_count);
    out->uniques = groups_differ(before, before->uniques, before->unique_count, after,
                                 after->uniques, after->unique_count);
    out->derives = !hb_derives_same(before, after);
    out->words = !hb_str_eq(before->definition, after->definition);
    return HB_OK;
}

bool hb_schema_diff_is_empty(const hb_schema_diff *diff) {
    return diff->added_count + diff->removed_count + diff->change_count == 0 && !diff->indexes &&
           !diff->uniques && !diff->derives;
}

/* ---- judging ------------------------------------------------------------------------------ */

static const struct {
    uint32_t what;
    const char *name;
    const char *refusal;        /* NULL: stored rows can follow */
} aspects[] = {
    { HB_CHANGE_TYPE, "type", "the type of a field cannot be altered" },
    { HB_CHANGE_REQUIRED, "required", "the required flag of a field cannot be altered" },
    { HB_CHANGE_DEFAULT, "default", NULL },
    { HB_CHANGE_INDEX, "index", NULL },
    { HB_CHANGE_UNIQUE, "unique", NULL },
    { HB_CHANGE_STORAGE, "storage", "the placement of a field cannot be altered" },
    { HB_CHANGE_OTHER, "definition", "what computes a field cannot be altered" },
};
#define ASPECT_COUNT (sizeof aspects / sizeof aspects[0])

static const char *change_refusal(const hb_field_change *change) {
    for (size_t i = 0; i < ASPECT_COUNT; i++) {
        if ((change->what & aspects[i].what) != 0 && aspects[i].refusal != NULL) {
            return aspects[i].refusal;
        }
    }
    return NULL;
}

static const char *added_refusal(const hb_field *field) {
    if (field->def_invalid) return "the default of a new field must fit its type";
    if (field->required && (!field->has_default || field->def.kind == HB_KIND_NULL)) {
        return "a new field must be optional or have a default";
    }
    return NULL;
}

/* Calls `tell` for every reason in the order of fields; stops when it says so. */
typedef bool refusal_fn(void *user, hb_str field, const char *why);

static void refusals_each(const hb_schema_diff *diff, refusal_fn *tell, void *user) {
    for (uint32_t i = 0; i < diff->removed_count; i++) {
        const hb_field *field = &diff->before->fields[diff->removed[i]];
        if (!tell(user, field->name, "a field cannot be removed")) return;
    }
    for (uint32_t i = 0; i < diff->change_count; i++) {
        const char *why = change_refusal(&diff->changed[i]);
        const hb_field *field = &diff->after->fields[diff->changed[i].after];
        if (why != NULL && !tell(user, field->name, why)) return;
    }
    for (uint32_t i = 0; i < diff->added_count; i++) {
        const hb_field *field = &diff->after->fields[diff->added[i]];
        const char *why = added_refusal(field);
        if (why != NULL && !tell(user, field->name, why)) return;
    }
    if (diff->derives) (void)tell(user, HB_STR("derive"), "what is derived cannot be altered");
}

typedef struct first_refusal {
    const hb_schema_diff *diff;
    hb_err *err;
    hb_status status;
} first_refusal;

static bool refuse(void *user, hb_str field, const char *why) {
    first_refusal *first = user;
    const hb_str entity = first->diff->after->entity_id;
    (void)hb_err_set(first->err, HB_E_SCHEMA_CONFLICT, "entity '%.*s', field '%.*s': %s",
                     HB_ARG(entity), HB_ARG(field), why);
    (void)hb_err_where(first->err, entity, field, HB_STR_EMPTY);
    first->status = HB_E_SCHEMA_CONFLICT;
    return false;
}

hb_status hb_schema_diff_check(const hb_schema_diff *diff, hb_err *err) {
    first_refusal first = { diff, err, HB_OK };
    refusals_each(diff, refuse, &first);
    return first.status;
}

/* ---- telling ------------------------------------------------------------------------------ */

static void text_names(hb_buf *out, const char *word, const hb_schema *schema,
                       const uint32_t *fields, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 && out->len > 0) hb_buf_add_c(out, "; ");
        hb_buf_add_c(out, i == 0 ? word : ",");
        hb_buf_add_char(out, ' ');
        hb_buf_add_str(out, schema->fields[fields[i]].name);
    }
}

static void text_change(hb_buf *out, const hb_schema_diff *diff, const hb_field_change *change) {
    hb_buf_add_str(out, diff->after->fields[change->after].name);
    const char *before = " (";
    for (size_t i = 0; i < ASPECT_COUNT; i++) {
        if ((change->what & aspects[i].what) == 0) continue;
        hb_buf_add_c(out, before);
        hb_buf_add_c(out, aspects[i].name);
        before = ", ";
    }
    hb_buf_add_char(out, ')');
}

void hb_schema_diff_text(const hb_schema_diff *diff, hb_buf *out) {
    text_names(out, "added", diff->after, diff->added, diff->added_count);
    text_names(out, "removed", diff->before, diff->removed, diff->removed_count);
    for (uint32_t i = 0; i < diff->change_count; i++) {
        if (i == 0 && out->len > 0) hb_buf_add_c(out, "; ");
        hb_buf_add_c(out, i == 0 ? "changed " : ", ");
        text_change(out, diff, &diff->changed[i]);
    }
    if (diff->indexes) hb_buf_add_c(out, out->len > 0 ? "; other indexes" : "other indexes");
    if (diff->derives) {
        hb_buf_add_c(out, out->len > 0 ? "; changed what is derived" : "changed what is derived");
    }
    if (diff->uniques) {
        hb_buf_add_c(out, out->len > 0 ? "; other constraints" : "other constraints");
    }
}

static void write_added(const hb_schema_diff *diff, hb_buf *out) {
    hb_pack_str(out, HB_STR("added"));
    hb_pack_array(out, diff->added_count);
    for (uint32_t i = 0; i < diff->added_count; i++) {
        const hb_field *field = &diff->after->fields[diff->added[i]];
        hb_pack_map(out, 2);
        hb_pack_str(out, HB_STR("field"));
        hb_pack_str(out, field->name);
        hb_pack_str(out, HB_STR("definition"));
        hb_field_define(field, out);
    }
}

static void write_change(const hb_schema_diff *diff, const hb_field_change *change, hb_buf *out) {
    uint32_t count = 0;
    for (size_t i = 0; i < ASPECT_COUNT; i++) count += (change->what & aspects[i].what) != 0;
    hb_pack_map(out, 4);
    hb_pack_str(out, HB_STR("field"));
    hb_pack_str(out, diff->after->fields[change->after].name);
    hb_pack_str(out, HB_STR("what"));
    hb_pack_array(out, count);
    for (size_t i = 0; i < ASPECT_COUNT; i++) {
        if ((change->what & aspects[i].what) != 0) hb_pack_str(out, hb_str_c(aspects[i].name));
    }
    hb_pack_str(out, HB_STR("from"));
    hb_field_define(&diff->before->fields[change->before], out);
    hb_pack_str(out, HB_STR("to"));
    hb_field_define(&diff->after->fields[change->after], out);
}

typedef struct refusal_list {
    hb_buf *out;
    hb_arena *scratch;
    uint32_t count;
    bool write, failed;
} refusal_list;

static bool refusal_add(void *user, hb_str field, const char *why) {
    refusal_list *list = user;
    list->count++;
    if (!list->write) return true;
    const hb_str text = hb_arena_printf(list->scratch, "%.*s: %s", HB_ARG(field), why);
    list->failed = list->failed || text.ptr == NULL;
    hb_pack_str(list->out, text.ptr != NULL ? text : HB_STR_EMPTY);
    return true;
}

hb_status hb_schema_diff_write(const hb_schema_diff *diff, hb_arena *scratch, hb_buf *out,
                               hb_err *err) {
    write_added(diff, out);
    hb_pack_str(out, HB_STR("removed"));
    hb_pack_array(out, diff->removed_count);
    for (uint32_t i = 0; i < diff->removed_count; i++) {
        hb_pack_str(out, diff->before->fields[diff->removed[i]].name);
    }
    hb_pack_str(out, HB_STR("changed"));
    hb_pack_array(out, diff->change_count);
    for (uint32_t i = 0; i < diff->change_count; i++) write_change(diff, &diff->changed[i], out);
    hb_pack_str(out, HB_STR("indexes"));
    hb_pack_bool(out, diff->indexes);
    hb_pack_str(out, HB_STR("constraints"));
    hb_pack_bool(out, diff->uniques);
    refusal_list list = { out, scratch, 0, false, false };
    refusals_each(diff, refusal_add, &list);
    hb_pack_str(out, HB_STR("refused"));
    hb_pack_array(out, list.count);
    list.write = true;
    refusals_each(diff, refusal_add, &list);
    return list.failed ? hb_err_memory(err) : hb_buf_check(out, err);
}
