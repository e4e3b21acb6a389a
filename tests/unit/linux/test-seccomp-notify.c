/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls that a supervisor judges reach it, all of them, and only those. */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "filtered.h"
#include "../suite.h"

#define ANSWER EOWNERDEAD /* nothing else gives this */

static void send_fd(int sock, int fd) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        char byte = 'x';
        struct iovec iov = { &byte, 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        MUST(sendmsg(sock, &m, 0) == 1);
}

static int receive_fd(int sock) {
        union {
                struct cmsghdr align;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        char byte;
        struct iovec iov = { &byte, 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        struct cmsghdr *c;
        int fd = -1;

        if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1)
                return -1;
        c = CMSG_FIRSTHDR(&m);
        if (c && c->cmsg_type == SCM_RIGHTS)
                memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        return fd;
}

static void judged(int sock) {
        static const struct seccomp_options o = { .notify_names = true, .notify_unix = true };
        unsigned options = seccomp_options_bits(&o);
        int listener = install(&o, SECCOMP_FILTER_FLAG_NEW_LISTENER);

        send_fd(sock, listener);
        close(listener);
        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_row *row = &seccomp_table[i];
                int nr = seccomp_row_number(row), err;
                uint64_t args[6];

                if (nr < 0 || row->err != SECCOMP_ERRNO_NOTIFY || !seccomp_row_active(row, options))
                        continue;
                matching_args(row, args);
                err = call(nr, args);
                if (err == ANSWER)
                        continue;
                fprintf(stderr, "%s was not judged: %s\n", row->name, strerror(err));
                _exit(1);
        }
        /* Reading is not judged, and a call with its flags behind a pointer is absent. */
        MUST(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
        MUST(syscall(437, AT_FDCWD, "/dev/null", NULL, 0) < 0 && errno == ENOSYS);
        MUST(open("/dev/null", O_WRONLY | O_CLOEXEC) < 0 && errno == ANSWER);
        MUST(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) < 0 && errno == ANSWER);
        _exit(0);
}

static unsigned answer_all(int listener) {
        struct pollfd p = { .fd = listener, .events = POLLIN };
        unsigned n = 0;

        for (;;) {
                struct seccomp_notif request = { 0 };
                struct seccomp_notif_resp response = { 0 };

                if (poll(&p, 1, 5000) <= 0 || !(p.revents & POLLIN))
                        return n; /* POLLHUP: nobody is left */
                if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
                        continue;
                response.id = request.id;
                response.error = -ANSWER;
                if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0)
                        n++;
        }
}

START_TEST(names_are_put_to_the_supervisor) {
        unsigned expected = 2; /* the two opens at the end */
        int pair[2], listener, status;
        pid_t pid;

        for (size_t i = 0; i < seccomp_table_n; i++)
                expected += seccomp_table[i].err == SECCOMP_ERRNO_NOTIFY &&
                            seccomp_row_number(&seccomp_table[i]) >= 0 &&
                            seccomp_row_active(&seccomp_table[i],
                                               SECCOMP_NOTIFY_NAMES | SECCOMP_NOTIFY_UNIX);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        pid = fork();
        if (pid == 0)
                judged(pair[1]);
        close(pair[1]);
        listener = receive_fd(pair[0]);
        ck_assert_int_ge(listener, 0);
        ck_assert_uint_eq(answer_all(listener), expected);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .timeout = 60 };

        return RUN_TESTS_IN(&fixture, "seccomp notify", names_are_put_to_the_supervisor);
}
