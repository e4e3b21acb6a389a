/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel's own switch, by a few requests to NETLINK_AUDIT (CAP_AUDIT_CONTROL, in the machine's
 * first user and pid namespaces).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "audit.h"

#define ANSWER_SECONDS 2
/* Records that wait to be sent. The kernel's own 64 is less than one `kill -9 -1` has processes; a
 * record is some 2 kB. */
#define BACKLOG_DEFAULT 64
#define BACKLOG 1024

struct request {
        struct nlmsghdr head;
        union {
                struct audit_status status;
                struct audit_rule_data rule;
        };
};

static int open_socket(void) {
        const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        _cleanup_(fd_closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
            connect(fd, (const struct sockaddr *) &kernel, sizeof kernel) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Waits for the acknowledgement; an answer before it goes to `status`. */
static int ask(int fd, uint16_t type, struct request *rq, size_t size,
               struct audit_status *status) {
        union {
                struct nlmsghdr head;
                char bytes[8192];
        } got;

        rq->head = (struct nlmsghdr){ .nlmsg_len = (uint32_t) (sizeof rq->head + size),
                                      .nlmsg_type = type,
                                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                                      .nlmsg_seq = 1 };
        if (send(fd, rq, rq->head.nlmsg_len, 0) < 0)
                return -errno;
        for (unsigned i = 0; i < 8; i++) {
                ssize_t n = recv(fd, &got, sizeof got, 0);
                size_t len = n < 0 ? 0 : (size_t) n;
                if (n < 0)
                        return -errno;
                if (len >= sizeof got.head + sizeof(int) && got.head.nlmsg_type == NLMSG_ERROR) {
                        int err;
                        memcpy(&err, got.bytes + sizeof got.head, sizeof err);
                        if (err != 0 || !status)
                                return err;
                } else if (len > sizeof got.head && got.head.nlmsg_type == AUDIT_GET && status) {
                        len -= sizeof got.head; /* older kernels say less, newer ones more */
                        memcpy(status, got.bytes + sizeof got.head,
                               len < sizeof *status ? len : sizeof *status);
                        return 0;
                }
        }
        return -EPROTO;
}

static int get(int fd, struct audit_status *ret) {
        struct request rq = { 0 };
        *ret = (struct audit_status){ 0 };
        return ask(fd, AUDIT_GET, &rq, 0, ret);
}

int audit_kernel_enabled(void) {
        _cleanup_(fd_closep) int fd = open_socket();
        struct audit_status status;
        int r = fd < 0 ? fd : get(fd, &status);

        return r < 0 ? r : status.enabled != 0;
}

int audit_kernel_enable(void) {
        _cleanup_(fd_closep) int fd = open_socket();
        struct request rule = { .rule = { .flags = AUDIT_FILTER_TASK, .action = AUDIT_NEVER } };
        struct request set = { .status = { .mask = AUDIT_STATUS_ENABLED, .enabled = 1 } };
        struct audit_status before;
        int r = fd < 0 ? fd : get(fd, &before);

        if (r < 0 || before.enabled != 0)
                return r;
        /* "-a never,task", before the first program is started: otherwise each system call of every
         * program from now on takes longer (184 -> 304 ns for getppid(2), Linux 6.18), also when
         * audit is switched off again. It asks for no records of system calls, and there are none
         * that anybody wants: audit was off. auditd begins with rules of its own (auditctl -D). */
        memset(rule.rule.mask, 0xff, sizeof rule.rule.mask);
        r = ask(fd, AUDIT_ADD_RULE, &rule, sizeof rule.rule, NULL);
        if (r < 0 && r != -EEXIST)
                return r;
        if (before.backlog_limit == BACKLOG_DEFAULT) {
                set.status.mask |= AUDIT_STATUS_BACKLOG_LIMIT;
                set.status.backlog_limit = BACKLOG;
        }
        return ask(fd, AUDIT_SET, &set, sizeof set.status, NULL);
}
