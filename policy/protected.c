/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the protections name, below the home directory, and the system's secrets. A directory is
 * named whole where all of it is secret; single files where the rest is configuration that programs
 * need.
 */
#include "compile.h"

static const char *const credentials[] = {
        /* keys and the agents that hold them */
        ".ssh",
        ".gnupg",
        ".pki",
        ".step",
        ".cert",
        ".config/sops",
        ".config/age",
        ".age",
        /* git's helper that stores */
        ".git-credentials",
        ".config/git/credentials",
        /* password stores and vaults */
        ".password-store",
        ".local/share/password-store",
        ".config/gopass",
        ".local/share/gopass",
        ".vault-token",
        ".config/op",
        ".op",
        ".config/Bitwarden",
        ".config/Bitwarden CLI",
        ".config/rbw",
        ".config/keepassxc",
        ".cache/keepassxc",
        /* remote file systems */
        ".config/rclone",
        ".smbcredentials",
        ".davfs2",
        /* mail: passwords and the mail itself */
        ".msmtprc",
        ".config/msmtp",
        ".mutt",
        ".fetchmailrc",
        ".mbsyncrc",
        ".offlineimaprc",
        ".thunderbird",
        ".local/share/evolution",
        ".config/evolution",
        /* databases */
        ".pgpass",
        ".my.cnf",
        ".mylogin.cnf",
        ".config/pgcli",
        /* the desktop session */
        ".ICEauthority",
        ".Xauthority",
        /* agents' own keys, and services that models come from */
        ".claude/.credentials.json",
        ".claude.json",
        ".codex/auth.json",
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
        /* clouds */
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
        ".s3cfg",
        ".mc",
        ".passwd-s3fs",
        /* places to deploy to; configstore is where firebase and other node tools keep tokens */
        ".config/heroku",
        ".local/share/heroku",
        ".fly",
        ".config/flyctl",
        ".vercel",
        ".local/share/com.vercel.cli",
        ".netlify",
        ".config/netlify",
        ".config/configstore",
        ".wrangler",
        ".config/.wrangler",
        ".cloudflared",
        ".railway",
        ".config/ngrok",
        ".ngrok2",
        ".config/tailscale",
        /* clusters and containers */
        ".kube",
        ".config/k9s",
        ".docker",
        ".config/containers/auth.json",
        ".helm",
        ".config/helm",
        ".config/argocd",
        /* infrastructure as code */
        ".terraform.d",
        ".terraformrc",
        ".pulumi",
        ".config/pulumi",
        ".chef",
        /* forges and what watches over them */
        ".config/gh",
        ".config/hub",
        ".config/glab-cli",
        ".config/tea",
        ".config/act",
        ".config/sentry",
        ".sentryclirc",
        /* data warehouses */
        ".databrickscfg",
        ".snowsql",
        ".config/snowflake",
};

static const char *const browser[] = {
        /* Firefox and its kin */
        ".mozilla",
        ".config/mozilla",
        ".cache/mozilla",
        ".librewolf",
        ".waterfox",
        ".zen",
        ".tor-browser",
        /* Chromium and its kin */
        ".config/google-chrome",
        ".config/google-chrome-beta",
        ".config/google-chrome-unstable",
        ".config/chromium",
        ".config/BraveSoftware",
        ".config/microsoft-edge",
        ".config/vivaldi",
        ".config/opera",
        ".config/Yandex",
        ".cache/google-chrome",
        ".cache/chromium",
        ".cache/BraveSoftware",
        /* others */
        ".config/epiphany",
        ".local/share/epiphany",
        ".config/falkon",
        ".config/qutebrowser",
        ".local/share/qutebrowser",
        /* the same in flatpak and snap */
        ".var/app",
        "snap/firefox",
        "snap/chromium",
        /* Electron and other chat: browsers that keep one site's session */
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
        /* GNOME */
        ".local/share/keyrings",
        ".gnome2/keyrings",
        ".local/share/oo7",
        /* KDE */
        ".local/share/kwalletd",
        ".config/kwalletrc",
        ".kde/share/apps/kwallet",
        ".kde4/share/apps/kwallet",
        /* others */
        ".local/share/secrets",
        "Library/Keychains",
};

static const char *const history[] = {
        /* shells */
        ".bash_history",
        ".zsh_history",
        ".zhistory",
        ".histfile",
        ".sh_history",
        ".ksh_history",
        ".history",
        ".tcsh_history",
        ".bash_sessions",
        ".zsh_sessions",
        ".local/share/fish/fish_history",
        ".config/fish/fish_history",
        ".local/share/xonsh",
        ".config/nushell/history.txt",
        ".config/nushell/history.sqlite3",
        ".local/share/atuin",
        ".local/share/mcfly",
        /* interpreters and debuggers */
        ".python_history",
        ".ipython/profile_default/history.sqlite",
        ".node_repl_history",
        ".irb_history",
        ".irb-history",
        ".pry_history",
        ".local/share/pry",
        ".ghc/ghci_history",
        ".julia/logs",
        ".Rhistory",
        ".octave_hist",
        ".scala_history",
        ".lua_history",
        ".gdb_history",
        ".lldb",
        /* database clients */
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
        /* pagers, editors and desktops: what was looked at */
        ".lesshst",
        ".viminfo",
        ".local/state/vim",
        ".local/state/nvim/shada",
        ".nano_history",
        ".local/share/nano",
        ".wget-hsts",
        ".recently-used",
        ".local/share/recently-used.xbel",
        /* agents: what was said to them */
        ".claude/history.jsonl",
        ".claude/projects",
        ".codex/history.jsonl",
        ".codex/sessions",
};

static const char *const packages[] = {
        /* for many tools */
        ".netrc",
        ".curlrc",
        ".wgetrc",
        /* javascript */
        ".npmrc",
        ".yarnrc",
        ".yarnrc.yml",
        ".bunfig.toml",
        ".config/pnpm/rc",
        ".config/pnpm/auth.ini",
        ".jspm",
        /* python */
        ".pypirc",
        ".config/pip",
        ".pip",
        ".config/pypoetry/auth.toml",
        ".config/uv",
        ".local/share/uv/credentials",
        ".config/hatch",
        ".condarc",
        ".continuum",
        ".config/binstar",
        /* rust, ruby */
        ".cargo/credentials",
        ".cargo/credentials.toml",
        ".gem/credentials",
        ".local/share/gem/credentials",
        ".bundle/config",
        ".config/rubygems",
        /* jvm; the init script can hold passwords, and runs */
        ".m2/settings.xml",
        ".m2/settings-security.xml",
        ".gradle/gradle.properties",
        ".gradle/init.gradle",
        ".sbt/.credentials",
        ".ivy2/.credentials",
        ".lein/credentials.clj.gpg",
        /* php, .net, erlang, haskell, julia */
        ".composer/auth.json",
        ".config/composer/auth.json",
        ".nuget/NuGet/NuGet.Config",
        ".config/NuGet",
        ".microsoft/usersecrets",
        ".hex/hex.config",
        ".cabal/config",
        ".stack/config.yaml",
        ".julia/servers",
        /* c and c++, and stores for all */
        ".conan/registry.json",
        ".conan2/credentials.json",
        ".config/jfrog",
        ".jfrog",
        ".artifactory_python_cli",
        ".docker/config.json",
};

/* Files of the system that only root (or a group for it) reads: uid 0 without capabilities still
 * owns them (decision 4). For other users the permissions say the same; the mask also holds where a
 * group
 * ("shadow", "ssl-cert", "docker") would open them. */
const char *const system_secrets[] = {
        /* accounts */
        "/etc/shadow",
        "/etc/shadow-",
        "/etc/gshadow",
        "/etc/gshadow-",
        "/etc/security/opasswd",
        "/etc/sudoers",
        "/etc/sudoers.d",
        "/etc/doas.conf",
        /* this machine's keys */
        "/etc/ssh/ssh_host_rsa_key",
        "/etc/ssh/ssh_host_ecdsa_key",
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssh/ssh_host_dsa_key",
        "/etc/ssl/private",
        "/etc/pki/tls/private",
        "/etc/letsencrypt",
        "/etc/krb5.keytab",
        "/etc/credstore",
        "/etc/credstore.encrypted",
        "/etc/cryptsetup-keys.d",
        "/etc/luks",
        "/var/lib/systemd/credential.secret",
        /* networks */
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
        "/var/lib/NetworkManager",
        "/var/lib/iwd",
        "/var/lib/bluetooth",
        "/var/lib/tailscale",
        /* passwords of services */
        "/etc/mysql/debian.cnf",
        "/etc/postfix/sasl_passwd",
        "/etc/exim4/passwd.client",
        "/etc/apt/auth.conf",
        "/etc/apt/auth.conf.d",
        "/etc/gitlab-runner",
        "/var/lib/sss",
        "/var/lib/samba/private",
        "/var/lib/krb5kdc",
        "/etc/sssd",
        "/etc/nslcd.conf",
        "/etc/ldap.secret",
        "/etc/pam_ldap.secret",
        "/etc/freeradius",
        "/etc/dovecot/private",
        "/etc/bind/rndc.key",
        "/etc/snmp",
        "/etc/xpra",
        "/var/cache/debconf/passwords.dat",
        "/var/log/btmp", /* what was typed for a name is now and then a password */
        "/var/log/btmp.1",
        /* clusters and containers: other systems' disks, with their secrets */
        "/etc/kubernetes",
        "/etc/rancher",
        "/etc/ceph",
        "/var/lib/docker",
        "/var/lib/containerd",
        "/var/lib/containers",
        "/var/lib/lxc",
        "/var/lib/lxd",
        "/var/lib/incus",
        "/var/lib/machines",
        "/var/lib/libvirt",
        "/var/lib/kubelet",
        "/var/lib/etcd",
        "/var/lib/rancher",
        /* what clouds put there at first boot, state of services, copies of all of this */
        "/var/lib/cloud",
        "/var/lib/private",
        "/var/backups",
        "/var/spool/cron",
};

const size_t system_secrets_n = ELEMENTSOF(system_secrets);

#define PROTECT(member, list)                                                                      \
        {                                                                                          \
                .offset = offsetof(struct policy_security, member), .reason = "security." #member, \
                .field = "/security/" #member, .paths = list, .n = ELEMENTSOF(list)                \
        }
const struct protected_paths protected_paths[] = {
        PROTECT(protect_credentials, credentials), PROTECT(protect_cloud_config, cloud),
        PROTECT(protect_browser_data, browser),    PROTECT(protect_keychain, keychain),
        PROTECT(protect_shell_history, history),   PROTECT(protect_package_credentials, packages),
};
const size_t protected_paths_n = ELEMENTSOF(protected_paths);
