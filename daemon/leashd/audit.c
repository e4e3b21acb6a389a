/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The audit socket in leashd's loop. See audit.h; what a record means is audit_table.c's business.
 */
#include "audit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/process.h"
#include "audit_filter.h"

/* Each record takes some 2.3 kB of a socket's buffer, so the usual 208 KiB hold ninety. */
#define BUFFER_BYTES (2 * 1024 * 1024)
#define BATCH 128 /* records in a row before callers have their turn */
/* More than that from all domains together, and we look away until the window is over: a flood of
 * short-lived domains, each too small to be muted. */
#define WINDOW_MS 100
#define WINDOW_MAX 4000
#define COMPLAIN_MS 10000

struct audit {
        struct leashd *leashd;
        int fd;
        struct event *event, *tick;
        struct audit_table *table;
        enum control_audit state;
        unsigned mutes; /* the filter is that of audit_table_mutes() == this */
        int64_t window; /* when it began, and what came in it */
        unsigned in_window;
        bool resting;
        int64_t complained;
};

static int64_t now_ms(void) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void complain(struct audit *a, const char *what, int64_t now) {
        if (a->complained != 0 && now - a->complained < COMPLAIN_MS)
                return;
        a->complained = now;
        log_write(&a->leashd->log, LOG_WARN, what, LOG_INT("domains_muted", (int64_t) a->mutes));
}

static void come_back(struct audit *a, int ms) {
        const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

        if (!event_pending(a->tick, EV_TIMEOUT, NULL))
                (void) event_add(a->tick, &tv);
}

static void update_filter(struct audit *a) {
        uint64_t muted[AUDIT_MUTED_MAX];

        if (a->mutes == audit_table_mutes(a->table))
                return;
        a->mutes = audit_table_mutes(a->table);
        size_t n = audit_table_muted(a->table, muted);
        int r = audit_filter_attach(a->fd, muted, n);
        if (r < 0)
                complain(a, "cannot mute a flood of denials", now_ms());
        else
                log_write(&a->leashd->log, LOG_INFO, "floods of denials",
                          LOG_INT("muted", (int64_t) n));
}

/* 1 a record, 0 nothing there now, -1 nothing of interest. */
static int read_one(struct audit *a, char *buffer, size_t size, int64_t now) {
        struct sockaddr_nl from = { 0 };
        socklen_t from_len = sizeof from;
        struct nlmsghdr head;
        struct audit_record record;
        ssize_t n =
                recvfrom(a->fd, buffer, size, MSG_DONTWAIT, (struct sockaddr *) &from, &from_len);

        if (n < 0 && errno == ENOBUFS) {
                complain(a, "there are more denials than can be read: some are lost", now);
                return -1;
        }
        if (n < 0)
                return errno == EINTR ? -1 : 0;
        /* nl_pid 0 is the kernel (netlink(7)). */
        if ((size_t) n < sizeof head || from_len < sizeof from || from.nl_pid != 0)
                return -1;
        memcpy(&head, buffer, sizeof head);
        a->state = CONTROL_AUDIT_ON; /* whatever it was when we asked */
        if (audit_record_parse(head.nlmsg_type, buffer + sizeof head, (size_t) n - sizeof head,
                               &record) >= 0)
                audit_table_record(a->table, &record, now);
        return 1;
}

static void on_readable(evutil_socket_t fd, short what, void *userdata) {
        struct audit *a = userdata;
        char buffer[AUDIT_TEXT_MAX + sizeof(struct nlmsghdr)];
        int64_t now = now_ms();
        unsigned n = 0;

        if (now - a->window >= WINDOW_MS) {
                a->window = now;
                a->in_window = 0;
        }
        while (n < BATCH && read_one(a, buffer, sizeof buffer, now) != 0)
                n++;
        a->in_window += n;
        update_filter(a);
        if (a->in_window >= WINDOW_MAX) {
                complain(a, "there are more denials than can be read: looking away for a moment",
                         now);
                a->resting = true;
                (void) event_del(a->event);
                (void) event_del(a->tick);
                come_back(a, WINDOW_MS);
                return;
        }
        come_back(a, AUDIT_TICK_MS);
}

static void on_tick(evutil_socket_t fd, short what, void *userdata) {
        struct audit *a = userdata;
        int wait = audit_table_tick(a->table, now_ms());

        if (a->resting) {
                a->resting = false;
                (void) event_add(a->event, NULL);
        }
        update_filter(a);
        if (wait >= 0)
                come_back(a, wait);
}

static bool wants(uint32_t uid, void *userdata) {
        const struct audit *a = userdata;
        return sessions_take_denials(a->leashd, uid);
}

static void tell(const struct audit_told *t, void *userdata) {
        const struct audit *a = userdata;
        struct control_denial m = { .version = CONTROL_VERSION,
                                    .type = CONTROL_DENIAL,
                                    .pid = t->pid,
                                    .rights = t->rights,
                                    .count = t->count,
                                    .lost = t->lost,
                                    .port = t->port };

        memcpy(m.path, t->path, strnlen(t->path, sizeof m.path - 1));
        sessions_tell_denial(a->leashd, t->uid, &m);
}

static int listen_to_kernel(void) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK,
                                       .nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1) };
        static const int bytes = BUFFER_BYTES;
        _cleanup_(fd_closep) int fd =
                socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);

        if (fd < 0)
                return -errno;
        /* Before the first record can come. */
        int r = audit_filter_attach(fd, NULL, 0);
        if (r < 0)
                return r;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
                (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        /* It takes CAP_AUDIT_READ in the machine's first user namespace. */
        if (bind(fd, (const struct sockaddr *) &address, sizeof address) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* leash-launch and what it starts have no use for them. */
static void give_up_capabilities(void) {
        (void) prctl(PR_CAPBSET_DROP, CAP_AUDIT_READ, 0, 0, 0);
        (void) prctl(PR_CAPBSET_DROP, CAP_AUDIT_CONTROL, 0, 0, 0);
}

enum setting { SETTING_AUTO = 0, SETTING_OFF, SETTING_ON };

/* /etc/leash/leashd.json says; another program reads it, since this one knows no JSON. What cannot
 * be read is "off": nobody is served then either, until it is right. */
static enum setting read_setting(const struct leashd *d) {
        static const char *const argv[] = { "leash-session", "--audit-setting", NULL };
        int status;
        pid_t pid = d->system ? fork() : 0;

        if (!d->system)
                return SETTING_AUTO;
        if (pid == 0) {
                (void) execv(d->session_path, (char **) (uintptr_t) argv);
                _exit(127);
        }
        if (pid < 0)
                return SETTING_OFF;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return SETTING_OFF;
        if (!WIFEXITED(status))
                return SETTING_OFF;
        switch (WEXITSTATUS(status)) {
        case CONTROL_SETTING_AUTO:
                return SETTING_AUTO;
        case CONTROL_SETTING_ON:
                return SETTING_ON;
        default:
                return SETTING_OFF;
        }
}

static int start(struct audit *a) {
        const struct audit_sink sink = { .wants = wants, .tell = tell, .userdata = a };
        struct leashd *d = a->leashd;

        a->fd = listen_to_kernel();
        if (a->fd < 0)
                return a->fd;
        a->table = audit_table_new(&sink);
        a->event = event_new(d->base, a->fd, EV_READ | EV_PERSIST, on_readable, a);
        a->tick = evtimer_new(d->base, on_tick, a);
        if (!a->table || !a->event || !a->tick || event_add(a->event, NULL) < 0)
                return -ENOMEM;
        return 0;
}

static void switch_on(struct leashd *d) {
        int r = audit_kernel_enable();
        if (r < 0)
                log_write(&d->log, LOG_WARN, "cannot switch the kernel's audit on",
                          LOG_STR("errno", strerror(-r)));
        else
                log_write(&d->log, LOG_INFO, "switched the kernel's audit on, as leashd.json says");
}

void audit_start(struct leashd *d) {
        enum setting setting = read_setting(d);
        struct audit *a = calloc(1, sizeof *a);

        if (!a)
                return;
        a->leashd = d;
        a->fd = -1;
        d->audit = a;
        if (setting == SETTING_OFF) {
                a->state = CONTROL_AUDIT_DISABLED;
        } else if (start(a) < 0) {
                a->state = CONTROL_AUDIT_DENIED;
        } else {
                if (setting == SETTING_ON && audit_kernel_enabled() == 0)
                        switch_on(d);
                a->state = audit_kernel_enabled() > 0 ? CONTROL_AUDIT_ON : CONTROL_AUDIT_OFF;
        }
        if (d->system)
                give_up_capabilities();
}

void audit_stop(struct leashd *d) {
        struct audit *a = d->audit;

        if (!a)
                return;
        if (a->event)
                event_free(a->event);
        if (a->tick)
                event_free(a->tick);
        a->table = audit_table_free(a->table);
        fd_close(a->fd);
        free(TAKE(d->audit));
}

enum control_audit audit_state(const struct leashd *d) {
        return d->audit ? d->audit->state : CONTROL_AUDIT_DENIED;
}
