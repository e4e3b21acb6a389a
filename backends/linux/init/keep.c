/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Without a pid namespace nothing dies by itself when a sandbox ends. So in the native tier two
 * processes watch each other:
 *
 *   keeper   what the session started; outside of the commands' Landlock domain, so that (ABI 6) no
 *            command can signal it, and not dumpable, so that none can trace it. It only waits: for
 *            the end of the control socket, or of
 *   init     its child, which builds the walls, lives in the common domain and serves the commands.
 *
 * Both are subreapers: what a command leaves behind becomes init's child, and the keeper's once
 * init is gone. Whoever is left kills everything. Before ABI 6 a command can kill the keeper and
 * init in turn and outlive them; that is part of the loss "no_namespaces".
 */
#include "init.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Init sees the end of the socket, too, and ends everything faster than the keeper can. */
#define PATIENCE_S 2

static void child_changed(int signo _unused_) {
        /* Only there to interrupt ppoll(). */
}

/* True once init itself has ended. */
static bool reap_for(pid_t init) {
        bool ended = false;
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                ended |= pid == init;
        return ended;
}

_Noreturn static void watch(struct init *in, pid_t init, const sigset_t *open_mask) {
        struct timespec patience = { .tv_sec = PATIENCE_S };
        /* No events: only that the other end has hung up is of interest; init reads. */
        struct pollfd p = { .fd = in->control, .events = 0 };
        bool hung_up = false;

        while (!reap_for(init)) {
                int r = ppoll(&p, 1, hung_up ? &patience : NULL, open_mask);

                if (r == 0)
                        break;
                if (r > 0) { /* and it stays so: from now on only SIGCHLD wakes us */
                        hung_up = true;
                        p.fd = -1;
                }
        }
        kill(init, SIGKILL);
        kill_everything();
        _exit(0);
}

int keep(struct init *in) {
        struct sigaction interrupt = { .sa_handler = child_changed };
        sigset_t blocked, open_mask;
        pid_t init;

        sigemptyset(&open_mask);
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGCHLD);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
        in->keeper = getpid();
        init = fork();
        if (init < 0)
                return init_report(in, WIRE_STAGE_NAMESPACES, errno, "keeper");
        if (init == 0) {
                setsid(); /* a signal to one's group is none to the other's */
                return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0
                               ? init_report(in, WIRE_STAGE_NAMESPACES, errno, "subreaper")
                               : 0;
        }
        sigaction(SIGCHLD, &interrupt, NULL);
        /* The least that watching takes. What it was given for the plan is init's. */
        sys_close_range(INIT_CONTROL_FD + 1, ~0U, 0);
        (void) confine_self(in);
        watch(in, init, &open_mask);
}

/* After confine_self(): a change of credentials takes the signal away again (prctl(2)). */
int keep_served(struct init *in) {
        if (prctl(PR_SET_PDEATHSIG, SIGCHLD, 0, 0, 0) < 0)
                return init_report(in, WIRE_STAGE_NAMESPACES, errno, "keeper");
        return keeper_gone(in) ? init_report(in, WIRE_STAGE_NAMESPACES, ESRCH, "keeper") : 0;
}

bool keeper_gone(const struct init *in) {
        return in->keeper && getppid() != in->keeper;
}
