/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* --config FILE: a JSON policy. Relative paths in it start at the file's own directory, so that a
 * policy kept in a project means the same wherever leashctl is called from. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../libleash/localise.h"
#include "options.h"

static int read_file(struct arena *a, const char *path, char **ret, size_t *ret_len,
                     struct error *e) {
        int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
        size_t len = 0, size = 64 * 1024; /* a large policy; doubled as needed */
        ssize_t n = 0;

        if (fd < 0)
                return error_set(e, ERROR_PARAMS, errno, "%s: %s", path, strerror(errno));
        char *text = malloc(size);
        while (text && (n = read(fd, text + len, size - len)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 || (len += (size_t) n) >= LIMIT_LINE_BYTES)
                        break;
                if (len == size) {
                        char *more = realloc(text, size *= 2);
                        if (!more)
                                free(text);
                        text = more;
                }
        }
        int err = n < 0 ? errno : len >= LIMIT_LINE_BYTES ? EFBIG : 0;
        close(fd);
        char *copy = text && !err ? arena_strndup(a, text, len) : NULL;
        free(text);
        if (err)
                return error_set(e, ERROR_PARAMS, err, "%s: %s", path, strerror(err));
        if (!copy)
                return error_nomem(e);
        *ret = copy;
        *ret_len = len;
        return 0;
}

static int base_directory(struct options *o, const char *path, char *ret, struct error *e) {
        if (strcmp(path, "-") == 0) {
                memcpy(ret, o->cwd, strlen(o->cwd) + 1);
                return 0;
        }
        if (!realpath(path, ret))
                return error_set(e, ERROR_PARAMS, errno, "%s: %s", path, strerror(errno));
        char *slash = strrchr(ret, '/');
        slash[slash == ret] = '\0';
        return 0;
}

int config_load(struct options *o, const char *path, struct error *e) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        char base[PATH_MAX], *text = NULL;
        size_t len = 0;

        if (o->config)
                return error_set(e, ERROR_PARAMS, EINVAL, "--config can be given once");
        struct policy *p = arena_alloc(o->arena, sizeof(*p));
        if (!p)
                return error_nomem(e);
        int r = read_file(o->arena, path, &text, &len, e);
        if (r >= 0)
                r = base_directory(o, path, base, e);
        if (r < 0)
                return error_wrap(e, r, "--config");
        r = json_parse(text, len, &j, e);
        if (r >= 0)
                r = shape_decode(&policy_shape, j, o->arena, p, e);
        if (r >= 0)
                r = policy_localise(o->arena, base, p, e);
        if (r < 0)
                return error_wrap(e, r, "--config %s%s%s", path, e->where[0] ? " at " : "",
                                  e->where);
        o->config = path;
        o->policy = p;
        return 0;
}
