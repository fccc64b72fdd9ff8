// SPDX-License-Identifier: MIT
/* Ranking: the filter runs in SQL and gives the rows that may take part, the index ranks them and
 * takes k, and the columns of those are read by rowid. */
#include "backends/sqlite/derived.h"
#include "text/words.h"

typedef struct ranking {
    sqlite_query *query;
    bool filtered;
    uint32_t *allowed;          /* positions that passed the filter; arena */
    uint32_t allowed_count;
    hb_hit *hits;               /* arena */
    uint32_t hit_count;
    hb_status tie_status;       /* ordering ties needs SQL and may fail */
    hb_err tie_err;
} ranking;

/* ---- which rows take part -------------------------------------------------------------------- */

static hb_status allowed_read(ranking *rank, sqlite3_stmt *stmt, hb_err *err) {
    const sqlite_derived *derived = rank->query->table->derived;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint32_t at = sqlite_position(derived, sqlite3_column_int64(stmt, 0));
        HB_ASSERT(at != SQLITE_NO_POSITION && rank->allowed_count < derived->count);
        rank->allowed[rank->allowed_count++] = at;
    }
    return rc == SQLITE_DONE ? HB_OK : sqlite_query_fail(rank->query, rc, err);
}

static hb_status allowed_find(ranking *rank, hb_err *err) {
    sqlite_query *query = rank->query;
    sqlite_table *table = query->table;
    const hb_fragment *fragment = query->job->fragment;
    rank->filtered = fragment->filter != NULL || fragment->candidates != NULL;
    query->job->rows_examined += table->derived->count;
    if (!rank->filtered) return HB_OK;
    rank->allowed =
        hb_arena_array(query->job->arena, (size_t)table->derived->count + 1, sizeof(uint32_t));
    if (rank->allowed == NULL) return hb_err_memory(err);
    hb_sql_clear(&query->sql);
    hb_sql_add(&query->sql, "SELECT slot");
    HB_TRY(sqlite_query_from(query, err));
    sqlite3_stmt *stmt;
    HB_TRY(sqlite_borrow(table->conn, &query->sql, &stmt, err));
    hb_status status = allowed_read(rank, stmt, err);
    sqlite_return(table->conn, stmt);
    return status;
}

/* Equal scores come in object_id order. The ranks are made when the first tie asks for them. */
static int rank_tie(void *ctx, uint32_t a, uint32_t b) {
    ranking *rank = ctx;
    sqlite_table *table = rank->query->table;
    if (rank->tie_status == HB_OK && !table->derived->ranks_fresh) {
        rank->tie_status = sqlite_ranks_need(table, &rank->tie_err);
    }
    const uint32_t *ranks = table->derived->ranks;
    if (rank->tie_status == HB_OK) {
        a = ranks[a];
        b = ranks[b];
    }
    return a < b ? -1 : a > b ? 1 : 0;
}

/* ---- near ------------------------------------------------------------------------------------ */

/* Refuses the query when a row that takes part has a vector of another length. */
static hb_status misfits_check(const ranking *rank, hb_str found, hb_err *err) {
    const sqlite_misfit *misfits = (const sqlite_misfit *)(const void *)found.ptr;
    const uint32_t count = (uint32_t)(found.len / sizeof *misfits);
    const hb_near *near = rank->query->job->fragment->near;
    if (count > 0 && !rank->filtered) return hb_near_misfit(near, misfits[0].dim, err);
    for (uint32_t i = 0; count > 0 && i < rank->allowed_count; i++) {
        uint32_t low = 0, high = count;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (misfits[middle].at < rank->allowed[i])
                low = middle + 1;
            else
                high = middle;
        }
        if (low < count && misfits[low].at == rank->allowed[i])
            return hb_near_misfit(near, misfits[low].dim, err);
    }
    return HB_OK;
}

static hb_status rank_near(ranking *rank, hb_err *err) {
    sqlite_query *query = rank->query;
    const hb_near *near = query->job->fragment->near;
    sqlite_table *table = query->table;
    uint32_t place = table->container->by_field[near->field];
    hb_vector_index *index;
    bool mine;
    hb_buf misfits;
    hb_buf_init(&misfits, table->conn->mem);
    hb_status status = sqlite_vector_need(table, place, near->dim, &index, &mine, &misfits, err);
    if (status != HB_OK) {
        hb_buf_free(&misfits);
        return status;
    }
    status = allowed_find(rank, err);
    if (status == HB_OK) status = misfits_check(rank, hb_buf_str(&misfits), err);
    hb_buf_free(&misfits);
    uint32_t rows = rank->filtered ? rank->allowed_count : table->derived->count;
    uint32_t k = near->top_k < rows ? near->top_k : rows;
    if (status == HB_OK) {
        rank->hits = hb_arena_array(query->job->arena, (size_t)k + 1, sizeof(hb_hit));
        if (rank->hits == NULL) status = hb_err_memory(err);
    }
    if (status == HB_OK) {
        hb_vector_query search = {
            .view = hb_vector_index_view(index),
            .vector = near->vector,
            .metric = near->metric,
            .k = k,
            .slots = rank->filtered ? rank->allowed : NULL,
            .slot_count = rank->allowed_count,
            .tie = rank_tie,
            .tie_ctx = rank,
        };
        rank->hit_count = hb_vector_search(&search, rank->hits);
    }
    if (mine) hb_vector_index_free(index);
    return status;
}

/* ---- search ---------------------------------------------------------------------------------- */

/* Some of the fragment's search fields, searched as one. */
typedef struct text_fields {
    const hb_text_index **indexes;
    uint32_t *places; /* in the container */
    uint32_t count;
} text_fields;

typedef struct text_reader { /* texts by position, for phrases */
    sqlite_table *table;
    sqlite3_stmt **stmts; /* by field of the set; arena */
} text_reader;

static hb_str read_text(void *ctx, uint32_t index, uint32_t at) {
    text_reader *reader = ctx;
    sqlite3_stmt *stmt = reader->stmts[index];
    sqlite3_reset(stmt);
    sqlite3_bind_int64(stmt, 1, reader->table->derived->rowids[at]);
    return sqlite3_step(stmt) == SQLITE_ROW ? sqlite_text_at(stmt, 0) : (hb_str){ NULL, 0 };
}

static void reader_close(text_reader *reader, uint32_t count) {
    for (uint32_t i = 0; i < count && reader->stmts != NULL; i++) {
        if (reader->stmts[i] != NULL) sqlite_return(reader->table->conn, reader->stmts[i]);
    }
}

static hb_status reader_open(text_reader *reader, sqlite_query *query, const text_fields *fields,
                             hb_err *err) {
    sqlite_table *table = query->table;
    reader->table = table;
    reader->stmts = HB_NEW_ARRAY(query->job->arena, sqlite3_stmt *, fields->count);
    if (reader->stmts == NULL) return hb_err_memory(err);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < fields->count && status == HB_OK; i++) {
        hb_sql sql;
        hb_sql_init(&sql, &hb_dialect_sqlite, query->job->mem, NULL);
        hb_sql_add(&sql, "SELECT ");
        hb_sql_ident(&sql, table->columns[fields->places[i]]);
        hb_sql_add(&sql, " FROM ");
        hb_sql_ident(&sql, table->name);
        hb_sql_add(&sql, " WHERE slot = ?");
        status = sqlite_borrow(table->conn, &sql, &reader->stmts[i], err);
        hb_sql_free(&sql);
    }
    return status;
}

/* The best `k` of the allowed rows by the given fields; *hits is made in the job's arena. */
static hb_status search_run(ranking *rank, const text_fields *fields, uint32_t k, hb_hit **hits,
                            uint32_t *hit_count, hb_err *err) {
    sqlite_query *query = rank->query;
    const hb_search *search = query->job->fragment->search;
    uint32_t rows = query->table->derived->count;
    text_reader reader = { 0 };
    hb_text_query text = {
        .indexes = fields->indexes,
        .index_count = fields->count,
        .text = search->text,
        .mode = search->mode,
        .k = k,
        .allowed_count = rows,
        .tie = rank_tie,
        .tie_ctx = rank,
        .text_of = read_text,
        .text_ctx = &reader,
        .mem = query->job->mem,
    };
    if (rank->filtered) {
        text.allowed =
            hb_bits_of(rank->query->job->arena, rank->allowed, rank->allowed_count, rows);
        if (text.allowed == NULL) return hb_err_memory(err);
    }
    uint32_t most = hb_text_query_slots(&text);
    *hits = hb_arena_array(query->job->arena, (size_t)(k < most ? k : most) + 1, sizeof(hb_hit));
    if (*hits == NULL) return hb_err_memory(err);
    hb_status status = HB_OK;
    if (search->mode == HB_SEARCH_PHRASE) status = reader_open(&reader, query, fields, err);
    if (status == HB_OK) status = hb_text_search(&text, *hits, hit_count, err);
    reader_close(&reader, fields->count);
    return status;
}

/* Fields without an index only say whether a row matches: 1 for each row that does, on top of what
 * the indexed fields give it. */
static hb_status search_both(ranking *rank, const text_fields *ranked, const text_fields *plain,
                             hb_err *err) {
    uint32_t rows = rank->query->table->derived->count;
    uint32_t k = rank->query->job->fragment->search->top_k;
    double *scores =
        hb_arena_zalloc_array(rank->query->job->arena, (size_t)rows + 1, sizeof(double));
    rank->hits =
        hb_arena_array(rank->query->job->arena, (size_t)(k < rows ? k : rows) + 1, sizeof(hb_hit));
    if (scores == NULL || rank->hits == NULL) return hb_err_memory(err);
    for (uint32_t part = 0; part < 2; part++) {
        const text_fields *fields = part == 0 ? ranked : plain;
        hb_hit *hits;
        uint32_t count = 0;
        if (fields->count > 0) HB_TRY(search_run(rank, fields, UINT32_MAX, &hits, &count, err));
        for (uint32_t i = 0; i < count; i++)
            scores[hits[i].slot] += part == 0 ? hits[i].score : 1.0;
    }
    hb_top_k top = {
        .hits = rank->hits, .k = k < rows ? k : rows, .tie = rank_tie, .tie_ctx = rank
    };
    for (uint32_t at = 0; at < rows && top.k > 0; at++) {
        if (scores[at] > 0.0 && hb_top_k_wants(&top, scores[at]))
            hb_top_k_add(&top, at, scores[at]);
    }
    hb_top_k_sort(&top);
    rank->hit_count = top.count;
    return HB_OK;
}

static bool fields_init(text_fields *fields, hb_arena *arena, uint32_t most) {
    fields->count = 0;
    fields->indexes = HB_NEW_ARRAY(arena, const hb_text_index *, most);
    fields->places = HB_NEW_ARRAY(arena, uint32_t, most);
    return fields->indexes != NULL && fields->places != NULL;
}

static hb_status rank_search(ranking *rank, hb_err *err) {
    sqlite_query *query = rank->query;
    sqlite_table *table = query->table;
    const hb_fragment *fragment = query->job->fragment;
    uint32_t count = fragment->search_field_count;
    hb_arena *arena = query->job->arena;
    hb_text_index **own = HB_NEW_ARRAY(arena, hb_text_index *, count);
    text_fields ranked, plain; /* plain: made for this search and freed after it */
    if (own == NULL || !fields_init(&ranked, arena, count) || !fields_init(&plain, arena, count)) {
        return hb_err_memory(err);
    }
    hb_status status = sqlite_positions_need(table, err);
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        uint32_t place = table->container->by_field[fragment->search_fields[i]];
        hb_text_index *index;
        bool mine;
        status = sqlite_text_need(table, place, &index, &mine, err);
        if (status != HB_OK) break;
        text_fields *set = mine ? &plain : &ranked;
        if (mine) own[plain.count] = index;
        set->indexes[set->count] = index;
        set->places[set->count++] = place;
    }
    if (status == HB_OK) status = allowed_find(rank, err);
    if (status == HB_OK && plain.count == 0) {
        status =
            search_run(rank, &ranked, fragment->search->top_k, &rank->hits, &rank->hit_count, err);
    } else if (status == HB_OK) {
        status = search_both(rank, &ranked, &plain, err);
    }
    for (uint32_t i = 0; i < plain.count; i++) hb_text_index_free(own[i]);
    return status;
}

/* ---- has_words ------------------------------------------------------------------------------- */

hb_status sqlite_words_list(sqlite_query *query, uint32_t place, hb_str text, sqlite_list **out,
                            hb_err *err) {
    sqlite_table *table = query->table;
    hb_arena *arena = query->job->arena;
    hb_text_index *index;
    bool mine;
    HB_TRY(sqlite_text_need(table, place, &index, &mine, err));
    HB_ASSERT(!mine);
    uint32_t count = table->derived->count, found = 0;
    uint64_t *bits = hb_arena_zalloc_array(arena, (size_t)hb_bits_words(count) + 1, sizeof(*bits));
    int64_t *slots = hb_arena_array(arena, (size_t)count + 1, sizeof(*slots));
    sqlite_list *list = HB_NEW(arena, sqlite_list);
    if (bits == NULL || slots == NULL || list == NULL) return hb_err_memory(err);
    hb_words words;
    hb_words_init(&words, text, query->job->mem);
    hb_str word;
    bool any = hb_words_next(&words, &word);
    bool failed = words.fold.failed;
    hb_words_free(&words);
    if (failed) return hb_err_memory(err);
    /* A text without words asks for nothing and finds nothing, as the evaluator has it. */
    if (any) HB_TRY(hb_text_index_has_words(index, text, HB_TEXT_SET, bits, count, err));
    for (uint32_t at = 0; at < count; at++) {
        if (hb_bit_has(bits, count, at)) slots[found++] = table->derived->rowids[at];
    }
    *list = (sqlite_list){ .slots = slots, .count = found };
    *out = list;
    return HB_OK;
}

/* ---- rows of the hits ------------------------------------------------------------------------ */

static hb_status hit_add(ranking *rank, sqlite3_stmt *stmt, const hb_hit *hit, hb_rowset *out,
                         hb_err *err) {
    sqlite_query *query = rank->query;
    sqlite3_bind_int64(stmt, 1, query->table->derived->rowids[hit->slot]);
    int rc = sqlite3_step(stmt);
    hb_status status = rc == SQLITE_ROW
                           ? sqlite_row_add(query, stmt, out, err)
                           : sqlite_query_fail(query, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, err);
    sqlite3_reset(stmt);
    HB_TRY(status);
    hb_value score = { .kind = HB_KIND_F64 };
    score.as.f = hit->score;
    return hb_colbuf_add(&out->columns[out->column_count - 1], &score) ? HB_OK : hb_err_memory(err);
}

/* `from` and `count` cut the hits when nothing sorts them anew. */
static hb_status hits_read(ranking *rank, uint32_t from, uint32_t count, hb_rowset *out,
                           hb_err *err) {
    sqlite_query *query = rank->query;
    hb_sql_clear(&query->sql);
    hb_sql_add(&query->sql, "SELECT ");
    sqlite_query_columns(query);
    hb_sql_add(&query->sql, " FROM ");
    hb_sql_ident(&query->sql, query->table->name);
    hb_sql_add(&query->sql, " WHERE slot = ?");
    sqlite3_stmt *stmt;
    HB_TRY(sqlite_borrow(query->table->conn, &query->sql, &stmt, err));
    hb_status status = sqlite_rowset_begin(query, out, err);
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        status = hit_add(rank, stmt, &rank->hits[from + i], out, err);
    }
    sqlite_return(query->table->conn, stmt);
    return status;
}

hb_status sqlite_rank(sqlite_query *query, hb_err *err) {
    const hb_fragment *fragment = query->job->fragment;
    ranking rank = { .query = query };
    HB_TRY(sqlite_positions_need(query->table, err));
    HB_TRY(fragment->near != NULL ? rank_near(&rank, err) : rank_search(&rank, err));
    if (rank.tie_status != HB_OK) {
        if (err != NULL) *err = rank.tie_err;
        return rank.tie_status;
    }
    if (fragment->order_count == 0) {
        uint32_t from =
            fragment->offset < rank.hit_count ? (uint32_t)fragment->offset : rank.hit_count;
        uint32_t left = rank.hit_count - from;
        return hits_read(&rank, from, fragment->limit < left ? (uint32_t)fragment->limit : left,
                         &query->job->out, err);
    }
    hb_rowset rows = { 0 };
    hb_status status = hits_read(&rank, 0, rank.hit_count, &rows, err);
    if (status == HB_OK) status = sqlite_arrange(query, &rows, err);
    hb_rowset_free(&rows);
    return status;
}
