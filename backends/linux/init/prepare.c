/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What no plan changes: done while the sandbox waits in the pool, so that a claim finds it ready
 * (decision 17). Loopback up, the network's odd doors shut, a staging tmpfs with /dev, /proc and
 * masks.
 *
 * The staging tree lies over the host's /proc, of which nothing is needed any more then, so the
 * session can still open every host path through our descriptor of the old root.
 */
#include "init.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../../../policy/plan.h"

static int loopback_up(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

        if (fd < 0)
                return -errno;
        return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* A missing sysctl means that the kernel lacks the feature, which is as good. */
static void sysctl_set(struct init *in, const char *path, const char *value) {
        _cleanup_close_ int fd = openat(in->old_root, path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0 && write(fd, value, strlen(value)) < 0)
                return;
}

/* user_namespaces(7), /proc/sys/user: what is counted here is counted for the user outside, too,
 * and the usual limit for him is 128 instances. */
#define INOTIFY_SHARE 4

static void inotify_share(struct init *in, const char *name) {
        char path[64], text[32] = "";
        _cleanup_close_ int whole = -1;

        if (in->bare) /* the files are the host's */
                return;
        /* The user's own limit; a namespace begins with no limit at all. */
        snprintf(path, sizeof(path), "proc/sys/fs/inotify/max_user_%s", name);
        whole = openat(in->old_root, path, O_RDONLY | O_CLOEXEC);
        if (whole < 0 || read(whole, text, sizeof(text) - 1) <= 0)
                return;
        snprintf(path, sizeof(path), "proc/sys/user/max_inotify_%s", name);
        snprintf(text, sizeof(text), "%lu", strtoul(text, NULL, 10) / INOTIFY_SHARE);
        sysctl_set(in, path, text);
}

static int network_prepare(struct init *in) {
        int r = loopback_up();

        if (r < 0)
                return r;
        /* Both slip past per-port rules of Landlock; nothing here needs them. */
        sysctl_set(in, "proc/sys/net/ipv4/tcp_fastopen", "0");
        sysctl_set(in, "proc/sys/net/mptcp/enabled", "0");
        /* No ICMP sockets; and a dev server may take port 80 of its own loopback. */
        sysctl_set(in, "proc/sys/net/ipv4/ping_group_range", "1 0");
        sysctl_set(in, "proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
        return 0;
}

/* mask/d and mask/f: a directory and a file that nobody may open, not even a uid 0 without
 * capabilities, since they belong to the sandbox's own user with mode 0. By descriptor from here
 * on: the staging tree is the user's, too, and he could put a link where `mask` was. */
static int staging_masks(struct init *in) {
        _cleanup_close_ int fd = -1;

        if (mkdirat(in->staging, "mask", 0755) < 0 || mkdirat(in->staging, "mask/d", 0) < 0)
                return -errno;
        fd = openat(in->staging, "mask/f", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        in->mask_directory =
                openat(in->staging, "mask/d", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        in->mask_file = openat(in->staging, "mask/f", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return in->mask_directory < 0 || in->mask_file < 0 ? -errno : 0;
}

/* Over the host's /sys, of which no plan takes anything: what we bind of it ourselves hangs on a
 * descriptor from before. A host without a /sys has at least a /proc, or we would not have come so
 * far. */
static int staging_attach(struct init *in) {
        _cleanup_close_ int place = -1;

        in->host_sys = openat(in->old_root, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
        place = openat(in->old_root, in->host_sys >= 0 ? "sys" : "proc",
                       O_PATH | O_DIRECTORY | O_CLOEXEC);
        return place < 0 ? -errno : mount_attach(in->staging, place);
}

static int staging_prepare(struct init *in) {
        static const char *const options[] = { "mode",      "0755", "size", "4m",
                                               "nr_inodes", "1024", NULL };
        int r;

        /* Before the staging tree lies on it, or the copy would hold that, too. */
        in->disk = mount_clone(in->old_root, "", true);
        if (in->disk < 0)
                return in->disk;
        in->staging = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID);
        if (in->staging < 0)
                return in->staging;
        r = staging_attach(in);
        if (r < 0)
                return r;
        r = staging_masks(in);
        if (r < 0)
                return r;
        r = staging_store(in);
        if (r < 0)
                return r;
        r = staging_dev(in);
        if (r < 0)
                return init_report(in, WIRE_STAGE_DEV, -r, "/dev");
        r = staging_ipc(in);
        if (r < 0)
                return init_report(in, WIRE_STAGE_MOUNT, -r, IPC_DIRECTORY);
        r = staging_proc(in);
        if (r < 0)
                return init_report(in, WIRE_STAGE_PROC, -r, "/proc");
        r = staging_sys(in);
        if (r < 0)
                return init_report(in, WIRE_STAGE_MOUNT, -r, "/sys");
        return 0;
}

int init_prepare(struct init *in) {
        int r;

        umask(0);
        in->old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (in->old_root < 0)
                return init_report(in, WIRE_STAGE_ROOT, errno, "/");
        if (in->native)
                return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0
                               ? init_report(in, WIRE_STAGE_NAMESPACES, errno, "subreaper")
                               : confine_early(in);
        /* Slave: what the host unmounts goes away here, too, and nothing travels back. */
        if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
                return init_report(in, WIRE_STAGE_NAMESPACES, errno, "mount propagation");
        inotify_share(in, "instances");
        inotify_share(in, "watches");
        r = network_prepare(in);
        if (r < 0)
                return init_report(in, WIRE_STAGE_NETWORK, -r, "loopback");
        if (sethostname("localhost", 9) < 0) /* resolves everywhere; names nothing of the host */
                return init_report(in, WIRE_STAGE_NAMESPACES, errno, "host name");
        r = staging_prepare(in);
        if (r < 0)
                return init_report(in, WIRE_STAGE_ROOT, -r, "staging");
        r = confine_early(in);
        if (r >= 0 && in->bare)
                r = lower_filter(in);
        return r >= 0 && in->bare ? lower_capabilities(in, true) : r;
}
