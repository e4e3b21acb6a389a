/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-session: all that one user's clients ask for, with that user's rights and no others. It is
 * started by leashd, gets each connection from it, and ends when leashd does (decision 14).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/control.h"
#include "../common/process.h"
#include "admin.h"
#include "audit.h"
#include "events.h"
#include "gate.h"
#include "history.h"
#include "process.h"
#include "quota.h"
#include "sandbox.h"
#include "users.h"
#include "session.h"
#include "venv.h"
#include "workdir.h"
#include "workspace.h"

static void say(struct session *s, enum control_type type) {
        struct control_message m = { .version = CONTROL_VERSION,
                                     .type = type,
                                     .pid = CONTROL_TAKES_DENIALS,
                                     .uid = (uint32_t) s->n_peers,
                                     .gid = (uint32_t) s->n_sandboxes,
                                     .busy = s->reported_busy,
                                     .received = s->received };
        /* The queue holds many of these and leashd only reads: a full one means that it hangs, and
         * then an idle report that it never gets keeps it running, which is the safe side. */
        (void) socket_send(s->control_fd, &m, sizeof m, NULL, 0);
}

static void tell_leashd(struct session *s) {
        say(s, CONTROL_STATUS);
}

void session_update(struct session *s) {
        bool busy = s->n_peers > 0 || s->n_sandboxes > 0;
        if (busy == s->reported_busy)
                return;
        s->reported_busy = busy;
        tell_leashd(s);
}

static void refuse(int fd, const struct error *e) {
        size_t len;
        char *line = rpc_format_error(NULL, e, &len);
        if (line)
                (void) socket_send(fd, line, len, NULL, 0);
        free(line);
}

static void on_control(evutil_socket_t control, short what, void *userdata) {
        struct session *s = userdata;
        union {
                struct control_message message;
                struct control_denial denial;
                struct control_user user;
        } got;
        int fd = -1;
        size_t n_fds = 0;

        ssize_t n = socket_recv(s->control_fd, &got, sizeof got, &fd, 1, &n_fds);
        if (n == -EAGAIN)
                return;
        if (n == (ssize_t) sizeof got.denial && got.denial.type == CONTROL_DENIAL &&
            got.denial.version == CONTROL_VERSION && n_fds == 0) {
                audit_denial(s, &got.denial);
                return;
        }
        if (n == (ssize_t) sizeof got.user && got.user.type == CONTROL_USER &&
            got.user.version == CONTROL_VERSION && n_fds == 0) {
                users_told(s, &got.user);
                return;
        }
        const struct control_message m = got.message;
        if (n == (ssize_t) sizeof m && m.type == CONTROL_HELLO && n_fds == 0) {
                say(s, CONTROL_WELCOME);
                return;
        }
        if (n == (ssize_t) sizeof m && m.type == CONTROL_RELOAD && n_fds == 0) {
                if (admin_load(s) >= 0)
                        log_event(&s->log, LOG_INFO, LOG_CONFIG_LOADED,
                                  "the configuration was read again", LOG_INT("uid", s->user.uid));
                return;
        }
        if (n != (ssize_t) sizeof m || m.version != CONTROL_VERSION ||
            m.type != CONTROL_CONNECTION || n_fds != 1) {
                if (n_fds == 1)
                        fd_close(fd);
                log_write(&s->log, LOG_INFO, "leashd is gone: ending", LOG_INT("result", n));
                (void) event_base_loopbreak(s->base);
                return;
        }
        s->received++;
        audit_note_state(s, m.busy);
        int r = peer_new(s, fd, m.pid);
        if (r < 0) {
                struct error e = ERROR_NULL;
                if (quota_check(s, QUOTA_CONNECTIONS, 1, &e) >= 0) {
                        log_write(&s->log, LOG_WARN, "cannot take a connection",
                                  LOG_INT("pid", m.pid), LOG_STR("errno", strerror(-r)));
                        (void) error_set(&e, ERROR_LIMIT, -r, "no connection can be taken: %s",
                                         strerror(-r));
                }
                refuse(fd, &e);
                linger_close(&s->linger, s->base, fd);
        }
        /* leashd counts what it sent: say that this one has come, also when nothing else changed.
         */
        tell_leashd(s);
}

/* The warden never speaks first, so this is its end. Without it nothing new can be made, and only
 * leashd can have another one started: with the next session. */
static void on_warden(evutil_socket_t warden, short what, void *userdata) {
        struct session *s = userdata;
        log_event(&s->log, LOG_ERROR, LOG_HELPER_GONE, "leash-warden is gone: ending",
                  LOG_INT("uid", s->user.uid));
        (void) event_base_loopbreak(s->base);
}

static void on_signal(evutil_socket_t signo, short what, void *userdata) {
        struct session *s = userdata;
        log_write(&s->log, LOG_INFO, "told to end", LOG_INT("signal", signo));
        (void) event_base_loopbreak(s->base);
}

/* Once more after a while: answers that a slow client had not read yet the first time. */
static void on_memory(evutil_socket_t fd, short what, void *userdata) {
        const struct timeval later = { .tv_sec = 5 };
        struct session *s = userdata;
        (void) malloc_trim(0);
        if (--s->trims > 0)
                (void) event_add(s->memory_event, &later);
}

static void on_reap(evutil_socket_t fd, short what, void *userdata) {
        sandbox_reap(userdata);
}

static int find_user(struct user *u, struct error *e) {
        char buffer[4096], real[PATH_MAX];
        struct passwd pw, *found = NULL;

        u->uid = geteuid();
        u->gid = getegid();
        if (getpwuid_r(u->uid, &pw, buffer, sizeof buffer, &found) != 0 || !found)
                return error_set(e, ERROR_INTERNAL, ENOENT, "there is no user with uid %u", u->uid);
        /* A home that does not exist keeps its name: nothing of it will be visible then. */
        u->home = strdup(realpath(pw.pw_dir, real) ? real : pw.pw_dir);
        u->name = strdup(pw.pw_name);
        return u->home && u->name ? 0 : error_nomem(e);
}

/* leashd --check-config. The owner counts where the file is loaded from; a draft may be anybody's.
 */
static int check_config(const char *path) {
        struct error e = ERROR_NULL;
        struct admin a;
        bool real = strcmp(path, ADMIN_CONFIG) == 0;
        int r = admin_read(path, real, &a, &e);

        if (r == -ENOENT && real) {
                printf("there is no %s: only the built-in limits hold\n", path);
                return 0;
        }
        if (r < 0) {
                fprintf(stderr, "leashd: %s: %s%s%s\n", path, e.where, e.where[0] ? ": " : "",
                        e.message);
                return 1;
        }
        arena_free(a.arena);
        printf("%s can be used%s\n", path,
               real || admin_trusted(path, NULL) >= 0
                       ? ""
                       : " (as " ADMIN_CONFIG
                         " it must belong to root, and nobody else may write it)");
        return 0;
}

static int parse(struct session *s, int argc, char **argv, struct error *e) {
        static const struct option options[] = {
                { "backend", required_argument, NULL, 'b' },
                { "socket", required_argument, NULL, 's' },
                { "system", no_argument, NULL, 'S' },
                { "check-config", required_argument, NULL, 'c' },
                { "audit-setting", no_argument, NULL, 'a' },
                { "user-totals", no_argument, NULL, 'u' },
                { 0 },
        };
        const char *backend = NULL;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == 'b')
                        backend = optarg;
                else if (c == 's')
                        s->socket_path = optarg;
                else if (c == 'S')
                        s->system = true;
                else if (c == 'c')
                        exit(check_config(optarg));
                else if (c == 'a')
                        exit(audit_print_setting());
                else if (c == 'u')
                        exit(admin_print_totals());
                else
                        return error_set(e, ERROR_PARAMS, 0, "leash-session is started by leashd");
        }
        s->backend = backend_by_name(backend);
        if (!s->backend)
                return error_set(e, ERROR_PARAMS, 0, "there is no backend %s in this build",
                                 backend ? backend : "for this platform");
        struct stat st;
        if (fstat(CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
                return error_set(e, ERROR_PARAMS, 0, "leash-session is started by leashd");
        s->control_fd = CONTROL_FD;
        s->warden = -1;
        if (s->system) {
                if (fstat(CONTROL_WARDEN_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
                        return error_set(e, ERROR_PARAMS, 0, "leash-session is started by leashd");
                s->warden = CONTROL_WARDEN_FD;
                (void) fcntl(CONTROL_WARDEN_FD, F_SETFD, FD_CLOEXEC);
        }
        (void) fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
        return fd_set_nonblock(CONTROL_FD, true);
}

static int prepare(struct session *s, struct error *e) {
        static const int signals[] = { SIGTERM, SIGINT };

        s->soft_files = process_raise_files();
        s->buffer = malloc(SESSION_BUFFER);
        s->base = process_event_base();
        s->histories = histories_new();
        if (!s->base || !s->buffer || !s->histories)
                return error_nomem(e);
        int r = find_user(&s->user, e);
        if (r >= 0)
                admin_load(s);
        if (r >= 0)
                r = engine_start(s, e);
        if (r < 0)
                return r;
        s->control_event = event_new(s->base, s->control_fd, EV_READ | EV_PERSIST, on_control, s);
        s->reap_event = evtimer_new(s->base, on_reap, s);
        s->memory_event = evtimer_new(s->base, on_memory, s);
        if (!s->control_event || !s->reap_event || !s->memory_event ||
            event_add(s->control_event, NULL) < 0)
                return error_nomem(e);
        if (s->warden >= 0) {
                s->warden_event = event_new(s->base, s->warden, EV_READ, on_warden, s);
                if (!s->warden_event || event_add(s->warden_event, NULL) < 0)
                        return error_nomem(e);
        }
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                s->signal_events[i] = evsignal_new(s->base, signals[i], on_signal, s);
                if (!s->signal_events[i] || event_add(s->signal_events[i], NULL) < 0)
                        return error_nomem(e);
        }
        struct error why = ERROR_NULL;
        if (workdirs_open(s, &why) <
            0) /* sweeps what dead sessions left; asked again when needed */
                log_write(&s->log, LOG_WARN, "no working directories", LOG_STR("why", why.message));
        return 0;
}

/* Sandboxes first: when this function is past them nothing of theirs runs. */
static void end(struct session *s) {
        venv_end_all(s);
        while (!LIST_EMPTY(&s->sandboxes))
                sandbox_free(LIST_FIRST(&s->sandboxes), NULL);
        sandbox_reap(s);
        users_stop(s);
        while (!LIST_EMPTY(&s->peers))
                peer_free(LIST_FIRST(&s->peers));
        process_forget_all(s);
        gate_stop(s);
        venvs_close(s);
        workdirs_close(s);
        workspace_forget(s);
        engine_stop(s);
        for (size_t i = 0; i < ELEMENTSOF(s->signal_events); i++)
                event_free(s->signal_events[i]);
        event_free(s->control_event);
        if (s->warden_event)
                event_free(s->warden_event);
        event_free(s->reap_event);
        event_free(s->memory_event);
        event_base_free(s->base);
        fd_close(s->control_fd);
        s->admin.arena = arena_free(s->admin.arena);
        s->histories = histories_free(s->histories);
        free(s->buffer);
        free(s->user.home);
        free(s->user.name);
}

int main(int argc, char **argv) {
        struct session s = { .control_fd = -1 };
        struct error e = ERROR_NULL;

        s.log = log_open("leash-session", &s.log_rate);
        s.stats.since = clock_monotonic();
        s.stats.started = clock_wall();
        LIST_INIT(&s.peers);
        LIST_INIT(&s.ipc_calls);
        LIST_INIT(&s.sandboxes);
        LIST_INIT(&s.doomed);
        LIST_INIT(&s.processes);
        LIST_INIT(&s.venv_builds);
        LIST_INIT(&s.workers);
        process_prepare();
        if (parse(&s, argc, argv, &e) < 0 || prepare(&s, &e) < 0) {
                log_write(&s.log, LOG_ERROR, "cannot start", LOG_STR("why", e.message));
                return 1;
        }
        (void) event_base_dispatch(s.base);
        end(&s);
        return 0;
}
