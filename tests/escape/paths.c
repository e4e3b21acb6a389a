/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files outside of the working directory: reading, changing, and every other spelling of their
 * names. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "escape.h"

static int see(const char *arg) {
        struct stat st;
        return result(lstat(expand(arg), &st));
}

static int list_directory(const char *arg) {
        char entries[4096];
        int fd = open(expand(arg), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        long n = syscall(SYS_getdents64, fd, entries, sizeof(entries));
        int r = n < 0 ? -errno : memmem(entries, (size_t) n, "secret", 6) ? 0 : -ENODATA;
        close(fd);
        return r;
}

static int by_dirfd(const char *arg) {
        int fd = open(expand(arg), O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : scribble(openat(fd, "target", O_WRONLY | O_CLOEXEC));
}
static int by_cwd(const char *arg) {
        if (chdir(expand(arg)) < 0)
                return -errno;
        return scribble(open("target", O_WRONLY | O_CLOEXEC));
}
/* An O_PATH descriptor carries no right to write; its magic link in /proc might. */
static int by_magic_link(const char *arg) {
        char link[64];
        int fd = open(expand(arg), O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        return scribble(open(link, O_WRONLY | O_CLOEXEC));
}
/* As many ../ as a path can hold, from the working directory and its descriptor. */
static int by_dotdot(const char *arg) {
        char path[4096] = "";
        for (int i = 0; i < 64; i++)
                strcat(path, "../");
        strcat(path, expand(arg) + 1);
        return scribble(open(path, O_WRONLY | O_CLOEXEC));
}
static int by_link_made_here(const char *arg) {
        if (symlink(expand(arg), "way-out") < 0)
                return -errno;
        int r = scribble(open("way-out/target", O_WRONLY | O_CLOEXEC));
        unlink("way-out");
        return r;
}
/* Opened for reading, which may be allowed; then written through a shared mapping. */
static int by_mapping(const char *arg) {
        int fd = open(expand(arg), O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        char *m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        if (m == MAP_FAILED)
                return -errno;
        if (mprotect(m, 4096, PROT_READ | PROT_WRITE) < 0) {
                /* Refused everywhere: the descriptor was read-only. So open it for both, then map.
                 */
                fd = open(expand(arg), O_RDWR | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                if (m == MAP_FAILED)
                        return -errno;
        }
        m[0] = 'X';
        return 0;
}

static int move_workdir(const char *arg) {
        char to[4096];
        snprintf(to, sizeof(to), "%s-moved", expand(arg));
        return result(rename(expand(arg), to));
}
/* A second name inside for what lies outside: writable there, if only names were judged. */
static int link_in(const char *arg) {
        if (link(expand(arg), "hard") < 0)
                return -errno;
        return scribble(open("hard", O_WRONLY | O_CLOEXEC));
}
static int link_in_by_descriptor(const char *arg) {
        char name[64];
        int fd = open(expand(arg), O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, name, AT_FDCWD, "hard", AT_SYMLINK_FOLLOW) < 0)
                return -errno;
        return scribble(open("hard", O_WRONLY | O_CLOEXEC));
}

/* Metadata: Landlock leaves all of it alone. */
static int change_mode_by_descriptor(const char *arg) {
        int fd = open(expand(arg), O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : result(fchmod(fd, 0777));
}
static int change_owner(const char *arg) {
        return result(chown(expand(arg), geteuid(), getegid()));
}
static int change_times(const char *arg) {
        struct timespec epoch[2] = { { 1, 0 }, { 1, 0 } };
        return result(utimensat(AT_FDCWD, expand(arg), epoch, 0));
}
static int change_times_by_descriptor(const char *arg) {
        struct timespec epoch[2] = { { 1, 0 }, { 1, 0 } };
        int fd = open(expand(arg), O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : result(futimens(fd, epoch));
}
static int change_xattr(const char *arg) {
        int r = result(setxattr(expand(arg), "user.leash", "x", 1, 0));
        return r == -EOPNOTSUPP && !inside ? NOT_HERE : r;
}
static int remove_xattr(const char *arg) {
        int r = result(removexattr(expand(arg), "user.mark"));
        return (r == -EOPNOTSUPP || r == -ENODATA) && !inside ? NOT_HERE : r;
}

#define OUT "@out@/target"
// clang-format off
const struct attempt attempts_paths[] = {
        { "read-outside", op_read_path, "@out@/secret", S, 0, 0, "read a file outside of the working directory" },
        { "read-outside-denied", op_read_path, "@out@/secret", ALL, 0, "--deny @out@/secret", "read a denied file" },
        { "read-outside-denied-tree", op_read_path, "@out@/dir/secret", ALL, 0, "--deny @out@/dir", "read below a denied directory" },
        { "read-outside-denied-glob", op_read_path, "@out@/dir/secret", ALL, 0, "--deny @out@/**/secret", "read what a glob denies" },
        { "read-denied-by-root", op_read_path, "/proc/self/root@out@/secret", ALL, 0, "--deny @out@/secret", "a denied file through /proc/self/root" },
        { "read-denied-by-dotdot", op_read_path, "@out@/dir/../secret", ALL, 0, "--deny @out@/secret", "a denied file through ../" },
        { "read-denied-by-slashes", op_read_path, "//./@out@//.//secret", ALL, 0, "--deny @out@/secret", "a denied file, oddly spelled" },
        { "read-denied-by-link", op_read_path, "link-secret", ALL, 0, "--deny @out@/secret", "a denied file through a symlink that was there" },
        { "read-home", op_read_path, "@home_secret@", S | D, 0, 0, "read a file in the home" },
        { "read-home-protected", op_read_path, "@home_secret@", ALL, 0, "--protect home", "read a file in the protected home" },
        { "read-ssh-key", op_read_path, "@ssh_secret@", S | D, 0, 0, "read a private key" },
        { "read-ssh-key-home-open", op_read_path, "@ssh_secret@", ALL, 0, "--no-protect home --read ~/ --protect credentials", "read a private key when the home is allowed" },
        { "read-cloud-config", op_read_path, "@aws_secret@", S | D, 0, 0, "read cloud credentials" },
        { "read-cloud-config-home-open", op_read_path, "@aws_secret@", ALL, 0, "--no-protect home --read ~/ --protect cloud", "read cloud credentials when the home is allowed" },
        { "write-home", op_overwrite, "@home_target@", S | D, 0, 0, "change a file in the home" },
        { "see-home", see, "@home_secret@", S | D, 0, 0, "learn that a file in the home exists" },
        { "list-home", list_directory, "@home@", S | D, 0, 0, "list a directory in the home" },
        { "read-host-tmp", op_read_path, "@tmp@/secret", S | D, 0, 0, "read in the host's /tmp" },
        { "list-host-tmp", list_directory, "@tmp@", S | D, 0, 0, "list in the host's /tmp" },
        { "write-host-tmp", op_create, "@tmp@/new", S | D, HARM, 0, "leave something in the host's /tmp" },
        { "read-run", op_read_path, "@run@/secret", S | D, 0, 0, "read in the host's /run" },
        { "read-shadow", op_open_for_writing, "/etc/shadow", S | D, ROOT, 0, "open the password file for writing" },
        { "write-etc", op_open_for_writing, "/etc/passwd", S | D, ROOT, 0, "open a system file for writing" },
        { "write-usr", op_create, "/usr/local/bin/leash-escape-@id@", S | D, ROOT, 0, "put a program on everybody's PATH" },
        { "write-dev", op_create, "/dev/leash-escape-@id@", ALL, ROOT | HARM, 0, "leave something in the host's /dev" },
        { "write-create", op_create, "@out@/new", S | D, 0, 0, "create a file outside" },
        { "write-truncate", op_overwrite, OUT, S | D, 0, 0, "overwrite a file outside" },
        { "write-append", op_append, OUT, S | D, 0, 0, "append to a file outside" },
        { "write-openat2", op_by_openat2, OUT, S | D, 0, 0, "write a file outside by openat2" },
        { "write-dirfd", by_dirfd, "@out@", S | D, 0, 0, "write outside through a directory descriptor" },
        { "write-cwd", by_cwd, "@out@", S | D, 0, 0, "write outside after chdir" },
        { "write-magic-link", by_magic_link, OUT, S | D, 0, 0, "reopen an O_PATH descriptor for writing" },
        { "write-dotdot", by_dotdot, OUT, S | D, 0, 0, "write outside by many ../" },
        { "write-symlink", by_link_made_here, "@out@", S | D, 0, 0, "write outside through an own symlink" },
        { "write-symlink-there", op_overwrite, "link-dir/target", S | D, 0, 0, "write outside through a symlink that was there" },
        { "write-proc-root", op_overwrite, "/proc/self/root" OUT, S | D, 0, 0, "write outside through /proc/self/root" },
        { "write-proc-cwd", op_overwrite, "/proc/self/cwd/../out/target", S | D, 0, 0, "write outside through /proc/self/cwd" },
        { "write-mapping", by_mapping, OUT, S | D, 0, 0, "write outside through a shared mapping" },
        { "write-fifo", op_overwrite, "@out@/fifo", S | D, 0, 0, "write to a fifo that the host reads" },
        { "truncate", op_cut, OUT, S | D, 0, 0, "truncate(2) a file outside" },
        { "mkdir", op_make_directory, "@out@/new", S | D, 0, 0, "make a directory outside" },
        { "unlink", op_remove_file, OUT, S | D, 0, 0, "remove a file outside" },
        { "rmdir", op_remove_directory, "@out@/empty", S | D, 0, 0, "remove a directory outside" },
        { "mkfifo", op_make_fifo, "@out@/new", S | D, 0, 0, "make a fifo outside" },
        { "symlink", op_make_symlink, "@out@/new", S | D, 0, 0, "make a symlink outside" },
        { "rename-onto", op_rename_onto, OUT, S | D, 0, 0, "rename an own file onto one outside" },
        { "rename-away", op_rename_away, OUT, S | D, 0, 0, "rename a file outside into the working directory" },
        { "rename-exchange", op_exchange, OUT, S | D, 0, 0, "exchange an own file with one outside" },
        { "rename-workdir", move_workdir, "@work@", S | D, 0, 0, "rename the working directory itself away" },
        { "link-in", link_in, OUT, S | D, 0, 0, "hard-link a file outside to write it by the new name" },
        { "link-in-descriptor", link_in_by_descriptor, OUT, S | D, ROOT, 0, "the same, from a descriptor" },
        { "link-out", op_link_out, "@out@/new", S | D, 0, 0, "hard-link an own file to the outside" },
        { "chmod", op_change_mode, OUT, S | D, 0, 0, "chmod a file outside" },
        { "chmod-descriptor", change_mode_by_descriptor, OUT, S | D, 0, 0, "fchmod a file outside" },
        { "chown", change_owner, OUT, S | D, 0, 0, "chown a file outside" },
        { "utimes", change_times, OUT, S | D, 0, 0, "set the times of a file outside" },
        { "utimes-descriptor", change_times_by_descriptor, OUT, S | D, 0, 0, "the same, by descriptor" },
        { "setxattr", change_xattr, OUT, S | D, 0, 0, "set an extended attribute outside" },
        { "removexattr", remove_xattr, OUT, S | D, 0, 0, "remove an extended attribute outside" },
        ATTEMPT_END
};
// clang-format on
