/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-scope PID…: asks the user's systemd for a delegated scope and has these processes moved
 * there (decision 15, user mode). leash-session runs it when a limit is asked for the first time
 * that only a control group can hold, so that nobody else waits for it; a program of its own, so
 * that libsystemd is in no other one that users start on demand.
 *
 * Exits with 0 when they are there. Says nothing: without a scope the limit is reported missing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../launch/transient.h"

#define PIDS_MAX 4

int main(int argc, char **argv) {
        uint32_t pids[PIDS_MAX];
        char unit[64], path[512];
        size_t n = 0;

        for (int i = 1; i < argc && n < PIDS_MAX; i++) {
                char *end;
                unsigned long pid = strtoul(argv[i], &end, 10);
                if (*end || end == argv[i] || pid < 2 || pid > UINT32_MAX)
                        return 2;
                pids[n++] = (uint32_t) pid;
        }
        if (n == 0)
                return 2;
        snprintf(unit, sizeof unit, "leash-%u-%u.scope", (unsigned) geteuid(), pids[0]);
        struct transient_scope scope = { .unit = unit,
                                         .description = "leash: sandboxes",
                                         /* systemd.special(7): where applications are. */
                                         .slice = geteuid() == 0 ? "leash.slice" : "app.slice",
                                         .pids = pids,
                                         .n_pids = n,
                                         /* Root's are the machine's own manager. */
                                         .user = geteuid() != 0 };
        return transient_scope_start(&scope, path, sizeof path) < 0 ? 1 : 0;
}
