/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tier without namespaces: the view is the host's, and Landlock's lists are all that decides.
 * Landlock has no "all but": so what may be read is built from the directories of the system,
 * without the homes, instead of from "/". What must be hidden inside of an allowed directory is
 * judged by the supervisor alone.
 */
#include <errno.h>
#include <string.h>

#include "compile.h"

/* The directories that systems have, without /home, /root and /run (sockets, sessions, secrets).
 * Those that a system lacks are skipped when the rules are made. */
static const char *const default_roots[] = {
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt",  "/snap",
        "/nix", "/gnu", "/srv",  "/var", "/mnt",   "/media", "/data",   "/sys", "/proc",
};

static const char *const devices[] = {
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
        "/dev/tty",  "/dev/ptmx", "/dev/pts",  "/dev/shm",
};

/* The user's other terminals are there, too: whoever opens one reads what is typed in it. So none
 * may be opened by name; a program's own it has already, and as /dev/tty. The master is no
 * terminal. */
static const char terminals[] = "/dev/pts/%u*";

/* Level permissive: all of the disk, but not what the kernel shows of itself and of others'
 * processes: a file there is no data, and there are no namespaces to make it the sandbox's own. Nor
 * all devices: what may be opened of them is the same at every level. Landlock has no "all but", so
 * it is each directory of "/" that there is now. */
static const char *const never_written[] = { "dev", "proc", "sys" };

static void allow_disk(struct compile *c) {
        const struct strings *names = &c->subject->root_names;
        for (size_t i = 0; !names->set && i < ELEMENTSOF(default_roots); i++)
                compile_list(c, &c->plan->read, default_roots[i]);
        for (size_t i = 0; i < names->n; i++) {
                const char *path = compile_text(c, "/%s", names->items[i]);
                bool write = true;
                for (size_t k = 0; k < ELEMENTSOF(never_written); k++)
                        write = write && strcmp(names->items[i], never_written[k]) != 0;
                if (write)
                        compile_list(c, &c->plan->write, path);
        }
        compile_list(c, &c->plan->read, "/proc");
        compile_list(c, &c->plan->read, "/sys");
}

static void allow_read(struct compile *c, const char *path) {
        /* A private home can lie in a system directory (/var/lib/jenkins): then that cannot be had.
         */
        if (c->home_private && *c->home && path_is_under(c->home, path))
                return;
        compile_list(c, &c->plan->read, path);
}

static void allow_level(struct compile *c) {
        struct plan *p = c->plan;
        bool whole = p->level == LEVEL_PERMISSIVE && !c->home_private;
        if (whole)
                allow_disk(c);
        else if (p->level == LEVEL_STRICT) {
                for (size_t i = 0; i < compile_strict_roots_n; i++)
                        allow_read(c, compile_strict_roots[i]);
                compile_list(c, &p->read, "/proc");
        } else
                for (size_t i = 0; i < ELEMENTSOF(default_roots); i++)
                        allow_read(c, default_roots[i]);
        for (size_t i = 0; i < ELEMENTSOF(devices); i++)
                compile_list(c, &p->write, devices[i]);
        for (unsigned i = 0; i < 10; i++)
                compile_name_pattern(c, compile_text(c, terminals, i), true, "/level");
        if (whole || p->level == LEVEL_STRICT)
                return;
        if (!c->home_private) {
                compile_list(c, &p->read, "/home");
                compile_list(c, &p->read, "/root");
                if (*c->home)
                        compile_list(c, &p->read, c->home);
                return;
        }
        for (size_t i = 0; *c->home && i < toolchains_n; i++)
                if (compile_may_exist(&c->subject->home_names, toolchains[i].path))
                        compile_list(c, &p->read, compile_home(c, toolchains[i].path));
}

static bool in_list(const struct strings *list, const char *path) {
        for (size_t i = 0; i < list->n; i++)
                if (path_is_under(path, list->items[i]))
                        return true;
        return false;
}

static bool name_if_visible(struct compile *c, const char *path, const char *field) {
        if (!in_list(&c->plan->read, path) && !in_list(&c->plan->write, path))
                return false;
        compile_name(c, path, true, field);
        return true;
}

static int deny(struct compile *c, struct error *e) {
        const char *field = "/security";
        /* No loss: where they can be seen, what lies in them is not the user's to open. */
        (void) compile_each_own(c, name_if_visible);
        bool inside = compile_each_protected(c, name_if_visible);
        for (size_t i = 0; i < c->policy->filesystem.deny.n; i++) {
                const char *pattern = path_expand_pattern(c->a, c->policy->filesystem.deny.items[i],
                                                          c->home, c->subject->workdir);
                if (!pattern)
                        return error_nomem(e);
                field = compile_text(c, "/filesystem/deny/%zu", i);
                if (path_match(pattern, c->subject->workdir))
                        return error_under(
                                e, field,
                                error_set(e, ERROR_CONFLICT, 0,
                                          "filesystem.deny covers the working directory "
                                          "%.400s, so nothing could run: deny less, or use "
                                          "-C DIR",
                                          c->subject->workdir));
                compile_name_pattern(c, pattern, true, field);
                inside = true;
        }
        if (inside)
                compile_lose(c, LOSS_NO_DENY_INSIDE_ALLOW, field,
                             "without mount namespaces a path inside an allowed directory cannot "
                             "be masked, only judged by name when it is opened");
        return 0;
}

int compile_native(struct compile *c, struct error *e) {
        const struct facts *f = c->facts;
        compile_lose(c, LOSS_NO_NAMESPACES, "/level",
                     "this host lets leash make no namespaces%s%s (`leashctl doctor` tells more)",
                     f->reason[0] ? ": " : "", f->reason);
        /* Nothing would be left that holds files, or the network: no loss to accept, but no
         * sandbox. */
        if (f->landlock_abi < 1 || !f->seccomp)
                return error_under(
                        e, "/level",
                        error_set(e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                                  "this host has neither namespaces nor %s, so nothing "
                                  "would hold the program: run leash on a host that has, or "
                                  "give it the right to make namespaces%s%s",
                                  f->landlock_abi < 1 ? "Landlock" : "seccomp filters",
                                  f->reason[0] ? ". " : "", f->reason));
        /* All of the disk is /proc/sys and /dev, too, and they are root's: core_pattern alone runs
         * what it names on the host. */
        if (c->plan->level == LEVEL_PERMISSIVE && c->subject->uid == 0)
                return error_under(
                        e, "/level",
                        error_set(e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                                  "without namespaces, level permissive would let root change the "
                                  "host itself: use level default, and name in filesystem.write "
                                  "what is to be written"));
        allow_level(c);
        for (size_t i = 0; i < c->n_grants; i++)
                compile_list(c, c->grants[i].write ? &c->plan->write : &c->plan->read,
                             c->grants[i].path);
        compile_list(c, &c->plan->write, c->subject->workdir);
        /* Not /tmp: other programs' sockets are there (tmux, ssh-agent, X11), each a way out. */
        if (c->subject->tmpdir)
                compile_list(c, &c->plan->write, c->subject->tmpdir);
        for (size_t i = 0; i < c->subject->git_common_dirs.n; i++)
                compile_list(c, &c->plan->write, c->subject->git_common_dirs.items[i]);
        compile_devices(c);

        compile_workspace_names(c);
        return deny(c, e);
}
