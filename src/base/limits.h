// SPDX-License-Identifier: MIT
/* Every maximum in one list; beyond it is HB_E_LIMIT. */
#ifndef HB_BASE_LIMITS_H
#define HB_BASE_LIMITS_H

#define HB_BUF_BYTES_MAX       0x7fffffffu
#define HB_PATH_BYTES_MAX      4096u        /* of a file's path */
#define HB_FILE_NAME_BYTES_MAX 255u         /* of one name in it, as on every common file system */
#define HB_ID_CHARS_MAX        63u          /* object_id, code points */
#define HB_NAME_CHARS_MAX      255u         /* a name that an id is derived from */
#define HB_FIELDS_MAX          1024u        /* fields of one entity */
#define HB_HOOK_INPUTS_MAX     64u          /* inputs of a computed field */
#define HB_STORES_MAX          16u          /* placements of one field */
#define HB_BACKENDS_MAX        32u          /* instances of one workspace */
#define HB_ENTITIES_MAX        4096u
#define HB_EXPR_DEPTH_MAX      64u          /* nesting of a filter */
#define HB_EXPR_NODES_MAX      20000u
#define HB_VALUE_DEPTH_MAX     128u         /* nesting of a Json value */
#define HB_PATTERN_CHARS_MAX   512u         /* regex pattern */
#define HB_REGEX_TARGET_MAX    8192u        /* code points a regex looks at */
#define HB_VECTOR_DIM_MAX      65536u
#define HB_CATEGORIES_MAX      4096u        /* values of one Categorical */
#define HB_TYPE_DEPTH_MAX      16u          /* array of array of ... */
#define HB_TOP_K_DEFAULT       50u
#define HB_TOP_K_MAX           1000u
#define HB_EF_MAX              10000u       /* rows that an approximate search keeps in view */
#define HB_EF_M_MIN            4u           /* links of a row in the graph of such an index */
#define HB_EF_M_MAX            64u
#define HB_BATCH_ROWS_MAX      16777216u
#define HB_EVAL_CHUNK          1024u        /* rows an evaluation step looks at */
#define HB_INTENT_MS           30000        /* others leave an unfinished write alone so long */
#define HB_INTENT_MS_MAX       86400000     /* and at most so long, by option */

#endif
