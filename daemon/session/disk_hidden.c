/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Files that no walk finds, since they have no name any more, but are open in a sandbox. Looked for
 * only when more of the disk is gone than was measured. It takes the right to look at the sandbox's
 * processes, which its user namespace's maker has; where leash-warden made it, and for files that
 * are only mapped or on their way through a socket, the control group's count of written bytes has
 * to do.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "disk.h"

#define LOOKS_MAX 65536 /* descriptors: some 50 ms */
#define SEEN_MAX 1024   /* files: one that many processes hold is one */

struct search {
        dev_t device;
        ino_t pid_namespace;
        ino_t seen[SEEN_MAX];
        size_t n_seen;
        unsigned looks;
        uint64_t bytes;
};

static bool is_new(struct search *s, ino_t inode) {
        for (size_t i = 0; i < s->n_seen; i++)
                if (s->seen[i] == inode)
                        return false;
        if (s->n_seen < SEEN_MAX)
                s->seen[s->n_seen++] = inode;
        return true;
}

static void look_at(struct search *s, int process) {
        int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

        if (!d) {
                fd_close(fd);
                return;
        }
        for (struct dirent *de; s->looks < LOOKS_MAX && (de = readdir(d)); s->looks++) {
                struct stat st;
                /* Through the link, which leads to the open file and waits for nothing. */
                if (fstatat(fd, de->d_name, &st, AT_NO_AUTOMOUNT) == 0 && S_ISREG(st.st_mode) &&
                    st.st_nlink == 0 && st.st_dev == s->device && is_new(s, st.st_ino))
                        s->bytes += (uint64_t) st.st_blocks * 512;
        }
        closedir(d);
}

static ino_t pid_namespace(int process) {
        struct stat st;

        return fstatat(process, "ns/pid", &st, 0) < 0 ? 0 : st.st_ino;
}

uint64_t disk_hidden(pid_t init, int place) {
        _cleanup_(fd_closep) int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct search s = { 0 };
        char name[16];
        struct stat st;

        snprintf(name, sizeof name, "%d", (int) init);
        _cleanup_(fd_closep) int first =
                init > 0 ? openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        if (first < 0 || fstat(place, &st) < 0)
                return 0;
        s.device = st.st_dev;
        s.pid_namespace = pid_namespace(first);
        if (s.pid_namespace == 0 || fstatat(AT_FDCWD, "/proc/self/ns/pid", &st, 0) < 0 ||
            st.st_ino == s.pid_namespace) /* the native tier */
                return 0;
        DIR *d = fdopendir(dup(proc));
        for (struct dirent *de; d && s.looks < LOOKS_MAX && (de = readdir(d));) {
                if (de->d_name[0] < '1' || de->d_name[0] > '9')
                        continue;
                _cleanup_(fd_closep) int process =
                        openat(proc, de->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (process >= 0 && pid_namespace(process) == s.pid_namespace)
                        look_at(&s, process);
        }
        if (d)
                closedir(d);
        return s.bytes;
}
