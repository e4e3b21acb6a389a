/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The policy, field by field: what a policy file and a request may say. */
#include "../policy/facts.h"
#include "../policy/limits.h"
#include "row.h"

/* Seconds that stay far from overflow when they become nanoseconds: a hundred years. */
#define SECONDS_MAX (INT64_C(100) * 366 * 24 * 3600)
#define CPUS_MAX 8192 /* CONFIG_NR_CPUS of x86-64 at its highest */
#define IO_WEIGHT_MAX 10000
#define CONNECTIONS_MAX 4096         /* GATE_MAX_CONNS: what the gate holds for one sandbox */
#define OPEN_FILES_MAX (1024 * 1024) /* fs.nr_open as the kernel starts with it */

static const struct field policy_filesystem_fields[] = {
#define T struct policy_filesystem
        FIELD_STRINGS(T, read, "read", 0, LIMIT_LIST_ITEMS,
                      "Paths whose contents may be read, beside what the level shows anyway; each "
                      "begins with "
                      "\"/\", \"~/\" or \"$WORKDIR/\"."),
        FIELD_STRINGS(T, write, "write", 0, LIMIT_LIST_ITEMS,
                      "Paths that may be read and changed, with everything below them, beside the "
                      "working "
                      "directory."),
        FIELD_STRINGS(T, execute, "execute", 0, LIMIT_LIST_ITEMS,
                      "Paths that may be read and whose programs may be executed."),
        FIELD_STRINGS(T, deny, "deny", 0, LIMIT_LIST_ITEMS,
                      "Paths and patterns (\"*\", \"**\") that can neither be read nor changed nor "
                      "created, even "
                      "inside a path that is allowed; lists of all layers add up."),
#undef T
};
SHAPE(policy_filesystem, "PolicyFilesystem", 0,
      "Which files the sandbox sees, and what it may do with them.");

static const struct field policy_network_fields[] = {
#define T struct policy_network
        FIELD_ENUM(T, mode, "mode", 0, network_mode_names,
                   "deny: no way out, only a private loopback; allow: all public addresses; "
                   "allowlist: only what "
                   "\"allow\" names; ask: the client decides."),
        FIELD_STRINGS(
                T, allow, "allow", 0, LIMIT_LIST_ITEMS,
                "Who may be talked to: \"host\", \"*.host\", \"host:port\", \"host:80,443\", "
                "\"1.2.3.4\", "
                "\"10.0.0.0/8:5432\" or \"[2001:db8::]/32\"; without a mode this means allowlist."),
        FIELD_STRINGS(T, deny, "deny", 0, LIMIT_LIST_ITEMS,
                      "Who may not be talked to, in the same notation; wins over \"allow\"."),
        FIELD_INTS(T, local_ports, "local_ports", 0, 1, UINT16_MAX,
                   "Ports of the host's own loopback that the sandbox may reach, in every mode (a "
                   "database, "
                   "say)."),
        FIELD_STRING(T, proxy, "proxy", 0, 1024,
                     "The user's own proxy, which everything goes through: "
                     "\"http://[user:password@]host[:port]\". leashctl takes it from https_proxy."),
        FIELD_STRINGS(T, no_proxy, "no_proxy", 0, LIMIT_LIST_ITEMS,
                      "What does not go through it: \"host\" (and all below it), addresses and "
                      "ranges; \"*\" is everything. leashctl takes it from no_proxy."),
        FIELD_PAIRS(T, certificates, "certificates", 0, LIMIT_ENV_ITEMS,
                    "Files of certificate authorities by the variable that tells programs of them "
                    "(\"SSL_CERT_FILE\"): readable inside, and the variable is set. leashctl takes "
                    "those that are set where it runs."),
#undef T
};
SHAPE(policy_network, "PolicyNetwork", 0, "Whom the sandbox may talk to.");

static const struct field policy_security_fields[] = {
#define T struct policy_security
        FIELD_TRI(T, protect_user_home, "protect_user_home", 0,
                  "The user's home is replaced by a private one."),
        FIELD_TRI(T, protect_credentials, "protect_credentials", 0,
                  "SSH, GPG and other private keys, password stores and tokens are hidden."),
        FIELD_TRI(T, protect_cloud_config, "protect_cloud_config", 0,
                  "Configuration and credentials of cloud and cluster tools are hidden."),
        FIELD_TRI(T, protect_browser_data, "protect_browser_data", 0,
                  "Profiles of browsers, with their cookies and passwords, are hidden."),
        FIELD_TRI(T, protect_keychain, "protect_keychain", 0,
                  "The keyring of the desktop and the kernel is out of reach."),
        FIELD_TRI(T, protect_shell_history, "protect_shell_history", 0,
                  "Histories of shells and other interpreters are hidden."),
        FIELD_TRI(T, protect_package_credentials, "protect_package_credentials", 0,
                  "Tokens that package managers publish with are hidden."),
        FIELD_TRI(T, protect_workspace, "protect_workspace", 0,
                  "What the host later executes or trusts inside the working directory is "
                  "read-only: git hooks "
                  "and configuration, settings of editors and agents, rc files."),
        FIELD_TRI(T, allow_gpu, "allow_gpu", 0, "The graphics processors may be used."),
        FIELD_TRI(T, allow_npu, "allow_npu", 0, "Neural processors may be used."),
        FIELD_TRI(T, allow_hardware, "allow_hardware", 0,
                  "Other devices may be used: cameras, sound, USB, serial lines."),
        FIELD_TRI(T, allow_debug, "allow_debug", 0,
                  "Programs in the sandbox may trace each other (debuggers, strace)."),
        FIELD_TRI(
                T, allow_userns, "allow_userns", 0,
                "Programs in the sandbox may make user namespaces, as Chromium's own sandbox does; "
                "opens more of the kernel. Mounts stay refused (Landlock), so bubblewrap and the "
                "like do not work inside. Not for root: the kernel would map uid 0 only with "
                "CAP_SETFCAP."),
        FIELD_STRINGS(T, unix_sockets, "unix_sockets", 0, LIMIT_LIST_ITEMS,
                      "Paths of Unix sockets of the host that may be connected to; whoever listens "
                      "there can be "
                      "asked for anything."),
#undef T
};
SHAPE(policy_security, "PolicySecurity", 0,
      "Protections of the user's data, and devices that may be used.");

static const struct field policy_environment_fields[] = {
#define T struct policy_environment
        FIELD_STRINGS(T, pass, "pass", 0, LIMIT_ENV_ITEMS,
                      "Names of variables that the client takes over from its own environment."),
        FIELD_PAIRS(T, set, "set", 0, LIMIT_ENV_ITEMS, "Variables and their values."),
#undef T
};
SHAPE(policy_environment, "PolicyEnvironment", 0,
      "Environment variables: commands start with a small, clean environment, and these.");

static const struct field policy_limits_fields[] = {
#define T struct policy_limits
        FIELD_LIMIT(T, memory_bytes, "memory_bytes", 0, 0,
                    "Memory of all processes of the sandbox together, in bytes."),
        FIELD_LIMIT(T, processes, "processes", 0, LIMIT_PIDS, "Processes and threads at one time."),
        FIELD_LIMIT_MILLI(T, cpus, "cpus", 0, CPUS_MAX,
                          "Processors' worth of time, in thousandths: 1.5 is one and a half."),
        FIELD_LIMIT(T, io_weight, "io_weight", 0, IO_WEIGHT_MAX,
                    "Share of the disks' time where they are busy, from 1 to 10000; 100 is what "
                    "everybody else has."),
        FIELD_LIMIT(T, cpu_seconds, "cpu_seconds", 0, SECONDS_MAX,
                    "Processor time of each process, in seconds."),
        FIELD_LIMIT(
                T, wall_seconds, "wall_seconds", 0, SECONDS_MAX,
                "Life of the sandbox by the clock, in seconds; everything in it is killed then."),
        FIELD_LIMIT(T, file_bytes, "file_bytes", 0, 0,
                    "Size of each file that is written, in bytes."),
        FIELD_LIMIT(T, disk_bytes, "disk_bytes", 0, 0,
                    "Disk space for what is written to the working directory and to private "
                    "directories such as /tmp, in bytes, together."),
        FIELD_LIMIT(T, open_files, "open_files", 0, OPEN_FILES_MAX, "Open files of each process."),
        FIELD_LIMIT(T, connections, "connections", 0, CONNECTIONS_MAX,
                    "Connections to the outside at one time."),
        FIELD_LIMIT(
                T, network_bytes, "network_bytes", 0, 0,
                "Bytes that all connections together carry, both ways; then the network is gone."),
        FIELD_LIMIT(T, network_rate, "network_rate", 0, 0,
                    "Bytes per second that all connections together carry, both ways."),
#undef T
};
SHAPE(policy_limits, "PolicyLimits", 0,
      "Limits. Absent or null is what the preset says; \"unlimited\" is none at all.");

static const struct field policy_venv_fields[] = {
#define T struct policy_venv
        FIELD_STRING(T, path, "path", 0, LIMIT_PATH_BYTES - 1, "Where the virtual environment is."),
        FIELD_STRING(T, python, "python", FIELD_NULLABLE, LIMIT_PATH_BYTES - 1,
                     "The interpreter that it is made with; null or absent is the first on PATH."),
        FIELD_STRINGS(T, packages, "packages", 0, LIMIT_LIST_ITEMS,
                      "Packages to install: requirements as in PEP 508 (\"numpy>=2\")."),
        FIELD_STRINGS(T, requirements, "requirements", 0, LIMIT_LIST_ITEMS,
                      "Files of requirements, one a line."),
        FIELD_STRING(T, index_url, "index_url", FIELD_NULLABLE, LIMIT_PATH_BYTES - 1,
                     "The package index, instead of https://pypi.org/simple."),
        FIELD_TRI(T, system_site_packages, "system_site_packages", 0,
                  "The packages of the system's Python are visible in it."),
#undef T
};
SHAPE(policy_venv, "PolicyVenv", 0, "A Python virtual environment.");

static const struct field policy_python_fields[] = {
#define T struct policy_python
        FIELD_OBJECT_HAS(T, venv, has_venv, "venv", 0, policy_venv,
                         "The virtual environment that commands run in."),
        FIELD_TRI(T, allow_pip_install, "allow_pip_install", 0,
                  "Commands may install packages into the virtual environment."),
#undef T
};
SHAPE(policy_python, "PolicyPython", 0, "Python in the sandbox.");

const char *loss_word(size_t i) {
        return i < LOSS_N_ ? losses[i].name : NULL;
}

static const struct field policy_fields[] = {
#define T struct policy
        FIELD_STRING(T, schema, "$schema", 0, 0,
                     "The address of this schema, for editors; ignored."),
        FIELD_ENUM(T, level, "level", 0, level_names,
                   "Where to start from: strict shows system directories only, default the disk "
                   "read-only with a "
                   "private home, permissive everything that is not protected."),
        FIELD_STRING(T, workdir, "workdir", 0, LIMIT_PATH_BYTES - 1,
                     "The directory that commands work in and may write to; without one, leash "
                     "makes a private "
                     "directory and removes it with the sandbox."),
        FIELD_OBJECT(T, filesystem, "filesystem", 0, policy_filesystem,
                     "Which files the sandbox sees, and what it may do with them."),
        FIELD_OBJECT(T, network, "network", 0, policy_network, "Whom the sandbox may talk to."),
        FIELD_OBJECT(T, security, "security", 0, policy_security,
                     "Protections of the user's data, and devices that may be used."),
        FIELD_OBJECT(T, environment, "environment", 0, policy_environment,
                     "Environment variables of all commands."),
        FIELD_OBJECT(T, limits, "limits", 0, policy_limits, "Limits on what the sandbox uses up."),
        FIELD_OBJECT(T, python, "python", 0, policy_python, "Python in the sandbox."),
        FIELD_WORDS(T, accept, "accept", 0, loss_word,
                    "Guarantees that the caller can do without where the host cannot give them; "
                    "what is not "
                    "named here is an error."),
#undef T
};
SHAPE(policy, "Policy", 0,
      "What a sandbox may do. Every field may be absent: the level's preset, a profile or a lower "
      "layer then "
      "says.");
