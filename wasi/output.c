// SPDX-License-Identifier: MIT
/* stdout for data, stderr for everything that is said about it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "wasi/cli.h"

#define OUT_BYTES (64u * 1024)

bool cli_flush(cli *c, bool all) {
    if (c->out.len == 0 || (!all && c->out.len < OUT_BYTES)) return !c->out_failed;
    uint32_t done = 0;
    while (!c->out_failed && done < c->out.len) {
        ssize_t wrote = write(STDOUT_FILENO, c->out.ptr + done, c->out.len - done);
        if (wrote > 0) {
            done += (uint32_t)wrote;
        } else if (wrote == 0 || (errno != EINTR && errno != EAGAIN)) {
            c->out_failed = true;   /* a closed pipe: the reader has had enough */
        }
    }
    hb_buf_clear(&c->out);
    return !c->out_failed;
}

static void say(const char *prefix, const char *fmt, va_list args) {
    fputs(prefix, stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

int cli_fail(const cli *c, const hb_err *err) {
    (void)c;
    fprintf(stderr, "ERR %s (%s", err->msg, hb_status_name(err->code));
    if (err->entity[0] != '\0') fprintf(stderr, ", entity %s", err->entity);
    if (err->field[0] != '\0') fprintf(stderr, ", field %s", err->field);
    if (err->backend[0] != '\0') fprintf(stderr, ", backend %s", err->backend);
    if (err->native[0] != '\0') fprintf(stderr, ", %s", err->native);
    fputs(")\n", stderr);
    return CLI_FAILED;
}

int cli_error(const cli *c, const char *fmt, ...) {
    (void)c;
    va_list args;
    va_start(args, fmt);
    say("ERR ", fmt, args);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage(const cli *c, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    say("ERR ", fmt, args);
    va_end(args);
    if (c->command != NULL) {
        fprintf(stderr, "usage: hb %s%s%s [flags]   (hb %s --help)\n", c->command->name,
                c->command->args[0] != '\0' ? " " : "", c->command->args, c->command->name);
    } else {
        fputs("see: hb --help\n", stderr);
    }
    return CLI_USAGE;
}

void cli_note(const cli *c, const char *fmt, ...) {
    (void)c;
    va_list args;
    va_start(args, fmt);
    say("note: ", fmt, args);
    va_end(args);
}

int cli_no_memory(const cli *c) {
    return cli_error(c, "out of memory");
}
