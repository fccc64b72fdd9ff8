// SPDX-License-Identifier: MIT
/* Help, made from the command table. */
#include <stdio.h>
#include <string.h>

#include "wasi/cli.h"

static void add_padded(hb_buf *out, const char *indent, hb_str text, uint32_t width) {
    hb_buf_add_c(out, indent);
    hb_buf_add_str(out, text);
    for (uint32_t i = text.len; i < width; i++) hb_buf_add_char(out, ' ');
}

static hb_str command_line(cli *c, const cli_command *command) {
    return hb_arena_printf(&c->arena, "%s%s%s", command->name, command->args[0] != '\0' ? " " : "",
                           command->args);
}

static hb_str flag_line(cli *c, const cli_flag *flag) {
    char letter[8] = "    ";
    if (flag->letter != '\0') snprintf(letter, sizeof(letter), "-%c, ", flag->letter);
    return hb_arena_printf(&c->arena, "%s--%s%s%s", letter, flag->name,
                           flag->value != NULL ? " " : "", flag->value != NULL ? flag->value : "");
}

static void add_flags(cli *c, const char *heading, const cli_flag *flags) {
    if (flags == NULL || flags->name == NULL) return;
    hb_buf_printf(&c->out, "\n%s\n", heading);
    for (; flags->name != NULL; flags++) {
        add_padded(&c->out, "  ", flag_line(c, flags), 26);
        hb_buf_printf(&c->out, "  %s\n", flags->desc);
    }
}

static void add_lines(hb_buf *out, const char *indent, const char *lines) {
    while (*lines != '\0') {
        const char *end = strchr(lines, '\n');
        size_t len = end != NULL ? (size_t)(end - lines) : strlen(lines);
        hb_buf_add_c(out, indent);
        hb_buf_add(out, lines, len);
        hb_buf_add_char(out, '\n');
        lines += len + (end != NULL ? 1 : 0);
    }
}

void cli_help(cli *c, hb_str group) {
    hb_buf *out = &c->out;
    if (group.len == 0) {
        hb_buf_add_c(out, "hb " HB_VERSION ": one workspace over many storage engines\n\n"
                          "usage: hb COMMAND [ARGUMENTS] [FLAGS]\n\ncommands\n");
    } else {
        hb_buf_printf(out, "usage: hb %.*s COMMAND [ARGUMENTS] [FLAGS]\n\ncommands\n",
                      HB_ARG(group));
    }
    for (const cli_command *const *at = cli_commands; *at != NULL; at++) {
        hb_str name = hb_str_c((*at)->name);
        if (group.len > 0 &&
            !(hb_str_starts(name, group) && name.len > group.len && name.ptr[group.len] == ' ')) {
            continue;
        }
        add_padded(out, "  ", command_line(c, *at), 32);
        hb_buf_printf(out, "  %s\n", (*at)->summary);
    }
    add_flags(c, "flags of every command", cli_global_flags);
    if (group.len > 0) return;
    hb_buf_add_c(
        out, "\nexamples\n"
             "  hb ws create shop\n"
             "  hb entity define product.json\n"
             "  hb put product products.ndjson\n"
             "  hb query product '{\"filter\":{\"price\":{\"$lt\":100}},\"order\":[\"price\"]}'\n"
             "\nData goes to stdout, everything else to stderr. Exit codes: 0 done, 1 ERR, 2 wrong "
             "usage.\n"
             "Under wasmtime: wasmtime run --dir . hb.wasm COMMAND ...   (only folders given by "
             "--dir are seen)\n"
             "Help on one command: hb COMMAND --help\n");
}

void cli_help_command(cli *c, const cli_command *command) {
    hb_buf *out = &c->out;
    hb_buf_printf(out, "usage: hb %.*s [FLAGS]\n\n%s\n", HB_ARG(command_line(c, command)),
                  command->summary);
    if (command->details != NULL) {
        hb_buf_add_char(out, '\n');
        add_lines(out, "", command->details);
    }
    add_flags(c, "flags", command->flags);
    add_flags(c, "flags of every command", cli_global_flags);
    if (command->examples != NULL) {
        hb_buf_add_c(out, "\nexamples\n");
        add_lines(out, "  hb ", command->examples);
    }
}
