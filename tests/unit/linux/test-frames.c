/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Frames with data behind them: only who asks for data gets any, and never a part. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../backends/linux/frames.h"
#include "../suite.h"

static int ends[2];

static void setup(void) {
        ck_assert_int_eq(
                socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void teardown(void) {
        close(ends[0]);
        close(ends[1]);
}

static void send_spawn(const void *data, int64_t size, const int *fds, size_t n) {
        struct wire_frame f = WIRE_FRAME(WIRE_SPAWN);

        f.id = 7;
        f.value = size;
        ck_assert_int_eq(frame_send_data(ends[0], &f, data, fds, n), 0);
}

START_TEST(data_arrives_whole) {
        static const size_t sizes[] = { 0, 1, 96, WIRE_SPAWN_INLINE };
        char data[WIRE_SPAWN_INLINE], got[WIRE_SPAWN_INLINE];

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (char) i;
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                struct wire_frame f;
                size_t n = 99, n_fds = 99;
                int fds[2];

                send_spawn(data, (int64_t) sizes[i], ends, 1);
                memset(got, 0, sizeof(got));
                ck_assert_int_eq(
                        frame_receive_data(ends[1], &f, got, sizeof(got), &n, fds, 2, &n_fds), 1);
                ck_assert_uint_eq(f.id, 7);
                ck_assert_uint_eq(n, sizes[i]);
                ck_assert_mem_eq(got, data, n);
                ck_assert_uint_eq(n_fds, 1);
                close(fds[0]);
                ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_INIT), 0);
        }
}
END_TEST

START_TEST(more_than_there_is_room_for_is_refused) {
        static char data[WIRE_SPAWN_INLINE + 1], got[WIRE_SPAWN_INLINE];
        struct wire_frame f;
        size_t n, n_fds;
        int fds[2], next = dup(ends[0]);

        send_spawn(data, sizeof(data), ends, 1);
        ck_assert_int_eq(frame_receive_data(ends[1], &f, got, sizeof(got), &n, fds, 2, &n_fds),
                         -EBADMSG);
        send_spawn(data, 1, ends, 1); /* to one who takes none */
        ck_assert_int_eq(frame_receive(ends[1], &f, fds, 2, &n_fds), -EBADMSG);
        ck_assert_int_eq(send(ends[0], data, sizeof(f) - 1, 0), sizeof(f) - 1);
        ck_assert_int_eq(frame_receive_data(ends[1], &f, got, sizeof(got), &n, fds, 2, &n_fds),
                         -EBADMSG);
        /* What came beside them was closed. */
        close(next);
        ck_assert_int_eq(dup(ends[0]), next);
        close(next);
}
END_TEST

START_TEST(a_length_that_cannot_be_is_no_frame) {
        static const int64_t lengths[] = { -1, WIRE_SPAWN_INLINE + 1, INT64_MAX };
        struct wire_frame f = WIRE_FRAME(WIRE_SPAWN);

        f.id = 1;
        ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_INIT), 0);
        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                f.value = lengths[i];
                ck_assert_int_eq(wire_frame_check(&f, sizeof(f), WIRE_TO_INIT), -EBADMSG);
        }
}
END_TEST

int main(void) {
        static const struct fixture fixture = { .setup = setup, .teardown = teardown };

        return RUN_TESTS_IN(&fixture, "frames", data_arrives_whole,
                            more_than_there_is_room_for_is_refused,
                            a_length_that_cannot_be_is_no_frame);
}
