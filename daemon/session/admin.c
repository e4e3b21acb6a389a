/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * /etc/leash/leashd.json. The session reads it, and not leashd, which parses no JSON: it is for
 * everybody to read, and what it holds binds the session. (A user who takes over his own session
 * gets what he has anyhow: his own rights, without a sandbox.)
 */
#include "admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../backends/posix/file.h"
#include "../common/launch.h"

#define CONFIG_BYTES (1024 * 1024)

int admin_trusted(const char *path, struct error *e) {
        struct stat st;
        if (stat(path, &st) < 0)
                return -errno;
        if (st.st_uid != 0 || (st.st_mode & 022))
                return error_set(e, ERROR_REFUSED, EPERM,
                                 "must belong to root, and nobody else may write it");
        return 0;
}

int admin_read(const char *path, bool trusted, struct admin *ret, struct error *e) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        struct admin a = { .arena = arena_new() };
        char *text = NULL;
        size_t len;

        if (!a.arena)
                return error_nomem(e);
        int r = trusted ? admin_trusted(path, e) : 0;
        if (r >= 0)
                r = file_read(AT_FDCWD, path, CONFIG_BYTES, &text, &len);
        if (r < 0) {
                arena_free(a.arena);
                if (!e || e->code == ERROR_NONE)
                        error_set(e, ERROR_IO, -r, "%s%s",
                                  r == -EINVAL ? "is not a regular file" : strerror(-r),
                                  r == -EFBIG ? ": it may have 1 MiB" : "");
                return r;
        }
        r = json_parse(text, len, &j, e);
        if (r >= 0 && !j)
                r = error_set(e, ERROR_PARAMS, EINVAL, "is null; it must be an object");
        if (r >= 0)
                r = shape_decode(&admin_config_shape, j, a.arena, &a.config, e);
        if (r >= 0)
                r = admin_config_check(&a.config, e);
        free(text);
        if (r < 0) {
                arena_free(a.arena);
                return r;
        }
        *ret = a;
        return 0;
}

int admin_load(struct session *s) {
        struct error e = ERROR_NULL;
        struct admin fresh;
        int r = s->system ? admin_read(ADMIN_CONFIG, true, &fresh, &e) : -ENOENT;

        if (r == -ENOENT) {
                s->admin.arena = arena_free(s->admin.arena);
                s->admin = (struct admin){ 0 };
                return 0;
        }
        if (r < 0) {
                /* What held before holds on. At the start there is nothing: then nobody is let in
                 * until it is right (admin.broken). */
                log_event(&s->log, LOG_ERROR, LOG_CONFIG_REFUSED, ADMIN_CONFIG " is of no use",
                          LOG_INT("uid", s->user.uid), LOG_STR("why", e.message),
                          LOG_STR("where", e.where));
                s->admin.broken = s->admin.broken || !s->admin.arena;
                return r;
        }
        s->admin.arena = arena_free(s->admin.arena);
        s->admin = fresh;
        return 0;
}

int admin_usable(const struct session *s, struct error *e) {
        return s->admin.broken
                       ? error_set(e, ERROR_REFUSED, EPERM,
                                   ADMIN_CONFIG " is of no use; the administrator's journal and "
                                                "`leashd --check-config` say why")
                       : 0;
}

int admin_print_totals(void) {
        struct launch_totals t = { .version = LAUNCH_VERSION };
        struct error e = ERROR_NULL;
        struct admin a = { 0 };
        int r = admin_read(ADMIN_CONFIG, true, &a, &e);

        if (r >= 0) {
                t.memory_bytes = a.config.users.memory_bytes;
                t.processes = a.config.users.processes;
                arena_free(a.arena);
        } else if (r != -ENOENT) {
                t.broken = true;
                snprintf(t.where, sizeof t.where, "%.*s", (int) sizeof t.where - 1, e.where);
                snprintf(t.why, sizeof t.why, "%.*s", (int) sizeof t.why - 1, e.message);
        }
        return write(STDOUT_FILENO, &t, sizeof t) == (ssize_t) sizeof t ? 0 : 1;
}
