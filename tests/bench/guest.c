/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Inside the sandbox, for ipc.c: one line of nanoseconds per round.
 *
 *     bench-guest socket ROUNDS          a call of "ping" over the socket, and its answer
 *     bench-guest command ROUNDS NAME    a program started, and waited for
 */
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now_ns(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

static int die(const char *what) {
        fprintf(stderr, "bench-guest: %s: %s\n", what, strerror(errno));
        return 1;
}

static int over_socket(int rounds) {
        static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"call\",\"params\":"
                                   "{\"name\":\"ping\",\"arguments\":{\"args\":[]}}}\n";
        const char *path = getenv("LEASH_IPC");
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char answer[512];

        if (fd < 0 || !path || strlen(path) >= sizeof(a.sun_path))
                return die("LEASH_IPC");
        strcpy(a.sun_path, path);
        if (connect(fd, (const struct sockaddr *) &a, sizeof(a)) < 0)
                return die(path);
        for (int i = 0; i < rounds; i++) {
                int64_t start = now_ns();

                if (write(fd, call, sizeof(call) - 1) != (ssize_t) sizeof(call) - 1)
                        return die("write");
                ssize_t n = read(fd, answer, sizeof(answer) - 1); /* one short line */
                if (n <= 0 || answer[n - 1] != '\n')
                        return die("read");
                answer[n] = '\0';
                if (!strstr(answer, "\"pong\""))
                        return die(answer);
                printf("%lld\n", (long long) (now_ns() - start));
        }
        return 0;
}

static int as_command(int rounds, char *name) {
        char *const argv[] = { name, NULL };
        posix_spawn_file_actions_t quiet;
        int status;
        pid_t pid;

        posix_spawn_file_actions_init(&quiet);
        posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1 /* O_WRONLY */, 0);
        for (int i = 0; i < rounds; i++) {
                int64_t start = now_ns();

                errno = posix_spawnp(&pid, name, &quiet, NULL, argv, environ);
                if (errno || waitpid(pid, &status, 0) != pid || status != 0)
                        return die(name);
                printf("%lld\n", (long long) (now_ns() - start));
        }
        return 0;
}

int main(int argc, char **argv) {
        int rounds = argc > 2 ? atoi(argv[2]) : 0;

        if (argc == 3 && strcmp(argv[1], "socket") == 0)
                return over_socket(rounds);
        if (argc == 4 && strcmp(argv[1], "command") == 0)
                return as_command(rounds, argv[3]);
        return 2;
}
