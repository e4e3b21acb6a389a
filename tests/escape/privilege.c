/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rights: capabilities, set-user-id and file capabilities, devices. World: copies of this program
 * that are set-user-id root and carry file capabilities, made by a runner that is root.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "escape.h"

static int has_capabilities(const char *arg) {
        char line[256];
        size_t n = strlen(arg);
        FILE *f = fopen("/proc/self/status", "re");
        if (!f)
                return -errno;
        int r = -EPERM;
        while (r && fgets(line, sizeof(line), f))
                if (strncmp(line, arg, n) == 0 && strtoull(line + n + 1, NULL, 16) != 0)
                        r = 0;
        fclose(f);
        return r;
}
static int raise_capabilities(const char *arg) {
        struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct d[2] = { { 1u << CAP_CHOWN, 1u << CAP_CHOWN, 0 } };
        return result(syscall(SYS_capset, &h, d));
}
static int ambient(const char *arg) {
        struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct d[2] = { 0 };
        if (syscall(SYS_capget, &h, d) < 0)
                return -errno;
        d[0].inheritable = d[0].permitted;
        d[1].inheritable = d[1].permitted;
        if (syscall(SYS_capset, &h, d) < 0)
                return -errno;
        return result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
}
static int no_new_privileges(const char *arg) {
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : -EPERM;
}
static int unfiltered(const char *arg) {
        return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0 ? 0 : -EPERM;
}
static int become_other(const char *arg) {
        return result(setresuid(1, 1, 1));
}
static int become_other_group(const char *arg) {
        return result(setresgid(1, 1, 1));
}
static int drop_groups(const char *arg) {
        gid_t g = 1;
        return result(setgroups(1, &g));
}
static int unlock_securebits(const char *arg) {
        return result(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0));
}
/* A copy that gains rights by exec. 42 = it was root. */
static int set_user_id(const char *arg) {
        int status;
        if (geteuid() == 0 || (!inside && access(expand(arg), X_OK) < 0))
                return NOT_HERE;
        pid_t pid = fork();
        if (pid == 0) {
                execl(expand(arg), "escape", "--euid", (char *) NULL);
                _exit(44);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 42 ? 0 : -EPERM;
}
static int install_file_capabilities(const char *arg) {
        /* cap_setuid+ep */
        unsigned char value[20] = { 1, 0, 0, 2, 0x80 };
        int r = make_file("fcap", "#!/bin/sh\n", 0755);
        return r < 0 ? r
                     : result(syscall(SYS_setxattr, "fcap", "security.capability", value,
                                      sizeof(value), 0));
}

/* Set-user-id files that stay on the host. */
static int setuid_by_mode(const char *arg) {
        int fd = open("suid-a", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 04755);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        return st.st_mode & S_ISUID ? 0 : -EPERM;
}
static int setuid_by_chmod(const char *arg) {
        int r = make_file("suid-b", "#!/bin/sh\n", 0755);
        return r < 0 ? r : result(chmod("suid-b", 04755));
}
static int setuid_by_fchmod(const char *arg) {
        int fd = open("suid-c", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
        return fd < 0 ? -errno : result(fchmod(fd, 04755));
}
static int setuid_by_mknod(const char *arg) {
        int r = result(mknod("suid-d", S_IFREG | 04755, 0));
        return r;
}

/* Devices. "c 1 11": made here, then opened. */
static int node(const char *name, mode_t mode, dev_t device) {
        /* The host itself may be in a container that lets nobody make or open devices. */
        if (mknod(name, mode | 0600, device) < 0)
                return inside || geteuid() != 0 ? -errno : NOT_HERE;
        int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        return fd >= 0 ? 0 : inside ? -errno : NOT_HERE;
}
static int make_node(const char *arg) {
        char type;
        unsigned major_, minor_;
        if (sscanf(arg, "%c %u %u", &type, &major_, &minor_) != 3)
                exit(3);
        return node("node", type == 'c' ? S_IFCHR : S_IFBLK, makedev(major_, minor_));
}
static int make_disk_node(const char *arg) {
        struct stat st;
        return stat(".", &st) < 0 ? -errno : node("disk", S_IFBLK, st.st_dev);
}
static int open_device(const char *arg) {
        int fd = open(arg, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && (errno == EROFS || errno == EACCES))
                fd = open(arg, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0)
                return 0;
        return !inside && (errno == ENOENT || errno == ENXIO || errno == ENODEV || errno == EPERM ||
                           errno == EBUSY || errno == EIO)
                       ? NOT_HERE
                       : -errno;
}

#define B(name, run, arg, flags, doc) \
        { name, run, arg, ALL, flags, 0, doc }
#define DEV(name, path) \
        { name, open_device, path, ALL, ROOT, 0, "open " path }
// clang-format off
const struct attempt attempts_privilege[] = {
        B("effective", has_capabilities, "CapEff:", ROOT, "have capabilities"),
        B("permitted", has_capabilities, "CapPrm:", ROOT, "have permitted capabilities"),
        B("bounding", has_capabilities, "CapBnd:", 0, "have a bounding set to gain capabilities from"),
        B("capset", raise_capabilities, 0, ROOT, "raise a capability"),
        B("ambient", ambient, 0, ROOT, "raise an ambient capability"),
        B("no-new-privs", no_new_privileges, 0, 0, "run without no_new_privs"),
        B("seccomp", unfiltered, 0, 0, "run without a filter"),
        B("setuid-other", become_other, 0, ROOT, "become another user"),
        B("setgid-other", become_other_group, 0, ROOT, "join another group"),
        B("setgroups", drop_groups, 0, ROOT, "change the list of groups"),
        B("securebits", unlock_securebits, 0, ROOT, "unlock what keeps root from being root"),
        B("suid-program", set_user_id, "@suid@", USER, "gain root by a set-user-id program"),
        B("suid-program-here", set_user_id, "suid-program", USER, "the same, in the working directory"),
        B("file-capability", install_file_capabilities, 0, ROOT, "give a file capabilities"),
        B("setuid-open", setuid_by_mode, 0, ROOT, "make a set-user-id file by open"),
        B("setuid-chmod", setuid_by_chmod, 0, ROOT, "make a file set-user-id"),
        B("setuid-fchmod", setuid_by_fchmod, 0, ROOT, "the same by fchmod"),
        B("setuid-mknod", setuid_by_mknod, 0, ROOT, "make a set-user-id file by mknod"),
        B("mknod-kmsg", make_node, "c 1 11", ROOT, "make a device node: the kernel's log"),
        B("mknod-mem", make_node, "c 1 1", ROOT, "make a device node: memory"),
        B("mknod-null", make_node, "c 1 3", ROOT, "make a device node at all"),
        B("mknod-disk", make_disk_node, 0, ROOT, "make a node of the disk and read it"),
        DEV("dev-mem", "/dev/mem"),
        DEV("dev-kmsg", "/dev/kmsg"),
        DEV("dev-port", "/dev/port"),
        DEV("dev-disk", "/dev/vda"),
        DEV("dev-sda", "/dev/sda"),
        DEV("dev-loop", "/dev/loop-control"),
        DEV("dev-fuse", "/dev/fuse"),
        DEV("dev-tun", "/dev/net/tun"),
        DEV("dev-mapper", "/dev/mapper/control"),
        DEV("dev-vhost", "/dev/vhost-vsock"),
        DEV("dev-vsock", "/dev/vsock"),
        DEV("dev-console", "/dev/console"),
        DEV("dev-tty0", "/dev/tty0"),
        DEV("dev-autofs", "/dev/autofs"),
        DEV("dev-userfaultfd", "/dev/userfaultfd"),
        DEV("dev-uinput", "/dev/uinput"),
        ATTEMPT_END
};
// clang-format on
