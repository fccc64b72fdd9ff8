// SPDX-License-Identifier: MIT
/* From argv to a command with its flags. Global flags may stand anywhere. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "wasi/cli.h"

#define WORDS_MAX 64

static const cli_flag *flag_in(const cli_flag *flags, const char *name, size_t len, char letter) {
    for (; flags != NULL && flags->name != NULL; flags++) {
        if (letter != '\0' ? flags->letter == letter
                           : strlen(flags->name) == len && strncmp(flags->name, name, len) == 0) {
            return flags;
        }
    }
    return NULL;
}

/* `arg` starts with a dash. *inline_value: what follows '=' (or the letter), or NULL. */
static const cli_flag *flag_find(const cli *c, const char *arg, const char **inline_value) {
    const cli_flag *own = c->command != NULL ? c->command->flags : NULL;
    *inline_value = NULL;
    const cli_flag *flag;
    if (arg[1] != '-') {
        flag = flag_in(cli_global_flags, NULL, 0, arg[1]);
        if (flag == NULL) flag = flag_in(own, NULL, 0, arg[1]);
        if (arg[1] != '\0' && arg[2] != '\0') *inline_value = arg[2] == '=' ? arg + 3 : arg + 2;
        return flag;
    }
    const char *name = arg + 2, *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    if (equals != NULL) *inline_value = equals + 1;
    flag = flag_in(cli_global_flags, name, len, '\0');
    return flag != NULL ? flag : flag_in(own, name, len, '\0');
}

static bool is_flag(const char *arg) {
    return arg[0] == '-' && arg[1] != '\0';
}

/* ---- finding the command --------------------------------------------------------------- */

static hb_str first_word(const char *name) {
    const char *space = strchr(name, ' ');
    return space != NULL ? hb_str_n(name, (size_t)(space - name)) : hb_str_c(name);
}

static hb_str second_word(const char *name) {
    const char *space = strchr(name, ' ');
    return space != NULL ? hb_str_c(space + 1) : HB_STR_EMPTY;
}

static bool word_is(const cli_command *command, hb_str last, hb_str word) {
    if (hb_str_eq(last, word)) return true;
    const char *at = command->aliases;
    while (at != NULL && *at != '\0') {
        hb_str alias = first_word(at);
        if (hb_str_eq(alias, word)) return true;
        at += alias.len;
        if (*at == ' ') at++;
    }
    return false;
}

static bool is_group(hb_str word) {
    for (const cli_command *const *at = cli_commands; *at != NULL; at++) {
        if (second_word((*at)->name).len > 0 && hb_str_eq(first_word((*at)->name), word)) {
            return true;
        }
    }
    return false;
}

static const cli_command *command_find(hb_str group, hb_str word) {
    for (const cli_command *const *at = cli_commands; *at != NULL; at++) {
        hb_str second = second_word((*at)->name);
        if (group.len > 0 ? second.len > 0 && hb_str_eq(first_word((*at)->name), group) &&
                                word_is(*at, second, word)
                          : second.len == 0 && word_is(*at, first_word((*at)->name), word)) {
            return *at;
        }
    }
    return NULL;
}

static int unknown_word(cli *c, hb_str group, hb_str word) {
    hb_str known[WORDS_MAX];
    uint32_t count = 0;
    for (const cli_command *const *at = cli_commands; *at != NULL && count < WORDS_MAX; at++) {
        hb_str first = first_word((*at)->name), second = second_word((*at)->name);
        if (group.len > 0 && !hb_str_eq(first, group)) continue;
        hb_str name = group.len > 0 ? second : first;
        if (count == 0 || !hb_str_eq(known[count - 1], name)) known[count++] = name;
    }
    hb_err_set(&c->err, HB_E_INVALID_ID, "unknown command '%.*s%s%.*s'", HB_ARG(group),
               group.len > 0 ? " " : "", HB_ARG(word));
    hb_err_hint(&c->err, word, known, count);
    return cli_usage(c, "%s", c->err.msg);
}

/* The next word that is no flag, skipping the values of global flags; argc when there is none. */
static int next_word(const cli *c, int at) {
    for (; at < c->argc; at++) {
        const char *arg = c->argv[at];
        if (!is_flag(arg)) return at;
        if (strcmp(arg, "--") == 0) return c->argc;
        const char *value;
        const cli_flag *flag = flag_find(c, arg, &value);
        if (flag != NULL && flag->value != NULL && value == NULL) at++;
    }
    return c->argc;
}

/* ---- flags and arguments --------------------------------------------------------------- */

static int unknown_flag(cli *c, const char *arg) {
    hb_str known[WORDS_MAX];
    uint32_t count = 0;
    const cli_flag *lists[2] = { c->command != NULL ? c->command->flags : NULL, cli_global_flags };
    for (int i = 0; i < 2; i++) {
        for (const cli_flag *flag = lists[i]; flag != NULL && flag->name != NULL; flag++) {
            if (count < WORDS_MAX) known[count++] = hb_arena_printf(&c->arena, "--%s", flag->name);
        }
    }
    const char *equals = strchr(arg, '=');
    hb_str word = equals != NULL ? hb_str_n(arg, (size_t)(equals - arg)) : hb_str_c(arg);
    hb_err_set(&c->err, HB_E_INVALID_ID, "unknown flag '%.*s'", HB_ARG(word));
    hb_err_hint(&c->err, word, known, count);
    return cli_usage(c, "%s", c->err.msg);
}

static int take_flag(cli *c, int *at) {
    const char *arg = c->argv[*at], *value;
    const cli_flag *flag = flag_find(c, arg, &value);
    if (flag == NULL) return unknown_flag(c, arg);
    if (flag->value == NULL && value != NULL) {
        return cli_usage(c, "--%s takes no value", flag->name);
    }
    if (flag->value != NULL && value == NULL) {
        if (*at + 1 >= c->argc) {
            return cli_usage(c, "--%s needs a value: %s", flag->name, flag->value);
        }
        value = c->argv[++*at];
    }
    if (cli_flag_has(c, flag->name)) return cli_usage(c, "--%s is given twice", flag->name);
    if (c->flag_count == CLI_FLAGS_MAX) return cli_usage(c, "too many flags");
    c->flags[c->flag_count].flag = flag;
    c->flags[c->flag_count++].value = value != NULL ? value : "";
    return CLI_OK;
}

/* Everything but the words at the places `skip` (-1: none). */
static int take_all(cli *c, const int skip[2]) {
    bool flags_end = false;
    for (int at = 1; at < c->argc; at++) {
        const char *arg = c->argv[at];
        if (at == skip[0] || at == skip[1]) continue;
        if (!flags_end && strcmp(arg, "--") == 0) {
            flags_end = true;
        } else if (!flags_end && is_flag(arg)) {
            int code = take_flag(c, &at);
            if (code != CLI_OK) return code;
        } else {
            c->args[c->arg_count++] = arg;
        }
    }
    return CLI_OK;
}

static int check_counts(cli *c) {
    const cli_command *command = c->command;
    if (c->arg_count < command->args_min) {
        return cli_usage(c, "missing argument: %s", command->args);
    }
    if (command->args_max >= 0 && c->arg_count > command->args_max) {
        return cli_usage(c, "unexpected argument '%s'", c->args[command->args_max]);
    }
    return CLI_OK;
}

/* SQLite makes whole paths from the working folder, and above it there is nothing for a module. */
static bool climbs(const char *path) {
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        if (*at == '/') at++;
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) return true;
    }
    return false;
}

static int read_timeout(cli *c) {
    int64_t timeout_ms;
    int code = cli_flag_number(c, "timeout", 0, &timeout_ms);
    if (code != CLI_OK) return code;
    if (cli_flag_has(c, "timeout") && (timeout_ms < 1 || timeout_ms > UINT32_MAX)) {
        return cli_usage(c, "--timeout takes milliseconds, from 1 to %u", (unsigned)UINT32_MAX);
    }
    c->timeout_ms = (uint32_t)timeout_ms;
    return CLI_OK;
}

static int read_globals(cli *c) {
    int code = read_timeout(c);
    if (code != CLI_OK) return code;
    c->json = cli_flag_has(c, "json");
    c->workspace = cli_flag_get(c, "workspace");
    if (c->workspace == NULL) c->workspace = getenv("HB_WORKSPACE");
    if (c->workspace != NULL && c->workspace[0] == '\0') c->workspace = NULL;
    c->home = cli_flag_get(c, "home");
    if (c->home == NULL) c->home = getenv("HB_HOME");
    if (c->home == NULL || c->home[0] == '\0') c->home = ".heavenbase";
    return climbs(c->home)
               ? cli_usage(c,
                           "the home '%s' climbs by '..'; give its whole path, or one below "
                           "this folder",
                           c->home)
               : CLI_OK;
}

int cli_parse(cli *c, bool *done) {
    *done = false;
    c->args = hb_arena_array(&c->arena, (size_t)c->argc + 1, sizeof(*c->args));
    if (c->args == NULL) return cli_no_memory(c);
    int skip[2] = { next_word(c, 1), -1 };
    hb_str group = HB_STR_EMPTY;
    if (skip[0] < c->argc) {
        hb_str word = hb_str_c(c->argv[skip[0]]);
        if (is_group(word)) {
            group = word;
            skip[1] = next_word(c, skip[0] + 1);
            if (skip[1] < c->argc) word = hb_str_c(c->argv[skip[1]]);
        }
        if (group.len == 0 || skip[1] < c->argc) {
            c->command = command_find(group, word);
            if (c->command == NULL) return unknown_word(c, group, word);
        }
    }
    int code = take_all(c, skip);
    if (code == CLI_OK) code = read_globals(c);
    if (code != CLI_OK) return code;
    *done = true;
    if (cli_flag_has(c, "version")) {
        hb_buf_add_c(&c->out, HB_VERSION "\n");
    } else if (cli_flag_has(c, "help")) {
        if (c->command != NULL) {
            cli_help_command(c, c->command);
        } else {
            cli_help(c, group);
        }
    } else if (c->command == NULL) {
        return group.len > 0 ? cli_usage(c, "'hb %.*s' needs a command", HB_ARG(group))
                             : cli_usage(c, "a command is needed");
    } else {
        *done = false;
        return check_counts(c);
    }
    return CLI_OK;
}

/* ---- reading flags --------------------------------------------------------------------- */

const char *cli_flag_get(const cli *c, const char *name) {
    for (int i = 0; i < c->flag_count; i++) {
        if (strcmp(c->flags[i].flag->name, name) == 0) return c->flags[i].value;
    }
    return NULL;
}

bool cli_flag_has(const cli *c, const char *name) {
    return cli_flag_get(c, name) != NULL;
}

int cli_flag_number(cli *c, const char *name, int64_t fallback, int64_t *out) {
    const char *text = cli_flag_get(c, name);
    *out = fallback;
    if (text == NULL) return CLI_OK;
    if (hb_num_parse_i64(hb_str_c(text), out) != HB_NUM_OK || *out < 0) {
        return cli_usage(c, "--%s takes a whole number from 0, found '%s'", name, text);
    }
    return CLI_OK;
}
