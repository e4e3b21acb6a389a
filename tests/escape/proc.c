/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * /proc, and what other processes have in memory, environment, arguments and descriptors. World: a
 * process of the same user with a secret in each of them; pid 1 and a sibling command are tried as
 * well.
 */
#include <dirent.h>
#include <linux/kcmp.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "escape.h"

/* Every process but this one and its parents (whose memory is its own). */
static int each_process(int (*fn)(pid_t pid)) {
        int r = -ESRCH;
        DIR *d = opendir("/proc");
        if (!d)
                return -errno;
        for (struct dirent *e; (e = readdir(d));) {
                pid_t pid = atoi(e->d_name);
                if (pid <= 0 || pid == getpid() || pid == getppid())
                        continue;
                int one = fn(pid);
                if (one == 0) {
                        r = 0;
                        break;
                }
                if (r == -ESRCH)
                        r = one;
        }
        closedir(d);
        return r;
}

/* The victim outside; inside also everything else that is to be seen, init and siblings first of
 * all. */
static int victims(int (*fn)(pid_t pid)) {
        int r = fn((pid_t) world_number("victim"));
        return r == 0 || !inside ? r : each_process(fn);
}

static int proc_open(pid_t pid, const char *what, int flags) {
        char path[8192];
        snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
        return open(path, flags | O_CLOEXEC);
}

static int one_memory(pid_t pid) {
        int fd = proc_open(pid, "mem", O_RDWR);
        return fd < 0 ? -errno : (close(fd), 0);
}
static int one_memory_read(pid_t pid) {
        char text[64] = "";
        int fd = proc_open(pid, "mem", O_RDONLY);
        if (fd < 0)
                return -errno;
        if (!inside && pread(fd, text, 12, (off_t) strtoull(world("victim_address"), NULL, 0)) < 0)
                return -errno;
        return 0;
}
static int one_environ(pid_t pid) {
        char text[8192];
        int fd = proc_open(pid, "environ", O_RDONLY);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        if (n < 0)
                return -errno;
        close(fd);
        return n > 0 ? 0 : -ENODATA;
}
static int one_cmdline(pid_t pid) {
        int fd = proc_open(pid, "cmdline", O_RDONLY);
        return fd < 0 ? -errno : read_secret(fd);
}
static int one_fd(pid_t pid) {
        char path[64];
        snprintf(path, sizeof(path), "fd/%ld", world_number("victim_fd"));
        return read_secret(proc_open(pid, path, O_RDONLY));
}
/* The names of descriptors are numbers; where they lead to is what must not be learnt. */
static int one_fd_link(pid_t pid) {
        char path[64], target[256];
        for (int i = 0; i < 16; i++) {
                snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, i);
                if (readlink(path, target, sizeof(target)) > 0)
                        return 0;
        }
        return -errno;
}
static int one_root(pid_t pid) {
        char path[4096];
        snprintf(path, sizeof(path), "root%s", world("home_secret"));
        return read_secret(proc_open(pid, path, O_RDONLY));
}
static int one_cwd(pid_t pid) {
        return read_secret(proc_open(pid, "cwd/secret", O_RDONLY));
}
static int one_maps(pid_t pid) {
        char text[64];
        int fd = proc_open(pid, "maps", O_RDONLY);
        return fd < 0 ? -errno : result(read(fd, text, sizeof(text)));
}
static int one_oom(pid_t pid) {
        int fd = proc_open(pid, "oom_score_adj", O_WRONLY);
        return fd < 0 ? -errno : result(write(fd, "1000", 4));
}
static int one_exe(pid_t pid) {
        /* Overwriting the program that will be started again outside; busy counts as reached. */
        int fd = proc_open(pid, "exe", O_WRONLY);
        return fd >= 0 || errno == ETXTBSY ? 0 : -errno;
}
static int one_ptrace(pid_t pid) {
        return result(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
}
static int one_attach(pid_t pid) {
        if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
                return -errno;
        waitpid(pid, NULL, __WALL);
        return result(ptrace(PTRACE_DETACH, pid, NULL, NULL));
}
static int one_readv(pid_t pid) {
        char text[16];
        struct iovec here = { text, 12 },
                     there = { (void *) (uintptr_t) strtoull(world("victim_address"), NULL, 0),
                               12 };
        /* Inside, EFAULT means that the right was there and only the address wrong. */
        if (process_vm_readv(pid, &here, 1, &there, 1, 0) >= 0 || (inside && errno == EFAULT))
                return 0;
        return -errno;
}
static int one_writev(pid_t pid) {
        char text[16] = "LEASH-SECRET";
        struct iovec here = { text, 12 },
                     there = { (void *) (uintptr_t) strtoull(world("victim_address"), NULL, 0),
                               12 };
        if (process_vm_writev(pid, &here, 1, &there, 1, 0) >= 0 || (inside && errno == EFAULT))
                return 0;
        return -errno;
}
static int one_madvise(pid_t pid) {
        struct iovec there = {
                (void *) (uintptr_t) (strtoull(world("victim_address"), NULL, 0) & ~4095ull), 4096
        };
        int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0)
                return -errno;
        /* 20 = MADV_COLD: changes nothing that could be read back. */
        if (syscall(SYS_process_madvise, fd, &there, 1, 20, 0) >= 0 || (inside && errno == ENOMEM))
                return 0;
        return -errno;
}
static int one_getfd(pid_t pid) {
        int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0)
                return -errno;
        int got =
                (int) syscall(SYS_pidfd_getfd, fd, inside ? 0 : (int) world_number("victim_fd"), 0);
        return got < 0 ? -errno : 0;
}
static int one_kcmp(pid_t pid) {
        return surface(syscall(SYS_kcmp, getpid(), pid, KCMP_VM, 0, 0));
}
static int one_task(pid_t pid) {
        char path[64];
        snprintf(path, sizeof(path), "task/%d/environ", pid);
        int fd = proc_open(pid, path, O_RDONLY);
        char c;
        return fd < 0 ? -errno : read(fd, &c, 1) == 1 ? 0 : -ENODATA;
}

#define VICTIMS(what)                          \
        static int v_##what(const char *arg) { \
                return victims(one_##what);    \
        }
VICTIMS(memory)
VICTIMS(memory_read)
VICTIMS(environ)
VICTIMS(cmdline)
VICTIMS(fd)
VICTIMS(fd_link)
VICTIMS(root)
VICTIMS(cwd)
VICTIMS(maps)
VICTIMS(exe)
VICTIMS(ptrace)
VICTIMS(attach)
VICTIMS(readv)
VICTIMS(writev)
VICTIMS(madvise)
VICTIMS(getfd)
VICTIMS(kcmp)
VICTIMS(task)

/* Inside, everything's score may be worsened but the host's. */
static int host_oom(const char *arg) {
        return one_oom((pid_t) world_number("victim"));
}

/* pid 1 of the sandbox: it holds the line to the session. Outside, the victim stands in for it. */
static int init_open(const char *what, int flags) {
        return proc_open(inside ? 1 : (pid_t) world_number("victim"), what, flags);
}
static int init_read(const char *arg) {
        char c;
        int fd = init_open(arg, O_RDONLY);
        return fd < 0                                                    ? -errno
               : read(fd, &c, 1) >= 0 || errno == EISDIR || errno == EIO ? 0
                                                                         : -errno;
}
static int init_memory(const char *arg) {
        return result(init_open("mem", O_RDWR));
}
static int init_root(const char *arg) {
        char path[4096];
        snprintf(path, sizeof(path), "root%s", world("home_secret"));
        return read_secret(init_open(path, O_RDONLY));
}
static int init_root_write(const char *arg) {
        char path[4096];
        snprintf(path, sizeof(path), "root%s/target", world("out"));
        return scribble(init_open(path, O_WRONLY));
}
static int init_link(const char *arg) {
        return one_fd_link(inside ? 1 : (pid_t) world_number("victim"));
}
static int init_descriptors(const char *arg) {
        char path[64];
        for (int i = 0; i < 64; i++) {
                snprintf(path, sizeof(path), "fd/%d", i);
                if (init_open(path, O_RDONLY | O_NONBLOCK) >= 0)
                        return 0;
        }
        return -errno;
}

/* Not by contents: opening for writing is the right. Nothing is written. */
static int writable(const char *arg) {
        int fd = open(arg, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT && !inside ? NOT_HERE : -errno;
        close(fd);
        return 0;
}
static int readable(const char *arg) {
        int fd = open(arg, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT && !inside ? NOT_HERE : -errno;
        char c;
        ssize_t n = read(fd, &c, 1);
        int r = n > 0 || (n < 0 && errno == EAGAIN) ? 0 : n < 0 ? -errno : -ENODATA;
        close(fd);
        return r;
}
/* Addresses of the running kernel: zeros without the right to see them. */
static int kernel_addresses(const char *arg) {
        char line[256];
        FILE *f = fopen("/proc/kallsyms", "re");
        if (!f)
                return errno == ENOENT && !inside ? NOT_HERE : -errno;
        int r = -EACCES;
        while (r && fgets(line, sizeof(line), f))
                if (strtoull(line, NULL, 16) != 0)
                        r = 0;
        fclose(f);
        return r;
}
static int host_pids(const char *arg) {
        char path[64];
        struct stat st;
        snprintf(path, sizeof(path), "/proc/%ld", world_number("victim"));
        return result(stat(path, &st));
}
static int descriptors(const char *arg) {
        /* Anything beside 0, 1, 2, the list itself and the verdict's pipe has leaked in. */
        DIR *d = opendir("/proc/self/fd");
        int r = -EBADF;
        if (!d)
                return -errno;
        for (struct dirent *e; (e = readdir(d));) {
                int fd = atoi(e->d_name);
                if (e->d_name[0] != '.' && fd > 2 && fd != dirfd(d) && fd != 200)
                        r = 0;
        }
        closedir(d);
        return r;
}
/* The runner gives its output as a file opened for appending only; the link in /proc might give
 * more. */
static int reopen_output(const char *arg) {
        int fd = open("/proc/self/fd/2", O_RDWR | O_TRUNC | O_CLOEXEC);
        return fd < 0 ? -errno : 0;
}
/* And its input as a directory outside. */
static int input_directory(const char *arg) {
        int r = scribble(openat(0, "target", O_WRONLY | O_CLOEXEC));
        if (r == 0)
                return 0;
        if (fchdir(0) < 0)
                return -errno;
        return scribble(open("target", O_WRONLY | O_CLOEXEC));
}
static int foreign_environment(const char *arg) {
        return getenv("LEASH_ESCAPE_SECRET") ? 0 : -ENOENT;
}

#define V(name, run, doc) \
        { name, v_##run, 0, ALL, SIBLING, 0, doc }
#define W(name, path, doc) \
        { name, writable, path, ALL, ROOT, 0, doc }
#define R(name, path, doc) \
        { name, readable, path, ALL, ROOT, 0, doc }
// clang-format off
const struct attempt attempts_proc[] = {
        V("memory", memory, "open another process's memory for writing"),
        V("memory-read", memory_read, "read another process's memory"),
        V("environ", environ, "read another process's environment"),
        { "cmdline", v_cmdline, 0, ALL, 0, 0, "read the secret in a host process's arguments" },
        { "fd", v_fd, 0, ALL, 0, 0, "open a host process's descriptor" },
        V("fd-link", fd_link, "learn where another process's descriptors lead to"),
        { "root", v_root, 0, S | D, 0, 0, "reach the home through another process's root" },
        { "cwd", v_cwd, 0, ALL, 0, 0, "reach a host process's working directory" },
        V("maps", maps, "read another process's memory map"),
        { "oom-score", host_oom, 0, ALL, 0, 0, "make the kernel prefer a host process as victim" },
        { "exe", v_exe, 0, ALL, ROOT, 0, "open another process's program for writing" },
        V("ptrace-seize", ptrace, "trace another process"),
        V("ptrace-attach", attach, "stop and trace another process"),
        V("vm-readv", readv, "process_vm_readv of another process"),
        V("vm-writev", writev, "process_vm_writev to another process"),
        { "madvise", v_madvise, 0, ALL, SIBLING | ROOT, 0, "process_madvise of another process" },
        V("getfd", getfd, "take a descriptor out of another process"),
        V("kcmp", kcmp, "compare kernel objects with another process"),
        V("task-environ", task, "read the environment by way of task/"),
        { "host-pids", host_pids, 0, ALL, 0, 0, "see that a host process exists" },
        { "init-memory", init_memory, 0, ALL, 0, 0, "open init's memory for writing" },
        { "init-mem", init_read, "mem", ALL, 0, 0, "open init's memory" },
        { "init-environ", init_read, "environ", ALL, 0, 0, "read init's environment" },
        { "init-maps", init_read, "maps", ALL, 0, 0, "read init's memory map" },
        { "init-auxv", init_read, "auxv", ALL, 0, 0, "read where init's code lies" },
        { "init-fd-link", init_link, 0, ALL, 0, 0, "learn where init's descriptors lead to" },
        { "init-descriptors", init_descriptors, 0, ALL, 0, 0, "open one of init's descriptors" },
        { "init-root", init_root, 0, S | D, 0, 0, "reach the home through init's root" },
        { "init-root-write", init_root_write, 0, S | D, 0, 0, "write outside through init's root" },
        W("core-pattern", "/proc/sys/kernel/core_pattern", "have the host run a program when something crashes"),
        W("modprobe", "/proc/sys/kernel/modprobe", "have the host run a program on a module's request"),
        W("hotplug", "/sys/kernel/uevent_helper", "have the host run a program on a device event"),
        W("sysrq", "/proc/sysrq-trigger", "reboot by a letter"),
        W("sysctl-net", "/proc/sys/net/ipv4/ip_forward", "change a network setting"),
        W("sysctl-vm", "/proc/sys/vm/overcommit_memory", "change a memory setting"),
        W("sysctl-hostname", "/proc/sys/kernel/hostname", "change the host's name"),
        W("binfmt", "/proc/sys/fs/binfmt_misc/register", "register an interpreter for the whole host"),
        W("cgroup", "/sys/fs/cgroup/cgroup.procs", "move processes between control groups"),
        W("power", "/sys/power/state", "put the host to sleep"),
        R("kcore", "/proc/kcore", "read the kernel's memory"),
        R("kmsg", "/proc/kmsg", "read the kernel's log"),
        R("keys", "/proc/keys", "read which keys there are"),
        R("timer-list", "/proc/timer_list", "read what every process waits for"),
        R("debugfs", "/sys/kernel/debug/sched/debug", "read the scheduler's view of all processes"),
        { "kallsyms", kernel_addresses, 0, ALL, ROOT, 0, "read the kernel's addresses" },
        { "descriptors", descriptors, 0, ALL, 0, 0, "use a descriptor that leaked in" },
        { "reopen-output", reopen_output, 0, S | D, 0, 0, "reopen the output file to read and truncate it" },
        { "input-directory", input_directory, 0, S | D, 0, 0, "write through a directory given as input" },
        { "environment", foreign_environment, 0, ALL, 0, 0, "read a variable of the caller" },
        ATTEMPT_END
};
// clang-format on
