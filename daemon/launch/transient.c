/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transient.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/linux/cgroup_file.h"

#define SCOPE_MS 5000 /* a system that is just booting has other work */

/* The process's group, as a path below the mount, once it has the unit's name in it. */
static int await_scope(const struct transient_scope *s, char *ret, size_t size) {
        struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
        char text[1024], path[64];

        snprintf(path, sizeof path, "/proc/%u/cgroup", s->pids[0]);
        for (unsigned ms = 0; ms < SCOPE_MS; ms += 2) {
                if (cgroup_read(AT_FDCWD, path, text, sizeof text) < 0)
                        return -EIO;
                char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
                if (line) {
                        line = strchr(line, '/');
                        line[strcspn(line, "\n")] = 0;
                        if (strstr(line, s->unit))
                                return (size_t) snprintf(ret, size, "%s", line + 1) < size
                                               ? 0
                                               : -ENAMETOOLONG;
                }
                (void) nanosleep(&pause, NULL);
        }
        return -ETIMEDOUT;
}

static int append(sd_bus_message *m, const struct transient_scope *s) {
        int r = sd_bus_message_append(m, "ss", s->unit, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s", s->description,
                                          "Slice", "s", s->slice, "Delegate", "b", 1, "CollectMode",
                                          "s", "inactive-or-failed");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "PIDs");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "au");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'u', s->pids, s->n_pids * sizeof s->pids[0]);
        for (int i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        if (r >= 0 && s->memory_max)
                r = sd_bus_message_append(m, "(sv)", "MemoryMax", "t", s->memory_max);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
}

/* The manager's own socket needs no bus; where it is not, the bus leads to it. */
static int open_user(sd_bus **ret) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char fallback[64], address[256];
        sd_bus *bus = NULL;

        if (!runtime) {
                snprintf(fallback, sizeof fallback, "/run/user/%u", (unsigned) geteuid());
                runtime = fallback;
        }
        int n = snprintf(address, sizeof address, "unix:path=%s/systemd/private", runtime);
        int r = n < 0 || (size_t) n >= sizeof address || strpbrk(runtime, ",;%") ? -ENAMETOOLONG
                                                                                 : sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0) {
                *ret = bus;
                return 0;
        }
        sd_bus_unref(bus);
        return sd_bus_open_user(ret);
}

static int ask(const struct transient_scope *s) {
        sd_bus *bus = NULL;
        sd_bus_message *m = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;

        int r = s->user ? open_user(&bus) : sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_message_new_method_call(
                        bus, &m, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager", "StartTransientUnit");
        if (r >= 0)
                r = append(m, s);
        if (r >= 0)
                r = sd_bus_call(bus, m, SCOPE_MS * 1000ull, &error, NULL);
        sd_bus_error_free(&error);
        sd_bus_message_unref(m);
        sd_bus_flush_close_unref(bus);
        return r;
}

int transient_scope_start(const struct transient_scope *s, char *ret, size_t size) {
        int r = ask(s);
        return r < 0 ? r : await_scope(s, ret, size);
}

int transient_limit(const char *unit, const char *property, uint64_t n) {
        sd_bus *bus = NULL;
        sd_bus_message *m = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;

        int r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_message_new_method_call(
                        bus, &m, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                        "org.freedesktop.systemd1.Manager", "SetUnitProperties");
        if (r >= 0)
                r = sd_bus_message_append(m, "sba(sv)", unit, 1, 1, property, "t", n);
        if (r >= 0)
                r = sd_bus_call(bus, m, SCOPE_MS * 1000ull, &error, NULL);
        sd_bus_error_free(&error);
        sd_bus_message_unref(m);
        sd_bus_flush_close_unref(bus);
        return r;
}
