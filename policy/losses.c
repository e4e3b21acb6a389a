/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The closed list of losses: a broken guarantee each, with the policy fields that need it. */
#include <string.h>

#include "facts.h"

const struct loss_info losses[LOSS_N_] = {
        [LOSS_NO_NAMESPACES] = { "no_namespaces",
                                 "Without namespaces the host's processes and file names stay "
                                 "visible, the user's shared memory and the modes and times of the "
                                 "user's files can be changed, and there is no loopback; before "
                                 "Landlock ABI 6 the user's processes can be signalled, too, and "
                                 "before ABI 2 nothing moves between directories.",
                                 "every policy" },
        [LOSS_NO_CGROUP] = { "no_cgroup",
                             "A limit is not enforced, since only a control group could hold it.",
                             "limits.memory_bytes, limits.cpus, limits.processes, "
                             "limits.io_weight" },
        [LOSS_NO_DENY_INSIDE_ALLOW] = { "no_deny_inside_allow",
                                        "A denied or protected path inside an allowed directory "
                                        "can "
                                        "be read.",
                                        "filesystem.deny, security.protect_*" },
        [LOSS_NO_LANDLOCK] = { "no_landlock",
                               "File access is held by the mount view alone; the second wall, "
                               "Landlock, is missing. Calls of a warm Python interpreter "
                               "(python.run) are not kept from each other.",
                               "every policy" },
        [LOSS_NO_SECCOMP] = { "no_seccomp",
                              "The kernel's whole system call surface is within reach.",
                              "every policy" },
        [LOSS_NO_UNIX_SOCKET_RULES] = { "no_unix_socket_rules",
                                        "Programs can talk to services of the host whose Unix "
                                        "socket "
                                        "they can see.",
                                        "security.unix_sockets" },
        [LOSS_NO_DENIED_NAMES] = { "no_denied_names",
                                   "Denied or protected names that do not exist yet can be "
                                   "created; the host's pipes in what may only be read, "
                                   "written to.",
                                   "filesystem.deny, filesystem.read, "
                                   "security.protect_workspace, security.protect_*" },
        [LOSS_NO_DISK_QUOTA] = { "no_disk_quota", "The sandbox can fill the disk.",
                                 "limits.disk_bytes" },
        [LOSS_NO_HARDWARE_FILTER] = { "no_hardware_filter",
                                      "Devices cannot be allowed or refused one by one.",
                                      "security.allow_gpu, security.allow_npu, "
                                      "security.allow_hardware" },
};

int loss_from_name(const char *name) {
        for (int i = 0; i < LOSS_N_; i++)
                if (strcmp(losses[i].name, name) == 0)
                        return i;
        return -1;
}
