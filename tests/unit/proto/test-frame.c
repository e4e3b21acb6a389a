/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes in any portions give the same lines, and descriptors go to the line that they came with. */
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../../proto/rpc.h"
#include "proto-test.h"

static void feed(struct frame *f, const char *text) {
        ck_assert_int_eq(frame_feed(f, text, strlen(text), NULL, 0, NULL), 0);
}

static void expect(struct frame *f, const char *text, const int *fds, size_t n) {
        struct frame_line line;
        struct error e = ERROR_NULL;

        ck_assert_msg(frame_next(f, &line, &e) == 1, "no line where \"%s\" should be: %s", text,
                      e.message);
        ck_assert_str_eq(line.text, text);
        ck_assert_uint_eq(line.len, strlen(text));
        ck_assert_uint_eq(line.n_fds, n);
        for (size_t i = 0; i < n; i++)
                ck_assert_int_eq(line.fds[i], fds[i]);
}

static void expect_none(struct frame *f) {
        struct frame_line line;

        ck_assert_int_eq(frame_next(f, &line, NULL), 0);
}

START_TEST(any_portions) {
        static const char text[] = "one\n\ntwo two\nx\n";

        for (size_t step = 1; step <= strlen(text); step++) {
                struct frame *f = frame_new(100);
                char all[64] = "";

                for (size_t i = 0; i < strlen(text); i += step) {
                        struct frame_line line;
                        size_t n = strlen(text) - i < step ? strlen(text) - i : step;

                        ck_assert_int_eq(frame_feed(f, text + i, n, NULL, 0, NULL), 0);
                        while (frame_next(f, &line, NULL) == 1)
                                sprintf(all + strlen(all), "%s\n", line.text);
                }
                ck_assert_str_eq(all, text);
                ck_assert(frame_is_empty(f));
                frame_free(f);
        }
}
END_TEST

START_TEST(half_lines_wait) {
        struct frame *f = frame_new(100);

        ck_assert(frame_is_empty(f));
        feed(f, "ab");
        ck_assert(!frame_is_empty(f));
        expect_none(f);
        feed(f, "c\nd");
        expect(f, "abc", NULL, 0);
        expect_none(f);
        ck_assert(!frame_is_empty(f));
        feed(f, "\n");
        expect(f, "d", NULL, 0);
        expect_none(f);
        ck_assert(frame_is_empty(f));
        frame_free(f);
}
END_TEST

START_TEST(lines_have_a_length) {
        struct frame *f = frame_new(4);
        struct frame_line line;
        struct error e = ERROR_NULL;

        feed(f, "1234\n");
        expect(f, "1234", NULL, 0);
        feed(f, "1234");
        expect_none(f);
        feed(f, "5"); /* without its end, too: it must not grow for ever */
        ck_assert_int_eq(frame_next(f, &line, &e), -EMSGSIZE);
        ck_assert_int_eq(e.code, ERROR_LIMIT);
        frame_free(f);
        f = frame_new(4);
        feed(f, "12345\n");
        ck_assert_int_eq(frame_next(f, &line, &e), -EMSGSIZE);
        frame_free(f);
}
END_TEST

START_TEST(descriptors_go_with_their_line) {
        struct frame *f = frame_new(100);
        const int a[] = { 11, 12 }, b[] = { 13 };

        /* whole line */
        ck_assert_int_eq(frame_feed(f, "A\n", 2, a, 2, NULL), 0);
        expect(f, "A", a, 2);
        /* what came before, joined by the kernel, has none */
        feed(f, "B");
        ck_assert_int_eq(frame_feed(f, "B\nC\nD\n", 6, b, 1, NULL), 0);
        expect(f, "BB", NULL, 0);
        expect(f, "C", NULL, 0);
        expect(f, "D", b, 1);
        /* the rest of the line comes later */
        ck_assert_int_eq(frame_feed(f, "E", 1, a, 2, NULL), 0);
        feed(f, "E\nF\n");
        expect(f, "EE", a, 2);
        expect(f, "F", NULL, 0);
        /* two lines wait with their own each */
        ck_assert_int_eq(frame_feed(f, "G\n", 2, a, 2, NULL), 0);
        ck_assert_int_eq(frame_feed(f, "H\n", 2, b, 1, NULL), 0);
        expect(f, "G", a, 2);
        expect(f, "H", b, 1);
        expect_none(f);
        ck_assert_uint_eq(frame_take_fds(f, (int[8]){ 0 }, 8), 0);
        frame_free(f);
}
END_TEST

START_TEST(descriptors_without_a_line) {
        struct frame *f = frame_new(100);
        int many[LIMIT_LINE_FDS + 1] = { 0 }, left[4];
        struct error e = ERROR_NULL;

        feed(f, "half");
        ck_assert_int_eq(frame_feed(f, "more", 4, many, 1, &e), -EPROTO);
        ck_assert_int_eq(e.code, ERROR_REQUEST);
        ck_assert_int_eq(frame_feed(f, "more\n", 5, many, 1, &e),
                         -EPROTO); /* an end begins nothing */
        ck_assert_int_eq(frame_feed(f, "", 0, many, 1, &e), -EPROTO);
        feed(f, "\n");
        expect(f, "half", NULL, 0); /* what failed left no trace */
        ck_assert_int_eq(frame_feed(f, "x\n", 2, many, ELEMENTSOF(many), &e), -E2BIG);
        ck_assert_int_eq(frame_feed(f, "x\n", 2, many, LIMIT_LINE_FDS, &e), 0);
        expect(f, "x", many, LIMIT_LINE_FDS);
        /* never taken: all of them can be closed */
        ck_assert_int_eq(frame_feed(f, "y", 1, (int[]){ 5, 6 }, 2, &e), 0);
        ck_assert_uint_eq(frame_take_fds(f, left, 1), 1);
        ck_assert_uint_eq(frame_take_fds(f, left + 1, 3), 1);
        ck_assert_int_eq(left[0] + left[1], 11);
        ck_assert_uint_eq(frame_take_fds(f, left, 4), 0);
        frame_free(f);
}
END_TEST

START_TEST(big_lines_give_memory_back) {
        const size_t n = 1 << 20;
        struct frame *f = frame_new(2 * n);
        char *big = malloc(n);
        struct frame_line line;

        memset(big, 'b', n);
        big[n - 1] = '\n';
        for (size_t i = 0; i < n; i += 4096)
                ck_assert_int_eq(frame_feed(f, big + i, 4096, NULL, 0, NULL), 0);
        ck_assert_int_eq(frame_next(f, &line, NULL), 1);
        ck_assert_uint_eq(line.len, n - 1);
        expect_none(f);
        feed(f, "small\n");
        expect(f, "small", NULL, 0);
        frame_free(f);
        free(big);
}
END_TEST

static void send_fd(int sock, const char *text, int fd) {
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
        struct iovec iov = { .iov_base = (char *) (uintptr_t) text, .iov_len = strlen(text) };
        struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
        struct cmsghdr *c;

        if (fd >= 0) {
                msg.msg_control = control;
                msg.msg_controllen = sizeof(control);
                c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(c), &fd, sizeof(int));
        }
        ck_assert_int_eq(sendmsg(sock, &msg, 0), (ssize_t) strlen(text));
}

/* Reads as much as the kernel gives at once; the descriptor that came, or -1. */
static int receive(int sock, struct frame *f, size_t size) {
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        char data[256];
        struct iovec iov = { .iov_base = data, .iov_len = size };
        struct msghdr msg = { .msg_iov = &iov,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof(control) };
        struct cmsghdr *c;
        ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT);
        int fd = -1;

        if (n < 0)
                return -2;
        c = CMSG_FIRSTHDR(&msg);
        if (c)
                memcpy(&fd, CMSG_DATA(c), sizeof(int));
        ck_assert_int_eq(frame_feed(f, data, (size_t) n, &fd, fd >= 0 ? 1 : 0, NULL), 0);
        return fd;
}

/* That the kernel joins reads as frame.c believes it does. */
START_TEST(a_real_socket) {
        for (size_t size = 1; size <= 64; size++) {
                struct frame *f = frame_new(100);
                int pair[2], pipes[2], got = 0, fd;
                struct frame_line line;
                const char *expected[] = { "first", "second with a descriptor", "third",
                                           "fourth with another" };
                size_t i = 0;

                ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
                ck_assert_int_eq(pipe(pipes), 0);
                send_fd(pair[0], "first\n", -1);
                send_fd(pair[0], "second with a descriptor\n", pipes[0]);
                send_fd(pair[0], "third\n", -1);
                send_fd(pair[0], "fourth with another\n", pipes[1]);
                while ((fd = receive(pair[1], f, size)) != -2) {
                        got += fd >= 0;
                        while (frame_next(f, &line, NULL) == 1) {
                                ck_assert_str_eq(line.text, expected[i]);
                                ck_assert_uint_eq(line.n_fds, i % 2);
                                if (line.n_fds)
                                        close(line.fds[0]);
                                i++;
                        }
                }
                ck_assert_uint_eq(i, ELEMENTSOF(expected));
                ck_assert_int_eq(got, 2);
                close(pair[0]);
                close(pair[1]);
                close(pipes[0]);
                close(pipes[1]);
                frame_free(f);
        }
}
END_TEST

int main(void) {
        return RUN_TESTS("frame", any_portions, half_lines_wait, lines_have_a_length,
                         descriptors_go_with_their_line, descriptors_without_a_line,
                         big_lines_give_memory_back, a_real_socket);
}
