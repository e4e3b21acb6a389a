/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of options and the small functions that its rows name. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../policy/facts.h"
#include "../../proto/host_command.h"
#include "../libleash/localise.h"
#include "values.h"
#include "words.h"

#define MEMBER(type, o, row) ((type *) (void *) ((char *) (o) + (row)->offset))

static int bad(struct error *e, const struct option *row, const char *value, const char *want) {
        return error_set(e, ERROR_PARAMS, EINVAL, "--%s %s: expected %s", row->name, value, want);
}

static int set_flag(struct options *o, const struct option *row, const char *value, bool no,
                    struct error *e) {
        *MEMBER(bool, o, row) = !no;
        return 0;
}

static int set_tri(struct options *o, const struct option *row, const char *value, bool no,
                   struct error *e) {
        *MEMBER(enum tri, o, row) = no ? TRI_NO : TRI_YES;
        return 0;
}

static int set_text(struct options *o, const struct option *row, const char *value, bool no,
                    struct error *e) {
        *MEMBER(const char *, o, row) = value;
        return 0;
}

static int push_text(struct options *o, const struct option *row, const char *value, bool no,
                     struct error *e) {
        return arena_push(o->arena, MEMBER(struct strings, o, row), value) ? 0 : error_nomem(e);
}

static int push_path(struct options *o, const struct option *row, const char *value, bool no,
                     struct error *e) {
        const char *path = NULL;
        int r = path_localise(o->arena, o->cwd, value, &path, e);

        if (r < 0)
                return error_wrap(e, r, "--%s", row->name);
        if (!*path)
                return bad(e, row, "''", "a path");
        return push_text(o, row, path, no, e);
}

/* One of the row's words, which the daemon would not miss: kinds are picked out here. */
static int push_word(struct options *o, const struct option *row, const char *value, bool no,
                     struct error *e) {
        size_t n = strlen(value);

        for (const char *s = row->words; n > 0 && !strchr(value, ' ') && (s = strstr(s, value));
             s += n)
                if ((s == row->words || s[-1] == ' ') && (s[n] == ' ' || !s[n]))
                        return push_text(o, row, value, no, e);
        return bad(e, row, value, row->words);
}

static int push_port(struct options *o, const struct option *row, const char *value, bool no,
                     struct error *e) {
        uint64_t port;

        if (parse_count(value, &port) < 0 || port > 65535)
                return bad(e, row, value, "a port from 1 to 65535");
        return push_text(o, row, value, no, e);
}

static int set_word(const struct option *row, const char *value, const char *const *names, size_t n,
                    int *ret, struct error *e) {
        char words[512];

        for (size_t i = 1; i < n; i++)
                if (strcmp(names[i], value) == 0) {
                        *ret = (int) i;
                        return 0;
                }
        option_words(row, words, sizeof(words), ' ');
        return error_set(e, ERROR_PARAMS, EINVAL, "--%s %s: expected one of: %s", row->name, value,
                         words);
}

static int set_level(struct options *o, const struct option *row, const char *value, bool no,
                     struct error *e) {
        int i, r = set_word(row, value, level_names, LEVEL_N_, &i, e);

        if (r >= 0)
                o->overrides.level = (enum level) i;
        return r;
}

static int set_net(struct options *o, const struct option *row, const char *value, bool no,
                   struct error *e) {
        int i, r = set_word(row, value, network_mode_names, NETWORK_N_, &i, e);

        if (r >= 0)
                o->overrides.network.mode = (enum network_mode) i;
        return r;
}

static int set_limit(struct options *o, const struct option *row, const char *value,
                     int (*parse)(const char *, uint64_t *), const char *want, struct error *e) {
        struct limit *l = MEMBER(struct limit, o, row);
        uint64_t n;

        if (strcmp(value, "unlimited") == 0) {
                *l = (struct limit){ .kind = LIMIT_UNLIMITED };
                return 0;
        }
        int r = parse(value, &n);
        if (r < 0)
                return bad(e, row, value, want);
        *l = (struct limit){ .kind = LIMIT_VALUE, .value = n };
        return 0;
}

static int set_size(struct options *o, const struct option *row, const char *value, bool no,
                    struct error *e) {
        return set_limit(o, row, value, parse_size, "a size like 512M, 2G or 64k, or \"unlimited\"",
                         e);
}

static int set_count(struct options *o, const struct option *row, const char *value, bool no,
                     struct error *e) {
        return set_limit(o, row, value, parse_count, "a whole number above 0, or \"unlimited\"", e);
}

static int set_cpus(struct options *o, const struct option *row, const char *value, bool no,
                    struct error *e) {
        return set_limit(o, row, value, parse_milli, "a number like 0.5 or 2, or \"unlimited\"", e);
}

/* RLIMIT_CPU and the contract count whole seconds; less than one would be none. */
static int parse_seconds(const char *text, uint64_t *ret) {
        uint64_t ms;
        int r = parse_duration(text, &ms);

        if (r >= 0)
                *ret = (ms + 999) / 1000;
        return r;
}

static int set_seconds(struct options *o, const struct option *row, const char *value, bool no,
                       struct error *e) {
        return set_limit(o, row, value, parse_seconds,
                         "a duration like 30s, 2m or 1h, or \"unlimited\"", e);
}

/* A command's own time limit has milliseconds; the policy's field, which check and explain show,
 * has seconds. "unlimited" can only be said of the latter. */
static int set_timeout(struct options *o, const struct option *row, const char *value, bool no,
                       struct error *e) {
        if (!(o->command & (CMD_LIVE | CMD_VENV)) || strcmp(value, "unlimited") == 0) {
                o->timeout_ms = 0;
                return set_seconds(o, row, value, no, e);
        }
        if (parse_duration(value, &o->timeout_ms) < 0)
                return bad(e, row, value, "a duration like 60s, 500ms, 2m or 1h, or \"unlimited\"");
        return 0;
}

static int set_env(struct options *o, const struct option *row, const char *value, bool no,
                   struct error *e) {
        const char *eq = strchr(value, '=');
        const char *name = eq ? arena_strndup(o->arena, value, (size_t) (eq - value)) : value;
        const char *text = eq ? eq + 1 : getenv(value);

        if (!name)
                return error_nomem(e);
        if (!*name)
                return bad(e, row, value, "NAME or NAME=VALUE");
        if (!text)
                return error_set(e, ERROR_PARAMS, EINVAL,
                                 "--env %s: %s is not set here; give --env %s=VALUE", name, name,
                                 name);
        return arena_push_pair(o->arena, &o->overrides.environment.set, name, text)
                       ? 0
                       : error_nomem(e);
}

static int set_protect(struct options *o, const struct option *row, const char *value, bool no,
                       struct error *e) {
        bool take_away = strncmp(row->name, "no-", 3) == 0;
        char words[512];

        for (size_t i = 0; i < protections_n; i++)
                if (strcmp(protections[i].option, value) == 0) {
                        *(enum tri *) (void *) ((char *) &o->overrides.security +
                                                protections[i].offset) =
                                take_away ? TRI_NO : TRI_YES;
                        return 0;
                }
        option_words(row, words, sizeof(words), ' ');
        return error_set(e, ERROR_PARAMS, EINVAL, "--%s %s: expected one of: %s", row->name, value,
                         words);
}

static int set_accept(struct options *o, const struct option *row, const char *value, bool no,
                      struct error *e) {
        char words[512];

        if (loss_from_name(value) >= 0)
                return push_text(o, row, value, no, e);
        option_words(row, words, sizeof(words), ' ');
        return error_set(e, ERROR_PARAMS, EINVAL, "--%s %s: expected one of: %s", row->name, value,
                         words);
}

/* Any of these means: in a virtual environment. */
static int set_venv_text(struct options *o, const struct option *row, const char *value, bool no,
                         struct error *e) {
        o->overrides.python.has_venv = true;
        return *value ? set_text(o, row, value, no, e) : bad(e, row, "''", row->arg);
}

static int set_venv_path(struct options *o, const struct option *row, const char *value, bool no,
                         struct error *e) {
        const char *path = NULL;
        int r = path_localise(o->arena, o->cwd, value, &path, e);

        return r < 0 ? error_wrap(e, r, "--%s", row->name) : set_venv_text(o, row, path, no, e);
}

/* A name is looked up inside; what has a slash is a path here. */
static int set_interpreter(struct options *o, const struct option *row, const char *value, bool no,
                           struct error *e) {
        return strchr(value, '/') ? set_venv_path(o, row, value, no, e)
                                  : set_venv_text(o, row, value, no, e);
}

static int push_package(struct options *o, const struct option *row, const char *value, bool no,
                        struct error *e) {
        int r = requirement_check(value, "", NULL, e);

        o->overrides.python.has_venv = true;
        return r < 0 ? error_wrap(e, r, "--%s", row->name) : push_text(o, row, value, no, e);
}

static int push_requirements(struct options *o, const struct option *row, const char *value,
                             bool no, struct error *e) {
        o->overrides.python.has_venv = true;
        return push_path(o, row, value, no, e);
}

static int set_site(struct options *o, const struct option *row, const char *value, bool no,
                    struct error *e) {
        o->overrides.python.has_venv = true;
        return set_tri(o, row, value, no, e);
}

static int set_config(struct options *o, const struct option *row, const char *value, bool no,
                      struct error *e) {
        return config_load(o, value, e);
}

static int set_workdir(struct options *o, const struct option *row, const char *value, bool no,
                       struct error *e) {
        char real[PATH_MAX];
        struct stat st;

        if (!realpath(value, real))
                return error_set(e, ERROR_PARAMS, errno, "-C %s: %s", value, strerror(errno));
        if (stat(real, &st) < 0 || !S_ISDIR(st.st_mode))
                return error_set(e, ERROR_PARAMS, ENOTDIR, "-C %s: not a directory", value);
        o->workdir = arena_strdup(o->arena, real);
        return o->workdir ? 0 : error_nomem(e);
}

static int new_query(struct options *o, struct check_query **ret, struct error *e) {
        if (o->n_queries >= MAX_QUERIES)
                return error_set(e, ERROR_LIMIT, E2BIG, "at most %d questions at once",
                                 MAX_QUERIES);
        *ret = &o->queries[o->n_queries++];
        return 0;
}

static int add_path_query(struct options *o, const struct option *row, const char *value, bool no,
                          struct error *e) {
        struct check_query *q = NULL;
        const char *path = NULL;
        int r = path_localise(o->arena, o->cwd, value, &path, e);

        if (r < 0)
                return error_wrap(e, r, "--path");
        r = new_query(o, &q, e);
        if (r >= 0 && q)
                *q = (struct check_query){ .path = path, .access = ACCESS_READ_ };
        return r;
}

/* HOST, HOST:PORT, [V6]:PORT or a bare V6 address, which has more than one colon. */
static int add_host_query(struct options *o, const struct option *row, const char *value, bool no,
                          struct error *e) {
        struct check_query *q = NULL;
        const char *colon = strrchr(value, ':');
        const char *end = colon;
        uint64_t port = 0;

        if (strstr(value, "://"))
                return bad(e, row, value, "HOST or HOST:PORT alone, not a URL");
        if (value[0] == '[') {
                end = strchr(value, ']');
                if (!end || (end[1] != '\0' && end[1] != ':'))
                        return bad(e, row, value, "HOST, HOST:PORT or [IPv6]:PORT");
                colon = end[1] == ':' ? end + 1 : NULL;
                value++;
        } else if (colon && strchr(value, ':') != colon) {
                colon = end = NULL;
        }
        if (colon && (parse_count(colon + 1, &port) < 0 || port > 65535))
                return bad(e, row, value, "a port from 1 to 65535 after the colon");
        int r = new_query(o, &q, e);
        if (r < 0 || !q)
                return r;
        *q = (struct check_query){
                .host = end ? arena_strndup(o->arena, value, (size_t) (end - value)) : value,
                .port = port,
        };
        return q->host ? 0 : error_nomem(e);
}

static int set_access(struct options *o, const struct option *row, const char *value, bool no,
                      struct error *e) {
        static const char *const names[] = { NULL, "read", "write", "execute" };
        struct check_query *q = o->n_queries > 0 ? &o->queries[o->n_queries - 1] : NULL;
        int i = 0;

        if (!q || !q->path)
                return error_set(e, ERROR_PARAMS, EINVAL, "--access: give --path first");
        int r = set_word(row, value, names, ELEMENTSOF(names), &i, e);
        if (r >= 0)
                q->access = (enum access) i;
        return r;
}

static int push_ipc(struct options *o, const struct option *row, const char *value, bool no,
                    struct error *e) {
        const char *equals = strchr(value, '='), *name = value + (value[0] == '+');
        struct strings words = { 0 };

        name = equals ? arena_strndup(o->arena, name, (size_t) (equals - name)) : "";
        if (!name)
                return error_nomem(e);
        if (!host_command_name_is_valid(name))
                return bad(
                        e, row, value,
                        "NAME='COMMAND …', where NAME is a letter, then letters, digits, - and _");
        int r = words_split(o->arena, equals + 1, &words, e);
        if (r < 0)
                return error_wrap(e, r, "--%s %s", row->name, value);
        if (words.n == 0)
                return bad(e, row, value, "a command behind the =");
        return push_text(o, row, value, no, e);
}

#define O(m) offsetof(struct options, m)
#define OV(m) offsetof(struct options, overrides.m)

/* In the order in which help shows them. */
const struct option options[] = {
        { "level", 0, 0, "LEVEL", CMD_POLICY, "/level", "strict default permissive", set_level, 0,
          "how much of the machine is visible and writable: strict, default or permissive" },
        { "profile", 0, 0, "NAME", CMD_POLICY, "/profile", NULL, set_text, O(profile),
          "start from a profile or preset, by name" },
        { "config", 0, 0, "FILE", CMD_POLICY, NULL, "@file", set_config, 0,
          "read a JSON policy; the options beside it are added to it" },
        { "workdir", 'C', 0, "DIR", CMD_POLICY, "/workdir", "@dir", set_workdir, 0,
          "the working directory, which may be written (default: the current one)" },
        { "fresh", 0, 0, NULL, CMD_POLICY, NULL, NULL, set_flag, O(fresh),
          "work in a private, empty directory that is thrown away afterwards" },
        { "keep", 0, 0, NULL, CMD_POLICY, NULL, NULL, set_flag, O(keep),
          "with --fresh: keep that directory and say where it is" },
        { "sandbox", 0, 0, "ID", CMD_POLICY | CMD_EVENTS, "/sandbox", NULL, set_text, O(sandbox),
          "a sandbox that exists (see leashctl ps) instead of a new one; events: only its own" },

        { "read", 0, 0, "PATH", CMD_POLICY, "/filesystem/read", "@file", push_path,
          OV(filesystem.read), "let the command read a file or a directory with all below it" },
        { "write", 0, 0, "PATH", CMD_POLICY, "/filesystem/write", "@file", push_path,
          OV(filesystem.write), "let it read and write there" },
        { "exec", 0, 0, "PATH", CMD_POLICY, "/filesystem/execute", "@file", push_path,
          OV(filesystem.execute), "let it run programs from there" },
        { "deny", 0, 0, "PATH", CMD_POLICY, "/filesystem/deny", "@file", push_path,
          OV(filesystem.deny), "forbid a path or pattern (*, **), whatever else allows it" },
        { "unix-socket", 0, 0, "PATH", CMD_POLICY, "/security/unix_sockets", "@file", push_path,
          OV(security.unix_sockets), "let it connect to a Unix socket of the host" },

        { "net", 0, 0, "MODE", CMD_POLICY, "/network/mode", "deny allow allowlist ask", set_net, 0,
          "the network: deny (default), allow, allowlist or ask" },
        { "allow-host", 0, 0, "RULE", CMD_POLICY, "/network/allow", NULL, push_text,
          OV(network.allow),
          "allow host, *.host, host:port or 10.0.0.0/8:5432 (implies allowlist)" },
        { "deny-host", 0, 0, "RULE", CMD_POLICY, "/network/deny", NULL, push_text, OV(network.deny),
          "forbid such a rule's hosts; wins over --allow-host" },
        { "local-port", 0, 0, "PORT", CMD_POLICY, "/network/local_ports", NULL, push_port,
          OV(network.local_ports), "let it reach this port of the host's own loopback" },

        { "env", 0, 0, "NAME[=VALUE]", CMD_POLICY, "/environment/set", NULL, set_env, 0,
          "set a variable inside; without a value, the one it has here" },

        { "protect", 0, 0, "WHAT", CMD_POLICY, "/security", NULL, set_protect, 0,
          "keep something from the command, as most levels do anyway" },
        { "no-protect", 0, 0, "WHAT", CMD_POLICY, "/security", NULL, set_protect, 0,
          "take a protection away" },
        { "gpu", 0, 1, NULL, CMD_POLICY, "/security/allow_gpu", NULL, set_tri,
          OV(security.allow_gpu), "the machine's GPUs (allowed unless the policy says otherwise)" },
        { "npu", 0, 1, NULL, CMD_POLICY, "/security/allow_npu", NULL, set_tri,
          OV(security.allow_npu), "its NPUs and other accelerators" },
        { "hardware", 0, 1, NULL, CMD_POLICY, "/security/allow_hardware", NULL, set_tri,
          OV(security.allow_hardware), "other devices: USB, serial lines, cameras, …" },
        { "debug", 0, 1, NULL, CMD_POLICY, "/security/allow_debug", NULL, set_tri,
          OV(security.allow_debug), "ptrace and the like, so that gdb and strace work inside" },
        { "userns", 0, 1, NULL, CMD_POLICY, "/security/allow_userns", NULL, set_tri,
          OV(security.allow_userns),
          "user namespaces inside the sandbox, as Chromium makes them (no mounts)" },

        { "memory", 0, 0, "SIZE", CMD_POLICY, "/limits/memory_bytes", "512M 1G 4G unlimited",
          set_size, OV(limits.memory_bytes), "memory of all its processes together" },
        { "processes", 0, 0, "N", CMD_POLICY, "/limits/processes", "unlimited", set_count,
          OV(limits.processes), "how many processes and threads it may have" },
        { "cpus", 0, 0, "N", CMD_POLICY, "/limits/cpus", "0.5 1 2 unlimited", set_cpus,
          OV(limits.cpus), "processors' worth of time it may use at once" },
        { "cpu-time", 0, 0, "TIME", CMD_POLICY, "/limits/cpu_seconds", "30s 2m 1h unlimited",
          set_seconds, OV(limits.cpu_seconds), "processor time of one process" },
        { "timeout", 0, 0, "TIME", CMD_PACKAGES, "/limits/wall_seconds", "30s 2m 1h unlimited",
          set_timeout, OV(limits.wall_seconds), "end it after this long (exit status 124)" },
        { "io-weight", 0, 0, "N", CMD_POLICY, "/limits/io_weight", "10 100 1000 unlimited",
          set_count, OV(limits.io_weight),
          "its share of busy disks (1 to 10000, others have 100)" },
        { "file-size", 0, 0, "SIZE", CMD_POLICY, "/limits/file_bytes", "100M 1G unlimited",
          set_size, OV(limits.file_bytes), "the largest file it may write" },
        { "disk", 0, 0, "SIZE", CMD_POLICY, "/limits/disk_bytes", "1G 10G unlimited", set_size,
          OV(limits.disk_bytes), "disk space for what it writes" },
        { "open-files", 0, 0, "N", CMD_POLICY, "/limits/open_files", "unlimited", set_count,
          OV(limits.open_files), "descriptors that one process may have open" },
        { "connections", 0, 0, "N", CMD_POLICY, "/limits/connections", "unlimited", set_count,
          OV(limits.connections), "connections to the outside at one time" },
        { "net-bytes", 0, 0, "SIZE", CMD_POLICY, "/limits/network_bytes", "100M 1G unlimited",
          set_size, OV(limits.network_bytes), "what all its connections may carry in sum" },
        { "net-rate", 0, 0, "SIZE", CMD_POLICY, "/limits/network_rate", "1M 10M unlimited",
          set_size, OV(limits.network_rate), "what they may carry in a second" },
        { "accept", 0, 0, "LOSS", CMD_PACKAGES, "/accept", NULL, set_accept, OV(accept),
          "go on although this host cannot give one guarantee (see leashctl doctor)" },

        { "venv", 0, 0, "PATH", CMD_POLICY, "/python/venv/path", "@dir", set_venv_path,
          OV(python.venv.path),
          "run in this virtual environment; it is made when it is not there" },
        { "package", 0, 0, "REQUIREMENT", CMD_PACKAGES, "/python/venv/packages", NULL, push_package,
          OV(python.venv.packages),
          "a virtual environment with this package (\"numpy>=2\"); without --venv one that is "
          "shared by all who ask for the same" },
        { "requirements", 0, 0, "FILE", CMD_PACKAGES, "/python/venv/requirements", "@file",
          push_requirements, OV(python.venv.requirements), "the same with all that a file lists" },
        { "index-url", 0, 0, "URL", CMD_PACKAGES, "/python/venv/index_url", NULL, set_venv_text,
          OV(python.venv.index_url),
          "where packages come from (default: $PIP_INDEX_URL, or pypi.org)" },
        { "python", 0, 0, "PROGRAM", CMD_PACKAGES, "/python/venv/python", "@file", set_interpreter,
          OV(python.venv.python), "the interpreter that the virtual environment is made with" },
        { "system-site-packages", 0, 1, NULL, CMD_PACKAGES, "/python/venv/system_site_packages",
          NULL, set_site, OV(python.venv.system_site_packages),
          "show the packages of the system's Python in it" },
        { "pip-install", 0, 1, NULL, CMD_POLICY, "/python/allow_pip_install", NULL, set_tri,
          OV(python.allow_pip_install), "let commands change the environment that --venv names" },
        { "rebuild", 0, 0, NULL, CMD_VENV, NULL, NULL, set_flag, O(rebuild),
          "create: make it anew, even when nothing has changed" },

        { "tty", 't', 1, NULL, CMD_LIVE, NULL, NULL, set_tri, O(tty),
          "give it a terminal of its own (default: when stdin and stdout are one); -T: never" },
        { "ipc", 0, 0, "NAME=COMMAND", CMD_LIVE, NULL, NULL, push_ipc, O(ipc),
          "offer a program out here as a command in there, with its words as arguments and no "
          "shell; +NAME=… where a program has that name" },
        { "path", 0, 0, "PATH", CMD_CHECK, NULL, "@file", add_path_query, 0,
          "ask about this path; --write or --exec right behind it ask for that access" },
        { "access", 0, 0, "KIND", CMD_CHECK, NULL, "read write execute", set_access, 0,
          "what the --path before it is wanted for" },
        { "host", 0, 0, "HOST[:PORT]", CMD_CHECK, NULL, NULL, add_host_query, 0,
          "ask about this host" },
        { "follow", 'f', 0, NULL, CMD_EVENTS | CMD_LOGS, NULL, NULL, set_flag, O(follow),
          "events: go on when no sandbox is left, until interrupted; logs: until it has ended" },
        { "kind", 0, 0, "KIND", CMD_EVENTS | CMD_LOGS, NULL,
          "sandbox.created sandbox.destroyed process.started process.exited denied trust_created "
          "network venv.progress sandbox.failed process.failed",
          push_word, O(kinds),
          "only events of this kind; may be repeated: sandbox.created, sandbox.destroyed, "
          "process.started, process.exited, denied, trust_created, network, venv.progress, "
          "sandbox.failed, process.failed" },

        { "all", 0, 0, NULL, CMD_STATUS, NULL, NULL, set_flag, O(all),
          "what every user has and takes (sessions, connections, sandboxes, and where control "
          "groups count, processes and memory); for root, of the system's daemon" },
        { "prometheus", 0, 0, NULL, CMD_STATS, NULL, NULL, set_flag, O(prometheus),
          "in Prometheus' text format, for a scrape" },

        { "json", 0, 0, NULL, CMD_ANY, NULL, NULL, set_flag, O(json),
          "print the result as JSON on stdout" },
        { "quiet", 'q', 0, NULL, CMD_ANY, NULL, NULL, set_flag, O(quiet),
          "run, shell, python: say nothing about what leash refused; status: print nothing" },
        { "socket", 0, 0, "PATH", CMD_ANY, NULL, "@file", set_text, O(socket),
          "the daemon's socket (default: $LEASH_SOCKET, the system's, or your own)" },
        { "help", 'h', 0, NULL, CMD_ANY, NULL, NULL, set_flag, O(help), "show this help" },
        { "version", 0, 0, NULL, CMD_ANY, NULL, NULL, set_flag, O(version), "print the version" },
};
const size_t options_n = ELEMENTSOF(options);

const struct option *option_by_name(const char *name) {
        for (size_t i = 0; i < options_n; i++)
                if (strcmp(options[i].name, name) == 0)
                        return &options[i];
        if (strncmp(name, "no-", 3) == 0)
                for (size_t i = 0; i < options_n; i++)
                        if (options[i].negatable && strcmp(options[i].name, name + 3) == 0)
                                return &options[i];
        return NULL;
}

const struct option *option_by_letter(char letter) {
        for (size_t i = 0; i < options_n; i++)
                if (options[i].letter == letter)
                        return &options[i];
        return NULL;
}

static size_t add_word(char *ret, size_t size, size_t used, const char *word, char sep) {
        char between[2] = { used > 0 ? sep : '\0', '\0' };
        int n = snprintf(ret + used, size - used, "%s%s", between, word);

        return n < 0 || (size_t) n >= size - used ? used : used + (size_t) n;
}

size_t option_words(const struct option *row, char *ret, size_t size, char sep) {
        size_t used = 0;

        ret[0] = '\0';
        if (row->set == set_protect)
                for (size_t i = 0; i < protections_n; i++)
                        used = add_word(ret, size, used, protections[i].option, sep);
        else if (row->set == set_accept)
                for (size_t i = 0; i < LOSS_N_; i++)
                        used = add_word(ret, size, used, losses[i].name, sep);
        else if (row->words && row->words[0] != '@')
                for (const char *w = row->words; *w && used < size - 1; w++)
                        ret[used++] = *w == ' ' ? sep : *w;
        ret[used] = '\0';
        return used;
}
