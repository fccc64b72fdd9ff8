// SPDX-License-Identifier: MIT
/* What the two sides of the manifest share. */
#ifndef HB_WORKSPACE_MANIFEST_H
#define HB_WORKSPACE_MANIFEST_H

#include "value/pack.h"
#include "workspace/workspace.h"

#define HB_MANIFEST_KIND "heavenbase.workspace.manifest"
#define HB_MANIFEST_VERSION 2

/* A manifest from outside, {manifest, env, overrides} as MessagePack, checked whole, to what
 * makes the workspace: {id, construction, entities}. */
hb_status hb_manifest_read(hb_str request, hb_arena *arena, hb_buf *out, hb_err *err);

/* A definition so that JSON as JavaScript reads it loses nothing, and back: integers beyond 2^53
 * are {"$int64": text}, bytes {"$bytes": base64}; a key that begins with '$' by itself has that
 * sign doubled. */
hb_status hb_manifest_tag(hb_str pack, hb_buf *out, hb_err *err);
hb_status hb_manifest_untag(hb_str pack, hb_arena *arena, hb_buf *out, hb_err *err);

#endif
