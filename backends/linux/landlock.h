/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Landlock: which rights there are, and the two domains of a sandbox.
 *
 *   common domain   entered once per sandbox, by the process that forks all commands: paths,
 * network, scopes. All commands live in it. own domain      one more layer per command that forbids
 * nothing of use. It exists because a process may trace, or open the memory of, only processes of
 * its own domain and below (Documentation/security/landlock.rst, "Ptrace restrictions"): siblings
 * in domains of their own cannot reach each other, nor what is above them.
 *
 * Functions return 0 or a descriptor, or -errno. Nothing here allocates.
 */
#pragma once

#include "landlock_abi.h"

/* ABI of the running kernel: 1 and up; 0: not built in (ENOSYS); -1: built in, but switched off at
 * boot (EOPNOTSUPP; `lsm=` lacks it). Other errors are 0: a container's filter answers EPERM. */
int landlock_query_abi(void);
/* Bits of bugs that this kernel has fixed (1 << number - 1); 0 where it cannot say. Errata may only
 * ever make a caller stricter. */
uint32_t landlock_query_errata(void);

/* The rights that a ruleset of this ABI handles. `abi` is the kernel's; beyond LL_ABI_NEWEST it
 * counts as that; 0 and less give 0. */
uint64_t landlock_fs_mask(int abi);
uint64_t landlock_read_mask(int abi);  /* read, list, execute */
uint64_t landlock_write_mask(int abi); /* everything, connecting to sockets included */
uint64_t landlock_unix_mask(int abi); /* connecting to a socket, and nothing else; 0 before ABI 9 */
uint64_t landlock_file_rights(void);  /* the only ones that a rule for a non-directory may have */
uint64_t landlock_net_mask(int abi);
uint64_t landlock_scope_mask(int abi);

/* Below ABI 2 every domain forbids link and rename between directories, whatever its rules say, and
 * git, npm and cargo fail. With namespaces, leave Landlock out there (decision 8). */
static inline bool landlock_keeps_renames(int abi) {
        return abi >= 2;
}

enum landlock_flags {
        /* Forbid TCP (and UDP, where the ABI knows it): the native tier in mode deny. Never where
         * there is a network namespace: its loopback has to work, and it is the better wall. */
        LANDLOCK_DENY_NETWORK = 1u << 0,
        /* Signals and abstract sockets stay inside the domain. In a
         * command's own domain this forbids `kill` between two commands of one sandbox. A
         * process above the scope signals all that is in it; one in the same domain as its commands
         * can be signalled by them, which pid 1 of a pid namespace may ignore and a native init may
         * not. */
        LANDLOCK_SCOPED = 1u << 1,
};

/* The common domain's ruleset: handles every fs right of the ABI, so what no rule grants is denied.
 */
int landlock_ruleset_new(int abi, unsigned flags);
/* Grant `access` (a subset of landlock_fs_mask()) at and below an O_PATH descriptor, opened in the
 * final view: a mount made later over it is not covered. Rights that only a directory has are left
 * out where the object is none; nothing left is no error. */
int landlock_add_path(int ruleset_fd, int path_fd, uint64_t access);
/* A command's own domain; -EOPNOTSUPP below ABI 2 (it would forbid renames). `root_fd` is "/" in
 * the final view. One ruleset serves all commands: each landlock_enter() makes a new domain from
 * it. LANDLOCK_SCOPED here: it signals nobody outside of itself, for the native tier, where init is
 * no pid 1 that a signal cannot end. */
int landlock_nested_new(int abi, int root_fd, unsigned flags);

/* LOGGED: the common domain, and the kernel's audit gets what it denies. */
enum landlock_domain { LANDLOCK_COMMON = 0, LANDLOCK_LOGGED, LANDLOCK_OWN };
/* Enter the calling (only) thread into a domain. Needs no_new_privs or CAP_SYS_ADMIN; at most 16
 * layers. */
int landlock_enter(int ruleset_fd, int abi, enum landlock_domain domain);
