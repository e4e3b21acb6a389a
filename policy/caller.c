/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a caller's variables say of his network: the proxy that he needs, and the certificate
 * authorities that he trusts beside the system's. The client looks for a policy of its own, the
 * session for a profile, which only it reads.
 */
#include <string.h>

#include "host.h"
#include "path.h"
#include "policy.h"

/* Libraries and tools that read a file of certificates; each has a name of its own for it. */
static const char *const certificate_variables[] = {
        "SSL_CERT_FILE",     "SSL_CERT_DIR",      "NODE_EXTRA_CA_CERTS",
        "CURL_CA_BUNDLE",    "GIT_SSL_CAINFO",    "GIT_SSL_CAPATH",
        "PIP_CERT",          "CARGO_HTTP_CAINFO", "REQUESTS_CA_BUNDLE",
        "AWS_CA_BUNDLE",     "npm_config_cafile", "NPM_CONFIG_CAFILE",
        "NIX_SSL_CERT_FILE", "DENO_CERT",         "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "HTTPLIB2_CA_CERTS",
};

static const char *first_set(const struct caller *c, const char *const *names) {
        for (; *names; names++) {
                const char *value = c->variable(c->userdata, *names);
                if (value && *value)
                        return value;
        }
        return NULL;
}

static int take_proxy(struct arena *a, const struct caller *c, struct policy_network *n,
                      struct error *e) {
        static const char *const proxies[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
                                               "ALL_PROXY",   "http_proxy",  NULL };
        static const char *const exceptions[] = { "no_proxy", "NO_PROXY", NULL };
        const char *proxy = n->proxy ? NULL : first_set(c, proxies);
        const char *words = proxy && !n->no_proxy.set ? first_set(c, exceptions) : NULL;
        struct parent_proxy_url url;

        /* A proxy of a kind that the gate can't use is none: names are looked up without one. */
        if (!proxy || parent_proxy_parse(proxy, &url, NULL) < 0)
                return 0;
        n->proxy = arena_strdup(a, proxy);
        if (!n->proxy)
                return error_nomem(e);
        while (words && *words) {
                words += strspn(words, ", \t");
                size_t len = strcspn(words, ", \t");
                char *word = arena_strndup(a, words, len);
                if (!word || (len > 0 && !arena_push(a, &n->no_proxy, word)))
                        return error_nomem(e);
                words += len;
        }
        return 0;
}

/* A directory could be any, the home as well: only where the system keeps such things. */
static bool is_certificates(const struct caller *c, const char *path, const char **real) {
        bool directory;

        *real = c->readable(c->userdata, path, &directory);
        return *real &&
               (!directory || path_is_under(*real, "/etc") || path_is_under(*real, "/usr"));
}

static int take_certificates(struct arena *a, const struct caller *c, struct policy *p,
                             struct error *e) {
        struct pairs *list = &p->network.certificates;

        for (size_t i = 0; i < ELEMENTSOF(certificate_variables); i++) {
                const char *name = certificate_variables[i], *real,
                           *path = c->variable(c->userdata, name);
                if (path && path[0] == '/' && !pairs_get(list, name) &&
                    !pairs_get(&p->environment.set, name) && is_certificates(c, path, &real) &&
                    !arena_push_pair(a, list, name, real))
                        return error_nomem(e);
        }
        return 0;
}

int policy_caller(struct arena *a, const struct caller *c, struct policy *p, struct error *e) {
        int r = take_proxy(a, c, &p->network, e);
        return r < 0 ? r : take_certificates(a, c, p, e);
}
