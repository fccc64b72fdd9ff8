// SPDX-License-Identifier: MIT
/* What the fault tests have in common: a workspace on a disk and an allocator that can fail, in several placements;
 * every call that it can be asked, as a table; and everything that it holds, as one text. */
#ifndef HB_TESTS_UNIT_SUPPORT_SCENE_H
#define HB_TESTS_UNIT_SUPPORT_SCENE_H

#include "tests/unit/test.h"

#include "hb.h"
#include "tests/unit/support/memory_fs.h"

/* ---- memory that runs out ---------------------------------------------------------------- */

typedef struct faulty {
    hb_mem mem;
    uint64_t count;             /* allocations since faulty_from */
    bool elsewhere;             /* those of a library count (library_memory.h), not the core's */
    uint64_t fail_at;           /* 0: never */
    bool goes_on;               /* all later ones fail too */
    bool failed;                /* one did */
    int64_t live;               /* blocks that are not freed */
    uint32_t wrong_sizes;       /* blocks freed with another size */
} faulty;

/* Counts an allocation; is it one that fails? */
bool faulty_refuses(faulty *f);
void faulty_init(faulty *f);
/* The nth allocation from now fails. */
void faulty_from(faulty *f, uint64_t nth, bool goes_on);

/* ---- a workspace --------------------------------------------------------------------------- */

typedef struct scene_placement {
    const char *name;
    const char *backends;       /* the option, as JSON */
    const char *definition;     /* of the entity "doc" there */
    bool durable;
} scene_placement;

extern const scene_placement scene_placements[];
extern const uint32_t scene_placement_count;
const scene_placement *scene_placement_named(const char *name);

typedef enum scene_start {
    SCENE_EMPTY,                /* nothing is registered */
    SCENE_FILLED,               /* doc and tag with rows */
    SCENE_DAMAGED,              /* and Catalog rows that are wrong, for repair */
    SCENE_ROWLESS,              /* doc and tag without rows */
    SCENE_STARTS
} scene_start;

typedef struct scene {
    faulty memory;
    const scene_placement *placement;
    memory_fs *disk;            /* of the test; NULL: none */
    hb_clock clock;             /* given to the workspace when `shared` */
    int64_t now_ms;
    bool relaxed;               /* durability; set before scene_open, as is now_ms */
    hb_workspace *ws;
    hb_arena arena;             /* requests and texts; not from the memory under test */
    hb_err err;
} scene;

/* Opens; `shared`: with a clock, so that files are locked against other processes. After a failure the scene is closed
 * all the same. */
hb_status scene_open(scene *s, const scene_placement *placement, memory_fs *disk, const char *owner, bool shared);
/* Not shared, and the nth allocation fails. */
hb_status scene_open_failing(scene *s, const scene_placement *placement, memory_fs *disk, uint64_t nth);
/* Checks that no block is left and none was freed with another size. */
void scene_close(scene *s);
/* Registers and writes what `start` means; CHECKs it. */
void scene_fill(scene *s, scene_start start);
/* A JSON text as MessagePack, in the scene's arena. */
hb_str scene_pack(scene *s, const char *json);
/* Runs a call to its end; `frame` takes its rows or JSON as text when it is not NULL. */
hb_status scene_call_run(scene *s, hb_request request, hb_buf *frame);
/* Everything stored, seen through every backend: rows, vectors, text, edges, the Catalog. In the scene's arena. */
const char *scene_state(scene *s);
/* Does audit() find nothing? */
bool scene_is_whole(scene *s);

/* ---- its calls ----------------------------------------------------------------------------- */

typedef hb_request scene_make(scene *s);
typedef struct scene_call {
    const char *name;
    scene_start start;
    bool writes;
    scene_make *make;
    bool walks;                 /* along edges */
} scene_call;

extern const scene_call scene_calls[];
extern const uint32_t scene_call_count;

/* Is the suite to be run whole (HB_LONG)? */
bool scene_runs_long(void);
/* HB_LONG=whole: every call with every fault in every way, for hours. A long run takes the faults in turn. */
bool scene_runs_whole(void);
/* How far from one case of a sweep of `total` to the next, so that about `wanted` are looked at: three times as many in
 * a long run, all in a whole one. */
uint64_t scene_stride(uint64_t total, uint64_t wanted);

#endif
