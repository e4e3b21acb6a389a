/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* leash-init: prepare, take one plan, build, confine, serve. See init.h. */
#include "init.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../frames.h"
#include "judge.h"

const char *plan_string(const struct init *in, uint64_t offset) {
        const char *s = wire_string(in->plan, offset);

        return s ? s : "";
}

int init_send(struct init *in, struct wire_frame *f, const int *fds, size_t n_fds) {
        /* The socket does not block, since serve() reads from it; what a command came to must not
         * be lost because the session is behind. */
        return frame_wait(in->control, f, fds, n_fds);
}

int init_report(struct init *in, enum wire_stage stage, int err, const char *text) {
        struct wire_frame f = WIRE_FRAME(WIRE_FAILED);

        /* The innermost step knows best; what its callers say is dropped. */
        if (in->reported)
                return -err;
        in->reported = true;
        f.err = err;
        f.stage = (int32_t) stage;
        wire_frame_text(&f, text);
        (void) init_send(in, &f, NULL, 0);
        return -err;
}

/* The plan's environment becomes a vector once; commands add theirs to a copy of it. */
static int environment_load(struct init *in) {
        const struct wire_plan *p = in->plan;

        in->environment = calloc(p->n_env + 1, sizeof(char *));
        if (!in->environment)
                return -ENOMEM;
        for (uint64_t i = 0; i < p->n_env; i++) {
                in->environment[i] = (char *) (uintptr_t) wire_string_at(p, p->env, i);
                if (!in->environment[i])
                        return -EBADMSG;
        }
        in->n_environment = p->n_env;
        return 0;
}

/* Descriptors come in frames of up to FRAME_FDS_MAX before the plan that refers to them. */
static int plan_receive(struct init *in) {
        struct wire_frame f;
        int fds[FRAME_FDS_MAX];
        size_t n_fds, size;
        void *base;

        for (;;) {
                int r = frame_receive(in->control, &f, fds, FRAME_FDS_MAX, &n_fds);

                if (r <= 0)
                        return r < 0 ? r : -ECONNRESET;
                if (f.type != WIRE_FDS)
                        break;
                if (in->n_fds + n_fds > INIT_FDS_MAX)
                        return init_report(in, WIRE_STAGE_PROTOCOL, E2BIG, "descriptors");
                memcpy(in->fds + in->n_fds, fds, n_fds * sizeof(int));
                in->n_fds += n_fds;
        }
        if (f.type != WIRE_PLAN || n_fds != 1)
                return init_report(in, WIRE_STAGE_PROTOCOL, EBADMSG, "plan");
        base = sealed_map(fds[0], &size);
        close(fds[0]);
        if (!base || wire_plan_check(base, size) < 0)
                return init_report(in, WIRE_STAGE_PROTOCOL, EBADMSG, "plan");
        in->plan = base;
        return environment_load(in);
}

static void plan_fds_close(struct init *in) {
        for (size_t i = 0; i < in->n_fds; i++)
                close(in->fds[i]);
        in->n_fds = 0;
        fd_closep(&in->old_root);
        fd_closep(&in->disk);
        fd_closep(&in->host_sys);
        fd_closep(&in->staging);
        fd_closep(&in->mask_directory);
        fd_closep(&in->mask_file);
        fd_closep(&in->root);
        in->old_root = in->host_sys = in->disk = in->staging = in->root = -1;
        in->mask_directory = in->mask_file = -1;
}

/* Before any command: what the session gets here it may rely on. */
static int prepared_send(struct init *in) {
        struct wire_frame prepared = WIRE_FRAME(WIRE_PREPARED);
        const int fds[] = { in->old_root, in->ipc, in->store };
        int r = init_send(in, &prepared, fds, in->native ? 1 : 3);

        fd_closep(&in->ipc);
        fd_closep(&in->store);
        in->ipc = in->store = -1;
        return r;
}

/* The session keeps the listeners; a copy here would hold their ports when it lets go of them. */
static int ready_send(struct init *in) {
        struct wire_frame ready = WIRE_FRAME(WIRE_READY);
        int r;

        ready.value = in->listener_mask;
        ready.usage[0] = in->n_others;
        r = init_send(in, &ready, in->listeners, in->n_listeners);
        while (in->n_listeners > 0)
                close(in->listeners[--in->n_listeners]);
        return r;
}

/* When memory runs out, also that of all which one user runs, somebody in a sandbox shall be ended
 * and neither the session nor another program of the user's (proc(5), oom_score_adj). What is
 * started here inherits it. */
static void offer_ourselves(void) {
        int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        /* Less than it is by now takes a privilege; then it is high enough. */
        if (fd >= 0 && write(fd, "500", 3) < 0)
                errno = 0;
        fd_closep(&fd);
}

static int build(struct init *in) {
        int r;

        /* A plan made for one tier must not be run in the other. */
        if (in->native != !!(in->plan->flags & WIRE_PLAN_NATIVE))
                return init_report(in, WIRE_STAGE_PROTOCOL, EINVAL, "tier");
        r = in->plan->flags & WIRE_PLAN_GATE ? gate_build(in) : 0;
        if (r >= 0 && in->bare)
                r = lower_capabilities(in, false);
        if (r >= 0 && !in->native)
                r = view_build(in);
        if (r >= 0 && in->plan->flags & WIRE_PLAN_GATE)
                r = gate_resolver(in);
        if (r >= 0 && !in->native)
                r = confine_namespaces(in);
        if (r >= 0 && !in->native)
                r = view_enter(in);
        if (r >= 0)
                r = confine_self(in);
        if (r >= 0 && in->native)
                r = keep_served(in);
        if (r >= 0)
                r = confine_rules(in);
        if (r < 0)
                return r;
        if (in->plan->flags & WIRE_PLAN_NOTIFY) {
                r = judge_new(in, &in->judge);
                if (r < 0)
                        return init_report(in, WIRE_STAGE_SECCOMP, -r, "supervisor");
        }
        if (confine_filter(in) < 0)
                return -EIO;
        plan_fds_close(in);
        return ready_send(in);
}

int main(int argc, char **argv) {
        struct init in = {
                .control = INIT_CONTROL_FD,
                .old_root = -1,
                .disk = -1,
                .host_sys = -1,
                .staging = -1,
                .mask_directory = -1,
                .mask_file = -1,
                .root = -1,
                .ipc = -1,
                .store = -1,
                .nested = -1,
                .native = argc > 1 && strcmp(argv[1], "native") == 0,
                .bare = argc > 1 && strcmp(argv[1], "bare") == 0,
        };
        struct rlimit no_core = { 0, 0 };
        int r;

        /* Started by hand it would have nobody to talk to. */
        if (fcntl(INIT_CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0)
                return 2;
        sys_close_range(INIT_CONTROL_FD + 1, ~0U, 0);
        setsid();
        prctl(PR_SET_NAME, "leash-init"); /* executed by descriptor, it would be called "10" */
        offer_ourselves();
        prctl(PR_SET_DUMPABLE, 0); /* decision 2: our /proc entries are nobody's */
        setrlimit(RLIMIT_CORE, &no_core);

        r = init_prepare(&in);
        if (r >= 0)
                r = prepared_send(&in);
        if (r >= 0)
                r = plan_receive(&in);
        if (r >= 0 && in.native)
                r = keep(&in);
        if (r >= 0)
                r = build(&in);
        umask(022);
        if (r >= 0)
                r = serve(&in);
        free(in.environment);
        return r < 0 ? 1 : 0;
}
