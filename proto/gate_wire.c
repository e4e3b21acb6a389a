/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Is a frame or a file of the gate's socket what it claims to be? No allocation, no library. */
#include "gate_wire.h"

#include <errno.h>
#include <string.h>

#include "wire-file.h"

#define GATE_MAX_ERRNO 4095 /* MAX_ERRNO of the kernel */

_Static_assert(sizeof(struct gate_rules) % 8 == 0, "arrays follow the header");
_Static_assert(sizeof(struct gate_resolver) % 8 == 0, "arrays follow the header");
_Static_assert(offsetof(struct gate_rules, size) == offsetof(struct wire_plan, size) &&
                       offsetof(struct gate_resolver, size) == offsetof(struct wire_plan, size),
               "wire_writer_finish() sets it");
_Static_assert(GATE_VERSION == WIRE_VERSION, "wire_writer_begin() sets it");

const char *const gate_via_names[GATE_VIA_N_] = {
        [GATE_VIA_HTTP] = "http", [GATE_VIA_CONNECT] = "connect", [GATE_VIA_SOCKS] = "socks5",
        [GATE_VIA_TCP] = "tcp",   [GATE_VIA_DNS] = "dns",         [GATE_VIA_LOCAL] = "local",
};

static bool value_is_valid(const struct gate_frame *f) {
        switch (f->type) {
        case GATE_SANDBOX_ADD:
                return f->sandbox > 0 && f->mask < 1u << GATE_LISTENER_N_ && f->more <= 128;
        case GATE_SANDBOX_REMOVE:
                return f->sandbox > 0;
        case GATE_RESOLVER:
                return true;
        case GATE_DECISION:
                return f->sandbox > 0 && f->id > 0;
        case GATE_EVENT:
                return f->sandbox > 0 && f->via > GATE_VIA_NONE;
        case GATE_UNASK:
                return f->sandbox > 0 && f->id > 0;
        case GATE_ASK:
                return f->sandbox > 0 && f->id > 0 && f->via > GATE_VIA_NONE && f->host[0];
        }
        return false;
}

/* Names are in the one form of policy/host.h, the rest is the policy's own text. */
static bool is_plain(const char *s, size_t size) {
        size_t n = strnlen(s, size);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) s[i] < 0x20 || (unsigned char) s[i] >= 0x7f)
                        return false;
        return n < size;
}

int gate_frame_check(const void *data, size_t size, enum gate_direction direction) {
        const struct gate_frame *f = data;

        if (size != sizeof(*f) || (uintptr_t) data % _Alignof(struct gate_frame) != 0)
                return -EBADMSG;
        if (f->version != GATE_VERSION || (f->type < GATE_EVENT) != (direction == GATE_TO_GATE))
                return -EBADMSG;
        if (!is_plain(f->host, sizeof(f->host)) || !is_plain(f->address, sizeof(f->address)) ||
            !is_plain(f->field, sizeof(f->field)) || !is_plain(f->why, sizeof(f->why)) ||
            !is_plain(f->rule, sizeof(f->rule)))
                return -EBADMSG;
        if (f->port > UINT16_MAX || f->via >= GATE_VIA_N_ || f->verdict >= GATE_VERDICT_N_ ||
            f->remember > 1 || f->err < 0 || f->err > GATE_MAX_ERRNO)
                return -EBADMSG;
        return value_is_valid(f) ? 0 : -EBADMSG;
}

static bool strings_are_inside(const struct wire_file *f, uint64_t offset, uint64_t n) {
        if (!wire_array_is_inside(f, offset, n, sizeof(uint64_t), GATE_MAX_RULES))
                return false;
        for (uint64_t i = 0; i < n; i++)
                if (!wire_string_is_inside(f, ((const uint64_t *) wire_array(f->base, offset))[i]))
                        return false;
        return true;
}

int gate_rules_check(const void *base, size_t size) {
        const struct gate_rules *r = base;
        const struct wire_file f = { base, size, sizeof(*r) };

        if (!wire_file_begins_well(&f))
                return -EBADMSG;
        if (!strings_are_inside(&f, r->allow, r->n_allow) ||
            !strings_are_inside(&f, r->deny, r->n_deny) ||
            !strings_are_inside(&f, r->local_ports, r->n_local_ports) ||
            !strings_are_inside(&f, r->no_proxy, r->n_no_proxy))
                return -EBADMSG;
        if ((r->proxy && !wire_string_is_inside(&f, r->proxy)) ||
            (r->proxy_authorization && !wire_string_is_inside(&f, r->proxy_authorization)))
                return -EBADMSG;
        return 0;
}

static bool family_is_valid(uint32_t family) {
        return family == 4 || family == 6;
}

int gate_resolver_check(const void *base, size_t size) {
        const struct gate_resolver *r = base;
        const struct wire_file f = { base, size, sizeof(*r) };

        if (!wire_file_begins_well(&f))
                return -EBADMSG;
        if (!wire_array_is_inside(&f, r->servers, r->n_servers, sizeof(struct gate_server),
                                  GATE_MAX_SERVERS) ||
            !wire_array_is_inside(&f, r->hosts, r->n_hosts, sizeof(struct gate_host),
                                  GATE_MAX_HOSTS))
                return -EBADMSG;
        const struct gate_server *s = wire_array(base, r->servers);
        for (uint64_t i = 0; i < r->n_servers; i++)
                if (!family_is_valid(s[i].family) || s[i].port == 0 || s[i].port > UINT16_MAX)
                        return -EBADMSG;
        const struct gate_host *h = wire_array(base, r->hosts);
        for (uint64_t i = 0; i < r->n_hosts; i++)
                if (!family_is_valid(h[i].family) || !wire_string_is_inside(&f, h[i].name))
                        return -EBADMSG;
        return 0;
}
