/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libleash in an event loop: two commands at once in one sandbox, driven by poll(2).
 *
 *     cc -o poll poll.c $(pkg-config --cflags --libs libleash)
 */
#include <leash.h>
#include <poll.h>
#include <stdio.h>

struct command {
        const char *name;
        struct leash_process *process;
        int *running;
};

/* What the command writes, as it comes. */
static void on_output(struct leash_process *p, int stream, const void *data, size_t len,
                      void *userdata) {
        const struct command *c = userdata;

        printf("%s (%s): %.*s", c->name, stream == 2 ? "stderr" : "stdout", (int) len,
               (const char *) data);
        fflush(stdout);
        (void) p;
}

static void on_exit(struct leash_process *p, const struct leash_result *r, void *userdata) {
        struct command *c = userdata;

        printf("%s: %s, status %d\n", c->name, r->reason, r->exit_code);
        leash_process_free(p); /* allowed here */
        c->process = NULL;
        --*c->running;
}

static int start(struct leash *l, struct leash_sandbox *box, struct command *c,
                 const char *script) {
        static const char options[] =
                "{\"stdio\": {\"stdin\": \"null\", \"stdout\": \"pipe\", \"stderr\": \"pipe\"},"
                " \"timeout_ms\": 10000}";
        const char *const argv[] = { "sh", "-c", script, NULL };
        int r = leash_start(l, box, NULL, argv, NULL, options, &c->process);

        if (r < 0)
                return r;
        ++*c->running;
        /* Calls them at once for what has come already: everything else must be in place. */
        leash_process_set_callbacks(c->process, on_output, on_exit, c);
        return 0;
}

int main(void) {
        struct leash *l;
        struct leash_sandbox *box = NULL;
        int running = 0;
        struct command one = { .name = "one", .running = &running };
        struct command two = { .name = "two", .running = &running };

        if (leash_connect(NULL, 0, &l) < 0) {
                fprintf(stderr, "no leashd: %s\n", leash_connect_error());
                return 1;
        }
        /* No workdir: a private directory, which goes when the sandbox goes. */
        int r = leash_sandbox_create(l, "{\"level\": \"default\"}", &box);
        if (r >= 0)
                r = start(l, box, &one, "for i in 1 2 3; do echo $i; sleep 0.1; done");
        if (r >= 0)
                r = start(l, box, &two, "echo oops >&2; exit 3");

        while (r >= 0 && running > 0) {
                struct pollfd fds[] = { { .fd = leash_get_fd(l),
                                          .events = (short) leash_get_events(l) } };
                /* … and whatever else the program waits for */
                if (poll(fds, 1, -1) > 0)
                        r = leash_dispatch(l);
        }
        if (r < 0)
                fprintf(stderr, "%s: %s\n", leash_last_error(l)->where,
                        leash_last_error(l)->message);
        leash_process_free(one.process);
        leash_process_free(two.process);
        leash_sandbox_free(box);
        leash_free(l);
        return r < 0;
}
