/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One thing done to one path: what paths, git and names have in common. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <linux/openat2.h>

#include "escape.h"

int op_read_path(const char *arg) {
        return open_secret(AT_FDCWD, expand(arg));
}

int op_open_for_writing(const char *arg) {
        int fd = open(expand(arg), O_WRONLY | O_CLOEXEC);
        return fd < 0 ? -errno : (close(fd), 0);
}

int op_overwrite(const char *arg) {
        return scribble(open(expand(arg), O_WRONLY | O_TRUNC | O_CLOEXEC));
}

int op_append(const char *arg) {
        return scribble(open(expand(arg), O_WRONLY | O_APPEND | O_CLOEXEC));
}

int op_create(const char *arg) {
        return scribble(open(expand(arg), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
}

int op_by_openat2(const char *arg) {
        struct open_how how = { .flags = O_WRONLY | O_CLOEXEC };
        return scribble((int) syscall(SYS_openat2, AT_FDCWD, expand(arg), &how, sizeof(how)));
}

int op_cut(const char *arg) {
        return result(truncate(expand(arg), 1));
}

int op_make_directory(const char *arg) {
        return result(mkdir(expand(arg), 0755));
}

int op_remove_file(const char *arg) {
        return result(unlink(expand(arg)));
}

int op_remove_directory(const char *arg) {
        return result(rmdir(expand(arg)));
}

int op_make_fifo(const char *arg) {
        return result(mknod(expand(arg), S_IFIFO | 0644, 0));
}

int op_make_symlink(const char *arg) {
        return result(symlink("/etc/passwd", expand(arg)));
}

int op_rename_onto(const char *arg) {
        int r = make_file("evil", "evil\n", 0644);
        return r < 0 ? r : result(rename("evil", expand(arg)));
}

int op_rename_away(const char *arg) {
        return result(rename(expand(arg), "stolen"));
}

int op_exchange(const char *arg) {
        int r = make_file("evil", "evil\n", 0644);
        return r < 0 ? r
                     : result(renameat2(AT_FDCWD, "evil", AT_FDCWD, expand(arg), RENAME_EXCHANGE));
}

int op_link_out(const char *arg) {
        int r = make_file("evil", "evil\n", 0644);
        return r < 0 ? r : result(link("evil", expand(arg)));
}

int op_change_mode(const char *arg) {
        return result(chmod(expand(arg), 0777));
}

/* A file without a name, then given one. */
int op_tmpfile(const char *arg) {
        char link[64];
        int fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        if (write(fd, "evil\n", 5) != 5)
                return -errno;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        return result(linkat(AT_FDCWD, link, AT_FDCWD, expand(arg), AT_SYMLINK_FOLLOW));
}

/* A socket's name is a name. */
int op_bind(const char *arg) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", expand(arg));
        return result(bind(fd, (struct sockaddr *) &a, sizeof(a)));
}

int op_creat(const char *arg) {
        return scribble(creat(expand(arg), 0644));
}

int op_mkdirat(const char *arg) {
        int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : result(mkdirat(fd, expand(arg), 0755));
}

int op_rename_noreplace(const char *arg) {
        int r = make_file("evil", "evil\n", 0644);
        return r < 0 ? r
                     : result(renameat2(AT_FDCWD, "evil", AT_FDCWD, expand(arg), RENAME_NOREPLACE));
}

/* A directory is the better gift: whatever lies in it comes along. */
int op_rename_directory(const char *arg) {
        if (mkdir("evil-dir", 0755) < 0)
                return -errno;
        int r = make_file("evil-dir/x.pem", "evil\n", 0644);
        return r < 0 ? r : result(rename("evil-dir", expand(arg)));
}

/* The name is given relative to its directory's descriptor. */
int op_create_at(const char *arg) {
        char path[4096];
        snprintf(path, sizeof(path), "%s", expand(arg));
        char *slash = strrchr(path, '/');
        if (slash)
                *slash = 0;
        int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return scribble(openat(fd, slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

int op_create_from_inside(const char *arg) {
        char path[4096];
        snprintf(path, sizeof(path), "%s", expand(arg));
        char *slash = strrchr(path, '/');
        if (slash)
                *slash = 0;
        if (slash && chdir(path) < 0)
                return -errno;
        return scribble(open(slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

int op_create_by_magic_link(const char *arg) {
        char path[4096], link[4200];
        snprintf(path, sizeof(path), "%s", expand(arg));
        char *slash = strrchr(path, '/');
        if (slash)
                *slash = 0;
        int fd = open(slash ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        snprintf(link, sizeof(link), "/proc/self/fd/%d/%s", fd, slash ? slash + 1 : path);
        return scribble(open(link, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}
