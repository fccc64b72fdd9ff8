// SPDX-License-Identifier: MIT
#include "text/regex.h"

#include <pcre2.h>

#include "base/limits.h"

/* Steps, nested steps and KiB per match. A legitimate (a|b)* over 8192 code points nests some
 * 16 000 steps; a runaway pattern is cut off after a fraction of a second. */
#define MATCH_STEPS_MAX 10000000u
#define MATCH_DEPTH_MAX 200000u
#define MATCH_HEAP_KIB_MAX 20000u

struct hb_regex {
    const hb_mem *mem;
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *data;
};

/* PCRE2 frees without a size; the allocator wants one, so it stands before the block. */
typedef union sized_block {
    size_t size;
    max_align_t align;
} sized_block;

static void *regex_alloc(PCRE2_SIZE size, void *mem) {
    sized_block *block = hb_mem_alloc(mem, sizeof(*block) + size);
    if (block == NULL) return NULL;
    block->size = sizeof(*block) + size;
    return block + 1;
}

static void regex_release(void *ptr, void *mem) {
    if (ptr == NULL) return;
    sized_block *block = (sized_block *)ptr - 1;
    hb_mem_free(mem, block, block->size);
}

void hb_regex_free(hb_regex *regex) {
    if (regex == NULL) return;
    pcre2_match_data_free(regex->data);
    pcre2_match_context_free(regex->context);
    pcre2_code_free(regex->code);
    pcre2_general_context_free(regex->general);
    hb_mem_free(regex->mem, regex, sizeof(*regex));
}

/* What can still be wrong with a pattern that the translation let through; NULL: nothing known.
 * PCRE2 has texts for all that can ever be, which are 8 KB that nobody would see. */
static const char *refusal(int code) {
    switch (code) {
    case PCRE2_ERROR_BAD_SUBPATTERN_REFERENCE: return "reference to a group that does not exist";
    case PCRE2_ERROR_DUPLICATE_SUBPATTERN_NAME: return "two groups have the same name";
    case PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH:
    case PCRE2_ERROR_LOOKBEHIND_TOO_LONG:
    case PCRE2_ERROR_LOOKBEHIND_TOO_COMPLICATED:
        return "the length of a lookbehind is not limited, or is too large";
    case PCRE2_ERROR_TOO_MANY_CONDITION_BRANCHES: return "a condition has more than two branches";
    case PCRE2_ERROR_PATTERN_TOO_LARGE:
    case PCRE2_ERROR_PATTERN_TOO_COMPLICATED: return "it is too large";
    default: return NULL;
    }
}

static hb_status regex_compile(hb_regex *regex, hb_str source, bool ascii, hb_err *err) {
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    if (!ascii) options |= PCRE2_UCP;
    int code = 0;
    PCRE2_SIZE offset = 0;
    pcre2_compile_context *compile = pcre2_compile_context_create(regex->general);
    if (compile == NULL) return hb_err_memory(err);
    pcre2_set_newline(compile, PCRE2_NEWLINE_LF);
    regex->code = pcre2_compile((PCRE2_SPTR)(source.ptr != NULL ? source.ptr : ""), source.len,
                                options, &code, &offset, compile);
    pcre2_compile_context_free(compile);
    if (regex->code != NULL) return HB_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED) return hb_err_memory(err);
    const char *why = refusal(code);
    return why != NULL ? hb_err_set(err, HB_E_QUERY, "invalid regex pattern: %s", why)
                       : hb_err_set(err, HB_E_QUERY, "invalid regex pattern: PCRE2 error %d", code);
}

static hb_status regex_prepare(hb_regex *regex, hb_err *err) {
    regex->context = pcre2_match_context_create(regex->general);
    regex->data = pcre2_match_data_create(1, regex->general);
    if (regex->context == NULL || regex->data == NULL) return hb_err_memory(err);
    pcre2_set_match_limit(regex->context, MATCH_STEPS_MAX);
    pcre2_set_depth_limit(regex->context, MATCH_DEPTH_MAX);
    pcre2_set_heap_limit(regex->context, MATCH_HEAP_KIB_MAX);
    return HB_OK;
}

/* PCRE2's callbacks take a plain pointer; the allocator behind it is only read. */
static void *allocator_data(const hb_mem *mem) {
    union {
        const hb_mem *mem;
        void *data;
    } same = { .mem = mem };
    return same.data;
}

hb_status hb_regex_new(hb_str pattern, const hb_mem *mem, hb_regex **out, hb_err *err) {
    *out = NULL;
    if (hb_utf8_count(pattern) > HB_PATTERN_CHARS_MAX) {
        return hb_err_set(err, HB_E_QUERY, "regex pattern is longer than %u characters",
                          HB_PATTERN_CHARS_MAX);
    }
    hb_regex *regex = hb_mem_zalloc(mem, sizeof(*regex));
    if (regex == NULL) return hb_err_memory(err);
    regex->mem = mem;
    regex->general = pcre2_general_context_create(regex_alloc, regex_release, allocator_data(mem));
    hb_buf source;
    hb_buf_init(&source, mem);
    hb_regex_source flags = { false };
    hb_status status = regex->general != NULL ? HB_OK : hb_err_memory(err);
    if (status == HB_OK) status = hb_regex_translate(pattern, &source, &flags, err);
    if (status == HB_OK) status = hb_buf_check(&source, err);
    if (status == HB_OK) status = regex_compile(regex, hb_buf_str(&source), flags.ascii, err);
    if (status == HB_OK) status = regex_prepare(regex, err);
    hb_buf_free(&source);
    if (status != HB_OK) {
        hb_regex_free(regex);
        return status;
    }
    *out = regex;
    return HB_OK;
}

int hb_regex_test(hb_regex *regex, hb_str text) {
    uint32_t len = text.len;
    if (len > HB_REGEX_TARGET_MAX) {
        len = 0;
        for (uint32_t i = 0; i < HB_REGEX_TARGET_MAX && len < text.len; i++) {
            hb_utf8_next(text, &len);
        }
    }
    const char *ptr = text.ptr != NULL ? text.ptr : "";
    const int found =
        pcre2_match(regex->code, (PCRE2_SPTR)ptr, len, 0, 0, regex->data, regex->context);
    /* 0 means found, with more groups than the match data has room for. */
    if (found >= 0) return 1;
    return found == PCRE2_ERROR_NOMATCH ? 0 : -1;
}
