/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The table. Errors instead of a kill: a killed tool dies without a word, a refused call is
 * something that it can report, or do without. Tried with this list: node, python, java, rust, git,
 * gcc, clang.
 *
 * Where a call has several rows, the first one that matches answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "seccomp_table.h"
#include "syscall_new.h"

#define LOW32 0xffffffffu
#define IOPRIO_WHO_USER 3 /* linux/ioprio.h, which older headers lack */

/* The low byte of clone's flags is a signal number, so CLONE_NEWTIME (0x80) cannot be asked for
 * here; only unshare and clone3 know it. */
#define CLONE_NEW_ANY                                                                  \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
         CLONE_NEWPID | CLONE_NEWNET)

#define OPEN_WRITES (O_CREAT | O_TRUNC | O_ACCMODE)
/* The mode counts with these only; O_TMPFILE's own bit, not O_DIRECTORY, which is in it, too. */
#define OPEN_MAKES (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))

/* socket(2): the kernel takes the type from these bits, the rest are SOCK_CLOEXEC and
 * SOCK_NONBLOCK. */
#define SOCKET_TYPE_MASK 0xfu
/* AF_INET (2) and AF_INET6 (10) differ in this bit only. */
#define INET_MASK (LOW32 & ~8u)

/* ioctl numbers without a header that could be relied on. The file system ones make or remove a
 * directory by name below a directory's descriptor, past Landlock, and past what the supervisor
 * sees. */
#define IOCTL_BTRFS_SNAP_CREATE 0x50009401u
#define IOCTL_BTRFS_SUBVOL_CREATE 0x5000940eu
#define IOCTL_BTRFS_SNAP_DESTROY 0x5000940fu
#define IOCTL_BTRFS_SNAP_CREATE_V2 0x50009417u
#define IOCTL_BTRFS_SUBVOL_CREATE_V2 0x50009418u
#define IOCTL_BTRFS_SNAP_DESTROY_V2 0x5000943fu
#define IOCTL_BCACHEFS_SUBVOL_CREATE 0x4020bc10u
#define IOCTL_BCACHEFS_SUBVOL_DESTROY 0x4020bc11u
#define NEW_F_SETDELEG (1024 + 16) /* linux/fcntl.h, since 6.19 */
#define IOCTL_OCFS2_REFLINK 0x40186f04u

#define SET(name, ...)                                           \
        static const uint32_t name##_values[] = { __VA_ARGS__ }; \
        static const struct seccomp_set name = { name##_values, ELEMENTSOF(name##_values) }

/* Not: ALG (one crypto bug after another), VSOCK (no namespace holds it, and on WSL it starts
 * Windows programs), PACKET, KEY, XFRM, RXRPC, XDP, TIPC, SMC, CAN, BLUETOOTH, NFC. */
SET(families, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK);
/* 3 and 10 have a row of their own. Without this, SEQPACKET and DCCP with protocol 0 would pick
 * SCTP and DCCP. */
SET(inet_types, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_PACKET);
/* Default, TCP, UDP; MPTCP has a row of its own, since Landlock's TCP rules miss it. Not: ICMP,
 * SCTP, UDP-Lite, SMC. */
#define MULTIPATH_TCP 262
SET(inet_protocols, 0, 6, 17, MULTIPATH_TCP);
/* NETLINK_ROUTE: node's os.networkInterfaces(), if_nameindex() and `ip` ask it. */
SET(netlink_protocols, 0);
/* The pid that means the caller. */
SET(oneself, 0);
/* Linux, Linux32, both with the 2.6 version string, the query; and without address randomisation,
 * as debuggers start programs, which has rows of its own. */
SET(personalities, 0, 8, 0x20000, 0x20008, 0x40000, 0x40008, LOW32);

#define EQ(a, v) \
        { COMPARE_EQ, a, LOW32, v, NULL }
#define BITS(a, m, v) \
        { COMPARE_EQ, a, m, v, NULL }
#define ANY(a, m) \
        { COMPARE_ANY, a, m, 0, NULL }
#define NOT_IN(a, m, s) \
        { COMPARE_NOT_IN, a, m, 0, &s }

#define DENY(name, reason) \
        { #name, 0, EPERM, 0, 0, { { 0 } }, reason }
#define DENY_NEW(name, nr, reason) \
        { #name, nr, EPERM, 0, 0, { { 0 } }, reason }
#define DENY_UNLESS(name, nr, unless, reason) \
        { #name, nr, EPERM, 0, unless, { { 0 } }, reason }
#define ABSENT(name, nr, reason) \
        { #name, nr, ENOSYS, 0, 0, { { 0 } }, reason }
#define IOCTL(request, reason) \
        { "ioctl", 0, EPERM, 0, 0, { EQ(1, request) }, reason }
#define WHEN(name, err, need, unless, reason, ...) \
        { #name, 0, err, need, unless, { __VA_ARGS__ }, reason }
/* Init makes these itself: a supervisor reads paths, opens files and takes sockets. */
#define DENY_COMMAND(name, nr, unless, reason) \
        { #name, nr, EPERM, 0, unless, { { 0 } }, reason, true }
#define ABSENT_COMMAND(name, nr, need, reason) \
        { #name, nr, ENOSYS, need, 0, { { 0 } }, reason, true }
#define NOTIFY(name, need, reason) \
        { #name, 0, SECCOMP_ERRNO_NOTIFY, need, 0, { { 0 } }, reason, true }
#define NOTIFY_WHEN(name, need, unless, reason, ...) \
        { #name, 0, SECCOMP_ERRNO_NOTIFY, need, unless, { __VA_ARGS__ }, reason, true }

#define WHEN_COMMAND(name, err, need, unless, reason, ...) \
        { #name, 0, err, need, unless, { __VA_ARGS__ }, reason, true }

/* What is told; `field` as in struct seccomp_row. */
#define TELL(name, nr, unless, field, reason) \
        { #name, nr, EPERM, 0, unless, { { 0 } }, reason, false, field }
#define TELL_COMMAND(name, nr, unless, field, reason) \
        { #name, nr, EPERM, 0, unless, { { 0 } }, reason, true, field }
#define TELL_WHEN(name, err, need, unless, field, reason, ...) \
        { #name, 0, err, need, unless, { __VA_ARGS__ }, reason, false, field }
#define TELL_SETUID(name, nr, arg) \
        { #name, nr, EPERM, 0, 0, { ANY(arg, S_ISUID) }, setuid_files, false, NEVER }

#define NEVER ""
#define BY_DEBUG "/security/allow_debug"
#define BY_USERNS "/security/allow_userns"
#define BY_LEVEL "/level"

#define DEBUG SECCOMP_ALLOW_DEBUG
#define USERNS SECCOMP_ALLOW_USERNS
#define DGRAM SECCOMP_ALLOW_UNIX_DGRAM
#define NATIVE SECCOMP_NATIVE
#define READS SECCOMP_NOTIFY_READS
/* Reads cannot be judged alone: a file that may not be opened could be given another name. */
#define NAMES (SECCOMP_NOTIFY_NAMES | SECCOMP_NOTIFY_READS)

static const char namespaces[] =
        "a new view of the system, and the largest kernel surface there is";
static const char mounts[] = "changes the view that the policy was written for";
static const char new_mounts[] = "the new mount interface; ENOSYS sends callers to mount(2)";
static const char modules[] = "loads code into the kernel";
static const char uring[] = "does file and socket work that no filter sees";
static const char keys[] = "keyrings reach beyond the sandbox";
static const char clocks[] = "the clock belongs to the host";
static const char numa[] = "memory placement of the host, a history of bugs";
static const char others[] = "reads or steers another process";
static const char steers[] = "limits or slows down another process of the user";
static const char setuid_files[] = "set-user-id files outlive the sandbox";
static const char handles[] = "opens files past every path rule";
static const char old[] = "nothing uses it any more";
static const char host[] = "changes the host";
static const char quota[] = "quotas of the host";
static const char swap[] = "swap of the host";
static const char ports[] = "raw access to hardware";
static const char watch[] = "gives descriptors of files that other programs open";
static const char pushed[] = "types into the terminal as if the user had";
static const char subvol[] = "makes or removes a directory past path rules";
static const char fastopen[] = "connects past Landlock's rules for connect";
static const char delays[] = "lets the host's writers wait, for files that it may only read, too";
static const char folds[] = "makes a directory in which .GIT is .git";
static const char makes[] = "brings a name into being or takes one away";

const struct seccomp_row seccomp_table[] = {
        /* namespaces and mounts */
        TELL(unshare, 0, USERNS, BY_USERNS, namespaces),
        TELL(setns, 0, USERNS, BY_USERNS, namespaces),
        TELL_WHEN(clone, EPERM, 0, USERNS, BY_USERNS, namespaces, ANY(0, CLONE_NEW_ANY)),
        ABSENT(clone3, NEW_NR_CLONE3,
               "its flags lie behind a pointer; ENOSYS, since EPERM breaks node, python, java and "
               "rust"),
        TELL(mount, 0, USERNS, NEVER, mounts),
        DENY_UNLESS(umount, 0, USERNS, mounts),
        TELL(umount2, 0, USERNS, NEVER, mounts),
        TELL(pivot_root, 0, USERNS, NEVER, mounts),
        TELL(chroot, 0, USERNS, BY_USERNS, mounts),
        ABSENT(open_tree, NEW_NR_OPEN_TREE, new_mounts),
        ABSENT(open_tree_attr, NEW_NR_OPEN_TREE_ATTR, new_mounts),
        ABSENT(move_mount, NEW_NR_MOVE_MOUNT, new_mounts),
        ABSENT(fsopen, NEW_NR_FSOPEN, new_mounts),
        ABSENT(fsconfig, NEW_NR_FSCONFIG, new_mounts),
        ABSENT(fsmount, NEW_NR_FSMOUNT, new_mounts),
        ABSENT(fspick, NEW_NR_FSPICK, new_mounts),
        ABSENT(mount_setattr, NEW_NR_MOUNT_SETATTR, new_mounts),
        ABSENT(statmount, NEW_NR_STATMOUNT, new_mounts),
        ABSENT(listmount, NEW_NR_LISTMOUNT, new_mounts),
        TELL(sethostname, 0, USERNS, BY_USERNS, host),
        TELL(setdomainname, 0, USERNS, BY_USERNS, host),

        /* kernel surface */
        TELL(bpf, 0, 0, NEVER, "programs in the kernel"),
        TELL(perf_event_open, 0, 0, NEVER, "a large surface; sees other processes"),
        DENY(userfaultfd, "stops the kernel in mid-copy: every second exploit's tool"),
        DENY(io_uring_setup, uring),
        DENY(io_uring_enter, uring),
        DENY(io_uring_register, uring),
        TELL(kexec_load, 0, 0, NEVER, modules),
        TELL(kexec_file_load, 0, 0, NEVER, modules),
        TELL(init_module, 0, 0, NEVER, modules),
        TELL(finit_module, 0, 0, NEVER, modules),
        TELL(delete_module, 0, 0, NEVER, modules),
        TELL(quotactl, 0, 0, NEVER, quota),
        TELL(quotactl_fd, NEW_NR_QUOTACTL_FD, 0, NEVER, quota),
        TELL(acct, 0, 0, NEVER, "writes a file of the kernel's choosing at a path"),
        TELL(swapon, 0, 0, NEVER, swap),
        TELL(swapoff, 0, 0, NEVER, swap),
        TELL(reboot, 0, 0, NEVER, host),
        TELL(vhangup, 0, 0, NEVER, host),
        TELL(syslog, 0, 0, NEVER, "the kernel's log has addresses and other people's business"),
        DENY(vmsplice, "maps a program's pages into pipes: a history of bugs, hardly a user"),
        DENY(fanotify_init, watch),
        DENY(fanotify_mark, watch),
        DENY(name_to_handle_at, handles),
        TELL(open_by_handle_at, 0, 0, NEVER, handles),
        TELL(iopl, 0, 0, NEVER, ports),
        TELL(ioperm, 0, 0, NEVER, ports),
        DENY(modify_ldt, "segments for 16-bit code: a history of bugs"),
        ABSENT(memfd_secret, NEW_NR_MEMFD_SECRET, "memory that limits and dumps do not see"),
        ABSENT(lsm_set_self_attr, NEW_NR_LSM_SET_SELF_ATTR, "changes the security label"),
        TELL(add_key, 0, 0, NEVER, keys),
        TELL(request_key, 0, 0, NEVER, keys),
        TELL(keyctl, 0, 0, NEVER, keys),
        TELL(settimeofday, 0, 0, NEVER, clocks),
        TELL(clock_settime, 0, 0, NEVER, clocks),
        TELL(clock_adjtime, 0, 0, NEVER, clocks),
        TELL(adjtimex, 0, 0, NEVER, clocks),
        DENY(mbind, numa),
        DENY(get_mempolicy, numa),
        DENY(set_mempolicy, numa),
        DENY_NEW(set_mempolicy_home_node, NEW_NR_SET_MEMPOLICY_HOME_NODE, numa),
        DENY(migrate_pages, numa),
        DENY(move_pages, numa),

        /* other processes: Landlock and the pid namespace are the first wall */
        TELL(ptrace, 0, DEBUG, BY_DEBUG, others),
        TELL_COMMAND(process_vm_readv, 0, DEBUG, BY_DEBUG, others),
        TELL(process_vm_writev, 0, DEBUG, BY_DEBUG, others),
        DENY_UNLESS(kcmp, 0, DEBUG, others),
        TELL_COMMAND(pidfd_getfd, NEW_NR_PIDFD_GETFD, 0, NEVER, others),
        DENY_NEW(process_madvise, NEW_NR_PROCESS_MADVISE, others),

/* Without a pid namespace the user's other processes are within reach. Landlock holds signals
 * (ABI 6) and tracing, and nothing else. A thread's own number, too, is refused. */
#define OTHERS(name, arg) \
        TELL_WHEN(name, EPERM, NATIVE, 0, NEVER, steers, NOT_IN(arg, LOW32, oneself))
        OTHERS(prlimit64, 0),
        OTHERS(sched_setaffinity, 0),
        OTHERS(sched_setattr, 0),
        OTHERS(sched_setparam, 0),
        OTHERS(sched_setscheduler, 0),
        OTHERS(setpriority, 1),
        OTHERS(ioprio_set, 1),
        TELL_WHEN(setpriority, EPERM, NATIVE, 0, NEVER, steers, EQ(0, PRIO_USER)),
        TELL_WHEN(ioprio_set, EPERM, NATIVE, 0, NEVER, steers, EQ(0, IOPRIO_WHO_USER)),
        /* Init's own last act. */
        WHEN_COMMAND(kill, EPERM, NATIVE, 0, "signals all that the user has", EQ(0, LOW32)),

        /* a uid 0 would leave the host a program that makes root of anyone; where names are
         * judged, the supervisor refuses to make one */
        TELL_SETUID(chmod, 0, 1),
        TELL_SETUID(fchmod, 0, 1),
        TELL_SETUID(fchmodat, 0, 2),
        TELL_SETUID(fchmodat2, NEW_NR_FCHMODAT2, 2),
        { "open", 0, EPERM, 0, NAMES, { ANY(1, OPEN_MAKES), ANY(2, S_ISUID) }, setuid_files },
        { "openat", 0, EPERM, 0, NAMES, { ANY(2, OPEN_MAKES), ANY(3, S_ISUID) }, setuid_files },
        { "creat", 0, EPERM, 0, NAMES, { ANY(1, S_ISUID) }, setuid_files },
        { "mknod", 0, EPERM, 0, NAMES, { ANY(1, S_ISUID) }, setuid_files },
        { "mknodat", 0, EPERM, 0, NAMES, { ANY(2, S_ISUID) }, setuid_files },

        /* leftovers */
        DENY(uselib, "opens a file past path rules"),
        DENY(ustat, old),
        DENY(sysfs, old),
        DENY(_sysctl, old),
        DENY(lookup_dcookie, old),
        DENY(nfsservctl, old),
        DENY(create_module, old),
        DENY(get_kernel_syms, old),
        DENY(query_module, old),
        TELL_WHEN(personality, EPERM, 0, DEBUG, BY_DEBUG, "no address randomisation",
                  EQ(0, ADDR_NO_RANDOMIZE)),
        TELL_WHEN(personality, EPERM, 0, DEBUG, BY_DEBUG, "no address randomisation",
                  EQ(0, ADDR_NO_RANDOMIZE | PER_LINUX32)),
        TELL_WHEN(personality, EPERM, 0, 0, NEVER, "executable data, a mapped zero page",
                  NOT_IN(0, LOW32, personalities)),

        WHEN(fcntl, EPERM, 0, 0, delays, EQ(1, F_SETLEASE)),
        WHEN(fcntl, EPERM, 0, 0, delays, EQ(1, NEW_F_SETDELEG)),
        IOCTL(TIOCSTI, pushed),
        IOCTL(0x541c /* TIOCLINUX */, pushed),
        IOCTL(TIOCSETD, "loads line disciplines: a history of bugs"),
        IOCTL(IOCTL_BTRFS_SNAP_CREATE, subvol),
        IOCTL(IOCTL_BTRFS_SUBVOL_CREATE, subvol),
        IOCTL(IOCTL_BTRFS_SNAP_DESTROY, subvol),
        IOCTL(IOCTL_BTRFS_SNAP_CREATE_V2, subvol),
        IOCTL(IOCTL_BTRFS_SUBVOL_CREATE_V2, subvol),
        IOCTL(IOCTL_BTRFS_SNAP_DESTROY_V2, subvol),
        IOCTL(IOCTL_BCACHEFS_SUBVOL_CREATE, subvol),
        IOCTL(IOCTL_BCACHEFS_SUBVOL_DESTROY, subvol),
        IOCTL(IOCTL_OCFS2_REFLINK, subvol),
        WHEN(ioctl, EOPNOTSUPP, 0, 0, folds, EQ(1, FS_IOC_SETFLAGS)),
        WHEN(ioctl, EOPNOTSUPP, 0, 0, folds, EQ(1, FS_IOC32_SETFLAGS)),
        WHEN(ioctl, EOPNOTSUPP, 0, 0, folds, EQ(1, FS_IOC_FSSETXATTR)),
        ABSENT(file_setattr, NEW_NR_FILE_SETATTR, "the same by path"),

/* sockets */
#define UNIX_DGRAM(name, need, unless, field)                                           \
        TELL_WHEN(name, ESOCKTNOSUPPORT, need, DGRAM | (unless), field,                 \
                  "sends to any socket by path without a connect that could be judged", \
                  EQ(0, AF_UNIX), BITS(1, 0xe, SOCK_DGRAM))
        TELL_WHEN(socket, EAFNOSUPPORT, 0, 0, NEVER,
                  "families that no namespace holds, or that have a history of bugs",
                  NOT_IN(0, LOW32, families)),
        WHEN(socketpair, EAFNOSUPPORT, 0, 0,
             "families that no namespace holds, or that have a history of bugs",
             NOT_IN(0, LOW32, families)),
        TELL_WHEN(socket, EACCES, NATIVE, 0, NEVER,
                  "without a network namespace nothing else stops UDP, and old kernels not even "
                  "TCP",
                  BITS(0, INET_MASK, AF_INET)),
        TELL_WHEN(socket, EPERM, 0, 0, NEVER, "AF_INET with this type is AF_PACKET",
                  BITS(1, SOCKET_TYPE_MASK, SOCK_PACKET)),
        TELL_WHEN(socket, EPERM, 0, NATIVE, NEVER, "raw packets", BITS(0, INET_MASK, AF_INET),
                  BITS(1, SOCKET_TYPE_MASK, SOCK_RAW)),
        TELL_WHEN(socket, ESOCKTNOSUPPORT, 0, NATIVE, NEVER, "SCTP, DCCP: nothing judges them",
                  BITS(0, INET_MASK, AF_INET), NOT_IN(1, SOCKET_TYPE_MASK, inet_types)),
        TELL_WHEN(socket, EPROTONOSUPPORT, 0, NATIVE, NEVER, "only TCP and UDP are judged",
                  BITS(0, INET_MASK, AF_INET), NOT_IN(2, LOW32, inet_protocols)),
        /* Go's servers ask for it first, each time. */
        WHEN(socket, EPROTONOSUPPORT, 0, NATIVE, "only TCP and UDP are judged",
             BITS(0, INET_MASK, AF_INET), EQ(2, MULTIPATH_TCP)),
        TELL_WHEN(socket, EPROTONOSUPPORT, 0, 0, NEVER,
                  "netlink protocols configure the kernel; only routes may be asked for",
                  EQ(0, AF_NETLINK), NOT_IN(2, LOW32, netlink_protocols)),
        /* DGRAM (2), and RAW (3), which is the same for AF_UNIX. */
        UNIX_DGRAM(socket, 0, NATIVE, BY_LEVEL),
        UNIX_DGRAM(socket, NATIVE, 0, NEVER),
        UNIX_DGRAM(socketpair, 0, NATIVE, BY_LEVEL),
        UNIX_DGRAM(socketpair, NATIVE, 0, NEVER),
        WHEN(sendto, EOPNOTSUPP, 0, 0, fastopen, ANY(3, MSG_FASTOPEN)),
        WHEN(sendmsg, EOPNOTSUPP, 0, 0, fastopen, ANY(2, MSG_FASTOPEN)),
        WHEN(sendmmsg, EOPNOTSUPP, 0, 0, fastopen, ANY(3, MSG_FASTOPEN)),

        /* What the supervisor judges. Not here because they are refused above: io_uring, handles,
         * uselib, acct, swapon, the mount interfaces, file system ioctls. A core dump would make a
         * name, too: the hard limit of RLIMIT_CORE is 0. */
        NOTIFY_WHEN(open, SECCOMP_NOTIFY_NAMES, READS, makes, ANY(1, OPEN_WRITES)),
        NOTIFY_WHEN(openat, SECCOMP_NOTIFY_NAMES, READS, makes, ANY(2, OPEN_WRITES)),
        /* O_PATH reads nothing, and could not be answered: ADDFD takes no such descriptor. */
        NOTIFY_WHEN(open, READS, 0, "opens a file", BITS(1, O_PATH, 0)),
        NOTIFY_WHEN(openat, READS, 0, "opens a file", BITS(2, O_PATH, 0)),
        ABSENT_COMMAND(openat2, NEW_NR_OPENAT2, 0,
                       "its flags lie behind a pointer; callers fall back to openat"),
        NOTIFY(creat, NAMES, makes),
        NOTIFY(mkdir, NAMES, makes),
        NOTIFY(mkdirat, NAMES, makes),
        NOTIFY(mknod, NAMES, makes),
        NOTIFY(mknodat, NAMES, makes),
        NOTIFY(rename, NAMES, makes),
        NOTIFY(renameat, NAMES, makes),
        NOTIFY(renameat2, NAMES, makes),
        NOTIFY(link, NAMES, makes),
        NOTIFY(linkat, NAMES, makes),
        NOTIFY(symlink, NAMES, makes),
        NOTIFY(symlinkat, NAMES, makes),
        NOTIFY(unlink, NAMES, makes),
        NOTIFY(unlinkat, NAMES, makes),
        NOTIFY(rmdir, NAMES, makes),
        NOTIFY(truncate, NAMES, "writes a file by path"),
        NOTIFY(bind, NAMES, "a pathname socket is a name, too"),
        NOTIFY_WHEN(prctl, NAMES | READS | SECCOMP_NOTIFY_UNIX, 0,
                    "hides the caller from the supervisor, which has to read its memory",
                    EQ(0, PR_SET_DUMPABLE), EQ(1, 0)),
        NOTIFY(connect, SECCOMP_NOTIFY_UNIX, "talks to a socket by path"),
        /* The kernel says EBUSY while the supervisor listens (seccomp(2)). Should it ever have lost
         * its listener (no descriptor, no epoll watch was left), then the judged calls must fail
         * with ENOSYS, and not be answered by the command itself. */
        WHEN_COMMAND(seccomp, EBUSY, NAMES | SECCOMP_NOTIFY_UNIX, 0,
                     "the newest listener is asked: the command would judge itself",
                     ANY(1, SECCOMP_FILTER_FLAG_NEW_LISTENER)),
};
const size_t seccomp_table_n = ELEMENTSOF(seccomp_table);

bool seccomp_row_notifies(const struct seccomp_row *row, unsigned options) {
        return row->err == SECCOMP_ERRNO_NOTIFY || (row->told && (options & SECCOMP_TELL));
}

/* What is told stands in both parts: in init's, where it is a trace without a tracer, so that init
 * is refused it (ENOSYS), and in the command's, whose question outranks that. */
bool seccomp_row_active(const struct seccomp_row *row, unsigned options) {
        if (row->command ? (options & SECCOMP_ONLY_COMMON) != 0
                         : (options & SECCOMP_ONLY_COMMAND) && !seccomp_row_notifies(row, options))
                return false;
        return (row->need == 0 || (options & row->need) != 0) && (options & row->unless) == 0;
}

static bool condition_holds(const struct seccomp_condition *c, const uint64_t args[6]) {
        uint32_t v = (uint32_t) args[c->arg] & c->mask;

        switch (c->compare) {
        case COMPARE_NONE:
                return true;
        case COMPARE_EQ:
                return v == c->value;
        case COMPARE_ANY:
                return v != 0;
        case COMPARE_NOT_IN:
                for (size_t i = 0; i < c->set->n; i++)
                        if (c->set->values[i] == v)
                                return false;
                return true;
        }
        return false;
}

bool seccomp_row_matches(const struct seccomp_row *row, const uint64_t args[6]) {
        return condition_holds(&row->conditions[0], args) &&
               condition_holds(&row->conditions[1], args);
}
