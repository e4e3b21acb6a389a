/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Each trial does what a sandbox does, in a child of its own where it cannot be undone:
 *
 *   probing process
 *   └─ experimenter     user namespace, then the others one by one; mounts
 *      ├─ helpers       only exist: they make the count of the user's processes larger
 *      ├─ filtered      installs a filter with a listener
 *      ├─ limited       process count in the user namespace
 *      └─ first         first process of the pid namespace: mounts /proc; a descriptor is taken
 * from it
 *
 * Nothing here is seen by the host: mounts are in a private namespace, the filter and the limits in
 * processes that end. A container's filter may kill the experimenter; what it found by then stands.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "probe_trial.h"
#include "syscall_new.h"

/* A hanging mount or a stopped machine must not hang the daemon. */
#define TIMEOUT_S 5
#define HELPERS 3

/* linux/mount.h of stable distributions clashes with sys/mount.h, or lacks it (Linux 5.12). */
struct new_mount_attr {
        uint64_t attr_set, attr_clr, propagation, userns_fd;
};
#define NEW_MOUNT_ATTR_RDONLY 1u
#define NEW_AT_RECURSIVE 0x8000u
/* Linux 5.14 */
#define NEW_ADDFD_FLAG_SEND 2u

static int outcome(long r) {
        return r < 0 ? errno : 0;
}

/* fork() whose child dies with us. */
static pid_t fork_tied(void) {
        pid_t pid = fork();

        if (pid == 0)
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        return pid;
}

static void reap(pid_t pid) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

static void put_down(pid_t pid) {
        (void) kill(pid, SIGKILL);
        reap(pid);
}

static int write_file(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC), r;

        if (fd < 0)
                return errno;
        r = outcome(write(fd, text, strlen(text)));
        (void) close(fd);
        return r;
}

/* One uid and one gid, mapped to themselves. */
static int map_user(const char *process, const struct trial_user *u) {
        static const char *const files[] = { "setgroups", "gid_map", "uid_map" };
        char lines[3][64], path[64];
        int r = 0;

        (void) snprintf(lines[0], sizeof(lines[0]), "deny");
        (void) snprintf(lines[1], sizeof(lines[1]), "%u %u 1", u->gid, u->gid);
        (void) snprintf(lines[2], sizeof(lines[2]), "%u %u 1", u->uid, u->uid);
        for (size_t i = 0; i < ELEMENTSOF(files) && r == 0; i++) {
                (void) snprintf(path, sizeof(path), "/proc/%s/%s", process, files[i]);
                r = write_file(path, lines[i]);
        }
        return r;
}

/* Root makes it for another user, as leash-warden does: a process outside of it writes the maps. */
static int user_namespace_for(const struct trial_user *u) {
        char process[16];
        int go[2], done[2], r = EIO;
        char c = 0;

        (void) snprintf(process, sizeof(process), "%d", (int) getpid());
        if (pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0)
                return errno;
        pid_t pid = fork_tied();
        if (pid == 0) {
                if (read(go[0], &c, 1) == 1)
                        r = map_user(process, u);
                (void) !write(done[1], &r, sizeof(r));
                _exit(0);
        }
        if (pid > 0 && unshare(CLONE_NEWUSER) < 0)
                r = errno;
        else if (pid > 0 && (write(go[1], &c, 1) != 1 || read(done[0], &r, sizeof(r)) != sizeof(r)))
                r = EIO;
        if (pid > 0)
                put_down(pid);
        for (int i = 0; i < 2; i++) {
                (void) close(go[i]);
                (void) close(done[i]);
        }
        return r ? r : outcome(setresuid(u->uid, u->uid, u->uid));
}

static int user_namespace(const struct trial_user *u) {
        if (u->uid != geteuid())
                return user_namespace_for(u);
        return unshare(CLONE_NEWUSER) < 0 ? errno : map_user("self", u);
}

/* Making the namespace is not enough: where AppArmor restricts user namespaces, only the first
 * mount fails. */
static int mount_namespace(void) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return errno;
        return outcome(mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0
                               ? -1
                               : umount2("/proc", MNT_DETACH));
}

static int read_only_tree(void) {
        struct new_mount_attr attr = { .attr_set = NEW_MOUNT_ATTR_RDONLY };

        return outcome(syscall(NEW_NR_MOUNT_SETATTR, AT_FDCWD, "/", NEW_AT_RECURSIVE, &attr,
                               sizeof(attr)));
}

/* In a process of its own: a filter cannot be taken off. */
static void filtered(struct trials *t) {
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = { 1, &allow };
        struct seccomp_notif_addfd addfd = { .flags = NEW_ADDFD_FLAG_SEND };
        int listener;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
                t->seccomp = errno;
                return;
        }
        listener = (int) syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                 SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
        t->seccomp_notify = outcome(listener);
        if (listener < 0) {
                t->seccomp = outcome(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
                return;
        }
        t->seccomp = 0;
        /* There is no notification with this id. A kernel that knows the flag looks for it
         * (ENOENT); one that does not refuses the flag first (EINVAL). */
        addfd.srcfd = (uint32_t) listener;
        t->seccomp_addfd_send =
                ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0 && errno == ENOENT ? 0
                                                                                          : EINVAL;
}

/* In the user namespace, where the experimenter and this process make two. With a limit of three,
 * one more must be possible, although the user has more on the host (Linux 5.14), and a second one
 * must not. */
static void limited(struct trials *t) {
        struct rlimit limit = { HELPERS, HELPERS };
        pid_t one, two;

        if (setrlimit(RLIMIT_NPROC, &limit) < 0) {
                t->nproc_per_userns = errno;
                return;
        }
        one = fork_tied();
        if (one == 0) {
                for (;;)
                        (void) pause();
        }
        if (one < 0) {
                t->nproc_per_userns = errno;
                return;
        }
        two = fork_tied();
        if (two == 0)
                _exit(0);
        t->nproc_per_userns = two < 0 && errno == EAGAIN ? 0 : ENOTSUP;
        if (two > 0)
                reap(two);
        put_down(one);
}

static void in_child(void (*trial)(struct trials *t), struct trials *t) {
        pid_t pid = fork_tied();

        if (pid == 0) {
                trial(t);
                _exit(0);
        }
        if (pid > 0)
                reap(pid);
}

/* The first process of a new pid namespace (if there is one): mounts its /proc, then waits for the
 * end of the pipe. */
static void first(struct trials *t, int ready, int end) {
        char c;

        if (t->mount_namespaces == 0 && t->pid_namespaces == 0)
                t->fresh_proc = outcome(
                        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
        (void) !write(ready, "x", 1);
        (void) !read(end, &c, 1);
        _exit(0);
}

/* A supervisor takes sockets out of the processes below it: as here, a parent out of its child. */
static int take_descriptor(pid_t pid, int fd) {
        int pidfd = (int) syscall(SYS_pidfd_open, pid, 0), r;

        if (pidfd < 0)
                return errno;
        r = (int) syscall(NEW_NR_PIDFD_GETFD, pidfd, fd, 0);
        if (r < 0)
                r = errno;
        else
                r = close(r);
        (void) close(pidfd);
        return r;
}

static void first_process(struct trials *t) {
        int ready[2], end[2];
        pid_t pid;
        char c;

        if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(end, O_CLOEXEC) < 0)
                return;
        pid = fork_tied();
        if (pid == 0) {
                (void) close(end[1]);
                (void) close(ready[0]);
                first(t, ready[1], end[0]);
        }
        if (pid < 0) {
                t->pid_namespaces = errno;
                return;
        }
        (void) close(ready[1]);
        if (read(ready[0], &c, 1) == 1)
                t->pidfd_getfd = take_descriptor(pid, end[0]);
        put_down(pid);
}

static void namespaces(struct trials *t) {
        t->ipc_namespaces = outcome(unshare(CLONE_NEWIPC));
        t->uts_namespaces = outcome(unshare(CLONE_NEWUTS));
        t->cgroup_namespaces = outcome(unshare(CLONE_NEWCGROUP));
        t->net_namespaces = outcome(unshare(CLONE_NEWNET));
        if (t->net_namespaces == 0)
                t->nft_redirect = -capture_redirect();
        t->pid_namespaces = outcome(unshare(CLONE_NEWPID));
        t->mount_namespaces = mount_namespace();
        if (t->mount_namespaces == 0)
                t->mount_setattr = read_only_tree();
}

/* Only exists, as this user, until the other end of the pipe is closed. (Root without CAP_KILL
 * could not end it otherwise, and a change of ids undoes PR_SET_PDEATHSIG.) */
static pid_t helper(const struct trial_user *u, const int end[2]) {
        char c;
        pid_t pid = fork_tied();

        if (pid == 0) {
                (void) close(end[1]);
                if (u->uid == geteuid() || setresuid(u->uid, u->uid, u->uid) == 0)
                        (void) !read(end[0], &c, 1);
                _exit(0);
        }
        return pid;
}

static void experiment(bool privileged, const struct trial_user *u, struct trials *t) {
        pid_t helpers[HELPERS];
        size_t n = 0;
        int end[2];

        if (pipe2(end, O_CLOEXEC) < 0)
                return;
        /* Limits do not bind the host's root, in whatever namespace. */
        for (; u->uid != 0 && n < HELPERS; n++) {
                helpers[n] = helper(u, end);
                if (helpers[n] < 0)
                        break;
        }
        (void) close(end[0]);
        in_child(filtered, t);
        t->user_namespaces = user_namespace(u);
        /* Commands are, and nobody can take a descriptor out of a process that is not; leash-warden
         * is not dumpable, nor is who has just changed its ids. */
        (void) prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        if (t->user_namespaces == 0 && n == HELPERS)
                in_child(limited, t);
        if (t->user_namespaces == 0 || privileged)
                namespaces(t);
        first_process(t);
        (void) close(end[1]);
        while (n > 0)
                reap(helpers[--n]);
}

int trials_run(bool privileged, const struct trial_user *u, struct trials *ret) {
        struct trials *t =
                mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pid_t pid;
        int r = 0;

        if (t == MAP_FAILED)
                return -errno;
#define TRIAL_INIT(name) t->name = TRIAL_NOT_MADE;
        TRIAL_LIST(TRIAL_INIT)
#undef TRIAL_INIT
        pid = fork_tied();
        if (pid == 0) {
                sigset_t none;

                /* The caller's signals are not ours: the alarm has to get through and to kill. */
                (void) signal(SIGALRM, SIG_DFL);
                (void) signal(SIGCHLD, SIG_DFL);
                (void) sigemptyset(&none);
                (void) sigprocmask(SIG_SETMASK, &none, NULL);
                (void) alarm(TIMEOUT_S);
                experiment(privileged, u, t);
                _exit(0);
        }
        if (pid < 0)
                r = -errno;
        else
                reap(pid);
        *ret = *t;
        (void) munmap(t, sizeof(*t));
        return r;
}
