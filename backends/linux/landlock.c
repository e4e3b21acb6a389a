/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rights by ABI as one table, and the few calls around them. Linked into leash-init: libc only.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "landlock.h"

/* What each ABI added. Sums of rows are the masks; a row is never edited, only new ones come. */
static const struct {
        int abi;
        uint64_t fs, net, scope;
} additions[] = {
        { 1, (UINT64_C(1) << 13) - 1, 0, 0 }, /* EXECUTE … MAKE_SYM */
        { 2, LL_FS_REFER, 0, 0 },
        { 3, LL_FS_TRUNCATE, 0, 0 },
        { 4, 0, LL_NET_BIND_TCP | LL_NET_CONNECT_TCP, 0 },
        { 5, LL_FS_IOCTL_DEV, 0, 0 },
        { 6, 0, 0, LL_SCOPE_ABSTRACT_UNIX_SOCKET | LL_SCOPE_SIGNAL },
        { 9, LL_FS_RESOLVE_UNIX, 0, 0 },
        { 10, 0, LL_NET_BIND_UDP | LL_NET_CONNECT_SEND_UDP, 0 },
};

int landlock_query_abi(void) {
        int r = ll_create_ruleset(NULL, 0, LL_CREATE_VERSION);

        if (r >= 0)
                return r;
        return errno == EOPNOTSUPP ? -1 : 0;
}

uint32_t landlock_query_errata(void) {
        int r = ll_create_ruleset(NULL, 0, LL_CREATE_ERRATA);

        /* Kernels that cannot say answer EINVAL. */
        return r < 0 ? 0 : (uint32_t) r;
}

uint64_t landlock_fs_mask(int abi) {
        uint64_t mask = 0;

        for (size_t i = 0; i < ELEMENTSOF(additions); i++)
                if (additions[i].abi <= abi)
                        mask |= additions[i].fs;
        return mask;
}

uint64_t landlock_net_mask(int abi) {
        uint64_t mask = 0;

        for (size_t i = 0; i < ELEMENTSOF(additions); i++)
                if (additions[i].abi <= abi)
                        mask |= additions[i].net;
        return mask;
}

uint64_t landlock_scope_mask(int abi) {
        uint64_t mask = 0;

        for (size_t i = 0; i < ELEMENTSOF(additions); i++)
                if (additions[i].abi <= abi)
                        mask |= additions[i].scope;
        return mask;
}

uint64_t landlock_read_mask(int abi) {
        /* No IOCTL_DEV: devices that a program needs are granted as writable ones. */
        return (LL_FS_EXECUTE | LL_FS_READ_FILE | LL_FS_READ_DIR) & landlock_fs_mask(abi);
}

uint64_t landlock_write_mask(int abi) {
        return landlock_fs_mask(abi);
}

uint64_t landlock_unix_mask(int abi) {
        return LL_FS_RESOLVE_UNIX & landlock_fs_mask(abi);
}

uint64_t landlock_file_rights(void) {
        return LL_FS_EXECUTE | LL_FS_WRITE_FILE | LL_FS_READ_FILE | LL_FS_TRUNCATE |
               LL_FS_IOCTL_DEV | LL_FS_RESOLVE_UNIX;
}

/* Ruleset descriptors are close-on-exec by themselves. */
static int create(const struct ll_ruleset_attr *attr) {
        int fd = ll_create_ruleset(attr, sizeof(*attr), 0);

        return fd < 0 ? -errno : fd;
}

int landlock_ruleset_new(int abi, unsigned flags) {
        struct ll_ruleset_attr attr = { .handled_access_fs = landlock_fs_mask(abi) };

        if (abi < 1)
                return -EOPNOTSUPP;
        if (flags & LANDLOCK_DENY_NETWORK)
                attr.handled_access_net = landlock_net_mask(abi);
        if (flags & LANDLOCK_SCOPED)
                attr.scoped = landlock_scope_mask(abi);
        return create(&attr);
}

int landlock_add_path(int ruleset_fd, int path_fd, uint64_t access) {
        struct ll_path_beneath_attr attr = { .allowed_access = access, .parent_fd = path_fd };
        struct stat st;

        if (fstat(path_fd, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                attr.allowed_access &= landlock_file_rights();
        /* The kernel calls an empty rule ENOMSG. */
        if (attr.allowed_access == 0)
                return 0;
        if (ll_add_rule(ruleset_fd, LL_RULE_PATH_BENEATH, &attr, 0) < 0)
                return -errno;
        return 0;
}

int landlock_nested_new(int abi, int root_fd, unsigned flags) {
        /* A ruleset has to handle something. Device nodes are what no command can make anyway (no
         * CAP_MKNOD; overlayfs whiteouts are the one exception, and not needed). REFER is denied by
         * every layer that does not allow it, so it is handled and allowed everywhere: this layer
         * treats all directories alike, hence no rename gains a right by it. */
        struct ll_ruleset_attr attr = {
                .handled_access_fs = LL_FS_MAKE_BLOCK | LL_FS_MAKE_CHAR | LL_FS_REFER,
                .scoped = flags & LANDLOCK_SCOPED ? LL_SCOPE_SIGNAL & landlock_scope_mask(abi) : 0,
        };
        int fd, r;

        if (!landlock_keeps_renames(abi))
                return -EOPNOTSUPP;
        fd = create(&attr);
        if (fd < 0)
                return fd;
        r = landlock_add_path(fd, root_fd, LL_FS_REFER);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        return fd;
}

int landlock_enter(int ruleset_fd, int abi, enum landlock_domain domain) {
        uint32_t flags = 0;

        /* By default the kernel logs what the calling program is denied until its next exec, which
         * is of no interest, and nothing later. What programs inside do to themselves with domains
         * of their own is their matter: never logged, and so no way to flood anybody, or to have a
         * record written that looks like the sandbox's. */
        if (abi >= 7)
                flags = domain == LANDLOCK_LOGGED
                                ? LL_RESTRICT_LOG_NEW_EXEC_ON | LL_RESTRICT_LOG_SUBDOMAINS_OFF
                        : domain == LANDLOCK_COMMON
                                ? LL_RESTRICT_LOG_SAME_EXEC_OFF | LL_RESTRICT_LOG_SUBDOMAINS_OFF
                                : LL_RESTRICT_LOG_SAME_EXEC_OFF;
        if (ll_restrict_self(ruleset_fd, flags) < 0)
                return -errno;
        return 0;
}
