// SPDX-License-Identifier: MIT
/* The commands, by file; main.c lists them in the order of the help. */
#ifndef HB_WASI_COMMANDS_COMMANDS_H
#define HB_WASI_COMMANDS_COMMANDS_H

#include "wasi/cli.h"

/* workspaces.c */
extern const cli_command command_ws_presets, command_ws_create, command_ws_list, command_ws_get,
    command_ws_unset;
/* entities.c */
extern const cli_command command_entity_define, command_entity_list, command_entity_show;
/* rows.c */
extern const cli_command command_put, command_get, command_rm;
/* query.c */
extern const cli_command command_query, command_explain;
/* upkeep.c */
extern const cli_command command_audit, command_repair, command_capabilities;

#endif
