/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A hostile leash-init: this program itself, started by the engine as if it were one. It takes the
 * plan and answers with what the plan's working directory names: descriptors that are too many, too
 * few, of the wrong kind, or of the host's own network. The sandbox must end, and no descriptor
 * may stay.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../../../backends/linux/box.h"
#include "../../../backends/linux/capture.h"
#include "../../../backends/linux/frames.h"
#include "../suite.h"

#define CONTROL 3 /* INIT_CONTROL_FD */

/* --- the hostile side --- */

static int make(int family, int type, bool listening) {
        int fd = socket(family, type | SOCK_CLOEXEC, 0);

        if (listening && type == SOCK_STREAM && listen(fd, 1) < 0)
                return -1;
        return fd;
}

static size_t honest(int *fds) {
        for (int i = 0; i < GATE_LISTENER_N_; i++)
                fds[i] = make(capture_listeners[i].family, capture_listeners[i].type, true);
        return GATE_LISTENER_N_;
}

static void replace(int *fd, int by) {
        close(*fd);
        *fd = by;
}

static size_t lie(const char *how, struct wire_frame *f, int *fds) {
        size_t n = honest(fds);

        f->value = (1 << GATE_LISTENER_N_) - 1;
        if (strcmp(how, "/others") == 0) {
                f->usage[0] = 1;
                fds[n++] = make(AF_INET, SOCK_STREAM, true);
        } else if (strcmp(how, "/few") == 0) {
                n--;
        } else if (strcmp(how, "/many") == 0) {
                fds[n++] = make(AF_INET, SOCK_STREAM, true);
        } else if (strcmp(how, "/none") == 0) {
                f->value = 0;
                n = 0;
        } else if (strcmp(how, "/order") == 0) {
                int fd = fds[GATE_PROXY4];

                fds[GATE_PROXY4] = fds[GATE_PROXY6];
                fds[GATE_PROXY6] = fd;
        } else if (strcmp(how, "/deaf") == 0) {
                replace(&fds[GATE_TCP4], make(AF_INET, SOCK_STREAM, false));
        } else if (strcmp(how, "/unix") == 0) {
                replace(&fds[GATE_TCP4], make(AF_UNIX, SOCK_STREAM, false));
        } else if (strcmp(how, "/datagram") == 0) {
                replace(&fds[GATE_TCP4], make(AF_INET, SOCK_DGRAM, false));
        } else if (strcmp(how, "/file") == 0) {
                replace(&fds[GATE_DNS_UDP4], open("/dev/null", O_RDWR | O_CLOEXEC));
        } else if (strcmp(how, "/other-file") == 0) {
                f->usage[0] = 1;
                fds[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
        } else if (strcmp(how, "/hostnet") == 0) {
                char data[WIRE_SPAWN_INLINE];
                struct wire_frame spawn;
                size_t n_theirs, n_data;
                int theirs[4];

                /* A command's input, from out there. */
                if (frame_receive_data(CONTROL, &spawn, data, sizeof(data), &n_data, theirs,
                                       ELEMENTSOF(theirs), &n_theirs) > 0 &&
                    n_data > 0 && n_theirs > 0)
                        replace(&fds[GATE_TCP4], theirs[0]);
        }
        return n;
}

static int hostile(void) {
        struct wire_frame f = WIRE_FRAME(WIRE_PREPARED);
        int fds[FRAME_FDS_MAX], root = open("/", O_PATH | O_CLOEXEC);
        size_t n, size;
        const struct wire_plan *plan;

        if (frame_send(CONTROL, &f, &root, 1) < 0)
                return 1;
        do
                if (frame_receive(CONTROL, &f, fds, ELEMENTSOF(fds), &n) <= 0)
                        return 1;
        while (f.type != WIRE_PLAN);
        plan = sealed_map(fds[0], &size);
        if (!plan)
                return 1;
        f = WIRE_FRAME(WIRE_READY);
        n = lie(wire_string(plan, plan->workdir), &f, fds);
        (void) frame_send(CONTROL, &f, fds, n);
        for (size_t i = 0; i < n; i++)
                close(fds[i]);
        (void) frame_receive(CONTROL, &f, fds, ELEMENTSOF(fds), &n);
        return 0;
}

/* --- ours --- */

static size_t open_descriptors(void) {
        DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static struct facts facts;
static struct engine *engine;

static void spawn_with_socket(struct box *b) {
        static const char *const argv[] = { "true", NULL };
        struct spawn s = { .id = 1, .argv = argv, .stdio = { -1, -1, -1 } };
        struct error e = {};

        s.stdio[0] = make(AF_INET, SOCK_STREAM, true);
        ck_assert_int_ge(s.stdio[0], 0);
        ck_assert_msg(box_spawn(b, &s, &e) >= 0, "%s", e.message);
        close(s.stdio[0]);
}

static struct box_event answer(const char *how, bool gate) {
        const struct subject subject = { .workdir = how, .sandbox_id = "sb-test" };
        const struct plan plan = { .subject = &subject, .gate = gate };
        struct pollfd p = { .events = POLLIN };
        struct box_event ev = {};
        struct error e = {};
        struct box *b;

        ck_assert_msg(box_new(engine, &plan, &b, &e) >= 0, "%s", e.message);
        if (strcmp(how, "/hostnet") == 0)
                spawn_with_socket(b);
        p.fd = box_fd(b);
        ck_assert_int_eq(poll(&p, 1, 10000), 1);
        ck_assert_int_eq(box_next(b, &ev), 1);
        box_free(b);
        return ev;
}

static void listeners_close(const struct box_event *ev) {
        for (int i = 0; i < GATE_LISTENER_N_; i++)
                if (ev->listener_mask & 1u << i)
                        ck_assert_int_eq(close(ev->listeners[i]), 0);
        for (size_t i = 0; i < ev->n_others; i++)
                ck_assert_int_eq(close(ev->others[i]), 0);
}

static void setup(void) {
        const struct backend_options options = { .init_path = "/proc/self/exe" };
        struct error e = {};

        ck_assert_msg(backends[0]->engine_new(&options, &facts, &engine, &e) >= 0, "%s", e.message);
}

static void teardown(void) {
        engine = backends[0]->engine_free(engine);
}

START_TEST(honest_ones_are_handed_over) {
        struct box_event ev = answer("/honest", true);

        ck_assert_int_eq(ev.kind, BOX_READY);
        ck_assert_uint_eq(ev.listener_mask, (1u << GATE_LISTENER_N_) - 1);
        ck_assert_uint_eq(ev.n_others, 0);
        listeners_close(&ev);
        ev = answer("/others", true);
        ck_assert_int_eq(ev.kind, BOX_READY);
        ck_assert_uint_eq(ev.n_others, 1);
        listeners_close(&ev);
        ev = answer("/none", false);
        ck_assert_int_eq(ev.kind, BOX_READY);
        ck_assert_uint_eq(ev.listener_mask, 0);
}
END_TEST

START_TEST(lies_end_the_sandbox) {
        static const char *const lies[] = {
                "/few",  "/many",     "/none", "/order",      "/deaf",
                "/unix", "/datagram", "/file", "/other-file", "/hostnet"
        };
        size_t before;

        (void) answer("/none", false);
        before = open_descriptors();
        for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
                struct box_event ev = answer(lies[i], true);

                ck_assert_msg(ev.kind == BOX_GONE, "%s gives %d", lies[i], ev.kind);
        }
        ck_assert_int_eq(answer("/honest", false).kind, BOX_GONE); /* nobody asked for any */
        /* Each init takes its time to die, the more the busier the machine is. */
        for (int i = 0; i < 3000 && open_descriptors() > before; i++) {
                backends[0]->engine_reap(engine);
                usleep(10000);
        }
        ck_assert_msg(open_descriptors() <= before, "descriptors stay");
}
END_TEST

int main(int argc, char **argv) {
        static const struct fixture fixture = { .setup = setup,
                                                .teardown = teardown,
                                                .timeout = 60 };

        if (argc > 0 && strcmp(argv[0], "leash-init") == 0)
                return hostile();
        /* Without network namespaces there is no gate. */
        if (backends[0]->probe(&facts, &(struct error){}) < 0 || facts_native(&facts))
                return 77;
        return RUN_TESTS_IN(&fixture, "box", honest_ones_are_handed_over, lies_end_the_sandbox);
}
