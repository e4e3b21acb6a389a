/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A command that runs: one process.start, then signals, the terminal and (where needed) its bytes,
 * until process.exited. On the usual path, with nothing to relay, that is one request and two lines
 * back.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../libleash/localise.h"
#include "ask.h"
#include "commands.h"
#include "host.h"
#include "signals.h"
#include "streams.h"
#include "terminal.h"

/* Two interrupts within this time mean it; a third one does not wait for the daemon. */
#define IMPATIENCE_MS 2000

struct live {
        struct ctl *c;
        struct streams streams;
        struct terminal terminal;
        struct leash_process *process;
        struct asking *asking;
        struct hosts *hosts;
        const char *sandbox; /* made before the command, for --ipc; in the arena, or NULL */
        int signals;
        int64_t last_int; /* ms, monotonic; 0 = none yet */
        unsigned ints;    /* within IMPATIENCE_MS of each other */
        bool given_up;
        int early; /* a signal that came before there was a command to send it to; 0 = none */
};

bool live_wants_tty(const struct options *o) {
        if (o->json || o->tty == TRI_NO)
                return false;
        return o->tty == TRI_YES || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
}

static bool add_environment(struct ctl *c, const struct launch *launch,
                            struct process_start_params *p) {
        const char *term = getenv("TERM");
        bool tty = c->o.tty == TRI_YES || isatty(0) || isatty(1) || isatty(2);
        bool said = pairs_get(&c->o.overrides.environment.set, "TERM") ||
                    (c->o.policy && pairs_get(&c->o.policy->environment.set, "TERM"));

        for (size_t i = 0; i < launch->environment.n; i++)
                if (!arena_push_pair(c->o.arena, &p->environment, launch->environment.items[i].name,
                                     launch->environment.items[i].value))
                        return false;
        if (term && *term && tty && !said)
                return arena_push_pair(c->o.arena, &p->environment, "TERM", term);
        return true;
}

static int encode_start(struct live *l, const struct launch *launch, struct json **ret) {
        struct ctl *c = l->c;
        struct process_start_params p = {
                .argv = launch->argv,
                .stdio = l->streams.spec,
                .pty = l->streams.tty ? &l->streams.size : NULL,
                .timeout_ms = c->o.timeout_ms,
                .keep_workdir = c->o.keep,
        };
        struct place place;
        struct error e = ERROR_NULL;
        int r = 0;

        if (l->sandbox) {
                place = (struct place){ .sandbox = l->sandbox };
                p.keep_workdir = false;
        } else {
                r = options_place(&c->o, &place, &e);
        }
        PLACE_SET(&p, &place);
        if (r >= 0 && !add_environment(c, launch, &p))
                r = error_nomem(&e);
        if (r >= 0)
                r = shape_encode(methods[METHOD_PROCESS_START].params, &p, ret, &e);
        if (r >= 0)
                return 0;
        return ctl_fail_place(c, &e);
}

static void resize(struct live *l) {
        unsigned rows, cols;

        if (!l->streams.tty)
                return;
        terminal_size(&rows, &cols);
        (void) leash_process_resize(l->process, rows, cols);
}

static void interrupted(struct live *l) {
        int64_t now = now_ms();

        l->ints = l->last_int > 0 && now - l->last_int <= IMPATIENCE_MS ? l->ints + 1 : 1;
        l->last_int = now;
        if (l->ints > 2)
                l->given_up = true;
        else
                (void) leash_process_signal(l->process, l->ints == 1 ? SIGINT : SIGKILL);
}

static void stopped(struct live *l) {
        bool raw = l->terminal.raw;

        /* Only leashctl was stopped: with a pty ^Z goes to the command's own terminal. */
        terminal_restore(&l->terminal);
        (void) leash_process_signal(l->process, SIGSTOP);
        while (l->c->l->out_first && leash_dispatch(l->c->l) >= 0)
                ;
        signals_stop_here();
        (void) leash_process_signal(l->process, SIGCONT);
        if (raw)
                (void) terminal_raw(&l->terminal);
        resize(l);
}

static void handle_signal(struct live *l, int signo) {
        if (signo == SIGWINCH)
                resize(l);
        else if (signo == SIGTSTP)
                stopped(l);
        else if (signo == SIGINT)
                interrupted(l);
        else
                (void) leash_process_signal(l->process, signo);
}

static void handle_signals(struct live *l) {
        int signo;

        while ((signo = signals_next(l->signals)) > 0)
                handle_signal(l, signo);
}

/* While the sandbox is being made: one signal waits for the command; a second one does not wait. */
static int wait_for_start(struct leash *conn, void *userdata) {
        struct live *l = userdata;
        struct pollfd fds[] = {
                { .fd = leash_get_fd(conn), .events = (short) leash_get_events(conn) },
                { .fd = l->signals, .events = POLLIN },
        };
        int signo;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
                return -errno;
        while (fds[1].revents && (signo = signals_next(l->signals)) > 0) {
                if (signo == SIGWINCH)
                        continue;
                if (signo == SIGTSTP) {
                        signals_stop_here();
                        continue;
                }
                l->given_up = l->early != 0;
                l->early = signo;
                if (l->given_up)
                        return -EINTR;
        }
        return fds[0].revents ? leash_dispatch(conn) : 0;
}

static int timeout(const struct live *l) {
        int x = asking_timeout(l->asking), y = hosts_timeout(l->hosts);

        return x < 0 || (y >= 0 && y < x) ? y : x;
}

/* Until the command has ended: 0; or the connection is gone: -errno. */
static int loop(struct live *l) {
        struct leash *conn = l->c->l;

        while (!process_exited_json(l->process) && !l->given_up) {
                struct pollfd fds[4 + 3];
                size_t at[3], n[3];
                fds[0] = (struct pollfd){ .fd = leash_get_fd(conn),
                                          .events = (short) leash_get_events(conn) };
                fds[1] = (struct pollfd){ .fd = l->signals, .events = POLLIN };
                fds[2] = (struct pollfd){ .fd = asking_fd(l->asking), .events = POLLIN };
                fds[3] = (struct pollfd){ .fd = hosts_fd(l->hosts), .events = POLLIN };
                l->streams.no_input = asking_is_open(l->asking);
                size_t used = 4 + streams_poll(&l->streams, fds + 4, at, n);
                if (poll(fds, used, timeout(l)) < 0 && errno != EINTR)
                        return -errno;
                if (fds[1].revents)
                        handle_signals(l);
                asking_step(l->asking);
                hosts_step(l->hosts);
                streams_step(&l->streams, fds + 4, at, n);
                if (fds[0].revents) {
                        int r = leash_dispatch(conn);
                        if (r < 0 && !process_exited_json(l->process))
                                return r;
                }
        }
        return 0;
}

static int print_result(struct live *l, struct process_exit *x) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct error e = ERROR_NULL;
        struct streams *s = &l->streams;
        struct process_run_result w = {
                .process = x->process,
                .sandbox = x->sandbox,
                .exit = x->exit,
                .reason = x->reason,
                .stdout_ = { s->kept[1] ? s->kept[1] : "", s->kept_len[1] },
                .stderr_ = { s->kept[2] ? s->kept[2] : "", s->kept_len[2] },
                .truncated = s->cut || x->truncated,
                .usage = x->usage,
                .denials = x->denials,
                .denials_lost = x->denials_lost,
                .trust_created = x->trust_created,
                .limits_reached = x->limits_reached,
        };

        bool text = utf8_is_valid(w.stdout_.data, w.stdout_.len) &&
                    utf8_is_valid(w.stderr_.data, w.stderr_.len);
        w.encoding = text ? ENCODING_UTF8 : ENCODING_BASE64;
        int r = shape_encode(methods[METHOD_PROCESS_RUN].result, &w, &j, &e);
        return r < 0 ? ctl_fail_with(l->c, &e) : ctl_print_json(j);
}

static int finish(struct live *l, const struct launch *launch) {
        struct process_exit x = { 0 };
        struct error e = ERROR_NULL;
        struct json *j = process_exited_json(l->process);

        if (!j)
                return 128 + SIGINT; /* given up; closing the connection ends the sandbox */
        int r = shape_decode_lax(notifications[NOTIFY_PROCESS_EXITED].params, j, l->c->o.arena, &x,
                                 &e);
        if (r < 0)
                return ctl_fail_with(l->c, &e);
        if (l->c->o.json) {
                int code = print_result(l, &x);
                if (code != 0)
                        return code;
        }
        if (l->c->o.keep && !l->c->o.json && *leash_process_workdir(l->process)) {
                fputs("leashctl: kept ", stderr);
                print_escaped(stderr, leash_process_workdir(l->process));
                fputc('\n', stderr);
        }
        return report_end(l->c, launch, &x);
}

static int attend(struct live *l, const struct launch *launch) {
        int r = 0;

        if (l->streams.tty)
                r = streams_attach(&l->streams, process_take_pty(l->process));
        if (l->early)
                handle_signal(l, l->early);
        if (l->streams.tty && r >= 0) {
                l->terminal.fd = isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
                (void) terminal_raw(&l->terminal);
        }
        if (r >= 0)
                r = loop(l);
        if (r >= 0 && !l->given_up)
                streams_finish(&l->streams);
        terminal_restore(&l->terminal);
        if (r < 0) {
                struct error e = ERROR_NULL;
                error_set(&e, ERROR_GONE, -r,
                          "lost the connection to leashd while the command ran "
                          "(%s); its sandbox ends with it",
                          strerror(-r));
                return ctl_fail_with(l->c, &e);
        }
        return finish(l, launch);
}

/* Commands have to be there before whoever calls them. */
static int offer(struct live *l) {
        struct ctl *c = l->c;
        struct sandbox_create_params p = { .keep_workdir = c->o.keep };
        struct sandbox_create_result made = { 0 };
        struct place place = { 0 };
        struct error e = ERROR_NULL;

        if (c->o.ipc.n == 0)
                return 0;
        int r = options_place(&c->o, &place, &e);
        if (r < 0)
                return ctl_fail_place(c, &e);
        if (place.sandbox)
                return ctl_usage(c, "--ipc goes not together with --sandbox: only who makes a "
                                    "sandbox may offer it commands");
        p.policy = place.policy;
        p.profile = place.profile;
        p.overrides = place.overrides;
        r = leash_call_method(c->l, METHOD_SANDBOX_CREATE, &p, c->o.arena, &made, NULL);
        if (r < 0)
                return ctl_fail(c);
        l->sandbox = made.sandbox;
        return hosts_register(c, l->sandbox, &l->hosts);
}

static bool may_fall_back(const struct leash *l) {
        return l->error.code == ERROR_EXEC_NOT_FOUND || l->error.code == ERROR_EXEC_DENIED;
}

/* What only a shell would have understood. */
static bool is_for_a_shell(const char *program) {
        static const char *const builtins[] = { "alias", "cd",     "export", "source",
                                                "set",   "ulimit", ".",      "eval" };

        for (size_t i = 0; i < ELEMENTSOF(builtins); i++)
                if (strcmp(builtins[i], program) == 0)
                        return true;
        return strpbrk(program, " \t\n|&;<>$*`=") != NULL;
}

/* A backend knows what failed, not always what it was called here. */
static int fail_exec(struct ctl *c, const char *program) {
        struct error e = c->l->error;

        if (!strstr(e.message, program))
                snprintf(e.message, sizeof(e.message), "%.300s: %.700s", program,
                         c->l->error.message);
        size_t n = strlen(e.message);
        if (e.code == ERROR_EXEC_NOT_FOUND && is_for_a_shell(program))
                snprintf(e.message + n, sizeof(e.message) - n,
                         "; for what a shell understands: leashctl run -- sh -c '…'");
        return ctl_fail_with(c, &e);
}

static int start(struct live *l, struct launch *launch) {
        for (const char *const *next = launch->fallbacks;; next++) {
                _cleanup_(json_unrefp) struct json *params = NULL;
                int code = encode_start(l, launch, &params);
                if (code != 0)
                        return code;
                int r = process_start_json(l->c->l, params, l->streams.fds, l->streams.n_fds,
                                           wait_for_start, l, &l->process);
                if (r >= 0)
                        return 0;
                if (l->given_up)
                        return 128 + l->early; /* our going ends whatever was on its way */
                if (!may_fall_back(l->c->l))
                        return ctl_fail(l->c);
                if (!next || !*next)
                        return fail_exec(l->c, launch->argv.items[0]);
                launch->argv.items[0] = *next;
        }
}

int live_launch(struct ctl *c, struct launch *launch) {
        struct live l = { .c = c, .terminal = { .fd = -1 }, .signals = -1 };
        int code = ctl_connect(c, 0);

        if (code != 0)
                return code;
        int r = streams_open(&l.streams, live_wants_tty(&c->o), c->o.json);
        if (r < 0) {
                struct error e = ERROR_NULL;
                error_set(&e, ERROR_IO, -r, "cannot prepare the command's streams: %s",
                          strerror(-r));
                code = ctl_fail_with(c, &e);
        } else {
                /* Before the request: a signal that comes while the command starts is the
                 * command's. */
                l.signals = signals_open();
                l.asking = asking_new(c->l, &l.terminal, c->o.quiet || c->o.json);
                if (venv_may_be_made(&c->o))
                        venv_watch(c);
                code = offer(&l);
                if (code == 0)
                        code = start(&l, launch);
                venv_unwatch(c);
                streams_sent(&l.streams);
                if (code == 0)
                        code = attend(&l, launch);
        }
        hosts_free(l.hosts);
        asking_free(l.asking);
        streams_close(&l.streams);
        if (l.signals >= 0)
                close(l.signals);
        leash_process_free(l.process);
        return code;
}
