/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From a record's rights and path to a denial. leashd has seen to it that the domain is one of this
 * user's; here it is matched with a sandbox, by the sandbox's first process. A record does not say
 * which command it was, so each that runs has it in its result, as with the gate's refusals.
 */
#include "audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "events.h"
#include "report.h"

#define LOGS_SINCE_ABI 7 /* landlock_restrict_self() flags for logging: Linux 6.15 */

#define RIGHT(r) (UINT32_C(1) << AUDIT_RIGHT_##r)

/* The first row that has one of the rights says what it was. A connection is the most particular,
 * and writing says more than the reading that went with it. */
static const struct meaning {
        uint32_t rights;
        const char *kind, *access, *syscall;
        enum access_kind judged;
        const char *field;
} meanings[] = {
        { RIGHT(RESOLVE_UNIX), "socket", "connect", NULL, ACCESS_WRITE, "/security/unix_sockets" },
        { RIGHT(ABSTRACT_SOCKET), "socket", "connect", NULL, ACCESS_WRITE, NULL },
        { RIGHT(CONNECT_TCP) | RIGHT(CONNECT_UDP), "host", "connect", NULL, ACCESS_READ,
          "/network/mode" },
        { RIGHT(BIND_TCP) | RIGHT(BIND_UDP), "host", "bind", NULL, ACCESS_READ, "/network/mode" },
        { RIGHT(SIGNAL), "syscall", NULL, "kill", ACCESS_READ, NULL },
        { RIGHT(PTRACE), "syscall", NULL, "ptrace", ACCESS_READ, NULL },
        { RIGHT(TOPOLOGY), "syscall", NULL, "mount", ACCESS_READ, NULL },
        { RIGHT(EXECUTE), "path", "execute", NULL, ACCESS_EXECUTE, NULL },
        { RIGHT(WRITE_FILE) | RIGHT(REMOVE_DIR) | RIGHT(REMOVE_FILE) | RIGHT(MAKE_CHAR) |
                  RIGHT(MAKE_DIR) | RIGHT(MAKE_REG) | RIGHT(MAKE_SOCK) | RIGHT(MAKE_FIFO) |
                  RIGHT(MAKE_BLOCK) | RIGHT(MAKE_SYM) | RIGHT(REFER) | RIGHT(TRUNCATE) |
                  RIGHT(IOCTL_DEV),
          "path", "write", NULL, ACCESS_WRITE, NULL },
        { RIGHT(READ_FILE) | RIGHT(READ_DIR), "path", "read", NULL, ACCESS_READ, NULL },
};

static const struct meaning *meaning_of(uint32_t rights) {
        for (size_t i = 0; i < ELEMENTSOF(meanings); i++)
                if (meanings[i].rights & rights)
                        return &meanings[i];
        return NULL; /* a right of a later kernel */
}

static struct sandbox *by_first_process(struct session *s, pid_t pid) {
        struct sandbox *sb;

        if (!s->backend->box_pid || pid <= 1)
                return NULL;
        LIST_FOREACH(sb, &s->sandboxes, link)
                if (sb->box && s->backend->box_pid(sb->box) == pid)
                        return sb;
        return NULL;
}

static void note_lost(struct sandbox *sb, uint64_t lost) {
        struct process *p;

        LIST_FOREACH(p, &sb->processes, sandbox_link)
                p->denials_lost += lost;
}

static void note(struct sandbox *sb, const struct denial *d) {
        struct denial *first = NULL;
        struct process *p = LIST_FIRST(&sb->processes);
        const char *id = p && !LIST_NEXT(p, sandbox_link) ? p->id : NULL;
        struct denial alone = *d;

        LIST_FOREACH(p, &sb->processes, sandbox_link) {
                struct denial *noted = report_denial(p, d);
                first = first ? first : noted;
        }
        if (LIST_EMPTY(&sb->processes)) /* what a command has left running in the background */
                first = &alone;
        if (!first)
                return;
        struct event_details details = {
                .sandbox = sb->id, .process = id, .path = first->path, .denial = first
        };
        events_emit(sb->session, EVENT_DENIED, &details);
}

void audit_denial(struct session *s, const struct control_denial *m) {
        struct sandbox *sb = by_first_process(s, m->pid);
        const struct meaning *what = meaning_of(m->rights);
        struct decision verdict = { 0 };
        char path[AUDIT_PATH_BYTES], host[AUDIT_PATH_BYTES + 8];

        if (!sb)
                return;
        if (m->lost > 0)
                note_lost(sb, m->lost);
        if (m->count == 0 || !what)
                return;
        snprintf(path, sizeof path, "%.*s", (int) sizeof m->path - 1, m->path);
        report_make_printable(path);
        struct denial d = { .kind = what->kind,
                            .access = what->access,
                            .syscall = what->syscall,
                            .field = what->field,
                            .count = m->count };
        if (strcmp(what->kind, "host") == 0) {
                snprintf(host, sizeof host, strchr(path, ':') ? "[%s]:%u" : "%s:%u", path, m->port);
                d.host = host;
        } else if (path[0] && !what->syscall) {
                d.path = path;
        }
        if (strcmp(what->kind, "path") == 0 && d.path) {
                plan_decide_path(sb->place.plan, d.path, what->judged, &verdict);
                if (verdict.verdict != VERDICT_ALLOW) {
                        d.rule = verdict.rule;
                        d.field = verdict.field;
                }
        }
        stats_denial(&s->stats, SOURCE_AUDIT, d.field, m->count);
        sb->n_denials += m->count;
        note(sb, &d);
}

bool audit_records(const struct sandbox *sb) {
        return sb->place.plan->log_denials;
}

void audit_note_state(struct session *s, uint32_t state) {
        s->audit = state < CONTROL_AUDIT_N_ ? state : CONTROL_AUDIT_UNKNOWN;
        s->facts.audit = s->audit == CONTROL_AUDIT_ON && s->facts.landlock_abi >= LOGS_SINCE_ABI;
}

const char *audit_state_word(const struct session *s) {
        static const char *const words[CONTROL_AUDIT_N_] = {
                [CONTROL_AUDIT_UNKNOWN] = "unknown",   [CONTROL_AUDIT_ON] = "on",
                [CONTROL_AUDIT_OFF] = "off",           [CONTROL_AUDIT_DENIED] = "denied",
                [CONTROL_AUDIT_DISABLED] = "disabled",
        };
        return s->facts.landlock_abi < LOGS_SINCE_ABI ? "unsupported" : words[s->audit];
}

int audit_print_setting(void) {
        struct error e = ERROR_NULL;
        struct admin a;
        int r = admin_read(ADMIN_CONFIG, true, &a, &e), setting = CONTROL_SETTING_AUTO;

        if (r == -ENOENT)
                return CONTROL_SETTING_AUTO;
        if (r < 0)
                return CONTROL_SETTING_OFF;
        if (a.config.audit == ADMIN_AUDIT_OFF)
                setting = CONTROL_SETTING_OFF;
        else if (a.config.audit == ADMIN_AUDIT_ON)
                setting = CONTROL_SETTING_ON;
        arena_free(a.arena);
        return setting;
}
