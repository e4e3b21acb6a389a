/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * escape --list                 every attempt, tab-separated
 * escape --hold|--probe …       hold.c
 * escape FAMILY/NAME WORLD      tries one; WORLD is a file of "key value" lines
 *
 * Prints one line, ESCAPED, REFUSED errno or NOT-HERE, and exits 0, 1 or 77. The word matters: an
 * exit code alone could come from the sandbox's own failure.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "escape.h"

static const struct family families[] = {
        { "paths", attempts_paths },     { "git", attempts_git },
        { "names", attempts_names },     { "proc", attempts_proc },
        { "kernel", attempts_kernel },   { "sockets", attempts_sockets },
        { "outside", attempts_outside }, { "privilege", attempts_privilege },
        { "limits", attempts_limits },
};

bool inside;
static char *world_text; /* "key\0value\0…\0" */

const char *world(const char *key) {
        for (const char *k = world_text; k && *k;) {
                const char *v = k + strlen(k) + 1;
                if (strcmp(k, key) == 0)
                        return v;
                k = v + strlen(v) + 1;
        }
        fprintf(stderr, "escape: the world has no '%s'\n", key);
        exit(3);
}

long world_number(const char *key) {
        return strtol(world(key), NULL, 10);
}

static void world_read(const char *path) {
        FILE *f = fopen(path, "re");
        size_t n = 0, room = 65536;
        char *line = NULL;
        size_t line_room = 0;
        if (!f || !(world_text = calloc(1, room))) {
                fprintf(stderr, "escape: %s: %s\n", path, strerror(errno));
                exit(3);
        }
        while (getline(&line, &line_room, f) > 0) {
                line[strcspn(line, "\n")] = 0;
                char *space = strchr(line, ' ');
                if (!space || n + strlen(line) + 3 > room)
                        continue;
                *space = 0;
                n += (size_t) sprintf(world_text + n, "%s", line) + 1;
                n += (size_t) sprintf(world_text + n, "%s", space + 1) + 1;
        }
        free(line);
        fclose(f);
}

const char *expand(const char *text) {
        static char buffers[8][4096];
        static unsigned next;
        char *out = buffers[next++ % 8], *o = out;
        for (const char *t = text; *t;) {
                const char *end = *t == '@' ? strchr(t + 1, '@') : NULL;
                if (end) {
                        char key[64] = "";
                        memcpy(key, t + 1, (size_t) (end - t - 1));
                        o = stpcpy(o, world(key));
                        t = end + 1;
                } else {
                        *o++ = *t++;
                }
        }
        *o = 0;
        return out;
}

int result(long r) {
        return r < 0 ? -errno : 0;
}

int surface(long r) {
        if (r >= 0)
                return 0;
        if (errno == ENOSYS)
                return inside ? -ENOSYS : NOT_HERE;
        return errno == EPERM || errno == EACCES || errno == EAFNOSUPPORT ||
                               errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT ||
                               errno == EOPNOTSUPP
                       ? -errno
                       : 0;
}

int read_secret(int fd) {
        char text[4096];
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, text, sizeof(text));
        int r = n < 0 ? -errno : -ENODATA;
        if (n > 0 && memmem(text, (size_t) n, "LEASH-SECRET", 12))
                r = 0;
        close(fd);
        return r;
}

int open_secret(int dirfd, const char *path) {
        return read_secret(openat(dirfd, path, O_RDONLY | O_CLOEXEC));
}

int scribble(int fd) {
        if (fd < 0)
                return -errno;
        int r = write(fd, "escaped\n", 8) == 8 ? 0 : -errno;
        close(fd);
        return r;
}

int make_file(const char *path, const char *content, mode_t mode) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        if (fd < 0)
                return -errno;
        size_t n = strlen(content);
        int r = write(fd, content, n) == (ssize_t) n ? 0 : -errno;
        close(fd);
        return r;
}

static void list(void) {
        for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
                for (const struct attempt *a = families[f].attempts; a->name; a++)
                        printf("%s/%s\t%s%s%s\t%s%s%s%s%s\t%s\t%s\n", families[f].name, a->name,
                               a->levels & S ? "S" : "", a->levels & D ? "D" : "",
                               a->levels & P ? "P" : "", a->flags & ROOT ? "R" : "",
                               a->flags & KILLED ? "K" : "", a->flags & SIBLING ? "B" : "",
                               a->flags & USER ? "U" : "", a->flags & HARM ? "H" : "",
                               a->options ? a->options : "", a->doc);
}

static const struct attempt *find(const char *name) {
        for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
                for (const struct attempt *a = families[f].attempts; a->name; a++) {
                        size_t n = strlen(families[f].name);
                        if (strncmp(name, families[f].name, n) == 0 && name[n] == '/' &&
                            strcmp(a->name, name + n + 1) == 0)
                                return a;
                }
        fprintf(stderr, "escape: no attempt named %s\n", name);
        exit(3);
}

/* In a child: an attempt may well be killed for it. Its verdict comes through a pipe; none = it
 * was. */
static int try(const struct attempt *a, int *ret_signal) {
        int verdict = -ECHILD, status, p[2];
        *ret_signal = 0;
        if (pipe(p) < 0)
                return -errno;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                /* An attempt that hangs ends with the one who waits for it. */
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(p[0]);
                /* Somewhere an attempt must not write to by accident. */
                fcntl(p[1], F_DUPFD_CLOEXEC, 200);
                close(p[1]);
                int r = a->run(a->arg);
                _exit(write(200, &r, sizeof(r)) == sizeof(r) ? 0 : 3);
        }
        close(p[1]);
        ssize_t n = read(p[0], &verdict, sizeof(verdict));
        close(p[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (n == sizeof(verdict))
                return verdict;
        if (WIFSIGNALED(status)) {
                *ret_signal = WTERMSIG(status);
                return -EINTR;
        }
        fprintf(stderr, "escape: %s ended with %d and said nothing\n", a->name,
                WEXITSTATUS(status));
        exit(3);
}

int main(int argc, char **argv) {
        if (argc == 2 && strcmp(argv[1], "--list") == 0) {
                list();
                return 0;
        }
        /* What the set-user-id, file-capability and lingering copies do: see privilege.c and the
         * runner. */
        if (argc == 2 && strcmp(argv[1], "--euid") == 0)
                return geteuid() == 0 ? 42 : 43;
        if (argc == 3 && strcmp(argv[1], "--linger") == 0) {
                /* A daemon in the old manner: two forks, own session, deaf to everything polite.
                 * The first waits until the last has settled, which its name says. */
                int settled[2];
                char end;
                if (pipe(settled) < 0)
                        return 1;
                if (fork() > 0) {
                        close(settled[1]);
                        _exit(read(settled[0], &end, 1) == 0 ? 0 : 1);
                }
                setsid();
                signal(SIGHUP, SIG_IGN);
                signal(SIGTERM, SIG_IGN);
                if (fork() > 0)
                        _exit(0);
                int null = open("/dev/null", O_RDWR);
                for (int fd = 0; fd < 3; fd++)
                        dup2(null, fd);
                prctl(PR_SET_NAME, "lingering");
                close(settled[1]);
                for (int i = 0; i < 600; i++)
                        sleep(1);
                return 0;
        }
        if (argc > 2 && strcmp(argv[1], "--hold") == 0)
                return hold(argv[2], argc > 3 ? argv[3] : "");
        if (argc > 2 && strcmp(argv[1], "--probe") == 0)
                return hold_probe(argv[2], argc > 3 ? argv[3] : "");
        if (argc != 3) {
                fprintf(stderr, "usage: escape --list | escape FAMILY/NAME WORLD\n");
                return 2;
        }
        inside = getenv("LEASH_SANDBOX") != NULL;
        world_read(argv[2]);
        int signo, r = try(find(argv[1]), &signo);
        if (r == 0) {
                printf("ESCAPED\n");
                return 0;
        }
        if (r == NOT_HERE) {
                printf("NOT-HERE\n");
                return 77;
        }
        if (signo)
                printf("REFUSED signal %d\n", signo);
        else
                printf("REFUSED %d %s\n", -r, strerror(-r));
        return 1;
}
