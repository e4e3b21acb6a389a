/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The Linux backend's vtable and its engine: facts, compiled filters, the pool of prepared
 * sandboxes. */
#include "linux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "box.h"
#include "cgroup.h"
#include "cgroup_file.h"
#include "probe.h"
#include "warden.h"

static char *stack_new(void) {
        void *stack = mmap(NULL, ENGINE_STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

        return stack == MAP_FAILED ? NULL : stack;
}

static void stack_free(char *stack) {
        if (stack)
                munmap(stack, ENGINE_STACK_BYTES);
}

static void engine_trim(struct engine *en) {
        rehearse_trim(en, 0);
        while (en->n_pool > 0)
                prepared_kill(en, &en->pool[--en->n_pool]);
        pool_reap(en);
}

static struct engine *engine_free(struct engine *en) {
        if (!en)
                return NULL;
        factory_stop(en);
        engine_trim(en);
        for (size_t i = 0; i < en->n_dying; i++)
                close(en->dying[i]);
        for (size_t i = 0; i < en->n_filters; i++)
                filter_done(&en->filters[i]);
        stack_free(en->stack);
        stack_free(en->factory.stack);
        fd_closep(&en->init);
        fd_closep(&en->watch);
        fd_closep(&en->rehearsed_timer);
        fd_closep(&en->root);
        fd_closep(&en->mountinfo);
        engine_groups_close(en);
        free(en->dying);
        free(en);
        return NULL;
}

static int engine_open(struct engine *en, const struct backend_options *o, struct error *e) {
        en->watch = epoll_create1(EPOLL_CLOEXEC);
        if (en->watch < 0)
                return error_set(e, ERROR_IO, errno, "epoll: %s", strerror(errno));
        /* Before there is any leash-init: a group that has processes cannot be divided, and they
         * are born where we are. What goes wrong here is told to the first who asks for a limit. */
        (void) cgroup_prepare(&en->facts, NULL);
        engine_groups_open(en);
        en->oom_kills = engine_oom_kills(en);
        en->init = init_open(o->init_path, e);
        if (en->init < 0)
                return en->init;
        en->stack = stack_new();
        en->factory.stack = stack_new();
        if (!en->stack || !en->factory.stack)
                return error_nomem(e);
        return rehearse_start(en, e) < 0 ? -EIO : factory_start(en, e);
}

static int engine_new(const struct backend_options *o, const struct facts *facts,
                      struct engine **ret, struct error *e) {
        struct engine *en = calloc(1, sizeof(*en));
        int r;

        if (!en)
                return error_nomem(e);
        en->facts = *facts;
        en->init = en->watch = en->root = en->mountinfo = en->rehearsed_timer = -1;
        en->group = en->user_group = -1;
        en->factory.orders[0] = en->factory.orders[1] = -1;
        en->factory.done[0] = en->factory.done[1] = -1;
        en->open_files = o->open_files;
        en->warden = o->warden > 0 ? o->warden : -1;
        en->pool_size = o->pool_size < POOL_MAX ? o->pool_size : POOL_MAX;
        r = engine_open(en, o, e);
        if (r < 0) {
                engine_free(en);
                return r;
        }
        *ret = en;
        return 0;
}

static void engine_regroup(struct engine *en, struct facts *facts) {
        const char *why = NULL;

        facts->cgroup_v2 = facts->cgroup_memory = facts->cgroup_pids = facts->cgroup_cpu = false;
        facts->cgroup_io = facts->cgroup_kill = false;
        facts->cgroup_path[0] = '\0';
        cgroup_probe(facts, &why);
        (void) snprintf(facts->cgroup_reason, sizeof(facts->cgroup_reason), "%s", why ? why : "");
        en->facts = *facts;
        en->stale = en->ordered;
        engine_trim(en); /* born elsewhere, from where they could not be moved */
        (void) cgroup_prepare(&en->facts, NULL);
        engine_groups_close(en);
        engine_groups_open(en);
        en->oom_kills = engine_oom_kills(en);
}

static int engine_fd(const struct engine *en) {
        return en->watch;
}

static void engine_count(const struct engine *en, struct engine_counts *ret) {
        *ret = (struct engine_counts){ .rehearsed = en->n_reused,
                                       .prepared = en->n_pooled,
                                       .fresh = en->n_fresh };
}

const struct backend backend_linux = {
        .name = "linux",
        .probe = probe_facts,
        .probe_warden = warden_facts,
        .engine_new = engine_new,
        .engine_free = engine_free,
        .engine_fd = engine_fd,
        .engine_reap = pool_reap,
        .engine_idle = pool_order,
        .engine_trim = engine_trim,
        .engine_regroup = engine_regroup,
        .engine_count = engine_count,
        .engine_totals = engine_totals,
        .engine_totals_of = engine_totals_of,
        .box_new = box_new,
        .box_fd = box_fd,
        .box_next = box_next,
        .box_spawn = box_spawn,
        .box_signal = box_signal,
        .box_resize = box_resize,
        .box_ipc = box_ipc,
        .box_disk = box_disk,
        .box_used = box_used,
        .box_freeze = box_freeze,
        .box_is_frozen = box_is_frozen,
        .box_thaw = box_thaw,
        .box_pid = box_pid,
        .box_memory = box_memory,
        .box_free = box_free,
};
