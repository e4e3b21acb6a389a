/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each read is one read(2): the kernel makes up these texts at once, and they are short. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup_file.h"

int cgroup_write(int group, const char *file, const char *text) {
        int fd = openat(group, file, O_WRONLY | O_CLOEXEC), r = 0;

        if (fd < 0)
                return -errno;
        if (write(fd, text, strlen(text)) < 0)
                r = -errno;
        (void) close(fd);
        return r;
}

static int read_text(int fd, char *buffer, size_t size) {
        ssize_t n = pread(fd, buffer, size - 1, 0);

        if (n < 0)
                return -errno;
        buffer[n] = '\0';
        return 0;
}

int cgroup_read(int group, const char *file, char *buffer, size_t size) {
        int fd = openat(group, file, O_RDONLY | O_CLOEXEC), r;

        if (fd < 0)
                return -errno;
        r = read_text(fd, buffer, size);
        (void) close(fd);
        return r;
}

static uint64_t find_key(const char *text, const char *key) {
        size_t len = key ? strlen(key) : 0;

        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (!key)
                        return strtoull(line, NULL, 10);
                if (strncmp(line, key, len) == 0 && line[len] == ' ')
                        return strtoull(line + len + 1, NULL, 10);
        }
        return 0;
}

uint64_t cgroup_key(int file, const char *key) {
        char text[4096] = "";

        return read_text(file, text, sizeof(text)) < 0 ? 0 : find_key(text, key);
}

uint64_t cgroup_read_key(int group, const char *file, const char *key) {
        char text[4096] = "";

        return cgroup_read(group, file, text, sizeof(text)) < 0 ? 0 : find_key(text, key);
}

size_t cgroup_processes(int group, pid_t *pids, size_t n) {
        char text[4096];
        int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        size_t found = 0;
        long pid = 0;

        if (fd < 0)
                return 0;
        /* The list may be longer than a page, so a number may be cut in two: digit by digit. */
        for (ssize_t got; found < n && (got = read(fd, text, sizeof(text))) > 0;)
                for (ssize_t i = 0; i < got && found < n; i++) {
                        if (text[i] >= '0' && text[i] <= '9') {
                                pid = pid * 10 + (text[i] - '0');
                                continue;
                        }
                        /* 0 stands for a process of a pid namespace that we cannot see. */
                        if (pid > 0)
                                pids[found++] = (pid_t) pid;
                        pid = 0;
                }
        (void) close(fd);
        return found;
}

bool cgroup_has_process(int group, pid_t pid) {
        pid_t pids[1024];
        size_t n = cgroup_processes(group, pids, ELEMENTSOF(pids));

        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}
