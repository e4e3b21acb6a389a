/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One policy over another. Scalars: the upper one wins where it says something. Lists: as the table
 * below says (decision 12). Protections are scalars whose preset value is YES, so that only an
 * explicit NO takes one away.
 */
#include <string.h>

#include "policy.h"

enum list_rule {
        LIST_GRANT, /* widens the sandbox: replaced by a document, appended to by flags */
        LIST_UNION, /* narrows it: never lost */
};

static const struct {
        size_t offset;
        enum list_rule rule;
} lists[] = {
        { offsetof(struct policy, filesystem.read), LIST_GRANT },
        { offsetof(struct policy, filesystem.write), LIST_GRANT },
        { offsetof(struct policy, filesystem.execute), LIST_GRANT },
        { offsetof(struct policy, filesystem.deny), LIST_UNION },
        { offsetof(struct policy, network.allow), LIST_GRANT },
        { offsetof(struct policy, network.deny), LIST_UNION },
        { offsetof(struct policy, network.local_ports), LIST_GRANT },
        { offsetof(struct policy, network.no_proxy), LIST_GRANT },
        { offsetof(struct policy, security.unix_sockets), LIST_GRANT },
        { offsetof(struct policy, environment.pass), LIST_GRANT },
        { offsetof(struct policy, python.venv.packages), LIST_GRANT },
        { offsetof(struct policy, python.venv.requirements), LIST_GRANT },
        { offsetof(struct policy, accept), LIST_GRANT },
};

static const size_t tris[] = {
        offsetof(struct policy, security.protect_user_home),
        offsetof(struct policy, security.protect_credentials),
        offsetof(struct policy, security.protect_cloud_config),
        offsetof(struct policy, security.protect_browser_data),
        offsetof(struct policy, security.protect_keychain),
        offsetof(struct policy, security.protect_shell_history),
        offsetof(struct policy, security.protect_package_credentials),
        offsetof(struct policy, security.protect_workspace),
        offsetof(struct policy, security.allow_gpu),
        offsetof(struct policy, security.allow_npu),
        offsetof(struct policy, security.allow_hardware),
        offsetof(struct policy, security.allow_debug),
        offsetof(struct policy, security.allow_userns),
        offsetof(struct policy, python.venv.system_site_packages),
        offsetof(struct policy, python.allow_pip_install),
};

static const size_t limits[] = {
        offsetof(struct policy, limits.memory_bytes), offsetof(struct policy, limits.processes),
        offsetof(struct policy, limits.cpus),         offsetof(struct policy, limits.cpu_seconds),
        offsetof(struct policy, limits.wall_seconds), offsetof(struct policy, limits.file_bytes),
        offsetof(struct policy, limits.disk_bytes),   offsetof(struct policy, limits.open_files),
        offsetof(struct policy, limits.connections),  offsetof(struct policy, limits.network_bytes),
        offsetof(struct policy, limits.network_rate), offsetof(struct policy, limits.io_weight),
};

#define AT(type, p, offset) ((type *) (void *) ((char *) (p) + (offset)))
#define CONST_AT(type, p, offset) ((const type *) (const void *) ((const char *) (p) + (offset)))

static bool contains(const struct strings *list, const char *s) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], s) == 0)
                        return true;
        return false;
}

/* base then over, each string once. */
static bool concat(struct arena *a, const struct strings *base, const struct strings *over,
                   struct strings *ret) {
        struct strings list = { .items = arena_array(a, base->n + over->n, sizeof(char *)),
                                .set = true };
        if (!list.items)
                return false;
        for (size_t i = 0; i < base->n; i++)
                list.items[list.n++] = base->items[i];
        for (size_t i = 0; i < over->n; i++)
                if (!contains(base, over->items[i]))
                        list.items[list.n++] = over->items[i];
        *ret = list;
        return true;
}

static bool merge_list(struct arena *a, const struct strings *over, enum list_rule rule,
                       enum merge_mode mode, struct strings *ret) {
        if (!over->set)
                return true;
        if (ret->n > 0 && (rule == LIST_UNION || mode == MERGE_APPEND)) {
                if (over->n == 0)
                        return true;
                struct strings base = *ret;
                return concat(a, &base, over, ret);
        }
        *ret = *over;
        return true;
}

/* Variables merge by name in both modes: the object of the wire is a map. */
static bool merge_pairs(struct arena *a, const struct pairs *over, struct pairs *ret) {
        if (!over->set)
                return true;
        struct pairs map = { .items = arena_array(a, ret->n + over->n, sizeof(struct pair)),
                             .set = true };
        if (!map.items)
                return false;
        for (size_t layer = 0; layer < 2; layer++) {
                const struct pairs *from = layer == 0 ? ret : over;
                for (size_t i = 0; i < from->n; i++) {
                        size_t k = 0;
                        while (k < map.n && strcmp(map.items[k].name, from->items[i].name) != 0)
                                k++;
                        map.items[k] = from->items[i];
                        if (k == map.n)
                                map.n++;
                }
        }
        *ret = map;
        return true;
}

/*
 * The mode and the allow list belong together. Entries without a mode mean an allow list, where the
 * layer below says deny; a mode that was said below ("ask", "allow") stays. The other way round, an
 * upper "deny" ends what a lower layer allowed, so that --net deny works over any profile.
 */
static void merge_network(const struct policy_network *over, struct policy_network *ret) {
        if (over->proxy)
                ret->proxy = over->proxy;
        if (over->mode != NETWORK_UNSET) {
                ret->mode = over->mode;
                if (over->mode == NETWORK_DENY && over->allow.n == 0)
                        ret->allow = (struct strings){ .set = true };
        } else if (over->allow.n > 0 && (ret->mode == NETWORK_UNSET || ret->mode == NETWORK_DENY))
                ret->mode = NETWORK_ALLOWLIST;
}

int policy_merge(struct arena *a, const struct policy *base, const struct policy *over,
                 enum merge_mode mode, struct policy *ret, struct error *e) {
        struct policy p = *base;

        if (over->schema)
                p.schema = over->schema;
        if (over->level != LEVEL_UNSET)
                p.level = over->level;
        if (over->workdir)
                p.workdir = over->workdir;
        for (size_t i = 0; i < ELEMENTSOF(tris); i++)
                if (*CONST_AT(enum tri, over, tris[i]) != TRI_UNSET)
                        *AT(enum tri, &p, tris[i]) = *CONST_AT(enum tri, over, tris[i]);
        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (CONST_AT(struct limit, over, limits[i])->kind != LIMIT_UNSET)
                        *AT(struct limit, &p, limits[i]) = *CONST_AT(struct limit, over, limits[i]);
        if (over->python.has_venv) {
                p.python.has_venv = true;
                if (over->python.venv.path)
                        p.python.venv.path = over->python.venv.path;
                if (over->python.venv.python)
                        p.python.venv.python = over->python.venv.python;
                if (over->python.venv.index_url)
                        p.python.venv.index_url = over->python.venv.index_url;
        }
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                if (!merge_list(a, CONST_AT(struct strings, over, lists[i].offset), lists[i].rule,
                                mode, AT(struct strings, &p, lists[i].offset)))
                        return error_nomem(e);
        if (!merge_pairs(a, &over->environment.set, &p.environment.set) ||
            !merge_pairs(a, &over->network.certificates, &p.network.certificates))
                return error_nomem(e);
        merge_network(&over->network, &p.network);

        *ret = p;
        return 0;
}

int policy_resolve(struct arena *a, const struct policy *profile, const struct policy *request,
                   const struct policy *overrides, struct policy *ret, struct error *e) {
        static const enum merge_mode modes[] = { MERGE_REPLACE, MERGE_REPLACE, MERGE_APPEND };
        const struct policy *const layers[] = { profile, request, overrides };

        enum level level = LEVEL_DEFAULT;
        for (size_t i = 0; i < ELEMENTSOF(layers); i++)
                if (layers[i] && layers[i]->level != LEVEL_UNSET)
                        level = layers[i]->level;
        if ((unsigned) level >= LEVEL_N_)
                return error_field(e, "/level", "there is no level number %u", (unsigned) level);

        struct policy p = *policy_preset(level_names[level]);
        for (size_t i = 0; i < ELEMENTSOF(layers); i++) {
                if (!layers[i])
                        continue;
                int r = policy_merge(a, &p, layers[i], modes[i], &p, e);
                if (r < 0)
                        return r;
        }
        *ret = p;
        return 0;
}
