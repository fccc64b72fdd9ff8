// SPDX-License-Identifier: MIT
/* The clause traverse: its shape and numbers. The workspace resolves the relation. */
#include "base/num.h"
#include "query/spec.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

static const hb_str direction_names[] = { S("out"), S("in"), S("any") };

hb_str hb_direction_name(hb_direction direction) {
    return direction_names[direction];
}

bool hb_direction_find(hb_str name, hb_direction *out) {
    for (uint32_t i = 0; i < 3; i++) {
        if (!hb_str_eq(name, direction_names[i])) continue;
        *out = (hb_direction)i;
        return true;
    }
    return false;
}

static hb_status start_text(bind_ctx *ctx, const hb_value *value, hb_str *out, hb_err *err) {
    if (value->kind == HB_KIND_I64) {
        char digits[HB_NUM_TEXT_MAX];
        *out = hb_arena_str(ctx->arena, hb_str_n(digits, hb_num_write_i64(value->as.i, digits)));
        return out->ptr != NULL ? HB_OK : hb_err_memory(err);
    }
    if (value->kind != HB_KIND_TEXT || value->as.s.len == 0) {
        return hb_err_set(err, HB_E_TYPE,
                          "traverse.start takes an object_id, or a list of an "
                          "entity and an object_id");
    }
    *out = value->as.s;
    return HB_OK;
}

/* "a", or ["person", "a"]. */
static hb_status traverse_start(bind_ctx *ctx, yyjson_val *json, hb_traverse *out, hb_err *err) {
    hb_value value;
    if (yyjson_is_arr(json) && yyjson_arr_size(json) == 2) {
        HB_TRY(bind_operand(ctx, yyjson_arr_get(json, 0), &value, err));
        HB_TRY(start_text(ctx, &value, &out->start_entity, err));
        json = yyjson_arr_get(json, 1);
    }
    HB_TRY(bind_operand(ctx, json, &value, err));
    return start_text(ctx, &value, &out->start, err);
}

static hb_status traverse_hops(bind_ctx *ctx, yyjson_val *json, const char *what, uint32_t *out,
                               hb_err *err) {
    int64_t hops;
    if (yyjson_is_null(json)) return HB_OK;
    HB_TRY(bind_whole(ctx, json, what, &hops, err));
    if (hops < 0) return hb_err_set(err, HB_E_QUERY, "%s must be zero or more", what);
    if (hops > HB_HOPS_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "%s exceeds the maximum of %u", what, HB_HOPS_MAX);
    }
    *out = (uint32_t)hops;
    return HB_OK;
}

static hb_status traverse_direction(yyjson_val *json, hb_traverse *out, hb_err *err) {
    if (yyjson_is_null(json)) return HB_OK;
    hb_str word = yyjson_is_str(json) ? spec_str(json) : HB_STR_EMPTY;
    if (hb_direction_find(word, &out->direction)) return HB_OK;
    hb_err_set(err, HB_E_QUERY, "traverse.direction is 'out', 'in' or 'any'");
    return hb_err_hint(err, word, direction_names, 3);
}

static hb_status traverse_key(bind_ctx *ctx, hb_str key, yyjson_val *value, hb_traverse *out,
                              hb_err *err) {
    static const hb_str known[] = { S("field"), S("start"), S("min_hops"), S("max_hops"),
                                    S("direction") };
    if (hb_str_eq(key, known[0])) {
        if (!yyjson_is_str(value)) {
            return hb_err_set(err, HB_E_TYPE, "traverse.field takes a text, got a %s",
                              spec_kind_name(value));
        }
        out->field = spec_str(value);
        return HB_OK;
    }
    if (hb_str_eq(key, known[1])) return traverse_start(ctx, value, out, err);
    if (hb_str_eq(key, known[2])) {
        return traverse_hops(ctx, value, "traverse.min_hops", &out->min_hops, err);
    }
    if (hb_str_eq(key, known[3])) {
        return traverse_hops(ctx, value, "traverse.max_hops", &out->max_hops, err);
    }
    if (hb_str_eq(key, known[4])) return traverse_direction(value, out, err);
    return spec_unknown_key("traverse", key, known, 5, err);
}

hb_status bind_traverse(bind_ctx *ctx, hb_query *query, hb_err *err) {
    yyjson_val *json = ctx->spec->traverse;
    if (json == NULL || yyjson_is_null(json)) return HB_OK;
    if (!yyjson_is_obj(json)) {
        return hb_err_set(err, HB_E_TYPE, "traverse takes a mapping, got a %s",
                          spec_kind_name(json));
    }
    HB_TRY(spec_keys_unique(json, ctx->mem, "traverse", err));
    hb_traverse *out = HB_NEW(ctx->arena, hb_traverse);
    if (out == NULL) return hb_err_memory(err);
    out->min_hops = 1;
    out->max_hops = UINT32_MAX;
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key; key = yyjson_obj_iter_next(&iter)) {
        HB_TRY(traverse_key(ctx, spec_str(key), yyjson_obj_iter_get_val(key), out, err));
    }
    if (out->field.len == 0) return hb_err_set(err, HB_E_QUERY, "traverse needs 'field'");
    if (out->start.len == 0) return hb_err_set(err, HB_E_QUERY, "traverse needs 'start'");
    if (out->max_hops == UINT32_MAX) out->max_hops = out->min_hops > 1 ? out->min_hops : 1;
    if (out->min_hops > out->max_hops) {
        return hb_err_set(err, HB_E_QUERY, "traverse.min_hops is %u, more than max_hops, %u",
                          (unsigned)out->min_hops, (unsigned)out->max_hops);
    }
    query->traverse = out;
    return HB_OK;
}
