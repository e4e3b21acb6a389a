/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the protections name, below the home directory, and what is kept from every sandbox whatever
 * the policy says: leash's own sockets and state, and the system's secrets. A directory is named
 * whole where all of it is secret; single files where the rest is configuration that programs need.
 */
#include <stdio.h>
#include <string.h>

#include "compile.h"

static const char *const credentials[] = {
        ".ssh",
        ".gnupg",
        ".git-credentials",
        ".config/git/credentials",
        ".password-store", /* pass */
        ".local/share/password-store",
        ".config/gopass",
        ".local/share/gopass",
        ".config/sops",
        ".config/age",
        ".age",
        ".vault-token", /* HashiCorp Vault */
        ".config/op",
        ".op", /* 1Password */
        ".config/Bitwarden",
        ".config/Bitwarden CLI",
        ".config/rbw",
        ".config/keepassxc",
        ".cache/keepassxc",
        ".pki",  /* NSS key database */
        ".step", /* smallstep certificates */
        ".cert",
        ".config/rclone",
        ".smbcredentials",
        ".davfs2",
        ".msmtprc",
        ".config/msmtp",
        ".mutt",
        ".fetchmailrc",
        ".mbsyncrc",
        ".offlineimaprc",
        ".thunderbird",
        ".local/share/evolution",
        ".config/evolution",
        ".pgpass",
        ".my.cnf",
        ".mylogin.cnf",
        ".config/pgcli", /* databases */
        ".ICEauthority",
        ".Xauthority", /* the desktop session */
        ".claude/.credentials.json",
        ".claude.json",
        ".codex/auth.json", /* agents' own keys */
        ".gemini/oauth_creds.json",
        ".config/github-copilot",
        ".config/openai",
        ".config/anthropic",
        ".local/share/opencode/auth.json",
        ".aider.conf.yml",
        ".config/goose",
        ".huggingface",
        ".cache/huggingface/token",
        ".cache/huggingface/stored_tokens",
        ".kaggle",
        ".config/wandb",
};

static const char *const cloud[] = {
        ".aws",
        ".azure",
        ".config/gcloud",
        ".gcloud",
        ".boto",
        ".oci",
        ".bluemix",
        ".aliyun",
        ".tccli",
        ".config/doctl",
        ".config/hcloud",
        ".config/scw",
        ".config/linode-cli",
        ".config/vultr-cli.yaml",
        ".config/openstack",
        ".config/heroku",
        ".local/share/heroku",
        ".fly",
        ".vercel",
        ".local/share/com.vercel.cli",
        ".config/netlify",
        ".netlify",
        ".config/configstore", /* firebase and other node tools keep tokens here */
        ".wrangler",
        ".config/.wrangler",
        ".cloudflared",
        ".config/flyctl",
        ".railway",
        ".kube",
        ".config/k9s",
        ".docker",
        ".config/containers/auth.json",
        ".helm",
        ".config/helm",
        ".config/argocd",
        ".terraform.d",
        ".terraformrc",
        ".pulumi",
        ".config/pulumi",
        ".chef",
        ".config/gh",
        ".config/hub",
        ".config/glab-cli",
        ".config/tea",
        ".config/act", /* forges */
        ".config/sentry",
        ".sentryclirc",
        ".databrickscfg",
        ".snowsql",
        ".config/snowflake",
        ".s3cfg",
        ".mc",
        ".passwd-s3fs",
        ".config/ngrok",
        ".ngrok2",
        ".config/tailscale",
};

static const char *const browser[] = {
        ".mozilla",
        ".config/mozilla",
        ".cache/mozilla",
        ".librewolf",
        ".waterfox",
        ".zen",
        ".config/google-chrome",
        ".config/google-chrome-beta",
        ".config/google-chrome-unstable",
        ".config/chromium",
        ".config/BraveSoftware",
        ".config/microsoft-edge",
        ".config/vivaldi",
        ".config/opera",
        ".config/Yandex",
        ".config/epiphany",
        ".local/share/epiphany",
        ".config/falkon",
        ".config/qutebrowser",
        ".local/share/qutebrowser",
        ".tor-browser",
        ".cache/google-chrome",
        ".cache/chromium",
        ".cache/BraveSoftware",
        ".var/app",
        "snap/firefox",
        "snap/chromium", /* the same in flatpak and snap */
        /* Electron: browsers that keep one site's session */
        ".config/Slack",
        ".config/discord",
        ".config/Signal",
        ".config/Element",
        ".config/Microsoft",
        ".config/teams-for-linux",
        ".config/WhatsApp",
        ".config/Mattermost",
        ".local/share/TelegramDesktop",
};

static const char *const keychain[] = {
        ".local/share/keyrings",   ".gnome2/keyrings",         ".local/share/kwalletd",
        ".kde/share/apps/kwallet", ".kde4/share/apps/kwallet", ".config/kwalletrc",
        ".local/share/secrets",    ".local/share/oo7",         "Library/Keychains",
};

static const char *const history[] = {
        ".bash_history",
        ".zsh_history",
        ".zhistory",
        ".histfile",
        ".sh_history",
        ".ksh_history",
        ".history",
        ".tcsh_history",
        ".local/share/fish/fish_history",
        ".config/fish/fish_history",
        ".local/share/xonsh",
        ".config/nushell/history.txt",
        ".config/nushell/history.sqlite3",
        ".local/share/atuin",
        ".local/share/mcfly",
        ".bash_sessions",
        ".zsh_sessions",
        ".python_history",
        ".ipython/profile_default/history.sqlite",
        ".node_repl_history",
        ".irb_history",
        ".pry_history",
        ".local/share/pry",
        ".irb-history",
        ".ghc/ghci_history",
        ".julia/logs",
        ".Rhistory",
        ".octave_hist",
        ".scala_history",
        ".lua_history",
        ".psql_history",
        ".mysql_history",
        ".mariadb_history",
        ".sqlite_history",
        ".rediscli_history",
        ".dbshell",
        ".mongodb",
        ".mongosh",
        ".config/litecli",
        ".config/mycli",
        ".lesshst",
        ".viminfo",
        ".local/state/vim",
        ".local/state/nvim/shada",
        ".wget-hsts",
        ".gdb_history",
        ".nano_history",
        ".local/share/nano",
        ".lldb",
        ".recently-used",
        ".local/share/recently-used.xbel",
        ".claude/history.jsonl",
        ".claude/projects",
        ".codex/history.jsonl",
        ".codex/sessions",
};

static const char *const packages[] = {
        ".netrc",
        ".curlrc",
        ".wgetrc",
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".bunfig.toml",
        ".config/pnpm/rc",
        ".config/pnpm/auth.ini",
        ".pypirc",
        ".config/pip",
        ".pip",
        ".config/pypoetry/auth.toml",
        ".config/uv",
        ".local/share/uv/credentials",
        ".condarc",
        ".continuum",
        ".config/binstar",
        ".cargo/credentials",
        ".cargo/credentials.toml",
        ".gem/credentials",
        ".local/share/gem/credentials",
        ".bundle/config",
        ".m2/settings.xml",
        ".m2/settings-security.xml",
        ".gradle/gradle.properties",
        ".gradle/init.gradle",
        ".sbt/.credentials",
        ".ivy2/.credentials",
        ".lein/credentials.clj.gpg",
        ".composer/auth.json",
        ".config/composer/auth.json",
        ".nuget/NuGet/NuGet.Config",
        ".config/NuGet",
        ".microsoft/usersecrets",
        ".hex/hex.config",
        ".cabal/config",
        ".stack/config.yaml",
        ".julia/servers",
        ".jspm",
        ".config/jfrog",
        ".jfrog",
        ".artifactory_python_cli",
        ".conan/registry.json",
        ".conan2/credentials.json",
        ".docker/config.json",
        ".config/hatch",
        ".config/rubygems",
};

static const struct {
        size_t offset;
        const char *reason, *field;
        const char *const *paths;
        size_t n;
} rows[] = {
#define PROTECT(member, list)                                                  \
        {                                                                      \
                offsetof(struct policy_security, member), "security." #member, \
                        "/security/" #member, list, ELEMENTSOF(list)           \
        }
        PROTECT(protect_credentials, credentials), PROTECT(protect_cloud_config, cloud),
        PROTECT(protect_browser_data, browser),    PROTECT(protect_keychain, keychain),
        PROTECT(protect_shell_history, history),   PROTECT(protect_package_credentials, packages),
};

/* Files of the system that only root (or a group for it) reads: uid 0 without capabilities still
 * owns them (decision 4). For other users the permissions say the same; the mask also holds where a
 * group
 * ("shadow", "ssl-cert", "docker") would open them. */
static const char *const system_secrets[] = {
        "/etc/shadow",
        "/etc/shadow-",
        "/etc/gshadow",
        "/etc/gshadow-",
        "/etc/security/opasswd",
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/etc/doas.conf",
        "/etc/ssh/ssh_host_rsa_key",
        "/etc/ssh/ssh_host_ecdsa_key",
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssh/ssh_host_dsa_key",
        "/etc/ssl/private",
        "/etc/pki/tls/private",
        "/etc/letsencrypt",
        "/etc/krb5.keytab",
        "/etc/NetworkManager/system-connections",
        "/etc/netplan",
        "/etc/wpa_supplicant",
        "/etc/wireguard",
        "/etc/openvpn",
        "/etc/ipsec.secrets",
        "/etc/ipsec.d/private",
        "/etc/swanctl/private",
        "/etc/ppp/chap-secrets",
        "/etc/ppp/pap-secrets",
        "/etc/mysql/debian.cnf",
        "/etc/postfix/sasl_passwd",
        "/etc/exim4/passwd.client",
        "/etc/kubernetes",
        "/etc/rancher",
        "/etc/ceph",
        "/etc/credstore",
        "/etc/credstore.encrypted",
        "/etc/cryptsetup-keys.d",
        "/etc/luks",
        "/etc/apt/auth.conf",
        "/etc/apt/auth.conf.d",
        "/etc/gitlab-runner",
        "/var/lib/systemd/credential.secret",
        "/var/lib/private",
        "/var/lib/docker",
        "/var/lib/containerd",
        "/var/lib/containers",
        "/var/lib/kubelet",
        "/var/lib/etcd",
        "/var/lib/rancher",
        "/var/lib/sss",
        "/var/lib/NetworkManager",
        "/var/lib/iwd",
        "/var/lib/bluetooth",
        "/var/lib/tailscale",
        "/var/lib/cloud",
        "/var/lib/samba/private",
        "/var/lib/krb5kdc",
        "/var/backups",
        "/var/spool/cron",
};

/* Where leash listens (decision 16) and what it keeps: whoever reaches its socket can ask for a
 * laxer sandbox; whoever writes a profile decides what the next one may do. */
static size_t own_paths(struct compile *c, const char *ret[static 12]) {
        static const char *const in_home[] = { ".config/leash", ".local/state/leash",
                                               ".local/share/leash", ".cache/leash" };
        size_t n = 0;
        ret[n++] = "/run/leash";
        ret[n++] = compile_text(c, "/run/user/%u/leash", c->subject->uid);
        ret[n++] = compile_text(c, "/tmp/leash-%u", c->subject->uid);
        ret[n++] = "/var/lib/leash";
        ret[n++] = "/var/log/leash";
        ret[n++] = "/var/cache/leash";
        for (size_t i = 0; *c->home && i < ELEMENTSOF(in_home); i++)
                ret[n++] = compile_home(c, in_home[i]);
        return n;
}

/* Is `path` equal to, or below, home/name? */
static bool under_home(const struct compile *c, const char *path, const char *name) {
        size_t home = strlen(c->home);
        return *c->home && path_is_under(path, c->home) && path[home] == '/' &&
               path_is_under(path + home + 1, name);
}

const char *compile_protected_by(const struct compile *c, const char *path) {
        struct compile copy = *c; /* compile_text() notes a lack of memory there */
        const char *own[12];
        size_t n = own_paths(&copy, own);
        for (size_t i = 0; i < n; i++)
                if (path_is_under(path, own[i]))
                        return "it belongs to leash itself";
        for (size_t i = 0; c->plan->level != LEVEL_PERMISSIVE && i < ELEMENTSOF(system_secrets);
             i++)
                if (path_is_under(path, system_secrets[i]))
                        return "it holds secrets of the system";
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t k = 0; compile_protects(c, rows[i].offset) && k < rows[i].n; k++)
                        if (under_home(c, path, rows[i].paths[k]))
                                return rows[i].reason;
        return NULL;
}

/* The mounts that show something of the host in the home, as paths below it: few, so that looking a
 * hundred protected names up costs little. */
struct shown {
        const char **paths;
        size_t n;
        bool all; /* the home itself is the host's */
};

static struct shown shown_in_home(struct compile *c) {
        struct shown s = { .paths = arena_array(c->a, c->n_mounts, sizeof(char *)) };
        if (!s.paths) {
                c->no_memory = true;
                return s;
        }
        size_t home = strlen(c->home);
        for (size_t i = 0; i < c->n_mounts; i++) {
                const struct plan_mount *m = &c->mounts[i];
                bool bind = m->kind == MOUNT_BIND_RO || m->kind == MOUNT_BIND_RW;
                if (bind && path_is_under(m->target, c->home) && m->target[home] == '/')
                        s.paths[s.n++] = m->target + home + 1;
        }
        enum view_kind kind = plan_view_at(c->mounts, c->n_mounts, c->home).kind;
        s.all = kind == VIEW_HOST_RO || kind == VIEW_HOST_RW;
        return s;
}

static bool shows(const struct shown *s, const char *path) {
        for (size_t i = 0; i < s->n && !s->all; i++)
                if (path_is_under(path, s->paths[i]))
                        return true;
        return s->all;
}

static void hide_own(struct compile *c) {
        const char *own[12];
        size_t n = own_paths(c, own);
        for (size_t i = 0; i < n; i++) {
                enum view_kind kind = plan_view_at(c->mounts, c->n_mounts, own[i]).kind;
                if (kind != VIEW_HOST_RO && kind != VIEW_HOST_RW)
                        continue;
                /* A throw-away working directory may lie there; the socket still must not be seen.
                 */
                bool around = path_is_under(c->subject->workdir, own[i]);
                compile_mask(c, MOUNT_HIDE,
                             around ? compile_text(c, "%s/leash.sock", own[i]) : own[i], "/level");
        }
}

void compile_protections(struct compile *c) {
        hide_own(c);
        compile_scope(c, "/etc"); /* where most of them are */
        for (size_t i = 0; c->plan->level != LEVEL_PERMISSIVE && i < ELEMENTSOF(system_secrets);
             i++)
                compile_mask_inside(c, MOUNT_HIDE, system_secrets[i], true, "/level");
        if (!*c->home)
                return;

        struct shown shown = shown_in_home(c);
        compile_scope(c, c->home);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t k = 0; compile_protects(c, rows[i].offset) && k < rows[i].n; k++)
                        if (shows(&shown, rows[i].paths[k]))
                                compile_mask_inside(c, MOUNT_HIDE,
                                                    compile_home(c, rows[i].paths[k]), true,
                                                    rows[i].field);
}

bool compile_each_protected(struct compile *c,
                            bool (*visit)(struct compile *, const char *, const char *)) {
        bool found = false;
        for (size_t i = 0; c->plan->level != LEVEL_PERMISSIVE && c->subject->uid == 0 &&
                           i < ELEMENTSOF(system_secrets);
             i++)
                found |= visit(c, system_secrets[i], "/level");
        for (size_t i = 0; *c->home && i < ELEMENTSOF(rows); i++)
                for (size_t k = 0; compile_protects(c, rows[i].offset) && k < rows[i].n; k++)
                        found |= visit(c, compile_home(c, rows[i].paths[k]), rows[i].field);
        return found;
}
