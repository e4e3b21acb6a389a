/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "admit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
        const char *name;
        unsigned bit;
} checks[] = {
        { "mounts", ADMIT_MOUNTS },
        { "seccomp", ADMIT_SECCOMP },
        { "no_new_privs", ADMIT_NO_NEW_PRIVS },
};

static int bad(const char *text, const char *why, struct error *e) {
        return error_set(e, ERROR_PARAMS, EINVAL,
                         "--admit %.200s: %s; expected UID:UNIT:CHECK[,CHECK], as in "
                         "1001:agent.service:no_new_privs,seccomp",
                         text, why);
}

static int parse_checks(const char *text, const char *s, unsigned *ret, struct error *e) {
        do {
                size_t n = strcspn(s, ","), i = 0;
                while (i < ELEMENTSOF(checks) &&
                       (strlen(checks[i].name) != n || strncmp(checks[i].name, s, n) != 0))
                        i++;
                if (i == ELEMENTSOF(checks))
                        return bad(text, "a check is one of mounts, seccomp, no_new_privs", e);
                *ret |= checks[i].bit;
                s += n;
        } while (*s++ == ',');
        return 0;
}

static bool ends_with(const char *s, size_t n, const char *tail) {
        size_t k = strlen(tail);

        return n > k && strncmp(s + n - k, tail, k) == 0;
}

/* systemd.unit(5): letters, digits and :-_.\@; a colon separates here. One unit: no pattern, no
 * path. */
static bool is_unit(const char *s, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
                      (s[i] >= '0' && s[i] <= '9') || strchr("-_.\\@", s[i])))
                        return false;
        return ends_with(s, n, ".service") || ends_with(s, n, ".scope");
}

int admit_parse(const char *text, struct admit *ret, struct error *e) {
        struct admit a = { 0 };
        char *end;

        errno = 0;
        unsigned long uid = strtoul(text, &end, 10);
        if (errno || end == text || *end != ':' || *text < '0' || *text > '9' || uid >= UINT32_MAX)
                return bad(text, "the user is a number", e);
        if (uid == 0)
                return bad(text, "root is not admitted from inside a confinement", e);
        a.uid = (uid_t) uid;
        const char *unit = end + 1;
        size_t n = strcspn(unit, ":");
        if (n == 0 || n >= sizeof a.unit || !is_unit(unit, n))
                return bad(text, "the unit is one .service or .scope of the system's", e);
        /* A user's own manager and his logins hold whatever he starts in there. */
        if (strncmp(unit, "user@", 5) == 0 || strncmp(unit, "session-", 8) == 0)
                return bad(text, "a user's own units are not the administrator's to vouch for", e);
        memcpy(a.unit, unit, n);
        if (unit[n] != ':')
                return bad(text, "it names no check", e);
        int r = parse_checks(text, unit + n + 1, &a.waived, e);
        if (r >= 0)
                *ret = a;
        return r;
}

/* The first part of a group's path that is no slice is the unit: what lies below is the unit's own.
 */
static bool is_in(const char *path, size_t len, const char *unit) {
        const char *end = path + len;

        while (path < end && *path == '/') {
                size_t n = 0;
                path++;
                while (path + n < end && path[n] != '/')
                        n++;
                if (!ends_with(path, n, ".slice"))
                        return n == strlen(unit) && strncmp(path, unit, n) == 0;
                path += n;
        }
        return false;
}

unsigned admit_waived(const struct admit *list, size_t n, uid_t uid, const char *cgroup) {
        unsigned waived = 0;
        /* cgroups(7): the line of version 2, the only one that everybody's systemd keeps. */
        const char *line = strncmp(cgroup, "0::/", 4) == 0 ? cgroup : strstr(cgroup, "\n0::/");

        if (!line)
                return 0;
        line = strchr(line, '/');
        size_t len = strcspn(line, "\n");
        for (size_t i = 0; i < n; i++)
                if (list[i].uid == uid && is_in(line, len, list[i].unit))
                        waived |= list[i].waived;
        return waived;
}
