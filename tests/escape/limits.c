/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Limits: most rows ask for one on the command line and then try to have more; the last hold
 * always. */
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "escape.h"

static int many_processes(const char *arg) {
        int n, want = atoi(arg), err = 0;
        pid_t pids[512];
        for (n = 0; n < want && n < 512; n++) {
                pids[n] = fork();
                if (pids[n] == 0) {
                        pause();
                        _exit(0);
                }
                if (pids[n] < 0) {
                        err = errno;
                        break;
                }
        }
        for (int i = 0; i < n; i++) {
                kill(pids[i], SIGKILL);
                waitpid(pids[i], NULL, 0);
        }
        return n >= want ? 0 : -err;
}
static int raise_limit(const char *arg) {
        int which = atoi(arg);
        struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };
        return result(setrlimit(which, &l));
}
static int much_memory(const char *arg) {
        size_t n = (size_t) atoi(arg) << 20;
        char *m = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED)
                return -errno;
        for (size_t i = 0; i < n; i += 4096)
                m[i] = 1;
        return 0;
}
static int big_file(const char *arg) {
        static char block[65536];
        signal(SIGXFSZ, SIG_IGN);
        int fd = open("big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        for (int i = 0; i < 64; i++)
                if (write(fd, block, sizeof(block)) != (ssize_t) sizeof(block))
                        return -errno;
        return 0;
}
static int much_disk(const char *arg) {
        static char block[65536];
        char place[64], name[96];
        int r = 0;
        snprintf(place, sizeof(place), "%s/fill-XXXXXX", arg);
        if (!mkdtemp(place))
                return -errno;
        for (int f = 0; f < 16; f++) {
                snprintf(name, sizeof(name), "%s/%d", place, f);
                int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
                for (int i = 0; i < 64 && r == 0; i++)
                        if (write(fd, block, sizeof(block)) != (ssize_t) sizeof(block))
                                r = -errno;
                close(fd);
        }
        if (r == 0 && inside) /* what is measured is not noticed at once */
                sleep(60);
        for (int f = 0; f < 16; f++) {
                snprintf(name, sizeof(name), "%s/%d", place, f);
                unlink(name);
        }
        rmdir(place);
        return r;
}
static volatile sig_atomic_t seconds;
static void second(int sig) {
        (void) sig;
        seconds++;
}
/* By the clock that RLIMIT_CPU goes by, which counts ticks: a busy emulator loses them, and
 * getrusage(2) says three times as much. */
static int much_time(const char *arg) {
        const struct itimerval each = { { 1, 0 }, { 1, 0 } };
        const int want = inside ? atoi(arg) : 2; /* more than the limit is enough for the twin */
        signal(SIGXCPU, SIG_IGN);
        signal(SIGPROF, second);
        if (setitimer(ITIMER_PROF, &each, NULL) < 0)
                return -errno;
        while (seconds < want)
                ;
        return 0;
}
static int long_sleep(const char *arg) {
        struct timespec t = { inside ? atoi(arg) : 2, 0 };
        signal(SIGTERM, SIG_IGN);
        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
        return 0;
}
/* All terminals of the machine are counted together, but for some kept for the host. */
static int many_terminals(const char *arg) {
        int n, want = atoi(arg), fds[4096];
        struct rlimit l;
        getrlimit(RLIMIT_NOFILE, &l);
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
        for (n = 0; n < want && n < 4096; n++) {
                fds[n] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
                if (fds[n] < 0)
                        break;
        }
        int r = n < want ? -errno : 0;
        while (n > 0)
                close(fds[--n]);
        return r;
}
/* Attributes of a directory: one of them makes it take .GIT for .git. */
static int file_attributes(const char *arg) {
        long flags = 0; /* an int, in spite of its name's type: ioctl_iflags(2) */
        int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 && !inside))
                return NOT_HERE;
        flags ^= FS_NODUMP_FL;
        if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
                return -errno;
        flags ^= FS_NODUMP_FL;
        return result(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}
static int file_attributes_by_path(const char *arg) {
        struct {
                uint64_t flags;
                uint32_t extent, extents, project, cow;
        } attributes = { 0 };
        if (!inside && syscall(468 /* file_getattr, since 6.17 */, AT_FDCWD, ".", &attributes,
                               sizeof(attributes), 0) < 0)
                return NOT_HERE;
        return result(syscall(469, AT_FDCWD, ".", &attributes, sizeof(attributes), 0));
}

// clang-format off
const struct attempt attempts_limits[] = {
        { "processes", many_processes, "120", ALL, KILLED, "--processes 40", "make more processes than allowed" },
        { "file-size", big_file, 0, ALL, KILLED, "--file-size 1M", "write a larger file than allowed" },
        { "file-size-raise", raise_limit, "1", ALL, 0, "--file-size 1M", "raise the limit of the file size" },
        { "cpu-time", much_time, "7", D, KILLED, "--cpu-time 1s", "use more processor time than allowed, deaf to the warning" },
        { "wall-time", long_sleep, "60", ALL, KILLED, "--timeout 1s", "stay longer than allowed" },
        { "memory", much_memory, "256", ALL, KILLED, "--memory 64M", "use more memory than allowed" },
        { "disk", much_disk, ".", ALL, KILLED, "--disk 8M", "fill the disk" },
        { "tmp", much_disk, "/tmp", ALL, KILLED, "--disk 8M", "fill /tmp" },
        { "terminals", many_terminals, "1100", ALL, 0, 0, "make so many terminals that others get none" },
        { "attributes", file_attributes, 0, ALL, 0, 0, "change a directory's attributes" },
        { "attributes-path", file_attributes_by_path, 0, ALL, 0, 0, "the same by path" },
        ATTEMPT_END
};
// clang-format on
