/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "birth.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "../../policy/limits.h"

int init_open(const char *path, struct error *e) {
        char own[LIMIT_PATH_BYTES], *slash;
        _cleanup_close_ int fd = -1;
        ssize_t n;

        if (path) {
                fd = open(path, O_PATH | O_CLOEXEC);
        } else {
                n = readlink("/proc/self/exe", own, sizeof(own) - sizeof("leash-init"));
                if (n > 0) {
                        own[n] = '\0';
                        slash = strrchr(own, '/');
                        if (slash) {
                                strcpy(slash + 1, "leash-init");
                                fd = open(own, O_PATH | O_CLOEXEC);
                        }
                }
                path = LEASH_LIBEXECDIR "/leash-init";
                if (fd < 0)
                        fd = open(path, O_PATH | O_CLOEXEC);
        }
        if (fd < 0)
                return error_set(e, ERROR_IO, errno, "cannot find leash-init at %s: %s", path,
                                 strerror(errno));
        /* Above 3, where the child puts its control socket. */
        n = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        return n < 0 ? error_set(e, ERROR_IO, errno, "leash-init: %s", strerror(errno)) : (int) n;
}

int birth_flags(enum birth_tier tier) {
        switch (tier) {
        case BIRTH_USER:
                return CLONE_NEWUSER | BIRTH_NAMESPACES;
        case BIRTH_BARE:
                return BIRTH_NAMESPACES;
        default:
                return 0;
        }
}

_borrowed_stack_ static int file_write(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* One uid and one gid, mapped to themselves: the sandbox is the user, and nobody else exists. A
 * group map needs setgroups shut first (user_namespaces(7)). */
_borrowed_stack_ static int identity_map(const struct birth *b) {
        char text[64];
        int r;

        r = file_write("/proc/self/setgroups", "deny");
        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "%u %u 1", b->gid, b->gid);
        r = file_write("/proc/self/gid_map", text);
        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "%u %u 1", b->uid, b->uid);
        return file_write("/proc/self/uid_map", text);
}

/* What leash-init needs to build the view. A user other than 0 keeps capabilities over exec only
 * when they are ambient (capabilities(7)); init drops them all before the first command. */
_borrowed_stack_ static int capabilities_keep(enum birth_tier tier) {
        /* The last one is for what a user namespace may count (/proc/sys/user): not without one. */
        static const int needed[] = { CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SETPCAP, CAP_SYS_RESOURCE };
        const size_t n = ELEMENTSOF(needed) - (tier == BIRTH_BARE);
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(data); i++)
                data[i].inheritable = 0;
        for (size_t i = 0; i < n; i++)
                data[needed[i] / 32].inheritable |= 1u << needed[i] % 32;
        if (syscall(SYS_capset, &header, data) < 0)
                return -errno;
        for (size_t i = 0; i < n; i++)
                if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, needed[i], 0, 0) < 0)
                        return -errno;
        return 0;
}

/* The groups are the user's already. The permitted set is kept; in a user namespace that does not
 * map 0 it would stay anyway. */
_borrowed_stack_ static int become_user(const struct birth *b) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (prctl(PR_SET_KEEPCAPS, b->tier != BIRTH_NATIVE, 0, 0, 0) < 0 ||
            setresgid(b->gid, b->gid, b->gid) < 0 || setresuid(b->uid, b->uid, b->uid) < 0 ||
            syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(data); i++)
                data[i].effective = data[i].permitted;
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

_borrowed_stack_ void birth(struct birth *b) {
        static const char *const words[] = {
                [BIRTH_NATIVE] = "native", [BIRTH_USER] = NULL, [BIRTH_BARE] = "bare"
        };
        char *const argv[] = { (char *) (uintptr_t) "leash-init",
                               (char *) (uintptr_t) words[b->tier], NULL };
        char *const env[] = { NULL };
        sigset_t none;
        int r = b->other_user ? become_user(b) : b->tier == BIRTH_USER ? identity_map(b) : 0;

        if (r >= 0 && b->tier != BIRTH_NATIVE)
                r = capabilities_keep(b->tier);
        if (r >= 0 && dup2(b->control, 3) < 0)
                r = -errno;
        if (r >= 0 && b->control == 3 && fcntl(3, F_SETFD, 0) < 0)
                r = -errno;
        if (r >= 0) {
                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                syscall(SYS_execveat, b->init, "", argv, env, AT_EMPTY_PATH);
                r = -errno;
        }
        b->err = -r;
}
