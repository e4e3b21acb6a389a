/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Calls that are made twice. Before Linux 5.19 (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) a signal
 * with a handler ends the wait for our answer although the work was done, and after the handler the
 * kernel makes the call again: a second mkdir() would find what the first one made. So what a call
 * came to is kept where nobody took it, and is the answer to the same call when it comes back.
 *
 * "The same": the same thread, instruction, arguments and texts; and between the two no call of the
 * thread's at the same depth of its stack. What a handler calls lies deeper, and may come in
 * between. A program that was not restarted, but got EINTR, and then tries again, is answered like
 * that, too, which is right: its call is done, once. One that does something else first loses the
 * answer, and so does one that takes longer than AGAIN_MS.
 *
 * Whether an answer was taken the kernel tells only when it is too late for it (ENOENT). One that
 * it took from us is lost all the same when the signal had come a moment before. So where signals
 * stir around an answer, that call is doubtful: if it comes back, it is done again, and only if it
 * then fails as one does that was done already, the first outcome counts.
 */
#include "judge-internal.h"

#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A handler that takes longer than this does real work. */
#define AGAIN_MS 10000
/* How long a caller may be on its way to sleep, or out of it: its processor may be taken away, in a
 * virtual machine for tens of milliseconds. */
#define RUNNING_US 50
#define TRIES 2000

/* Which arguments are texts, one bit each (connect and bind have an address), and how the call
 * fails when it has been done; 0: it can be done twice. */
static const struct {
        int nr;
        unsigned texts;
        int done;
} calls[] = {
#ifdef __NR_open
        { __NR_open, 1, EEXIST },       { __NR_creat, 1, 0 },         { __NR_mkdir, 1, EEXIST },
        { __NR_mknod, 1, EEXIST },      { __NR_rename, 3, ENOENT },   { __NR_link, 3, EEXIST },
        { __NR_symlink, 3, EEXIST },    { __NR_unlink, 1, ENOENT },   { __NR_rmdir, 1, ENOENT },
#endif
#ifdef __NR_renameat
        { __NR_renameat, 10, ENOENT },
#endif
        { __NR_openat, 2, EEXIST },     { __NR_mkdirat, 2, EEXIST },  { __NR_mknodat, 2, EEXIST },
        { __NR_renameat2, 10, ENOENT }, { __NR_linkat, 10, EEXIST },  { __NR_unlinkat, 2, ENOENT },
        { __NR_symlinkat, 5, EEXIST },  { __NR_connect, 0, EISCONN }, { __NR_bind, 0, EINVAL },
        { __NR_truncate, 1, 0 },
};

/* FNV-1a: for telling calls apart, not for security; one that forges a match fools only itself. */
static uint64_t mix(uint64_t hash, const void *data, size_t size) {
        const unsigned char *p = data;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
        return hash;
}

static uint64_t fingerprint(const struct caller *c) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        char text[PATH_MAX];

        hash = mix(hash, &c->data, sizeof(c->data));
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                for (unsigned k = 0; calls[i].nr == c->data.nr && k < 6; k++)
                        if ((calls[i].texts & 1u << k) &&
                            caller_string(c, c->data.args[k], text) >= 0)
                                hash = mix(hash, text, strlen(text) + 1);
        if ((c->data.nr == __NR_connect || c->data.nr == __NR_bind) &&
            c->data.args[2] <= sizeof(struct sockaddr_storage) &&
            caller_read(c, c->data.args[1], text, c->data.args[2]) >= 0)
                hash = mix(hash, text, c->data.args[2]);
        return hash;
}

/* "nr arg0 … arg5 sp pc"; a task that runs has "running" there. */
static bool syscall_parse(const char *text, uint64_t *ret) {
        char *end;

        (void) strtol(text, &end, 10);
        if (end == text)
                return false;
        for (int i = 0; i < 7; i++)
                *ret = strtoull(end, &end, 16);
        return *end == ' ';
}

/* proc_pid_syscall(5). 0 where that cannot be read; -EINTR when the caller
 * does not wait any more, since a signal has come already: then nothing has to be done for it. */
static int stack_pointer(const struct caller *c, uint64_t *ret) {
        char path[32], text[256];

        *ret = 0;
        snprintf(path, sizeof(path), "%d/syscall", c->tid);
        for (int i = 0; i < TRIES; i++) {
                _cleanup_close_ int fd = openat(c->judge->proc, path, O_RDONLY | O_CLOEXEC);
                ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

                if (!caller_valid(c))
                        return -EINTR;
                if (n <= 0)
                        return 0;
                text[n] = '\0';
                if (syscall_parse(text, ret))
                        return 0;
                usleep(RUNNING_US); /* "running": it has been woken, or is about to wait */
        }
        return 0;
}

/* Signals that are on their way to the caller, and those that it keeps out: a handler that has
 * begun shows as one more of these. False where that cannot be read. */
static bool signals_read(const struct caller *c, struct signals *ret) {
        static const char *const fields[] = { "\nSigPnd:", "\nShdPnd:", "\nSigBlk:" };
        uint64_t values[ELEMENTSOF(fields)];
        char path[32], text[4096];
        _cleanup_close_ int fd = -1;
        ssize_t n;

        snprintf(path, sizeof(path), "%d/status", c->tid);
        fd = openat(c->judge->proc, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *at = strstr(text, fields[i]);

                if (!at)
                        return false;
                values[i] = strtoull(at + strlen(fields[i]), NULL, 16);
        }
        *ret = (struct signals){ .pending = (values[0] | values[1]) & ~values[2],
                                 .blocked = values[2] };
        return true;
}

static int done_error(const struct caller *c) {
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                if (calls[i].nr == c->data.nr)
                        return calls[i].done;
        return 0;
}

void again_before(const struct caller *c, struct signals *ret) {
        *ret = (struct signals){};
        if (c->judge->restarts && done_error(c))
                ret->known = signals_read(c, ret);
}

bool again_doubt(const struct caller *c, const struct signals *before) {
        struct signals after = {};

        return before->known && signals_read(c, &after) &&
               (before->pending || after.pending || before->blocked != after.blocked);
}

static void drop(struct judge *j, size_t i) {
        fd_closep(&j->again[i].fd);
        memmove(j->again + i, j->again + i + 1, (--j->n_again - i) * sizeof(*j->again));
}

static void remember(struct judge *j, struct again kept) {
        if (j->n_again == JUDGE_AGAIN_MAX)
                drop(j, 0);
        kept.at = now_us();
        j->again[j->n_again++] = kept;
}

void again_keep(struct judge *j, pid_t tid, const struct call *call, int64_t value, bool doubtful) {
        if (j->restarts)
                remember(j, (struct again){ .tid = tid,
                                            .call = *call,
                                            .value = value,
                                            .fd = -1,
                                            /* Twice would undo it. */
                                            .doubtful = doubtful && !call->exchange });
}

void again_keep_file(const struct caller *c, int *fd, bool cloexec) {
        if (c->judge->restarts)
                remember(c->judge, (struct again){ .tid = c->tid,
                                                   .call = c->call,
                                                   .fd = TAKE_FD(*fd),
                                                   .cloexec = cloexec });
}

static bool is_same(const struct again *kept, const struct caller *c) {
        return kept->call.hash == c->call.hash &&
               (kept->call.stack == c->call.stack || !kept->call.stack || !c->call.stack);
}

/* Gives what was kept; true if that was an answer. */
static bool give_kept(struct caller *c, struct again *kept) {
        c->made = true; /* should it be interrupted once more */
        if (kept->doubtful) {
                c->again = true;
                c->again_value = kept->value;
                return false;
        }
        if (kept->fd >= 0)
                (void) caller_give(c, &kept->fd, kept->cloexec, true);
        else
                caller_answer(c, 0, kept->value);
        fd_closep(&kept->fd);
        return true;
}

bool again_answer(struct caller *c) {
        struct judge *j = c->judge;

        if (!j->restarts)
                return false;
        c->call.hash = fingerprint(c);
        c->call.exchange = c->data.nr == __NR_renameat2 && (c->data.args[4] & RENAME_EXCHANGE);
        if (stack_pointer(c, &c->call.stack) < 0)
                return true;
        for (size_t i = j->n_again; i-- > 0;) {
                struct again kept = j->again[i];

                if (now_us() - kept.at > AGAIN_MS * INT64_C(1000)) {
                        drop(j, i);
                } else if (kept.tid == c->tid && is_same(&kept, c)) {
                        j->again[i].fd = -1;
                        drop(j, i);
                        return give_kept(c, &kept);
                } else if (kept.tid == c->tid && c->call.stack >= kept.call.stack) {
                        drop(j, i); /* it went on without */
                }
        }
        return false;
}

int again_outcome(const struct caller *c, int r, int64_t *ret_value) {
        _cleanup_close_ int object = -1;

        if (!c->again || r >= 0 || r != -done_error(c))
                return r;
        /* A descriptor that it was given must still be there. */
        if (c->again_value > 0 && caller_object(c, (int) c->again_value, &object) < 0)
                return r;
        *ret_value = c->again_value;
        return 0;
}
