// SPDX-License-Identifier: MIT
/* The column `match`: what contained_in found, and where in its text. */
#include "exec/rows.h"
#include "text/keyword.h"

#define MATCHES_MAX 256u    /* of one condition in one row */

typedef struct match_run {
    hb_task *task;
    const hb_schema *schema;
    const hb_rows *in;
    hb_buf keyword, norm, places;   /* the stored text; the query's text in keyword form */
    hb_buf entries, out;
    uint32_t entry_count;
} match_run;

static void add_span(hb_buf *out, const char *key, uint32_t start, uint32_t end) {
    hb_pack_str(out, hb_str_c(key));
    hb_pack_array(out, 2);
    hb_pack_int(out, start);
    hb_pack_int(out, end);
}

static void add_text(hb_buf *out, const char *key, hb_str text) {
    hb_pack_str(out, hb_str_c(key));
    hb_pack_str(out, text);
}

/* Code points [start, end) of a text. */
static hb_str text_slice(hb_str text, uint32_t start, uint32_t end) {
    uint32_t pos = 0, from = 0;
    for (uint32_t i = 0; i < end && pos < text.len; i++) {
        if (i == start) from = pos;
        (void)hb_utf8_next(text, &pos);
    }
    return hb_str_sub(text, from, pos - from);
}

static void add_entry(match_run *run, const hb_expr *leaf, hb_str keyword, uint32_t ordinal,
                      uint32_t at) {
    hb_str norm = hb_buf_str(&run->norm), form = hb_buf_str(&run->keyword);
    uint32_t first = hb_utf8_count(hb_str_sub(norm, 0, at));
    uint32_t last = first + hb_utf8_count(form);
    const hb_keyword_place *places = (const hb_keyword_place *)(const void *)run->places.ptr;
    uint32_t start = places[first].start, end = places[last - 1].end;
    hb_str found = text_slice(leaf->value.as.s, start, end);
    hb_buf *out = &run->entries;
    hb_pack_map(out, 10);
    add_text(out, "field", run->schema->fields[leaf->field].name);
    add_text(out, "op", hb_op_name(leaf->op));
    add_text(out, "keyword", keyword);
    add_text(out, "keyword_norm", form);
    add_span(out, "query_span", start, end);
    add_span(out, "query_norm_span", first, last);
    add_text(out, "query_text", found);
    hb_pack_str(out, HB_STR("ordinal"));
    hb_pack_int(out, ordinal);
    add_text(out, "normalizer", HB_STR("default:auto"));
    add_text(out, "precision", HB_STR("exact"));    /* of the span: it is known */
    run->entry_count++;
}

static void match_text(match_run *run, const hb_expr *leaf, hb_str keyword, uint32_t ordinal) {
    uint32_t before = run->entry_count;
    hb_buf_clear(&run->keyword);
    hb_text_keyword(keyword, &run->keyword, NULL);
    if (run->keyword.len == 0 || run->keyword.failed) return;
    hb_str norm = hb_buf_str(&run->norm);
    int64_t at = 0;
    while (run->entry_count - before < MATCHES_MAX) {
        at = hb_str_find(norm, hb_buf_str(&run->keyword), (uint32_t)at);
        if (at < 0) return;
        add_entry(run, leaf, keyword, ordinal, (uint32_t)at);
        uint32_t next = (uint32_t)at;
        (void)hb_utf8_next(norm, &next);    /* places may overlap */
        at = next;
    }
}

static void match_number(match_run *run, const hb_expr *leaf, hb_str packed, uint32_t ordinal) {
    hb_buf text;
    hb_buf_init(&text, run->task->mem);
    bool failed = hb_pack_to_json(packed, 0, false, &text, NULL) != HB_OK || text.failed;
    if (!failed) match_text(run, leaf, hb_buf_str(&text), ordinal);
    run->out.failed = run->out.failed || failed;
    hb_buf_free(&text);
}

static void match_leaf(match_run *run, const hb_expr *leaf, uint32_t row) {
    int at = hb_rows_find(run->in, leaf->field);
    if (at < 0 || leaf->value.kind != HB_KIND_TEXT) return;
    hb_value value = hb_column_get(&run->in->columns[at], row);
    hb_buf_clear(&run->norm);
    hb_buf_clear(&run->places);
    hb_text_keyword(leaf->value.as.s, &run->norm, &run->places);
    if (run->norm.failed || run->places.failed || run->norm.len == 0) return;
    if (value.kind == HB_KIND_TEXT) match_text(run, leaf, value.as.s, 0);
    if (value.kind != HB_KIND_PACK) return;
    hb_pack_reader reader = hb_pack_read(value.as.s);
    hb_pack_item head, item;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY) return;
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        if (!hb_pack_skip(&reader, &whole)) return;
        hb_pack_reader inner = hb_pack_read(whole);
        if (!hb_pack_next(&inner, &item)) return;
        if (item.tag == HB_PACK_STR) match_text(run, leaf, item.s, i);
        if (item.tag == HB_PACK_INT || item.tag == HB_PACK_FLOAT) match_number(run, leaf, whole, i);
    }
}

static void match_expr(match_run *run, const hb_expr *expr, uint32_t row) {
    if (!hb_expr_has_match(expr)) return;
    if (expr->kind == HB_EXPR_LEAF) match_leaf(run, expr, row);
    for (uint32_t i = 0; i < expr->arg_count; i++) match_expr(run, expr->args[i], row);
}

hb_status hb_exec_match(hb_task *task, const hb_schema *schema, const hb_expr *filter,
                        const hb_rows *in, hb_colbuf *dst, hb_err *err) {
    match_run run = { .task = task, .schema = schema, .in = in };
    hb_buf *bufs[] = { &run.keyword, &run.norm, &run.places, &run.entries, &run.out };
    for (uint32_t i = 0; i < 5; i++) hb_buf_init(bufs[i], task->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < in->count && status == HB_OK; i++) {
        hb_buf_clear(&run.entries);
        hb_buf_clear(&run.out);
        run.entry_count = 0;
        match_expr(&run, filter, hb_rows_at(in, i));
        hb_pack_array(&run.out, run.entry_count);
        hb_buf_add_str(&run.out, hb_buf_str(&run.entries));
        run.out.failed = run.out.failed || run.entries.failed || run.keyword.failed ||
                         run.norm.failed || run.places.failed;
        run.out.over = run.out.over || run.entries.over;
        status = hb_buf_check(&run.out, err);
        /* A row that passed for another reason has no places. */
        if (status == HB_OK &&
            !(run.entry_count == 0 ? hb_colbuf_add_null(dst)
                                   : hb_colbuf_add_text(dst, hb_buf_str(&run.out))))
            status = hb_err_memory(err);
    }
    for (uint32_t i = 0; i < 5; i++) hb_buf_free(bufs[i]);
    return status;
}
