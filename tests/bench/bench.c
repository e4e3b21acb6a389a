/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Measures how long things take, one after another in rounds, so that whatever else the machine
 * does hits all of them alike. bench.py starts the daemon, says what to run, and makes the table.
 *
 * bench latency ROUNDS SOCKET WORKDIR SUBJECTS
 *      SUBJECTS: a file of lines "name<TAB>argv0<TAB>argv1…"; the built-in ones are bare,
 * process.run and sandbox. Prints "name<TAB>nanoseconds" for each round of each. bench rate SECONDS
 * WORKERS SOCKET WORKDIR KIND KIND: bare, process.run or sandbox. Prints how many were done.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void die(const char *what) {
        fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
        exit(1);
}

static long long now(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* A connection that asks and waits; only as much JSON as this needs. */
struct line {
        int fd;
        unsigned id;
        char *sandbox;
        char answer[65536];
};

static void line_open(struct line *l, const char *socket_path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", socket_path);
        l->id = 0;
        l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (l->fd < 0 || connect(l->fd, (struct sockaddr *) &a, sizeof(a)) < 0)
                die(socket_path);
}

static const char *line_call(struct line *l, const char *method, const char *params) {
        char text[8192], id[32];
        size_t n = 0;
        int length = snprintf(text, sizeof(text),
                              "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\",\"params\":%s}\n",
                              ++l->id, method, params);
        if (write(l->fd, text, (size_t) length) != length)
                die("write");
        snprintf(id, sizeof(id), "\"id\":%u", l->id);
        for (;;) {
                ssize_t r = read(l->fd, l->answer + n, sizeof(l->answer) - 1 - n);
                if (r <= 0)
                        die("the daemon went away");
                n += (size_t) r;
                l->answer[n] = 0;
                if (l->answer[n - 1] == '\n')
                        break;
        }
        if (!strstr(l->answer, "\"result\"")) {
                fprintf(stderr, "bench: %s: %s", method, l->answer);
                exit(1);
        }
        return l->answer;
}

static char *line_create(struct line *l, const char *workdir) {
        char params[4300];
        snprintf(params, sizeof(params), "{\"policy\":{\"level\":\"default\",\"workdir\":\"%s\"}}",
                 workdir);
        const char *s = strstr(line_call(l, "sandbox.create", params), "\"sandbox\":");
        const char *quote = s ? strchr(s + 10, '"') : NULL;
        char *id = quote ? strdup(quote + 1) : NULL;
        if (!id)
                die("no sandbox in the answer");
        id[strcspn(id, "\"")] = 0;
        return id;
}

static void line_destroy(struct line *l, const char *sandbox) {
        char params[256];
        snprintf(params, sizeof(params), "{\"sandbox\":\"%s\"}", sandbox);
        line_call(l, "sandbox.destroy", params);
}

static void line_run(struct line *l) {
        char params[256];
        snprintf(params, sizeof(params), "{\"sandbox\":\"%s\",\"argv\":[\"/bin/true\"]}",
                 l->sandbox);
        if (!strstr(line_call(l, "process.run", params), "\"code\":0")) {
                fprintf(stderr, "bench: %s", l->answer);
                exit(1);
        }
}

static void spawn(char *const *argv) {
        posix_spawn_file_actions_t quiet;
        pid_t pid;
        int status;
        if (!argv[0])
                die("nothing to run");
        posix_spawn_file_actions_init(&quiet);
        posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
        if ((errno = posix_spawn(&pid, argv[0], &quiet, NULL, argv, environ)))
                die(argv[0]);
        if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                fprintf(stderr, "bench: %s ended with %x\n", argv[0], status);
                exit(1);
        }
        posix_spawn_file_actions_destroy(&quiet);
}

static void once(struct line *l, const char *kind, const char *workdir, char **argv) {
        static char true_path[] = "/bin/true";
        char *bare[] = { true_path, NULL };
        if (strcmp(kind, "process.run") == 0) {
                line_run(l);
        } else if (strcmp(kind, "sandbox") == 0) {
                char *id = line_create(l, workdir);
                line_destroy(l, id);
                free(id);
        } else {
                spawn(strcmp(kind, "bare") == 0 ? bare : argv);
        }
}

struct subject {
        const char *name;
        char *argv[64];
};

static int latency(char **argv) {
        static struct subject subjects[32] = { { .name = "bare" },
                                               { .name = "process.run" },
                                               { .name = "sandbox" } };
        static struct line l;
        char *text = NULL;
        size_t n = 3, room = 0;
        int rounds = atoi(argv[0]);
        const char *workdir = argv[2];
        FILE *f = fopen(argv[3], "re");
        if (!f)
                die(argv[3]);
        while (n < 32 && getline(&text, &room, f) > 0) {
                text[strcspn(text, "\n")] = 0;
                char *copy = strdup(text), *word = strtok(copy, "\t");
                subjects[n].name = word;
                for (size_t i = 0; i < 63 && (word = strtok(NULL, "\t")); i++)
                        subjects[n].argv[i] = word;
                n++;
        }
        fclose(f);
        free(text);
        line_open(&l, argv[1]);
        l.sandbox = line_create(&l, workdir);
        /* The first rounds warm caches and pools. */
        for (int round = -3; round < rounds; round++)
                for (size_t i = 0; i < n; i++) {
                        long long start = now();
                        once(&l, subjects[i].name, workdir, subjects[i].argv);
                        if (round >= 0)
                                printf("%s\t%lld\n", subjects[i].name, now() - start);
                }
        return 0;
}

static atomic_long done;
static atomic_bool stop;
static const char *rate_socket, *rate_workdir, *rate_kind;

static void *work(void *unused) {
        static char *none[] = { NULL };
        struct line *l = calloc(1, sizeof(*l));
        if (!l)
                die("memory");
        if (strcmp(rate_kind, "bare") != 0) {
                line_open(l, rate_socket);
                l->sandbox = line_create(l, rate_workdir);
        }
        while (!stop) {
                once(l, rate_kind, rate_workdir, none);
                done++;
        }
        return NULL;
}

static int rate(char **argv) {
        pthread_t threads[64];
        int seconds = atoi(argv[0]), workers = atoi(argv[1]);
        rate_socket = argv[2];
        rate_workdir = argv[3];
        rate_kind = argv[4];
        for (int i = 0; i < workers && i < 64; i++)
                if ((errno = pthread_create(&threads[i], NULL, work, NULL)))
                        die("thread");
        sleep(1); /* warm */
        long before = done;
        long long start = now();
        sleep((unsigned) seconds);
        long after = done;
        double took = (double) (now() - start) / 1e9;
        stop = true;
        for (int i = 0; i < workers && i < 64; i++)
                pthread_join(threads[i], NULL);
        printf("%.1f\n", (double) (after - before) / took);
        return 0;
}

int main(int argc, char **argv) {
        if (argc == 6 && strcmp(argv[1], "latency") == 0)
                return latency(argv + 2);
        if (argc == 7 && strcmp(argv[1], "rate") == 0)
                return rate(argv + 2);
        fprintf(stderr, "usage: bench latency ROUNDS SOCKET WORKDIR SUBJECTS\n"
                        "       bench rate SECONDS WORKERS SOCKET WORKDIR KIND\n");
        return 2;
}
