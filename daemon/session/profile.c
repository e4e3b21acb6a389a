/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies by name. Presets come first: a file cannot take the name of a built-in one away. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/posix/file.h"
#include "place.h"

#define PROFILE_BYTES (1024 * 1024) /* a policy with full lists is far below */

/* A name, not a path: letters, digits, "-", "_", "." but not first. */
static bool name_is_good(const char *name) {
        size_t n =
                strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
        return n > 0 && n <= LIMIT_NAME_BYTES && name[n] == 0 && name[0] != '.';
}

static int parse(struct arena *a, const char *text, size_t len, const struct policy **ret,
                 struct error *e) {
        _cleanup_(json_unrefp) struct json *j = NULL;
        int r = json_parse(text, len, &j, e);
        if (r < 0)
                return r;
        struct policy *p = arena_alloc(a, sizeof *p);
        if (!p)
                return error_nomem(e);
        r = shape_decode(&policy_shape, j, a, p, e);
        if (r < 0)
                return r;
        *ret = p;
        return 0;
}

int profile_load(struct session *s, struct arena *a, const char *name, const struct policy **ret,
                 struct error *e) {
        char path[PATH_MAX];

        if (!name_is_good(name))
                return error_field(e, "/profile",
                                   "a profile's name has letters, digits, \"-\", \"_\", "
                                   "\".\" only (--config takes a file)");
        const struct policy *preset = policy_preset(name);
        if (preset) {
                *ret = preset;
                return 0;
        }
        const char *const places[] = { s->user.home, "" };
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                char *text;
                size_t len;
                int n = snprintf(path, sizeof path, "%s/%s/%s.json", places[i],
                                 i == 0 ? ".config/leash/profiles" : "etc/leash/profiles", name);
                if (n < 0 || (size_t) n >= sizeof path)
                        continue;
                int r = file_read(AT_FDCWD, path, PROFILE_BYTES, &text, &len);
                if (r == -ENOENT || r == -ENOTDIR)
                        continue;
                if (r < 0)
                        return error_set(e, ERROR_IO, -r, "cannot read the profile %s: %s", path,
                                         strerror(-r));
                r = parse(a, text, len, ret, e);
                free(text);
                /* The field is one of the file's: who named only the profile reads it there. */
                r = error_wrap(e, r, "%s%s%s", path, e && e->where[0] ? " at " : "",
                               e ? e->where : "");
                return error_under(e, "/profile", r);
        }
        char presets[256] = "";
        for (size_t i = 0, n = 0; policy_preset_name(i) && n < sizeof presets; i++)
                n += (size_t) snprintf(presets + n, sizeof presets - n, "%s%s", i > 0 ? ", " : "",
                                       policy_preset_name(i));
        int r = error_set(
                e, ERROR_NOT_FOUND, ENOENT,
                "there is no profile \"%s\" in ~/.config/leash/profiles or /etc/leash/profiles; "
                "the built-in ones are %s",
                name, presets);
        return error_under(e, "/profile", r);
}
