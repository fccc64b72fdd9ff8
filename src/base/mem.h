// SPDX-License-Identifier: MIT
/* Memory: an allocator that is a parameter, and arenas for what dies with one call.
 * malloc itself is named only in mem.c. */
#ifndef HB_BASE_MEM_H
#define HB_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

typedef struct hb_mem {
    void *(*alloc)(void *ctx, size_t size);
    void *(*realloc)(void *ctx, void *ptr, size_t old_size, size_t size);
    void (*free)(void *ctx, void *ptr, size_t size);
    void *ctx;
} hb_mem;

/* The process heap. */
const hb_mem *hb_mem_default(void);

void *hb_mem_alloc(const hb_mem *mem, size_t size);                 /* NULL on failure */
void *hb_mem_zalloc(const hb_mem *mem, size_t size);
void *hb_mem_realloc(const hb_mem *mem, void *ptr, size_t old_size, size_t size);
void hb_mem_free(const hb_mem *mem, void *ptr, size_t size);        /* ptr may be NULL */

/* Arena: bump allocation in growing blocks, freed all at once. Zeroed arena + mem is valid.
 * Everything "arena" in this code base: borrowed until the arena is reset or freed. */
typedef struct hb_arena_block hb_arena_block;
typedef struct hb_arena {
    const hb_mem *mem;
    hb_arena_block *head;       /* current block; owns the chain */
    size_t used_bytes;          /* over all blocks */
} hb_arena;

void hb_arena_init(hb_arena *arena, const hb_mem *mem);
void hb_arena_free(hb_arena *arena);
/* Keeps the largest block for reuse. */
void hb_arena_reset(hb_arena *arena);
/* 16-aligned, not zeroed; NULL on failure. size 0 gives a valid pointer. */
void *hb_arena_alloc(hb_arena *arena, size_t size);
void *hb_arena_zalloc(hb_arena *arena, size_t size);
/* count * size with overflow check. */
void *hb_arena_array(hb_arena *arena, size_t count, size_t size);
/* Copies; .ptr is NULL on failure (and only then). */
hb_str hb_arena_str(hb_arena *arena, hb_str text);
void *hb_arena_copy(hb_arena *arena, const void *ptr, size_t size);
/* printf into the arena; .ptr NULL on failure. */
hb_str hb_arena_printf(hb_arena *arena, const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

#define HB_NEW(arena, type) ((type *)hb_arena_zalloc((arena), sizeof(type)))
#define HB_NEW_ARRAY(arena, type, count) \
    ((type *)hb_arena_zalloc_array((arena), (count), sizeof(type)))
void *hb_arena_zalloc_array(hb_arena *arena, size_t count, size_t size);

#endif
