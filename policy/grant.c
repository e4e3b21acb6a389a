/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The paths that the policy grants, and whether the working directory is one that can be had. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "compile.h"

/* /var/run and /var/lock are symbolic links into /run on every system that follows the FHS 3.0
 * (5.13); /run is private, so the way through the link would end there. */
static const char *through_var(struct compile *c, const char *path) {
        static const struct {
                const char *link, *target;
        } links[] = { { "/var/run", "/run" }, { "/var/lock", "/run/lock" } };
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                if (!path_is_under(path, links[i].link))
                        continue;
                const char *rest = path + strlen(links[i].link);
                return *rest ? compile_join(c, links[i].target, rest + 1) : links[i].target;
        }
        return path;
}

static int conflict(struct error *e, const char *field, const char *path, const char *reason) {
        int r;
        if (strncmp(reason, "security.protect_", strlen("security.protect_")) == 0) {
                const char *name = reason + strlen("security."), *option = name;
                for (size_t i = 0; i < protections_n; i++)
                        if (strcmp(protections[i].name, name) == 0)
                                option = protections[i].option;
                r = error_set(e, ERROR_CONFLICT, 0,
                              "%.600s is protected by %s: leave it out, or switch that off "
                              "(--no-protect %s)",
                              path, reason, option);
        } else
                r = error_set(e, ERROR_CONFLICT, 0, "%.600s cannot be granted: %s", path, reason);
        return error_under(e, field, r);
}

static int check_grant(struct compile *c, const struct grant *g, struct error *e) {
        static const char *const own[] = { "/proc", "/sys", "/dev" };
        for (size_t i = 0; i < ELEMENTSOF(own); i++) {
                bool device = i == 2 && strcmp(g->path, own[i]) != 0;
                if (path_is_under(g->path, own[i]) && !device)
                        return conflict(e, g->field, g->path,
                                        i == 2 ? "the sandbox has a /dev of its own; name single "
                                                 "devices, or use security.allow_hardware"
                                               : "the sandbox has a /proc and a /sys of its own");
        }
        const char *reason = compile_protected_by(c, g->path);
        return reason ? conflict(e, g->field, g->path, reason) : 0;
}

static int add_grants(struct compile *c, const struct strings *list, const char *name, bool write,
                      bool execute, struct error *e) {
        for (size_t i = 0; i < list->n; i++) {
                const char *path = path_expand(c->a, list->items[i], c->home, c->subject->workdir);
                if (!path)
                        return error_nomem(e);
                struct grant *g = &c->grants[c->n_grants];
                *g = (struct grant){ .path = through_var(c, path),
                                     .field = compile_text(c, "/filesystem/%s/%zu", name, i),
                                     .write = write,
                                     .execute = execute };
                int r = check_grant(c, g, e);
                if (r < 0)
                        return r;
                c->n_grants++;
        }
        return 0;
}

/* Whoever may talk to a corporation's servers has to know its authority. Most of these files are
 * the system's own, which every level shows. */
static int add_certificates(struct compile *c, struct error *e) {
        const struct pairs *list = &c->policy->network.certificates;
        for (size_t i = 0; i < list->n; i++) {
                const char *path =
                        path_expand(c->a, list->items[i].value, c->home, c->subject->workdir);
                if (!path ||
                    !arena_push_pair(c->a, &c->plan->certificates, list->items[i].name, path))
                        return error_nomem(e);
                struct grant g = { .path = through_var(c, path),
                                   .field = compile_text(c, "/network/certificates/%s",
                                                         list->items[i].name) };
                int r = check_grant(c, &g, e);
                if (r < 0)
                        return r;
                if (*c->home && path_is_under(c->home, g.path))
                        return conflict(e, g.field, g.path, "the home directory lies in it");
                bool shown = path_is_under(path, c->subject->workdir);
                for (size_t k = 0; k < compile_strict_roots_n; k++)
                        shown |= path_is_under(path, compile_strict_roots[k]);
                if (!shown)
                        c->grants[c->n_grants++] = g;
        }
        return 0;
}

int compile_grants(struct compile *c, struct error *e) {
        const struct policy_filesystem *f = &c->policy->filesystem;
        bool network = c->policy->network.mode != NETWORK_DENY;
        size_t n = f->read.n + f->write.n + f->execute.n +
                   (network ? c->policy->network.certificates.n : 0);
        c->grants = arena_array(c->a, n, sizeof(struct grant));
        if (!c->grants)
                return error_nomem(e);

        /* What strict binds for reading is not for running; the other levels run what they can
         * read, as they do everywhere on the disk. */
        bool run = c->plan->level != LEVEL_STRICT;
        int r = add_grants(c, &f->read, "read", false, run, e);
        if (r >= 0)
                r = add_grants(c, &f->execute, "execute", false, true, e);
        if (r >= 0)
                r = add_grants(c, &f->write, "write", true, true, e);
        if (r >= 0 && network)
                r = add_certificates(c, e);
        if (r < 0)
                return r;

        const struct strings *sockets = &c->policy->security.unix_sockets;
        for (size_t i = 0; i < sockets->n; i++) {
                const char *path =
                        path_expand(c->a, sockets->items[i], c->home, c->subject->workdir);
                if (!path)
                        return error_nomem(e);
                path = through_var(c, path);
                const char *reason = compile_protected_by(c, path);
                if (reason)
                        return conflict(e, compile_text(c, "/security/unix_sockets/%zu", i), path,
                                        reason);
                if (!arena_push(c->a, &c->plan->unix_sockets, path))
                        return error_nomem(e);
        }

        /* The home is private, unless a grant names it or the directory above it. The whole disk
         * does not: it is what a level says, minus what is protected. */
        c->home_private = PROTECTS(c, protect_user_home);
        for (size_t i = 0; i < c->n_grants; i++)
                if (*c->home && strcmp(c->grants[i].path, "/") != 0 &&
                    path_is_under(c->home, c->grants[i].path))
                        c->home_private = false;
        return 0;
}

/* the working directory */

/* Directories of the system or of many: what runs inside would own them (decision 13). */
static const char *const refused[] = {
        "/",      "/home",   "/root", "/tmp",     "/var",     "/etc",
        "/usr",   "/run",    "/bin",  "/sbin",    "/lib",     "/lib32",
        "/lib64", "/libx32", "/boot", "/var/tmp", "/var/lib", "/usr/local",
};

static int refuse(struct error *e, const char *workdir, const char *why, bool writable) {
        int r = error_set(
                e, ERROR_REFUSED, EPERM,
                "%.500s cannot be the working directory: %.300s. Use --fresh for a private "
                "throw-away directory, or -C DIR for another one%s",
                workdir, why,
                writable ? "; naming it in filesystem.write (--write), too, allows it" : "");
        return error_under(e, "/workdir", r);
}

static bool named_for_writing(const struct compile *c, const char *path) {
        for (size_t i = 0; i < c->n_grants; i++)
                if (c->grants[i].write && strcmp(c->grants[i].path, path) == 0)
                        return true;
        return false;
}

static int check_git_dirs(const struct compile *c, struct error *e) {
        const struct strings *dirs = &c->subject->git_common_dirs;
        for (size_t i = 0; i < dirs->n; i++) {
                const char *reason = compile_protected_by(c, dirs->items[i]);
                bool system = path_is_under(dirs->items[i], "/proc") ||
                              path_is_under(dirs->items[i], "/sys") ||
                              path_is_under(dirs->items[i], "/dev");
                for (size_t k = 0; k < ELEMENTSOF(refused); k++)
                        system = system || strcmp(dirs->items[i], refused[k]) == 0;
                if (!reason && !system && !(*c->home && path_is_under(c->home, dirs->items[i])))
                        continue;
                return error_under(
                        e, "/workdir",
                        error_set(e, ERROR_REFUSED, EPERM,
                                  "a .git file in the working directory points to %.500s, "
                                  "which is no place for a repository (%s): correct that "
                                  "file, or use -C DIR",
                                  dirs->items[i], reason ? reason : "a directory of the system"));
        }
        return 0;
}

int compile_check_workdir(const struct compile *c, struct error *e) {
        const char *workdir = c->subject->workdir;
        if (c->subject->workdir_fresh)
                return 0;

        if (path_is_under(workdir, "/proc") || path_is_under(workdir, "/sys") ||
            path_is_under(workdir, "/dev"))
                return refuse(e, workdir, "it belongs to the kernel", false);
        const char *reason = compile_protected_by(c, workdir);
        if (reason)
                return refuse(e, workdir,
                              strncmp(reason, "security.", 9) == 0
                                      ? "it is protected (see --no-protect and `leashctl explain`)"
                                      : reason,
                              false);
        if (named_for_writing(c, workdir))
                return check_git_dirs(c, e);
        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                if (strcmp(workdir, refused[i]) == 0)
                        return refuse(e, workdir, "it is a directory of the system", true);
        if (*c->home && strcmp(workdir, c->home) == 0)
                return refuse(e, workdir,
                              "it is the home directory, and everything in it would be writable",
                              true);
        if (*c->home && path_is_under(c->home, workdir))
                return refuse(e, workdir, "the home directory lies in it", true);
        return check_git_dirs(c, e);
}
