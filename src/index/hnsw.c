// SPDX-License-Identifier: MIT
#include "index/hnsw.h"

#include <math.h>
#include <string.h>

#define NONE UINT32_MAX
#define ABSENT UINT32_MAX       /* in place of the count of links: the slot is not in the graph */
#define DONE 0x80000000u      /* on a slot in the pool: its links were followed */
#define LEVELS_MAX 12u
/* Slots in view on the upper levels. With one a walk among clusters may end in the wrong one. */
#define BEAM       12u

/* A slot and how near it is: higher is nearer. */
typedef struct near_one {
    float score;
    uint32_t slot;
} near_one;

struct hb_hnsw {
    const hb_mem *mem;
    hb_metric metric;
    uint32_t m, ef_build;
    uint32_t count;
    uint32_t entry;             /* NONE: empty */
    uint32_t cap;               /* slots that the block has room for */
    size_t block_bytes;
    uint32_t *base;             /* the block: by slot its count of links, then 2 m of them */
    uint32_t *upper_at;         /* by slot, and one more: where its upper levels are */
    uint32_t *upper;            /* for each level above 0 a count and m links */
    uint16_t *seen;             /* by slot: the stamp of the walk that saw it last */
    uint16_t stamp;
    near_one *pool;             /* the nearest of the walk under way, best first */
    uint32_t pool_cap, pool_count;
};

/* Looking for neighbours of one vector. */
typedef struct walk {
    hb_hnsw *graph;
    const hb_vector_view *view;
    const float *vector;
    double norm;
} walk;

/* ---- slots ----------------------------------------------------------------------------------- */

/* One slot in m rises above each level. */
static uint32_t level_of(uint32_t slot, uint32_t m) {
    uint64_t hash = (slot + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    uint32_t level = 0;
    for (; level < LEVELS_MAX && hash % m == 0; hash /= m) {
        level++;
    }
    return level;
}

static uint32_t slot_level(const hb_hnsw *graph, uint32_t slot) {
    return (graph->upper_at[slot + 1] - graph->upper_at[slot]) / (graph->m + 1);
}

static uint32_t *links_of(const hb_hnsw *graph, uint32_t slot, uint32_t level) {
    if (level == 0) return graph->base + (size_t)slot * (2 * graph->m + 1);
    return graph->upper + graph->upper_at[slot] + (size_t)(level - 1) * (graph->m + 1);
}

static uint32_t links_most(const hb_hnsw *graph, uint32_t level) {
    return level == 0 ? 2 * graph->m : graph->m;
}

static bool is_present(const hb_hnsw *graph, uint32_t slot) {
    return slot < graph->cap && *links_of(graph, slot, 0) != ABSENT;
}

/* One block for everything that goes by slot: it is there whole or as it was. */
static bool reserve(hb_hnsw *graph, uint32_t cap) {
    if (cap <= graph->cap) return true;
    const size_t stride = 2 * (size_t)graph->m + 1;
    const uint32_t old = graph->cap;
    uint64_t upper = old > 0 ? graph->upper_at[old] : 0;
    for (uint32_t slot = old; slot < cap; slot++) {
        upper += (uint64_t)level_of(slot, graph->m) * (graph->m + 1);
    }
    const uint64_t words = (uint64_t)cap * stride + cap + 1 + upper;
    const uint64_t bytes = words * sizeof(uint32_t) + (uint64_t)cap * sizeof(uint16_t);
    uint32_t *block =
        upper < UINT32_MAX && bytes < SIZE_MAX / 2 ? hb_mem_alloc(graph->mem, (size_t)bytes) : NULL;
    if (block == NULL) return false;
    uint32_t *upper_at = block + cap * stride;
    uint32_t *links = upper_at + cap + 1;
    uint16_t *seen = (uint16_t *)(void *)(links + upper);
    memset(seen, 0, cap * sizeof(*seen));
    upper_at[0] = 0;
    if (old > 0) {
        memcpy(block, graph->base, old * stride * sizeof(*block));
        memcpy(upper_at, graph->upper_at, (old + (size_t)1) * sizeof(*block));
        memcpy(links, graph->upper, upper_at[old] * sizeof(*block));
    }
    for (uint32_t slot = old; slot < cap; slot++) {
        block[slot * stride] = ABSENT;
        upper_at[slot + 1] = upper_at[slot] + level_of(slot, graph->m) * (graph->m + 1);
    }
    hb_mem_free(graph->mem, graph->base, graph->block_bytes);
    graph->base = block;
    graph->upper_at = upper_at;
    graph->upper = links;
    graph->seen = seen;
    graph->stamp = 0;
    graph->cap = cap;
    graph->block_bytes = (size_t)bytes;
    return true;
}

static bool pool_reserve(hb_hnsw *graph, uint32_t count) {
    if (count <= graph->pool_cap) return true;
    near_one *pool = hb_mem_realloc(graph->mem, graph->pool, graph->pool_cap * sizeof(*pool),
                                    count * sizeof(*pool));
    if (pool == NULL) return false;
    graph->pool = pool;
    graph->pool_cap = count;
    return true;
}

/* ---- scores ---------------------------------------------------------------------------------- */

static const float *row_of(const hb_vector_view *view, uint32_t slot) {
    return hb_vector_row(view, slot);
}

static double norm_of(const walk *w, uint32_t slot) {
    if (w->graph->metric != HB_METRIC_COSINE) return 0.0;
    const hb_vector_view *view = w->view;
    return view->norms != NULL ? view->norms[slot] : hb_vector_norm(row_of(view, slot), view->dim);
}

static float score_of(const walk *w, uint32_t slot) {
    const float *row = row_of(w->view, slot);
    double score = 0.0;
    if (w->graph->metric == HB_METRIC_L2) {
        score = -hb_vector_l2_squared(w->vector, row, w->view->dim);
    } else {
        score = hb_vector_dot(w->vector, row, w->view->dim);
        if (w->graph->metric == HB_METRIC_COSINE) {
            const double norms = w->norm * norm_of(w, slot);
            score = norms > 0.0 ? score / norms : 0.0;
        }
    }
    return score == score ? (float)score : -INFINITY;
}

static walk walk_from(const walk *w, uint32_t slot) {
    return (walk){ w->graph, w->view, row_of(w->view, slot), norm_of(w, slot) };
}

/* ---- walking --------------------------------------------------------------------------------- */

/* Where it was put, or `most` when it is not among the nearest. */
static uint32_t pool_add(hb_hnsw *graph, uint32_t most, near_one one) {
    near_one *pool = graph->pool;
    const bool full = graph->pool_count == most;
    if (full && one.score <= pool[most - 1].score) return most;
    uint32_t low = 0, high = graph->pool_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (pool[middle].score >= one.score) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    graph->pool_count += full ? 0 : 1;
    memmove(pool + low + 1, pool + low, (graph->pool_count - 1 - low) * sizeof(*pool));
    pool[low] = one;
    return low;
}

/* What the pool holds is known and its links are still to be followed. */
static void walk_begin(hb_hnsw *graph) {
    if (++graph->stamp == 0) {
        memset(graph->seen, 0, graph->cap * sizeof(*graph->seen));
        graph->stamp = 1;
    }
    for (uint32_t i = 0; i < graph->pool_count; i++) {
        graph->pool[i].slot &= ~DONE;
        graph->seen[graph->pool[i].slot] = graph->stamp;
    }
}

/* Fills the pool with the `most` nearest that can be reached from what is in it. */
static void walk_level(const walk *w, uint32_t level, uint32_t most) {
    hb_hnsw *graph = w->graph;
    if (graph->pool_count > most) graph->pool_count = most;
    walk_begin(graph);
    for (uint32_t next = 0; next < graph->pool_count;) {
        if ((graph->pool[next].slot & DONE) != 0) {
            next++;
            continue;
        }
        uint32_t *links = links_of(graph, graph->pool[next].slot, level);
        graph->pool[next++].slot |= DONE;
        for (uint32_t i = 1; i <= links[0]; i++) {
            const uint32_t slot = links[i];
            if (graph->seen[slot] == graph->stamp) continue;
            if (!is_present(graph, slot)) {
                links[i--] = links[links[0]--];
                continue;
            }
            graph->seen[slot] = graph->stamp;
            const uint32_t at = pool_add(graph, most, (near_one){ score_of(w, slot), slot });
            if (at < next) next = at;
        }
    }
}

/* From the top down to above `level`. */
static void walk_down(const walk *w, uint32_t level) {
    hb_hnsw *graph = w->graph;
    graph->pool[0] = (near_one){ score_of(w, graph->entry), graph->entry };
    graph->pool_count = 1;
    for (uint32_t at = slot_level(graph, graph->entry); at > level; at--) {
        walk_level(w, at, BEAM);
    }
}

/* ---- links ----------------------------------------------------------------------------------- */

/* Of `ones`, best first, those that are nearer to where we stand than to any that was taken before:
 * so links lead in all directions. At most `most`, by number into `taken`. */
static uint32_t choose(const walk *w, const near_one *ones, uint32_t count, uint32_t most,
                       uint32_t *taken) {
    uint32_t taken_count = 0;
    for (uint32_t i = 0; i < count && taken_count < most; i++) {
        const walk from = walk_from(w, ones[i].slot & ~DONE);
        bool apart = true;
        for (uint32_t t = 0; t < taken_count && apart; t++) {
            apart = score_of(&from, taken[t]) <= ones[i].score;
        }
        if (apart) taken[taken_count++] = ones[i].slot & ~DONE;
    }
    return taken_count;
}

static bool links_have(const uint32_t *links, uint32_t slot) {
    for (uint32_t i = 1; i <= links[0]; i++) {
        if (links[i] == slot) return true;
    }
    return false;
}

static void links_drop(uint32_t *links, uint32_t slot) {
    for (uint32_t i = 1; i <= links[0]; i++) {
        if (links[i] == slot) links[i--] = links[links[0]--];
    }
}

/* Too many: the best of them stay, and room for some more so that this does not come with every
 * link. */
static void links_prune(const walk *w, uint32_t level, uint32_t *links, uint32_t more) {
    near_one ones[2 * HB_HNSW_M_MAX + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i <= links[0]; i++) {
        const uint32_t slot = i == 0 ? more : links[i];
        if (i > 0 && !is_present(w->graph, slot)) continue;
        const near_one one = { score_of(w, slot), slot };
        uint32_t at = count++;
        for (; at > 0 && ones[at - 1].score < one.score; at--) {
            ones[at] = ones[at - 1];
        }
        ones[at] = one;
    }
    const uint32_t most = links_most(w->graph, level);
    links[0] = choose(w, ones, count, most - most / 4, links + 1);
}

static void link_add(const walk *w, uint32_t level, uint32_t from, uint32_t to) {
    uint32_t *links = links_of(w->graph, from, level);
    if (links_have(links, to)) return;
    if (links[0] < links_most(w->graph, level)) {
        links[++links[0]] = to;
        return;
    }
    const walk at = walk_from(w, from);
    links_prune(&at, level, links, to);
}

/* ---- the graph ------------------------------------------------------------------------------- */

hb_hnsw *hb_hnsw_new(const hb_mem *mem, hb_metric metric, uint32_t m, uint32_t ef_build) {
    HB_ASSERT(m >= HB_HNSW_M_MIN && m <= HB_HNSW_M_MAX && ef_build > 0);
    hb_hnsw *graph = hb_mem_zalloc(mem, sizeof(*graph));
    if (graph == NULL) return NULL;
    graph->mem = mem;
    graph->metric = metric;
    graph->m = m;
    graph->ef_build = ef_build > m ? ef_build : m;
    if (graph->ef_build < BEAM) graph->ef_build = BEAM;
    graph->entry = NONE;
    return graph;
}

void hb_hnsw_free(hb_hnsw *graph) {
    if (graph == NULL) return;
    hb_mem_free(graph->mem, graph->base, graph->block_bytes);
    hb_mem_free(graph->mem, graph->pool, graph->pool_cap * sizeof(*graph->pool));
    hb_mem_free(graph->mem, graph, sizeof(*graph));
}

uint32_t hb_hnsw_count(const hb_hnsw *graph) {
    return graph->count;
}

size_t hb_hnsw_bytes(const hb_hnsw *graph) {
    return sizeof(*graph) + graph->block_bytes + graph->pool_cap * sizeof(*graph->pool);
}

static void connect(const walk *w, uint32_t slot, uint32_t level) {
    hb_hnsw *graph = w->graph;
    uint32_t *links = links_of(graph, slot, level);
    links[0] = choose(w, graph->pool, graph->pool_count, graph->m, links + 1);
    for (uint32_t i = 1; i <= links[0]; i++) {
        link_add(w, level, links[i], slot);
    }
}

bool hb_hnsw_put(hb_hnsw *graph, const hb_vector_view *view, uint32_t slot) {
    HB_ASSERT(!is_present(graph, slot) && slot < DONE);
    const uint32_t cap = view->count > slot ? view->count : slot + 1;
    if ((slot >= graph->cap && !reserve(graph, cap + cap / 8)) ||
        !pool_reserve(graph, graph->ef_build)) {
        return false;
    }
    walk w = { graph, view, row_of(view, slot), 0.0 };
    w.norm = norm_of(&w, slot);
    const uint32_t own = slot_level(graph, slot);
    /* On the lowest level it stays absent until it is linked: old links that lead to the slot do
     * not find it. */
    for (uint32_t level = 1; level <= own; level++) {
        *links_of(graph, slot, level) = 0;
    }
    graph->count++;
    if (graph->entry == NONE) {
        *links_of(graph, slot, 0) = 0;
        graph->entry = slot;
        return true;
    }
    const uint32_t top = slot_level(graph, graph->entry);
    walk_down(&w, own);
    for (uint32_t level = (own < top ? own : top) + 1; level > 0; level--) {
        walk_level(&w, level - 1, graph->ef_build);
        connect(&w, slot, level - 1);
    }
    if (own > top) graph->entry = slot;
    return true;
}

/* What a slot loses with a link to one that goes it gets back among the others of that one. */
static void mend(const walk *w, uint32_t level, uint32_t slot, const uint32_t *others,
                 uint32_t other_count) {
    const uint32_t *links = links_of(w->graph, slot, level);
    if (links[0] >= links_most(w->graph, level) / 2) return;
    const walk from = walk_from(w, slot);
    near_one best = { -INFINITY, NONE };
    for (uint32_t i = 0; i < other_count; i++) {
        if (others[i] == slot || links_have(links, others[i])) continue;
        const float score = score_of(&from, others[i]);
        if (best.slot == NONE || score > best.score) best = (near_one){ score, others[i] };
    }
    if (best.slot == NONE) return;
    link_add(w, level, slot, best.slot);
    link_add(w, level, best.slot, slot);
}

static void unlink_level(const walk *w, uint32_t slot, uint32_t level) {
    hb_hnsw *graph = w->graph;
    uint32_t *links = links_of(graph, slot, level);
    uint32_t others[2 * HB_HNSW_M_MAX];
    uint32_t count = 0;
    for (uint32_t i = 1; i <= links[0]; i++) {
        if (is_present(graph, links[i])) others[count++] = links[i];
    }
    links[0] = level == 0 ? ABSENT : 0;
    for (uint32_t i = 0; i < count; i++) {
        links_drop(links_of(graph, others[i], level), slot);
    }
    for (uint32_t i = 0; i < count; i++) {
        mend(w, level, others[i], others, count);
    }
}

static uint32_t highest_slot(const hb_hnsw *graph) {
    uint32_t best = NONE;
    for (uint32_t slot = 0; slot < graph->cap; slot++) {
        if (is_present(graph, slot) &&
            (best == NONE || slot_level(graph, slot) > slot_level(graph, best))) {
            best = slot;
        }
    }
    return best;
}

void hb_hnsw_remove(hb_hnsw *graph, const hb_vector_view *view, uint32_t slot) {
    if (!is_present(graph, slot)) return;
    const walk w = { graph, view, NULL, 0.0 };
    for (uint32_t level = slot_level(graph, slot) + 1; level > 0; level--) {
        unlink_level(&w, slot, level - 1);
    }
    graph->count--;
    if (graph->entry == slot) graph->entry = highest_slot(graph);
}

bool hb_hnsw_find(hb_hnsw *graph, const hb_vector_view *view, const float *vector, uint32_t ef,
                  uint32_t *slots, uint32_t *count) {
    *count = 0;
    if (graph->entry == NONE || ef == 0) return true;
    if (!pool_reserve(graph, ef > BEAM ? ef : BEAM)) return false;
    walk w = { graph, view, vector, 0.0 };
    if (graph->metric == HB_METRIC_COSINE) w.norm = hb_vector_norm(vector, view->dim);
    walk_down(&w, 0);
    walk_level(&w, 0, ef);
    for (; *count < graph->pool_count; ++*count) {
        slots[*count] = graph->pool[*count].slot & ~DONE;
    }
    return true;
}
