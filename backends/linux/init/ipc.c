/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where host commands lie: one directory, seen through two mounts. The one in the view is
 * read-only, and no command can write to it, mount over it or move it away. The other hangs in no
 * tree at all; the session alone has it, and puts the socket and the commands there when a client
 * registers some (daemon/session/ipc.c). It is made with the staging tree, so that a sandbox
 * without host commands pays nothing when it is claimed.
 */
#include "init.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include "../../../policy/plan.h"

/* Two macros' values, equal as they should be. NOLINTNEXTLINE(misc-redundant-expression) */
_Static_assert(sizeof(IPC_DIRECTORY) == sizeof("/dev/leash"), "below the staged /dev");

int staging_ipc(struct init *in) {
        _cleanup_close_ int view = -1, target = -1;

        if (mkdirat(in->staging, "ipc", 0755) < 0 ||
            mkdirat(in->staging, relative(IPC_DIRECTORY), 0755) < 0)
                return -errno;
        in->ipc = mount_clone(in->staging, "ipc", false);
        if (in->ipc < 0)
                return in->ipc;
        view = mount_clone(in->staging, "ipc", false);
        if (view < 0)
                return view;
        target = openat(in->staging, relative(IPC_DIRECTORY), O_PATH | O_CLOEXEC);
        if (target < 0)
                return -errno;
        return mount_attach_restricted(
                view, target, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY, false);
}
