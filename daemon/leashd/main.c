/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leashd: listens, identifies each caller, hands the connection to that user's leash-session. It
 * parses no JSON and opens no path that a client named. User mode ends by itself when nothing uses
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../backends/confine.h"
#include "../common/process.h"
#include "audit.h"
#include "host.h"
#include "leashd.h"

#define IDLE_SECONDS_DEFAULT 60

static const char usage[] =
        "Usage: leashd [--user] [OPTIONS]\n"
        "Runs commands in sandboxes for the clients that connect to its socket.\n\n"
        "  --user               serve only the user that starts it; else all users, as root\n"
        "  --socket PATH        listen there instead of /run/leash/leash.sock or (--user)\n"
        "                       $XDG_RUNTIME_DIR/leash/leash.sock\n"
        "  --idle-exit SECONDS  end what is unused for so long (default 60; 0 = never): with\n"
        "                       --user leashd itself, else each user's leash-session\n"
        "  --launcher SOCKET    leash-launch is there, in a unit of its own; else it is a child\n"
        "  --keep-sessions      sessions outlive leashd while systemd keeps their sockets\n"
        "                       (FileDescriptorStoreMax=), so that a restart loses nothing\n"
        "  --admit UID:UNIT:CHECK[,CHECK]  callers of this user in this unit of the system's are\n"
        "                       served although they are confined: mounts, seccomp, no_new_privs\n"
        "  --backend NAME       how to enforce; \"null\" enforces nothing and is for tests\n"
        "  --check-config[=FILE]  say whether /etc/leash/leashd.json, or FILE, can be used\n"
        "  --version, --help\n\n"
        "A listening socket passed by descriptor (LISTEN_PID, LISTEN_FDS=1; sd_listen_fds(3)) is "
        "used\n"
        "as it is. LEASH_LOG=error|warn|info|debug sets how much is written to stderr.\n";

void leashd_update(struct leashd *d) {
        struct timeval after = { .tv_sec = d->idle_seconds };

        listen_update(d);

        if (!sessions_idle(d)) {
                (void) event_del(d->idle_event);
                return;
        }
        if (d->draining)
                (void) event_base_loopbreak(d->base);
        else if (!d->system && d->idle_seconds > 0 &&
                 !event_pending(d->idle_event, EV_TIMEOUT, NULL))
                (void) event_add(d->idle_event, &after);
}

static void on_idle(evutil_socket_t fd, short what, void *userdata) {
        struct leashd *d = userdata;
        log_event(&d->log, LOG_INFO, LOG_DAEMON_ENDING, "unused: ending",
                  LOG_INT("after_seconds", d->idle_seconds));
        /* Callers that came in the last moment are still served; we end when they are done. */
        d->draining = true;
        listen_stop(d);
        leashd_update(d);
}

static void on_signal(evutil_socket_t signo, short what, void *userdata) {
        struct leashd *d = userdata;
        if (signo == SIGCHLD) {
                sessions_reap(d);
                leashd_update(d);
                return;
        }
        if (signo == SIGHUP) {
                /* A terminal's end says the same; in user mode that is no reason to end either. */
                log_write(&d->log, LOG_INFO, "told to reload", LOG_INT("signal", signo));
                launcher_reload(d);
                sessions_reload(d);
                return;
        }
        log_event(&d->log, LOG_INFO, LOG_DAEMON_ENDING, "told to end", LOG_INT("signal", signo));
        d->ending = true;
        (void) event_base_loopbreak(d->base);
}

/* Another program reads it: this one knows no JSON. */
static int check_config(const char *path, struct error *e) {
        char session[PATH_MAX];

        if (process_sibling("leash-session", session, sizeof session) < 0)
                return error_set(e, ERROR_INTERNAL, ENOENT, "leash-session is not installed");
        (void) execl(session, "leash-session", "--check-config",
                     path ? path : "/etc/leash/leashd.json", (char *) NULL);
        return error_set(e, ERROR_INTERNAL, errno, "cannot execute leash-session");
}

static int parse(struct leashd *d, int argc, char **argv, struct error *e) {
        static const struct option options[] = {
                { "user", no_argument, NULL, 'u' },
                { "socket", required_argument, NULL, 's' },
                { "idle-exit", required_argument, NULL, 'i' },
                { "backend", required_argument, NULL, 'b' },
                { "keep-sessions", no_argument, NULL, 'k' },
                { "launcher", required_argument, NULL, 'l' },
                { "admit", required_argument, NULL, 'a' },
                { "check-config", optional_argument, NULL, 'c' },
                { "version", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        bool user = false;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                switch (c) {
                case 'u':
                        user = true;
                        break;
                case 's':
                        d->socket_path = optarg;
                        break;
                case 'i': {
                        char *end;
                        errno = 0;
                        unsigned long n = strtoul(optarg, &end, 10);
                        if (errno || end == optarg || *end || n > INT_MAX)
                                return error_set(e, ERROR_PARAMS, 0, "--idle-exit takes seconds");
                        d->idle_seconds = (unsigned) n;
                        break;
                }
                case 'b':
                        d->backend = optarg; /* leash-session knows which there are */
                        break;
                case 'k':
                        d->keeps = true;
                        break;
                case 'a':
                        if (d->self.n_admits == ADMITS_MAX)
                                return error_set(e, ERROR_PARAMS, E2BIG,
                                                 "there may be %d --admit options", ADMITS_MAX);
                        if (admit_parse(optarg, &d->self.admits[d->self.n_admits], e) < 0)
                                return -EINVAL;
                        d->self.n_admits++;
                        break;
                case 'l':
                        d->launcher.path = optarg;
                        break;
                case 'c':
                        /* "--check-config FILE", too: to check another file is no good answer */
                        return check_config(optarg ? optarg : argv[optind], e);
                case 'v':
                        puts("leashd " LEASH_VERSION);
                        exit(0);
                case 'h':
                        fputs(usage, stdout);
                        exit(0);
                default:
                        return error_set(e, ERROR_PARAMS, 0, "see leashd --help");
                }
        }
        if (optind < argc)
                return error_set(e, ERROR_PARAMS, 0, "unexpected argument: %s", argv[optind]);
        d->system = !user;
        d->keeps &= d->system && getenv("NOTIFY_SOCKET");
        if (d->self.n_admits > 0 && !d->system)
                return error_set(e, ERROR_PARAMS, 0, "--admit does not go with --user");
        if (d->launcher.path && !d->system)
                return error_set(e, ERROR_PARAMS, 0, "--launcher does not go with --user");
        if (d->system && geteuid() != 0)
                return error_set(e, ERROR_PARAMS, 0,
                                 "only root can serve all users; leashd --user serves you");
        return 0;
}

static int prepare(struct leashd *d, struct error *e) {
        static const int signals[] = { SIGTERM, SIGINT, SIGCHLD, SIGHUP };

        pid_t free_one = 0; /* ourselves */
        int r = 0;

        d->base = process_event_base();
        d->idle_event = d->base ? evtimer_new(d->base, on_idle, d) : NULL;
        if (!d->idle_event)
                return error_nomem(e);
        if (d->launcher.path)
                r = launcher_connect(d, &free_one, e);
        if (r >= 0)
                r = identity_reference(free_one, &d->self, e);
        if (r >= 0)
                r = host_start(d, e);
        if (r >= 0)
                r = listen_from_environment(d, e);
        if (r == 0) {
                if (!d->socket_path) {
                        r = d->system ? listen_system_path(&d->own_path, e)
                                      : listen_user_path(&d->own_path, e);
                        if (r < 0)
                                return r;
                        d->socket_path = d->own_path;
                }
                r = listen_bind(d, d->socket_path, e);
        }
        if (r < 0)
                return r;
        if (process_sibling("leash-session", d->session_path, sizeof d->session_path) < 0)
                return error_set(e, ERROR_INTERNAL, ENOENT, "leash-session is not installed");
        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                d->signal_events[i] = evsignal_new(d->base, signals[i], on_signal, d);
                if (!d->signal_events[i] || event_add(d->signal_events[i], NULL) < 0)
                        return error_nomem(e);
        }
        audit_start(d); /* before the launcher, which inherits what we have not given up */
        r = d->system && !d->launcher.path ? launcher_start(d, e) : 0;
        if (r >= 0)
                r = listen_start(d, e);
        /* In user mode it is leashd that starts the session, which must not live behind these
         * walls. */
        return r >= 0 && d->system ? confine_leashd(e) : r;
}

static void done(struct leashd *d) {
        host_stop(d);
        audit_stop(d);
        if (d->idle_event)
                event_free(d->idle_event);
        if (d->users_event)
                event_free(d->users_event);
        for (size_t i = 0; i < ELEMENTSOF(d->signal_events); i++)
                if (d->signal_events[i])
                        event_free(d->signal_events[i]);
        if (d->base)
                event_base_free(d->base);
        free(d->own_path);
}

int main(int argc, char **argv) {
        struct leashd d = { .listen_fd = -1,
                            .lock_fd = -1,
                            .launcher = { .fd = -1 },
                            .idle_seconds = IDLE_SECONDS_DEFAULT };
        struct error e = ERROR_NULL;

        d.log = log_open("leashd", &d.log_rate);
        process_prepare();
        if (parse(&d, argc, argv, &e) < 0) {
                fprintf(stderr, "leashd: %s\n", e.message);
                return 2;
        }
        d.soft_files = process_raise_files();
        if (prepare(&d, &e) < 0) {
                fprintf(stderr, "leashd: %s\n", e.message);
                done(&d);
                return 1;
        }
        log_event(&d.log, LOG_INFO, LOG_DAEMON_STARTED, "listening",
                  LOG_STR("socket", d.socket_path), LOG_STR("version", LEASH_VERSION),
                  LOG_STR("mode", d.system ? "system" : "user"));
        host_ready(&d);
        leashd_update(&d);
        (void) event_base_dispatch(d.base);

        host_stopping(&d);
        listen_stop(&d);
        sessions_end(&d);
        done(&d);
        return d.failed ? 1 : 0;
}
