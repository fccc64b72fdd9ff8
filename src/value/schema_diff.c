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

static const hb_schema_moves no_moves;

static bool is_among(const hb_str *names, uint32_t count, hb_str name) {
    for (uint32_t i = 0; i < count; i++) {
        if (hb_str_eq(names[i], name)) return true;
    }
    return false;
}

/* A name of `moves` must be a field of `in`, and none of `not_in` unless it is another one there:
 * `is_other`, or the `name` that every entity has. */
static hb_status check_move(const hb_schema *in, const hb_schema *not_in, hb_str name,
                            bool is_other, const char *what, hb_err *err) {
    const uint32_t field = hb_schema_find(in, name);
    if (field == HB_FIELD_NONE) return hb_schema_unknown_field(in, name, err);
    const uint32_t other = hb_schema_find(not_in, name);
    const bool stays = other != HB_FIELD_NONE && !not_in->fields[other].implicit && !is_other;
    if (field != HB_FIELD_OBJECT_ID && !stays) return HB_OK;
    (void)hb_err_set(err, HB_E_VALIDATION, "field '%.*s' cannot be %s: it is in %s", HB_ARG(name),
                     what, field == HB_FIELD_OBJECT_ID ? "every entity" : "both definitions");
    return hb_err_where(err, in->entity_id, name, HB_STR_EMPTY);
}

static hb_status check_moves(const hb_schema_diff *diff, hb_err *err) {
    const hb_schema_moves *moves = diff->moves;
    for (uint32_t i = 0; i < moves->rename_count; i++) {
        const hb_str from = moves->from[i], to = moves->to[i];
        const bool is_taken = is_among(moves->to, moves->rename_count, from);
        const bool is_left = is_among(moves->from, moves->rename_count, to) ||
                             is_among(moves->dropped, moves->drop_count, to);
        HB_TRY(check_move(diff->before, diff->after, from, is_taken, "renamed", err));
        HB_TRY(check_move(diff->after, diff->before, to, is_left, "the new name", err));
        if (!is_among(moves->from, i, moves->from[i]) && !is_among(moves->to, i, moves->to[i])) {
            continue;
        }
        (void)hb_err_set(err, HB_E_VALIDATION, "field '%.*s' or '%.*s' is renamed twice",
                         HB_ARG(moves->from[i]), HB_ARG(moves->to[i]));
        return hb_err_where(err, diff->after->entity_id, moves->to[i], HB_STR_EMPTY);
    }
    for (uint32_t i = 0; i < moves->drop_count; i++) {
        const bool is_taken = is_among(moves->to, moves->rename_count, moves->dropped[i]);
        HB_TRY(check_move(diff->before, diff->after, moves->dropped[i], is_taken, "dropped", err));
    }
    return HB_OK;
}

/* The field of the old schema that this one of the new schema is. */
static uint32_t origin_of(const hb_schema_diff *diff, hb_str name) {
    const hb_schema_moves *moves = diff->moves;
    for (uint32_t i = 0; i < moves->rename_count; i++) {
        if (hb_str_eq(moves->to[i], name)) return hb_schema_find(diff->before, moves->from[i]);
    }
    const bool is_gone = is_among(moves->from, moves->rename_count, name);
    return is_gone ? HB_FIELD_NONE : hb_schema_find(diff->before, name);
}

static hb_status diff_fields(hb_schema_diff *out, hb_arena *arena, hb_err *err) {
    const hb_schema *before = out->before, *after = out->after;
    uint32_t *added = hb_arena_array(arena, after->field_count, sizeof *added);
    uint32_t *origin = hb_arena_array(arena, after->field_count, sizeof *origin);
    uint32_t *removed = hb_arena_array(arena, before->field_count, sizeof *removed);
    bool *stays = HB_NEW_ARRAY(arena, bool, before->field_count);
    hb_field_change *changed = hb_arena_array(arena, after->field_count, sizeof *changed);
    if (added == NULL || origin == NULL || removed == NULL || stays == NULL || changed == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t f = 0; f < after->field_count; f++) {
        const uint32_t old = origin[f] = origin_of(out, after->fields[f].name);
        if (old == HB_FIELD_NONE) {
            added[out->added_count++] = f;
            continue;
        }
        stays[old] = true;
        uint32_t what = field_changes(&before->fields[old], &after->fields[f]);
        if (!hb_str_eq(before->fields[old].name, after->fields[f].name)) what |= HB_CHANGE_NAME;
        if (what != 0) changed[out->change_count++] = (hb_field_change){ old, f, what };
    }
    for (uint32_t f = 0; f < before->field_count; f++) {
        if (!stays[f]) removed[out->removed_count++] = f;
    }
    out->added = added;
    out->origin = origin;
    out->removed = removed;
    out->changed = changed;
    return HB_OK;
}

hb_status hb_schema_diff_make(const hb_schema *before, const hb_schema *after,
                              const hb_schema_moves *moves, hb_arena *arena, hb_schema_diff *out,
                              hb_err *err) {
    *out = (hb_schema_diff){ .before = before, .after = after };
    out->moves = moves != NULL ? moves : &no_moves;
    HB_TRY(check_moves(out, err));
    HB_TRY(diff_fields(out, arena, err));
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
} aspects[] = {
    { HB_CHANGE_NAME, "name" },         { HB_CHANGE_TYPE, "type" },
    { HB_CHANGE_REQUIRED, "required" }, { HB_CHANGE_DEFAULT, "default" },
    { HB_CHANGE_INDEX, "index" },       { HB_CHANGE_UNIQUE, "unique" },
    { HB_CHANGE_STORAGE, "storage" },   { HB_CHANGE_OTHER, "definition" },
};
#define ASPECT_COUNT (sizeof aspects / sizeof aspects[0])

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
    const hb_schema_moves *moves = diff->moves;
    for (uint32_t i = 0; i < diff->removed_count; i++) {
        const hb_field *field = &diff->before->fields[diff->removed[i]];
        if (field->implicit || is_among(moves->dropped, moves->drop_count, field->name)) continue;
        if (!tell(user, field->name, "it goes: name it in drop, or its new name in rename")) return;
    }
    for (uint32_t i = 0; i < diff->added_count; i++) {
        const hb_field *field = &diff->after->fields[diff->added[i]];
        const char *why = added_refusal(field);
        if (why != NULL && !tell(user, field->name, why)) return;
    }
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

static void write_renamed(const hb_schema_diff *diff, hb_buf *out) {
    hb_pack_str(out, HB_STR("renamed"));
    hb_pack_array(out, diff->moves->rename_count);
    for (uint32_t i = 0; i < diff->moves->rename_count; i++) {
        hb_pack_map(out, 2);
        hb_pack_str(out, HB_STR("from"));
        hb_pack_str(out, diff->moves->from[i]);
        hb_pack_str(out, HB_STR("to"));
        hb_pack_str(out, diff->moves->to[i]);
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

hb_status hb_schema_diff_write(const hb_schema_diff *diff, hb_str refusal, hb_arena *scratch,
                               hb_buf *out, hb_err *err) {
    write_added(diff, out);
    hb_pack_str(out, HB_STR("removed"));
    hb_pack_array(out, diff->removed_count);
    for (uint32_t i = 0; i < diff->removed_count; i++) {
        hb_pack_str(out, diff->before->fields[diff->removed[i]].name);
    }
    write_renamed(diff, out);
    hb_pack_str(out, HB_STR("changed"));
    hb_pack_array(out, diff->change_count);
    for (uint32_t i = 0; i < diff->change_count; i++) write_change(diff, &diff->changed[i], out);
    hb_pack_str(out, HB_STR("indexes"));
    hb_pack_bool(out, diff->indexes);
    hb_pack_str(out, HB_STR("constraints"));
    hb_pack_bool(out, diff->uniques);
    hb_pack_str(out, HB_STR("derives"));
    hb_pack_bool(out, diff->derives);
    refusal_list list = { out, scratch, 0, false, false };
    refusals_each(diff, refusal_add, &list);
    hb_pack_str(out, HB_STR("refused"));
    hb_pack_array(out, list.count + (refusal.len > 0));
    list.write = true;
    refusals_each(diff, refusal_add, &list);
    if (refusal.len > 0) hb_pack_str(out, refusal);
    return list.failed ? hb_err_memory(err) : hb_buf_check(out, err);
}
