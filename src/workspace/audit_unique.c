// SPDX-License-Identifier: MIT
#include "workspace/audit_unique.h"

#include <stdlib.h>

#include "base/md5.h"

/* ---- a page ------------------------------------------------------------------------------------
 */

hb_status hb_page_take(hb_task *task, const hb_entity *entity, const hb_run *run, hb_buf *last,
                       hb_column **columns, uint32_t *row_count, hb_err *err) {
    const hb_batch *batch = &hb_run_result_get(run)->batch;
    HB_TRY(hb_columns_of(entity->schema, batch, &task->arena, columns, err));
    *row_count = batch->row_count;
    hb_buf_clear(last);
    if (*row_count == HB_PAGE_ROWS) {
        hb_buf_add_str(last, hb_column_span(&(*columns)[0], HB_PAGE_ROWS - 1));
    }
    return hb_buf_check(last, err);
}

/* ---- rows by their values ----------------------------------------------------------------------
 */

/* Every row is read once for its digest. Where some are equal, all are read a second time, and the
 * values of rows with such a digest are compared with those of the rows before them. */
typedef struct twin_first {     /* a row with a value that none before it holds */
    uint32_t id, id_len;        /* in `ids` */
    uint32_t next;              /* number + 1 of another, whose digest is the same; 0: none */
    uint32_t page, at;          /* its place among those that this page asks for, */
    bool is_here;               /* or its row in the page itself */
} twin_first;

enum {
    DIGESTS, /* HB_MD5_LEN bytes each: of all rows, then of several, in order */
    FIRSTS, /* twin_first each */
    IDS, /* theirs */
    LAST, /* id that the next page starts after */
    PACK, /* scratch */
    WANTED, /* ids that this page asks for */
    KEPT_COUNT
};

struct hb_twins {
    hb_task *task;
    hb_workspace *ws;
    hb_twins_sink *sink;
    void *arg;
    uint32_t entity; /* that is looked at, */
    uint32_t rule, single; /* the number of its constraint, */
    hb_field_group group; /* which is about these fields */
    bool again; /* they are read a second time */
    hb_map heads; /* owned; those digests, each with the number + 1 of a twin_first */
    hb_buf kept[KEPT_COUNT]; /* owned */
    uint64_t through;
    uint32_t page;
    bool paused;
    /* The page, in memory of its own: */
    bool paged;
    hb_task_page outer;
    hb_run *run;
    hb_column *columns;
    uint32_t row_count;
    hb_ids asked;
    hb_fetch *fetch;
    const hb_column *fetched;
    const uint32_t *found; /* by place in `asked` */
};

/* What is kept of a constraint. */
static void twins_forget(hb_twins *t) {
    for (int i = 0; i < KEPT_COUNT; i++) hb_buf_free(&t->kept[i]);
    hb_map_free(&t->heads);
}

hb_status hb_twins_start(hb_task *task, hb_workspace *ws, hb_twins_sink *sink, void *arg,
                         hb_twins **out, hb_err *err) {
    hb_twins *t = HB_NEW(&task->arena, hb_twins);
    if (t == NULL) return hb_err_memory(err);
    *t = (hb_twins){ .task = task, .ws = ws, .sink = sink, .arg = arg };
    for (int i = 0; i < KEPT_COUNT; i++) hb_buf_init(&t->kept[i], ws->mem);
    hb_map_init(&t->heads, ws->mem);
    *out = t;
    return HB_OK;
}

static void twins_page_end(hb_twins *t) {
    if (t->paged) hb_task_page_end(t->task, &t->outer);
    t->paged = false;
    t->run = NULL;
    t->fetch = NULL;
}

void hb_twins_end(hb_twins *t) {
    if (t == NULL) return;
    twins_page_end(t);
    twins_forget(t);
}

/* *counts: no field of the constraint is null. */
static hb_status digest_of(hb_twins *t, uint32_t row, uint8_t digest[HB_MD5_LEN], bool *counts,
                           hb_err *err) {
    hb_md5 md5;
    hb_md5_init(&md5);
    *counts = true;
    for (uint32_t i = 0; i < t->group.field_count && *counts; i++) {
        const hb_value value = hb_column_get(&t->columns[t->group.fields[i]], row);
        hb_str bytes = value.as.s;
        *counts = value.kind != HB_KIND_NULL;
        if (value.kind != HB_KIND_TEXT) {
            hb_buf_clear(&t->kept[PACK]);
            hb_pack_value(&t->kept[PACK], &value);
            HB_TRY(hb_buf_check(&t->kept[PACK], err));
            bytes = hb_buf_str(&t->kept[PACK]);
        }
        hb_md5_add(&md5, bytes.ptr, bytes.len);
        hb_md5_add(&md5, &bytes.len, sizeof(bytes.len));
    }
    hb_md5_finish(&md5, digest);
    return HB_OK;
}

static hb_status digests_add(hb_twins *t, hb_err *err) {
    for (uint32_t row = 0; row < t->row_count; row++) {
        uint8_t digest[HB_MD5_LEN];
        bool counts;
        HB_TRY(digest_of(t, row, digest, &counts, err));
        if (counts) hb_buf_add(&t->kept[DIGESTS], digest, sizeof(digest));
    }
    return hb_buf_check(&t->kept[DIGESTS], err);
}

static int digest_cmp(const void *a, const void *b) {
    return memcmp(a, b, HB_MD5_LEN);
}

/* Leaves the digests that several rows have, each once. */
static hb_status digests_sort(hb_twins *t, hb_err *err) {
    char *const all = t->kept[DIGESTS].ptr;
    const uint32_t len = t->kept[DIGESTS].len;
    uint32_t kept = 0;
    if (len > 0) qsort(all, len / HB_MD5_LEN, HB_MD5_LEN, digest_cmp);
    for (uint32_t i = HB_MD5_LEN; i < len; i += HB_MD5_LEN) {
        if (digest_cmp(all + i, all + i - HB_MD5_LEN) != 0) continue;
        if (kept > 0 && digest_cmp(all + i, all + kept - HB_MD5_LEN) == 0) continue;
        memmove(all + kept, all + i, HB_MD5_LEN);
        kept += HB_MD5_LEN;
    }
    t->kept[DIGESTS].len = kept;
    for (uint32_t i = 0; i < kept; i += HB_MD5_LEN) {
        if (!hb_map_put(&t->heads, (hb_str){ all + i, HB_MD5_LEN }, 0)) return hb_err_memory(err);
    }
    return HB_OK;
}

/* The first of the rows with the digest of a row, number + 1; HB_MAP_NONE: nobody else has it. */
static hb_status head_of(hb_twins *t, uint32_t row, uint8_t digest[HB_MD5_LEN], uint32_t *head,
                         hb_err *err) {
    bool counts;
    HB_TRY(digest_of(t, row, digest, &counts, err));
    *head =
        counts ? hb_map_find(&t->heads, (hb_str){ (const char *)digest, HB_MD5_LEN }) : HB_MAP_NONE;
    return HB_OK;
}

static twin_first *first_at(const hb_twins *t, uint32_t number) {
    return (twin_first *)(void *)t->kept[FIRSTS].ptr + (number - 1);
}

/* Asks for the values of the rows before this page that its rows are to be compared with. */
static hb_status firsts_ask(hb_twins *t, hb_err *err) {
    hb_buf_clear(&t->kept[WANTED]);
    t->page++;
    for (uint32_t row = 0; row < t->row_count; row++) {
        uint8_t digest[HB_MD5_LEN];
        uint32_t number;
        HB_TRY(head_of(t, row, digest, &number, err));
        for (; number != HB_MAP_NONE && number != 0; number = first_at(t, number)->next) {
            twin_first *first = first_at(t, number);
            if (first->page == t->page) continue;
            const hb_str id = { t->kept[IDS].ptr + first->id, first->id_len };
            first->page = t->page;
            first->at = t->kept[WANTED].len / (uint32_t)sizeof(id);
            first->is_here = false;
            hb_buf_add(&t->kept[WANTED], &id, sizeof(id));
        }
    }
    HB_TRY(hb_buf_check(&t->kept[WANTED], err));
    t->asked = (hb_ids){ (const hb_str *)(const void *)t->kept[WANTED].ptr,
                         t->kept[WANTED].len / (uint32_t)sizeof(hb_str) };
    if (t->asked.count == 0) return HB_OK;
    return hb_fetch_start(t->task, t->ws, t->ws->entities[t->entity], &t->asked, t->group.fields,
                          t->group.field_count, &t->fetch, err);
}

static bool is_twin(const hb_twins *t, uint32_t row, const twin_first *first) {
    const hb_column *columns = first->is_here ? t->columns : t->fetched;
    const uint32_t at = first->is_here ? first->at : t->found[first->at];
    bool same = at != HB_MAP_NONE; /* else it was deleted meanwhile */
    for (uint32_t i = 0; i < t->group.field_count && same; i++) {
        const uint32_t field = t->group.fields[i];
        const hb_value a = hb_column_get(&t->columns[field], row);
        const hb_value b = hb_column_get(&columns[field], at);
        same = hb_value_eq(&a, &b);
    }
    return same;
}

static hb_status firsts_add(hb_twins *t, uint32_t row, hb_str id, uint32_t head,
                            const uint8_t digest[HB_MD5_LEN], hb_err *err) {
    const twin_first first = { t->kept[IDS].len, id.len, head, t->page, row, true };
    hb_buf_add_str(&t->kept[IDS], id);
    hb_buf_add(&t->kept[FIRSTS], &first, sizeof(first));
    HB_TRY(hb_buf_check(&t->kept[IDS], err));
    HB_TRY(hb_buf_check(&t->kept[FIRSTS], err));
    const uint32_t number = t->kept[FIRSTS].len / (uint32_t)sizeof(first);
    return hb_map_put(&t->heads, (hb_str){ (const char *)digest, HB_MD5_LEN }, number)
               ? HB_OK
               : hb_err_memory(err);
}

/* Tells which rows of the page are twins of rows before them. */
static hb_status rows_compare(hb_twins *t, hb_err *err) {
    uint32_t count;
    if (t->fetch != NULL) HB_TRY(hb_fetch_take(t->fetch, &t->fetched, &count, &t->found, err));
    for (uint32_t row = 0; row < t->row_count; row++) {
        uint8_t digest[HB_MD5_LEN];
        uint32_t head;
        HB_TRY(head_of(t, row, digest, &head, err));
        if (head == HB_MAP_NONE) continue;
        const hb_str id = hb_column_span(&t->columns[HB_FIELD_OBJECT_ID], row);
        uint32_t number = head;
        while (number != 0 && !is_twin(t, row, first_at(t, number))) {
            number = first_at(t, number)->next;
        }
        HB_TRY(number == 0
                   ? firsts_add(t, row, id, head, digest, err)
                   : t->sink(t->arg, t->ws->entities[t->entity], t->group.fields[0], id, err));
    }
    return HB_OK;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

/* The constraint to look at; false: there are no more. */
static bool rule_find(hb_twins *t) {
    for (; t->entity < t->ws->entity_count; t->entity++, t->rule = 0) {
        const hb_entity *entity = t->ws->entities[t->entity];
        const bool looked_at = !entity->system && !entity->drifted;
        if (looked_at && hb_unique_next(t->ws, entity, &t->rule, &t->single, &t->group))
            return true;
    }
    return false;
}

/* The page is through: another one, the rows once more, or the next constraint. */
static hb_status page_next(hb_twins *t, hb_err *err) {
    twins_page_end(t);
    t->through += t->row_count;
    t->paused = t->task->progress = true;
    if (t->kept[LAST].len > 0) return HB_OK;
    if (!t->again) HB_TRY(digests_sort(t, err));
    t->again = !t->again && t->heads.count > 0;
    if (t->again) return HB_OK;
    twins_forget(t);
    t->rule++;
    return HB_OK;
}

static hb_status page_begin(hb_twins *t, hb_err *err) {
    hb_task_page_begin(t->task, &t->outer);
    t->paged = true;
    if (t->kept[LAST].len == 0) t->through = 0;
    const hb_page page = { t->group.fields, t->group.field_count, NULL, hb_buf_str(&t->kept[LAST]),
                           HB_PAGE_ROWS };
    return hb_page_read(t->task, t->ws, t->ws->entities[t->entity], &page, &t->run, err);
}

hb_status hb_twins_advance(hb_twins *t, bool *done, hb_err *err) {
    bool ready;
    t->paused = false;
    *done = !t->paged && !rule_find(t);
    if (*done) return HB_OK;
    if (!t->paged) HB_TRY(page_begin(t, err));
    if (t->fetch == NULL) {
        HB_TRY(hb_run_advance(t->run, &ready, err));
        if (!ready) return HB_OK;
        HB_TRY(hb_page_take(t->task, t->ws->entities[t->entity], t->run, &t->kept[LAST],
                            &t->columns, &t->row_count, err));
        HB_TRY(t->again ? firsts_ask(t, err) : digests_add(t, err));
    }
    if (t->fetch != NULL && !hb_fetch_done(t->fetch)) return HB_OK;
    if (t->again) HB_TRY(rows_compare(t, err));
    return page_next(t, err);
}

bool hb_twins_paused(const hb_twins *t, hb_str *entity, uint64_t *rows) {
    if (!t->paused) return false;
    *entity =
        t->ws->entities[t->entity]->schema->entity_id; /* a page ends before the next is sought */
    *rows = t->through;
    return true;
}
