/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The words of a policy: levels, network modes, and the protections as rows to loop over. */
#include "policy.h"

const char *const level_names[LEVEL_N_] = {
        [LEVEL_STRICT] = "strict",
        [LEVEL_DEFAULT] = "default",
        [LEVEL_PERMISSIVE] = "permissive",
};

const char *const network_mode_names[NETWORK_N_] = {
        [NETWORK_DENY] = "deny",
        [NETWORK_ALLOW] = "allow",
        [NETWORK_ALLOWLIST] = "allowlist",
        [NETWORK_ASK] = "ask",
};

#define PROTECTION(member, option_, doc_)                                       \
        {                                                                       \
                .name = #member, .option = option_,                             \
                .offset = offsetof(struct policy_security, member), .doc = doc_ \
        }

/* What each one names is in protect.c, in this order's words. */
const struct protection protections[] = {
        PROTECTION(protect_user_home, "home",
                   "the home directory is an empty private one with the toolchains bound in"),
        PROTECTION(
                protect_credentials, "credentials",
                "keys and passwords: ~/.ssh, ~/.gnupg, ~/.git-credentials, ~/.password-store, ..."),
        PROTECTION(protect_cloud_config, "cloud",
                   "access to clouds, clusters and forges: ~/.aws, ~/.kube, ~/.config/gh, ..."),
        PROTECTION(protect_browser_data, "browser",
                   "cookies, passwords and history of browsers and chat programs"),
        PROTECTION(protect_keychain, "keychain", "the desktop's key rings and wallets"),
        PROTECTION(protect_shell_history, "history",
                   "what was typed: histories of shells, interpreters and database clients"),
        PROTECTION(protect_package_credentials, "packages",
                   "tokens of package managers: ~/.netrc, ~/.npmrc, ~/.pypirc, ..."),
        PROTECTION(protect_workspace, "workspace",
                   "what the host later runs or trusts inside the working directory: git hooks and "
                   "configuration, editor and agent settings, rc files"),
};
const size_t protections_n = ELEMENTSOF(protections);
