/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Start-up of leashd and leash-session: signals, limits, siblings, the event loop. */
#include "process.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void ignore_signal(int signo) {
}

void process_prepare(void) {
        /* A handler and not SIG_IGN: execve(2) resets handlers but keeps ignored signals ignored,
         * and commands rely on SIGPIPE. */
        struct sigaction sa = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
        sigemptyset(&sa.sa_mask);
        (void) sigaction(SIGPIPE, &sa, NULL);
        (void) umask(077);
        /* Large lines and outputs go straight back to the system when they are freed: an idle
         * daemon stays small. One arena is enough for one thread. */
        (void) mallopt(M_MMAP_THRESHOLD, 64 * 1024);
        (void) mallopt(M_TRIM_THRESHOLD, 128 * 1024);
        (void) mallopt(M_ARENA_MAX, 1);
}

unsigned process_raise_files(void) {
        struct rlimit rl;
        if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
                return 0;
        unsigned was = rl.rlim_cur > UINT_MAX ? UINT_MAX : (unsigned) rl.rlim_cur;
        rl.rlim_cur = rl.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &rl);
        return was;
}

int process_sibling(const char *name, char *ret, size_t size) {
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        if (n > 0) {
                self[n] = 0;
                char *slash = strrchr(self, '/');
                if (slash) {
                        *slash = 0;
                        int len = snprintf(ret, size, "%s/%s", self, name);
                        if (len > 0 && (size_t) len < size && access(ret, X_OK) == 0)
                                return 0;
                }
        }
        int len = snprintf(ret, size, "%s/%s", LEASH_LIBEXECDIR, name);
        if (len > 0 && (size_t) len < size && access(ret, X_OK) == 0)
                return 0;
        return -ENOENT;
}

struct event_base *process_event_base(void) {
        struct event_config *config = event_config_new();
        if (!config)
                return NULL;
        /* No locks, no environment variables that change the method, and the cheap clock. */
        (void) event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        (void) event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
        struct event_base *base = event_base_new_with_config(config);
        event_config_free(config);
        return base;
}

time_t process_seconds(void) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec;
}
