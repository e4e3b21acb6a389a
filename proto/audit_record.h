/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel's audit records of Landlock (Linux 6.15; Documentation/admin-guide/LSM/landlock.rst,
 * security/landlock/audit.c):
 *
 *   1423  audit(STAMP): domain=195ba459b blockers=fs.read_file path="/etc/x" dev="vda" ino=351
 *   1424  audit(STAMP): domain=195ba459b status=allocated mode=enforcing pid=300 uid=0 exe=… comm=…
 *   1424  audit(STAMP): domain=195ba459b status=deallocated denials=3
 *
 * The kernel writes them, but paths and names in them were chosen by hostile code. They come
 * between quotes when they hold nothing but visible ASCII without a quote, in hexadecimal digits
 * otherwise (audit_log_untrustedstring()), so that no name can end a field. What reads differently
 * from this is refused. Pure: no allocation, no state.
 */
#pragma once

#include "../policy/base.h"

#define AUDIT_TYPE_ACCESS 1423 /* AUDIT_LANDLOCK_ACCESS */
#define AUDIT_TYPE_DOMAIN 1424 /* AUDIT_LANDLOCK_DOMAIN */

/* MAX_AUDIT_MESSAGE_LENGTH is 8970; a path of PATH_MAX in hexadecimal digits just fits. */
#define AUDIT_TEXT_MAX 9000
/* As in the reports of the supervisor (box_event): longer paths are cut. */
#define AUDIT_PATH_BYTES 256

enum audit_kind { AUDIT_DENIED = 1, AUDIT_ALLOCATED, AUDIT_DEALLOCATED };

/* The rights, as their numbers in a message; the words are in audit_record.c. Only ever append. */
enum audit_right {
        AUDIT_RIGHT_EXECUTE = 0,
        AUDIT_RIGHT_WRITE_FILE,
        AUDIT_RIGHT_READ_FILE,
        AUDIT_RIGHT_READ_DIR,
        AUDIT_RIGHT_REMOVE_DIR,
        AUDIT_RIGHT_REMOVE_FILE,
        AUDIT_RIGHT_MAKE_CHAR,
        AUDIT_RIGHT_MAKE_DIR,
        AUDIT_RIGHT_MAKE_REG,
        AUDIT_RIGHT_MAKE_SOCK,
        AUDIT_RIGHT_MAKE_FIFO,
        AUDIT_RIGHT_MAKE_BLOCK,
        AUDIT_RIGHT_MAKE_SYM,
        AUDIT_RIGHT_REFER,
        AUDIT_RIGHT_TRUNCATE,
        AUDIT_RIGHT_IOCTL_DEV,
        AUDIT_RIGHT_RESOLVE_UNIX,
        AUDIT_RIGHT_TOPOLOGY,
        AUDIT_RIGHT_BIND_TCP,
        AUDIT_RIGHT_CONNECT_TCP,
        AUDIT_RIGHT_BIND_UDP,
        AUDIT_RIGHT_CONNECT_UDP,
        AUDIT_RIGHT_ABSTRACT_SOCKET,
        AUDIT_RIGHT_SIGNAL,
        AUDIT_RIGHT_PTRACE,
        AUDIT_RIGHT_OTHER, /* a word that we do not know yet */
        AUDIT_RIGHT_N_,
};

struct audit_record {
        enum audit_kind kind;
        uint64_t domain; /* never 0; not used twice before the next boot */
        /* ALLOCATED: who made the domain, by the ids of the machine's first namespaces */
        int32_t pid;
        uint32_t uid;
        char comm[16];
        /* DEALLOCATED: all that there ever were, reported or not */
        uint64_t denials;
        /* DENIED */
        uint32_t rights;             /* 1 << enum audit_right */
        uint16_t port;               /* 0: none */
        char path[AUDIT_PATH_BYTES]; /* as the program sees it, or an address; bytes of any kind but
                                        NUL; an abstract socket's begins with '@'; "" = none */
        bool cut;                    /* it was longer */
};

/* 0; -EINVAL: not such a record. `ret` is written on success only. `text` need not end in NUL. */
int audit_record_parse(unsigned type, const char *text, size_t len, struct audit_record *ret);
const char *audit_right_name(enum audit_right right); /* "fs.read_file" */
