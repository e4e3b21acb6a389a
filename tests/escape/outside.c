/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Other processes of the same user, other terminals, shared memory and queues: what does not lie on
 * the disk but can be told apart by the host. World: a process that notes any signal, SysV and
 * POSIX objects, a terminal of another session.
 */
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <termios.h>

#include "escape.h"

static pid_t victim(void) {
        return (pid_t) world_number("victim");
}

static int send_signal(const char *arg) {
        return result(kill(victim(), SIGUSR1));
}
static int probe_signal(const char *arg) {
        return result(kill(victim(), 0));
}
static int group_signal(const char *arg) {
        return result(kill(-victim(), SIGUSR1));
}
static int thread_signal(const char *arg) {
        return result(syscall(SYS_tgkill, victim(), victim(), SIGUSR1));
}
static int queued_signal(const char *arg) {
        return result(sigqueue(victim(), SIGUSR1, (union sigval){ .sival_int = 1 }));
}
static int pidfd_signal(const char *arg) {
        int fd = (int) syscall(SYS_pidfd_open, victim(), 0);
        return fd < 0 ? -errno : result(syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
}
/* The kernel sends it for us: SIGIO on a descriptor that "belongs" to somebody else. */
static int owner_signal(const char *arg) {
        int p[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) < 0)
                return -errno;
        if (fcntl(p[0], F_SETOWN, victim()) < 0 || fcntl(p[0], F_SETSIG, SIGUSR1) < 0 ||
            fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
                return -errno;
        return result(write(p[1], "x", 1));
}

static int priority(const char *arg) {
        return result(setpriority(PRIO_PROCESS, (id_t) victim(), 19));
}
static int priority_read(const char *arg) {
        errno = 0;
        int r = getpriority(PRIO_PROCESS, (id_t) victim());
        return r == -1 && errno ? -errno : 0;
}
static int affinity(const char *arg) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(0, &one);
        return result(sched_setaffinity(victim(), sizeof(one), &one));
}
static int scheduler(const char *arg) {
        struct sched_param p = { 0 };
        return result(sched_setscheduler(victim(), SCHED_IDLE, &p));
}
static int io_priority(const char *arg) {
        return result(syscall(SYS_ioprio_set, 1, victim(), (3 << 13) | 7));
}
static int limit_set(const char *arg) {
        struct rlimit l = { 64, 64 };
        return result(prlimit(victim(), RLIMIT_NOFILE, &l, NULL));
}
static int limit_get(const char *arg) {
        struct rlimit l;
        return result(prlimit(victim(), RLIMIT_NOFILE, NULL, &l));
}
static int session_of(const char *arg) {
        return result(getsid(victim()));
}
static int robust_list(const char *arg) {
        void *head;
        size_t n;
        return result(syscall(SYS_get_robust_list, victim(), &head, &n));
}

static int shm_attach(const char *arg) {
        int id = shmget((key_t) world_number("ipc_key"), 0, 0);
        char *m = id < 0 ? (void *) -1 : shmat(id, NULL, SHM_RDONLY);
        return m == (void *) -1 ? -errno : strncmp(m, "LEASH-SECRET", 12) == 0 ? 0 : -ENODATA;
}
static int shm_by_id(const char *arg) {
        char *m = shmat((int) world_number("shm_id"), NULL, SHM_RDONLY);
        return m == (void *) -1 ? -errno : strncmp(m, "LEASH-SECRET", 12) == 0 ? 0 : -ENODATA;
}
static int semaphore(const char *arg) {
        int id = semget((key_t) world_number("ipc_key"), 0, 0);
        return id < 0 ? -errno : result(semctl(id, 0, SETVAL, 7));
}
static int message(const char *arg) {
        struct {
                long type;
                char text[8];
        } m = { 1, "escaped" };
        int id = msgget((key_t) world_number("ipc_key"), 0);
        return id < 0 ? -errno : result(msgsnd(id, &m, sizeof(m.text), IPC_NOWAIT));
}
static int posix_queue(const char *arg) {
        mqd_t q = mq_open(world("queue"), O_WRONLY | O_NONBLOCK);
        if (q < 0)
                return -errno;
        return result(mq_send(q, "escaped", 7, 0));
}
static int posix_shm(const char *arg) {
        int fd = shm_open(world("shm_name"), O_RDONLY, 0);
        return fd < 0 ? -errno : read_secret(fd);
}
static int other_terminal(const char *arg) {
        int fd = open(world("pty"), O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* Somewhere inside there may be a terminal of that number; a stranger's it is not. */
        return inside && strcmp(ttyname(fd) ?: "", world("pty")) != 0 ? -ENOTTY : scribble(fd);
}
static int own_terminal(int *ret) {
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
                return -errno;
        setsid();
        int slave = open(ptsname(master), O_RDWR | O_CLOEXEC);
        if (slave < 0)
                return -errno;
        *ret = slave;
        return 0;
}
/* On a terminal of one's own, so that only the filter can refuse it. */
static int inject(const char *arg) {
        int fd = -1, r = own_terminal(&fd);
        if (r < 0)
                return r;
        r = result(syscall(SYS_ioctl, fd, strtoul(arg, NULL, 0), "x"));
        /* Kernels since 6.2 may have it off for those without privilege (dev.tty.legacy_tiocsti).
         */
        return r == -EIO && !inside ? NOT_HERE : r;
}
static int console_select(const char *arg) {
        int fd = -1, r = own_terminal(&fd);
        if (r < 0)
                return r;
        char subcode = 3; /* paste the selection */
        /* A pty knows it not: ENOTTY says that the call came through. */
        r = result(syscall(SYS_ioctl, fd, strtoul(arg, NULL, 0), &subcode));
        return r == -ENOTTY || r == -EINVAL ? 0 : r;
}
#define A(name, run, doc) \
        { name, run, 0, ALL, 0, 0, doc }
// clang-format off
const struct attempt attempts_outside[] = {
        A("kill", send_signal, "signal a host process"),
        A("kill-0", probe_signal, "learn whether a host process lives"),
        A("kill-group", group_signal, "signal a host process group"),
        A("tgkill", thread_signal, "signal a host thread"),
        A("sigqueue", queued_signal, "queue a signal to a host process"),
        A("pidfd-signal", pidfd_signal, "signal a host process by pidfd"),
        { "setown-signal", owner_signal, 0, ALL, HARM, 0, "have the kernel signal a host process" },
        A("setpriority", priority, "slow a host process down"),
        A("getpriority", priority_read, "read a host process's priority"),
        A("affinity", affinity, "pin a host process to one processor"),
        A("scheduler", scheduler, "make a host process run only when idle"),
        A("ioprio", io_priority, "slow a host process's disk down"),
        A("prlimit-set", limit_set, "lower a host process's limits"),
        A("prlimit-get", limit_get, "read a host process's limits"),
        A("getsid", session_of, "learn a host process's session"),
        A("robust-list", robust_list, "read a host process's lock list"),
        A("shm", shm_attach, "attach the host's shared memory by key"),
        A("shm-id", shm_by_id, "attach the host's shared memory by id"),
        A("semaphore", semaphore, "change the host's semaphore"),
        A("message-queue", message, "send to the host's message queue"),
        A("posix-queue", posix_queue, "send to the host's POSIX queue"),
        A("posix-shm", posix_shm, "read the host's POSIX shared memory"),
        A("other-terminal", other_terminal, "write to another terminal of the user"),
        { "tiocsti", inject, "0x5412", ALL, 0, 0, "type into a terminal" },
        { "tiocsti-high-bits", inject, "0x100005412", ALL, 0, 0, "the same, with a bit that only the filter sees" },
        { "tioclinux", console_select, "0x541c", ALL, 0, 0, "paste into a console" },
        { "tioclinux-high-bits", console_select, "0x10000541c", ALL, 0, 0, "the same, with a bit that only the filter sees" },
        ATTEMPT_END
};
// clang-format on
