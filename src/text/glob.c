// SPDX-License-Identifier: MIT
#include "text/glob.h"

#include "text/scan.h"

typedef enum glob_kind { GLOB_LITERAL, GLOB_ONE, GLOB_STAR, GLOB_SET } glob_kind;

typedef struct glob_token {
    glob_kind kind;
    bool negated;       /* SET */
    uint32_t start;     /* LITERAL: in bytes; SET: in ranges */
    uint32_t count;     /* LITERAL: bytes; SET: ranges */
    hb_needle needle;   /* LITERAL: over its bytes, once the glob is complete */
} glob_token;

typedef struct glob_range {
    uint32_t first, last;
} glob_range;

void hb_glob_init(hb_glob *glob, const hb_mem *mem) {
    hb_buf_init(&glob->tokens, mem);
    hb_buf_init(&glob->bytes, mem);
    hb_buf_init(&glob->ranges, mem);
    glob->crosses_lines = false;
    glob->nocase = false;
}

void hb_glob_free(hb_glob *glob) {
    hb_buf_free(&glob->tokens);
    hb_buf_free(&glob->bytes);
    hb_buf_free(&glob->ranges);
}

static glob_token *token_at(const hb_glob *glob, uint32_t index) {
    return (glob_token *)(void *)glob->tokens.ptr + index;
}

static uint32_t token_count(const hb_glob *glob) {
    return glob->tokens.len / (uint32_t)sizeof(glob_token);
}

static void add_token(hb_glob *glob, glob_token token) {
    const uint32_t count = token_count(glob);
    /* A run of stars is one star. */
    if (token.kind == GLOB_STAR && count > 0 && token_at(glob, count - 1)->kind == GLOB_STAR) {
        return;
    }
    hb_buf_add(&glob->tokens, &token, sizeof(token));
}

static void add_literal(hb_glob *glob, hb_str bytes) {
    const uint32_t count = token_count(glob);
    if (count > 0 && token_at(glob, count - 1)->kind == GLOB_LITERAL) {
        token_at(glob, count - 1)->count += bytes.len;
    } else {
        add_token(glob, (glob_token){ .kind = GLOB_LITERAL, .start = glob->bytes.len,
                                      .count = bytes.len });
    }
    hb_buf_add_str(&glob->bytes, bytes);
}

static hb_str literal_of(const hb_glob *glob, const glob_token *token) {
    return (hb_str){ glob->bytes.ptr + token->start, token->count };
}

static hb_status glob_finish(hb_glob *glob, hb_err *err) {
    HB_TRY(hb_buf_check(&glob->tokens, err));
    HB_TRY(hb_buf_check(&glob->bytes, err));
    HB_TRY(hb_buf_check(&glob->ranges, err));
    for (uint32_t i = 0; i < token_count(glob); i++) {
        glob_token *token = token_at(glob, i);
        if (token->kind != GLOB_LITERAL) continue;
        token->needle = hb_needle_of(literal_of(glob, token), glob->nocase);
    }
    return HB_OK;
}

static void glob_clear(hb_glob *glob, bool crosses_lines) {
    hb_buf_clear(&glob->tokens);
    hb_buf_clear(&glob->bytes);
    hb_buf_clear(&glob->ranges);
    glob->crosses_lines = crosses_lines;
    glob->nocase = false;
}

hb_status hb_glob_compile_like(hb_glob *glob, hb_str pattern, bool nocase, hb_err *err) {
    glob_clear(glob, false);
    glob->nocase = nocase;
    for (uint32_t pos = 0; pos < pattern.len; pos++) {
        if (pattern.ptr[pos] == '%') {
            add_token(glob, (glob_token){ .kind = GLOB_STAR });
        } else if (pattern.ptr[pos] == '_') {
            add_token(glob, (glob_token){ .kind = GLOB_ONE });
        } else {
            add_literal(glob, (hb_str){ pattern.ptr + pos, 1 });
        }
    }
    return glob_finish(glob, err);
}

/* Where the ']' that closes the set is, or 0: the first one behind '[', '[!' and an immediate ']'.
 * `pos` is behind the '['. */
static uint32_t set_end(hb_str pattern, uint32_t pos) {
    if (pos < pattern.len && pattern.ptr[pos] == '!') pos++;
    if (pos < pattern.len && pattern.ptr[pos] == ']') pos++;
    while (pos < pattern.len && pattern.ptr[pos] != ']') {
        pos++;
    }
    return pos < pattern.len ? pos : 0;
}

static void add_range(hb_glob *glob, uint32_t first, uint32_t last) {
    const glob_range range = { first, last };
    hb_buf_add(&glob->ranges, &range, sizeof(range));
}

/* The members of a set, without '!'. A hyphen between two characters makes a range unless the one
 * on its left ended a range; an inverted range is empty. */
static void add_set(hb_glob *glob, hb_str members, bool negated) {
    const uint32_t size = (uint32_t)sizeof(glob_range);
    glob_token token = { .kind = GLOB_SET, .negated = negated };
    token.start = glob->ranges.len / size;
    for (uint32_t pos = 0; pos < members.len;) {
        const uint32_t first = hb_utf8_next(members, &pos);
        if (pos + 1 < members.len && members.ptr[pos] == '-') {
            pos++;
            const uint32_t last = hb_utf8_next(members, &pos);
            if (first <= last) add_range(glob, first, last);
        } else {
            add_range(glob, first, first);
        }
    }
    token.count = glob->ranges.len / size - token.start;
    add_token(glob, token);
}

hb_status hb_glob_compile_wildcard(hb_glob *glob, hb_str pattern, hb_err *err) {
    glob_clear(glob, true);
    uint32_t pos = 0;
    while (pos < pattern.len) {
        const char c = pattern.ptr[pos++];
        const uint32_t end = c == '[' ? set_end(pattern, pos) : 0;
        if (c == '*') {
            add_token(glob, (glob_token){ .kind = GLOB_STAR });
        } else if (c == '?') {
            add_token(glob, (glob_token){ .kind = GLOB_ONE });
        } else if (end > 0) {
            const bool negated = pattern.ptr[pos] == '!';
            const uint32_t start = pos + (negated ? 1 : 0);
            add_set(glob, hb_str_sub(pattern, start, end - start), negated);
            pos = end + 1;
        } else {
            add_literal(glob, (hb_str){ pattern.ptr + pos - 1, 1 });
        }
    }
    return glob_finish(glob, err);
}

static bool set_has(const hb_glob *glob, const glob_token *token, uint32_t cp) {
    if (token->count == 0) return token->negated; /* [z-a]: there may be no ranges at all */
    const glob_range *ranges = (const glob_range *)(const void *)glob->ranges.ptr + token->start;
    for (uint32_t i = 0; i < token->count; i++) {
        if (cp >= ranges[i].first && cp <= ranges[i].last) return !token->negated;
    }
    return token->negated;
}

/* Matches one token that is no star at *pos and advances. */
static bool token_matches(const hb_glob *glob, const glob_token *token, hb_str text,
                          uint32_t *pos) {
    if (token->kind == GLOB_LITERAL) {
        if (token->count > text.len - *pos) return false;
        if (!hb_needle_is_at(&token->needle, text.ptr + *pos)) return false;
        *pos += token->count;
        return true;
    }
    if (*pos >= text.len) return false;
    const uint32_t cp = hb_utf8_next(text, pos);
    if (token->kind == GLOB_SET) return set_has(glob, token, cp);
    return cp != '\n' || glob->crosses_lines;
}

/* Moves the end of the last star's run from `from` to the next place where what follows the star
 * may begin; false when there is none within reach of the star. */
static bool star_grow(const hb_glob *glob, uint32_t next_token, hb_str text, uint32_t from,
                      uint32_t *to) {
    uint32_t end = from;
    if (next_token < token_count(glob) && token_at(glob, next_token)->kind == GLOB_LITERAL) {
        const int64_t found = hb_needle_find(&token_at(glob, next_token)->needle, text, from);
        if (found < 0) return false;
        end = (uint32_t)found;
    }
    if (!glob->crosses_lines && end > from && memchr(text.ptr + from, '\n', end - from) != NULL) {
        return false;
    }
    *to = end;
    return true;
}

/* Only the last star is ever grown: what stands before it matched at its earliest place, and a
 * later place reaches nothing that the earliest does not. That holds with lines too, as a literal
 * newline between two stars can only be the first newline that the first star reaches. */
bool hb_glob_test(const hb_glob *glob, hb_str text) {
    const uint32_t count = token_count(glob);
    uint32_t pos = 0;
    uint32_t token = 0;
    uint32_t star = UINT32_MAX;     /* index of the token behind the last star */
    uint32_t star_end = 0;          /* where that star's run ends now */
    for (;;) {
        if (token < count && token_at(glob, token)->kind == GLOB_STAR) {
            star = ++token;
            if (!star_grow(glob, star, text, pos, &star_end)) return false;
            if (star == count) {
                return glob->crosses_lines || pos == text.len ||
                       memchr(text.ptr + pos, '\n', text.len - pos) == NULL;
            }
            pos = star_end;
            continue;
        }
        if (token == count ? pos == text.len
                           : token_matches(glob, token_at(glob, token), text, &pos)) {
            if (token++ == count) return true;
            continue;
        }
        if (star == UINT32_MAX || star_end >= text.len) return false;
        uint32_t next = star_end;
        const uint32_t skipped = hb_utf8_next(text, &next);
        if (skipped == '\n' && !glob->crosses_lines) return false;
        if (!star_grow(glob, star, text, next, &star_end)) return false;
        pos = star_end;
        token = star;
    }
}
