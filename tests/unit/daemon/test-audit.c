/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whose a denial is, how much of a flood is told, and the filter that keeps the rest away. */
#include <errno.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../daemon/leashd/audit_filter.h"
#include "../../../daemon/leashd/audit_table.h"
#include "../suite.h"

#define ALICE 1000u
#define BOB 1001u
#define NOBODY 1002u /* has no session */

struct seen {
        struct audit_told last[2]; /* by user */
        unsigned n[2];
        uint64_t count[2], lost[2];
};

static bool wants(uint32_t uid, void *userdata) {
        return uid == ALICE || uid == BOB;
}

static void tell(const struct audit_told *t, void *userdata) {
        struct seen *s = userdata;
        unsigned i = t->uid - ALICE;

        ck_assert_uint_lt(i, 2);
        s->last[i] = *t;
        s->last[i].path = NULL;
        s->n[i]++;
        s->count[i] += t->count;
        s->lost[i] += t->lost;
}

static struct audit_table *new_table(struct seen *s) {
        const struct audit_sink sink = { .wants = wants, .tell = tell, .userdata = s };
        struct audit_table *t = audit_table_new(&sink);
        ck_assert_ptr_nonnull(t);
        return t;
}

static void denied(struct audit_table *t, uint64_t domain, const char *path, int64_t now) {
        struct audit_record r = { .kind = AUDIT_DENIED, .domain = domain, .rights = 1 };
        snprintf(r.path, sizeof r.path, "%s", path);
        audit_table_record(t, &r, now);
}

static void made_by(struct audit_table *t, uint64_t domain, uint32_t uid, int32_t pid,
                    const char *comm) {
        struct audit_record r = {
                .kind = AUDIT_ALLOCATED, .domain = domain, .uid = uid, .pid = pid
        };
        snprintf(r.comm, sizeof r.comm, "%s", comm);
        audit_table_record(t, &r, 0);
}

static void made(struct audit_table *t, uint64_t domain, uint32_t uid, int32_t pid) {
        made_by(t, domain, uid, pid, "leash-init");
}

static void freed(struct audit_table *t, uint64_t domain, uint64_t denials) {
        struct audit_record r = { .kind = AUDIT_DEALLOCATED, .domain = domain, .denials = denials };
        audit_table_record(t, &r, 0);
}

/* The first denial comes before the word on whose domain it is. */
START_TEST(to_its_user) {
        struct seen s = { 0 };
        struct audit_table *t = new_table(&s);

        denied(t, 7, "/a", 0);
        denied(t, 8, "/b", 0);
        ck_assert_uint_eq(s.n[0] + s.n[1], 0);
        made(t, 7, ALICE, 70);
        ck_assert(s.n[0] == 1 && s.n[1] == 0 && s.last[0].pid == 70);
        made(t, 8, BOB, 80);
        ck_assert(s.n[0] == 1 && s.n[1] == 1 && s.last[1].pid == 80);
        denied(t, 8, "/c", 1);
        ck_assert(s.n[0] == 1 && s.n[1] == 2);
        /* Said again with another user, as nobody but the kernel could: the first word holds. */
        made(t, 8, ALICE, 70);
        denied(t, 8, "/d", 1);
        ck_assert(s.n[0] == 1 && s.n[1] == 3);
        audit_table_free(t);
}
END_TEST

/* Domains of others, of users whom we do not serve, and ones that were freed. */
START_TEST(to_nobody) {
        struct seen s = { 0 };
        struct audit_table *t = new_table(&s);

        denied(t, 7, "/a", 0);
        made(t, 7, NOBODY, 70);
        denied(t, 7, "/b", 0);
        denied(t, 8, "/a", 0);
        made_by(t, 8, ALICE, 71, "chrome");
        denied(t, 8, "/b", 0);
        denied(t, 9, "/a", 0);
        made(t, 9, ALICE, 72);
        freed(t, 9, 1);
        ck_assert_uint_eq(s.n[0], 1);
        denied(t, 9, "/b", 0);
        /* What waited too long for a word on its domain is given up for what is new. */
        for (uint64_t i = 0; i < 2 * (uint64_t) AUDIT_PENDING; i++)
                denied(t, 1000 + i, "/x", 1);
        made(t, 1000 + AUDIT_PENDING - 1, ALICE, 73); /* the last that was given up */
        ck_assert_uint_eq(s.n[0], 1);
        denied(t, 5000, "/x", AUDIT_PENDING_MS + 2);
        made(t, 5000, ALICE, 74);
        ck_assert_uint_eq(s.n[0], 2);
        audit_table_free(t);
}
END_TEST

/* Domains of NOBODY's, so many that they take turns in the table that remembers them as such: none
 * of their denials is answered again, and yet ALICE's first one is told. */
START_TEST(first_one_in_a_crowd) {
        struct seen s = { 0 };
        struct audit_table *t = new_table(&s);

        for (uint64_t i = 0; i < 1024; i++) {
                denied(t, 1000 + i, "/n", 0);
                made(t, 1000 + i, NOBODY, 60);
        }
        for (uint64_t i = 0; i < 1024; i++)
                denied(t, 1000 + i, "/n", 1);
        denied(t, 7, "/a", 1);
        denied(t, 1000, "/n", 1);
        made(t, 7, ALICE, 70);
        ck_assert_uint_eq(s.n[0], 1);
        ck_assert_int_eq(s.last[0].pid, 70);
        audit_table_free(t);
}
END_TEST

START_TEST(repeats_are_counted) {
        struct seen s = { 0 };
        struct audit_table *t = new_table(&s);

        denied(t, 7, "/a", 0);
        made(t, 7, ALICE, 70);
        for (unsigned i = 0; i < 500; i++)
                denied(t, 7, "/a", 1);
        ck_assert(s.n[0] == 1 && s.count[0] == 1);
        ck_assert_int_eq(audit_table_tick(t, 2), -1);
        ck_assert(s.n[0] == 2 && s.count[0] == 501 && s.lost[0] == 0);
        audit_table_free(t);
}
END_TEST

/* Ten thousand different ones in a second: told are a burst and some more, and each of the others
 * is counted. */
START_TEST(floods_are_counted) {
        struct seen s = { 0 };
        struct audit_table *t = new_table(&s);
        char path[32];

        denied(t, 7, "/a", 0);
        made(t, 7, ALICE, 70);
        for (unsigned i = 0; i < 10000; i++) {
                snprintf(path, sizeof path, "/%u", i);
                denied(t, 7, path, i / 10);
        }
        ck_assert_uint_le(s.n[0], AUDIT_BURST + AUDIT_PER_SECOND + 1);
        ck_assert_uint_ge(s.n[0], AUDIT_BURST);
        freed(t, 7, 10001 + 5); /* five never came as far as here */
        ck_assert_uint_eq(s.count[0] + s.lost[0], 10001 + 5);
        audit_table_free(t);
}
END_TEST

START_TEST(floods_are_muted) {
        struct seen s = { 0 };
        struct audit_table *t = new_table(&s);
        uint64_t muted[AUDIT_MUTED_MAX];
        unsigned before = audit_table_mutes(t);
        char path[32];

        denied(t, 7, "/a", 0);
        made(t, 7, ALICE, 70);
        denied(t, 8, "/a", 0);
        made(t, 8, BOB, 80);
        for (unsigned i = 0; i < AUDIT_MUTE_AT; i++) {
                snprintf(path, sizeof path, "/%u", i);
                denied(t, 7, path, 5);
                if (i % 100 == 0)
                        denied(t, 8, path, 5); /* a few of somebody else's */
        }
        ck_assert_uint_ne(audit_table_mutes(t), before);
        ck_assert_uint_eq(audit_table_muted(t, muted), 1);
        ck_assert_uint_eq(muted[0], 7);
        ck_assert_uint_eq(s.count[1], 11);
        int wait = audit_table_tick(t, 10);
        ck_assert(wait > 0 && wait <= AUDIT_MUTE_MS);
        (void) audit_table_tick(t, 6 + AUDIT_MUTE_MS);
        ck_assert_uint_eq(audit_table_muted(t, muted), 0);
        audit_table_free(t);
}
END_TEST

/* A user's many domains cost him his own oldest ones. */
START_TEST(domains_per_user) {
        struct seen s = { 0 };
        struct audit_table *t = new_table(&s);

        made(t, 1, BOB, 1);
        for (uint64_t i = 0; i < AUDIT_DOMAINS_PER_USER + 1; i++)
                made(t, 100 + i, ALICE, 100);
        denied(t, 100, "/a", 0); /* the oldest */
        ck_assert_uint_eq(s.n[0], 0);
        denied(t, 101, "/a", 0);
        ck_assert_uint_eq(s.n[0], 1);
        denied(t, 1, "/a", 0);
        ck_assert_uint_eq(s.n[1], 1);
        audit_table_free(t);
}
END_TEST

/* The filter, run by the kernel on datagrams of the same shape. */
static bool passes(const int pair[2], uint16_t type, const char *text) {
        char message[512], got[512];
        struct nlmsghdr head = { .nlmsg_type = type };
        size_t len = sizeof head + strlen(text);

        memcpy(message, &head, sizeof head);
        memcpy(message + sizeof head, text, strlen(text));
        (void) send(pair[1], message, len, 0); /* EPERM where the filter refuses it */
        return recv(pair[0], got, sizeof got, MSG_DONTWAIT) == (ssize_t) len;
}

static bool passes_domain(const int pair[2], uint16_t type, uint64_t serial, uint64_t domain) {
        char text[256];
        snprintf(text, sizeof text,
                 "audit(1729738800.268:%" PRIu64 "): domain=%" PRIx64 " blockers=ptrace opid=1",
                 serial, domain);
        return passes(pair, type, text);
}

START_TEST(filter) {
        static const uint64_t muted[AUDIT_MUTED_MAX] = { 0xf,        0x14c899ec5,
                                                         0x1234567,  0x12345678,
                                                         UINT64_MAX, 0x123456789ab,
                                                         0xab,       0x5555555555555555 };
        static const uint64_t serials[] = { 1, 12, 99999, 4294967295 };
        int pair[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
        ck_assert_int_eq(audit_filter_attach(pair[0], NULL, 0), 0);
        ck_assert(passes_domain(pair, AUDIT_TYPE_ACCESS, 30, 0xf));
        ck_assert(passes_domain(pair, AUDIT_TYPE_DOMAIN, 30, 0xf));
        ck_assert(!passes_domain(pair, 1300, 30, 0xf));
        ck_assert(!passes(pair, 1309, "audit(1729738800.268:30): argc=1"));
        for (size_t n = 1; n <= AUDIT_MUTED_MAX; n++) {
                ck_assert_int_eq(audit_filter_attach(pair[0], muted, n), 0);
                for (size_t k = 0; k < ELEMENTSOF(serials); k++)
                        for (size_t i = 0; i < AUDIT_MUTED_MAX; i++) {
                                uint64_t id = muted[i];
                                ck_assert(passes_domain(pair, AUDIT_TYPE_ACCESS, serials[k], id) ==
                                          (i >= n));
                                /* its end is always heard of, and so are its neighbours */
                                ck_assert(passes_domain(pair, AUDIT_TYPE_DOMAIN, serials[k], id));
                                ck_assert(passes_domain(pair, AUDIT_TYPE_ACCESS, serials[k],
                                                        id ^ 16));
                                ck_assert(id == UINT64_MAX || id == 0xf ||
                                          passes_domain(pair, AUDIT_TYPE_ACCESS, serials[k],
                                                        id << 4 | 1));
                        }
        }
        (void) close(pair[0]);
        (void) close(pair[1]);
}
END_TEST

int main(void) {
        return RUN_TESTS("audit", to_its_user, to_nobody, first_one_in_a_crowd, repeats_are_counted,
                         floods_are_counted, floods_are_muted, domains_per_user, filter);
}
