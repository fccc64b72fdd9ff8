// SPDX-License-Identifier: MIT
/* Hash map from text to uint32_t: open addressing, linear probing. Borrows its keys: the owner of
 * the keys must outlive the map or remove them first. */
#ifndef HB_BASE_MAP_H
#define HB_BASE_MAP_H

#include "base/mem.h"
#include "base/str.h"

#define HB_MAP_NONE UINT32_MAX

typedef struct hb_map_slot {
    const char *ptr;
    uint32_t len;
    uint32_t hash;
    uint32_t value;
    uint32_t used;      /* 0 empty, 1 used, 2 deleted */
} hb_map_slot;

typedef struct hb_map {
    const hb_mem *mem;
    hb_map_slot *slots;
    uint32_t cap;       /* power of two, or 0 */
    uint32_t count;
    uint32_t filled;    /* used + deleted */
} hb_map;

void hb_map_init(hb_map *map, const hb_mem *mem);
void hb_map_free(hb_map *map);
uint32_t hb_map_find(const hb_map *map, hb_str key);                    /* HB_MAP_NONE if absent */
bool hb_map_put(hb_map *map, hb_str key, uint32_t value);               /* false: out of memory */
bool hb_map_remove(hb_map *map, hb_str key);                            /* false: was not there */
bool hb_map_reserve(hb_map *map, uint32_t count);

#endif
