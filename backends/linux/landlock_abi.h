/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel's Landlock interface, ABI 1 to 10, in leash's own names: the headers of stable
 * distributions stop at ABI 1 or 2, and a sandbox must not get weaker because it was built there.
 * Do not include <linux/landlock.h> beside it. Source: Documentation/userspace-api/landlock.rst.
 */
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include "../../policy/base.h"

/* The newest ABI whose rights are known here. A newer kernel is used as this one: a right that is
 * handled but not understood would be a denial that nobody asked for. */
#define LL_ABI_NEWEST 10

/* handled_access_fs. The comment gives the ABI that brought the bit. */
#define LL_FS_EXECUTE (UINT64_C(1) << 0)     /* 1 */
#define LL_FS_WRITE_FILE (UINT64_C(1) << 1)  /* 1 */
#define LL_FS_READ_FILE (UINT64_C(1) << 2)   /* 1 */
#define LL_FS_READ_DIR (UINT64_C(1) << 3)    /* 1 */
#define LL_FS_REMOVE_DIR (UINT64_C(1) << 4)  /* 1 */
#define LL_FS_REMOVE_FILE (UINT64_C(1) << 5) /* 1 */
#define LL_FS_MAKE_CHAR (UINT64_C(1) << 6)   /* 1 */
#define LL_FS_MAKE_DIR (UINT64_C(1) << 7)    /* 1 */
#define LL_FS_MAKE_REG (UINT64_C(1) << 8)    /* 1 */
#define LL_FS_MAKE_SOCK (UINT64_C(1) << 9)   /* 1 */
#define LL_FS_MAKE_FIFO (UINT64_C(1) << 10)  /* 1 */
#define LL_FS_MAKE_BLOCK (UINT64_C(1) << 11) /* 1 */
#define LL_FS_MAKE_SYM (UINT64_C(1) << 12)   /* 1 */
#define LL_FS_REFER (UINT64_C(1) << 13)      /* 2: link and rename between directories */
#define LL_FS_TRUNCATE (UINT64_C(1) << 14)   /* 3 */
#define LL_FS_IOCTL_DEV (UINT64_C(1) << 15)  /* 5: ioctl on devices opened after the restriction */
#define LL_FS_RESOLVE_UNIX (UINT64_C(1) << 16) /* 9: connect, send to a pathname socket */

/* handled_access_net */
#define LL_NET_BIND_TCP (UINT64_C(1) << 0)         /* 4 */
#define LL_NET_CONNECT_TCP (UINT64_C(1) << 1)      /* 4 */
#define LL_NET_BIND_UDP (UINT64_C(1) << 2)         /* 10 */
#define LL_NET_CONNECT_SEND_UDP (UINT64_C(1) << 3) /* 10 */

/* scoped */
#define LL_SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0) /* 6 */
#define LL_SCOPE_SIGNAL (UINT64_C(1) << 1)               /* 6 */

/* landlock_create_ruleset() flags, with a NULL attribute */
#define LL_CREATE_VERSION 1u
#define LL_CREATE_ERRATA 2u /* kernels of 2025 and later */

/* landlock_restrict_self() flags */
#define LL_RESTRICT_LOG_SAME_EXEC_OFF 1u  /* 7 */
#define LL_RESTRICT_LOG_NEW_EXEC_ON 2u    /* 7 */
#define LL_RESTRICT_LOG_SUBDOMAINS_OFF 4u /* 7 */
#define LL_RESTRICT_TSYNC 8u              /* 8 */

#define LL_RULE_PATH_BENEATH 1
#define LL_RULE_NET_PORT 2

/* The kernel takes any size that it knows a prefix of, and a longer one whose tail is zero. */
struct ll_ruleset_attr {
        uint64_t handled_access_fs;
        uint64_t handled_access_net; /* 4 */
        uint64_t scoped;             /* 6 */
};

struct ll_path_beneath_attr {
        uint64_t allowed_access;
        int32_t parent_fd;
} __attribute__((packed)); /* 12 bytes: the kernel's is packed, too */

struct ll_net_port_attr {
        uint64_t allowed_access;
        uint64_t port; /* host byte order */
};

_Static_assert(sizeof(struct ll_path_beneath_attr) == 12, "the kernel's struct is packed");

/* 444 to 446 on every architecture. */
#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

static inline int ll_create_ruleset(const struct ll_ruleset_attr *attr, size_t size,
                                    uint32_t flags) {
        return (int) syscall(__NR_landlock_create_ruleset, attr, size, flags);
}

static inline int ll_add_rule(int ruleset_fd, int type, const void *attr, uint32_t flags) {
        return (int) syscall(__NR_landlock_add_rule, ruleset_fd, type, attr, flags);
}

static inline int ll_restrict_self(int ruleset_fd, uint32_t flags) {
        return (int) syscall(__NR_landlock_restrict_self, ruleset_fd, flags);
}
