/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What /etc/leash/leashd.json says of all that one user runs. Another program reads it (this one
 * knows no JSON), as nobody, and answers with a fixed-size record.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "launch.h"

#define PATIENCE_MS 5000
#define NOBODY 65534

static _Noreturn void become_reader(const struct launch *l, int out) {
        char *argv[] = { (char *) (uintptr_t) "leash-session", (char *) (uintptr_t) "--user-totals",
                         NULL },
             *env[] = { NULL };
        sigset_t none;

        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        /* The file is for everybody to read, as every session does. */
        if (dup2(out, STDOUT_FILENO) >= 0 && setgroups(0, NULL) == 0 &&
            setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0 &&
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
                execve(l->session_path, argv, env);
        _exit(127);
}

static int read_totals(const struct launch *l, struct launch_totals *ret) {
        int pair[2];

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_(fd_closep) int ours = pair[0], theirs = pair[1];
        pid_t pid = fork();
        if (pid == 0)
                become_reader(l, theirs);
        if (pid < 0)
                return -errno;
        theirs = fd_close(theirs);
        struct pollfd p = { .fd = ours, .events = POLLIN };
        /* It is written at once: less than PIPE_BUF (pipe(7)). */
        bool told = poll(&p, 1, PATIENCE_MS) > 0 && read(ours, ret, sizeof *ret) == sizeof *ret;
        if (!told)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        if (!told || ret->version != LAUNCH_VERSION)
                return -EIO;
        ret->where[sizeof ret->where - 1] = ret->why[sizeof ret->why - 1] = '\0';
        return 0;
}

int totals_start(struct launch *l) {
        void *p = mmap(NULL, sizeof *l->totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0);

        if (p == MAP_FAILED)
                return -errno;
        l->totals = p;
        totals_reload(l);
        return 0;
}

void totals_reload(struct launch *l) {
        struct launch_totals t = { 0 };
        int r = read_totals(l, &t);

        if (r < 0 || t.broken) {
                log_event(&l->log, LOG_ERROR, LOG_CONFIG_REFUSED,
                          "/etc/leash/leashd.json is of no use: what held before holds on",
                          LOG_STR("why", r < 0 ? strerror(-r) : t.why), LOG_STR("where", t.where));
                return;
        }
        l->totals->memory_bytes = t.memory_bytes;
        l->totals->processes = t.processes;
        l->totals->generation++;
        users_limit(l);
}
