/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Is a frame or a file from the other side of the sandbox's wall what it claims to be?
 *
 * leash-init is pid 1 of hostile code, so the session takes its frames for hostile (and init checks
 * the session's files, since a check costs nothing next to a mount). No allocation, no library:
 * leash-init links this file alone.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../policy/gate.h"
#include "wire-file.h"

/* Counts that no honest plan reaches; they bound the work of the checks themselves. */
#define WIRE_MAX_ITEMS (1u << 20)
#define WIRE_MAX_FILTER 4096 /* BPF_MAXINSNS: the kernel takes no longer filter */
#define WIRE_MAX_SIGNAL 64   /* _NSIG on every architecture that we build for */
#define WIRE_MAX_ERRNO 4095  /* MAX_ERRNO of the kernel */

_Static_assert(sizeof(struct wire_plan) % 8 == 0, "arrays follow the header");
_Static_assert(sizeof(struct wire_spawn) % 8 == 0, "arrays follow the header");
_Static_assert(offsetof(struct wire_plan, size) == offsetof(struct wire_spawn, size),
               "wire_writer_finish() sets it for both");

static bool value_is_valid(const struct wire_frame *f) {
        switch (f->type) {
        case WIRE_PLAN:
        case WIRE_FDS:
                return true;
        case WIRE_SPAWN:
                return f->id > 0 && f->value >= 0 && f->value <= WIRE_SPAWN_INLINE;
        case WIRE_SIGNAL:
                return f->value > 0 && f->value <= WIRE_MAX_SIGNAL;
        case WIRE_RESIZE:
                return f->id > 0 && f->value >= 0 && f->value <= (int64_t) UINT32_MAX;
        case WIRE_PREPARED:
                return true;
        case WIRE_READY:
                return f->value >= 0 && f->value < 1 << GATE_LISTENER_N_ &&
                       f->usage[0] <= GATE_OTHERS_MAX;
        case WIRE_SPAWNED:
                return f->id > 0 && f->value > 0 && f->value <= INT_MAX;
        case WIRE_FAILED:
                return f->err > 0;
        case WIRE_SPAWN_FAILED:
                return f->id > 0 && f->err > 0;
        case WIRE_EXITED: /* wait(2): the status has 16 bits */
                return f->id > 0 && f->value >= 0 && f->value <= UINT16_MAX;
        case WIRE_DENIED:
                return f->pid >= 0;
        case WIRE_TRUST:
                return f->text[0] != 0;
        case WIRE_REFUSED:
                return f->pid >= 0 && f->value > 0 && f->value <= (int64_t) UINT32_MAX &&
                       f->usage[0] < WIRE_MAX_ITEMS;
        case WIRE_UNTOLD:
                return f->value > 0 && f->value <= (int64_t) UINT32_MAX;
        }
        return false;
}

int wire_frame_check(const void *data, size_t size, enum wire_direction direction) {
        const struct wire_frame *f = data;

        if (size != sizeof(*f) || (uintptr_t) data % _Alignof(struct wire_frame) != 0)
                return -EBADMSG;
        if (f->version != WIRE_VERSION)
                return -EBADMSG;
        if ((f->type < WIRE_PREPARED) != (direction == WIRE_TO_INIT))
                return -EBADMSG;
        if (!memchr(f->text, 0, sizeof(f->text)) || !memchr(f->comm, 0, sizeof(f->comm)))
                return -EBADMSG;
        if (f->stage < 0 || f->stage > WIRE_STAGE_PROTOCOL)
                return -EBADMSG;
        if (f->err < 0 || f->err > WIRE_MAX_ERRNO)
                return -EBADMSG;
        return value_is_valid(f) ? 0 : -EBADMSG;
}

void wire_frame_text(struct wire_frame *f, const char *text) {
        size_t n = text ? strnlen(text, sizeof(f->text) - 1) : 0;

        if (n > 0)
                memcpy(f->text, text, n);
        memset(f->text + n, 0, sizeof(f->text) - n);
}

static bool string_or_none(const struct wire_file *f, uint64_t offset) {
        return offset == 0 || wire_string_is_inside(f, offset);
}

/* An array of string offsets, none of them missing; `sign` is a byte that each must contain, or
 * NUL. */
static bool strings_are_inside(const struct wire_file *f, uint64_t offset, uint64_t n, char sign) {
        const uint64_t *items;

        if (!wire_array_is_inside(f, offset, n, sizeof(*items), WIRE_MAX_ITEMS))
                return false;
        items = wire_array(f->base, offset);
        for (uint64_t i = 0; i < n; i++)
                if (!wire_string_is_inside(f, items[i]) || !strchr(f->base + items[i], sign))
                        return false;
        return true;
}

static bool mounts_are_valid(const struct wire_file *f, uint64_t offset, uint64_t n) {
        const struct wire_mount *m;

        if (!wire_array_is_inside(f, offset, n, sizeof(*m), WIRE_MAX_ITEMS))
                return false;
        m = wire_array(f->base, offset);
        for (uint64_t i = 0; i < n; i++) {
                if (m[i].fd < -1 || !string_or_none(f, m[i].target) ||
                    !string_or_none(f, m[i].content))
                        return false;
                if (m[i].content_len > 0 && m[i].content == 0)
                        return false;
                if (m[i].content != 0 && m[i].content_len > f->size - m[i].content)
                        return false;
        }
        return true;
}

static bool rules_are_valid(const struct wire_file *f, uint64_t offset, uint64_t n) {
        const struct wire_rule *r;

        if (!wire_array_is_inside(f, offset, n, sizeof(*r), WIRE_MAX_ITEMS))
                return false;
        r = wire_array(f->base, offset);
        for (uint64_t i = 0; i < n; i++)
                if (!wire_string_is_inside(f, r[i].path))
                        return false;
        return true;
}

static bool names_are_valid(const struct wire_file *f, uint64_t offset, uint64_t n) {
        const struct wire_name *names;

        if (!wire_array_is_inside(f, offset, n, sizeof(*names), WIRE_MAX_ITEMS))
                return false;
        names = wire_array(f->base, offset);
        for (uint64_t i = 0; i < n; i++)
                if (!wire_string_is_inside(f, names[i].pattern))
                        return false;
        return true;
}

static bool refusals_are_valid(const struct wire_file *f, uint64_t offset, uint64_t n) {
        const struct wire_refusal *r;

        if (!wire_array_is_inside(f, offset, n, sizeof(*r), WIRE_MAX_ITEMS))
                return false;
        r = wire_array(f->base, offset);
        for (uint64_t i = 0; i < n; i++)
                if (r[i].nr < 0 || (i > 0 && r[i].nr < r[i - 1].nr))
                        return false;
        return true;
}

static bool ports_are_valid(const struct wire_file *f, uint64_t offset, uint64_t n, uint64_t max) {
        const struct wire_port *ports;

        if (!wire_array_is_inside(f, offset, n, sizeof(*ports), max))
                return false;
        ports = wire_array(f->base, offset);
        for (uint64_t i = 0; i < n; i++)
                if (ports[i].port == 0)
                        return false;
        return true;
}

int wire_plan_check(const void *base, size_t size) {
        const struct wire_plan *p = base;
        const struct wire_file f = { .base = base, .size = size, .header = sizeof(*p) };

        if (!wire_file_begins_well(&f))
                return -EBADMSG;
        if (p->flags & ~WIRE_PLAN_FLAGS)
                return -EBADMSG;
        if (!mounts_are_valid(&f, p->mounts, p->n_mounts) ||
            !rules_are_valid(&f, p->rules, p->n_rules) ||
            !names_are_valid(&f, p->names, p->n_names) ||
            !refusals_are_valid(&f, p->refusals, p->n_refusals))
                return -EBADMSG;
        if (!strings_are_inside(&f, p->sockets, p->n_sockets, 0) ||
            !strings_are_inside(&f, p->env, p->n_env, '='))
                return -EBADMSG;
        if (!wire_array_is_inside(&f, p->filter, p->n_filter, 8, WIRE_MAX_FILTER) ||
            !wire_array_is_inside(&f, p->command_filter, p->n_command_filter, 8, WIRE_MAX_FILTER))
                return -EBADMSG;
        if (!ports_are_valid(&f, p->local_ports, p->n_local_ports, GATE_LOCAL_MAX) ||
            !ports_are_valid(&f, p->remote_ports, p->n_remote_ports, GATE_REMOTE_MAX))
                return -EBADMSG;
        return string_or_none(&f, p->workdir) ? 0 : -EBADMSG;
}

int wire_spawn_check(const void *base, size_t size) {
        const struct wire_spawn *s = base;
        const struct wire_file f = { .base = base, .size = size, .header = sizeof(*s) };

        if (!wire_file_begins_well(&f))
                return -EBADMSG;
        if (s->flags != 0 || s->n_argv == 0) /* without argv[0] there is nothing to execute */
                return -EBADMSG;
        if (!strings_are_inside(&f, s->argv, s->n_argv, 0) ||
            !strings_are_inside(&f, s->env, s->n_env, '='))
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(s->stdio); i++)
                if (s->stdio[i] > WIRE_STDIO_PTY)
                        return -EBADMSG;
        /* struct winsize has 16 bits for each */
        if (s->rows > UINT16_MAX || s->cols > UINT16_MAX)
                return -EBADMSG;
        return string_or_none(&f, s->cwd) ? 0 : -EBADMSG;
}
