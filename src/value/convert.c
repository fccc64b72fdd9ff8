// SPDX-License-Identifier: MIT
#include "value/convert.h"

#include "value/coerce_parts.h"

static hb_status loses(const hb_type *to, hb_err *err) {
    return hb_err_set(err, HB_E_VALIDATION, "the value has no exact equal as %.*s",
                      HB_ARG(hb_type_name(to->id)));
}

static int64_t unit_us(hb_time_unit unit) {
    return unit == HB_UNIT_S ? 1000000 : unit == HB_UNIT_MS ? 1000 : 1;
}

/* The same time in another unit; as input it may be cut to the unit in which it began. */
static hb_status rescale(const hb_type *from, const hb_type *to, hb_convert_how how, int64_t value,
                         hb_value *out, hb_err *err) {
    const int64_t a = unit_us(from->unit), b = unit_us(to->unit);
    int64_t scaled = value;
    if (a > b && __builtin_mul_overflow(value, a / b, &scaled)) return loses(to, err);
    if (b > a) {
        if (value % (b / a) != 0 && how == HB_CONVERT_EXACT) return loses(to, err);
        scaled = value / (b / a);
    }
    if (!hb_coerce_int_fits(to, scaled)) return hb_coerce_int_error(to, scaled, err);
    *out = (hb_value){ HB_KIND_I64, { .i = scaled } };
    return HB_OK;
}

static bool is_text_type(const hb_type *type) {
    return type != NULL && hb_type_kind(type) == HB_KIND_TEXT;
}

/* Did a number stay the number, a list the list? Texts that are parsed or written are exact. */
static bool is_exact(const hb_type *from, const hb_type *to, const hb_value *in,
                     const hb_value *out) {
    const bool number = in->kind == HB_KIND_I64 || in->kind == HB_KIND_F64;
    if (number && (out->kind == HB_KIND_I64 || out->kind == HB_KIND_F64)) {
        return hb_value_eq(in, out);
    }
    if (out->kind == HB_KIND_BOOL) return in->kind != HB_KIND_PACK && in->kind != HB_KIND_VEC;
    if (in->kind == HB_KIND_PACK && out->kind == HB_KIND_PACK) {
        return is_text_type(from->item) || is_text_type(to->item) || hb_value_eq(in, out);
    }
    return out->kind != HB_KIND_NULL;
}

static hb_status convert_value(const hb_type *from, const hb_type *to, hb_convert_how how,
                               const hb_value *in, hb_arena *arena, hb_value *out, hb_err *err) {
    if (from->id == HB_TYPE_TIMESTAMP && to->id == HB_TYPE_TIMESTAMP) {
        return rescale(from, to, how, in->as.i, out, err);
    }
    hb_value value = *in;
    if (in->kind == HB_KIND_PACK) HB_TRY(hb_pack_to_value(in->as.s, arena, &value, err));
    if (hb_coerce_value(to, &value, arena, out, err) != HB_OK) {
        if (err->code != HB_E_MEMORY) err->code = HB_E_VALIDATION; /* a value, never an argument */
        return err->code;
    }
    const bool fits = how == HB_CONVERT_AS_INPUT || is_exact(from, to, &value, out);
    return fits ? HB_OK : loses(to, err);
}

/* What is refused as input is null, unless memory was short. */
static hb_status let_go(hb_status status, hb_convert_how how, hb_value *value, hb_err *err) {
    if (status == HB_OK || status == HB_E_MEMORY || how == HB_CONVERT_EXACT) return status;
    hb_err_init(err);
    *value = (hb_value){ .kind = HB_KIND_NULL };
    return HB_OK;
}

hb_status hb_convert_column(const hb_type *from, const hb_type *to, hb_convert_how how,
                            const hb_column *in, uint32_t row_count, hb_colbuf *out,
                            uint32_t *bad_row, hb_err *err) {
    hb_arena scratch;
    hb_arena_init(&scratch, out->mem);
    hb_status status = HB_OK;
    *bad_row = 0;
    for (uint32_t row = 0; row < row_count && status == HB_OK; row++) {
        hb_value value = { .kind = HB_KIND_NULL };
        *bad_row = row;
        hb_arena_reset(&scratch);
        if (hb_column_cell(in, row) == HB_CELL_VALUE) {
            const hb_value stored = hb_column_get(in, row);
            status = convert_value(from, to, how, &stored, &scratch, &value, err);
            status = let_go(status, how, &value, err);
        }
        if (status == HB_OK && !hb_colbuf_add(out, &value)) status = hb_err_memory(err);
    }
    hb_arena_free(&scratch);
    return status;
}
