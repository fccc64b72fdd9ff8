// SPDX-License-Identifier: MIT
#include "base/err.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/format.h"

#define WORD_MAX 48u            /* longer words are not worth a guess */
#define OPTIONS_LISTED_MAX 24u

void hb_err_init(hb_err *err) {
    if (err == NULL) return;
    err->code = HB_OK;
    err->at = HB_AT_NONE;
    err->entity[0] = err->field[0] = err->backend[0] = err->native[0] = '\0';
    err->msg[0] = err->path[0] = err->detail[0] = '\0';
}

/* Length of at most `len` bytes of `text` that does not end inside a code point. */
static size_t text_cut(const char *text, size_t len) {
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
        start--;
    }
    if (start == 0) return len;
    const unsigned char lead = (unsigned char)text[start - 1];
    const size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return need > 1 && len - start + 1 < need ? start - 1 : len;
}

hb_status hb_err_set(hb_err *err, hb_status code, const char *fmt, ...) {
    if (err == NULL) return code;
    hb_err_init(err);
    err->code = code;
    va_list args;
    va_start(args, fmt);
    const uint32_t len = hb_format_list(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    if (len >= sizeof err->msg) {
        err->msg[text_cut(err->msg, sizeof err->msg - 1)] = '\0';
    }
    return code;
}

static void member_set(char *member, size_t size, hb_str text) {
    if (text.len == 0 || text.ptr == NULL) return; /* a text whose copy failed has no bytes */
    const size_t len = text.len < size ? text.len : text_cut(text.ptr, size - 1);
    memcpy(member, text.ptr, len);
    member[len] = '\0';
}

hb_status hb_err_where(hb_err *err, hb_str entity, hb_str field, hb_str backend) {
    if (err == NULL) return HB_E_INTERNAL;
    member_set(err->entity, sizeof err->entity, entity);
    member_set(err->field, sizeof err->field, field);
    member_set(err->backend, sizeof err->backend, backend);
    return err->code;
}

/* `step` before the steps that are there. */
static void path_add(hb_err *err, const char *step, size_t len) {
    const size_t inner = strlen(err->path);
    const size_t comma = inner > 0 ? 1 : 0;
    if (len + 1 > sizeof err->path) return;
    if (len + comma + inner + 1 > sizeof err->path) {
        memcpy(err->path, step, len);
        err->path[len] = '\0';
        return;
    }
    memmove(err->path + len + comma, err->path, inner + 1);
    if (comma > 0) err->path[len] = ',';
    memcpy(err->path, step, len);
}

void hb_err_in_item(hb_err *err, uint32_t index) {
    char step[16];
    if (err != NULL) path_add(err, step, hb_format(step, sizeof step, "%u", (unsigned)index));
}

void hb_err_in_member(hb_err *err, hb_str key) {
    char step[sizeof err->path];
    size_t len = 0;
    if (err == NULL) return;
    step[len++] = '"';
    for (uint32_t i = 0; i < key.len && len + 8 < sizeof step; i++) {
        const unsigned char c = (unsigned char)key.ptr[i];
        if (c < 0x20) {
            len += hb_format(step + len, sizeof step - len, "\\u%04x", (unsigned)c);
            continue;
        }
        if (c == '"' || c == '\\') step[len++] = '\\';
        step[len++] = (char)c;
    }
    if (len + 8 >= sizeof step) {
        err->path[0] = '\0'; /* it cannot be told which one */
        return;
    }
    step[len++] = '"';
    path_add(err, step, len);
}

hb_status hb_err_memory(hb_err *err) {
    return hb_err_set(err, HB_E_MEMORY, "memory could not be allocated");
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Edits (insert, delete, replace, swap of neighbours) that make `a` from `b`, letters without
 * case; anything above `max` is returned as max + 1. Both at most WORD_MAX bytes. */
static uint32_t edit_distance(hb_str a, hb_str b, uint32_t max) {
    uint32_t rows[3][WORD_MAX + 1];
    if ((a.len > b.len ? a.len - b.len : b.len - a.len) > max) return max + 1;
    uint32_t *older = rows[0], *old = rows[1], *now = rows[2];
    for (uint32_t j = 0; j <= b.len; j++) {
        old[j] = j;
    }
    for (uint32_t i = 1; i <= a.len; i++) {
        now[0] = i;
        for (uint32_t j = 1; j <= b.len; j++) {
            const bool same = lower(a.ptr[i - 1]) == lower(b.ptr[j - 1]);
            uint32_t best = old[j - 1] + (same ? 0u : 1u);
            if (old[j] + 1 < best) best = old[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            const bool swapped = i > 1 && j > 1 && lower(a.ptr[i - 1]) == lower(b.ptr[j - 2]) &&
                                 lower(a.ptr[i - 2]) == lower(b.ptr[j - 1]);
            if (swapped && older[j - 2] + 1 < best) best = older[j - 2] + 1;
            now[j] = best;
        }
        uint32_t *free_row = older;
        older = old;
        old = now;
        now = free_row;
    }
    return old[b.len];
}

static size_t nearest_option(hb_str word, const hb_str *options, size_t option_count) {
    if (word.len == 0 || word.len > WORD_MAX) return SIZE_MAX;
    uint32_t best = (word.len + 2) / 3;
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < option_count; i++) {
        if (options[i].len == 0 || options[i].len > WORD_MAX) continue;
        const uint32_t distance = edit_distance(word, options[i], best);
        if (distance < best || (distance == best && found == SIZE_MAX)) {
            best = distance;
            found = i;
        }
    }
    return found;
}

static void msg_add(hb_err *err, const char *fmt, ...) HB_PRINTF(2, 3);
static void msg_add(hb_err *err, const char *fmt, ...) {
    const size_t used = strlen(err->msg);
    va_list args;
    va_start(args, fmt);
    const uint32_t len = hb_format_list(err->msg + used, sizeof err->msg - used, fmt, args);
    va_end(args);
    if (len >= sizeof err->msg - used) {
        err->msg[text_cut(err->msg, sizeof err->msg - 1)] = '\0';
    }
}

hb_status hb_err_hint(hb_err *err, hb_str word, const hb_str *options, size_t option_count) {
    if (err == NULL) return HB_E_INTERNAL;
    const size_t nearest = nearest_option(word, options, option_count);
    if (nearest != SIZE_MAX) {
        msg_add(err, "; did you mean '%.*s'?", HB_ARG(options[nearest]));
    }
    if (option_count > 0 && option_count <= OPTIONS_LISTED_MAX) {
        msg_add(err, "; expected one of: ");
        for (size_t i = 0; i < option_count; i++) {
            msg_add(err, "%s%.*s", i > 0 ? ", " : "", HB_ARG(options[i]));
        }
    }
    return err->code;
}

_Noreturn void hb_assert_failed(const char *cond, const char *file, int line) {
    char text[256];
    const uint32_t len =
        hb_format(text, sizeof text, "heavenbase: defect: %s (%s:%d)\n", cond, file, line);
    const ssize_t wrote = write(2, text, len < sizeof text ? len : sizeof text - 1);
    (void)wrote; /* there is nobody else to tell */
    abort();
}
