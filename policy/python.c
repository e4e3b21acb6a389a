/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The virtual environment in the view. One that commands may not install into is read-only wherever
 * it lies: what one command leaves in it, the next one (or the user, outside) would import.
 */
#include <errno.h>
#include <string.h>

#include "compile.h"

#define FIELD_PATH "/python/venv/path"

int compile_venv_check(struct compile *c, struct error *e) {
        static const char *const kernel[] = { "/proc", "/sys", "/dev" };
        const struct subject *s = c->subject;
        if (!s->venv)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(kernel); i++)
                if (path_is_under(s->venv, kernel[i]))
                        return error_field(e, FIELD_PATH,
                                           "%.600s cannot hold a virtual environment: it belongs "
                                           "to the kernel",
                                           s->venv);
        const char *reason = s->venv_ours ? NULL : compile_protected_by(c, s->venv);
        if (reason)
                return error_under(
                        e, FIELD_PATH,
                        error_set(e, ERROR_CONFLICT, 0,
                                  "%.600s cannot hold a virtual environment: %s%s", s->venv,
                                  strncmp(reason, "security.", 9) == 0 ? "it is protected by " : "",
                                  reason));
        if (path_is_under(s->workdir, s->venv))
                return error_field(e, FIELD_PATH, "the working directory lies in it");
        if (!c->plan->native)
                return 0;
        /* Its content lies elsewhere while it is made, and only a view can show it here. */
        if (s->venv_source)
                return error_under(e, FIELD_PATH,
                                   error_set(e, ERROR_UNENFORCEABLE, EOPNOTSUPP,
                                             "without namespaces leash cannot make a virtual "
                                             "environment: make one by hand and name it in path"));
        for (size_t i = 0; i < s->venv_reads.n; i++)
                if (!compile_protected_by(c, s->venv_reads.items[i]))
                        compile_list(c, &c->plan->read, s->venv_reads.items[i]);
        compile_list(c, s->venv_writable ? &c->plan->write : &c->plan->read, s->venv);
        if (!s->venv_writable && path_is_under(s->venv, s->workdir))
                compile_name(c, s->venv, false, "/python/allow_pip_install");
        return 0;
}

static void bind(struct compile *c, enum mount_kind kind, const char *source, const char *target,
                 bool optional) {
        compile_mount(c, (struct plan_mount){ .kind = kind,
                                              .source = source,
                                              .target = target,
                                              .optional = optional,
                                              .field = FIELD_PATH });
}

/* "DIR/" or "FILE", empty. */
static void add_decoy(struct compile *c, const char *path) {
        size_t n = strlen(path);
        bool directory = n > 1 && path[n - 1] == '/';
        const char *target = directory ? arena_strndup(c->a, path, n - 1) : path;
        if (!target) {
                c->no_memory = true;
                return;
        }
        compile_mount(c, (struct plan_mount){ .kind = directory ? MOUNT_DIR : MOUNT_FILE,
                                              .target = target,
                                              .content = directory ? NULL : "",
                                              .mode = directory ? 0700 : 0600,
                                              .optional = true,
                                              .field = FIELD_PATH });
        compile_name(c, target, true, FIELD_PATH);
}

void compile_venv_view(struct compile *c) {
        const struct subject *s = c->subject;
        if (!s->venv)
                return;
        for (size_t i = 0; i < s->venv_reads.n; i++)
                if (!compile_protected_by(c, s->venv_reads.items[i]))
                        bind(c, MOUNT_BIND_RO, s->venv_reads.items[i], s->venv_reads.items[i],
                             true);
        for (size_t i = 0; c->home_private && i < s->venv_decoys.n; i++)
                add_decoy(c, s->venv_decoys.items[i]);
        bind(c, s->venv_writable ? MOUNT_BIND_RW : MOUNT_BIND_RO,
             s->venv_source ? s->venv_source : s->venv, s->venv, false);
}

void compile_venv_masks(struct compile *c) {
        const struct subject *s = c->subject;
        /* Where the home itself may be written, leash's own environments may not. */
        if (s->venv_base)
                compile_mask_inside(c, MOUNT_READONLY, s->venv_base, false, "/level");
        if (s->venv && !s->venv_writable)
                compile_mask_inside(c, MOUNT_READONLY, s->venv, false, "/python/allow_pip_install");
}
