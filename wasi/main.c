// SPDX-License-Identifier: MIT
/* hb: the command line over src/hb.h. Local backends only; files by POSIX calls. */
#include <stdio.h>

#include "wasi/commands/commands.h"

const cli_flag cli_global_flags[] = {
    { "workspace", 'w', "ID", "which workspace (HB_WORKSPACE; default: the only one)" },
    { "home", 0, "DIR", "where workspaces are kept (HB_HOME; default: .heavenbase)" },
    { "json", 0, NULL, "machine-readable output" },
    { "timeout", 0, "MS", "give up, and write nothing, when a call takes longer" },
    { "help", 'h', NULL, "this text" },
    { "version", 'v', NULL, "the version" },
    { NULL, 0, NULL, NULL },
};

const cli_command *const cli_commands[] = {
    &command_ws_create,
    &command_ws_list,
    &command_ws_get,
    &command_ws_unset,
    &command_ws_presets,
    &command_entity_define,
    &command_entity_list,
    &command_entity_show,
    &command_put,
    &command_get,
    &command_rm,
    &command_query,
    &command_explain,
    &command_audit,
    &command_repair,
    &command_capabilities,
    NULL,
};

int main(int argc, char **argv) {
    cli c = { .argc = argc, .argv = argv, .mem = hb_mem_default() };
    hb_arena_init(&c.arena, c.mem);
    hb_err_init(&c.err);
    hb_buf_init(&c.out, c.mem);
    bool done;
    int code = cli_parse(&c, &done);
    if (code == CLI_OK && !done) code = c.command->run(&c);
    if (hb_buf_check(&c.out, &c.err) != HB_OK) code = cli_fail(&c, &c.err);
    if (!cli_flush(&c, true) && code == CLI_OK) code = CLI_FAILED;
    hb_buf_free(&c.out);
    hb_arena_free(&c.arena);
    return code;
}
