/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sandbox's end of the gate: listeners, made while there are still capabilities, and given to
 * the session with WIRE_READY. Commands can neither close them nor undo what leads to them: they
 * have no CAP_NET_ADMIN in this namespace, and no user namespace of their own owns it.
 *
 * No socket option lets two share a port here: with SO_REUSEADDR a command could bind the port of a
 * datagram listener, too (socket(7)), and take answers that are not its own.
 */
#include "init.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "../capture.h"
#include "target.h"

#define BACKLOG 1024 /* connections wait there, too, while a dead gate is replaced */

/* -EAFNOSUPPORT and -EADDRNOTAVAIL mean that this kernel has no such family. */
static int listener_new(int family, int type, uint16_t port, bool everywhere) {
        const struct sockaddr_in four = { .sin_family = AF_INET,
                                          .sin_port = htons(port),
                                          .sin_addr.s_addr = htonl(everywhere ? INADDR_ANY
                                                                              : INADDR_LOOPBACK) };
        const struct sockaddr_in6 six = { .sin6_family = AF_INET6,
                                          .sin6_port = htons(port),
                                          .sin6_addr =
                                                  everywhere ? in6addr_any : in6addr_loopback };
        const void *address = family == AF_INET ? (const void *) &four : &six;
        socklen_t size = family == AF_INET ? sizeof(four) : sizeof(six);
        _cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const int on = 1;

        if (fd < 0)
                return -errno;
        if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
                return -errno;
        if (bind(fd, address, size) < 0)
                return -errno;
        if (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int listener_add(struct init *in, int family, int type, uint16_t port, bool everywhere) {
        int fd = listener_new(family, type, port, everywhere);

        if (family == AF_INET6 && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
                return 0;
        if (fd < 0)
                return init_report(in, WIRE_STAGE_NETWORK, -fd, "listeners");
        in->listeners[in->n_listeners++] = fd;
        return 1;
}

/* Without redirection questions must find the resolver at its usual port, and nothing would ever
 * reach the port for what is redirected. */
static int listeners_add(struct init *in, bool redirected) {
        for (int i = 0; i < GATE_LISTENER_N_; i++) {
                const struct capture_listener *l = &capture_listeners[i];
                bool dns = l->port == GATE_DNS_PORT;
                int r;

                if (!redirected && l->port == GATE_TRANSPARENT_PORT)
                        continue;
                r = listener_add(in, l->family, l->type, dns && !redirected ? 53 : l->port,
                                 dns && !redirected);
                if (r < 0)
                        return r;
                if (r > 0)
                        in->listener_mask |= 1u << i;
        }
        return 0;
}

static int other_add(struct init *in, uint16_t port, bool everywhere) {
        static const int families[] = { AF_INET, AF_INET6 };

        for (size_t i = 0; i < ELEMENTSOF(families) && in->n_others < GATE_OTHERS_MAX; i++) {
                int r = listener_add(in, families[i], SOCK_STREAM, port, everywhere);

                if (r < 0)
                        return r;
                in->n_others += (size_t) r;
        }
        return 0;
}

static bool is_local_port(const struct wire_plan *p, uint16_t port) {
        const struct wire_port *local = wire_array(p, p->local_ports);

        for (uint64_t i = 0; i < p->n_local_ports; i++)
                if (local[i].port == port)
                        return true;
        return false;
}

static int others_add(struct init *in, bool redirected) {
        const struct wire_plan *p = in->plan;
        const struct wire_port *local = plan_at(in, p->local_ports);
        const struct wire_port *remote = plan_at(in, p->remote_ports);
        int r = 0;

        for (uint64_t i = 0; i < p->n_local_ports && r >= 0; i++)
                r = other_add(in, local[i].port, false);
        for (uint64_t i = 0; i < p->n_remote_ports && r >= 0 && !redirected; i++)
                if (!is_local_port(p, remote[i].port))
                        r = other_add(in, remote[i].port, true);
        return r;
}

int gate_build(struct init *in) {
        bool redirected = in->plan->flags & WIRE_PLAN_REDIRECT;
        int r = capture_routes();

        if (r < 0)
                return init_report(in, WIRE_STAGE_NETWORK, -r, "routes");
        if (redirected) {
                r = capture_redirect();
                if (r < 0)
                        return init_report(in, WIRE_STAGE_NETWORK, -r, "nftables");
        }
        r = listeners_add(in, redirected);
        return r < 0 ? r : others_add(in, redirected);
}

/* The host's resolv.conf may name a server that only the host's devices lead to (fe80::1%eth0), or
 * search domains; here every address answers. Where the file is missing, or a link into a /run that
 * is not ours, programs ask 127.0.0.1 (resolv.conf(5)), which is as good: so nothing is made. */
int gate_resolver(struct init *in) {
        static const char text[] = "# leash: names are looked up by the gate\n"
                                   "nameserver 127.0.0.1\n";
        _cleanup_close_ int target = target_open(in, "/etc/resolv.conf", 0), file = -1, mount = -1;

        if (target < 0)
                return 0;
        file = openat(in->staging, "resolv.conf", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
        if (file < 0 || write(file, text, sizeof(text) - 1) < 0)
                return init_report(in, WIRE_STAGE_NETWORK, errno, "resolv.conf");
        mount = mount_clone(in->staging, "resolv.conf", false);
        if (mount < 0 || mount_attach_restricted(mount, target,
                                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                         MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY,
                                                 false) < 0)
                return init_report(in, WIRE_STAGE_NETWORK, errno, "resolv.conf");
        return 0;
}
