/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Signalling a command. Most signals go to its process group, as from a terminal. SIGKILL is meant
 * for all of it: also for what moved to groups or sessions of its own, found by parentage in /proc.
 * What has detached itself wholly (a double fork) belongs to the sandbox and ends with that.
 */
#include "init.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct entry {
        pid_t pid, parent, session;
        bool marked;
};

/* proc(5): "pid (comm) state ppid pgrp session …"; comm may hold anything, also ")". */
static bool entry_read(int proc, const char *name, struct entry *ret) {
        char path[32], text[512], *end;
        _cleanup_close_ int fd = -1;
        ssize_t n;
        long parent, session;

        snprintf(path, sizeof(path), "%.16s/stat", name);
        fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        end = strrchr(text, ')');
        if (!end || end[1] != ' ' || !end[2])
                return false;
        parent = strtol(end + 3, &end, 10); /* behind ") S" */
        (void) strtol(end, &end, 10);
        session = strtol(end, &end, 10);
        if (*end != ' ')
                return false;
        *ret = (struct entry){ .pid = (pid_t) strtol(name, NULL, 10),
                               .parent = (pid_t) parent,
                               .session = (pid_t) session };
        return ret->pid > 1;
}

static size_t entries_read(struct entry *entries, size_t max) {
        DIR *directory = opendir("/proc");
        struct dirent *d;
        size_t n = 0;

        if (!directory)
                return 0;
        while (n < max && (d = readdir(directory)))
                if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
                    entry_read(dirfd(directory), d->d_name, &entries[n]))
                        n++;
        closedir(directory);
        return n;
}

/* Kills every descendant that lives now; returns how many there were. */
static size_t kill_descendants(pid_t top) {
        static struct entry entries[8192];
        size_t n = entries_read(entries, ELEMENTSOF(entries)), killed = 0;
        bool more = true;

        while (more) {
                more = false;
                for (size_t i = 0; i < n; i++) {
                        struct entry *e = &entries[i];

                        if (e->marked)
                                continue;
                        e->marked = e->pid == top || e->session == top;
                        for (size_t k = 0; k < n && !e->marked; k++)
                                e->marked = entries[k].marked && entries[k].pid == e->parent;
                        more |= e->marked;
                }
        }
        for (size_t i = 0; i < n; i++)
                if (entries[i].marked && entries[i].pid != top &&
                    kill(entries[i].pid, SIGKILL) == 0)
                        killed++;
        return killed;
}

void command_signal(struct init *in _unused_, const struct command *c, int signo) {
        if (signo != SIGKILL) {
                if (kill(-c->pid, signo) < 0)
                        kill(c->pid, signo);
                return;
        }
        /* The top stays until its tree is gone, since the tree is found through it; stopped, so
         * that it does not fork on. A bound, because children of children may still fork. */
        kill(c->pid, SIGSTOP);
        for (int round = 0; round < 16 && kill_descendants(c->pid) > 0; round++)
                ;
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
}

/* kill(2) to -1 is one step under the lock that fork() takes, too: a program that forks and exits
 * without end gets away from any list of pids, but not from this. It reaches what we may signal,
 * and that is our own domain, if Landlock scopes signals (ABI 6). The keeper is outside and has our
 * uid: if we could signal it, then everything else of the user's as well. */
void kill_domain(const struct init *in) {
        if (in->keeper && !keeper_gone(in) && kill(in->keeper, 0) < 0 && errno == EPERM)
                kill(-1, SIGKILL);
}

/* Orphans come to us, the subreaper; so once we have no child, nothing is left. */
void kill_everything(void) {
        while (waitpid(-1, NULL, WNOHANG) >= 0)
                if (kill_descendants(getpid()) == 0)
                        usleep(1000); /* the killed take a moment to end */
}
