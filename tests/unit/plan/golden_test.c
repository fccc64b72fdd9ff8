// SPDX-License-Identifier: MIT
/* Golden plans: each file in tests/golden/plan is one behaviour. Lines that start with "--
 * backends:",
 * "-- entity:", "-- spec:", "-- params:" and "-- options:" are input; what follows them is the
 * query as text and its plan, or the error. Run with HB_GOLDEN_UPDATE=1 to write the files anew,
 * then read the difference. Run from the project's root. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/plan/fake.h"
#include "tests/unit/test.h"

#define GOLDEN_DIR "tests/golden/plan"
#define GOLDEN_BYTES_MAX 16384
#define GOLDEN_FILES_MAX 128
#define GOLDEN_FILES_MIN 25     /* an empty folder must not pass */
#define DEFAULT_BACKENDS "main@sqlite vec@inmem search@inmem"
#define DEFAULT_ENTITY                                                                             \
    "{\"name\":\"Note\",\"fields\":{\"name\":\"short-text\",\"title\":\"short-text\",\"body\":"    \
    "\"long-text\","                                                                               \
    "\"n\":\"integer\",\"tags\":\"array[short-text]\",\"meta\":\"json\",\"emb\":\"vector[2]\"}}"

typedef struct golden {
    char text[GOLDEN_BYTES_MAX];
    size_t len, input_len;      /* the input lines come first */
    char backends[256], entity[2048], spec[4096], params[1024], options[256];
} golden;

static bool read_file(const char *path, golden *out) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    out->len = fread(out->text, 1, sizeof out->text - 1, file);
    out->text[out->len] = '\0';
    return fclose(file) == 0;
}

static bool write_file(const char *path, hb_str head, hb_str tail) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) return false;
    bool written = fwrite(head.ptr, 1, head.len, file) == head.len &&
                   fwrite(tail.ptr, 1, tail.len, file) == tail.len;
    return fclose(file) == 0 && written;
}

/* "-- key: value" into `out`; other "-- " lines are prose. */
static void take_line(const char *line, size_t len, const char *key, char *out, size_t cap) {
    size_t key_len = strlen(key);
    if (len <= key_len + 4 || strncmp(line + 3, key, key_len) != 0 || line[3 + key_len] != ':')
        return;
    size_t start = 4 + key_len;
    while (start < len && line[start] == ' ') start++;
    size_t size = len - start < cap - 1 ? len - start : cap - 1;
    memcpy(out, line + start, size);
    out[size] = '\0';
}

static void take_input(golden *doc) {
    const char *line = doc->text;
    snprintf(doc->backends, sizeof doc->backends, "%s", DEFAULT_BACKENDS);
    snprintf(doc->entity, sizeof doc->entity, "%s", DEFAULT_ENTITY);
    while (strncmp(line, "-- ", 3) == 0) {
        const char *end = strchr(line, '\n');
        size_t len = end != NULL ? (size_t)(end - line) : strlen(line);
        take_line(line, len, "backends", doc->backends, sizeof doc->backends);
        take_line(line, len, "entity", doc->entity, sizeof doc->entity);
        take_line(line, len, "spec", doc->spec, sizeof doc->spec);
        take_line(line, len, "params", doc->params, sizeof doc->params);
        take_line(line, len, "options", doc->options, sizeof doc->options);
        line += end != NULL ? len + 1 : len;
    }
    doc->input_len = (size_t)(line - doc->text);
}

static void print_names(const fake_world *world, const char *label, const uint32_t *fields,
                        uint32_t count, hb_buf *out) {
    for (uint32_t i = 0; i < count; i++) {
        hb_buf_printf(out, "%s%.*s", i == 0 ? label : ", ",
                      HB_ARG(world->schema->fields[fields[i]].name));
    }
}

static void print_order(const hb_order *order, uint32_t count, hb_buf *out) {
    for (uint32_t i = 0; i < count; i++) {
        hb_buf_printf(out, "%s%s%.*s", i == 0 ? "  order: " : ", ", order[i].desc ? "-" : "",
                      HB_ARG(order[i].col.name));
    }
}

static void print_scan(const fake_world *world, const hb_node *node, hb_buf *out) {
    const hb_fragment *fragment = &node->fragment;
    const char *word = fragment->kind == HB_FRAG_COUNT       ? "count"
                       : fragment->kind == HB_FRAG_AGGREGATE ? "aggregate"
                       : fragment->near != NULL              ? "near"
                       : fragment->search != NULL            ? "search"
                                                             : "scan";
    hb_buf_printf(out, "%s %.*s@%.*s", word, HB_ARG(world->schema->entity_id),
                  HB_ARG(world->instances[node->backend]->name));
    if (fragment->near != NULL) {
        hb_buf_printf(out, "  %.*s top %u (%s)",
                      HB_ARG(world->schema->fields[fragment->near->field].name),
                      (unsigned)fragment->near->top_k, node->note);
    }
    if (fragment->search != NULL) {
        print_names(world, "  ", fragment->search_fields, fragment->search_field_count, out);
        if (fragment->search->top_k == UINT32_MAX)
            hb_buf_printf(out, " all hits (%s)", node->note);
        else
            hb_buf_printf(out, " top %u (%s)", (unsigned)fragment->search->top_k, node->note);
    }
    if (fragment->filter != NULL) {
        hb_buf_add_c(out, "  pushed: ");
        hb_expr_print(world->schema, fragment->filter, out);
    }
    if (node->candidates_from != HB_NODE_NONE)
        hb_buf_printf(out, "  candidates from #%u", (unsigned)node->candidates_from);
    print_order(fragment->order, fragment->order_count, out);
    if (fragment->offset > 0)
        hb_buf_printf(out, "  offset %llu", (unsigned long long)fragment->offset);
    if (fragment->limit != HB_NO_LIMIT)
        hb_buf_printf(out, "  limit %llu", (unsigned long long)fragment->limit);
    print_names(world, "  columns: ", fragment->columns, fragment->column_count, out);
}

static void print_node(const fake_world *world, const hb_node *node, hb_buf *out) {
    switch (node->kind) {
    case HB_NODE_SCAN: print_scan(world, node, out); return;
    case HB_NODE_FILTER:
        hb_buf_add_c(out, "filter ");
        hb_expr_print(node->schema != NULL ? node->schema : world->schema, node->residual, out);
        return;
    case HB_NODE_INTERSECT: hb_buf_add_c(out, "intersect"); return;
    case HB_NODE_UNION: hb_buf_add_c(out, "union"); return;
    case HB_NODE_EXCEPT: hb_buf_add_c(out, "except"); return;
    case HB_NODE_HYDRATE:
        hb_buf_printf(out, "hydrate %.*s@%.*s", HB_ARG(world->schema->entity_id),
                      HB_ARG(world->instances[node->backend]->name));
        print_names(world, "  columns: ", node->fragment.columns, node->fragment.column_count, out);
        return;
    case HB_NODE_ADD_SCORES:
        hb_buf_printf(out, "add scores, best %llu", (unsigned long long)node->bound);
        return;
    case HB_NODE_FUSE:
        hb_buf_printf(out, "fuse, best %llu", (unsigned long long)node->bound);
        return;
    case HB_NODE_SORT:
        hb_buf_add_c(out, "sort");
        print_order(node->order, node->order_count, out);
        if (node->bound != HB_NO_LIMIT)
            hb_buf_printf(out, "  best %llu", (unsigned long long)node->bound);
        return;
    case HB_NODE_LIMIT:
        hb_buf_add_c(out, "limit ");
        if (node->limit == HB_NO_LIMIT)
            hb_buf_add_c(out, "none");
        else
            hb_buf_printf(out, "%llu", (unsigned long long)node->limit);
        if (node->offset > 0) hb_buf_printf(out, " offset %llu", (unsigned long long)node->offset);
        return;
    case HB_NODE_COUNT:
        hb_buf_printf(out, "count %s%.*s", node->count_distinct ? "distinct " : "",
                      HB_ARG(world->schema->fields[node->count_field].name));
        return;
    case HB_NODE_AGGREGATE: hb_buf_printf(out, "aggregate (%s)", node->note); return;
    case HB_NODE_PROJECT:
        hb_buf_printf(out, "project%s", node->schema == NULL ? " object_id" : "");
        for (uint32_t i = 0; i < node->column_count; i++) {
            hb_buf_printf(out, "%s%.*s", i == 0 && node->schema != NULL ? " " : ", ",
                          HB_ARG(node->columns[i].name));
        }
        return;
    }
}

static void print_plan(const fake_world *world, const hb_plan *plan, hb_buf *out) {
    hb_query_print(world->query, out);
    hb_buf_add_char(out, '\n');
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const hb_node *node = &plan->nodes[i];
        hb_buf_printf(out, "#%u ", (unsigned)i);
        print_node(world, node, out);
        for (uint32_t k = 0; k < node->input_count; k++) {
            hb_buf_printf(out, "%s#%u", k == 0 ? "  <- " : " ", (unsigned)node->inputs[k]);
        }
        hb_buf_add_char(out, '\n');
    }
    if (plan->pushed_limit) hb_buf_add_c(out, "(one row more than the limit is asked for)\n");
}

static void run_document(const golden *doc, hb_buf *out) {
    fake_world world;
    const hb_plan *plan = NULL;
    hb_plan_options options = { strstr(doc->options, "no_pushdown") != NULL,
                                strstr(doc->options, "want_total") != NULL,
                                strstr(doc->options, "explain_only") != NULL };
    hb_status status = fake_open(&world, doc->backends, doc->entity);
    if (status == HB_OK) status = fake_route(&world);
    if (status == HB_OK)
        status = fake_query(&world, doc->spec, doc->params[0] != '\0' ? doc->params : NULL);
    if (status == HB_OK) status = fake_plan(&world, &options, &plan);
    if (status == HB_OK) {
        print_plan(&world, plan, out);
    } else {
        hb_buf_printf(out, "error %s field=%s backend=%s: %s\n", hb_status_name(status),
                      world.err.field, world.err.backend, world.err.msg);
    }
    fake_close(&world);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(a, b);
}

static int list_files(char names[][64]) {
    DIR *dir = opendir(GOLDEN_DIR);
    int count = 0;
    if (dir == NULL) return 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || len > 63 || strcmp(entry->d_name + len - 4, ".txt") != 0 ||
            count == GOLDEN_FILES_MAX)
            continue;
        memcpy(names[count++], entry->d_name, len + 1);
    }
    closedir(dir);
    qsort(names, (size_t)count, 64, compare_names);
    return count;
}

static void plans_are_as_recorded(void) {
    static char names[GOLDEN_FILES_MAX][64];
    static golden doc;
    const char *update = getenv("HB_GOLDEN_UPDATE");
    int count = list_files(names);
    CHECK(count >= GOLDEN_FILES_MIN);
    for (int i = 0; i < count; i++) {
        char path[128];
        hb_buf out;
        CASE(names[i]);
        snprintf(path, sizeof path, GOLDEN_DIR "/%s", names[i]);
        memset(&doc, 0, sizeof doc);
        REQUIRE(read_file(path, &doc));
        take_input(&doc);
        hb_buf_init(&out, hb_mem_default());
        run_document(&doc, &out);
        if (update != NULL && update[0] == '1') {
            CHECK(write_file(path, hb_str_n(doc.text, doc.input_len), hb_buf_str(&out)));
        } else {
            CHECK_BYTES(out.ptr, out.len, doc.text + doc.input_len, doc.len - doc.input_len);
        }
        hb_buf_free(&out);
    }
}

TEST_SUITE {
    TEST(plans_are_as_recorded);
}
