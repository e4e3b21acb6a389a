/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sockets: the network, and other programs' ears on this machine. World: host listeners on TCP and
 * UDP of both families, on Unix sockets of all three types in a directory outside, in the home, in
 * /tmp and /run, on abstract names, and on a stand-in for the daemon's own socket. A listener that
 * hears anything tells the runner.
 */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "escape.h"

static char mark[] = "escaped";

/* Families and protocols: socket() alone is the right. "family type protocol" */
static int make(const char *arg) {
        int family, type, protocol;
        if (sscanf(arg, "%i %i %i", &family, &type, &protocol) != 3)
                exit(3);
        int fd = socket(family, type | SOCK_CLOEXEC, protocol);
        if (fd >= 0)
                return 0;
        /* What this kernel has no code for cannot be an escape here. */
        if (!inside && (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT ||
                        errno == ESOCKTNOSUPPORT || errno == ENOPROTOOPT))
                return NOT_HERE;
        return -errno;
}
/* The kernel takes 32 bits of the argument; a filter that compares 64 can be told another number.
 */
static int make_high_bits(const char *arg) {
        long fd = syscall(SYS_socket, 0x100000000ul + 17 /* AF_PACKET */, (long) SOCK_RAW, 0L);
        return fd < 0 ? -errno : 0;
}
static socklen_t address4(struct sockaddr_in *a, const char *host, const char *port_key) {
        *a = (struct sockaddr_in){ .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t) world_number(port_key)) };
        inet_pton(AF_INET, host, &a->sin_addr);
        return sizeof(*a);
}

/* connect() must end with an answer of the host; refused or unreachable is what a private loopback
 * gives. */
static int tcp4(const char *arg) {
        struct sockaddr_in a;
        socklen_t n = address4(&a, expand(arg), "tcp4");
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, n) < 0)
                return -errno;
        return scribble(fd);
}
static int tcp6(const char *arg) {
        struct sockaddr_in6 a = { .sin6_family = AF_INET6,
                                  .sin6_port = htons((uint16_t) world_number("tcp6")) };
        inet_pton(AF_INET6, arg, &a.sin6_addr);
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
                return world_number("tcp6") == 0 && !inside ? NOT_HERE : -errno;
        return scribble(fd);
}
static int mapped(const char *arg) {
        struct sockaddr_in6 a = { .sin6_family = AF_INET6,
                                  .sin6_port = htons((uint16_t) world_number("tcp4")) };
        inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.sin6_addr);
        int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
                return world_number("tcp6") == 0 && !inside ? NOT_HERE : -errno;
        return scribble(fd);
}
static int multipath(const char *arg) {
        struct sockaddr_in a;
        socklen_t n = address4(&a, "127.0.0.1", "tcp4");
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 262 /* IPPROTO_MPTCP */);
        if (fd < 0 && !inside && (errno == EPROTONOSUPPORT || errno == ENOPROTOOPT))
                return NOT_HERE;
        if (fd < 0 || connect(fd, (struct sockaddr *) &a, n) < 0)
                return -errno;
        return scribble(fd);
}
/* Sends and connects in one call, past every check of connect(). */
static int fast_open(const char *arg) {
        struct sockaddr_in a;
        socklen_t n = address4(&a, "127.0.0.1", "tcp4");
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        return result(sendto(fd, mark, 7, MSG_FASTOPEN, (struct sockaddr *) &a, n));
}
static int fast_open_message(const char *arg) {
        struct sockaddr_in a;
        struct iovec v = { mark, 7 };
        struct msghdr m = { .msg_name = &a,
                            .msg_namelen = address4(&a, "127.0.0.1", "tcp4"),
                            .msg_iov = &v,
                            .msg_iovlen = 1 };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 ? -errno : result(sendmsg(fd, &m, MSG_FASTOPEN));
}
/* sendto() to the private loopback succeeds as such: what counts is that somebody hears. */
static int udp4(const char *arg) {
        struct sockaddr_in a;
        char answer[8];
        /* Outside somebody answers, when he gets to it. */
        struct timeval patience = { inside ? 0 : 20, 300000 };
        socklen_t n = address4(&a, expand(arg), "udp4");
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
            sendto(fd, mark, 7, 0, (struct sockaddr *) &a, n) < 0)
                return -errno;
        return result(recv(fd, answer, sizeof(answer), 0));
}
/* The answer to a request that changes devices: was it looked at? */
static int netlink_routes(const char *arg) {
        struct {
                struct nlmsghdr h;
                unsigned char body[64];
        } m = { .h = { sizeof(m.h) + 16, 16 /* RTM_NEWLINK */,
                       NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0 } };
        char answer[512];
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
        if (fd < 0 || send(fd, &m, m.h.nlmsg_len, 0) < 0)
                return -errno;
        ssize_t n = recv(fd, answer, sizeof(answer), 0);
        if (n < (ssize_t) (sizeof(struct nlmsghdr) + sizeof(int)))
                return -ENODATA;
        int error;
        memcpy(&error, answer + sizeof(struct nlmsghdr), sizeof(error));
        /* EPERM: the right is missing. Anything else: the kernel went on to look at the message. */
        return error == -EPERM ? error : 0;
}

/* Unix sockets. */

static socklen_t address_un(struct sockaddr_un *a, const char *path) {
        *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (*path == '@') { /* abstract */
                memcpy(a->sun_path + 1, path + 1, strlen(path + 1));
                return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path));
        }
        /* Longer than it can hold: go there, use the last part. */
        if (strlen(path) >= sizeof(a->sun_path)) {
                char directory[4096];
                snprintf(directory, sizeof(directory), "%s", path);
                char *slash = strrchr(directory, '/');
                *slash = 0;
                if (chdir(directory) < 0)
                        slash = directory;
                snprintf(a->sun_path, sizeof(a->sun_path), "%.100s", slash + 1);
        } else {
                snprintf(a->sun_path, sizeof(a->sun_path), "%s", path);
        }
        return sizeof(*a);
}
static int unix_connect(const char *path, int type) {
        struct sockaddr_un a;
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        socklen_t n = address_un(&a, path);
        if (connect(fd, (struct sockaddr *) &a, n) < 0)
                return -errno;
        return scribble(fd);
}
static int unix_stream(const char *arg) {
        return unix_connect(expand(arg), SOCK_STREAM);
}
static int unix_dgram(const char *arg) {
        return unix_connect(expand(arg), SOCK_DGRAM);
}
static int unix_seqpacket(const char *arg) {
        return unix_connect(expand(arg), SOCK_SEQPACKET);
}
/* No connect(): the address rides in the message. */
static int unix_sendto(const char *arg) {
        struct sockaddr_un a;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        socklen_t n = address_un(&a, expand(arg));
        return result(sendto(fd, mark, 7, 0, (struct sockaddr *) &a, n));
}
static int unix_sendmsg(const char *arg) {
        struct sockaddr_un a;
        struct iovec v = { mark, 7 };
        struct msghdr m = { .msg_name = &a, .msg_iov = &v, .msg_iovlen = 1 };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        m.msg_namelen = address_un(&a, expand(arg));
        return result(sendmsg(fd, &m, 0));
}
static int unix_sendmmsg(const char *arg) {
        struct sockaddr_un a;
        struct iovec v = { mark, 7 };
        struct mmsghdr m = { .msg_hdr = { .msg_name = &a, .msg_iov = &v, .msg_iovlen = 1 } };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        m.msg_hdr.msg_namelen = address_un(&a, expand(arg));
        return result(sendmmsg(fd, &m, 1, 0));
}
/* A pair's end is connected already, and can be sent elsewhere all the same. */
static int unix_pair_sendto(const char *arg) {
        struct sockaddr_un a;
        int p[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, p) < 0)
                return -errno;
        socklen_t n = address_un(&a, expand(arg));
        /* A connected socket sends elsewhere only after it was disconnected. */
        struct sockaddr none = { .sa_family = AF_UNSPEC };
        (void) connect(p[0], &none, sizeof(none));
        return result(sendto(p[0], mark, 7, 0, (struct sockaddr *) &a, n));
}
static int unix_pair_connect(const char *arg) {
        struct sockaddr_un a;
        int p[2];
        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, p) < 0)
                return -errno;
        socklen_t n = address_un(&a, expand(arg));
        if (connect(p[0], (struct sockaddr *) &a, n) < 0)
                return -errno;
        return scribble(p[0]);
}
static int unix_symlink(const char *arg) {
        if (symlink(expand(arg), "s") < 0)
                return -errno;
        return unix_connect("s", SOCK_STREAM);
}
static int unix_hard_link(const char *arg) {
        if (link(expand(arg), "s") < 0)
                return -errno;
        return unix_connect("s", SOCK_STREAM);
}
static int unix_magic_link(const char *arg) {
        char link[64];
        int fd = open(expand(arg), O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        return unix_connect(link, SOCK_STREAM);
}

/* To be heard is not enough: the answer counts. */
static int ask_leashd(const char *arg) {
        static const char question[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"leash.info\"}\n";
        struct timeval patience = { 20, 0 };
        struct sockaddr_un a;
        char answer[4096] = "";
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        socklen_t n = address_un(&a, expand(arg));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *) &a, n) < 0 ||
            write(fd, question, sizeof(question) - 1) < 0 ||
            read(fd, answer, sizeof(answer) - 1) < 0)
                return -errno;
        return strstr(answer, "\"result\"") ? 0 : -EACCES;
}

/* The address is changed by another thread while connect() is on its way. */
static struct sockaddr_un race_address;
static volatile int race_stop;
static struct sockaddr_un race_good, race_bad;
static void *flip(void *unused) {
        while (!race_stop) {
                memcpy(race_address.sun_path, race_good.sun_path, sizeof(race_good.sun_path));
                memcpy(race_address.sun_path, race_bad.sun_path, sizeof(race_bad.sun_path));
        }
        return NULL;
}
static int unix_race(const char *arg) {
        struct timespec start, now;
        pthread_t t;
        const long patience = inside ? 400 : 20000; /* the twin has to get through */
        int r = -EACCES, own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        address_un(&race_bad, expand(arg));
        address_un(&race_good, "good");
        race_address = race_good;
        if (own < 0 || bind(own, (struct sockaddr *) &race_good, sizeof(race_good)) < 0 ||
            listen(own, 4096) < 0)
                return -errno;
        if ((errno = pthread_create(&t, NULL, flip, NULL)))
                return -errno;
        clock_gettime(CLOCK_MONOTONIC, &start);
        do {
                int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                if (fd < 0)
                        break;
                if (connect(fd, (struct sockaddr *) &race_address, sizeof(race_address)) == 0) {
                        struct sockaddr_un who;
                        socklen_t n = sizeof(who);
                        if (getpeername(fd, (struct sockaddr *) &who, &n) == 0 &&
                            strcmp(who.sun_path, race_bad.sun_path) == 0)
                                r = scribble(dup(fd));
                }
                close(fd);
                fd = accept4(own, NULL, NULL, SOCK_CLOEXEC);
                if (fd >= 0)
                        close(fd);
                clock_gettime(CLOCK_MONOTONIC, &now);
        } while (r != 0 && now.tv_sec * 1000 + now.tv_nsec / 1000000 <
                                   start.tv_sec * 1000 + start.tv_nsec / 1000000 + patience);
        race_stop = 1;
        pthread_join(t, NULL);
        return r;
}

#define M(name, spec, flags, doc) \
        { name, make, spec, ALL, flags, 0, doc }
#define U(name, run, path, levels, doc) \
        { name, run, path, levels, 0, 0, doc }
// clang-format off
const struct attempt attempts_sockets[] = {
        M("raw4", "2 3 1", ROOT, "raw IP: forge packets"),
        M("raw6", "10 3 58", ROOT, "raw IPv6"),
        M("packet", "17 3 0", ROOT, "packets below IP"),
        M("packet-old", "2 10 0", ROOT, "the obsolete way to packets"),
        { "packet-high-bits", make_high_bits, 0, ALL, ROOT, 0, "packets, with a bit that only the filter sees" },
        M("vsock", "40 1 0", 0, "talk to the hypervisor"),
        M("alg", "38 5 0", 0, "the kernel's crypto code"),
        M("bluetooth", "31 3 1", 0, "Bluetooth"),
        M("can", "29 3 1", 0, "CAN buses"),
        M("kcm", "41 2 0", 0, "kernel connection multiplexer"),
        M("xdp", "44 3 0", ROOT, "express data path"),
        M("tipc", "30 5 0", 0, "TIPC"),
        M("rds", "21 5 0", 0, "RDS"),
        M("smc", "43 1 0", 0, "SMC: TCP without a TCP check"),
        M("rxrpc", "33 2 2", 0, "RxRPC"),
        M("key", "15 3 2", ROOT, "IPsec keys"),
        M("qipcrtr", "42 2 0", 0, "Qualcomm's router"),
        M("sctp", "2 1 132", 0, "SCTP"),
        M("udplite", "2 2 136", 0, "UDP-Lite"),
        M("netlink-uevent", "16 3 15", 0, "the kernel's device events"),
        M("netlink-audit", "16 3 9", 0, "the audit log"),
        M("netlink-xfrm", "16 3 6", 0, "IPsec policy"),
        M("netlink-netfilter", "16 3 12", 0, "the firewall"),
        M("netlink-generic", "16 3 16", 0, "generic netlink: dozens of subsystems"),
        M("netlink-diag", "16 3 4", 0, "everybody's sockets"),
        M("netlink-connector", "16 3 11", 0, "process events"),
        { "netlink-change", netlink_routes, 0, ALL, ROOT, 0, "change network devices" },
        { "tcp-loopback", tcp4, "127.0.0.1", ALL, 0, 0, "connect to a host service on loopback" },
        { "tcp-loopback-9", tcp4, "127.0.0.9", ALL, 0, 0, "the same by another loopback address" },
        { "tcp-any", tcp4, "0.0.0.0", ALL, 0, 0, "the same by 0.0.0.0" },
        { "tcp-host-address", tcp4, "@address@", ALL, 0, 0, "the same by the host's own address" },
        { "tcp6-loopback", tcp6, "::1", ALL, 0, 0, "connect to a host service on IPv6 loopback" },
        { "tcp-mapped", mapped, 0, ALL, 0, 0, "IPv4 through a mapped IPv6 address" },
        { "mptcp", multipath, 0, ALL, 0, 0, "connect by multipath TCP" },
        { "fast-open", fast_open, 0, ALL, 0, 0, "connect by TCP fast open" },
        { "fast-open-message", fast_open_message, 0, ALL, 0, 0, "the same by sendmsg" },
        { "udp-loopback", udp4, "127.0.0.1", ALL, 0, 0, "ask a host service over UDP" },
        { "udp-host-address", udp4, "@address@", ALL, 0, 0, "the same by the host's own address" },
        U("abstract-stream", unix_stream, "@abstract@", ALL, "connect to an abstract socket"),
        U("abstract-dgram", unix_sendto, "@abstract@-dgram", ALL, "send to an abstract socket"),
        U("unix-outside", unix_stream, "@out@/stream", S | D, "connect to a socket outside"),
        U("unix-seqpacket", unix_seqpacket, "@out@/seqpacket", S | D, "the same, sequenced packets"),
        U("unix-dgram", unix_dgram, "@out@/dgram", S | D, "the same, datagrams"),
        U("unix-sendto", unix_sendto, "@out@/dgram", S | D, "send to a socket outside"),
        U("unix-sendmsg", unix_sendmsg, "@out@/dgram", S | D, "the same by sendmsg"),
        U("unix-sendmmsg", unix_sendmmsg, "@out@/dgram", S | D, "the same by sendmmsg"),
        U("unix-pair-sendto", unix_pair_sendto, "@out@/dgram", S | D, "send from one end of a pair"),
        U("unix-pair-connect", unix_pair_connect, "@out@/dgram", S | D, "connect one end of a pair elsewhere"),
        U("unix-home", unix_stream, "@home@/stream", S | D, "connect to a socket in the home"),
        U("unix-tmp", unix_stream, "@tmp@/stream", S | D, "connect to a socket in /tmp (tmux, ssh-agent, X11)"),
        U("unix-run", unix_stream, "@run@/stream", S | D, "connect to a socket in /run (docker, D-Bus)"),
        U("unix-symlink", unix_symlink, "@out@/stream", S | D, "connect through an own symlink"),
        U("unix-symlink-there", unix_stream, "link-dir/stream", S | D, "connect through a symlink that was there"),
        U("unix-hard-link", unix_hard_link, "@out@/stream", S | D, "connect by a hard link made inside"),
        U("unix-magic-link", unix_magic_link, "@out@/stream", S | D, "connect through an O_PATH descriptor"),
        U("unix-proc-root", unix_stream, "/proc/self/root@out@/stream", S | D, "connect through /proc/self/root"),
        U("unix-race", unix_race, "@out@/stream", S | D, "change the address under connect"),
        U("unix-bind", op_bind, "@out@/new", S | D, "listen where the host looks for somebody else"),
        U("leashd", ask_leashd, "@leashd@", ALL, "ask the daemon itself for freedom"),
        U("leashd-connect", unix_stream, "@leashd@", ALL, "connect to the daemon at all"),
        ATTEMPT_END
};
// clang-format on
