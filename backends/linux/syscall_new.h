/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Numbers and constants that are newer than the headers and the libseccomp of stable distributions.
 * From 424 on a system call has one number on every architecture leash runs on
 * (include/uapi/asm-generic/unistd.h and arch/x86/entry/syscalls/syscall_64.tbl).
 */
#pragma once

#define NEW_NR_OPEN_TREE 428
#define NEW_NR_MOVE_MOUNT 429
#define NEW_NR_FSOPEN 430
#define NEW_NR_FSCONFIG 431
#define NEW_NR_FSMOUNT 432
#define NEW_NR_FSPICK 433
#define NEW_NR_CLONE3 435
#define NEW_NR_OPENAT2 437
#define NEW_NR_PIDFD_GETFD 438
#define NEW_NR_PROCESS_MADVISE 440
#define NEW_NR_MOUNT_SETATTR 442
#define NEW_NR_QUOTACTL_FD 443
#define NEW_NR_MEMFD_SECRET 447
#define NEW_NR_SET_MEMPOLICY_HOME_NODE 450
#define NEW_NR_FCHMODAT2 452
#define NEW_NR_STATMOUNT 457
#define NEW_NR_LISTMOUNT 458
#define NEW_NR_LSM_SET_SELF_ATTR 460
#define NEW_NR_OPEN_TREE_ATTR 467
#define NEW_NR_FILE_SETATTR 469
