// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/format.h"

static void *heap_alloc(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void *heap_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    (void)ctx;
    (void)old_size;
    return realloc(ptr, size);
}

static void heap_free(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

static const hb_mem heap_mem = { heap_alloc, heap_realloc, heap_free, NULL };

const hb_mem *hb_mem_default(void) {
    return &heap_mem;
}

void *hb_mem_alloc(const hb_mem *mem, size_t size) {
    return mem->alloc(mem->ctx, size > 0 ? size : 1);
}

void *hb_mem_zalloc(const hb_mem *mem, size_t size) {
    void *ptr = hb_mem_alloc(mem, size);
    if (ptr != NULL) memset(ptr, 0, size);
    return ptr;
}

void *hb_mem_realloc(const hb_mem *mem, void *ptr, size_t old_size, size_t size) {
    if (ptr == NULL) return hb_mem_alloc(mem, size);
    return mem->realloc(mem->ctx, ptr, old_size > 0 ? old_size : 1, size > 0 ? size : 1);
}

void hb_mem_free(const hb_mem *mem, void *ptr, size_t size) {
    if (ptr != NULL) mem->free(mem->ctx, ptr, size > 0 ? size : 1);
}

/* ---- arena ------------------------------------------------------------------------------ */

#define ARENA_ALIGN 16u
#define ARENA_FIRST 4096u
#define ARENA_GROW_MAX (1024u * 1024u)
#define ARENA_ROUND(n) (((n) + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1))

struct hb_arena_block {
    hb_arena_block *next;
    size_t size;        /* of the whole block, header included */
    size_t used;        /* header included */
};

#define ARENA_HEADER ARENA_ROUND(sizeof(hb_arena_block))

void hb_arena_init(hb_arena *arena, const hb_mem *mem) {
    *arena = (hb_arena){ .mem = mem };
}

void hb_arena_free(hb_arena *arena) {
    hb_arena_block *block = arena->head;
    while (block != NULL) {
        hb_arena_block *next = block->next;
        hb_mem_free(arena->mem, block, block->size);
        block = next;
    }
    arena->head = NULL;
    arena->used_bytes = 0;
}

void hb_arena_reset(hb_arena *arena) {
    hb_arena_block *keep = arena->head;
    for (hb_arena_block *block = arena->head; block != NULL; block = block->next) {
        if (block->size > keep->size) keep = block;
    }
    hb_arena_block *block = arena->head;
    while (block != NULL) {
        hb_arena_block *next = block->next;
        if (block != keep) hb_mem_free(arena->mem, block, block->size);
        block = next;
    }
    if (keep != NULL) {
        keep->next = NULL;
        keep->used = ARENA_HEADER;
    }
    arena->head = keep;
    arena->used_bytes = 0;
}

static hb_arena_block *arena_grow(hb_arena *arena, size_t need) {
    size_t size = arena->head != NULL ? arena->head->size * 2 : ARENA_FIRST;
    if (size > ARENA_GROW_MAX) size = ARENA_GROW_MAX;
    if (need > SIZE_MAX - ARENA_HEADER) return NULL;
    if (size < need + ARENA_HEADER) size = need + ARENA_HEADER;
    hb_arena_block *block = hb_mem_alloc(arena->mem, size);
    if (block == NULL) return NULL;
    block->size = size;
    block->used = ARENA_HEADER;
    /* A big request gets a block of its own behind the current one, whose rest stays in use. */
    const bool own = arena->head != NULL && need >= arena->head->size - arena->head->used &&
                     need > ARENA_GROW_MAX / 4;
    if (own) {
        block->next = arena->head->next;
        arena->head->next = block;
    } else {
        block->next = arena->head;
        arena->head = block;
    }
    return block;
}

void *hb_arena_alloc(hb_arena *arena, size_t size) {
    if (size > SIZE_MAX - ARENA_ALIGN) return NULL;
    size = ARENA_ROUND(size > 0 ? size : 1);
    hb_arena_block *block = arena->head;
    if (block == NULL || block->size - block->used < size) {
        if (arena->mem == NULL) return NULL;
        block = arena_grow(arena, size);
        if (block == NULL) return NULL;
    }
    void *ptr = (char *)block + block->used;
    block->used += size;
    arena->used_bytes += size;
    return ptr;
}

void *hb_arena_zalloc(hb_arena *arena, size_t size) {
    void *ptr = hb_arena_alloc(arena, size);
    if (ptr != NULL) memset(ptr, 0, size);
    return ptr;
}

void *hb_arena_array(hb_arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) return NULL;
    return hb_arena_alloc(arena, count * size);
}

void *hb_arena_zalloc_array(hb_arena *arena, size_t count, size_t size) {
    void *ptr = hb_arena_array(arena, count, size);
    if (ptr != NULL) memset(ptr, 0, count * size);
    return ptr;
}

void *hb_arena_copy(hb_arena *arena, const void *ptr, size_t size) {
    void *copy = hb_arena_alloc(arena, size);
    if (copy != NULL && size > 0) memcpy(copy, ptr, size);
    return copy;
}

hb_str hb_arena_str(hb_arena *arena, hb_str text) {
    return (hb_str){ hb_arena_copy(arena, text.ptr, text.len), text.len };
}

hb_str hb_arena_printf(hb_arena *arena, const char *fmt, ...) {
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    const uint32_t len = hb_format_list(NULL, 0, fmt, args);
    va_end(args);
    char *text = hb_arena_alloc(arena, (size_t)len + 1);
    if (text != NULL) hb_format_list(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return (hb_str){ text, text != NULL ? len : 0 };
}
