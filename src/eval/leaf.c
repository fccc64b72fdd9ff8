// SPDX-License-Identifier: MIT
#include "eval/leaf.h"

#include "text/keyword.h"

#include "text/words.h"

#define SET_LINEAR_MAX 8u
#define BIG_COST 64u

/* ---- compiling ------------------------------------------------------------------------- */

bool hb_leaf_unpack(hb_str bytes, hb_value *out) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item)) {
        return false;
    }
    *out = (hb_value){ .kind = HB_KIND_PACK };
    switch ((int)item.tag) {
    case HB_PACK_NIL: out->kind = HB_KIND_NULL; break;
    case HB_PACK_BOOL:
        out->kind = HB_KIND_BOOL;
        out->as.b = item.b;
        break;
    case HB_PACK_INT:
        out->kind = HB_KIND_I64;
        out->as.i = item.i;
        break;
    case HB_PACK_UINT64:
        out->kind = HB_KIND_F64;
        out->as.f = (double)item.u;
        break;
    case HB_PACK_FLOAT:
        out->kind = HB_KIND_F64;
        out->as.f = item.f;
        break;
    case HB_PACK_STR:
        out->kind = HB_KIND_TEXT;
        out->as.s = item.s;
        break;
    case HB_PACK_BIN:
        out->kind = HB_KIND_BYTES;
        out->as.s = item.s;
        break;
    default: out->as.s = bytes; break;
    }
    return true;
}

static bool pattern_kind(hb_op op, hb_pattern_kind *out) {
    switch ((int)op) {
    case HB_OP_MATCH: *out = HB_PATTERN_MATCH; return true;
    case HB_OP_CONTAINS: *out = HB_PATTERN_CONTAINS; return true;
    case HB_OP_STARTS_WITH: *out = HB_PATTERN_STARTS_WITH; return true;
    case HB_OP_ENDS_WITH: *out = HB_PATTERN_ENDS_WITH; return true;
    case HB_OP_LIKE: *out = HB_PATTERN_LIKE; return true;
    case HB_OP_ILIKE: *out = HB_PATTERN_ILIKE; return true;
    case HB_OP_WILDCARD: *out = HB_PATTERN_WILDCARD; return true;
    case HB_OP_REGEX: *out = HB_PATTERN_REGEX; return true;
    case HB_OP_HAS_WORDS: *out = HB_PATTERN_HAS_WORDS; return true;
    default: return false;
    }
}

static bool op_reads_null_as_empty(hb_op op) {
    return op == HB_OP_MATCH || op == HB_OP_LIKE || op == HB_OP_ILIKE || op == HB_OP_WILDCARD ||
           op == HB_OP_REGEX;
}

static hb_status unsupported(const hb_leaf *leaf, const hb_type *type, hb_err *err) {
    hb_str op = hb_op_name(leaf->op);
    hb_str name = hb_type_name(type->id);
    hb_err_set(err, HB_E_UNSUPPORTED, "the operator '%.*s' is not defined for %.*s fields",
               HB_ARG(op), HB_ARG(name));
    return hb_err_where(err, HB_STR_EMPTY, leaf->field, HB_STR_EMPTY);
}

/* Whether the text holds a word at all: "every word of nothing" must not match everything. */
static hb_status text_has_word(hb_str text, const hb_mem *mem, bool *out, hb_err *err) {
    hb_words words;
    hb_words_init(&words, text, mem);
    hb_str word;
    *out = hb_words_next(&words, &word);
    bool failed = words.fold.failed;
    hb_words_free(&words);
    return failed ? hb_err_memory(err) : HB_OK;
}

static hb_status leaf_make_pattern(hb_leaf *leaf, hb_pattern_kind kind, const hb_mem *mem,
                                   hb_err *err) {
    leaf->how = HB_LEAF_PATTERN;
    leaf->cost = kind == HB_PATTERN_REGEX || kind == HB_PATTERN_HAS_WORDS ? BIG_COST : 16;
    if (kind == HB_PATTERN_HAS_WORDS) {
        bool any = false;
        HB_TRY(text_has_word(leaf->value.as.s, mem, &any, err));
        if (!any) {
            leaf->how = HB_LEAF_FALSE;
            return HB_OK;
        }
    }
    hb_status status = hb_pattern_new(kind, leaf->value.as.s, mem, &leaf->pattern, err);
    if (status != HB_OK) {
        hb_err_where(err, HB_STR_EMPTY, leaf->field, HB_STR_EMPTY);
        return status;
    }
    if (op_reads_null_as_empty(leaf->op)) {
        leaf->null_result = hb_pattern_test(leaf->pattern, HB_STR_EMPTY) == 1;
    }
    return HB_OK;
}

static uint64_t number_bits(const hb_value *value) {
    uint64_t bits;
    double number;
    switch ((int)value->kind) {
    case HB_KIND_BOOL: return value->as.b ? 1 : 0;
    case HB_KIND_I64: return (uint64_t)value->as.i;
    default: break;
    }
    number = value->as.f + 0.0;     /* -0.0 becomes 0.0 */
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static uint32_t bits_slot(uint64_t bits, uint32_t mask) {
    return (uint32_t)((bits * 0x9e3779b97f4a7c15ull) >> 32) & mask;
}

static bool set_add_bits(hb_leaf_set *set, uint64_t bits) {
    uint32_t at = bits_slot(bits, set->slot_mask);
    while (set->used[at] != 0) {
        if (set->slots[at] == bits) {
            return true;
        }
        at = (at + 1) & set->slot_mask;
    }
    set->slots[at] = bits;
    set->used[at] = 1;
    return true;
}

static bool set_has_bits(const hb_leaf_set *set, uint64_t bits) {
    uint32_t at = bits_slot(bits, set->slot_mask);
    while (set->used[at] != 0) {
        if (set->slots[at] == bits) {
            return true;
        }
        at = (at + 1) & set->slot_mask;
    }
    return false;
}

static hb_status set_make(hb_leaf *leaf, hb_arena *arena, hb_err *err) {
    hb_leaf_set *set = &leaf->set;
    hb_map_init(&set->texts, arena->mem);
    if (set->count <= SET_LINEAR_MAX || leaf->path_len > 0) {
        return HB_OK;
    }
    if (leaf->kind == HB_KIND_TEXT) {
        if (!hb_map_reserve(&set->texts, set->count)) {
            return hb_err_memory(err);
        }
        for (uint32_t i = 0; i < set->count; i++) {
            if (!hb_map_put(&set->texts, set->list[i].as.s, i)) {
                return hb_err_memory(err);
            }
        }
        return HB_OK;
    }
    if (leaf->kind != HB_KIND_I64 && leaf->kind != HB_KIND_F64) {
        return HB_OK;
    }
    uint32_t cap = 16;
    while (cap < set->count * 2) {
        cap *= 2;
    }
    set->slots = HB_NEW_ARRAY(arena, uint64_t, cap);
    set->used = HB_NEW_ARRAY(arena, uint8_t, cap);
    if (set->slots == NULL || set->used == NULL) {
        return hb_err_memory(err);
    }
    set->slot_mask = cap - 1;
    for (uint32_t i = 0; i < set->count; i++) {
        set_add_bits(set, number_bits(&set->list[i]));
    }
    return HB_OK;
}

/* An operand in the physical kind of the field: a number literal may arrive as the other number
 * kind, a scalar for a Json field must become a pack. */
static hb_status operand_fit(hb_kind kind, const hb_value *in, hb_arena *arena, hb_value *out,
                             hb_err *err) {
    *out = *in;
    if (in->kind == kind || in->kind == HB_KIND_NULL) {
        return HB_OK;
    }
    if (kind == HB_KIND_PACK) {
        hb_buf buf;
        hb_buf_init(&buf, arena->mem);
        hb_pack_value(&buf, in);
        hb_str copy = hb_arena_str(arena, hb_buf_str(&buf));
        bool failed = buf.failed || copy.ptr == NULL;
        hb_buf_free(&buf);
        *out = (hb_value){ .kind = HB_KIND_PACK, .as.s = copy };
        return failed ? hb_err_memory(err) : HB_OK;
    }
    return HB_OK;       /* compared by value; never equal when the kinds do not mix */
}

static hb_status list_fit(hb_leaf *leaf, const hb_expr *expr, hb_arena *arena, hb_err *err) {
    hb_value *list = hb_arena_array(arena, expr->list_count, sizeof(*list));
    if (list == NULL) {
        return hb_err_memory(err);
    }
    bool same = true;
    for (uint32_t i = 0; i < expr->list_count; i++) {
        if (leaf->path_len > 0) {
            list[i] = expr->list[i];
            continue;
        }
        HB_TRY(operand_fit(leaf->kind, &expr->list[i], arena, &list[i], err));
        same = same && list[i].kind == leaf->kind;
    }
    leaf->set.list = list;
    leaf->set.count = expr->list_count;
    if (!same) {        /* mixed numbers: keep to the linear list, which compares by value */
        hb_map_init(&leaf->set.texts, arena->mem);
        return HB_OK;
    }
    return set_make(leaf, arena, err);
}

static hb_status leaf_choose_compare(hb_leaf *leaf, const hb_type *type, hb_err *err) {
    bool scalar = leaf->kind == HB_KIND_BOOL || leaf->kind == HB_KIND_I64 ||
                  leaf->kind == HB_KIND_F64 || leaf->kind == HB_KIND_TEXT;
    if (hb_op_in(leaf->op, HB_OPS_ORDER) && !scalar) {
        return unsupported(leaf, type, err);
    }
    if (leaf->value.kind == HB_KIND_NULL) {
        leaf->how = leaf->op == HB_OP_EQ   ? HB_LEAF_NULL
                    : leaf->op == HB_OP_NE ? HB_LEAF_NOT_NULL
                                           : HB_LEAF_FALSE;
        leaf->null_result = leaf->op == HB_OP_EQ;
        return HB_OK;
    }
    leaf->how = scalar && leaf->value.kind == leaf->kind ? HB_LEAF_COMPARE : HB_LEAF_EQUAL;
    leaf->cost = leaf->kind == HB_KIND_TEXT ? 4 : scalar ? 1 : 16;
    /* Whole Json values: null matches neither eq nor ne. */
    leaf->null_result = leaf->op == HB_OP_NE && type->id != HB_TYPE_JSON;
    return HB_OK;
}

static hb_status leaf_choose_keyword(hb_leaf *leaf, const hb_type *type, hb_arena *arena,
                                     hb_err *err) {
    if (leaf->kind != HB_KIND_TEXT && type->id != HB_TYPE_ARRAY)
        return unsupported(leaf, type, err);
    leaf->how = HB_LEAF_FALSE;
    if (leaf->value.kind != HB_KIND_TEXT) return HB_OK;
    hb_buf_init(&leaf->scratch, arena->mem);
    hb_text_keyword(leaf->value.as.s, &leaf->scratch, NULL);
    HB_TRY(hb_buf_check(&leaf->scratch, err));
    leaf->value.as.s = hb_arena_str(arena, hb_buf_str(&leaf->scratch));
    if (leaf->value.as.s.ptr == NULL) return hb_err_memory(err);
    leaf->how = HB_LEAF_KEYWORD;
    leaf->cost = 48;
    return HB_OK;
}

static hb_status leaf_choose(hb_leaf *leaf, const hb_type *type, const hb_expr *expr,
                             hb_arena *arena, hb_leaf **chain, hb_err *err) {
    hb_pattern_kind pattern;
    hb_op op = leaf->op;
    if (leaf->path_len > 0 || (type->id == HB_TYPE_JSON && hb_op_in(op, HB_OPS_ORDER))) {
        leaf->how = HB_LEAF_PATH; /* or the whole of it, for having */
        leaf->cost = 32;
        bool known = op == HB_OP_EQ || op == HB_OP_NE || op == HB_OP_IN || op == HB_OP_IS_NULL ||
                     op == HB_OP_CONTAINS || op == HB_OP_ARRAY_CONTAINS ||
                     hb_op_in(op, HB_OPS_ORDER);
        if (!known || type->id != HB_TYPE_JSON) {
            return unsupported(leaf, type, err);
        }
        leaf->null_result = op == HB_OP_IS_NULL;    /* nothing there: path missing or JSON null */
        return op == HB_OP_IN ? list_fit(leaf, expr, arena, err) : HB_OK;
    }
    if (op == HB_OP_IS_NULL) {
        leaf->how = HB_LEAF_NULL;
        leaf->null_result = true;
        return HB_OK;
    }
    if (op == HB_OP_IN) {
        leaf->how = HB_LEAF_IN;
        leaf->cost = 6;
        leaf->null_result = expr->list_has_null;
        return list_fit(leaf, expr, arena, err);
    }
    if (op == HB_OP_EXISTS || op == HB_OP_ALL) {
        leaf->how = HB_LEAF_ITEMS;
        leaf->cost = BIG_COST;
        if (type->id != HB_TYPE_HYPER_G) {
            return unsupported(leaf, type, err);
        }
        return hb_leaf_items_new(leaf, type, expr, arena, chain, err);
    }
    if (op == HB_OP_ARRAY_CONTAINS || (op == HB_OP_CONTAINS && type->id == HB_TYPE_ARRAY)) {
        leaf->how = leaf->value.kind == HB_KIND_NULL ? HB_LEAF_FALSE : HB_LEAF_ARRAY;
        leaf->cost = 24;
        return type->id == HB_TYPE_ARRAY ? HB_OK : unsupported(leaf, type, err);
    }
    if (pattern_kind(op, &pattern)) {
        if (leaf->kind != HB_KIND_TEXT) {
            return unsupported(leaf, type, err);
        }
        if (leaf->value.kind != HB_KIND_TEXT) {
            leaf->how = HB_LEAF_FALSE;
            return HB_OK;
        }
        return leaf_make_pattern(leaf, pattern, arena->mem, err);
    }
    if (op == HB_OP_CONTAINED_IN) {
        return leaf_choose_keyword(leaf, type, arena, err);
    }
    HB_TRY(operand_fit(leaf->kind, &expr->value, arena, &leaf->value, err));
    return leaf_choose_compare(leaf, type, err);
}

hb_status hb_leaf_new(const hb_type *type, hb_str field, const hb_expr *expr, hb_arena *arena,
                      hb_leaf **chain, hb_leaf **out, hb_err *err) {
    hb_leaf *leaf = HB_NEW(arena, hb_leaf);
    if (leaf == NULL) {
        return hb_err_memory(err);
    }
    leaf->op = expr->op;
    leaf->kind = hb_type_kind(type);
    leaf->field = field;
    leaf->value = expr->value;
    leaf->path = expr->path;
    leaf->path_len = expr->path_len;
    leaf->cost = 1;
    leaf->next = *chain;
    *chain = leaf;
    *out = leaf;
    return leaf_choose(leaf, type, expr, arena, chain, err);
}

void hb_leaf_free_chain(hb_leaf *chain) {
    for (hb_leaf *leaf = chain; leaf != NULL; leaf = leaf->next) {
        hb_pattern_free(leaf->pattern);
        leaf->pattern = NULL;
        if (leaf->scratch.mem != NULL) hb_buf_free(&leaf->scratch);
        if (leaf->set.texts.mem != NULL) {
            hb_map_free(&leaf->set.texts);
        }
    }
}

/* ---- one value ------------------------------------------------------------------------- */

static bool order_holds(hb_op op, int cmp) {
    switch ((int)op) {
    case HB_OP_EQ: return cmp == 0;
    case HB_OP_NE: return cmp != 0;
    case HB_OP_LT: return cmp < 0;
    case HB_OP_LTE: return cmp <= 0;
    case HB_OP_GT: return cmp > 0;
    default: return cmp >= 0;
    }
}

static bool is_number(const hb_value *value) {
    return value->kind == HB_KIND_I64 || value->kind == HB_KIND_F64;
}

static bool set_has(const hb_leaf *leaf, const hb_value *value) {
    const hb_leaf_set *set = &leaf->set;
    if (set->slots != NULL && value->kind == leaf->kind) {
        return set_has_bits(set, number_bits(value));
    }
    if (set->texts.count > 0 && value->kind == HB_KIND_TEXT) {
        return hb_map_find(&set->texts, value->as.s) != HB_MAP_NONE;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (hb_value_eq(value, &set->list[i])) {
            return true;
        }
    }
    return false;
}

/* Equality of a packed item and an operand; numbers by value, a boolean is not a number. */
static bool item_equal(const hb_pack_item *item, hb_str whole, const hb_value *operand) {
    switch ((int)item->tag) {
    case HB_PACK_NIL: return false;
    case HB_PACK_BOOL: return operand->kind == HB_KIND_BOOL && operand->as.b == item->b;
    case HB_PACK_INT: {
        if (operand->kind == HB_KIND_I64) {
            return operand->as.i == item->i;
        }
        hb_value value = { .kind = HB_KIND_I64, .as.i = item->i };
        return operand->kind == HB_KIND_F64 && hb_value_eq(&value, operand);
    }
    case HB_PACK_FLOAT: {
        hb_value value = { .kind = HB_KIND_F64, .as.f = item->f };
        return is_number(operand) && hb_value_eq(&value, operand);
    }
    case HB_PACK_STR: return operand->kind == HB_KIND_TEXT && hb_str_eq(item->s, operand->as.s);
    case HB_PACK_BIN: return operand->kind == HB_KIND_BYTES && hb_str_eq(item->s, operand->as.s);
    default: break;
    }
    if (operand->kind == HB_KIND_PACK) {
        return hb_pack_eq(whole, operand->as.s);
    }
    return false;
}

static bool array_has(hb_str bytes, const hb_value *operand) {
    hb_value bare = *operand;
    if (operand->kind == HB_KIND_PACK && !hb_leaf_unpack(operand->as.s, &bare)) {
        return false;
    }
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item) || item.tag != HB_PACK_ARRAY) {
        return false;
    }
    for (uint32_t left = item.count; left > 0; left--) {
        hb_pack_reader ahead = reader;
        hb_str whole;
        hb_pack_item head;
        if (!hb_pack_next(&ahead, &head)) {
            return false;
        }
        if (head.tag == HB_PACK_ARRAY || head.tag == HB_PACK_MAP || head.tag == HB_PACK_EXT) {
            if (!hb_pack_skip(&reader, &whole)) {
                return false;
            }
        } else {
            whole = head.raw;
            reader = ahead;
        }
        if (item_equal(&head, whole, &bare)) {
            return true;
        }
    }
    return false;
}

/* 0 null, 1 boolean, 2 number, 3 text, 4 list, 5 mapping, 6 other. */
static int json_class(const hb_value *value) {
    switch ((int)value->kind) {
    case HB_KIND_NULL: return 0;
    case HB_KIND_BOOL: return 1;
    case HB_KIND_I64:
    case HB_KIND_F64: return 2;
    case HB_KIND_TEXT: return 3;
    case HB_KIND_PACK: break;
    default: return 6;
    }
    hb_pack_reader reader = hb_pack_read(value->as.s);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item)) {
        return 6;
    }
    return item.tag == HB_PACK_ARRAY ? 4 : item.tag == HB_PACK_MAP ? 5 : 6;
}

/* Strict in the JSON kind: a value of another kind never matches, not even `ne`. */
static bool json_holds(hb_op op, const hb_value *found, const hb_value *given) {
    hb_value operand = *given;
    if (given->kind == HB_KIND_PACK && !hb_leaf_unpack(given->as.s, &operand)) {
        return false;
    }
    int kind = json_class(found);
    if (kind == 0 || operand.kind == HB_KIND_NULL) {
        return false;
    }
    if (op == HB_OP_CONTAINS || op == HB_OP_ARRAY_CONTAINS) {
        if (kind == 3 && op == HB_OP_CONTAINS) {
            return operand.kind == HB_KIND_TEXT && hb_str_find(found->as.s, operand.as.s, 0) >= 0;
        }
        return kind == 4 && array_has(found->as.s, &operand);
    }
    if (kind != json_class(&operand)) {
        return false;
    }
    if (op == HB_OP_EQ || op == HB_OP_NE) {
        return hb_value_eq(found, &operand) == (op == HB_OP_EQ);
    }
    return (kind == 2 || kind == 3) && order_holds(op, hb_value_cmp(found, &operand));
}

static bool path_test(const hb_leaf *leaf, const hb_value *value) {
    hb_str bytes;
    hb_value found;
    if (value->kind != HB_KIND_PACK ||
        !hb_pack_path(value->as.s, leaf->path, leaf->path_len, &bytes) ||
        !hb_leaf_unpack(bytes, &found)) {
        return leaf->op == HB_OP_IS_NULL;
    }
    if (leaf->op == HB_OP_IS_NULL) {
        return found.kind == HB_KIND_NULL;
    }
    if (leaf->op != HB_OP_IN) {
        return json_holds(leaf->op, &found, &leaf->value);
    }
    for (uint32_t i = 0; i < leaf->set.count; i++) {
        if (json_holds(HB_OP_EQ, &found, &leaf->set.list[i])) {
            return true;
        }
    }
    return false;
}

/* -1 when memory runs out: no row may be lost for that. */
static int keyword_test(hb_leaf *leaf, hb_str text) {
    hb_buf_clear(&leaf->scratch);
    hb_text_keyword(text, &leaf->scratch, NULL);
    if (leaf->scratch.failed || leaf->scratch.over) return -1;
    return leaf->scratch.len > 0 &&
           hb_str_find(leaf->value.as.s, hb_buf_str(&leaf->scratch), 0) >= 0;
}

/* A number stands in texts as JSON writes it. */
static int keyword_number(hb_leaf *leaf, hb_str packed) {
    hb_buf text;
    hb_buf_init(&text, leaf->scratch.mem);
    hb_status status = hb_pack_to_json(packed, 0, false, &text, NULL);
    bool failed = status != HB_OK || text.failed || text.over;
    int hit = failed ? -1 : keyword_test(leaf, hb_buf_str(&text));
    hb_buf_free(&text);
    return hit;
}

static int keyword_in_list(hb_leaf *leaf, hb_str bytes) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY) return 0;
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        hb_value item;
        if (!hb_pack_skip(&reader, &whole) || !hb_leaf_unpack(whole, &item)) return 0;
        int hit = 0;
        if (item.kind == HB_KIND_TEXT) hit = keyword_test(leaf, item.as.s);
        if (is_number(&item)) hit = keyword_number(leaf, whole);
        if (hit != 0) return hit;
    }
    return 0;
}

int hb_leaf_test(hb_leaf *leaf, const hb_value *value) {
    if (value->kind == HB_KIND_NULL) {
        return leaf->null_result ? 1 : 0;
    }
    switch (leaf->how) {
    case HB_LEAF_FALSE:
    case HB_LEAF_NULL: return 0;
    case HB_LEAF_NOT_NULL: return 1;
    case HB_LEAF_COMPARE:
        if (value->kind != leaf->kind && !(is_number(value) && is_number(&leaf->value))) {
            return leaf->op == HB_OP_NE;
        }
        return order_holds(leaf->op, hb_value_cmp(value, &leaf->value)) ? 1 : 0;
    case HB_LEAF_EQUAL:
        if (hb_op_in(leaf->op,
                     HB_OPS_ORDER)) {    /* the operand's number kind differs from the field's */
            return is_number(value) && is_number(&leaf->value) &&
                   order_holds(leaf->op, hb_value_cmp(value, &leaf->value));
        }
        return hb_value_eq(value, &leaf->value) == (leaf->op == HB_OP_EQ) ? 1 : 0;
    case HB_LEAF_IN: return set_has(leaf, value) ? 1 : 0;
    case HB_LEAF_PATTERN:
        return value->kind == HB_KIND_TEXT ? hb_pattern_test(leaf->pattern, value->as.s) : 0;
    case HB_LEAF_ARRAY:
        return value->kind == HB_KIND_PACK && array_has(value->as.s, &leaf->value) ? 1 : 0;
    case HB_LEAF_PATH: return path_test(leaf, value) ? 1 : 0;
    case HB_LEAF_KEYWORD:
        if (value->kind == HB_KIND_TEXT) return keyword_test(leaf, value->as.s);
        return value->kind == HB_KIND_PACK ? keyword_in_list(leaf, value->as.s) : 0;
    case HB_LEAF_ITEMS:
        return value->kind == HB_KIND_PACK ? hb_leaf_items_test(leaf, value->as.s) : 0;
    }
    return 0;
}

/* ---- chunks ---------------------------------------------------------------------------- */

/* The loops below look at every row, masked or not, so that compilers can vectorise them. */
#define COMPARE_LOOP(type, oper, operand)                                                          \
    do {                                                                                           \
        const type *cells = (const type *)column->data; /* NULL in an empty column */              \
        if (rows == NULL) {                                                                        \
            for (uint32_t i = 0; i < count; i++) {                                                 \
                hits[i] = (uint8_t)(cells[(size_t)base + i] oper(operand));                        \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i = 0; i < count; i++) {                                                 \
                hits[i] = (uint8_t)(cells[rows[i]] oper(operand));                                 \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#define COMPARE_OPS(type, operand)                                                                 \
    do {                                                                                           \
        switch ((int)op) {                                                                         \
        case HB_OP_EQ: COMPARE_LOOP(type, ==, operand); break;                                     \
        case HB_OP_NE: COMPARE_LOOP(type, !=, operand); break;                                     \
        case HB_OP_LT: COMPARE_LOOP(type, <, operand); break;                                      \
        case HB_OP_LTE: COMPARE_LOOP(type, <=, operand); break;                                    \
        case HB_OP_GT: COMPARE_LOOP(type, >, operand); break;                                      \
        default: COMPARE_LOOP(type, >=, operand); break;                                           \
        }                                                                                          \
    } while (0)

static void hits_bool(hb_op op, const hb_column *column, const uint32_t *rows, uint32_t base,
                      uint32_t count, uint8_t operand, uint8_t *restrict hits) {
    COMPARE_OPS(uint8_t, operand);
}

static void hits_i64(hb_op op, const hb_column *column, const uint32_t *rows, uint32_t base,
                     uint32_t count, int64_t operand, uint8_t *restrict hits) {
    COMPARE_OPS(int64_t, operand);
}

static void hits_f64(hb_op op, const hb_column *column, const uint32_t *rows, uint32_t base,
                     uint32_t count, double operand, uint8_t *restrict hits) {
    COMPARE_OPS(double, operand);
}

/* valid[i] = 1 where the cell has a value. */
static void load_valid(const hb_column *column, const uint32_t *rows, uint32_t base, uint32_t count,
                       uint8_t *restrict valid) {
    if (column->state == NULL) {
        memset(valid, 1, count);
    } else if (rows == NULL) {
        const uint8_t *state = column->state + base;
        for (uint32_t i = 0; i < count; i++) {
            valid[i] = (uint8_t)(state[i] == HB_CELL_VALUE);
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            valid[i] = (uint8_t)(column->state[rows[i]] == HB_CELL_VALUE);
        }
    }
}

static void mask_numbers(const hb_leaf *leaf, const hb_column *column, const uint32_t *rows,
                         uint32_t base, uint32_t count, uint8_t *restrict mask) {
    uint8_t hits[HB_EVAL_CHUNK];
    uint8_t valid[HB_EVAL_CHUNK];
    if (leaf->kind == HB_KIND_BOOL) {
        hits_bool(leaf->op, column, rows, base, count, leaf->value.as.b ? 1 : 0, hits);
    } else if (leaf->kind == HB_KIND_I64) {
        hits_i64(leaf->op, column, rows, base, count, leaf->value.as.i, hits);
    } else {
        hits_f64(leaf->op, column, rows, base, count, leaf->value.as.f, hits);
    }
    load_valid(column, rows, base, count, valid);
    uint8_t null_hit = leaf->null_result ? 1 : 0;
    for (uint32_t i = 0; i < count; i++) {
        mask[i] &= (uint8_t)((hits[i] & valid[i]) | (uint8_t)(null_hit & (valid[i] ^ 1)));
    }
}

static void mask_nulls(bool null_hit, const hb_column *column, const uint32_t *rows, uint32_t base,
                       uint32_t count, uint8_t *restrict mask) {
    uint8_t valid[HB_EVAL_CHUNK];
    load_valid(column, rows, base, count, valid);
    uint8_t flip = null_hit ? 1 : 0;
    for (uint32_t i = 0; i < count; i++) {
        mask[i] &= (uint8_t)(valid[i] ^ flip);
    }
}

static bool text_holds(const hb_leaf *leaf, hb_str text) {
    hb_str operand = leaf->value.as.s;
    if (leaf->op == HB_OP_EQ) {
        return hb_str_eq(text, operand);
    }
    if (leaf->op == HB_OP_NE) {
        return !hb_str_eq(text, operand);
    }
    return order_holds(leaf->op, hb_str_cmp(text, operand));
}

static int mask_cells(hb_leaf *leaf, const hb_column *column, const uint32_t *rows, uint32_t base,
                      uint32_t count, uint8_t *mask) {
    bool text =
        leaf->how == HB_LEAF_COMPARE && column->kind == HB_KIND_TEXT && leaf->kind == HB_KIND_TEXT;
    for (uint32_t i = 0; i < count; i++) {
        if (mask[i] == 0) {
            continue;
        }
        uint32_t row = rows != NULL ? rows[i] : base + i;
        if (text && hb_column_cell(column, row) == HB_CELL_VALUE) {
            mask[i] = text_holds(leaf, hb_column_span(column, row)) ? 1 : 0;
            continue;
        }
        hb_value value = hb_column_get(column, row);
        int hit = hb_leaf_test(leaf, &value);
        if (hit < 0) {
            return -1;
        }
        mask[i] = (uint8_t)hit;
    }
    return 0;
}

int hb_leaf_mask(hb_leaf *leaf, const hb_column *column, const uint32_t *rows, uint32_t base,
                 uint32_t count, uint8_t *mask) {
    if (column == NULL || column->kind == HB_KIND_NULL) {
        if (!leaf->null_result) {
            memset(mask, 0, count);
        }
        return 0;
    }
    if (leaf->how == HB_LEAF_FALSE) {
        memset(mask, 0, count);
        return 0;
    }
    if (leaf->how == HB_LEAF_NULL || leaf->how == HB_LEAF_NOT_NULL) {
        mask_nulls(leaf->how == HB_LEAF_NULL, column, rows, base, count, mask);
        return 0;
    }
    bool number =
        leaf->kind == HB_KIND_BOOL || leaf->kind == HB_KIND_I64 || leaf->kind == HB_KIND_F64;
    if (leaf->how == HB_LEAF_COMPARE && number && column->kind == leaf->kind) {
        mask_numbers(leaf, column, rows, base, count, mask);
        return 0;
    }
    return mask_cells(leaf, column, rows, base, count, mask);
}
