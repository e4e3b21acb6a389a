/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One call: words out, output and an answer back, the exit code from the answer. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "ipc.h"

#define CHUNK_BYTES (48 * 1024) /* of standard input; base64 makes 64 KiB of them */

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_TIMEOUT = 124, EXIT_LEASH = 125, EXIT_UNKNOWN = 127 };

static const char usage[] =
        "usage: leash-ipc NAME [ARG...]\n"
        "       leash-ipc --list\n"
        "\n"
        "Calls a command that the host offers to this sandbox. NAME --help says how.\n"
        "Each is also a program of its own: NAME [ARG...].\n";

static void say(int fd, const char *s, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, s, n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        exit(EXIT_FAILED); /* nobody reads it */
                s += k;
                n -= (size_t) k;
        }
}

static void says(int fd, const char *s) {
        say(fd, s, strlen(s));
}

_Noreturn void fail(int code, const char *first, const char *second) {
        says(2, "leash-ipc: ");
        says(2, first);
        says(2, second);
        says(2, "\n");
        exit(code);
}

static const struct {
        const char *code; /* of the error, as JSON */
        int exit;
} exits[] = {
        { "\"invalid_params\"", EXIT_USAGE },  { "\"not_found\"", EXIT_UNKNOWN },
        { "\"timeout\"", EXIT_TIMEOUT },       { "\"gone\"", EXIT_LEASH },
        { "\"invalid_request\"", EXIT_LEASH }, { "\"parse_error\"", EXIT_LEASH },
        { "\"internal_error\"", EXIT_LEASH },  { "\"limit_exceeded\"", EXIT_LEASH },
};

_Noreturn static void end_with_error(const char *name, struct value error) {
        struct value code = value_member(value_member(error, "data"), "code");
        size_t n = 0;
        char *message = value_text(value_member(error, "message"), false, &n);

        says(2, name);
        says(2, ": ");
        says(2, message ? message : "failed");
        says(2, "\n");
        for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
                if (value_is(code, exits[i].code))
                        exit(exits[i].exit);
        exit(EXIT_FAILED);
}

/* Text gets the line feed that a terminal and a shell's $() are made for; bytes stay as they are.
 */
_Noreturn static void end_with_result(struct value result) {
        struct value json = value_member(result, "json");
        bool bytes = value_is(value_member(result, "encoding"), "\"base64\"");
        size_t n = 0;
        char *text = value_text(value_member(result, "text"), bytes, &n);

        struct text out = { NULL, 0, 0 };

        if (text) {
                text_add(&out, text, n);
                if (!bytes && n > 0 && text[n - 1] != '\n')
                        text_adds(&out, "\n");
        }
        if (json.s) {
                text_add(&out, json.s, (size_t) (json.end - json.s));
                text_adds(&out, "\n");
        }
        say(1, out.data, out.len); /* at once: lines of callers side by side stay whole */
        exit((int) value_number(value_member(result, "exit_code"), 0));
}

/* true: standard input is asked for */
static bool handle(const char *name, const char *line, size_t len, bool *input_taken) {
        const struct value message = { line, line + len };
        struct value id = value_member(message, "id"), error = value_member(message, "error");
        struct value method = value_member(message, "method");

        if (value_is(id, "1") || (error.s && !value_is(id, "2"))) {
                if (error.s)
                        end_with_error(name, error);
                end_with_result(value_member(message, "result"));
        }
        if (value_is(id, "2"))
                *input_taken = true; /* or refused: then the call has its answer on the way */
        if (value_is(method, "\"output\"")) {
                struct value p = value_member(message, "params");
                bool bytes = value_is(value_member(p, "encoding"), "\"base64\"");
                size_t n = 0;
                char *text = value_text(value_member(p, "data"), bytes, &n);

                if (text)
                        say(value_is(value_member(p, "stream"), "\"stderr\"") ? 2 : 1, text, n);
                free(text);
        }
        return value_is(method, "\"read\"");
}

static void send_input(struct lines *l, bool *more) {
        static char chunk[CHUNK_BYTES];
        struct text t = { NULL, 0, 0 };
        ssize_t n;

        do
                n = read(0, chunk, sizeof(chunk));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                n = 0; /* what cannot be read has an end */
        *more = n > 0;
        text_adds(&t, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"input\",\"params\":{\"id\":1,"
                      "\"encoding\":\"base64\",\"data\":\"");
        text_add_base64(&t, chunk, (size_t) n);
        text_adds(&t, n > 0 ? "\"}}\n" : "\",\"eof\":true}}\n");
        lines_send(l, &t);
        free(t.data);
}

_Noreturn static void converse(struct lines *l, const char *name) {
        bool reading = false, free_to_send = true;

        for (;;) {
                struct pollfd fds[2] = { { .fd = l->fd, .events = POLLIN },
                                         { .fd = reading && free_to_send ? 0 : -1,
                                           .events = POLLIN } };
                const char *line;
                size_t len;

                if (poll(fds, 2, -1) < 0 && errno != EINTR)
                        fail(EXIT_LEASH, "poll: ", strerror(errno));
                if (fds[0].revents) {
                        lines_read(l);
                        while (lines_next(l, &line, &len))
                                reading = handle(name, line, len, &free_to_send) || reading;
                } else if (fds[1].revents) {
                        free_to_send = false;
                        send_input(l, &reading);
                }
        }
}

static bool is_utf8(const char *s) {
        while (*s) {
                unsigned char c = (unsigned char) *s++;
                int more = c < 0x80                ? 0
                           : c >= 0xc2 && c < 0xe0 ? 1
                           : c >= 0xe0 && c < 0xf0 ? 2
                           : c >= 0xf0 && c < 0xf5 ? 3
                                                   : -1;

                if (more < 0)
                        return false;
                for (; more > 0; more--)
                        if (((unsigned char) *s++ & 0xc0) != 0x80)
                                return false;
        }
        return true;
}

/* Never from a terminal: whoever types a command does not expect it to wait for more. */
static void add_call(struct text *t, const char *name, char **words) {
        text_adds(t, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"call\",\"params\":{\"name\":");
        text_add_string(t, name);
        text_adds(t, isatty(0) ? ",\"no_stdin\":true,\"argv\":[" : ",\"argv\":[");
        for (int i = 0; words[i]; i++) {
                if (!is_utf8(words[i]))
                        fail(EXIT_USAGE, "this argument is not UTF-8 text: ", words[i]);
                if (i > 0)
                        text_adds(t, ",");
                text_add_string(t, words[i]);
        }
        text_adds(t, "]}}\n");
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

int main(int argc, char **argv) {
        /* By the path that was executed: argv[0] may be anything. */
        const char *file = (const char *) getauxval(AT_EXECFN), *socket = getenv("LEASH_IPC");
        const char *name = base_name(file && *file ? file : argc > 0 ? argv[0] : "");
        struct text t = { NULL, 0, 0 };
        char **words = argv + (argc > 0);
        struct lines l;

        if (strcmp(name, "leash-ipc") == 0) {
                if (!words[0] || strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) {
                        says(words[0] ? 1 : 2, usage);
                        return words[0] ? 0 : EXIT_USAGE;
                }
                name = *words++;
        }
        if (name[0] == '-' && strcmp(name, "--list") != 0)
                fail(EXIT_USAGE, "unknown option ", name);
        if (!socket || !*socket)
                fail(EXIT_LEASH, "LEASH_IPC is not set: this is no sandbox that offers commands",
                     "");
        lines_connect(&l, socket);
        if (name[0] == '-')
                text_adds(&t, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"list\"}\n");
        else
                add_call(&t, name, words);
        lines_send(&l, &t);
        free(t.data);
        converse(&l, name);
}
