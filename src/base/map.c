// SPDX-License-Identifier: MIT
#include "base/map.h"

#include <string.h>

enum { SLOT_EMPTY, SLOT_USED, SLOT_DELETED };

void hb_map_init(hb_map *map, const hb_mem *mem) {
    *map = (hb_map){ .mem = mem };
}

void hb_map_free(hb_map *map) {
    hb_mem_free(map->mem, map->slots, map->cap * sizeof(hb_map_slot));
    *map = (hb_map){ .mem = map->mem };
}

static uint32_t key_hash(hb_str key) {
    const uint64_t hash = hb_str_hash(key);
    return (uint32_t)(hash ^ (hash >> 32));
}

static hb_map_slot *slot_find(const hb_map *map, hb_str key, uint32_t hash) {
    if (map->cap == 0) return NULL;
    const uint32_t mask = map->cap - 1;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        hb_map_slot *slot = &map->slots[i];
        if (slot->used == SLOT_EMPTY) return NULL;
        if (slot->used == SLOT_USED && slot->hash == hash &&
            hb_str_eq((hb_str){ slot->ptr, slot->len }, key)) {
            return slot;
        }
    }
}

uint32_t hb_map_find(const hb_map *map, hb_str key) {
    const hb_map_slot *slot = slot_find(map, key, key_hash(key));
    return slot != NULL ? slot->value : HB_MAP_NONE;
}

static bool map_resize(hb_map *map, uint32_t cap) {
    hb_map_slot *slots = hb_mem_zalloc(map->mem, cap * sizeof(hb_map_slot));
    if (slots == NULL) return false;
    for (uint32_t i = 0; i < map->cap; i++) {
        if (map->slots[i].used != SLOT_USED) continue;
        uint32_t at = map->slots[i].hash & (cap - 1);
        while (slots[at].used != SLOT_EMPTY) {
            at = (at + 1) & (cap - 1);
        }
        slots[at] = map->slots[i];
    }
    hb_mem_free(map->mem, map->slots, map->cap * sizeof(hb_map_slot));
    map->slots = slots;
    map->cap = cap;
    map->filled = map->count;
    return true;
}

/* 64 Mi slots are 1.5 GiB: more does not fit a 32-bit memory. */
#define CAP_MAX 0x04000000u

/* Smallest capacity that holds `count` keys at most three quarters full; 0 when there is none. */
static uint32_t cap_for(uint32_t count) {
    uint32_t cap = 16;
    while (cap / 4 * 3 < count) {
        if (cap >= CAP_MAX) return 0;
        cap *= 2;
    }
    return cap;
}

bool hb_map_reserve(hb_map *map, uint32_t count) {
    if (map->cap > 0 && count <= map->cap / 4 * 3 - (map->filled - map->count)) return true;
    const uint32_t cap = cap_for(count > map->count ? count : map->count);
    return cap != 0 && map_resize(map, cap);
}

bool hb_map_put(hb_map *map, hb_str key, uint32_t value) {
    const uint32_t hash = key_hash(key);
    hb_map_slot *slot = slot_find(map, key, hash);
    if (slot != NULL) {
        slot->value = value;
        return true;
    }
    /* Twice the live keys, so that a map full of deleted slots is rebuilt at its own size. */
    if (map->filled + 1 > map->cap / 4 * 3) {
        const uint32_t cap = cap_for((map->count + 1) * 2);
        if (cap == 0 || !map_resize(map, cap)) return false;
    }
    uint32_t at = hash & (map->cap - 1);
    while (map->slots[at].used == SLOT_USED) {
        at = (at + 1) & (map->cap - 1);
    }
    if (map->slots[at].used == SLOT_EMPTY) map->filled++;
    map->slots[at] = (hb_map_slot){ key.ptr, key.len, hash, value, SLOT_USED };
    map->count++;
    return true;
}

bool hb_map_remove(hb_map *map, hb_str key) {
    hb_map_slot *slot = slot_find(map, key, key_hash(key));
    if (slot == NULL) return false;
    slot->used = SLOT_DELETED;
    slot->ptr = NULL;
    slot->len = 0;
    map->count--;
    return true;
}
