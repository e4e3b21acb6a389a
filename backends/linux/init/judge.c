/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The judge's outer part: listeners, dispatch by system call number, answers, reports to the
 * session, and workers: what may block runs in a short-lived child, so that pid 1 never waits for
 * anyone.
 */
#include "judge-internal.h"

#include <linux/audit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "../frames.h"

/* Newer than Debian 12's headers. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#ifdef __x86_64__
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call numbers for this processor"
#endif

/* Notifications of one command in a row, before the session and other commands have their turn. */
#define BATCH 16
/* Denials told to the session: a burst, then so many a second. Each is a line for someone to read.
 */
#define DENIALS_BURST 64
#define DENIALS_PER_SECOND 16
/* How soon a worker notices that nobody waits for it any more, or that a signal wants its caller.
 */
#define WORKERS_CHECK_NS 200000000L

/* answers */

bool caller_valid(const struct caller *c) {
        return ioctl(c->listener->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &c->id) == 0;
}

/* A caller that is gone (ENOENT) needs no answer. */
static bool answer_flags(int listener, uint64_t id, int err, int64_t value, uint32_t flags) {
        struct seccomp_notif_resp resp = { .id = id, .val = value, .error = err, .flags = flags };
        int r;

        do
                r = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
        while (r < 0 && errno == EINTR);
        return r == 0;
}

static bool answer(int listener, uint64_t id, int err, int64_t value) {
        return answer_flags(listener, id, err, value, 0);
}

enum delivery { TAKEN = 0, UNTAKEN, DOUBTFUL }; /* also a worker's exit status */

/* A call that failed can be made again; one that was done must not be. */
static enum delivery deliver(const struct caller *c, int err, int64_t value) {
        struct signals before;

        if (err != 0) {
                (void) answer(c->listener->fd, c->id, err, value);
                return TAKEN;
        }
        again_before(c, &before);
        if (!answer(c->listener->fd, c->id, 0, value))
                return UNTAKEN;
        return again_doubt(c, &before) ? DOUBTFUL : TAKEN;
}

void caller_answer(const struct caller *c, int err, int64_t value) {
        enum delivery d = deliver(c, err, value);

        if (d != TAKEN)
                again_keep(c->judge, c->tid, &c->call, value, d == DOUBTFUL);
}

/* `final`: ours must be closed before the caller goes on. Otherwise, if we lose the processor in
 * between, a program just written is still open for writing (ETXTBSY), a FIFO still has its reader,
 * after the caller closed its own. That takes one step more than SECCOMP_ADDFD_FLAG_SEND (5.14),
 * and one switch. */
int caller_give(const struct caller *c, int *fd, bool cloexec, bool final) {
        struct seccomp_notif_addfd add = {
                .id = c->id,
                .flags = final || c->judge->no_send ? 0 : SECCOMP_ADDFD_FLAG_SEND,
                .srcfd = (uint32_t) *fd,
                .newfd_flags = cloexec ? O_CLOEXEC : 0,
        };
        int r = ioctl(c->listener->fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

        if (r < 0 && errno == EINVAL && add.flags) {
                c->judge->no_send = true;
                add.flags = 0;
                r = ioctl(c->listener->fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
        }
        /* ESRCH: a signal came while the kernel waited for the caller to take it. */
        if (r < 0 && (errno == ENOENT || errno == ESRCH)) {
                if (c->made)
                        again_keep_file(c, fd, cloexec);
                return ANSWERED;
        }
        if (r < 0)
                return -errno; /* EMFILE is the caller's own */
        close(TAKE_FD(*fd));
        if (!add.flags)
                caller_answer(c, 0, r);
        return ANSWERED;
}

/* The one call that goes on as it is. Its flags came in a register, so it stays an open with
 * O_PATH: that reads, writes and makes nothing, whatever the path says by then, and what is done
 * with the descriptor is judged again. It could not be answered otherwise: ADDFD takes no O_PATH
 * descriptor. */
int caller_continue_path(const struct caller *c) {
        answer_flags(c->listener->fd, c->id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        return ANSWERED;
}

/* reports */

bool caller_may_tell(const struct caller *c) {
        struct judge *j = c->judge;
        int64_t now = now_us(), fresh = (now - j->tokens_at) * DENIALS_PER_SECOND / 1000000;

        if (fresh > 0) {
                j->tokens = j->tokens + fresh > DENIALS_BURST ? DENIALS_BURST : j->tokens + fresh;
                j->tokens_at = now;
        }
        if (j->tokens == 0)
                return false;
        j->tokens--;
        return true;
}

void caller_comm(const struct caller *c, char ret[static 16]) {
        char path[32];
        _cleanup_close_ int fd = -1;
        ssize_t n;

        snprintf(path, sizeof(path), "%d/comm", c->tid);
        fd = openat(c->judge->proc, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : read(fd, ret, 15);
        ret[n > 0 ? n : 0] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
}

static void frame_make(const struct caller *c, const char *path, struct wire_frame *f) {
        f->id = c->listener->command;
        f->pid = c->tid;
        caller_comm(c, f->comm);
        wire_frame_text(f, path);
}

void caller_denied(const struct caller *c, const char *path, int err, bool write) {
        struct wire_frame f = WIRE_FRAME(WIRE_DENIED);

        f.err = err;
        f.stage = write;
        if (caller_may_tell(c)) {
                frame_make(c, path, &f);
                /* A session that does not read misses some. */
                if (frame_try(c->judge->init->control, &f) >= 0)
                        return;
        }
        refused_untold(c->listener, 1);
}

/* These must not be missed, or a program would hide one behind a thousand others: so the program
 * waits until the session has room. */
static void trust_tell(const struct caller *c, const char *path) {
        struct wire_frame f = WIRE_FRAME(WIRE_TRUST);
        struct judge *j = c->judge;

        frame_make(c, path, &f);
        (void) frame_wait(j->init->control, &f, NULL, 0);
        for (size_t i = 0; i < j->n_told; i++)
                if (strcmp(j->told[i], path) == 0)
                        return;
        if (j->n_told < JUDGE_TOLD_MAX && (j->told[j->n_told] = strdup(path)))
                j->n_told++;
}

/* HEAD makes a directory a bare repository; in one that is called .git, it is that already. */
static bool is_usual_head(const char *path) {
        return strcmp(strrchr(path, '/'), "/HEAD") == 0 && strstr(path, "/.git/");
}

void caller_trusted(const struct caller *c, const char *path) {
        if (names_trust(c, path) && !is_usual_head(path))
                trust_tell(c, path);
}

void caller_moved(const struct caller *c, const char *from, const char *to, bool changed) {
        struct judge *j = c->judge;
        size_t length = strlen(from), n = j->n_told;

        for (size_t i = 0; i < n; i++) {
                char path[PATH_MAX + NAME_MAX + 2];
                const char *rest = j->told[i] + length;

                if (strncmp(j->told[i], from, length) != 0 || *rest != '/' ||
                    strlen(to) + strlen(rest) >= sizeof(path))
                        continue;
                strcpy(stpcpy(path, to), rest);
                trust_tell(c, path);
        }
        if (changed || names_trust(c, to))
                trust_tell(c, to);
}

/* workers */

static void timer_set(const struct judge *j, bool on) {
        struct itimerspec t = { .it_interval.tv_nsec = on ? WORKERS_CHECK_NS : 0,
                                .it_value.tv_nsec = on ? WORKERS_CHECK_NS : 0 };

        timerfd_settime(j->timer, 0, &t, NULL);
}

_Noreturn static void worker(struct caller *c, const struct work *w) {
        sigset_t none;
        int64_t value = 0;
        int r;

        signal(SIGCHLD, SIG_DFL);
        signal(SIGALRM, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        close(c->judge->init->control);
        r = w->run(c, w);
        if (r == ANSWERED)
                _exit(TAKEN);
        r = again_outcome(c, r, &value);
        _exit(deliver(c, r, value));
}

int caller_work(struct caller *c, const struct work *w) {
        struct judge *j = c->judge;
        pid_t pid;

        if (j->n_workers >= JUDGE_WORKERS_MAX)
                return -EAGAIN;
        pid = fork();
        if (pid < 0)
                return -EAGAIN;
        if (pid == 0)
                worker(c, w);
        if (j->n_workers == 0)
                timer_set(j, true);
        j->workers[j->n_workers++] = (struct worker){
                .pid = pid,
                .listener = c->listener->fd,
                .id = c->id,
                .tid = c->tid,
                .call = c->call,
        };
        return ANSWERED;
}

/* A signal with a handler would have interrupted the call, had the caller made it itself. */
static bool interrupted(const struct judge *j, const struct worker *w) {
        uint64_t own, shared, blocked, caught;

        return caller_status(j, w->tid, "SigPnd:", 16, &own) >= 0 &&
               caller_status(j, w->tid, "ShdPnd:", 16, &shared) >= 0 &&
               caller_status(j, w->tid, "SigBlk:", 16, &blocked) >= 0 &&
               caller_status(j, w->tid, "SigCgt:", 16, &caught) >= 0 &&
               ((own | shared) & ~blocked & caught);
}

static void workers_check(struct judge *j) {
        uint64_t times;

        if (read(j->timer, &times, sizeof(times)) < 0)
                return;
        for (size_t i = 0; i < j->n_workers; i++) {
                struct worker *w = &j->workers[i];

                if (ioctl(w->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &w->id) < 0 ||
                    interrupted(j, w))
                        kill(w->pid, SIGKILL); /* judge_reaped() answers, where anyone waits */
        }
}

void judge_reaped(struct judge *j, pid_t pid, int status) {
        for (size_t i = 0; i < j->n_workers; i++) {
                const struct worker *w = &j->workers[i];

                if (w->pid != pid)
                        continue;
                if (WIFEXITED(status) && WEXITSTATUS(status) != TAKEN)
                        again_keep(j, w->tid, &w->call, 0, WEXITSTATUS(status) == DOUBTFUL);
                /* Killed before it could answer? Otherwise the id is no longer valid. */
                (void) answer(w->listener, w->id, -EINTR, 0);
                j->workers[i] = j->workers[--j->n_workers];
                if (j->n_workers == 0)
                        timer_set(j, false);
                return;
        }
}

/* dispatch */

static int dispatch(struct caller *c) {
        const uint64_t *a = (const uint64_t *) c->data.args;

        if (c->data.arch != NATIVE_ARCH)
                return -ENOSYS;
        /* The kernel's own types: descriptors and most flags are int, modes are 16 bits wide. */
        switch (c->data.nr) {
        case __NR_openat:
                return judge_open(c, (int) a[0], a[1], (uint32_t) a[2], (mode_t) a[3]);
        case __NR_mkdirat:
                return judge_mkdir(c, (int) a[0], a[1], (mode_t) a[2]);
        case __NR_mknodat:
                return judge_mknod(c, (int) a[0], a[1], (uint16_t) a[2], (uint32_t) a[3]);
        case __NR_symlinkat:
                return judge_symlink(c, a[0], (int) a[1], a[2]);
        case __NR_linkat:
                return judge_link(c, (int) a[0], a[1], (int) a[2], a[3], (int) a[4]);
        case __NR_unlinkat:
                return judge_unlink(c, (int) a[0], a[1], (int) a[2]);
        case __NR_truncate:
                return judge_truncate(c, a[0], (int64_t) a[1]);
#ifdef __NR_renameat
        case __NR_renameat:
                return judge_rename(c, (int) a[0], a[1], (int) a[2], a[3], 0);
#endif
        case __NR_renameat2:
                return judge_rename(c, (int) a[0], a[1], (int) a[2], a[3], (unsigned) a[4]);
        case __NR_prctl:
                /* PR_SET_DUMPABLE: the program (an ssh or gpg agent) is told that it is done.
                 * Otherwise its memory would be closed to us, too, and each call of it would have
                 * to be refused. Other commands cannot read it all the same: they are in other
                 * Landlock domains. */
                return (int) a[0] == PR_SET_DUMPABLE && (int) a[1] == 0 ? 0 : -EINVAL;
        case __NR_connect:
                return judge_connect(c, (int) a[0], a[1], a[2]);
        case __NR_bind:
                return judge_bind(c, (int) a[0], a[1], a[2]);
#ifdef __NR_open /* the older calls, which arm64 never had */
        case __NR_open:
                return judge_open(c, AT_FDCWD, a[0], (uint32_t) a[1], (mode_t) a[2]);
        case __NR_creat:
                return judge_open(c, AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, (mode_t) a[1]);
        case __NR_mkdir:
                return judge_mkdir(c, AT_FDCWD, a[0], (mode_t) a[1]);
        case __NR_mknod:
                return judge_mknod(c, AT_FDCWD, a[0], (uint16_t) a[1], (uint32_t) a[2]);
        case __NR_symlink:
                return judge_symlink(c, a[0], AT_FDCWD, a[1]);
        case __NR_link:
                return judge_link(c, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
        case __NR_unlink:
                return judge_unlink(c, AT_FDCWD, a[0], 0);
        case __NR_rmdir:
                return judge_unlink(c, AT_FDCWD, a[0], AT_REMOVEDIR);
        case __NR_rename:
                return judge_rename(c, AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
#endif
        default:
                return -ENOSYS;
        }
}

static bool pending(int listener) {
        struct pollfd p = { .fd = listener, .events = POLLIN };

        return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

/* Waits for nothing as long as poll() said that there is one: one that was withdrawn is ENOENT. */
static void listener_read(struct judge *j, struct listener *l) {
        for (unsigned i = 0; i < BATCH && (i == 0 || pending(l->fd)); i++) {
                union {
                        struct seccomp_notif notif;
                        char space[256]; /* checked in judge_new() */
                } u;
                struct caller c = { .judge = j, .listener = l };
                int64_t value = 0;
                int r;

                memset(&u, 0, sizeof(u)); /* the kernel insists */
                if (ioctl(l->fd, SECCOMP_IOCTL_NOTIF_RECV, &u.notif) < 0)
                        continue;
                c.id = u.notif.id;
                c.tid = (pid_t) u.notif.pid;
                c.data = u.notif.data;
                if (refused_answer(&c) || again_answer(&c))
                        continue;
                r = c.tid > 0 ? dispatch(&c) : -EPERM;
                if (r != ANSWERED) {
                        r = again_outcome(&c, r, &value);
                        caller_answer(&c, r, value);
                }
        }
}

static void listener_close(struct judge *j, struct listener *gone) {
        struct listener **l = &j->listeners;

        refused_over(j, gone);
        while (*l != gone)
                l = &(*l)->next;
        *l = gone->next;
        for (size_t i = 0; i < j->n_workers; i++)
                if (j->workers[i].listener == gone->fd) {
                        kill(j->workers[i].pid, SIGKILL);
                        j->workers[i].listener = -1;
                }
        close(gone->fd); /* which takes it out of the epoll set, unless a worker still has it */
        free(gone);
}

int judge_fd(const struct judge *j) {
        return j->epoll;
}

int judge_watch(struct judge *j, int fd) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = j };

        return epoll_ctl(j->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* One call waits for everything: an epoll set within a poll set is looked through twice. */
int judge_run(struct judge *j, const sigset_t *wait) {
        struct epoll_event events[64];
        int n = epoll_pwait(j->epoll, events, ELEMENTSOF(events), wait ? -1 : 0, wait);
        int watched = 0;

        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        for (int i = 0; i < n; i++) {
                struct listener *l = events[i].data.ptr;

                if (!l) {
                        workers_check(j);
                } else if (events[i].data.ptr == j) {
                        watched = 1;
                } else if (events[i].events & EPOLLIN) {
                        listener_read(j, l);
                } else if (events[i].events & (EPOLLHUP | EPOLLERR)) {
                        epoll_ctl(j->epoll, EPOLL_CTL_DEL, l->fd, NULL);
                        listener_close(j, l); /* the last task of that filter is gone */
                }
        }
        /* Looking up goes to directories. No mount of the host may be kept busy by that; in a view
         * of our own there is nobody to mind. */
        if (j->init->plan->flags & WIRE_PLAN_NATIVE)
                (void) !fchdir(j->root);
        return watched;
}

/* listeners */

int judge_hand_over(const struct judge *j, int listener) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        char byte = 0;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);

        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &listener, sizeof(int));
        return sendmsg(j->send, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* 1 with a listener, 0 when none waits. */
static int listener_receive(const struct judge *j, int *ret) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
        char byte;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        struct cmsghdr *h;

        if (recvmsg(j->receive, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
                return 0;
        *ret = -1;
        h = CMSG_FIRSTHDR(&m);
        if (h && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
                memcpy(ret, CMSG_DATA(h), sizeof(int));
        return 1;
}

void judge_adopt(struct judge *j, uint64_t id) {
        _cleanup_close_ int fd = -1;
        struct epoll_event event = { .events = EPOLLIN };
        struct listener *l;
        int next;

        /* Those before the last belong to commands that failed to start. */
        while (listener_receive(j, &next) > 0) {
                fd_closep(&fd);
                fd = next;
        }
        if (fd < 0)
                return; /* no descriptor was free: the command's calls will fail with ENOSYS */
        l = calloc(1, sizeof(*l));
        if (!l)
                return;
        event.data.ptr = l;
        if (epoll_ctl(j->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
                free(l);
                return;
        }
        /* The caller runs on our processor next, and we on its: half the cost of a switch (6.6). */
        ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
        *l = (struct listener){ .fd = TAKE_FD(fd), .command = id, .next = j->listeners };
        j->listeners = l;
}

void judge_command_over(struct judge *j, uint64_t id) {
        for (struct listener *l = j->listeners; l; l = l->next)
                if (l->command == id)
                        refused_over(j, l);
}

/* life */

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Flags are looked at before the program: a known one says EFAULT here (seccomp(2)). */
static bool calls_are_restarted(void) {
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                       SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                       NULL) < 0 &&
               errno == EINVAL;
}

static int judge_open_all(struct judge *j) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
        struct seccomp_notif_sizes sizes;
        struct stat st;
        int pair[2];

        /* A kernel whose notifications are larger than we have room for is one that we do not know.
         */
        if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
                return -errno;
        if (sizes.seccomp_notif > 256 ||
            sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp))
                return -EOPNOTSUPP;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        j->send = pair[0];
        j->receive = pair[1];
        j->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        j->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        j->fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
        j->epoll = epoll_create1(EPOLL_CLOEXEC);
        j->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (j->root < 0 || j->proc < 0 || j->fds < 0 || j->epoll < 0 || j->timer < 0)
                return -errno;
        if (fstat(j->proc, &st) < 0 || epoll_ctl(j->epoll, EPOLL_CTL_ADD, j->timer, &event) < 0)
                return -errno;
        j->proc_dev = st.st_dev;
        return 0;
}

/* A listener a command, and a terminal; 1024 descriptors, the usual soft limit, would not do. */
static void limit_raise(struct init *in) {
        const rlim_t wanted = 2 * INIT_COMMANDS_MAX + 256;
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &in->files) < 0)
                return;
        limit = in->files;
        if (limit.rlim_cur < wanted)
                limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
}

int judge_new(struct init *in, struct judge **ret) {
        struct judge *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;
        j->init = in;
        j->send = j->receive = j->epoll = j->timer = j->root = j->proc = j->fds = j->pidfd = -1;
        j->restarts = calls_are_restarted();
        j->tokens = DENIALS_BURST;
        j->tokens_at = now_us();
        r = refused_check(j);
        if (r >= 0)
                r = judge_open_all(j);
        if (r < 0) {
                judge_free(j);
                return r;
        }
        limit_raise(in);
        connect_prepare();
        *ret = j;
        return 0;
}

void judge_free(struct judge *j) {
        if (!j)
                return;
        for (size_t i = 0; i < j->n_workers; i++)
                kill(j->workers[i].pid, SIGKILL);
        j->n_workers = 0;
        while (j->n_again > 0)
                fd_closep(&j->again[--j->n_again].fd);
        while (j->listeners)
                listener_close(j, j->listeners);
        while (j->n_told > 0)
                free(j->told[--j->n_told]);
        fd_closep(&j->send);
        fd_closep(&j->receive);
        fd_closep(&j->epoll);
        fd_closep(&j->timer);
        fd_closep(&j->root);
        fd_closep(&j->proc);
        fd_closep(&j->fds);
        fd_closep(&j->pidfd);
        names_free(j);
        free(j);
}
