/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Who calls: from the credentials that the kernel puts beside each byte, because with a judged
 * connect(2) the one who connected is leash-init. For people and logs: a process may have ended and
 * its number be somebody else's by the time that we look.
 *
 * In the native tier it is more: there sandboxes share the disk, and a socket is as safe from the
 * neighbours as the policy keeps them from writing, which level permissive does not. So callers
 * have to descend from the sandbox's own first process. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../backends/posix/file.h"
#include "ipc.h"
#include "process.h"

#define STATUS_BYTES (64 * 1024) /* a process with thousands of groups */
#define ANCESTORS 256

struct status {
        char name[16];
        pid_t parent, inside;
};

static bool status_read(pid_t pid, struct status *ret) {
        char path[32], *text = NULL;
        size_t len;

        snprintf(path, sizeof path, "/proc/%d/status", (int) pid);
        if (file_read(AT_FDCWD, path, STATUS_BYTES, &text, &len) < 0)
                return false;
        *ret = (struct status){ .inside = pid };
        (void) sscanf(text, "Name:\t%15[^\n]", ret->name);
        const char *line = strstr(text, "\nPPid:");
        if (line)
                ret->parent = (pid_t) strtol(line + 6, NULL, 10);
        line = strstr(text, "\nNSpid:");
        if (line) { /* the innermost namespace comes last */
                const char *end = line + 1 + strcspn(line + 1, "\n");
                while (end > line && end[-1] >= '0' && end[-1] <= '9')
                        end--;
                ret->inside = (pid_t) strtol(end, NULL, 10);
        }
        free(text);
        return true;
}

static const struct process *started_as(const struct sandbox *sb, pid_t inside) {
        const struct process *p;
        LIST_FOREACH(p, &sb->processes, sandbox_link)
                if (p->pid == inside)
                        return p;
        return NULL;
}

static bool descends(const struct sandbox *sb, struct status st) {
        const struct backend *b = sb->session->backend;
        pid_t first = b->box_pid ? b->box_pid(sb->box) : 0;
        if (!sb->place.plan->native || first == 0)
                return true; /* the view holds nothing but its own */
        for (int i = 0; i < ANCESTORS && st.parent > 1; i++) {
                if (st.parent == first)
                        return true;
                if (!status_read(st.parent, &st))
                        return false;
        }
        return false;
}

bool ipc_caller_look(struct ipc_conn *c, pid_t pid) {
        const struct sandbox *sb = c->ipc->sandbox;
        const struct process *p = LIST_FIRST(&sb->processes);
        struct status st;

        if (pid == c->caller.seen)
                return true;
        c->caller = (struct ipc_caller){ .seen = pid };
        if (pid <= 0 || !status_read(pid, &st))
                return !sb->place.plan->native;
        if (!descends(sb, st))
                return false;
        c->caller.pid = st.inside;
        memcpy(c->caller.name, st.name, sizeof c->caller.name);
        if (p && LIST_NEXT(p, sandbox_link)) { /* more than one: which of them is an ancestor? */
                p = started_as(sb, st.inside);
                for (int i = 0; !p && i < ANCESTORS && st.parent > 1 && status_read(st.parent, &st);
                     i++)
                        p = started_as(sb, st.inside);
        }
        if (p)
                memcpy(c->caller.process, p->id, sizeof c->caller.process);
        return true;
}
