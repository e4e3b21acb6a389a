/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../daemon/common/log.h"
#include "../suite.h"

static size_t take(int fd, char *buffer, size_t size) {
        ssize_t n = read(fd, buffer, size - 1);
        ck_assert_int_ge(n, 0);
        buffer[n] = 0;
        return (size_t) n;
}

START_TEST(escapes) {
        int fds[2];
        char line[4096];
        ck_assert_int_eq(pipe(fds), 0);
        struct log l = { .fd = fds[1], .program = "test", .max = LOG_INFO };
        log_write(&l, LOG_WARN, "said", LOG_STR("what", "a\"b\\c\nfake: line\x1b[31m\xc3\xa4"),
                  LOG_INT("number", -5));
        take(fds[0], line, sizeof line);
        ck_assert_ptr_nonnull(strstr(
                line,
                "warn: said what=\"a\\\"b\\\\c\\x0afake: line\\x1b[31m\\xc3\\xa4\" number=-5\n"));
        ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

START_TEST(levels_and_length) {
        int fds[2];
        char line[4096], text[3000];
        ck_assert_int_eq(pipe(fds), 0);
        struct log l = { .fd = fds[1], .program = "test", .max = LOG_WARN };
        memset(text, '\n', sizeof text - 1);
        text[sizeof text - 1] = 0;
        log_write(&l, LOG_INFO, "not written", LOG_INT("n", 1));
        log_write(&l, LOG_ERROR, "long", LOG_STR("text", text));
        size_t n = take(fds[0], line, sizeof line);
        ck_assert_uint_eq(n, 1024);
        ck_assert_int_eq(line[n - 1], '\n');
        ck_assert_ptr_null(strstr(line, "not written"));
        close(fds[0]);
        close(fds[1]);
}
END_TEST

static const char evil[] = "a\"b\nMESSAGE_ID=00\nPRIORITY=0\x1b[31m\xc3\xa4";

START_TEST(datagram) {
        const struct log l = { .program = "test" };
        const struct log_field fields[] = { LOG_INT("uid", 7), LOG_STR("why", evil) };
        char data[LOG_DATAGRAM + 1];
        size_t n = log_datagram(&l, LOG_WARN, LOG_CALLER_REFUSED, "said", fields, 2, data);
        data[n] = 0;
        ck_assert_str_eq(data,
                         "MESSAGE=said uid=7 "
                         "why=\"a\\\"b\\x0aMESSAGE_ID=00\\x0aPRIORITY=0\\x1b[31m\\xc3\\xa4\"\n"
                         "PRIORITY=4\nSYSLOG_IDENTIFIER=test\n"
                         "MESSAGE_ID=75aab21362504f80b60f15d221a65202\nLEASH_EVENT=caller.refused\n"
                         "LEASH_USER_ID=7\n"
                         "LEASH_WHY=a\\\"b\\x0aMESSAGE_ID=00\\x0aPRIORITY=0\\x1b[31m\\xc3\\xa4\n");
}
END_TEST

/* Whatever does not fit, each line is whole, and has a name that we gave. */
START_TEST(datagram_is_bounded) {
        const struct log l = { .program = "test" };
        static char text[9000], data[LOG_DATAGRAM + 1];
        for (size_t len = 0; len < sizeof text; len += 97) {
                memset(text, '\n', len);
                text[len] = 0;
                const struct log_field fields[] = { LOG_STR("a", text), LOG_STR("b", text),
                                                    LOG_INT("c", 1), LOG_STR("d", text) };
                size_t n = log_datagram(&l, LOG_INFO, LOG_GATE_GONE, "m", fields, 4, data);
                ck_assert_uint_le(n, LOG_DATAGRAM);
                ck_assert_int_eq(data[n - 1], '\n');
                data[n] = 0;
                ck_assert_ptr_nonnull(strstr(data, "\nLEASH_C=1\n"));
                for (char *save = NULL, *line = strtok_r(data, "\n", &save); line;
                     line = strtok_r(NULL, "\n", &save))
                        ck_assert_msg(strncmp(line, "LEASH_", 6) == 0 ||
                                              strncmp(line, "MESSAGE", 7) == 0 ||
                                              strncmp(line, "PRIORITY=", 9) == 0 ||
                                              strncmp(line, "SYSLOG_IDENTIFIER=test", 22) == 0,
                                      "%s", line);
        }
}
END_TEST

START_TEST(journal_or_line) {
        char path[] = "/tmp/leash-log-XXXXXX", line[LOG_DATAGRAM + 1];
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fds[2];
        ck_assert_int_eq(pipe(fds), 0);
        ck_assert_ptr_nonnull(mkdtemp(path));
        snprintf(sa.sun_path, sizeof sa.sun_path, "%s/socket", path);
        struct log l = { .fd = fds[1], .program = "test", .max = LOG_INFO, .journal = sa.sun_path };
        /* Nobody listens: it is said all the same. */
        log_write(&l, LOG_WARN, "first", LOG_INT("n", 1));
        take(fds[0], line, sizeof line);
        ck_assert_ptr_nonnull(strstr(line, "warn: first n=1\n"));
        int journal = socket(AF_UNIX, SOCK_DGRAM, 0);
        ck_assert_int_eq(bind(journal, (const struct sockaddr *) &sa, sizeof sa), 0);
        log_event(&l, LOG_INFO, LOG_SESSION_STARTED, "second", LOG_INT("uid", 5));
        take(journal, line, sizeof line);
        ck_assert_ptr_nonnull(strstr(line, "MESSAGE=second uid=5\nPRIORITY=6\n"));
        ck_assert_ptr_nonnull(strstr(line, "\nLEASH_USER_ID=5\n"));
        log_write(&l, LOG_ERROR, "third", LOG_INT("n", 1));
        take(journal, line, sizeof line);
        ck_assert_str_eq(line, "MESSAGE=third n=1\nPRIORITY=3\nSYSLOG_IDENTIFIER=test\n");
        /* One that does not read: nobody waits for it. */
        for (unsigned i = 0; i < 2000; i++)
                log_write(&l, LOG_ERROR, "many", LOG_INT("n", i));
        ck_assert_int_gt(read(fds[0], line, sizeof line), 0);
        close(journal);
        unlink(sa.sun_path);
        rmdir(path);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

static size_t count_lines(int fd, char *last, size_t size) {
        static char all[65536];
        size_t n = take(fd, all, sizeof all), lines = 0;
        for (size_t i = 0; i < n; i++)
                lines += all[i] == '\n';
        all[n - 1] = 0;
        const char *line = strrchr(all, '\n');
        snprintf(last, size, "%.*s", (int) size - 1, line ? line + 1 : all);
        return lines;
}

/* One user cannot silence what is said of another, nor of many others. */
START_TEST(rate_of_users) {
        struct log_rate r = { 0 };
        int fds[2];
        char line[1024];
        ck_assert_int_eq(pipe(fds), 0);
        const struct log l = { .fd = fds[1], .program = "test", .max = LOG_INFO, .rate = &r };
        for (unsigned i = 0; i < 5 * LOG_BURST; i++)
                log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("uid", 7));
        ck_assert_uint_eq(count_lines(fds[0], line, sizeof line), LOG_BURST);
        log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("uid", 8));
        ck_assert_uint_eq(count_lines(fds[0], line, sizeof line), 1);
        ck_assert_ptr_nonnull(strstr(line, "uid=8"));
        log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("uid", 7));
        log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "no user", LOG_INT("n", 1));
        ck_assert_uint_eq(count_lines(fds[0], line, sizeof line), 1);
        ck_assert_ptr_nonnull(strstr(line, "no user"));
        /* More than are told apart: the rest share one turn, and what was left out is not lost. */
        for (unsigned i = 0; i < LOG_RATE_USERS + 2 * LOG_BURST; i++)
                log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("uid", 100 + i));
        ck_assert_uint_eq(count_lines(fds[0], line, sizeof line), LOG_RATE_USERS - 4 + LOG_BURST);
        for (unsigned i = 0; i < LOG_RATE_USERS; i++)
                r.turns[LOG_CALLER_REFUSED][i].since -= LOG_BURST_SECONDS;
        log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("uid", 7));
        (void) count_lines(fds[0], line, sizeof line);
        ck_assert_ptr_nonnull(strstr(line, "uid=7 left_out=81"));
        close(fds[0]);
        close(fds[1]);
}
END_TEST

START_TEST(rate) {
        struct log_rate r = { 0 };
        int fds[2];
        char line[1024];
        ck_assert_int_eq(pipe(fds), 0);
        const struct log l = { .fd = fds[1], .program = "test", .max = LOG_INFO, .rate = &r };
        for (unsigned i = 0; i < 5 * LOG_BURST; i++)
                log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("n", i));
        log_event(&l, LOG_WARN, LOG_GATE_GONE, "another", LOG_INT("n", 1));
        ck_assert_uint_eq(count_lines(fds[0], line, sizeof line), LOG_BURST + 1);
        ck_assert_ptr_nonnull(strstr(line, "another"));
        r.turns[LOG_CALLER_REFUSED][1].since -= LOG_BURST_SECONDS; /* time passes */
        log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("n", 1));
        log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("n", 2));
        ck_assert_uint_eq(count_lines(fds[0], line, sizeof line), 2);
        ck_assert_ptr_null(strstr(line, "left_out"));
        ck_assert_uint_eq(r.turns[LOG_CALLER_REFUSED][1].left_out, 0);
        r.turns[LOG_CALLER_REFUSED][1].left_out = 80;
        log_event(&l, LOG_WARN, LOG_CALLER_REFUSED, "refused", LOG_INT("n", 3));
        (void) count_lines(fds[0], line, sizeof line);
        ck_assert_ptr_nonnull(strstr(line, "refused n=3 left_out=80"));
        for (unsigned i = 0; i < 100; i++) /* what has no id is not counted */
                log_write(&l, LOG_WARN, "plain", LOG_INT("n", i));
        ck_assert_uint_eq(count_lines(fds[0], line, sizeof line), 100);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

/* Nobody reads, neither the datagrams nor, once those are full, the lines. */
START_TEST(journal_hangs) {
        const struct timeval soon = { .tv_usec = 100000 };
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        char dir[] = "/tmp/leash-log-XXXXXX", path[64], buffer[4096];
        int stream[2], journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ck_assert_ptr_nonnull(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/journal", dir);
        snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
        ck_assert_int_eq(bind(journal, (const struct sockaddr *) &sa, sizeof sa), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
        struct log l = { .fd = stream[0], .program = "test", .max = LOG_INFO, .journal = path };
        for (int i = 0; i < 20000; i++)
                log_write(&l, LOG_INFO, "one of many", LOG_INT("i", i));
        ck_assert_int_eq(setsockopt(stream[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
        take(stream[1], buffer, sizeof buffer); /* some did get there */
        ck_assert_ptr_nonnull(strstr(buffer, "info: one of many i="));
        (void) unlink(path);
        (void) rmdir(dir);
        close(journal);
        close(stream[0]);
        close(stream[1]);
}
END_TEST

START_TEST(where_stderr_goes) {
        char stream[64];
        struct stat st;
        unsetenv("LEASH_LOG");
        unsetenv("JOURNAL_STREAM");
        ck_assert_ptr_null(log_open("x", NULL).journal);
        ck_assert_int_eq(log_open("x", NULL).max, LOG_WARN);
        ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long) st.st_dev,
                 (unsigned long long) st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        ck_assert_ptr_nonnull(log_open("x", NULL).journal);
        ck_assert_int_eq(log_open("x", NULL).max, LOG_INFO);
        setenv("LEASH_LOG", "error", 1);
        ck_assert_int_eq(log_open("x", NULL).max, LOG_ERROR);
        setenv("JOURNAL_STREAM", "1:2", 1); /* somebody has redirected stderr */
        ck_assert_ptr_null(log_open("x", NULL).journal);
        setenv("JOURNAL_STREAM", "nonsense", 1);
        ck_assert_ptr_null(log_open("x", NULL).journal);
}
END_TEST

int main(void) {
        return RUN_TESTS("log", escapes, levels_and_length, datagram, datagram_is_bounded,
                         journal_or_line, journal_hangs, rate, rate_of_users, where_stderr_goes);
}
