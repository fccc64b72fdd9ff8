// SPDX-License-Identifier: MIT
/* JSON in, JSON and YAML out. */
#include <string.h>

#include "wasi/cli.h"

static void *arena_malloc(void *ctx, size_t size) {
    return hb_arena_alloc(ctx, size);
}

static void *arena_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    if (size <= old_size) return ptr;
    void *bigger = hb_arena_alloc(ctx, size);
    if (bigger != NULL && ptr != NULL) memcpy(bigger, ptr, old_size);
    return bigger;
}

static void arena_free(void *ctx, void *ptr) {
    (void)ctx;
    (void)ptr;
}

yyjson_alc cli_alc(cli *c) {
    return (yyjson_alc){ arena_malloc, arena_realloc, arena_free, &c->arena };
}

hb_status cli_json_parse(cli *c, hb_str text, const char *what, yyjson_doc **out, hb_err *err) {
    yyjson_alc alc = cli_alc(c);
    yyjson_read_err read_err;
    memset(&read_err, 0, sizeof(read_err));
    /* Without INSITU the text is copied and stays as it is. */
    *out = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len, 0, &alc, &read_err);
    if (*out != NULL) return HB_OK;
    if (text.len == 0) {
        return hb_err_set(err, HB_E_VALIDATION, "%s is empty, JSON was expected", what);
    }
    return hb_err_set(err, HB_E_VALIDATION, "%s is no valid JSON, at byte %u: %s", what,
                      (unsigned)read_err.pos, read_err.msg);
}

hb_str cli_json_text(yyjson_val *object, const char *key) {
    yyjson_val *value = yyjson_obj_get(object, key);
    if (!yyjson_is_str(value)) return HB_STR_EMPTY;
    return hb_str_n(yyjson_get_str(value), yyjson_get_len(value));
}

hb_status cli_json_print(cli *c, yyjson_val *value, bool pretty, hb_buf *out, hb_err *err) {
    yyjson_alc alc = cli_alc(c);
    yyjson_write_err write_err;
    size_t len = 0;
    yyjson_write_flag flags = pretty ? YYJSON_WRITE_PRETTY_TWO_SPACES : 0;
    char *text = yyjson_val_write_opts(value, flags, &alc, &len, &write_err);
    if (text == NULL) return hb_err_memory(err);
    hb_buf_add(out, text, len);
    return hb_buf_check(out, err);
}

/* ---- YAML ------------------------------------------------------------------------------ */

#define YAML_INDENT 4u
#define YAML_WIDTH 80u

static bool is_digit(char ch) {
    return ch >= '0' && ch <= '9';
}

/* Words and numbers that YAML would read as something else than text. */
static bool yaml_is_special(hb_str text) {
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off",
                                         "null", "~",     "y",   "n",  "=",  "<<" };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (hb_str_eq_nocase(text, hb_str_c(words[i]))) return true;
    }
    if (is_digit(text.ptr[0])) return true;
    return text.len > 1 && strchr("+-.", text.ptr[0]) != NULL &&
           (is_digit(text.ptr[1]) || text.ptr[1] == '.');
}

static bool yaml_is_plain(hb_str text) {
    if (text.len == 0 || strchr("#,[]{}&*!|>'\"%@` ", text.ptr[0]) != NULL) return false;
    if (text.ptr[text.len - 1] == ' ' || yaml_is_special(text)) return false;
    for (uint32_t i = 0; i < text.len; i++) {
        char next = i + 1 < text.len ? text.ptr[i + 1] : ' ';
        char ch = text.ptr[i];
        if (ch == ':' && next == ' ') return false;
        if (ch == '#' && i > 0 && text.ptr[i - 1] == ' ') return false;
        if (i == 0 && (ch == '-' || ch == '?') && next == ' ') return false;
    }
    return true;
}

static bool yaml_has_control(hb_str text) {
    for (uint32_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return true;
    }
    return false;
}

static void yaml_spaces(hb_buf *out, uint32_t count) {
    while (count-- > 0) hb_buf_add_char(out, ' ');
}

/* Folds at the first single space beyond the width, as the reference's printer does. */
static void yaml_text(hb_buf *out, hb_str text, uint32_t column, uint32_t indent) {
    if (yaml_has_control(text)) {
        hb_buf_add_json_str(out, text);
        return;
    }
    bool quoted = !yaml_is_plain(text);
    if (quoted) {
        hb_buf_add_char(out, '\'');
        column++;
    }
    for (uint32_t i = 0; i < text.len; i++, column++) {
        char ch = text.ptr[i];
        bool single = ch == ' ' && i > 0 && i + 1 < text.len && text.ptr[i - 1] != ' ' &&
                      text.ptr[i + 1] != ' ';
        if (single && column > YAML_WIDTH) {
            hb_buf_add_char(out, '\n');
            yaml_spaces(out, indent);
            column = indent - 1;
            continue;
        }
        if (quoted && ch == '\'') hb_buf_add_char(out, '\'');
        hb_buf_add_char(out, ch);
    }
    if (quoted) hb_buf_add_char(out, '\'');
}

static void yaml_scalar(hb_buf *out, yyjson_val *value, uint32_t column, uint32_t indent) {
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_BOOL: hb_buf_add_c(out, yyjson_get_bool(value) ? "true" : "false"); break;
    case YYJSON_TYPE_NUM:
        if (yyjson_is_real(value)) {
            hb_buf_add_f64(out, yyjson_get_real(value));
        } else if (yyjson_is_sint(value)) {
            hb_buf_add_i64(out, yyjson_get_sint(value));
        } else {
            hb_buf_printf(out, "%llu", (unsigned long long)yyjson_get_uint(value));
        }
        break;
    case YYJSON_TYPE_STR:
        yaml_text(out, hb_str_n(yyjson_get_str(value), yyjson_get_len(value)), column, indent);
        break;
    case YYJSON_TYPE_ARR: hb_buf_add_c(out, "[]"); break;
    case YYJSON_TYPE_OBJ: hb_buf_add_c(out, "{}"); break;
    default: hb_buf_add_c(out, "null"); break;
    }
}

static bool yaml_is_block(yyjson_val *value) {
    return yyjson_is_ctn(value) && yyjson_get_len(value) > 0;
}

static void yaml_block(hb_buf *out, yyjson_val *value, uint32_t indent, bool inside_item);

static void yaml_member(hb_buf *out, yyjson_val *key, yyjson_val *value, uint32_t indent) {
    hb_str name = hb_str_n(yyjson_get_str(key), yyjson_get_len(key));
    yaml_text(out, name, indent, indent);
    hb_buf_add_char(out, ':');
    if (yaml_is_block(value)) {
        hb_buf_add_char(out, '\n');
        yaml_block(out, value, yyjson_is_arr(value) ? indent : indent + YAML_INDENT, false);
        return;
    }
    bool secret = yyjson_is_str(value) && yyjson_equals_str(value, "<redacted>");
    if (!secret) hb_buf_add_char(out, ' ');
    yaml_scalar(out, value, indent + name.len + 2, indent + YAML_INDENT);
    hb_buf_add_char(out, '\n');
}

/* `inside_item`: the first line goes on after "-   ". */
static void yaml_block(hb_buf *out, yyjson_val *value, uint32_t indent, bool inside_item) {
    size_t index, count;
    yyjson_val *key, *item;
    if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, index, count, key, item) {
            if (index > 0 || !inside_item) yaml_spaces(out, indent);
            yaml_member(out, key, item, indent);
        }
        return;
    }
    yyjson_arr_foreach(value, index, count, item) {
        if (index > 0 || !inside_item) yaml_spaces(out, indent);
        if (yaml_is_block(item)) {
            hb_buf_add_c(out, "-   ");
            yaml_block(out, item, indent + YAML_INDENT, true);
            continue;
        }
        hb_buf_add_c(out, "- ");
        yaml_scalar(out, item, indent + 2, indent + 2);
        hb_buf_add_char(out, '\n');
    }
}

void cli_yaml_print(yyjson_val *value, hb_buf *out) {
    if (yaml_is_block(value)) {
        yaml_block(out, value, 0, false);
        return;
    }
    yaml_scalar(out, value, 0, YAML_INDENT);
    hb_buf_add_char(out, '\n');
}

int cli_print_document(cli *c, hb_str json) {
    if (c->json) {
        hb_buf_add_str(&c->out, json);
        hb_buf_add_char(&c->out, '\n');
        return CLI_OK;
    }
    yyjson_doc *doc;
    if (cli_json_parse(c, json, "the answer", &doc, &c->err) != HB_OK) return cli_fail(c, &c->err);
    cli_yaml_print(yyjson_doc_get_root(doc), &c->out);
    return CLI_OK;
}
