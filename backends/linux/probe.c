/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Collects the facts, and says in words why the first missing one is missing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cgroup.h"
#include "landlock.h"
#include "probe.h"
#include "probe_trial.h"

/* uid 0 alone says nothing: a container's root has few capabilities. */
static bool has_capability(unsigned number) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };

        if (syscall(SYS_capget, &header, data) < 0)
                return false;
        return data[number / 32].effective & (1u << (number % 32));
}

static void about_host(struct facts *f) {
        struct utsname name;

        (void) snprintf(f->platform, sizeof(f->platform), "linux");
        if (uname(&name) == 0) {
                (void) snprintf(f->kernel, sizeof(f->kernel), "%s", name.release);
                (void) snprintf(f->machine, sizeof(f->machine), "%.31s", name.machine);
        }
        f->uid = geteuid();
        f->memory_bytes = (uint64_t) sysconf(_SC_PHYS_PAGES) * (uint64_t) sysconf(_SC_PAGESIZE);
        f->privileged = f->uid == 0 && has_capability(CAP_SYS_ADMIN);
        f->landlock_abi = landlock_query_abi();
        f->landlock_errata = landlock_query_errata();
}

/* --- why --- */

static size_t read_file(const char *path, char *buffer, size_t size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        buffer[0] = '\0';
        if (fd < 0)
                return 0;
        n = read(fd, buffer, size - 1);
        (void) close(fd);
        if (n < 0)
                n = 0;
        buffer[n] = '\0';
        return (size_t) n;
}

static bool file_says(const char *path, const char *value) {
        char text[32];

        text[read_file(path, text, sizeof(text))] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return strcmp(text, value) == 0;
}

/* Are we under somebody's filter, as in a container? */
static bool is_filtered(void) {
        char text[4096];

        (void) read_file("/proc/self/status", text, sizeof(text));
        return strstr(text, "\nSeccomp:\t2") != NULL;
}

static const char *why_no_user_namespaces(int err) {
        if (file_says("/proc/sys/user/max_user_namespaces", "0"))
                return "The administrator has switched user namespaces off; "
                       "`sysctl user.max_user_namespaces=10000` allows them.";
        if (file_says("/proc/sys/kernel/unprivileged_userns_clone", "0"))
                return "User namespaces are reserved to root; "
                       "`sysctl kernel.unprivileged_userns_clone=1` allows them.";
        if (err == ENOSPC)
                return "The number of user namespaces is used up (sysctl "
                       "user.max_user_namespaces).";
        if (err == EINVAL || err == ENOSYS)
                return "This kernel was built without user namespaces (CONFIG_USER_NS).";
        if (is_filtered())
                return "A system call filter, as containers have it, forbids user namespaces; with "
                       "docker: "
                       "--security-opt seccomp=unconfined, or a profile that allows unshare and "
                       "mount.";
        return "The kernel forbids user namespaces here (a chroot, or a security module).";
}

static const char *why_no_mounts(void) {
        if (file_says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
                return "AppArmor takes the rights out of user namespaces (Ubuntu does so by "
                       "default); a "
                       "profile for leash-session with `userns,` or "
                       "`sysctl kernel.apparmor_restrict_unprivileged_userns=0` gives them back.";
        if (is_filtered())
                return "A system call filter, as containers have it, forbids mounts; with docker: "
                       "--security-opt seccomp=unconfined.";
        return "A security module forbids mounts inside user namespaces.";
}

static const char *why(const struct facts *f, const struct trials *t) {
        if (!f->user_namespaces && !f->bare_namespaces)
                return why_no_user_namespaces(t->user_namespaces);
        if (!f->mount_namespaces)
                return why_no_mounts();
        if (!f->pid_namespaces || !f->net_namespaces || !f->ipc_namespaces || !f->uts_namespaces)
                return "The kernel lacks a kind of namespace, or its limit is 0 (sysctl "
                       "user.max_*).";
        if (!f->fresh_proc)
                return "A new /proc cannot be mounted because parts of this one are masked, as in "
                       "a container; "
                       "with docker: --security-opt systempaths=unconfined.";
        if (!f->seccomp)
                return "The kernel lacks seccomp filters (CONFIG_SECCOMP_FILTER).";
        if (f->landlock_abi < 0)
                return "Landlock is built into the kernel but off; add `landlock` to the `lsm=` "
                       "list on the "
                       "kernel's command line.";
        if (f->landlock_abi == 0)
                return "The kernel has no Landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK), or a "
                       "container "
                       "forbids it.";
        if (!f->seccomp_notify)
                return "The kernel has no seccomp user notification (Linux 5.0), or an outer "
                       "sandbox uses it.";
        if (!f->seccomp_addfd_send || !f->pidfd_getfd)
                return "The kernel lets no supervisor act on a program's behalf (Linux 5.14, or a "
                       "Yama or "
                       "container restriction on ptrace).";
        return "";
}

static int probe(unsigned uid, unsigned gid, bool groups, struct facts *ret, struct error *e) {
        const struct trial_user user = { uid, gid };
        struct facts f = { 0 };
        const char *why_no_cgroup = NULL;
        struct trials t;
        int r;

        about_host(&f);
        f.uid = uid;
        /* Not only root's: leash-warden has the capability and a user's ids. */
        r = trials_run(has_capability(CAP_SYS_ADMIN), &user, &t);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "cannot try out what this host can do: %s",
                                 strerror(-r));
#define TRIAL_FACT(name) f.name = t.name == 0;
        TRIAL_LIST(TRIAL_FACT)
#undef TRIAL_FACT
        f.bare_namespaces = !f.user_namespaces && f.mount_namespaces;
        if (groups)
                cgroup_probe(&f, &why_no_cgroup);
        (void) snprintf(f.reason, sizeof(f.reason), "%s", why(&f, &t));
        (void) snprintf(f.cgroup_reason, sizeof(f.cgroup_reason), "%s",
                        why_no_cgroup ? why_no_cgroup : "");
        *ret = f;
        return 0;
}

/* Control groups are then the session's own business, who will fill in what it can do. */
int probe_facts_for(unsigned uid, unsigned gid, struct facts *ret, struct error *e) {
        return probe(uid, gid, false, ret, e);
}

int probe_facts(struct facts *ret, struct error *e) {
        return probe(geteuid(), getegid(), true, ret, e);
}
