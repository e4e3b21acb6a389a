/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The kernel's records of denials: each shape that security/landlock/audit.c writes, and what
 * hostile names make of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../proto/audit_record.h"

#include "../suite.h"

#define STAMP "audit(1729738800.268:30): "

static int parse(unsigned type, const char *text, struct audit_record *ret) {
        return audit_record_parse(type, text, strlen(text), ret);
}

static void good(const char *text, uint32_t rights, const char *path, unsigned port) {
        struct audit_record r = { 0 };

        ck_assert_msg(parse(AUDIT_TYPE_ACCESS, text, &r) == 0, "%s", text);
        ck_assert_int_eq(r.kind, AUDIT_DENIED);
        ck_assert_uint_eq(r.domain, 0x195ba459b);
        ck_assert_uint_eq(r.rights, rights);
        ck_assert_str_eq(r.path, path);
        ck_assert_uint_eq(r.port, port);
}

#define DENIED(rest) STAMP "domain=195ba459b blockers=" rest
#define BIT(right) (UINT32_C(1) << AUDIT_RIGHT_##right)

START_TEST(denials) {
        good(DENIED("fs.write_file path=\"/etc/hosts\" dev=\"vda2\" ino=351"), BIT(WRITE_FILE),
             "/etc/hosts", 0);
        good(DENIED("fs.remove_file,fs.make_reg,fs.refer path=\"/a\" dev=\"vda\" ino=1"),
             BIT(REMOVE_FILE) | BIT(MAKE_REG) | BIT(REFER), "/a", 0);
        good(DENIED("fs.ioctl_dev path=\"/dev/tty\" dev=\"devtmpfs\" ino=9 ioctlcmd=0x5401"),
             BIT(IOCTL_DEV), "/dev/tty", 0);
        good(DENIED("net.connect_tcp daddr=127.0.0.1 dest=80"), BIT(CONNECT_TCP), "127.0.0.1", 80);
        good(DENIED("net.bind_tcp src=8080"), BIT(BIND_TCP), "", 8080);
        good(DENIED("scope.signal opid=8857 ocomm=\"leash-init\""), BIT(SIGNAL), "", 0);
        good(DENIED("scope.abstract_unix_socket path=006162"), BIT(ABSTRACT_SOCKET), "@ab", 0);
        good(DENIED("fs.from_a_later_kernel,fs.read_dir path=\"/a\""), BIT(READ_DIR) | BIT(OTHER),
             "/a", 0);
        good(DENIED("fs.read_file path=\"<too_long>\" dev=\"vda2\" ino=351"), BIT(READ_FILE), "",
             0);
}
END_TEST

/* A name that says what it likes is in digits, and stays a name. */
START_TEST(hostile_names) {
        static const char name[] = "/a\" domain=1 status=allocated pid=1 uid=0\n\xff";
        char text[512] = DENIED("fs.read_file path=");
        size_t n = strlen(text);

        for (size_t i = 0; i + 1 < sizeof name; i++)
                n += (size_t) snprintf(text + n, sizeof text - n, "%02X", (unsigned char) name[i]);
        snprintf(text + n, sizeof text - n, " dev=\"vda2\" ino=351");
        good(text, BIT(READ_FILE), name, 0);
}
END_TEST

START_TEST(long_names_are_cut) {
        static char text[AUDIT_TEXT_MAX + 64];
        struct audit_record r = { 0 };
        size_t n = (size_t) sprintf(text, DENIED("fs.read_file path=\"/"));

        memset(text + n, 'a', 4000);
        strcpy(text + n + 4000, "\"");
        ck_assert_int_eq(parse(AUDIT_TYPE_ACCESS, text, &r), 0);
        ck_assert(r.cut);
        ck_assert_uint_eq(strlen(r.path), AUDIT_PATH_BYTES - 1);
        memset(text + n, 'a', AUDIT_TEXT_MAX - n + 1);
        ck_assert_int_eq(parse(AUDIT_TYPE_ACCESS, text, &r), -EINVAL);
}
END_TEST

START_TEST(domains) {
        struct audit_record r = { 0 };

        ck_assert_int_eq(parse(AUDIT_TYPE_DOMAIN,
                               STAMP "domain=f status=allocated mode=enforcing pid=300 uid=1000 "
                                     "exe=\"/usr/libexec/leash/leash-init\" comm=\"leash-init\"",
                               &r),
                         0);
        ck_assert(r.kind == AUDIT_ALLOCATED && r.domain == 15 && r.pid == 300 && r.uid == 1000);
        ck_assert_str_eq(r.comm, "leash-init");
        ck_assert_int_eq(
                parse(AUDIT_TYPE_DOMAIN, STAMP "domain=f status=deallocated denials=3", &r), 0);
        ck_assert(r.kind == AUDIT_DEALLOCATED && r.denials == 3);
        /* A comm of sixteen bytes would be none of the kernel's; it is cut. */
        ck_assert_int_eq(parse(AUDIT_TYPE_DOMAIN,
                               STAMP "domain=f status=allocated mode=enforcing pid=3 uid=0 "
                                     "exe=\"/x\" comm=\"aaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
                               &r),
                         0);
        ck_assert_uint_eq(strlen(r.comm), 15);
}
END_TEST

/* Every beginning of a good record is read within its bounds (the sanitizer looks on), and a change
 * of its type is no record. */
START_TEST(pieces) {
        static const char *const texts[] = {
                DENIED("fs.read_file path=2F41 dev=\"vda2\" ino=351"),
                STAMP
                "domain=f status=allocated mode=enforcing pid=300 uid=0 exe=\"/x\" comm=\"y\"",
        };
        struct audit_record r;

        for (size_t k = 0; k < ELEMENTSOF(texts); k++) {
                ck_assert_int_eq(parse(AUDIT_TYPE_ACCESS + (unsigned) k, texts[k], &r), 0);
                ck_assert_int_eq(parse(AUDIT_TYPE_DOMAIN - (unsigned) k, texts[k], &r), -EINVAL);
                ck_assert_int_eq(parse(1300, texts[k], &r), -EINVAL);
                for (size_t len = 0; len < strlen(texts[k]); len++) {
                        char *piece = malloc(len + 1);
                        ck_assert_ptr_nonnull(piece);
                        memcpy(piece, texts[k], len);
                        (void) audit_record_parse(AUDIT_TYPE_ACCESS + (unsigned) k, piece, len, &r);
                        free(piece);
                }
        }
}
END_TEST

START_TEST(right_names) {
        for (unsigned i = 0; i < AUDIT_RIGHT_N_; i++) {
                ck_assert_ptr_nonnull(audit_right_name(i));
                for (unsigned k = 0; k < i; k++)
                        ck_assert_str_ne(audit_right_name(i), audit_right_name(k));
        }
        ck_assert_str_eq(audit_right_name(AUDIT_RIGHT_N_), "unknown");
}
END_TEST

int main(void) {
        return RUN_TESTS("audit-record", denials, hostile_names, long_names_are_cut, domains,
                         pieces, right_names);
}
