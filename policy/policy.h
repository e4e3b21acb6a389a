/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A policy as it was said: every field can be absent. Presets, profiles, requests and the command
 * line are all of this type; policy_merge() lays one over another, policy_check() looks for
 * contradictions, plan_compile() (plan.h) turns a whole one into what a backend enforces.
 *
 * The wire form is interfaces.md section 1; proto/shapes.c holds the table that maps it.
 */
#pragma once

#include "arena.h"
#include "base.h"
#include "error.h"

enum level {
        LEVEL_UNSET = 0,
        LEVEL_STRICT,
        LEVEL_DEFAULT,
        LEVEL_PERMISSIVE,
        LEVEL_N_,
};
extern const char *const level_names[LEVEL_N_]; /* [LEVEL_UNSET] = NULL */

enum network_mode {
        NETWORK_UNSET = 0,
        NETWORK_DENY,
        NETWORK_ALLOW,
        NETWORK_ALLOWLIST,
        NETWORK_ASK,
        NETWORK_N_,
};
extern const char *const network_mode_names[NETWORK_N_];

/* A limit: absent or null = the preset's; "unlimited" = none; a number (0 is an error). */
struct limit {
        enum { LIMIT_UNSET = 0, LIMIT_UNLIMITED, LIMIT_VALUE } kind;
        uint64_t value;
};

struct policy_filesystem {
        struct strings read, write, execute, deny;
};

struct policy_network {
        enum network_mode mode;
        struct strings allow, deny;
        struct strings local_ports; /* decimal strings here, integers on the wire */
        const char *proxy; /* the user's own, as in https_proxy: the gate connects through it */
        struct strings no_proxy;   /* as in NO_PROXY: what it connects to itself */
        struct pairs certificates; /* variables that name files of private authorities */
};

struct policy_security {
        enum tri protect_user_home, protect_credentials, protect_cloud_config, protect_browser_data,
                protect_keychain, protect_shell_history, protect_package_credentials,
                protect_workspace;
        enum tri allow_gpu, allow_npu, allow_hardware, allow_debug, allow_userns;
        struct strings unix_sockets;
};

struct policy_environment {
        struct strings pass;
        struct pairs set;
};

struct policy_limits {
        struct limit memory_bytes, processes;
        struct limit cpus; /* thousandths of a processor; a decimal number on the wire */
        struct limit cpu_seconds, wall_seconds, file_bytes, disk_bytes, open_files;
        struct limit io_weight;
        struct limit connections, network_bytes, network_rate; /* held by the gate */
};

struct policy_venv {
        const char *path, *python;
        struct strings packages;
        struct strings requirements; /* files, one requirement a line */
        const char *index_url;
        enum tri system_site_packages;
};

struct policy_python {
        bool has_venv;
        struct policy_venv venv;
        enum tri allow_pip_install;
};

struct policy {
        const char *schema; /* "$schema": accepted and ignored, so that editors can complete */
        enum level level;
        const char *workdir; /* NULL: a fresh private directory */
        struct policy_filesystem filesystem;
        struct policy_network network;
        struct policy_security security;
        struct policy_environment environment;
        struct policy_limits limits;
        struct policy_python python;
        struct strings accept;
};

/* http(s)://[user[:password]@]host[:port]/… */
struct index_url {
        char host[256]; /* without the brackets of an IPv6 address */
        unsigned port;
        bool plain;               /* http */
        bool loopback;            /* the host's own */
        size_t user_at, user_len; /* of "user:password@" in the text; 0 = none */
};
int index_url_parse(const char *text, const char *where, struct index_url *ret, struct error *e);

/* python.venv.packages: a requirement as PEP 508 has it, and nothing that an installer would take
 * for an option, a path or a URL by itself. ret_url (may be NULL): where "NAME @ URL" points; no
 * host, if it is none of that kind. */
int requirement_check(const char *text, const char *where, struct index_url *ret_url,
                      struct error *e);
/* A whole requirements file: comments, continued lines, hashes. */
int requirements_check(const char *text, const char *where, struct error *e);

/* The protections, so that code can loop over them instead of naming each. */
struct protection {
        const char *name;   /* "protect_credentials" */
        const char *option; /* "credentials": the word of --protect / --no-protect */
        size_t offset;      /* of the enum tri in struct policy_security */
        const char *doc;
};
extern const struct protection protections[];
extern const size_t protections_n;

/* The built-in policies: strict, default, permissive, python-dev, python-data-science.
 * Each is complete in every scalar: merging over it leaves nothing unset (but workdir, python). */
const struct policy *policy_preset(const char *name); /* NULL: no such preset */
const char *policy_preset_name(size_t i);             /* NULL past the end */

/* How the lists of the upper layer meet those of the lower one (decision 12). */
enum merge_mode {
        MERGE_REPLACE, /* a JSON document: a list that is set replaces */
        MERGE_APPEND,  /* command-line flags: a list that is set is appended */
};
/* Lay `over` over `base`. Scalars: set ones win. deny lists: always the union. Protections: only an
 * explicit TRI_NO takes one away. Strings are borrowed from both. 0 or -ENOMEM. */
int policy_merge(struct arena *a, const struct policy *base, const struct policy *over,
                 enum merge_mode mode, struct policy *ret, struct error *e);

/* The whole stack in the documented order: preset (named by the level that wins, or by a profile
 * that names a preset) -> profile -> request -> overrides. Any of the last three may be NULL. */
int policy_resolve(struct arena *a, const struct policy *profile, const struct policy *request,
                   const struct policy *overrides, struct policy *ret, struct error *e);

/* For a policy with a network: the caller's own proxy, where it names none, and the certificate
 * authorities that his variables name. Strings of the callbacks are copied. */
struct caller {
        const char *(*variable)(void *userdata, const char *name); /* NULL: not set */
        /* The path without symlinks, if he may read what is there; else NULL. */
        const char *(*readable)(void *userdata, const char *path, bool *ret_directory);
        void *userdata;
};
int policy_caller(struct arena *a, const struct caller *c, struct policy *p, struct error *e);

/* Contradictions and malformed values, each with the field's JSON pointer and what would be right:
 * bad path spelling, bad host rule, allow entries with mode deny, limit 0, unknown loss in accept,
 * ... */
int policy_check(const struct policy *p, struct error *e);
