/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-warden: see ../warden.h.
 *
 * It is root's, with the user's groups and few capabilities, and so is each new user namespace: its
 * owner would have every right in it, and where the system keeps user namespaces from users, they
 * must not come by one through us. What it starts becomes the user before it executes leash-init.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../../policy/limits.h"
#include "../../posix/socket.h"
#include "../probe.h"
#include "../warden.h"

#define WARDEN_FD 3 /* where leash-launch leaves the session's socket */
/* Every sandbox that a session may have, and its prepared ones. Ours, not the session's promise. */
#define CHILDREN_MAX (LIMIT_SANDBOXES + 64)

struct warden {
        uid_t uid; /* the user */
        gid_t gid;
        int requests, signals, init;
        struct facts facts;
        bool probed;
        size_t n_children;
};

/* A socket that the user made and whose other end he holds. What we send to it comes from root: a
 * service that knows its callers by the sender (SCM_CREDENTIALS of unix(7), netlink(7)) must not
 * hear from us because the user has handed us a socket to it. */
static bool is_users(const struct warden *w, int fd) {
        int domain = 0, type = 0;
        struct ucred other = { .uid = (uid_t) -1 };
        socklen_t n_domain = sizeof(domain), n_type = sizeof(type), n_other = sizeof(other);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_domain) == 0 &&
               domain == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n_type) == 0 &&
               type == SOCK_SEQPACKET &&
               getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &n_other) == 0 &&
               other.uid == w->uid;
}

static void answer(int fd, const struct warden_answer *a, int pidfd) {
        (void) fd_set_nonblock(fd, true); /* nobody has to read it, so we must not wait */
        (void) socket_send(fd, a, sizeof(*a), &pidfd, pidfd >= 0 ? 1 : 0);
}

static void on_facts(struct warden *w, struct warden_answer *a) {
        struct error e = ERROR_NULL;
        /* Once: it takes some milliseconds, and nothing that it finds changes while we run. */
        if (!w->probed && probe_facts_for(w->uid, w->gid, &w->facts, &e) < 0) {
                a->err = EIO;
                return;
        }
        w->probed = true;
        a->facts = w->facts;
}

static int file_write(pid_t pid, const char *name, const char *text) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* One uid and one gid, mapped to themselves. The child waits for it. */
static int map_user(const struct warden *w, pid_t pid) {
        char text[64];
        int r = file_write(pid, "setgroups", "deny");

        (void) snprintf(text, sizeof(text), "%u %u 1", w->gid, w->gid);
        if (r >= 0)
                r = file_write(pid, "gid_map", text);
        (void) snprintf(text, sizeof(text), "%u %u 1", w->uid, w->uid);
        return r < 0 ? r : file_write(pid, "uid_map", text);
}

static _Noreturn void become_init(struct birth *b, int go) {
        char c;

        if (read(go, &c, 1) == 1)
                birth(b);
        _exit(127);
}

static void on_start(struct warden *w, const struct warden_request *rq, int control,
                     struct warden_answer *a, int *ret_pidfd) {
        struct birth b = { .init = w->init,
                           .control = control,
                           .uid = w->uid,
                           .gid = w->gid,
                           .tier = (enum birth_tier) rq->tier,
                           .other_user = true };
        int go[2], r = 0;

        if (w->n_children >= CHILDREN_MAX) {
                a->err = EAGAIN;
                return;
        }
        if (pipe2(go, O_CLOEXEC) < 0) {
                a->err = errno;
                return;
        }
        _cleanup_close_ int waits = go[0], goes = go[1], pidfd = -1;
        /* The raw call: fork with flags. Without CLONE_VM the stack argument may be NULL. */
        pid_t pid = (pid_t) syscall(SYS_clone, birth_flags(b.tier) | CLONE_PIDFD | SIGCHLD, NULL,
                                    &pidfd, NULL, NULL);
        if (pid == 0) {
                fd_closep(&goes); /* or it would wait for itself when we die */
                become_init(&b, waits);
        }
        if (pid < 0) {
                a->err = errno;
                return;
        }
        w->n_children++;
        if (b.tier == BIRTH_USER)
                r = map_user(w, pid);
        if (r >= 0 && write(goes, "", 1) != 1)
                r = -EPIPE;
        if (r < 0) { /* and then it ends, since nobody holds the pipe any more */
                a->err = -r;
                return;
        }
        a->pid = pid;
        *ret_pidfd = TAKE_FD(pidfd);
}

/* Whether the session is still there and makes sense. */
static bool on_request(struct warden *w) {
        struct warden_request rq;
        struct warden_answer a = { .version = WARDEN_VERSION };
        int fds[2] = { -1, -1 };
        size_t n_fds = 0;
        ssize_t n = socket_recv(w->requests, &rq, sizeof(rq), fds, ELEMENTSOF(fds), &n_fds);

        if (n == -EAGAIN)
                return true;
        _cleanup_close_ int reply = n_fds > 0 ? fds[0] : -1, control = n_fds > 1 ? fds[1] : -1;
        _cleanup_close_ int pidfd = -1;
        if (n != (ssize_t) sizeof(rq) || rq.version != WARDEN_VERSION || !is_users(w, reply) ||
            (control >= 0 && !is_users(w, control)))
                return false;
        if (rq.type == WARDEN_FACTS && n_fds == 1)
                on_facts(w, &a);
        else if (rq.type == WARDEN_START && n_fds == 2 && rq.tier <= BIRTH_BARE)
                on_start(w, &rq, control, &a, &pidfd);
        else
                return false;
        answer(reply, &a, pidfd);
        return true;
}

static void on_children(struct warden *w) {
        struct signalfd_siginfo info;

        while (read(w->signals, &info, sizeof(info)) > 0)
                ;
        while (waitpid(-1, NULL, WNOHANG) > 0)
                w->n_children -= w->n_children > 0;
}

static int prepare(struct warden *w) {
        const struct rlimit none = { 0, 0 };
        struct stat st;
        sigset_t blocked;

        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
            fstat(WARDEN_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
                return -EINVAL;
        w->requests = WARDEN_FD;
        w->init = init_open(NULL, NULL);
        if (w->init < 0 || fcntl(WARDEN_FD, F_SETFD, FD_CLOEXEC) < 0)
                return -ENOENT;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGCHLD);
        sigaddset(&blocked, SIGPIPE);
        if (sigprocmask(SIG_BLOCK, &blocked, NULL) < 0)
                return -errno;
        w->signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
        if (w->signals < 0)
                return -errno;
        return fd_set_nonblock(WARDEN_FD, true);
}

/* Numbers from leash-launch. */
static int parse(struct warden *w, int argc, char **argv) {
        if (argc != 3)
                return -EINVAL;
        w->uid = (uid_t) strtoul(argv[1], NULL, 10);
        w->gid = (gid_t) strtoul(argv[2], NULL, 10);
        return 0;
}

int main(int argc, char **argv) {
        struct warden w = { .requests = -1, .signals = -1, .init = -1 };

        if (parse(&w, argc, argv) < 0 || prepare(&w) < 0)
                return 2; /* started by hand: there is nobody to talk to */
        for (bool there = true; there;) {
                struct pollfd p[] = { { .fd = w.requests, .events = POLLIN },
                                      { .fd = w.signals, .events = POLLIN } };

                if (poll(p, ELEMENTSOF(p), -1) < 0 && errno != EINTR)
                        return 1;
                if (p[1].revents)
                        on_children(&w);
                if (p[0].revents)
                        there = on_request(&w);
        }
        return 0;
}
