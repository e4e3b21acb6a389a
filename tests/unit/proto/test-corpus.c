/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The corpora: files named y_* are accepted, n_* are refused, with an error that says something.
 * The folder comes as the first argument.
 */
#include <dirent.h>

#include "../../../proto/method.h"
#include "../../../proto/rpc.h"
#include "proto-test.h"

static int try_rpc(const char *text, size_t len, struct error *e) {
        _Alignas(16) char params[4096] = { 0 };
        struct arena *a = arena_new();
        struct rpc_message m;
        int r, i;

        r = rpc_parse(text, len, &m, e);
        if (r >= 0 && m.method) {
                i = method_find(m.method);
                ck_assert_msg(i >= 0, "no method %s", m.method);
                r = shape_decode(methods[i].params, m.params, a, params, e);
        }
        rpc_message_done(&m);
        arena_free(a);
        return r;
}

static int try_policy(const char *text, size_t len, struct error *e) {
        struct policy p = { .level = LEVEL_UNSET };
        struct arena *a = arena_new();
        struct json *j = NULL;
        int r;

        r = json_parse(text, len, &j, e);
        if (r >= 0)
                r = shape_decode(&policy_shape, j, a, &p, e);
        json_unref(j);
        arena_free(a);
        return r;
}

/* Reads as in tests/fuzz/fuzz-frame.c: a byte of 64 * descriptors + length begins each. */
static int try_frame(const char *text, size_t len, struct error *e) {
        struct frame *f = frame_new(48);
        struct frame_line line;
        const int fds[3] = { 1, 2, 3 };
        size_t i = 0, n;
        int r = 0;

        while (i < len && r >= 0) {
                unsigned char c = (unsigned char) text[i++];

                n = (c & 63u) < len - i ? c & 63u : len - i;
                r = frame_feed(f, text + i, n, fds, c >> 6, e);
                i += n;
                while (r >= 0 && (r = frame_next(f, &line, e)) > 0)
                        ;
        }
        frame_free(f);
        return r;
}

static size_t replay(const char *root, const char *name,
                     int (*try_one)(const char *text, size_t len, struct error *e)) {
        char path[4096], text[65536];
        struct dirent *entry;
        size_t good = 0, bad = 0, len;
        DIR *dir;
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", root, name);
        dir = opendir(path);
        ck_assert_msg(dir, "%s", path);
        while ((entry = readdir(dir))) {
                struct error e = ERROR_NULL;
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s/%s", root, name, entry->d_name);
                f = fopen(path, "rb");
                ck_assert_msg(f, "%s", path);
                len = fread(text, 1, sizeof(text), f);
                fclose(f);
                r = try_one(text, len, &e);
                if (strncmp(entry->d_name, "y_", 2) == 0) {
                        ck_assert_msg(r >= 0, "%s/%s: %s %s", name, entry->d_name, e.where,
                                      e.message);
                        good++;
                } else if (strncmp(entry->d_name, "n_", 2) == 0) {
                        ck_assert_msg(r < 0, "%s/%s was accepted", name, entry->d_name);
                        ck_assert_msg(e.code != ERROR_NONE && *e.message, "%s/%s", name,
                                      entry->d_name);
                        bad++;
                } else
                        ck_abort_msg("%s/%s begins with neither y_ nor n_", name, entry->d_name);
        }
        closedir(dir);
        ck_assert_uint_gt(good, 0);
        ck_assert_uint_gt(bad, 0);
        return good + bad;
}

static const char *root;

START_TEST(rpc) {
        replay(root, "rpc", try_rpc);
}
END_TEST

START_TEST(policy) {
        replay(root, "policy", try_policy);
}
END_TEST

START_TEST(frame) {
        replay(root, "frame", try_frame);
}
END_TEST

int main(int argc, char **argv) {
        if (argc != 2)
                return 2;
        root = argv[1];
        return RUN_TESTS("corpus", rpc, policy, frame);
}
