/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* process.*: what a request asks for becomes a process_wish; the rest happens in spawn.c and
 * process.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"
#include "venv.h"

/* The sandbox that the request names, or one of its own. */
static int find_sandbox(struct request *rq, const char *id, const struct sandbox_wish *own,
                        bool *ret_own, struct sandbox **ret, struct error *e) {
        if (!id) {
                struct sandbox_wish mine = *own;
                *ret_own = true;
                mine.layers.unseen = !own->keep_workdir;
                return sandbox_new(rq->session, rq->peer, &mine, NULL, ret, e);
        }
        if (own->layers.policy || own->layers.profile || own->layers.overrides)
                return error_field(e, "/sandbox", "give a sandbox or a policy, not both");
        if (own->keep_workdir)
                return error_field(e, "/keep_workdir", "goes only with a sandbox of its own");
        *ret_own = false;
        *ret = sandbox_find(rq->session, id, e);
        return *ret ? 0 : -ENOENT;
}

int process_launch(struct request *rq, const char *id, const struct sandbox_wish *own,
                   struct process_wish *wish, struct error *e) {
        struct sandbox *sb = NULL;
        int r = id ? 0 : venv_need(rq, &own->layers, e);
        if (r != 0)
                return r < 0 ? r : 0;
        r = find_sandbox(rq, id, own, &wish->owns_sandbox, &sb, e);
        if (r < 0)
                return r;
        r = process_new(rq, sb, wish, e);
        if (r < 0 && wish->owns_sandbox)
                sandbox_free(sb, NULL);
        return r;
}

int rpc_process_run(struct request *rq, struct error *e) {
        const struct process_run_params *p = rq->params;
        const struct sandbox_wish own = { .layers = LAYERS(p), .keep_workdir = p->keep_workdir };
        struct process_wish wish = {
                .argv = p->argv, .environment = p->environment, WISH_OF(p), WISH_CAPTURED(p)
        };
        return process_launch(rq, p->sandbox, &own, &wish, e);
}

/* What a command may be given: no terminal (it could be typed into, decision 20), no directory (a
 * way out of the view), no O_PATH descriptor (the same). */
static int check_fd(int fd, const char *where, struct error *e) {
        struct stat st;
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fstat(fd, &st) < 0)
                return error_field(e, where, "the descriptor cannot be used");
        if (flags & O_PATH || S_ISDIR(st.st_mode))
                return error_field(e, where, "a directory cannot be a standard stream");
        if (isatty(fd))
                return error_field(e, where, "a terminal is not passed on; use \"pty\"");
        return 0;
}

static int choose_stream(const struct request *rq, const struct stdio_spec *spec, int i,
                         unsigned *used, struct process_wish *wish, struct error *e) {
        static const char *const where[] = { "/stdio/stdin", "/stdio/stdout", "/stdio/stderr" };

        switch (spec->kind) {
        case STDIO_UNSET:
        case STDIO_NULL:
                break;
        case STDIO_PIPE:
                wish->pipes[i] = true;
                break;
        case STDIO_PTY:
                wish->stdio[i] = SPAWN_PTY;
                break;
        case STDIO_FD:
                if (spec->fd >= rq->n_fds)
                        return error_field(e, where[i],
                                           "%zu descriptors came with this line, number %u is "
                                           "not among them",
                                           rq->n_fds, spec->fd);
                *used |= 1u << spec->fd;
                wish->stdio[i] = rq->fds[spec->fd];
                return check_fd(wish->stdio[i], where[i], e);
        }
        return 0;
}

static int choose_streams(const struct request *rq, const struct process_start_params *p,
                          struct process_wish *wish, struct error *e) {
        const struct stdio_spec *specs[] = { &p->stdio.stdin_, &p->stdio.stdout_,
                                             &p->stdio.stderr_ };
        unsigned used = 0;
        bool pty = false;

        for (int i = 0; i < 3; i++) {
                int r = choose_stream(rq, specs[i], i, &used, wish, e);
                if (r < 0)
                        return r;
                pty = pty || specs[i]->kind == STDIO_PTY;
        }
        /* One that nobody asked for is a mistake of the caller's, and it may be one to keep secret.
         */
        if (used != (rq->n_fds > 0 ? (1u << rq->n_fds) - 1 : 0))
                return error_field(e, "/stdio",
                                   "%zu descriptors came with this line and not all are used",
                                   rq->n_fds);
        if (p->pty && !pty)
                return error_field(e, "/pty", "no stream is \"pty\"");
        wish->rows = p->pty ? (unsigned) p->pty->rows : 0;
        wish->cols = p->pty ? (unsigned) p->pty->cols : 0;
        return 0;
}

int rpc_process_start(struct request *rq, struct error *e) {
        const struct process_start_params *p = rq->params;
        const struct sandbox_wish own = { .layers = LAYERS(p), .keep_workdir = p->keep_workdir };
        struct process_wish wish = { .argv = p->argv, .environment = p->environment, WISH_OF(p) };
        int r = choose_streams(rq, p, &wish, e);
        return r < 0 ? r : process_launch(rq, p->sandbox, &own, &wish, e);
}

/* One that still runs. */
static struct process *find_running(struct request *rq, const char *id, struct error *e) {
        struct process *p = process_find(rq->session, id, e);
        if (p && p->state != PROCESS_RUNNING) {
                int r = p->state == PROCESS_SPAWNING
                                ? error_set(e, ERROR_STATE, EAGAIN,
                                            "the command has not started yet")
                                : error_set(e, ERROR_GONE, ESRCH, "the process has ended");
                (void) error_under(e, "/process", r);
                return NULL;
        }
        return p;
}

int rpc_process_write(struct request *rq, struct error *e) {
        const struct process_write_params *p = rq->params;
        struct process *process = find_running(rq, p->process, e);
        if (!process)
                return -ESRCH;
        return input_write(&process->input, p->data.data, p->data.len, p->eof, rq, e);
}

int rpc_process_resize(struct request *rq, struct error *e) {
        const struct process_resize_params *p = rq->params;
        struct session *s = rq->session;
        struct process *process = find_running(rq, p->process, e);
        if (!process)
                return -ESRCH;
        int r = process->has_pty ? s->backend->box_resize(process->sandbox->box, process->number,
                                                          (unsigned) p->rows, (unsigned) p->cols)
                                 : -ENOTTY;
        if (r < 0)
                return error_set(e, ERROR_STATE, -r, "the process has no terminal");
        request_reply(rq, NULL);
        return 0;
}

/* "TERM", "SIGTERM", "15". */
static int parse_signal(const char *text) {
        char *end;
        long n = strtol(text, &end, 10);
        if (end != text && *end == 0)
                return n > 0 && n < NSIG ? (int) n : -1;
        if (strncasecmp(text, "SIG", 3) == 0)
                text += 3;
        for (int i = 1; i < NSIG; i++) {
                const char *name = sigabbrev_np(i);
                if (name && strcasecmp(name, text) == 0)
                        return i;
        }
        return -1;
}

int rpc_process_signal(struct request *rq, struct error *e) {
        const struct process_signal_params *p = rq->params;
        int signo = parse_signal(p->signal);
        if (signo < 0)
                return error_field(e, "/signal", "\"%.20s\" is no signal", p->signal);
        struct process *process = find_running(rq, p->process, e);
        if (!process)
                return -ESRCH;
        int r = process_signal(process, signo, e);
        if (r < 0)
                return r;
        request_reply(rq, NULL);
        return 0;
}

int rpc_process_wait(struct request *rq, struct error *e) {
        const struct process_wait_params *p = rq->params;
        struct process *process = process_find(rq->session, p->process, e);
        return process ? process_wait(rq, process, p->timeout_ms, e) : -ESRCH;
}

int rpc_process_list(struct request *rq, struct error *e) {
        const struct process_list_params *params = rq->params;
        struct process_list_result r = { .processes = { .set = true } };
        struct process *p;
        size_t n = 0, max = 0;

        if (params->sandbox && !sandbox_find(rq->session, params->sandbox, e))
                return -ENOENT;
        LIST_FOREACH(p, &rq->session->processes, link)
                max++;
        struct process_info *rows = arena_array(rq->arena, max + 1, sizeof *rows);
        if (!rows)
                return error_nomem(e);
        LIST_FOREACH(p, &rq->session->processes, link) {
                if (params->sandbox && strcmp(p->sandbox_id, params->sandbox) != 0)
                        continue;
                rows[n++] = (struct process_info){ .process = p->id,
                                                   .sandbox = p->sandbox_id,
                                                   .pid = (uint64_t) p->pid,
                                                   .argv = p->argv,
                                                   .age_seconds = clock_monotonic() - p->started,
                                                   .running = p->state != PROCESS_FINISHED };
        }
        r.processes.items = rows;
        r.processes.n = n;
        request_reply(rq, &r);
        return 0;
}
