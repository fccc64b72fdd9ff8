// SPDX-License-Identifier: MIT
/* Prepared queries: parsed once; and where every backend is local, planned once too. A plan stays
 * while definitions stay (ws->revision): what is registered, altered, described, dropped or taken
 * over from another instance makes a new one. It is filled with the operands of one run at a time;
 * elsewhere an engine's claim may depend on them (backend.h, offer), and an answer takes longer
 * than a plan. */
#include "workspace/workspace.h"

struct hb_prepared {
    const hb_mem *mem;
    hb_spec *spec;              /* owned */
    uint32_t users;             /* tasks under way */
    bool released;              /* freed with the last of them */
    bool lent;                  /* one of them runs the plan */
    hb_arena arena;             /* of the query and its plan */
    hb_query *query;
    const hb_plan *plan;        /* NULL: none yet */
    hb_plan_options options;    /* that it was made with */
    const hb_entity *entity;
    uint64_t revision;
};

static void prepared_free(hb_prepared *prepared) {
    hb_arena_free(&prepared->arena);
    hb_spec_free(prepared->spec);
    hb_mem_free(prepared->mem, prepared, sizeof(*prepared));
}

void hb_prepared_free_all(hb_workspace *ws) {
    for (uint32_t i = 0; i < ws->prepared_count; i++) {
        if (ws->prepared[i] != NULL) prepared_free(ws->prepared[i]);
    }
    hb_mem_free(ws->mem, ws->prepared, ws->prepared_cap * sizeof(*ws->prepared));
    ws->prepared_count = 0;
}

hb_status hb_prepared_use(hb_workspace *ws, uint32_t handle, hb_prepared **out, hb_err *err) {
    if (handle > ws->prepared_count || ws->prepared[handle - 1] == NULL) {
        return hb_err_set(err, HB_E_QUERY, "the prepared query was released");
    }
    *out = ws->prepared[handle - 1];
    (*out)->users++;
    return HB_OK;
}

void hb_prepared_leave(hb_prepared *prepared) {
    prepared->users--;
    if (prepared->users == 0) prepared->lent = false;
    if (prepared->users == 0 && prepared->released) prepared_free(prepared);
}

const hb_spec *hb_prepared_spec(const hb_prepared *prepared) {
    return prepared->spec;
}

/* ---- plans that stay ------------------------------------------------------------------------ */

static hb_status make_plan(hb_prepared *p, hb_workspace *ws, hb_entity *entity,
                           const hb_request *request, const hb_plan_options *options, hb_err *err) {
    const hb_query *query;
    const hb_plan *plan;
    p->plan = NULL;
    hb_arena_reset(&p->arena);
    HB_TRY(hb_query_bind(p->spec, entity->schema, request->params, request->now_ms, &p->arena,
                         &query, err));
    HB_TRY(hb_plan_make(query, entity->routing, hb_entity_instances(ws, entity), options, &p->arena,
                        &plan, err));
    p->query = (hb_query *)query;       /* in our own arena */
    p->plan = plan;
    p->options = *options;
    p->entity = entity;
    p->revision = ws->revision;
    return HB_OK;
}

hb_status hb_prepared_plan(hb_prepared *prepared, hb_workspace *ws, hb_entity *entity,
                           const hb_request *request, const hb_plan_options *options,
                           const hb_query **query, const hb_plan **out, hb_err *err) {
    hb_prepared *p = prepared;
    *out = NULL;
    if (p->lent || options->explain_only || !hb_workspace_is_local(ws)) return HB_OK;
    if (p->plan == NULL || p->entity != entity || p->revision != ws->revision) {
        /* A query that could not be refilled is not worth a second binding. */
        hb_query *asked = (hb_query *)*query;
        if (!hb_query_refill(asked, asked)) return HB_OK;
        HB_TRY(make_plan(p, ws, entity, request, options, err));
    } else if (p->options.no_pushdown != options->no_pushdown ||
               p->options.want_total != options->want_total || !hb_query_refill(p->query, *query)) {
        return HB_OK;
    }
    p->lent = true;
    *query = p->query;
    *out = p->plan;
    return HB_OK;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static hb_status prepared_add(hb_workspace *ws, hb_prepared *prepared, uint32_t *handle,
                              hb_err *err) {
    uint32_t at = 0;
    while (at < ws->prepared_count && ws->prepared[at] != NULL) at++;
    if (at == ws->prepared_cap) {
        uint32_t cap = at == 0 ? 8 : at * 2;
        hb_prepared **all =
            hb_mem_realloc(ws->mem, ws->prepared, at * sizeof(*all), cap * sizeof(*all));
        if (all == NULL) return hb_err_memory(err);
        ws->prepared = all;
        ws->prepared_cap = cap;
    }
    ws->prepared[at] = prepared;
    if (at == ws->prepared_count) ws->prepared_count++;
    *handle = at + 1;
    return HB_OK;
}

hb_status hb_call_prepare(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    task->advance = hb_task_finish;
    hb_prepared *prepared = hb_mem_zalloc(ws->mem, sizeof(*prepared));
    if (prepared == NULL) return hb_err_memory(err);
    prepared->mem = ws->mem;
    hb_arena_init(&prepared->arena, ws->mem);
    uint32_t handle = 0;
    hb_status status = hb_spec_decode(request->text, ws->mem, &prepared->spec, err);
    if (status == HB_OK) status = prepared_add(ws, prepared, &handle, err);
    if (status != HB_OK) {
        prepared_free(prepared);
        return status;
    }
    hb_str json = hb_arena_printf(&task->arena, "{\"handle\":%u,\"params\":%u}", handle,
                                  hb_spec_param_count(prepared->spec));
    return json.ptr != NULL ? hb_task_finish_json(task, json, err) : hb_err_memory(err);
}

hb_status hb_call_release(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    task->advance = hb_task_finish;
    if (request->prepared == 0 || request->prepared > ws->prepared_count) {
        return hb_err_set(err, HB_E_QUERY, "no prepared query has handle %u", request->prepared);
    }
    hb_prepared *prepared = ws->prepared[request->prepared - 1];
    ws->prepared[request->prepared - 1] = NULL;
    if (prepared == NULL) return HB_OK;
    prepared->released = true;
    if (prepared->users == 0) prepared_free(prepared);
    return HB_OK;
}
