/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Load for proxies: a server, and clients that measure. One process each, so that the proxy between
 * them is what is compared.
 *
 *   load serve ADDRESS PORT                  answers until it is killed
 *   load sink                                reads messages from its stdin, as a session does
 *   load stream  VIA TARGET SECONDS CLIENTS  bytes per second through tunnels
 *   load new     VIA TARGET SECONDS CLIENTS  connections per second, a request on each
 *   load kept    VIA TARGET SECONDS CLIENTS  requests per second on kept connections
 *   load latency VIA TARGET ROUNDS           ns from connect(2) to the first answer, a line each
 *   load hold    VIA TARGET N                opens N tunnels, says so, waits for its stdin's end
 *
 * TARGET is ADDRESS:PORT, or NAME:PORT where a proxy looks it up. VIA is "direct" (TARGET itself),
 * "connect=A:P" (a tunnel through an HTTP proxy), "http=A:P" (absolute-form to one), or "at=A:P" (a
 * relay that leads to TARGET by itself).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE (256 * 1024)
#define MANY 64 /* events at once */

static char piece[PIECE];

static _Noreturn void fail(const char *what) {
        perror(what);
        exit(1);
}

static uint64_t now_ns(void) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}

static void address(const char *text, struct sockaddr_in *ret) {
        char host[64];
        const char *colon = strrchr(text, ':');
        if (!colon || (size_t) (colon - text) >= sizeof(host))
                fail(text);
        snprintf(host, sizeof(host), "%.*s", (int) (colon - text), text);
        *ret = (struct sockaddr_in){ .sin_family = AF_INET,
                                     .sin_port = htons((uint16_t) atoi(colon + 1)) };
        if (inet_pton(AF_INET, host, &ret->sin_addr) != 1)
                fail(text);
}

/* --- server: level-triggered, whatever ends in an empty line is a request --- */

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/* To a CONNECT that a proxy has passed on: there is no body (RFC 9110 section 9.3.6). */
static const char opened[] = "HTTP/1.1 200 OK\r\n\r\n";

static bool streams[1 << 16];

static void serve_one(int epoll_fd, int fd, uint32_t events) {
        char data[4096];
        if (streams[fd] && (events & EPOLLOUT)) {
                if (send(fd, piece, PIECE, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
                        goto end;
                return;
        }
        ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0)
                goto end;
        if (n >= 4 && memmem(data, (size_t) n, "/stream", 7)) {
                struct epoll_event ev = { .events = EPOLLOUT, .data.fd = fd };
                static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
                streams[fd] = true;
                (void) send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL);
                (void) epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &ev);
        } else if (n > 8 && memcmp(data, "CONNECT ", 8) == 0) {
                if (send(fd, opened, sizeof(opened) - 1, MSG_NOSIGNAL) < 0)
                        goto end;
        } else if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
                goto end;
        return;
end:
        streams[fd] = false;
        close(fd);
}

static void serve(const char *addr, const char *port) {
        struct sockaddr_in in;
        char text[80];
        const int on = 1;
        snprintf(text, sizeof(text), "%s:%s", addr, port);
        address(text, &in);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll_fd = epoll_create1(0);
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(listener, (void *) &in, sizeof(in)) < 0 || listen(listener, 4096) < 0)
                fail("listen");
        struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener }, evs[MANY];
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &ev);
        for (;;) {
                int n = epoll_wait(epoll_fd, evs, MANY, -1);
                for (int i = 0; i < n; i++) {
                        if (evs[i].data.fd != listener) {
                                serve_one(epoll_fd, evs[i].data.fd, evs[i].events);
                                continue;
                        }
                        for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                                setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof(on));
                                ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = fd };
                                epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
                        }
                }
        }
}

/* --- clients --- */

struct way {
        struct sockaddr_in to;
        bool connect, absolute;
        const char *target;
        char request[512];
        size_t n;
};

static void way_parse(struct way *w, const char *via, const char *target, const char *path) {
        w->target = target;
        w->connect = strncmp(via, "connect=", 8) == 0;
        w->absolute = strncmp(via, "http=", 5) == 0;
        const char *at = strchr(via, '=');
        address(at ? at + 1 : target, &w->to);
        w->n = (size_t) snprintf(
                w->request, sizeof(w->request), "GET %s%s%s HTTP/1.1\r\nHost: %s\r\n\r\n",
                w->absolute ? "http://" : "", w->absolute ? target : "", path, target);
}

static bool read_answer(int fd, const char *end) {
        char data[4096];
        size_t have = 0;
        while (have < sizeof(data)) {
                ssize_t n = recv(fd, data + have, sizeof(data) - have, 0);
                if (n <= 0)
                        return false;
                have += (size_t) n;
                if (have >= strlen(end) && memmem(data, have, end, strlen(end)))
                        return memmem(data, have, " 200 ", 5) != NULL;
        }
        return false;
}

/* A connection that leads to the target; -1. */
static int reach(const struct way *w) {
        const int on = 1;
        const struct timeval patience = { .tv_sec = 5 };
        char head[256];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                fail("socket");
        setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (connect(fd, (const void *) &w->to, sizeof(w->to)) < 0)
                goto bad;
        if (w->connect) {
                int n = snprintf(head, sizeof(head), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                                 w->target, w->target);
                if (send(fd, head, (size_t) n, MSG_NOSIGNAL) != n || !read_answer(fd, "\r\n\r\n"))
                        goto bad;
        }
        return fd;
bad:
        close(fd);
        return -1;
}

static bool ask(int fd, const struct way *w) {
        return send(fd, w->request, w->n, MSG_NOSIGNAL) == (ssize_t) w->n &&
               read_answer(fd, "\r\n\r\nok");
}

static double clients(const struct way *w, const char *what, double seconds, unsigned n) {
        int pipes[2];
        if (pipe(pipes) < 0)
                fail("pipe");
        for (unsigned i = 0; i < n; i++) {
                pid_t pid = fork();
                if (pid != 0)
                        continue;
                uint64_t count = 0, failed = 0, end = now_ns() + (uint64_t) (seconds * 1e9);
                int fd = -1;
                while (now_ns() < end && failed < 100) {
                        if (fd < 0)
                                fd = reach(w);
                        ssize_t got = fd < 0 ? -1 : 1;
                        if (fd >= 0 && strcmp(what, "stream") == 0) {
                                if (count == 0)
                                        got = send(fd, w->request, w->n, MSG_NOSIGNAL);
                                got = got > 0 ? recv(fd, piece, PIECE, 0) : got;
                        } else if (fd >= 0)
                                got = ask(fd, w) ? 1 : -1;
                        if (got > 0)
                                count += (uint64_t) got;
                        else
                                failed++;
                        if (fd >= 0 && (got <= 0 || strcmp(what, "new") == 0)) {
                                close(fd);
                                fd = -1;
                        }
                }
                uint64_t out[2] = { count, failed };
                (void) !write(pipes[1], out, sizeof(out));
                _exit(0);
        }
        close(pipes[1]);
        uint64_t out[2], sum = 0, failed = 0;
        while (read(pipes[0], out, sizeof(out)) == (ssize_t) sizeof(out)) {
                sum += out[0];
                failed += out[1];
        }
        if (failed > 0)
                fprintf(stderr, "load: %llu failed\n", (unsigned long long) failed);
        return (double) sum / seconds;
}

static void hold(const struct way *w, unsigned n) {
        int *fds = calloc(n, sizeof(int));
        if (!fds)
                fail("calloc");
        for (unsigned i = 0; i < n; i++)
                if ((fds[i] = reach(w)) < 0 || !ask(fds[i], w))
                        fail("tunnel");
        puts("held");
        fflush(stdout);
        while (read(0, piece, PIECE) > 0)
                ;
        free(fds);
}

int main(int argc, char **argv) {
        struct rlimit rl;
        struct way w = { .target = NULL };
        if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
                rl.rlim_cur = rl.rlim_max < 65536 ? rl.rlim_max : 65536;
                (void) setrlimit(RLIMIT_NOFILE, &rl);
        }
        if (argc == 4 && strcmp(argv[1], "serve") == 0) {
                serve(argv[2], argv[3]);
                return 0;
        }
        if (argc == 2 && strcmp(argv[1], "sink") == 0) {
                while (recv(0, piece, sizeof(piece), 0) > 0)
                        ;
                return 0;
        }
        if (argc < 5)
                return 2;
        way_parse(&w, argv[2], argv[3], strcmp(argv[1], "stream") == 0 ? "/stream" : "/");
        if (strcmp(argv[1], "hold") == 0) {
                hold(&w, (unsigned) atoi(argv[4]));
        } else if (strcmp(argv[1], "latency") == 0) {
                for (int i = atoi(argv[4]); i > 0; i--) {
                        uint64_t start = now_ns();
                        int fd = reach(&w);
                        if (fd < 0 || !ask(fd, &w))
                                fail("latency");
                        printf("%llu\n", (unsigned long long) (now_ns() - start));
                        close(fd);
                }
        } else if (argc == 6) {
                printf("%.0f\n", clients(&w, argv[1], atof(argv[4]), (unsigned) atoi(argv[5])));
        } else {
                return 2;
        }
        return 0;
}
