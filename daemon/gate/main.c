/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-gate: every byte from a sandbox to the network. It is started by leash-session, one for all
 * sandboxes of a user, and gives up everything else before it reads its first byte.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../backends/confine.h"
#include "../common/process.h"
#include "gate.h"

/* Of the descriptors that there may be, so many are not a connection's. */
#define OTHER_FDS 512
#define KEPT_BYTES (1024 * 1024) /* of memory that is free */

static size_t max_conns(void) {
        struct rlimit rl;
        if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur <= OTHER_FDS * 2)
                return 64;
        size_t n = (rl.rlim_cur - OTHER_FDS) / 2;
        return n < GATE_MAX_CONNS_ALL ? n : GATE_MAX_CONNS_ALL;
}

int main(void) {
        struct gate g = { .log = log_open("leash-gate", NULL) };
        struct error e = ERROR_NULL;
        struct stat st;

        g.log.journal = NULL; /* out of reach once it is confined; lines get there by themselves */
        if (fstat(GATE_CONTROL_FD, &st) < 0 || !S_ISSOCK(st.st_mode)) {
                log_write(&g.log, LOG_ERROR, "leash-gate is started by leash-session");
                return 2;
        }
        process_prepare();
        /* Buffers of connections come and go: not a page fault and a brk(2) for each. */
        (void) mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
        (void) mallopt(M_TOP_PAD, KEPT_BYTES / 4);
        (void) process_raise_files();
        g.max_conns = max_conns();
        (void) fcntl(GATE_CONTROL_FD, F_SETFD, FD_CLOEXEC);
        if (loop_new(&g) < 0 || resolver_new(&g) < 0 || control_start(&g) < 0) {
                log_write(&g.log, LOG_ERROR, "cannot start");
                return 1;
        }
        accept_prepare();
        if (confine_gate(&e) < 0) {
                log_write(&g.log, LOG_ERROR, "cannot confine itself", LOG_STR("why", e.message));
                return 1;
        }
        loop_run(&g);
        while (!LIST_EMPTY(&g.sandboxes))
                sandbox_remove(&g, LIST_FIRST(&g.sandboxes));
        resolver_free(&g);
        loop_free(&g);
        return 0;
}
