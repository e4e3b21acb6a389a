/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Catching connections in a network namespace of our own: used by leash-init, and by the probe that
 * tries whether it works here. Needs CAP_NET_ADMIN there, loopback up, and nothing else: static
 * programs link it.
 */
#pragma once

#include "../../policy/base.h"
#include "../../policy/gate.h"

/* Every address is one of this machine's ("AnyIP"), so that whatever is connected to ends here: at
 * a listener, or in a refusal that takes no time. 0 or -errno; IPv6 is left out where the kernel
 * has none. */
int capture_routes(void);

/* What is made for each enum gate_listener. */
struct capture_listener {
        int family, type;
        uint16_t port;
};
extern const struct capture_listener capture_listeners[GATE_LISTENER_N_];

/* Connections to other machines go to the gate's ports instead (nftables). -errno where this kernel
 * cannot. */
int capture_redirect(void);
