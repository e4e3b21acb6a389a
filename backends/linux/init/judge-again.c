/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Calls that are made twice. Before Linux 5.19 (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) a signal
 * with a handler ends the wait for our answer although the work was done, and after the handler the
 * kernel makes the call again: a second mkdir() would find what the first one made. So an answer
 * that nobody took is kept, and given to the same call when it comes back.
 *
 * "The same": the same thread, instruction, arguments and texts; and between the two no call of the
 * thread's at the same depth of its stack. What a handler calls lies deeper, and may come in
 * between. A program that was not restarted, but got EINTR, and then tries again, is answered like
 * that, too, which is right: its call is done, once. One that does something else first loses the
 * answer, and so does one that takes longer than AGAIN_MS.
 */
#include "judge-internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A handler that takes longer than this, on a machine that is not at its limit, does real work. */
#define AGAIN_MS 2000
/* How long a caller may be on its way to sleep, or out of it: its processor may be taken away, in a
 * virtual machine for tens of milliseconds. */
#define RUNNING_US 50
#define TRIES 2000

/* Which arguments are texts, one bit each. connect and bind have an address. */
static const struct {
        int nr;
        unsigned texts;
} calls[] = {
#ifdef __NR_open
        { __NR_open, 1 },      { __NR_creat, 1 },    { __NR_mkdir, 1 },     { __NR_mknod, 1 },
        { __NR_rename, 3 },    { __NR_link, 3 },     { __NR_symlink, 3 },   { __NR_unlink, 1 },
        { __NR_rmdir, 1 },
#endif
#ifdef __NR_renameat
        { __NR_renameat, 10 },
#endif
        { __NR_openat, 2 },    { __NR_mkdirat, 2 },  { __NR_mknodat, 2 },   { __NR_renameat2, 10 },
        { __NR_linkat, 10 },   { __NR_unlinkat, 2 }, { __NR_symlinkat, 5 }, { __NR_truncate, 1 },
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

/* proc_pid_syscall(5): "nr arg0 … arg5 sp pc". 0 where that cannot be read; -EINTR when the caller
 * does not wait any more, since a signal has come already: then nothing has to be done for it. */
static int stack_pointer(const struct caller *c, uint64_t *ret) {
        char path[32], text[256];
        unsigned long sp = 0;

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
                if (sscanf(text, "%*d %*x %*x %*x %*x %*x %*x %lx", &sp) == 1) {
                        *ret = sp;
                        return 0;
                }
                usleep(RUNNING_US); /* "running": it has been woken, or is about to wait */
        }
        return 0;
}

static void drop(struct judge *j, size_t i) {
        closep(&j->again[i].fd);
        memmove(j->again + i, j->again + i + 1, (--j->n_again - i) * sizeof(*j->again));
}

void again_keep(struct judge *j, pid_t tid, const struct call *call, int64_t value, int fd,
                bool cloexec) {
        if (!j->restarts) {
                closep(&fd);
                return;
        }
        if (j->n_again == JUDGE_AGAIN_MAX)
                drop(j, 0);
        j->again[j->n_again++] = (struct again){ .tid = tid,
                                                 .call = *call,
                                                 .value = value,
                                                 .fd = fd,
                                                 .cloexec = cloexec,
                                                 .at = now_us() };
}

/* True: it was answered, or waits for no answer. */
bool again_answer(struct caller *c) {
        struct judge *j = c->judge;
        bool found = false;

        if (!j->restarts)
                return false;
        c->call.hash = fingerprint(c);
        if (stack_pointer(c, &c->call.stack) < 0)
                return true;
        for (size_t i = j->n_again; i-- > 0 && !found;) {
                struct again kept = j->again[i];

                if (now_us() - kept.at > AGAIN_MS * INT64_C(1000)) {
                        drop(j, i);
                } else if (kept.tid == c->tid && kept.call.hash == c->call.hash &&
                           kept.call.stack == c->call.stack) {
                        j->again[i].fd = -1;
                        drop(j, i);
                        found = true;
                        c->made = true; /* should it be interrupted once more */
                        if (kept.fd >= 0)
                                (void) caller_give(c, &kept.fd, kept.cloexec, true);
                        else
                                caller_answer(c, 0, kept.value);
                        closep(&kept.fd);
                } else if (kept.tid == c->tid && c->call.stack >= kept.call.stack) {
                        drop(j, i); /* it went on without */
                }
        }
        return found;
}
