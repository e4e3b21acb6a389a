/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One sandbox as the session sees it: a control socket to its leash-init and a pidfd to end it
 * with. What comes in over the socket is hostile (decision 1): a frame that is not well-formed, out
 * of turn, or speaks of a command that was never asked for, ends the sandbox.
 */
#include "box.h"
#include "capture.h"
#include "cgroup.h"
#include "linux.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define CGROUP_KILL_MS \
        1000 /* some 50 ms for hundreds of processes; more when the machine is loaded */

#ifndef SO_NETNS_COOKIE /* Linux 5.14 */
#define SO_NETNS_COOKIE 71
#endif

enum box_state { BOX_BUILDING = 0, BOX_SERVING, BOX_OVER };
enum command_state { COMMAND_STARTING = 0, COMMAND_RUNNING };

struct box_command {
        uint64_t id;
        enum command_state state;
        struct reached_marks marks; /* when it was asked for */
};

struct box {
        struct engine *en;
        const struct plan *plan;
        struct prepared init;
        uint64_t hash; /* of the plan: see rehearse.c */
        enum box_state state;
        int cgroup; /* of its own, where a limit needs it; -1 = none */
        uint64_t oom_kills;
        bool over_by_memory;
        struct box_command *commands;
        size_t n_commands, max_commands;
};

static struct box_command *command_find(struct box *b, uint64_t id) {
        for (size_t i = 0; i < b->n_commands; i++)
                if (b->commands[i].id == id)
                        return &b->commands[i];
        return NULL;
}

static unsigned command_reached(const struct box *b, const struct box_command *c) {
        return reached_since(b->en, b->cgroup, b->plan, &c->marks);
}

static void command_drop(struct box *b, struct box_command *c) {
        *c = b->commands[--b->n_commands];
}

static const char *const stage_texts[] = {
        [WIRE_STAGE_NAMESPACES] = "set up its namespaces",
        [WIRE_STAGE_ROOT] = "make its root",
        [WIRE_STAGE_MOUNT] = "put into the sandbox's view",
        [WIRE_STAGE_MASK] = "protect",
        [WIRE_STAGE_DEV] = "set up its /dev",
        [WIRE_STAGE_PROC] = "mount its /proc",
        [WIRE_STAGE_PIVOT] = "enter its root",
        [WIRE_STAGE_NETWORK] = "set up its network",
        [WIRE_STAGE_LIMITS] = "set its limits",
        [WIRE_STAGE_CREDENTIALS] = "give up its privileges",
        [WIRE_STAGE_LANDLOCK] = "apply Landlock to",
        [WIRE_STAGE_SECCOMP] = "apply the system call filter",
        [WIRE_STAGE_CWD] = "enter the directory",
        [WIRE_STAGE_STDIO] = "connect its input and output",
        [WIRE_STAGE_PTY] = "open a terminal for it",
        [WIRE_STAGE_EXEC] = "execute",
        [WIRE_STAGE_PROTOCOL] = "understand its plan",
};

int frame_error(const struct wire_frame *f, const struct plan *plan, struct error *e) {
        const char *what =
                f->stage > 0 && (size_t) f->stage < ELEMENTSOF(stage_texts) && stage_texts[f->stage]
                        ? stage_texts[f->stage]
                        : "start";

        if (plan && (f->stage == WIRE_STAGE_MOUNT || f->stage == WIRE_STAGE_MASK))
                for (size_t i = 0; i < plan->n_mounts; i++)
                        if (plan->mounts[i].field && plan->mounts[i].field[0] == '/' &&
                            strcmp(plan->mounts[i].target, f->text) == 0)
                                return error_field(e, plan->mounts[i].field, "%s: %s", f->text,
                                                   strerror(f->err));
        return error_set(e, ERROR_IO, f->err, "the sandbox could not %s%s%s: %s", what,
                         f->text[0] ? " " : "", f->text, strerror(f->err));
}

static int spawn_error(const struct wire_frame *f, unsigned reached, struct error *e) {
        if (f->err == EAGAIN &&
            reached & (1u << BOX_LIMIT_PROCESSES | 1u << BOX_LIMIT_USER_PROCESSES))
                return error_set(
                        e, ERROR_LIMIT, EAGAIN, "no more processes: %s",
                        reached & 1u << BOX_LIMIT_PROCESSES
                                ? "this sandbox has all that it may have (/limits/processes)"
                                : "this user has all that he may have (/users/processes, or what "
                                  "the service manager says)");
        if (f->stage == WIRE_STAGE_EXEC && (f->err == ENOENT || f->err == ENOTDIR))
                return error_set(e, ERROR_EXEC_NOT_FOUND, f->err, "not found inside the sandbox");
        if (f->stage == WIRE_STAGE_EXEC)
                return error_set(e, ERROR_EXEC_DENIED, f->err, "cannot be executed: %s",
                                 strerror(f->err));
        if (f->stage == WIRE_STAGE_CWD)
                return error_field(e, "/cwd", "cannot be entered inside the sandbox: %s",
                                   strerror(f->err));
        return frame_error(f, NULL, e);
}

static int plan_send(struct box *b, struct error *e) {
        _cleanup_(plan_file_done) struct plan_file file = PLAN_FILE_NULL;
        int r = plan_encode(b->en, b->plan, b->init.root, &file, e);

        if (r < 0)
                return r;
        b->hash = rehearse_note(b->en, &file);
        r = plan_file_send(&file, b->init.control);
        fd_closep(&b->init.root);
        b->init.root = -1;
        return r < 0 ? error_set(e, ERROR_IO, -r, "leash-init is gone: %s", strerror(-r)) : 0;
}

/* Before the first command, so that everything which the sandbox ever starts is counted. */
static int cgroup_enter(struct box *b, struct error *e) {
        const struct cgroup_limits limits = { .memory_bytes = b->plan->limits.memory_bytes,
                                              .processes = b->plan->limits.processes,
                                              .cpu_millis = b->plan->limits.cpu_millis,
                                              .io_weight = b->plan->limits.io_weight };
        int r;

        if (!b->plan->cgroup)
                return 0;
        r = cgroup_prepare(&b->en->facts, e);
        if (r >= 0)
                r = cgroup_new(&b->en->facts, b->plan->subject->sandbox_id, &limits, &b->cgroup, e);
        if (r < 0)
                return r;
        r = cgroup_add(b->cgroup, b->init.pid);
        return r < 0 ? error_set(e, ERROR_IO, -r,
                                 "cannot move the sandbox into its control group: %s", strerror(-r))
                     : 0;
}

/* Has the kernel ended something since this was asked last? Without a group of its own a sandbox is
 * counted with the others of its user. */
static bool more_oom_kills(struct box *b) {
        struct cgroup_usage usage = {};
        uint64_t *seen = b->cgroup < 0 ? &b->en->oom_kills : &b->oom_kills, before = *seen;

        if (b->cgroup >= 0)
                cgroup_usage(b->cgroup, &usage);
        *seen = b->cgroup < 0 ? engine_oom_kills(b->en) : usage.oom_kills;
        return *seen > before;
}

/* Was it memory that ended a command? The group's count tells, since SIGKILL has many senders. */
static bool out_of_memory(struct box *b, int status) {
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && more_oom_kills(b);
}

static int build(struct box *b, struct error *e) {
        int r = pool_claim(b->en, &b->init, e);

        if (r >= 0)
                r = cgroup_enter(b, e);
        return r < 0 ? r : plan_send(b, e);
}

struct box *box_free(struct box *b) {
        if (!b)
                return NULL;
        if (b->cgroup >= 0) {
                (void) cgroup_kill(b->cgroup, CGROUP_KILL_MS);
                (void) cgroup_remove(&b->en->facts, b->plan->subject->sandbox_id, b->cgroup);
        }
        prepared_kill(b->en, &b->init);
        if (b->state == BOX_SERVING)
                rehearse(b->en, b->plan, b->hash);
        pool_reap(b->en);
        free(b->commands);
        free(b);
        return NULL;
}
DEFINE_CLEANUP(struct box *, box_free)

int box_new(struct engine *en, const struct plan *plan, struct box **ret, struct error *e) {
        _cleanup_(box_freep) struct box *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return error_nomem(e);
        b->en = en;
        b->plan = plan;
        b->init = PREPARED_NULL;
        b->cgroup = -1;
        pool_reap(en);
        r = rehearse_claim(en, plan, &b->init, &b->hash) ? 0 : build(b, e);
        if (r < 0)
                return r;
        if (plan->disk == DISK_FREE) { /* nobody will ask */
                fd_closep(&b->init.store);
                b->init.store = -1;
        }
        if (fcntl(b->init.control, F_SETFL, O_NONBLOCK) < 0)
                return error_set(e, ERROR_IO, errno, "control socket: %s", strerror(errno));
        *ret = TAKE(b);
        return 0;
}

int box_fd(const struct box *b) {
        return b->init.control;
}

/* The kernel ends all of a group that is out of memory, init included (memory.oom.group), so nobody
 * is left to report the commands: they ended for that reason. */
static bool over_by_memory(struct box *b, struct box_event *ret) {
        if (!b->over_by_memory && b->n_commands > 0)
                b->over_by_memory = more_oom_kills(b);
        for (size_t i = 0; i < b->n_commands && b->over_by_memory; i++) {
                if (b->commands[i].state != COMMAND_RUNNING)
                        continue;
                ret->kind = BOX_EXITED;
                ret->id = b->commands[i].id;
                ret->status = SIGKILL; /* as wait(2) says it */
                ret->out_of_memory = true;
                ret->reached = reached_memory(b->cgroup, b->plan);
                command_drop(b, &b->commands[i]);
                return true;
        }
        return false;
}

static int over(struct box *b, struct box_event *ret) {
        if (b->state == BOX_OVER)
                return 0;
        if (over_by_memory(b, ret))
                return 1; /* and once more, until only this is left to say: */
        b->state = BOX_OVER;
        ret->kind = BOX_GONE;
        return 1;
}

/* A socket of this family and type that accepts, and not of our own network. */
static bool is_listener(int fd, int family, int type, uint64_t own_network) {
        int domain = 0, kind = 0, protocol = 0, accepts = 0;
        uint64_t network = 0;
        socklen_t n = sizeof(int), n_network = sizeof(network);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 || domain != family)
                return false;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &n) < 0 || kind != type)
                return false;
        if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n) < 0 ||
            protocol != (type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP))
                return false;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) < 0 ||
            !accepts != (type == SOCK_DGRAM))
                return false;
        return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &network, &n_network) < 0 ||
               network != own_network;
}

static uint64_t own_network(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        uint64_t network = 0;
        socklen_t n = sizeof(network);

        if (fd >= 0)
                (void) getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &network, &n);
        return network;
}

static int refused(const struct wire_frame *f, struct box_event *ret) {
        const struct seccomp_row *row =
                f->usage[0] < seccomp_table_n ? &seccomp_table[f->usage[0]] : NULL;

        if (!row || !row->told)
                return 0;
        ret->kind = BOX_REFUSED;
        ret->syscall = row->name;
        ret->means = row->reason;
        ret->field = row->told[0] ? row->told : NULL;
        ret->count = (uint64_t) f->value;
        ret->pid = f->pid;
        memcpy(ret->comm, f->comm, sizeof(ret->comm));
        return 1;
}

/* Takes the descriptors out of `fds` into the event, if they are what was announced. */
static bool listeners_take(const struct box *b, const struct wire_frame *f, int *fds, size_t n_fds,
                           struct box_event *ret) {
        uint32_t mask = (uint32_t) f->value;
        size_t at = 0, others = f->usage[0];
        uint64_t own;

        if (n_fds != (size_t) __builtin_popcount(mask) + others || (n_fds > 0 && !b->plan->gate))
                return false;
        if (n_fds == 0)
                return !b->plan->gate;
        own = own_network();
        for (int i = 0; i < GATE_LISTENER_N_; i++)
                if (mask & 1u << i && !is_listener(fds[at++], capture_listeners[i].family,
                                                   capture_listeners[i].type, own))
                        return false;
        for (size_t i = at; i < n_fds; i++)
                if (!is_listener(fds[i], AF_INET, SOCK_STREAM, own) &&
                    !is_listener(fds[i], AF_INET6, SOCK_STREAM, own))
                        return false;
        at = 0;
        for (int i = 0; i < GATE_LISTENER_N_; i++)
                if (mask & 1u << i)
                        ret->listeners[i] = TAKE_FD(fds[at++]);
        while (at < n_fds)
                ret->others[ret->n_others++] = TAKE_FD(fds[at++]);
        ret->listener_mask = mask;
        return true;
}

/* Turns a frame into an event; 0 when it is one that an honest init would not send now. */
static int event_from_frame(struct box *b, const struct wire_frame *f, int *fds, size_t n_fds,
                            struct box_event *ret) {
        struct box_command *c = f->id ? command_find(b, f->id) : NULL;

        ret->id = f->id;
        switch (f->type) {
        case WIRE_READY:
                if (b->state != BOX_BUILDING || !listeners_take(b, f, fds, n_fds, ret))
                        return 0;
                b->state = BOX_SERVING;
                ret->kind = BOX_READY;
                return 1;
        case WIRE_FAILED:
                if (b->state != BOX_BUILDING)
                        return 0;
                ret->kind = BOX_FAILED;
                (void) frame_error(f, b->plan, &ret->error);
                return 1;
        case WIRE_SPAWNED:
                if (!c || c->state != COMMAND_STARTING)
                        return 0;
                c->state = COMMAND_RUNNING;
                ret->kind = BOX_SPAWNED;
                ret->pid = (pid_t) f->value;
                if (n_fds > 0)
                        ret->pty = TAKE_FD(fds[0]);
                return 1;
        case WIRE_SPAWN_FAILED:
                if (!c || c->state != COMMAND_STARTING)
                        return 0;
                ret->kind = BOX_SPAWN_FAILED;
                (void) spawn_error(f, command_reached(b, c), &ret->error);
                command_drop(b, c);
                return 1;
        case WIRE_EXITED:
                if (!c || c->state != COMMAND_RUNNING)
                        return 0;
                ret->kind = BOX_EXITED;
                ret->status = (int) f->value;
                ret->out_of_memory = out_of_memory(b, ret->status);
                ret->reached = command_reached(b, c);
                command_drop(b, c);
                ret->user_us = f->usage[0];
                ret->system_us = f->usage[1];
                ret->rss_bytes = f->usage[2];
                return 1;
        case WIRE_DENIED:
        case WIRE_TRUST:
                ret->kind = f->type == WIRE_DENIED ? BOX_DENIED : BOX_TRUST;
                ret->access = f->stage ? ACCESS_WRITE : ACCESS_READ;
                ret->pid = f->pid;
                ret->err = f->err;
                memcpy(ret->comm, f->comm, sizeof(ret->comm));
                memcpy(ret->path, f->text, sizeof(ret->path));
                return 1;
        case WIRE_REFUSED:
                return refused(f, ret);
        case WIRE_UNTOLD:
                ret->kind = BOX_UNTOLD;
                ret->count = (uint64_t) f->value;
                return 1;
        default:
                return 0;
        }
}

int box_next(struct box *b, struct box_event *ret) {
        struct wire_frame f;
        int fds[GATE_LISTENER_N_ + GATE_OTHERS_MAX], r;
        size_t n_fds = 0;

        memset(ret, 0, sizeof(*ret));
        ret->pty = -1;
        for (int i = 0; i < GATE_LISTENER_N_; i++)
                ret->listeners[i] = -1;
        if (b->state == BOX_OVER)
                return 0;
        r = frame_receive(b->init.control, &f, fds, ELEMENTSOF(fds), &n_fds);
        if (r == -EAGAIN)
                return 0;
        if (r <= 0 || wire_frame_check(&f, sizeof(f), WIRE_TO_SESSION) < 0)
                r = 0;
        else
                r = event_from_frame(b, &f, fds, n_fds, ret);
        for (size_t i = 0; i < n_fds; i++)
                fd_closep(&fds[i]);
        return r > 0 ? 1 : over(b, ret);
}

static int command_add(struct box *b, uint64_t id, struct error *e) {
        if (b->n_commands == b->max_commands) {
                size_t max = b->max_commands ? b->max_commands * 2 : 8;
                struct box_command *more = realloc(b->commands, max * sizeof(*more));

                if (!more)
                        return error_nomem(e);
                b->commands = more;
                b->max_commands = max;
        }
        struct box_command *c = &b->commands[b->n_commands++];
        *c = (struct box_command){ .id = id };
        reached_mark(b->en, b->cgroup, &c->marks);
        return 0;
}

int box_spawn(struct box *b, const struct spawn *s, struct error *e) {
        struct wire_frame f = WIRE_FRAME(WIRE_SPAWN);
        _cleanup_close_ int file = -1;
        _cleanup_(freep) void *data = NULL;
        size_t n = 0, size = 0;
        int fds[4], r;

        if (b->state == BOX_OVER)
                return error_set(e, ERROR_GONE, EPIPE, "the sandbox has ended");
        r = spawn_encode(s, b->plan->subject->sandbox_id, &data, &size, e);
        if (r < 0)
                return r;
        if (size <= WIRE_SPAWN_INLINE) {
                f.value = (int64_t) size;
        } else {
                file = sealed_new("leash-spawn", data, size);
                if (file < 0)
                        return error_set(e, ERROR_IO, -file, "cannot make the command's file: %s",
                                         strerror(-file));
                fds[n++] = file;
        }
        for (int i = 0; i < 3; i++)
                if (s->stdio[i] >= 0)
                        fds[n++] = s->stdio[i];
        r = command_add(b, s->id, e);
        if (r < 0)
                return r;
        f.id = s->id;
        /* Queued by the socket itself while the view is still being built. */
        r = frame_send_data(b->init.control, &f, data, fds, n);
        if (r < 0) {
                b->n_commands--;
                return r == -EAGAIN ? error_set(e, ERROR_LIMIT, EAGAIN,
                                                "too many commands are waiting in this sandbox")
                                    : error_set(e, ERROR_GONE, -r, "the sandbox has ended");
        }
        return 0;
}

int box_signal(struct box *b, uint64_t id, int signo, struct error *e) {
        struct wire_frame f = WIRE_FRAME(WIRE_SIGNAL);
        int r;

        f.id = id;
        f.value = signo;
        if (!command_find(b, id))
                return error_set(e, ERROR_GONE, ESRCH, "the process has ended");
        r = frame_send(b->init.control, &f, NULL, 0);
        return r < 0 ? error_set(e, ERROR_GONE, -r, "the sandbox does not answer") : 0;
}

int box_resize(struct box *b, uint64_t id, unsigned rows, unsigned cols) {
        struct wire_frame f = WIRE_FRAME(WIRE_RESIZE);

        f.id = id;
        f.value = (int64_t) ((uint64_t) (rows & 0xffff) << 16 | (cols & 0xffff));
        return frame_send(b->init.control, &f, NULL, 0);
}

int box_ipc(const struct box *b) {
        return b->init.ipc;
}

bool box_used(const struct box *b, struct box_used *ret) {
        struct cgroup_usage u = {};

        if (b->cgroup < 0)
                return false;
        cgroup_usage(b->cgroup, &u);
        *ret = (struct box_used){ .memory_peak = u.memory_peak,
                                  .processes_peak = u.processes_peak,
                                  .cpu_us = u.cpu_us,
                                  .io_read = u.io_read,
                                  .io_written = u.io_written };
        return true;
}

/* A sandbox ends by the end of its session's socket, which a frozen one does not see. So only where
 * somebody else ends what a session leaves behind: leash-launch (scope_end()). */
int box_freeze(struct box *b) {
        return b->cgroup < 0 || b->en->warden < 0 || b->state != BOX_SERVING
                       ? -EOPNOTSUPP
                       : cgroup_freeze(b->cgroup);
}

bool box_is_frozen(const struct box *b) {
        return b->cgroup >= 0 && cgroup_is_frozen(b->cgroup);
}

void box_thaw(struct box *b) {
        if (b->cgroup >= 0)
                cgroup_thaw(b->cgroup);
}

/* A program that is told ENOSPC has often left some of the last page's neighbours free. */
#define FULL_BYTES (64u * 1024)

bool box_disk(const struct box *b, uint64_t *ret_bytes, bool *ret_full) {
        struct statfs fs;

        if (b->init.store < 0 || fstatfs(b->init.store, &fs) < 0)
                return false;
        *ret_bytes = (fs.f_blocks - fs.f_bfree) * (uint64_t) fs.f_bsize;
        *ret_full = fs.f_bfree * (uint64_t) fs.f_bsize < FULL_BYTES || fs.f_ffree == 0;
        return true;
}

pid_t box_pid(const struct box *b) {
        return b->init.pid;
}

uint64_t box_memory(const struct box *b) {
        return b->cgroup < 0 ? 0 : cgroup_memory(b->cgroup);
}
