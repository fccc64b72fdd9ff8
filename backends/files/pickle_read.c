// SPDX-License-Identifier: MIT
/* Reading pickles as data. The machine has a stack, a memo and marks as the format wants them, but
 * nothing in it can import, call or build an object: whatever asks for that ends the reading, with
 * the opcode's name. Values may be shared through the memo; the result is a tree, whose size and
 * depth are bounded. */
#include <math.h>

#include "backends/files/pickle.h"
#include "base/limits.h"

#define NODES_MAX (1u << 21)

typedef enum node_tag {
    NODE_NONE,
    NODE_BOOL,
    NODE_INT,
    NODE_FLOAT,
    NODE_TEXT,
    NODE_BYTES,
    NODE_LIST,
    NODE_DICT,
    NODE_MARK
} node_tag;

typedef struct node node;
struct node {
    node_tag tag;
    union {
        int64_t i;              /* BOOL, INT */
        double f;
        hb_str s;               /* borrowed from the file */
        struct {
            node **items;       /* DICT: key, value, key, value ... */
            uint32_t count, cap;
        } list;
    } as;
};

typedef struct node_list {
    node **items;
    uint32_t count, cap;
} node_list;

typedef struct machine {
    hb_str bytes;
    uint32_t at;                /* of the next byte */
    uint32_t op_at;             /* of the running opcode */
    hb_arena arena;
    node_list stack, memo;
    uint32_t nodes;
    hb_err *err;
} machine;

/* ---- errors ------------------------------------------------------------------------------- */

static const struct {
    char op;
    const char *name, *what;
} refused[] = {
    { 'c', "GLOBAL", "import a name" },
    { (char)0x93, "STACK_GLOBAL", "import a name" },
    { 'R', "REDUCE", "call a function" },
    { 'b', "BUILD", "set the state of an object" },
    { 'i', "INST", "make an object" },
    { 'o', "OBJ", "make an object" },
    { (char)0x81, "NEWOBJ", "make an object" },
    { (char)0x92, "NEWOBJ_EX", "make an object" },
    { 'P', "PERSID", "load a persistent object" },
    { 'Q', "BINPERSID", "load a persistent object" },
    { (char)0x82, "EXT1", "import a registered name" },
    { (char)0x83, "EXT2", "import a registered name" },
    { (char)0x84, "EXT4", "import a registered name" },
    { (char)0x97, "NEXT_BUFFER", "take a buffer from outside of the file" },
    { (char)0x98, "READONLY_BUFFER", "take a buffer from outside of the file" },
};

static hb_status refuse(machine *m, char op) {
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (refused[i].op != op) continue;
        hb_err_set(m->err, HB_E_CORRUPT,
                   "refused: the pickle's opcode %s at byte %u would %s, and only data is read",
                   refused[i].name, m->op_at, refused[i].what);
        if (m->err != NULL) {
            memcpy(m->err->native, refused[i].name, strlen(refused[i].name) + 1);
            m->err->at = m->op_at;
        }
        return HB_E_CORRUPT;
    }
    return hb_err_set(m->err, HB_E_CORRUPT,
                      "the pickle's opcode 0x%02x at byte %u is none of protocols 2 to 5",
                      (unsigned)(unsigned char)op, m->op_at);
}

static hb_status broken(machine *m, const char *why) {
    return hb_err_set(m->err, HB_E_CORRUPT, "malformed pickle at byte %u: %s", m->op_at, why);
}

static hb_status too_large(machine *m) {
    return hb_err_set(m->err, HB_E_CORRUPT, "the pickle is larger than a row may be");
}

/* ---- parts -------------------------------------------------------------------------------- */

static hb_status list_add(machine *m, node ***items, uint32_t *count, uint32_t *cap, node *item) {
    if (*count == *cap) {
        const uint32_t grown_cap = *cap == 0 ? 8 : *cap * 2;
        node **grown = hb_arena_array(&m->arena, grown_cap, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(m->err);
        if (*count > 0) memcpy(grown, *items, *count * sizeof(*grown));
        *items = grown;
        *cap = grown_cap;
    }
    (*items)[(*count)++] = item;
    return HB_OK;
}

static hb_status push(machine *m, node *item) {
    if (m->stack.count >= NODES_MAX) return too_large(m);
    return list_add(m, &m->stack.items, &m->stack.count, &m->stack.cap, item);
}

static hb_status make(machine *m, node_tag tag, node **out) {
    if (++m->nodes > NODES_MAX) return too_large(m);
    *out = HB_NEW(&m->arena, node);
    if (*out == NULL) return hb_err_memory(m->err);
    (*out)->tag = tag;
    return push(m, *out);
}

/* The topmost value, which stays; NULL when there is none. */
static node *top(const machine *m) {
    if (m->stack.count == 0) return NULL;
    node *item = m->stack.items[m->stack.count - 1];
    return item->tag == NODE_MARK ? NULL : item;
}

static node *pop(machine *m) {
    node *item = top(m);
    if (item != NULL) m->stack.count--;
    return item;
}

/* Takes what lies above the last mark off the stack, and the mark. */
static bool pop_mark(machine *m, node ***items, uint32_t *count) {
    uint32_t at = m->stack.count;
    while (at > 0 && m->stack.items[at - 1]->tag != NODE_MARK) at--;
    if (at == 0) return false;
    *items = m->stack.items + at;
    *count = m->stack.count - at;
    m->stack.count = at - 1;
    return true;
}

static bool take(machine *m, uint64_t len, hb_str *out) {
    if (len > m->bytes.len - m->at) return false;
    *out = hb_str_sub(m->bytes, m->at, (uint32_t)len);
    m->at += (uint32_t)len;
    return true;
}

static bool take_le(machine *m, uint32_t len, uint64_t *out) {
    hb_str bytes;
    *out = 0;
    if (!take(m, len, &bytes)) return false;
    for (uint32_t i = len; i > 0; i--) *out = *out << 8 | (unsigned char)bytes.ptr[i - 1];
    return true;
}

/* ---- scalars ------------------------------------------------------------------------------ */

static hb_status read_span(machine *m, node_tag tag, uint32_t len_bytes) {
    uint64_t len;
    hb_str text;
    if (!take_le(m, len_bytes, &len) || !take(m, len, &text)) return broken(m, "it ends early");
    if (tag == NODE_TEXT && !hb_utf8_valid(text)) return broken(m, "a text is not UTF-8");
    node *item;
    HB_TRY(make(m, tag, &item));
    item->as.s = text;
    return HB_OK;
}

/* A text of Python 2, which did not say what it holds. */
static hb_status read_old_string(machine *m, uint32_t len_bytes) {
    HB_TRY(read_span(m, NODE_BYTES, len_bytes));
    node *item = top(m);
    if (hb_utf8_valid(item->as.s)) item->tag = NODE_TEXT;
    return HB_OK;
}

static hb_status read_int(machine *m, uint32_t len_bytes) {
    uint64_t bits;
    if (!take_le(m, len_bytes, &bits)) return broken(m, "it ends early");
    node *item;
    HB_TRY(make(m, NODE_INT, &item));
    item->as.i = len_bytes == 4 ? (int64_t)(int32_t)(uint32_t)bits : (int64_t)bits;
    return HB_OK;
}

/* Two's complement of any length; beyond 64 bits it becomes the nearest double, as in JSON. */
static hb_status read_long(machine *m, uint32_t len_bytes) {
    uint64_t len;
    hb_str bytes;
    if (!take_le(m, len_bytes, &len) || !take(m, len, &bytes)) return broken(m, "it ends early");
    const bool negative = bytes.len > 0 && ((unsigned char)bytes.ptr[bytes.len - 1] & 0x80) != 0;
    const unsigned char fill = negative ? 0xff : 0;
    uint32_t used = bytes.len;
    while (used > 8 && (unsigned char)bytes.ptr[used - 1] == fill) used--;
    uint64_t low = negative ? UINT64_MAX : 0;
    for (uint32_t i = used < 8 ? used : 8; i > 0; i--) {
        low = low << 8 | (unsigned char)bytes.ptr[i - 1];
    }
    node *item;
    if (used <= 8 && (used < 8 || (low >> 63 != 0) == negative)) {
        HB_TRY(make(m, NODE_INT, &item));
        item->as.i = (int64_t)low;
        return HB_OK;
    }
    double value = negative ? -1.0 : 0.0;
    for (uint32_t i = bytes.len; i > 0; i--) {
        value = value * 256.0 + (unsigned char)bytes.ptr[i - 1];
    }
    if (!isfinite(value)) return broken(m, "an integer is out of range");
    HB_TRY(make(m, NODE_FLOAT, &item));
    item->as.f = value;
    return HB_OK;
}

static hb_status read_float(machine *m) {
    hb_str bytes;
    if (!take(m, 8, &bytes)) return broken(m, "it ends early");
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 8; i++) bits = bits << 8 | (unsigned char)bytes.ptr[i];
    node *item;
    HB_TRY(make(m, NODE_FLOAT, &item));
    memcpy(&item->as.f, &bits, sizeof(bits));
    return HB_OK;
}

static hb_status read_constant(machine *m, node_tag tag, int64_t value) {
    node *item;
    HB_TRY(make(m, tag, &item));
    if (tag == NODE_BOOL) item->as.i = value;
    return HB_OK;
}

/* ---- containers --------------------------------------------------------------------------- */

static hb_status add_to(machine *m, node *list, node **items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        HB_TRY(
            list_add(m, &list->as.list.items, &list->as.list.count, &list->as.list.cap, items[i]));
    }
    return HB_OK;
}

/* A list, tuple or set of what lies above the mark. */
static hb_status marked_list(machine *m, node_tag tag) {
    node **items, *list;
    uint32_t count;
    if (!pop_mark(m, &items, &count)) return broken(m, "there is no mark");
    if (tag == NODE_DICT && count % 2 != 0) return broken(m, "a key has no value");
    /* The new node takes a place on the stack that the items may still need. */
    node **kept = hb_arena_copy(&m->arena, items, count * sizeof(*items));
    if (kept == NULL) return hb_err_memory(m->err);
    HB_TRY(make(m, tag, &list));
    return add_to(m, list, kept, count);
}

static hb_status short_tuple(machine *m, uint32_t count) {
    node *items[3], *list;
    for (uint32_t i = count; i > 0; i--) {
        items[i - 1] = pop(m);
        if (items[i - 1] == NULL) return broken(m, "a tuple has too few items");
    }
    HB_TRY(make(m, NODE_LIST, &list));
    return add_to(m, list, items, count);
}

static hb_status append_marked(machine *m, node_tag tag) {
    node **items;
    uint32_t count;
    if (!pop_mark(m, &items, &count)) return broken(m, "there is no mark");
    node *list = top(m);
    if (list == NULL || list->tag != tag || (tag == NODE_DICT && count % 2 != 0)) {
        return broken(m, "items for something that takes none");
    }
    return add_to(m, list, items, count);
}

static hb_status append_one(machine *m, node_tag tag) {
    node *items[2];
    const uint32_t count = tag == NODE_DICT ? 2 : 1;
    for (uint32_t i = count; i > 0; i--) {
        items[i - 1] = pop(m);
        if (items[i - 1] == NULL) return broken(m, "an item is missing");
    }
    node *list = top(m);
    if (list == NULL || list->tag != tag) return broken(m, "an item for something that takes none");
    return add_to(m, list, items, count);
}

/* ---- memo --------------------------------------------------------------------------------- */

static hb_status memo_put(machine *m, uint64_t at) {
    node *item = top(m);
    if (item == NULL || at > m->memo.count + 65536u || at >= NODES_MAX) {
        return broken(m, "nothing to remember, or under a wild number");
    }
    while (m->memo.count <= at) {
        HB_TRY(list_add(m, &m->memo.items, &m->memo.count, &m->memo.cap, NULL));
    }
    m->memo.items[at] = item;
    return HB_OK;
}

static hb_status memo_get(machine *m, uint64_t at) {
    if (at >= m->memo.count || m->memo.items[at] == NULL) {
        return broken(m, "it refers to a value that was not remembered");
    }
    return push(m, m->memo.items[at]);
}

static hb_status memo_op(machine *m, uint32_t len_bytes, bool put) {
    uint64_t at;
    if (!take_le(m, len_bytes, &at)) return broken(m, "it ends early");
    return put ? memo_put(m, at) : memo_get(m, at);
}

/* ---- the loop ----------------------------------------------------------------------------- */

static hb_status drop(machine *m, bool to_mark) {
    node **items;
    uint32_t count;
    if (to_mark) return pop_mark(m, &items, &count) ? HB_OK : broken(m, "there is no mark");
    if (m->stack.count == 0) return broken(m, "the stack is empty");
    m->stack.count--;
    return HB_OK;
}

static hb_status run_structure(machine *m, char op) {
    node *item;
    switch (op) {
    case PICKLE_MARK: return make(m, NODE_MARK, &item);
    case PICKLE_POP: return drop(m, false);
    case PICKLE_POP_MARK: return drop(m, true);
    case PICKLE_DUP: return top(m) != NULL ? push(m, top(m)) : broken(m, "the stack is empty");
    case PICKLE_EMPTY_LIST:
    case PICKLE_EMPTY_TUPLE:
    case PICKLE_EMPTY_SET: return read_constant(m, NODE_LIST, 0);
    case PICKLE_EMPTY_DICT: return read_constant(m, NODE_DICT, 0);
    case PICKLE_LIST:
    case PICKLE_TUPLE:
    case PICKLE_FROZENSET: return marked_list(m, NODE_LIST);
    case PICKLE_DICT: return marked_list(m, NODE_DICT);
    case PICKLE_TUPLE1: return short_tuple(m, 1);
    case PICKLE_TUPLE2: return short_tuple(m, 2);
    case PICKLE_TUPLE3: return short_tuple(m, 3);
    case PICKLE_APPEND: return append_one(m, NODE_LIST);
    case PICKLE_SETITEM: return append_one(m, NODE_DICT);
    case PICKLE_APPENDS:
    case PICKLE_ADDITEMS: return append_marked(m, NODE_LIST);
    case PICKLE_SETITEMS: return append_marked(m, NODE_DICT);
    case PICKLE_BINGET: return memo_op(m, 1, false);
    case PICKLE_LONG_BINGET: return memo_op(m, 4, false);
    case PICKLE_BINPUT: return memo_op(m, 1, true);
    case PICKLE_LONG_BINPUT: return memo_op(m, 4, true);
    case PICKLE_MEMOIZE: return memo_put(m, m->memo.count);
    default: return refuse(m, op);
    }
}

static hb_status run_op(machine *m, char op) {
    switch (op) {
    case PICKLE_NONE: return read_constant(m, NODE_NONE, 0);
    case PICKLE_NEWTRUE: return read_constant(m, NODE_BOOL, 1);
    case PICKLE_NEWFALSE: return read_constant(m, NODE_BOOL, 0);
    case PICKLE_BININT: return read_int(m, 4);
    case PICKLE_BININT1: return read_int(m, 1);
    case PICKLE_BININT2: return read_int(m, 2);
    case PICKLE_LONG1: return read_long(m, 1);
    case PICKLE_LONG4: return read_long(m, 4);
    case PICKLE_BINFLOAT: return read_float(m);
    case PICKLE_SHORT_BINUNICODE: return read_span(m, NODE_TEXT, 1);
    case PICKLE_BINUNICODE: return read_span(m, NODE_TEXT, 4);
    case PICKLE_BINUNICODE8: return read_span(m, NODE_TEXT, 8);
    case PICKLE_SHORT_BINBYTES: return read_span(m, NODE_BYTES, 1);
    case PICKLE_BINBYTES: return read_span(m, NODE_BYTES, 4);
    case PICKLE_BINBYTES8:
    case PICKLE_BYTEARRAY8: return read_span(m, NODE_BYTES, 8);
    case PICKLE_SHORT_BINSTRING: return read_old_string(m, 1);
    case PICKLE_BINSTRING: return read_old_string(m, 4);
    default: return run_structure(m, op);
    }
}

static hb_status run(machine *m, node **out) {
    uint64_t ignored;
    if (m->bytes.len < 2 || m->bytes.ptr[0] != PICKLE_PROTO) {
        return broken(m, "it does not begin with a protocol from 2 to 5");
    }
    const int protocol = (unsigned char)m->bytes.ptr[1];
    if (protocol < 2 || protocol > 5) return broken(m, "its protocol is none of 2 to 5");
    m->at = 2;
    while (m->at < m->bytes.len) {
        m->op_at = m->at;
        const char op = m->bytes.ptr[m->at++];
        if (op == PICKLE_STOP) {
            *out = pop(m);
            return *out != NULL ? HB_OK : broken(m, "it holds no value");
        }
        /* Frames only help those who read from a stream. */
        if (op == PICKLE_FRAME) {
            if (!take_le(m, 8, &ignored)) return broken(m, "it ends early");
            continue;
        }
        HB_TRY(run_op(m, op));
    }
    m->op_at = m->at;
    return broken(m, "it ends early");
}

/* ---- result ------------------------------------------------------------------------------- */

static hb_status write_node(machine *m, const node *item, uint32_t depth, hb_buf *out) {
    if (depth > HB_VALUE_DEPTH_MAX) return broken(m, "it is nested too deeply, or within itself");
    if (out->len > FILES_ROW_BYTES_MAX) return too_large(m);
    switch (item->tag) {
    case NODE_NONE: hb_pack_nil(out); return HB_OK;
    case NODE_BOOL: hb_pack_bool(out, item->as.i != 0); return HB_OK;
    case NODE_INT: hb_pack_int(out, item->as.i); return HB_OK;
    case NODE_FLOAT: hb_pack_float(out, item->as.f); return HB_OK;
    case NODE_TEXT: hb_pack_str(out, item->as.s); return HB_OK;
    case NODE_BYTES: hb_pack_bin(out, item->as.s); return HB_OK;
    case NODE_LIST: hb_pack_array(out, item->as.list.count); break;
    case NODE_DICT: hb_pack_map(out, item->as.list.count / 2); break;
    case NODE_MARK: return broken(m, "a mark is no value");
    }
    for (uint32_t i = 0; i < item->as.list.count; i++) {
        const node *part = item->as.list.items[i];
        if (item->tag == NODE_DICT && i % 2 == 0 && part->tag != NODE_TEXT) {
            return broken(m, "a mapping has a key that is not a text");
        }
        HB_TRY(write_node(m, part, depth + 1, out));
    }
    return HB_OK;
}

hb_status files_pickle_decode(hb_str bytes, hb_buf *pack, hb_err *err) {
    machine m = { .bytes = bytes, .err = err };
    hb_arena_init(&m.arena, pack->mem);
    node *root = NULL;
    hb_status status = run(&m, &root);
    if (status == HB_OK) status = write_node(&m, root, 0, pack);
    if (status == HB_OK) status = hb_buf_check(pack, err);
    hb_arena_free(&m.arena);
    return status;
}
