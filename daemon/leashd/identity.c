/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who calls, and is it as free as we are? (Decision 3.) A program that flatpak, docker, bwrap or
 * leash itself has confined must not get, through us, what its confinement took away: so a caller
 * has to live in our own user, mount and pid namespaces and carry no more seccomp filters and
 * no_new_privs than we do: or, where our unit has walls of its own, than whoever made
 * leash-launch's socket.
 *
 * The caller's pid may be somebody else's by the time we look: everything is read through one /proc
 * directory descriptor, and the pidfd that stands for the caller must still be alive afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../backends/posix/file.h"
#include "../../backends/posix/socket.h"
#include "leashd.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* Linux 4.13 */
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; Debian 12's headers are older */
#endif

static const struct {
        const char *file, *message;
} namespaces[] = {
        { "ns/user", "the caller is inside a user namespace that is not leashd's" },
        { "ns/mnt", "the caller is inside a mount namespace that is not leashd's" },
        { "ns/pid", "the caller is inside a pid namespace that is not leashd's" },
};

#define NAMESPACE_MOUNT 1

/* A decimal value of /proc/PID/status (proc(5)); absent = 0: kernels without seccomp leave the line
 * out. */
static long status_value(const char *status, const char *key) {
        size_t len = strlen(key);
        for (const char *line = status; line; line = strchr(line, '\n')) {
                if (*line == '\n')
                        line++;
                if (strncmp(line, key, len) == 0 && line[len] == ':')
                        return strtol(line + len + 1, NULL, 10);
        }
        return 0;
}

static int peer_pidfd(int fd, pid_t pid, struct error *e) {
        int pidfd = -1;
        socklen_t len = sizeof pidfd;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
                return pidfd;
        if (errno == ENOPROTOOPT || errno == EINVAL) {
                pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
                if (pidfd >= 0)
                        return pidfd;
        }
        return error_set(e, ERROR_REFUSED, ESRCH, "the caller has ended");
}

static int read_status(int dir, char **ret, struct error *e) {
        size_t len;
        int r = file_read(dir, "status", 64 * 1024, ret, &len);
        return r < 0 ? error_set(e, ERROR_REFUSED, -r, "the caller's state cannot be read") : 0;
}

static void free_text(char **p) {
        free(*p);
}

int identity_reference(pid_t pid, struct self *ret, struct error *e) {
        char path[32] = "/proc/self";
        _cleanup_(free_text) char *status = NULL;
        struct stat st;

        if (pid > 0)
                snprintf(path, sizeof path, "/proc/%d", (int) pid);
        _cleanup_(fd_closep) int own = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (own < 0)
                return error_set(e, ERROR_INTERNAL, errno, "cannot open %s", path);
        for (size_t i = 0; i < ELEMENTSOF(namespaces); i++) {
                if (fstatat(own, namespaces[i].file, &st, 0) < 0)
                        return error_set(e, ERROR_INTERNAL, errno, "cannot read %s/%s", path,
                                         namespaces[i].file);
                ret->dev[i] = st.st_dev;
                ret->ino[i] = st.st_ino;
        }
        int r = read_status(own, &status, e);
        if (r < 0)
                return r;
        ret->seccomp = status_value(status, "Seccomp");
        ret->filters = status_value(status, "Seccomp_filters");
        ret->no_new_privs = status_value(status, "NoNewPrivs");
        return 0;
}

static int check_namespaces(const struct self *self, int peer, unsigned waived, struct error *e) {
        struct stat st;
        for (size_t i = 0; i < ELEMENTSOF(namespaces); i++) {
                if (fstatat(peer, namespaces[i].file, &st, 0) < 0)
                        return error_set(e, ERROR_REFUSED, errno,
                                         "the caller hides its namespaces (it is not dumpable)");
                if (i == NAMESPACE_MOUNT && waived & ADMIT_MOUNTS)
                        continue;
                if (st.st_dev != self->dev[i] || st.st_ino != self->ino[i])
                        return error_set(e, ERROR_REFUSED, EPERM, "%s", namespaces[i].message);
        }
        return 0;
}

static int check_confinement(const struct self *self, int peer, const struct identity *who,
                             unsigned waived, struct error *e) {
        _cleanup_(free_text) char *theirs = NULL;
        if (read_status(peer, &theirs, e) < 0)
                return -EPERM;
        /* Uid: real, effective, saved, fs. Guards the pidfd_open fallback against a recycled pid,
         * too. */
        if (status_value(theirs, "Uid") != (long) who->uid)
                return error_set(e, ERROR_REFUSED, EPERM, "the caller's user has changed");
        /* Filters only ever stack, so a caller with more of them than we have is confined further.
         * In a container that filters everything both sides carry the container's own. */
        if (!(waived & ADMIT_SECCOMP) && (status_value(theirs, "Seccomp") > self->seccomp ||
                                          status_value(theirs, "Seccomp_filters") > self->filters))
                return error_set(e, ERROR_REFUSED, EPERM,
                                 "the caller runs under a seccomp filter: it is confined already");
        if (!(waived & ADMIT_NO_NEW_PRIVS) &&
            status_value(theirs, "NoNewPrivs") > self->no_new_privs)
                return error_set(e, ERROR_REFUSED, EPERM,
                                 "the caller runs with no_new_privs: it is confined already");
        return 0;
}

/* Where systemd put it: most callers are nobody's exception, and then nothing is read. */
static unsigned waived_for(const struct self *self, int peer, uid_t uid) {
        _cleanup_(free_text) char *cgroup = NULL;
        bool any = false;
        size_t len;

        for (size_t i = 0; i < self->n_admits; i++)
                any |= self->admits[i].uid == uid;
        if (!any || file_read(peer, "cgroup", 64 * 1024, &cgroup, &len) < 0)
                return 0;
        return admit_waived(self->admits, self->n_admits, uid, cgroup);
}

/* The groups that the caller had when it connected (socket(7) has the sibling SO_PEERCRED). */
static int peer_groups(int fd, struct identity *who, struct error *e) {
        socklen_t len = sizeof who->groups;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, who->groups, &len) < 0)
                return error_set(e, ERROR_REFUSED, errno,
                                 errno == ERANGE ? "the caller is in more than %d groups"
                                                 : "the caller's groups cannot be told",
                                 LAUNCH_GROUPS_MAX);
        who->n_groups = len / sizeof who->groups[0];
        return 0;
}

int identity_check(const struct self *self, bool any_user, int fd, struct identity *ret,
                   struct error *e) {
        struct ucred cred;
        socklen_t len = sizeof cred;
        char path[32];

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
                return error_set(e, ERROR_REFUSED, errno, "the caller cannot be identified");
        struct identity *who = ret;
        who->pid = cred.pid;
        who->uid = cred.uid;
        who->gid = cred.gid;
        who->n_groups = 0;
        /* What the kernel says when it does not know. */
        if (who->uid == (uid_t) -1 || who->gid == (gid_t) -1)
                return error_set(e, ERROR_REFUSED, EPERM, "the caller cannot be identified");
        if (any_user && peer_groups(fd, who, e) < 0)
                return -EPERM;
        if (!any_user && who->uid != geteuid())
                return error_set(e, ERROR_REFUSED, EPERM,
                                 "this leashd belongs to another user (uid %u)", geteuid());
        if (who->pid <= 0)
                return error_set(e, ERROR_REFUSED, EPERM, "%s", namespaces[2].message);
        _cleanup_(fd_closep) int pidfd = peer_pidfd(fd, who->pid, e);
        if (pidfd < 0)
                return -ESRCH;
        snprintf(path, sizeof path, "/proc/%d", (int) who->pid);
        _cleanup_(fd_closep) int peer = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (peer < 0)
                return error_set(e, ERROR_REFUSED, errno, "the caller has ended");
        unsigned waived = waived_for(self, peer, who->uid);
        int r = check_namespaces(self, peer, waived, e);
        if (r == 0)
                r = check_confinement(self, peer, who, waived, e);
        if (r < 0)
                return r;
        /* EPERM means alive, as well. */
        if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno == ESRCH)
                return error_set(e, ERROR_REFUSED, ESRCH, "the caller has ended");
        return 0;
}
