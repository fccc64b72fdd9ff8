// SPDX-License-Identifier: MIT
/* The one place where the core's files are the C library's. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__wasi__)
#include <wasi/api.h>
#endif

#include "base/fs.h"
#include "base/limits.h"

static hb_fs_code code_of(int error) {
    static const struct {
        int error;
        hb_fs_code code;
    } known[] = {
        { ENOENT, HB_FS_MISSING },
        { EEXIST, HB_FS_EXISTS },
        { EACCES, HB_FS_REFUSED },
        { EPERM, HB_FS_REFUSED },
        { ENOSPC, HB_FS_FULL },
        { EDQUOT, HB_FS_FULL },
        { EBUSY, HB_FS_BUSY },
        { ENOTEMPTY, HB_FS_NOT_EMPTY },
        { ENOTDIR, HB_FS_NOT_FOLDER },
        { EISDIR, HB_FS_IS_FOLDER },
        { ENAMETOOLONG, HB_FS_TOO_LONG },
        { EMFILE, HB_FS_MANY_OPEN },
        { ENFILE, HB_FS_MANY_OPEN },
        { EINVAL, HB_FS_INVALID },
        { ELOOP, HB_FS_INVALID },
        { EILSEQ, HB_FS_INVALID },
        { EROFS, HB_FS_READ_ONLY },
        { EFBIG, HB_FS_FULL },
#ifdef ENOTCAPABLE
        { ENOTCAPABLE, HB_FS_OUTSIDE },
#endif
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].error == error) return known[i].code;
    }
    return HB_FS_IO;
}

static hb_fs_code last_code(void) {
    return code_of(errno);
}

#if defined(__wasi__)
/* The C library looks absolute paths up below a folder that was given by a relative name, where
 * they would be something else. */
static bool path_is_given(const char *path) {
    char name[HB_PATH_BYTES_MAX + 1];
    __wasi_prestat_t info;
    for (__wasi_fd_t fd = 3; __wasi_fd_prestat_get(fd, &info) == 0; fd++) {
        size_t len = info.u.dir.pr_name_len;
        if (len == 0 || len > HB_PATH_BYTES_MAX) continue;
        if (__wasi_fd_prestat_dir_name(fd, (uint8_t *)name, len) != 0 || name[0] != '/') continue;
        while (len > 0 && (name[len - 1] == '/' || name[len - 1] == '\0')) len--;
        bool below = strncmp(path, name, len) == 0 && (path[len] == '/' || path[len] == '\0');
        if (below) return true;
    }
    return false;
}
#endif

/* A C string of a path; false when it has none. */
static bool path_copy(hb_str path, char out[HB_PATH_BYTES_MAX + 1], hb_fs_code *code) {
    bool too_long = path.len > HB_PATH_BYTES_MAX;
    *code = too_long ? HB_FS_TOO_LONG : HB_FS_INVALID;
    if (too_long || path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL) return false;
    memcpy(out, path.ptr, path.len);
    out[path.len] = '\0';
#if defined(__wasi__)
    *code = HB_FS_OUTSIDE;
    if (out[0] == '/' && !path_is_given(out)) return false;
#endif
    return true;
}

#define PATH_OR_RETURN(name, path)                                                                 \
    char name[HB_PATH_BYTES_MAX + 1];                                                              \
    hb_fs_code name##_code;                                                                        \
    if (!path_copy(path, name, &name##_code)) return name##_code

static hb_fs_code fs_open(void *ctx, hb_str path, hb_fs_how how, int32_t *file) {
    (void)ctx;
    PATH_OR_RETURN(text, path);
    int flags = how == HB_FS_READ     ? O_RDONLY
                : how == HB_FS_WRITE  ? O_WRONLY | O_CREAT | O_TRUNC
                : how == HB_FS_UPDATE ? O_WRONLY
                                      : O_WRONLY | O_CREAT | O_EXCL;
    int fd;
    do {
        fd = open(text, flags | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
#if defined(__wasi__)
    /* A path outside of every given folder has no folder to be opened in. */
    if (fd < 0 && errno == EBADF) return HB_FS_OUTSIDE;
#endif
    *file = fd;
    return fd < 0 ? last_code() : HB_FS_OK;
}

static hb_fs_code fs_read(void *ctx, int32_t file, void *bytes, uint32_t len, uint32_t *got) {
    (void)ctx;
    ssize_t count;
    do {
        count = read(file, bytes, len);
    } while (count < 0 && errno == EINTR);
    *got = count < 0 ? 0 : (uint32_t)count;
    return count < 0 ? last_code() : HB_FS_OK;
}

static hb_fs_code fs_write(void *ctx, int32_t file, const void *bytes, uint32_t len) {
    (void)ctx;
    const char *at = bytes;
    while (len > 0) {
        ssize_t count = write(file, at, len);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return last_code();
        if (count == 0) return HB_FS_FULL;
        at += count;
        len -= (uint32_t)count;
    }
    return HB_FS_OK;
}

static hb_fs_code fs_sync(void *ctx, int32_t file) {
    (void)ctx;
    return fsync(file) == 0 ? HB_FS_OK : last_code();
}

static hb_fs_code fs_close(void *ctx, int32_t file) {
    (void)ctx;
    /* After EINTR the descriptor is gone on every system we run on. */
    return close(file) == 0 || errno == EINTR ? HB_FS_OK : last_code();
}

static hb_fs_code fs_rename(void *ctx, hb_str from, hb_str to) {
    (void)ctx;
    PATH_OR_RETURN(old_text, from);
    PATH_OR_RETURN(new_text, to);
    return rename(old_text, new_text) == 0 ? HB_FS_OK : last_code();
}

static hb_fs_code fs_remove(void *ctx, hb_str path) {
    (void)ctx;
    PATH_OR_RETURN(text, path);
    return unlink(text) == 0 ? HB_FS_OK : last_code();
}

static hb_fs_code fs_remove_folder(void *ctx, hb_str path) {
    (void)ctx;
    PATH_OR_RETURN(text, path);
    return rmdir(text) == 0 ? HB_FS_OK : last_code();
}

static hb_fs_code fs_make_folder(void *ctx, hb_str path) {
    (void)ctx;
    PATH_OR_RETURN(text, path);
    return mkdir(text, 0777) == 0 ? HB_FS_OK : last_code();
}

static hb_fs_code fs_sync_folder(void *ctx, hb_str path) {
    (void)ctx;
    PATH_OR_RETURN(text, path);
    int fd = open(text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return last_code();
    int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return error == EIO || error == ENOSPC ? code_of(error) : HB_FS_OK;
}

static hb_fs_code fs_list(void *ctx, hb_str path, hb_fs_visit *visit, void *arg) {
    (void)ctx;
    PATH_OR_RETURN(text, path);
    DIR *folder = opendir(text);
    if (folder == NULL) return last_code();
    hb_fs_code code = HB_FS_OK;
    for (bool more = true; more;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            if (errno != 0) code = last_code();
            break;
        }
        hb_str name = hb_str_c(entry->d_name);
        if (!hb_str_eq(name, HB_STR(".")) && !hb_str_eq(name, HB_STR("..")))
            more = visit(arg, name);
    }
    closedir(folder);
    return code;
}

static hb_fs_code fs_stat(void *ctx, hb_str path, hb_fs_stat *out) {
    (void)ctx;
    PATH_OR_RETURN(text, path);
    struct stat info;
    if (stat(text, &info) != 0) return last_code();
    out->folder = S_ISDIR(info.st_mode);
    out->size = out->folder ? 0 : (uint64_t)info.st_size;
    out->modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    return HB_FS_OK;
}

const hb_fs *hb_fs_posix(void) {
    static const hb_fs posix = {
        .open = fs_open,
        .read = fs_read,
        .write = fs_write,
        .sync = fs_sync,
        .close = fs_close,
        .rename = fs_rename,
        .remove = fs_remove,
        .remove_folder = fs_remove_folder,
        .make_folder = fs_make_folder,
        .sync_folder = fs_sync_folder,
        .list = fs_list,
        .stat = fs_stat,
    };
    return &posix;
}
