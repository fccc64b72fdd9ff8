// SPDX-License-Identifier: MIT
/* Intents as stored bytes, and whether a write needs one. Completing them: intent_complete.c.
 * Stored under "intent/<owner>/<epoch>", a MessagePack array (intent_record.h). */
#include "workspace/intent.h"

#include "value/wire.h"
#include "workspace/intent_record.h"

struct hb_intent {
    hb_str key, value;          /* task arena */
    bool atomic;
};

/* ---- is one needed? ---------------------------------------------------------------------- */

/* Would what this backend holds still be there after this process? */
static bool outlives(const hb_instance *instance) {
    return !instance->type->local || instance->type->durable(instance);
}

static uint64_t durable_backends(const hb_workspace *ws, const hb_entity *entity) {
    uint64_t bits = 0;
    if (entity == NULL || entity->is_virtual) return 0;
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        if (entity->routing->containers[b] != NULL && outlives(ws->instances[b])) {
            bits |= (uint64_t)1 << b;
        }
    }
    return bits;
}

hb_intent_need hb_intent_needed(const hb_workspace *ws, const hb_entity *entity,
                                const hb_entity *other) {
    uint64_t bits = durable_backends(ws, entity) | durable_backends(ws, other);
    bool is_one = (bits & (bits - 1)) == 0;
    hb_instance *keeper = is_one ? NULL : hb_workspace_keeper(ws);
    if (keeper == NULL) return HB_INTENT_NONE;
    bool at_home = ws->instances[entity->routing->home] == keeper;
    return at_home && keeper->type->tx != NULL ? HB_INTENT_ATOMIC : HB_INTENT_BEFORE;
}

hb_intent_need hb_intent_needed_for(const hb_workspace *ws, const hb_entity *before,
                                    const hb_entity *after, const hb_entity *other) {
    const hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper == NULL || keeper->type->tx == NULL) return HB_INTENT_NONE;
    uint64_t bits = durable_backends(ws, before) | durable_backends(ws, after);
    bits |= durable_backends(ws, other);
    bits |= (uint64_t)1 << keeper->order;
    return (bits & (bits - 1)) == 0 ? HB_INTENT_NONE : HB_INTENT_ATOMIC;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Is the field in a backend that is not the intent's home? */
static bool is_split(const hb_entity *entity, uint32_t field, uint32_t home) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        const hb_container *container = entity->routing->containers[b];
        if (b != home && container != NULL && container->by_field[field] != HB_FIELD_NONE)
            return true;
    }
    return false;
}

static hb_status add_rows(const hb_intent_part *part, const hb_column *columns, uint32_t row_count,
                          uint32_t home, bool split_only, hb_arena *arena, hb_buf *out,
                          hb_err *err) {
    const hb_schema *schema = part->entity->schema;
    hb_column *kept = hb_arena_array(arena, schema->field_count, sizeof(*kept));
    if (kept == NULL) return hb_err_memory(err);
    uint32_t count = 0;
    for (uint32_t f = 0; f < schema->field_count; f++) {
        if (f != HB_FIELD_OBJECT_ID && split_only && !is_split(part->entity, f, home)) continue;
        kept[count] = columns[f];
        kept[count++].name = schema->fields[f].name;
    }
    hb_batch batch = { row_count, count, kept };
    hb_buf wire;
    hb_buf_init(&wire, arena->mem);
    hb_wire_write(&batch, NULL, row_count, &wire);
    hb_status status = hb_buf_check(&wire, err);
    if (status == HB_OK) hb_pack_bin(out, hb_buf_str(&wire));
    hb_buf_free(&wire);
    return status;
}

static void add_altered(const hb_workspace *ws, const hb_intent_part *part, hb_buf *out) {
    uint32_t count = 0;
    for (uint32_t b = 0; b < ws->instance_count; b++) count += part->anew >> b & 1;
    hb_pack_bin(out, part->altered->schema->definition);
    hb_pack_array(out, count);
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        if ((part->anew >> b & 1) != 0) hb_pack_str(out, ws->instances[b]->name);
    }
}

static hb_status add_part(const hb_intent_part *part, uint32_t home, bool atomic, hb_arena *arena,
                          hb_buf *out, hb_err *err) {
    hb_pack_str(out, part->entity->schema->entity_id);
    hb_pack_array(out, part->ids->count);
    for (uint32_t i = 0; i < part->ids->count; i++) hb_pack_str(out, part->ids->ids[i]);
    if (part->after == NULL) {
        hb_pack_nil(out);
    } else {
        HB_TRY(add_rows(part, part->after, part->ids->count, home, atomic, arena, out, err));
    }
    if (part->before == NULL || atomic) {
        hb_pack_nil(out);
        return HB_OK;
    }
    return add_rows(part, part->before, part->before_count, home, false, arena, out, err);
}

hb_status hb_intent_new(hb_workspace *ws, hb_task *task, hb_intent_need need,
                        const hb_intent_part *parts, uint32_t part_count, int64_t now_ms,
                        hb_intent **out, hb_err *err) {
    hb_intent *intent = HB_NEW(&task->arena, hb_intent);
    if (intent == NULL) return hb_err_memory(err);
    intent->atomic = need == HB_INTENT_ATOMIC;
    uint32_t home =
        intent->atomic ? hb_workspace_keeper(ws)->order : parts[0].entity->routing->home;
    uint64_t epoch = ++ws->epoch;
    intent->key = hb_arena_printf(&task->arena, HB_INTENT_PREFIX "%.*s/%012llu", HB_ARG(ws->owner),
                                  (unsigned long long)epoch);
    hb_buf buf;
    hb_buf_init(&buf, ws->mem);
    hb_pack_array(&buf, HB_INTENT_ITEMS);
    hb_pack_int(&buf, HB_INTENT_VERSION);
    hb_pack_str(&buf, ws->owner);
    hb_pack_int(&buf, (int64_t)epoch);
    hb_pack_int(&buf, now_ms + ws->intent_ms);
    hb_pack_str(&buf, ws->instances[home]->name);
    hb_pack_bool(&buf, intent->atomic);
    hb_pack_array(&buf, part_count);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < part_count && status == HB_OK; i++) {
        hb_pack_array(&buf, parts[i].altered != NULL ? HB_INTENT_ALTERED : HB_INTENT_PART);
        status = add_part(&parts[i], home, intent->atomic, &task->arena, &buf, err);
        if (parts[i].altered != NULL) add_altered(ws, &parts[i], &buf);
    }
    if (status == HB_OK) status = hb_buf_check(&buf, err);
    if (status == HB_OK) {
        intent->value = hb_arena_str(&task->arena, hb_buf_str(&buf));
        if (intent->value.ptr == NULL || intent->key.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&buf);
    *out = intent;
    return status;
}

bool hb_intent_is_atomic(const hb_intent *intent) {
    return intent->atomic;
}

hb_status hb_intent_put(hb_workspace *ws, const hb_intent *intent, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    return keeper->type->meta_put(keeper, intent->key, intent->value, err);
}

void hb_intent_clear(hb_workspace *ws, const hb_intent *intent) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    hb_err ignored;
    hb_err_init(&ignored);
    keeper->type->meta_delete(keeper, intent->key, &ignored);
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool take_str(hb_pack_reader *reader, hb_str *out) {
    hb_pack_item item;
    if (!hb_pack_next(reader, &item) || item.tag != HB_PACK_STR) return false;
    *out = item.s;
    return true;
}

static bool take_int(hb_pack_reader *reader, int64_t *out) {
    hb_pack_item item;
    if (!hb_pack_next(reader, &item) || item.tag != HB_PACK_INT) return false;
    *out = item.i;
    return true;
}

static bool take_list(hb_pack_reader *reader, uint32_t *count) {
    hb_pack_item item;
    if (!hb_pack_next(reader, &item) || item.tag != HB_PACK_ARRAY) return false;
    *count = item.count;
    return true;
}

/* Rows, or none (.ptr NULL). */
static bool take_rows(hb_pack_reader *reader, hb_str *out) {
    hb_pack_item item;
    if (!hb_pack_next(reader, &item)) return false;
    *out = item.tag == HB_PACK_BIN ? item.s : (hb_str){ NULL, 0 };
    return item.tag == HB_PACK_BIN || item.tag == HB_PACK_NIL;
}

static bool take_texts(hb_pack_reader *reader, hb_ids *out, hb_arena *arena) {
    uint32_t count;
    if (!take_list(reader, &count) || count > reader->len) return false;
    hb_str *list = hb_arena_array(arena, count, sizeof(*list));
    if (list == NULL) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!take_str(reader, &list[i])) return false;
    }
    *out = (hb_ids){ list, count };
    return true;
}

static bool take_part(hb_pack_reader *reader, hb_record_part *part, hb_arena *arena) {
    uint32_t items;
    bool ok = take_list(reader, &items) && take_str(reader, &part->entity_id) &&
              take_texts(reader, &part->ids, arena) && take_rows(reader, &part->after) &&
              take_rows(reader, &part->before);
    if (!ok || items != HB_INTENT_ALTERED) return ok && items == HB_INTENT_PART;
    return take_rows(reader, &part->definition) && part->definition.ptr != NULL &&
           take_texts(reader, &part->anew, arena);
}

static bool take_record(hb_pack_reader *reader, hb_record *record, hb_arena *arena) {
    uint32_t items;
    int64_t version;
    hb_pack_item atomic;
    bool ok = take_list(reader, &items) && items == HB_INTENT_ITEMS && take_int(reader, &version) &&
              version == HB_INTENT_VERSION && take_str(reader, &record->owner) &&
              take_int(reader, &record->epoch) && take_int(reader, &record->deadline_ms) &&
              take_str(reader, &record->home) && hb_pack_next(reader, &atomic) &&
              atomic.tag == HB_PACK_BOOL && take_list(reader, &record->part_count) &&
              record->part_count <= reader->len;
    if (!ok) return false;
    record->atomic = atomic.b;
    record->parts = HB_NEW_ARRAY(arena, hb_record_part, record->part_count);
    if (record->parts == NULL) return false;
    for (uint32_t i = 0; i < record->part_count; i++) {
        if (!take_part(reader, &record->parts[i], arena)) return false;
    }
    return true;
}

hb_status hb_records_list(hb_workspace *ws, hb_arena *arena, hb_record **out, uint32_t *count,
                          hb_err *err) {
    *count = 0;
    *out = NULL;
    hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper == NULL) return HB_OK;
    hb_str *keys;
    uint32_t key_count;
    HB_TRY(
        keeper->type->meta_list(keeper, HB_STR(HB_INTENT_PREFIX), arena, &keys, &key_count, err));
    if (key_count == 0) return HB_OK;
    hb_record *records = HB_NEW_ARRAY(arena, hb_record, key_count);
    if (records == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < key_count; i++) {
        hb_record *record = &records[*count];
        record->key = keys[i];
        HB_TRY(keeper->type->meta_get(keeper, keys[i], arena, &record->value, err));
        if (record->value.ptr == NULL) continue;    /* its owner was faster */
        hb_pack_reader reader = hb_pack_read(record->value);
        record->readable = hb_pack_valid(record->value) && take_record(&reader, record, arena);
        (*count)++;
    }
    *out = records;
    return HB_OK;
}

hb_status hb_record_claim(hb_workspace *ws, hb_record *record, int64_t now_ms, hb_arena *arena,
                          bool *claimed, hb_err *err) {
    *claimed = true;
    if (hb_str_eq(record->owner, ws->owner)) return HB_OK;
    hb_instance *keeper = hb_workspace_keeper(ws);
    hb_buf buf;
    hb_buf_init(&buf, ws->mem);
    hb_pack_array(&buf, HB_INTENT_ITEMS);
    hb_pack_int(&buf, HB_INTENT_VERSION);
    hb_pack_str(&buf, ws->owner);
    hb_pack_int(&buf, record->epoch);
    hb_pack_int(&buf, now_ms + ws->intent_ms);
    hb_pack_reader reader = hb_pack_read(record->value);
    hb_pack_item head;
    hb_str skipped;
    hb_pack_next(&reader, &head);
    for (int i = 0; i < 4; i++) hb_pack_skip(&reader, &skipped);
    hb_buf_add(&buf, record->value.ptr + reader.pos, record->value.len - reader.pos);
    hb_status status = hb_buf_check(&buf, err);
    bool in_tx = false;
    /* A remote keeper has it with the commit of what is completed: doing so twice is harmless. */
    if (status == HB_OK && keeper->type->local && keeper->type->tx != NULL) {
        status = keeper->type->tx(keeper, HB_TX_BEGIN, err);
        in_tx = status == HB_OK;
    }
    hb_str now = HB_STR_EMPTY;
    if (status == HB_OK) status = keeper->type->meta_get(keeper, record->key, arena, &now, err);
    *claimed = status == HB_OK && now.ptr != NULL && hb_str_eq(now, record->value);
    if (*claimed) status = keeper->type->meta_put(keeper, record->key, hb_buf_str(&buf), err);
    hb_buf_free(&buf);
    hb_err rollback;
    if (in_tx && status != HB_OK) keeper->type->tx(keeper, HB_TX_ROLLBACK, &rollback);
    return in_tx && status == HB_OK ? keeper->type->tx(keeper, HB_TX_COMMIT, err) : status;
}

hb_status hb_record_columns(const hb_entity *entity, hb_str rows, hb_arena *arena, hb_column **out,
                            uint32_t *row_count, hb_err *err) {
    /* The wire form wants its own alignment. */
    hb_str aligned = hb_arena_str(arena, rows);
    if (aligned.ptr == NULL) return hb_err_memory(err);
    hb_batch batch;
    HB_TRY(hb_wire_read(aligned, arena, &batch, err));
    HB_TRY(hb_columns_of(entity->schema, &batch, arena, out, err));
    *row_count = batch.row_count;
    return HB_OK;
}

/* ---- as JSON --------------------------------------------------------------------------------- */

hb_status hb_intents_json(hb_workspace *ws, int64_t now_ms, hb_buf *out, uint32_t *count,
                          hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, ws->mem);
    hb_record *records;
    hb_status status = hb_records_list(ws, &arena, &records, count, err);
    hb_buf_add_char(out, '[');
    for (uint32_t i = 0; i < *count && status == HB_OK; i++) {
        const hb_record *record = &records[i];
        hb_buf_add_c(out, i > 0 ? ",{\"key\":" : "{\"key\":");
        hb_buf_add_json_str(out, record->key);
        hb_buf_printf(out, ",\"readable\":%s", record->readable ? "true" : "false");
        if (record->readable && record->part_count > 0) {
            hb_buf_add_c(out, ",\"entity\":");
            hb_buf_add_json_str(out, record->parts[0].entity_id);
            hb_buf_add_c(out, ",\"owner\":");
            hb_buf_add_json_str(out, record->owner);
            hb_buf_printf(out, ",\"epoch\":%lld,\"deadline\":%lld,\"rows\":%u,\"due\":%s,\"home\":",
                          (long long)record->epoch, (long long)record->deadline_ms,
                          record->parts[0].ids.count,
                          hb_record_is_due(ws, record, now_ms) ? "true" : "false");
            hb_buf_add_json_str(out, record->home);
        }
        hb_buf_add_char(out, '}');
    }
    hb_buf_add_char(out, ']');
    hb_arena_free(&arena);
    HB_TRY(status);
    return hb_buf_check(out, err);
}
