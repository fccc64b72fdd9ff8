// SPDX-License-Identifier: MIT
/* Files and folders by POSIX calls; a module sees only the folders that its runtime was told to
 * give. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wasi/cli.h"

#define PATH_BYTES 1024

int64_t cli_now_ms(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t monotonic_ms(void *ctx) {
    (void)ctx;
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const hb_clock cli_clock = { monotonic_ms, NULL };

/* ---- what cannot be reached ------------------------------------------------------------- */

/* The folder to hand over so that `path` can be reached: "." for what lies below it. */
static void outer_folder(const char *path, char out[PATH_BYTES]) {
    const char *slash = strrchr(path, '/');
    bool below = path[0] != '/' && strncmp(path, "../", 3) != 0 && strcmp(path, "..") != 0;
    int len = slash == NULL ? (int)strlen(path) : slash == path ? 1 : (int)(slash - path);
    snprintf(out, PATH_BYTES, "%.*s", below ? 1 : len, below ? "." : path);
}

static void add_quoted(hb_buf *out, const char *arg) {
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+";
    hb_buf_add_char(out, ' ');
    if (arg[0] != '\0' && strspn(arg, safe) == strlen(arg)) {
        hb_buf_add_c(out, arg);
        return;
    }
    hb_buf_add_char(out, '\'');
    for (; *arg != '\0'; arg++) {
        if (*arg == '\'') hb_buf_add_c(out, "'\\'");
        hb_buf_add_char(out, *arg);
    }
    hb_buf_add_char(out, '\'');
}

static bool is_there(const char *folder) {
    struct stat info;
    return stat(folder, &info) == 0;
}

bool cli_path_is_outside(const char *path, int error) {
#if defined(__wasi__)
    char folder[PATH_BYTES];
    outer_folder(path, folder);
    return error == ENOTCAPABLE || error == EBADF || !is_there(folder);
#else
    (void)path;
    (void)error;
    return false;
#endif
}

int cli_fail_path(const cli *c, const char *doing, const char *path, int error) {
    if (!cli_path_is_outside(path, error)) {
        return cli_error(c, "cannot %s '%s': %s", doing, path, strerror(error));
    }
    char folder[PATH_BYTES];
    outer_folder(path, folder);
    hb_buf line;
    hb_buf_init(&line, c->mem);
    hb_buf_add_c(&line, "wasmtime run");
    if (strcmp(folder, ".") != 0 && is_there(".")) hb_buf_add_c(&line, " --dir .");
    hb_buf_add_c(&line, " --dir");
    add_quoted(&line, folder);
    for (int i = 0; i < c->argc; i++) add_quoted(&line, c->argv[i]);
    int code =
        cli_error(c, "cannot %s '%s': the folder '%s' was not given to this module; run\n  %.*s",
                  doing, path, folder, HB_ARG(hb_buf_str(&line)));
    hb_buf_free(&line);
    return code;
}

/* ---- reading ------------------------------------------------------------------------------ */

int cli_open_input(cli *c, const char *path, int *fd) {
    if (strcmp(path, "-") == 0) {
        *fd = STDIN_FILENO;
        return CLI_OK;
    }
    *fd = open(path, O_RDONLY);
    return *fd >= 0 ? CLI_OK : cli_fail_path(c, "read", path, errno);
}

int cli_read_all(cli *c, const char *path, hb_buf *out) {
    int fd;
    int code = cli_open_input(c, path, &fd);
    if (code != CLI_OK) return code;
    for (;;) {
        if (!hb_buf_reserve(out, 1u << 16)) {
            code = cli_no_memory(c);
            break;
        }
        ssize_t got = read(fd, out->ptr + out->len, out->cap - out->len);
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            code = cli_fail_path(c, "read", path, errno);
            break;
        }
        out->len += (uint32_t)got;
    }
    if (fd != STDIN_FILENO) close(fd);
    return code;
}

int cli_read_json_arg(cli *c, const char *arg, hb_buf *out) {
    hb_str text = hb_str_trim(hb_str_c(arg));
    if (text.len > 0 && (text.ptr[0] == '{' || text.ptr[0] == '[')) {
        hb_buf_add_str(out, text);
        return CLI_OK;
    }
    return cli_read_all(c, arg, out);
}

/* ---- writing ------------------------------------------------------------------------------ */

int cli_make_folder(cli *c, const char *path) {
    char part[PATH_BYTES];
    size_t len = strlen(path);
    if (len >= sizeof(part)) return cli_error(c, "the path '%s' is too long", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        part[i] = '\0';
        if (!is_there(part) && mkdir(part, 0777) != 0 && errno != EEXIST) {
            return cli_fail_path(c, "make the folder", path, errno);
        }
        if (i < len) part[i] = '/';
    }
    return CLI_OK;
}

static int write_all(int fd, hb_str text) {
    for (uint32_t done = 0; done < text.len;) {
        ssize_t wrote = write(fd, text.ptr + done, text.len - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return errno;
        done += (uint32_t)wrote;
    }
    return fsync(fd) == 0 ? 0 : errno;
}

int cli_write_file(cli *c, const char *path, hb_str text) {
    hb_str name = hb_arena_printf(&c->arena, "%s.tmp", path);
    if (name.ptr == NULL) return cli_no_memory(c);
    int fd = open(name.ptr, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0) return cli_fail_path(c, "write", path, errno);
    int error = write_all(fd, text);
    if (close(fd) != 0 && error == 0) error = errno;
    if (error == 0 && rename(name.ptr, path) != 0) error = errno;
    if (error == 0) return CLI_OK;
    unlink(name.ptr);
    return cli_fail_path(c, "write", path, error);
}
