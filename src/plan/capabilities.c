// SPDX-License-Identifier: MIT
#include "plan/capabilities.h"

#include <cJSON.h>

#include "query/ir.h"
#include "value/json_tree.h"

#define EXTRA_OPS 3u
#define OPS_TOTAL (HB_OP_COUNT + EXTRA_OPS)
#define VARIANTS_MAX 3u

static hb_str op_name_at(uint32_t index) {
    static const hb_str extra[EXTRA_OPS] = { { "get", 3 }, { "near", 4 }, { "search", 6 } };
    return index < HB_OP_COUNT ? hb_op_name((hb_op)index) : extra[index - HB_OP_COUNT];
}

/* Types with parameters stand for all their forms: a row exists when one form has it. */
static uint32_t type_variants(hb_type_id id, hb_type out[VARIANTS_MAX]) {
    static const hb_type short_text = { .id = HB_TYPE_SHORT_TEXT, .max_chars = 255 };
    static const hb_type integer = { .id = HB_TYPE_INTEGER };
    static const hb_str member[1] = { { "a", 1 } };
    static const int64_t int_member[1] = { 1 };
    static const hb_type edge = { .id = HB_TYPE_IDENTIFIER,
                                  .max_chars = HB_ID_CHARS_MAX,
                                  .target_entity = { "slot", 4 } };
    static const hb_hyper_field column[1] = { { { "slot", 4 }, &short_text, true, true } };
    static const hb_hyper_field lead[1] = { { { "slot", 4 }, &edge, true, true } };
    for (uint32_t i = 0; i < VARIANTS_MAX; i++) {
        out[i] = (hb_type){ .id = id };
    }
    switch (id) {
    case HB_TYPE_IDENTIFIER: out[0].max_chars = HB_ID_CHARS_MAX; return 1;
    case HB_TYPE_SHORT_TEXT: out[0].max_chars = 255; return 1;
    case HB_TYPE_MEDIUM_TEXT: out[0].max_chars = 4095; return 1;
    case HB_TYPE_LONG_TEXT: out[0].max_chars = 65535; return 1;
    case HB_TYPE_CATEGORICAL:
        out[0].values = member;
        out[1].int_base = true;
        out[1].int_values = int_member;
        out[0].value_count = out[1].value_count = 1;
        return 2;
    case HB_TYPE_TIMESTAMP:
        out[0].unit = HB_UNIT_MS;
        out[0].max = INT64_MAX;
        return 1;
    case HB_TYPE_ARRAY:
        out[1].item = &short_text;
        out[2].item = &integer;
        return 3;
    case HB_TYPE_VECTOR: out[0].dim = 2; return 1;
    case HB_TYPE_HYPER_G:
        out[0].columns = column;
        out[1].columns = lead;
        out[0].column_count = out[1].column_count = out[1].edge_column = 1;
        return 2;
    case HB_TYPE_INTEGER:
    case HB_TYPE_FLOAT:
    case HB_TYPE_BOOLEAN:
    case HB_TYPE_DATE:
    case HB_TYPE_DURATION:
    case HB_TYPE_JSON:
    case HB_TYPE_ARTIFACT:
    case HB_TYPE_COUNT: break;
    }
    return 1;
}

/* A backend is asked about what queries of the type can hold, in the form in which they reach it:
 * has(value) of a list is written `contains` too. */
static bool op_reaches(const hb_type *type, hb_str *name) {
    hb_op op;
    if (hb_str_eq(*name, HB_STR("search"))) {
        return hb_type_is_text(type) && type->id != HB_TYPE_DATE;
    }
    if (!hb_op_find(*name, &op)) return true;   /* get, near */
    if (type->id == HB_TYPE_ARRAY && op == HB_OP_CONTAINS) {
        op = HB_OP_ARRAY_CONTAINS;
        *name = hb_op_name(op);
    }
    return (hb_type_ops(type) >> (uint32_t)op & 1u) != 0;
}

/* The best answer over the forms of a type; false when no form has the row. */
static bool row_make(const hb_backend *backend, hb_type_id id, hb_strategy strategy, hb_str op,
                     hb_capability *row) {
    hb_type variants[VARIANTS_MAX];
    uint32_t count = type_variants(id, variants);
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        if (!backend->stores(&variants[i], strategy)) continue;
        hb_str asked = op;
        if (!op_reaches(&variants[i], &asked)) continue;
        hb_offer offer = backend->supports(&variants[i], strategy, asked);
        if (offer.claim == HB_NO || (found && !offer.native)) continue;
        found = true;
        row->native = offer.native;
        row->handler_kind = offer.handler_kind;
        row->reason = offer.reason;
    }
    return found;
}

void hb_capabilities_each(const hb_backend *const *types, uint32_t count, hb_capability_fn *fn,
                          void *user) {
    for (uint32_t b = 0; b < count; b++) {
        for (uint32_t t = 0; t < HB_TYPE_COUNT; t++) {
            for (uint32_t s = HB_STRATEGY_INLINE; s < HB_STRATEGY_COUNT; s++) {
                for (uint32_t o = 0; o < OPS_TOTAL; o++) {
                    hb_capability row = { .dtype = (hb_type_id)t,
                                          .op = op_name_at(o),
                                          .backend = b,
                                          .strategy = (hb_strategy)s };
                    if (row_make(types[b], row.dtype, row.strategy, row.op, &row) &&
                        !fn(user, &row))
                        return;
                }
            }
        }
    }
}

/* ---- the request ------------------------------------------------------------------------ */

typedef enum cap_method {
    METHOD_SUPPORTS,
    METHOD_STRATEGIES,
    METHOD_OPS,
    METHOD_BACKENDS,
    METHOD_LOGICAL_TYPES,
    METHOD_ROWS,
    METHOD_TOTAL
} cap_method;

static const hb_str method_names[METHOD_TOTAL] = {
    [METHOD_SUPPORTS] = { "supports", 8 },
    [METHOD_STRATEGIES] = { "strategies", 10 },
    [METHOD_OPS] = { "ops", 3 },
    [METHOD_BACKENDS] = { "backends", 8 },
    [METHOD_LOGICAL_TYPES] = { "logical_types", 13 },
    [METHOD_ROWS] = { "rows", 4 },
};

enum { MODE_NO = 0, MODE_FALLBACK = 1, MODE_NATIVE = 2 };

typedef struct cap_ask {
    const hb_backend *const *types;
    const hb_str *names;
    uint32_t count;
    cap_method method;
    bool has_dtype, has_op, has_backend, has_strategy;
    hb_type_id dtype;
    hb_str op;
    hb_str backend;
    hb_strategy strategy;
    uint8_t best[OPS_TOTAL];    /* by the dimension that the method lists (the longest) */
    uint8_t best_backend[HB_BACKENDS_MAX + 1];
    hb_buf *out;
    uint32_t row_count;
} cap_ask;

static const char *mode_name(uint8_t mode) {
    return mode == MODE_NATIVE ? "native" : mode == MODE_FALLBACK ? "fallback" : "no";
}

static bool backend_matches(const cap_ask *ask, uint32_t index) {
    const hb_backend *type = ask->types[index];
    if (ask->names != NULL && hb_str_eq(ask->names[index], ask->backend)) return true;
    if (hb_str_eq(hb_str_c(type->name), ask->backend)) return true;
    for (uint32_t i = 0; type->aliases != NULL && type->aliases[i] != NULL; i++) {
        if (hb_str_eq(hb_str_c(type->aliases[i]), ask->backend)) return true;
    }
    return false;
}

static bool row_matches(const cap_ask *ask, const hb_capability *row) {
    return (!ask->has_dtype || ask->dtype == row->dtype) &&
           (!ask->has_op || hb_str_eq(ask->op, row->op)) &&
           (!ask->has_strategy || ask->strategy == row->strategy) &&
           (!ask->has_backend || backend_matches(ask, row->backend));
}

static uint32_t op_index(hb_str op) {
    uint32_t index = 0;
    while (index < OPS_TOTAL && !hb_str_eq(op_name_at(index), op)) {
        index++;
    }
    return index;
}

static void write_row(cap_ask *ask, const hb_capability *row) {
    hb_buf_printf(ask->out, "%s{\"dtype\":\"%.*s\",\"op\":\"%.*s\",\"backend\":\"%s\",\"name\":",
                  ask->row_count++ == 0 ? "" : ",", HB_ARG(hb_type_name(row->dtype)),
                  HB_ARG(row->op), ask->types[row->backend]->name);
    if (ask->names != NULL) {
        hb_buf_add_json_str(ask->out, ask->names[row->backend]);
    } else {
        hb_buf_add_c(ask->out, "null");
    }
    hb_buf_printf(ask->out, ",\"strategy\":\"%.*s\",\"mode\":\"%s\"}",
                  HB_ARG(hb_strategy_name(row->strategy)),
                  mode_name(row->native ? MODE_NATIVE : MODE_FALLBACK));
}

static void note_best(uint8_t *best, const hb_capability *row) {
    uint8_t mode = row->native ? MODE_NATIVE : MODE_FALLBACK;
    if (mode > *best) {
        *best = mode;
    }
}

static bool ask_row(void *user, const hb_capability *row) {
    cap_ask *ask = user;
    if (!row_matches(ask, row)) return true;
    switch (ask->method) {
    case METHOD_SUPPORTS: note_best(&ask->best[0], row); break;
    case METHOD_STRATEGIES:
        /* That a value is missing can be asked of any strategy: it makes none of them fitting. */
        if (!ask->has_op && hb_str_eq(row->op, hb_op_name(HB_OP_IS_NULL))) break;
        note_best(&ask->best[row->strategy], row);
        break;
    case METHOD_OPS: note_best(&ask->best[op_index(row->op)], row); break;
    case METHOD_BACKENDS: note_best(&ask->best_backend[row->backend], row); break;
    case METHOD_LOGICAL_TYPES: note_best(&ask->best[row->dtype], row); break;
    case METHOD_ROWS: write_row(ask, row); break;
    case METHOD_TOTAL: break;
    }
    return true;
}

static hb_status ask_unknown(const char *what, hb_str word, hb_status code, const hb_str *known,
                             size_t count, hb_err *err) {
    hb_err_set(err, code, "unknown %s '%.*s'", what, HB_ARG(word));
    return hb_err_hint(err, word, known, count);
}

/* "ShortText", "short-text", "str", and with parameters: "array[short-text]", "Vector[2]". */
static hb_status ask_dtype(cap_ask *ask, hb_str word, hb_err *err) {
    int64_t bracket = hb_str_find(word, HB_STR("["), 0);
    hb_str base = bracket > 0 ? hb_str_sub(word, 0, (uint32_t)bracket) : word;
    ask->has_dtype = true;
    if (hb_type_find(base, &ask->dtype)) return HB_OK;
    hb_str known[HB_TYPE_COUNT];
    for (uint32_t i = 0; i < HB_TYPE_COUNT; i++) {
        known[i] = hb_type_name((hb_type_id)i);
    }
    return ask_unknown("logical type", word, HB_E_QUERY, known, HB_TYPE_COUNT, err);
}

static hb_status ask_op(cap_ask *ask, hb_str word, hb_err *err) {
    hb_op op;
    hb_str known[OPS_TOTAL];
    ask->has_op = true;
    hb_str bare = word.len > 0 && word.ptr[0] == '$' ? hb_str_sub(word, 1, word.len) : word;
    ask->op = hb_op_find(word, &op) ? hb_op_name(op) : bare;
    for (uint32_t i = 0; i < OPS_TOTAL; i++) {
        known[i] = op_name_at(i);
        if (hb_str_eq(known[i], ask->op)) {
            ask->op = known[i];
            return HB_OK;
        }
    }
    return ask_unknown("operator", word, HB_E_QUERY, known, OPS_TOTAL, err);
}

static hb_status ask_strategy(cap_ask *ask, hb_str word, hb_err *err) {
    ask->has_strategy = true;
    if (hb_strategy_find(word, &ask->strategy)) return HB_OK;
    hb_str known[HB_STRATEGY_COUNT];
    for (uint32_t i = HB_STRATEGY_INLINE; i < HB_STRATEGY_COUNT; i++) {
        known[i - 1] = hb_strategy_class((hb_strategy)i);
    }
    return ask_unknown("strategy", word, HB_E_QUERY, known, HB_STRATEGY_COUNT - 1, err);
}

static hb_status ask_backend(cap_ask *ask, hb_str word, hb_err *err) {
    hb_str known[HB_BACKENDS_MAX];
    uint32_t known_count = 0;
    ask->has_backend = true;
    ask->backend = word;
    for (uint32_t i = 0; i < ask->count; i++) {
        if (backend_matches(ask, i)) return HB_OK;
        if (known_count < HB_BACKENDS_MAX) {
            known[known_count++] =
                ask->names != NULL ? ask->names[i] : hb_str_c(ask->types[i]->name);
        }
    }
    return ask_unknown("backend", word, HB_E_UNKNOWN_BACKEND, known, known_count, err);
}

static hb_status ask_member(cap_ask *ask, const cJSON *member, hb_err *err) {
    static const hb_str known[] = {
        { "method", 6 }, { "dtype", 5 }, { "op", 2 }, { "backend", 7 }, { "strategy", 8 }
    };
    hb_str key = hb_str_c(member->string);
    if (cJSON_IsNull(member)) return HB_OK;
    if (!cJSON_IsString(member)) {
        return hb_err_set(err, HB_E_TYPE, "a capability filter is a text; '%.*s' is not",
                          HB_ARG(key));
    }
    hb_str word = hb_str_c(member->valuestring);
    if (hb_str_eq(key, known[1])) return ask_dtype(ask, word, err);
    if (hb_str_eq(key, known[2])) return ask_op(ask, word, err);
    if (hb_str_eq(key, known[3])) return ask_backend(ask, word, err);
    if (hb_str_eq(key, known[4])) return ask_strategy(ask, word, err);
    if (!hb_str_eq(key, known[0]))
        return ask_unknown("capability filter", key, HB_E_QUERY, known, 5, err);
    for (uint32_t m = 0; m < METHOD_TOTAL; m++) {
        if (hb_str_eq(word, method_names[m])) {
            ask->method = (cap_method)m;
            return HB_OK;
        }
    }
    return ask_unknown("capability method", word, HB_E_QUERY, method_names, METHOD_TOTAL, err);
}

static hb_status ask_read(cap_ask *ask, const cJSON *request, hb_err *err) {
    ask->method = METHOD_TOTAL;
    if (!cJSON_IsObject(request))
        return hb_err_set(err, HB_E_QUERY, "a capability request is a JSON mapping");
    for (const cJSON *member = request->child; member != NULL; member = member->next) {
        HB_TRY(ask_member(ask, member, err));
    }
    if (ask->method == METHOD_TOTAL)
        return hb_err_set(err, HB_E_QUERY, "a capability request needs 'method'");
    if (ask->method == METHOD_SUPPORTS &&
        !(ask->has_dtype && ask->has_op && ask->has_backend && ask->has_strategy)) {
        return hb_err_set(err, HB_E_QUERY, "supports needs dtype, op, backend and strategy");
    }
    return HB_OK;
}

/* ---- the answer ------------------------------------------------------------------------- */

/* Without any filter, the lists name everything there is, also what no backend answers. */
static bool listed(const cap_ask *ask, uint8_t mode) {
    return mode != MODE_NO ||
           !(ask->has_dtype || ask->has_op || ask->has_backend || ask->has_strategy);
}

static void write_separator(cap_ask *ask) {
    if (ask->row_count++ > 0) hb_buf_add_char(ask->out, ',');
}

static void write_ops(cap_ask *ask) {
    bool done[OPS_TOTAL] = { false };
    for (uint32_t round = 0; round < OPS_TOTAL; round++) {
        uint32_t next = OPS_TOTAL;
        for (uint32_t i = 0; i < OPS_TOTAL; i++) {
            if (!done[i] &&
                (next == OPS_TOTAL || hb_str_cmp(op_name_at(i), op_name_at(next)) < 0)) {
                next = i;
            }
        }
        done[next] = true;
        if (!listed(ask, ask->best[next])) continue;
        write_separator(ask);
        hb_buf_printf(ask->out, "{\"op\":\"%.*s\",\"mode\":\"%s\"}", HB_ARG(op_name_at(next)),
                      mode_name(ask->best[next]));
    }
}

static void write_strategies(cap_ask *ask) {
    for (uint32_t s = HB_STRATEGY_INLINE; s < HB_STRATEGY_COUNT; s++) {
        if (!listed(ask, ask->best[s])) continue;
        write_separator(ask);
        hb_buf_printf(ask->out, "{\"identifier\":\"%.*s\",\"strategy\":\"%.*s\",\"mode\":\"%s\"}",
                      HB_ARG(hb_strategy_name((hb_strategy)s)),
                      HB_ARG(hb_strategy_class((hb_strategy)s)), mode_name(ask->best[s]));
    }
}

static void write_types(cap_ask *ask) {
    for (uint32_t t = 0; t < HB_TYPE_COUNT; t++) {
        if (!listed(ask, ask->best[t])) continue;
        write_separator(ask);
        hb_buf_printf(ask->out, "{\"identifier\":\"%.*s\",\"dtype\":\"%.*s\",\"mode\":\"%s\"}",
                      HB_ARG(hb_type_name((hb_type_id)t)), HB_ARG(hb_type_class((hb_type_id)t)),
                      mode_name(ask->best[t]));
    }
}

static void write_backends(cap_ask *ask) {
    for (uint32_t b = 0; b < ask->count; b++) {
        const hb_backend *type = ask->types[b];
        if (!listed(ask, ask->best_backend[b])) continue;
        write_separator(ask);
        hb_buf_printf(ask->out, "{\"type\":\"%s\",\"aliases\":[", type->name);
        for (uint32_t i = 0; type->aliases != NULL && type->aliases[i] != NULL; i++) {
            hb_buf_printf(ask->out, "%s\"%s\"", i == 0 ? "" : ",", type->aliases[i]);
        }
        hb_buf_add_c(ask->out, "],\"name\":");
        if (ask->names != NULL) {
            hb_buf_add_json_str(ask->out, ask->names[b]);
        } else {
            hb_buf_add_c(ask->out, "null");
        }
        hb_buf_printf(ask->out, ",\"mode\":\"%s\"}", mode_name(ask->best_backend[b]));
    }
}

static void ask_answer(cap_ask *ask) {
    bool object = ask->method == METHOD_SUPPORTS;
    if (!object) hb_buf_add_char(ask->out, '[');
    hb_capabilities_each(ask->types, ask->count, ask_row, ask);
    switch (ask->method) {
    case METHOD_SUPPORTS:
        hb_buf_printf(ask->out, "{\"supported\":%s,\"mode\":\"%s\"}",
                      ask->best[0] != MODE_NO ? "true" : "false", mode_name(ask->best[0]));
        break;
    case METHOD_STRATEGIES: write_strategies(ask); break;
    case METHOD_OPS: write_ops(ask); break;
    case METHOD_BACKENDS: write_backends(ask); break;
    case METHOD_LOGICAL_TYPES: write_types(ask); break;
    case METHOD_ROWS:
    case METHOD_TOTAL: break;
    }
    if (!object) hb_buf_add_char(ask->out, ']');
}

hb_status hb_capabilities_json(const hb_backend *const *types, const hb_str *names, uint32_t count,
                               hb_str request_json, hb_buf *out, hb_err *err) {
    if (count > HB_BACKENDS_MAX)
        return hb_err_set(err, HB_E_LIMIT, "more than %u backends", HB_BACKENDS_MAX);
    cap_ask ask = { .types = types, .names = names, .count = count, .out = out };
    cJSON *request;
    HB_TRY(hb_json_tree(request_json, out->mem, &request, err));
    hb_status status = ask_read(&ask, request, err);
    if (status == HB_OK) {
        ask_answer(&ask);
        status = hb_buf_check(out, err);
    }
    cJSON_Delete(request);
    return status;
}
