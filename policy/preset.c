/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The built-in policies. Each says every scalar, so that merging over it leaves nothing unset;
 * lists that it does not name are empty. Limits are "unlimited": a limit that some host cannot hold
 * would make the defaults fail there, and a build or a test run has no right size that could be
 * guessed here.
 */
#include <string.h>

#include "policy.h"

#define NONE \
        { .set = true }
#define UNLIMITED \
        { .kind = LIMIT_UNLIMITED }

#define PROTECTIONS(tri)                                                                    \
        .protect_user_home = tri, .protect_credentials = tri, .protect_cloud_config = tri,  \
        .protect_browser_data = tri, .protect_keychain = tri, .protect_shell_history = tri, \
        .protect_package_credentials = tri, .protect_workspace = tri

#define LIMITS                              \
        .limits = {                         \
                .memory_bytes = UNLIMITED,  \
                .processes = UNLIMITED,     \
                .cpus = UNLIMITED,          \
                .io_weight = UNLIMITED,     \
                .cpu_seconds = UNLIMITED,   \
                .wall_seconds = UNLIMITED,  \
                .file_bytes = UNLIMITED,    \
                .disk_bytes = UNLIMITED,    \
                .open_files = UNLIMITED,    \
                .connections = UNLIMITED,   \
                .network_bytes = UNLIMITED, \
                .network_rate = UNLIMITED,  \
        }

/* No network in any of them: what leaves the machine is for the caller to say. */
#define COMMON(level_, protections_, hardware_)                                                   \
        .level = level_,                                                                          \
        .filesystem = { .read = NONE, .write = NONE, .execute = NONE, .deny = NONE },             \
        .network = { .mode = NETWORK_DENY, .allow = NONE, .deny = NONE, .local_ports = NONE },    \
        .security = { PROTECTIONS(protections_),   .allow_gpu = TRI_YES,  .allow_npu = TRI_YES,   \
                      .allow_hardware = hardware_, .allow_debug = TRI_NO, .allow_userns = TRI_NO, \
                      .unix_sockets = NONE },                                                     \
        LIMITS, .accept = NONE

static const struct policy strict = {
        COMMON(LEVEL_STRICT, TRI_YES, TRI_NO),
        .environment = { .pass = NONE, .set = NONE },
        .python = { .allow_pip_install = TRI_NO },
};

static const struct policy normal = {
        COMMON(LEVEL_DEFAULT, TRI_YES, TRI_NO),
        .environment = { .pass = NONE, .set = NONE },
        .python = { .allow_pip_install = TRI_YES },
};

static const struct policy permissive = {
        COMMON(LEVEL_PERMISSIVE, TRI_NO, TRI_YES),
        .environment = { .pass = NONE, .set = NONE },
        .python = { .allow_pip_install = TRI_YES },
};

/* An environment beside the project, where editors look for it, too. Unbuffered output, so that it
 * is seen while the program runs; the working directory is not littered with byte code. */
static struct pair python_dev_set[] = {
        { "PYTHONUNBUFFERED", "1" },
        { "PYTHONDONTWRITEBYTECODE", "1" },
        { "PIP_DISABLE_PIP_VERSION_CHECK", "1" },
};
static const struct policy python_dev = {
        COMMON(LEVEL_DEFAULT, TRI_YES, TRI_NO),
        .environment = { .pass = NONE,
                         .set = { python_dev_set, ELEMENTSOF(python_dev_set), true } },
        .python = { .has_venv = true,
                    .venv = { .path = ".venv",
                              .packages = NONE,
                              .requirements = NONE,
                              .system_site_packages = TRI_NO },
                    .allow_pip_install = TRI_YES },
};

/* The host's numpy and friends are used where they are installed (they are large, and built for
 * this machine); plots go to files, since there is no display. */
static struct pair data_science_set[] = {
        { "PYTHONUNBUFFERED", "1" },
        { "PIP_DISABLE_PIP_VERSION_CHECK", "1" },
        { "MPLBACKEND", "Agg" },
};
static const char *data_science_packages[] = { "numpy", "pandas", "matplotlib", "scikit-learn" };
static const struct policy data_science = {
        COMMON(LEVEL_DEFAULT, TRI_YES, TRI_NO),
        .environment = { .pass = NONE,
                         .set = { data_science_set, ELEMENTSOF(data_science_set), true } },
        .python = { .has_venv = true,
                    .venv = { .path = ".venv",
                              .packages = { data_science_packages,
                                            ELEMENTSOF(data_science_packages), true },
                              .requirements = NONE,
                              .system_site_packages = TRI_YES },
                    .allow_pip_install = TRI_YES },
};

static const struct {
        const char *name;
        const struct policy *policy;
} presets[] = {
        { "strict", &strict },
        { "default", &normal },
        { "permissive", &permissive },
        { "python-dev", &python_dev },
        { "python-data-science", &data_science },
};

const struct policy *policy_preset(const char *name) {
        for (size_t i = 0; name && i < ELEMENTSOF(presets); i++)
                if (strcmp(presets[i].name, name) == 0)
                        return presets[i].policy;
        return NULL;
}

const char *policy_preset_name(size_t i) {
        return i < ELEMENTSOF(presets) ? presets[i].name : NULL;
}
