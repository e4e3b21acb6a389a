/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What may be handed to an installer: requirements as PEP 508 has them. pip and uv take much more
 * in the same place (options, paths, URLs of any scheme, "git+ssh://…"), and a word from a model or
 * from a project's file must not become one of these.
 */
#include <stdio.h>
#include <string.h>

#include "policy.h"

static bool is_alnum(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void skip_space(const char **s) {
        while (**s == ' ' || **s == '\t')
                (*s)++;
}

/* PEP 508, "Names": letters and digits, with - _ . between them. */
static bool take_name(const char **s) {
        const char *p = *s;
        if (!is_alnum(*p))
                return false;
        while (is_alnum(*p) || *p == '-' || *p == '_' || *p == '.')
                p++;
        if (!is_alnum(p[-1]))
                return false;
        *s = p;
        return true;
}

static bool take_extras(const char **s) {
        if (**s != '[')
                return true;
        do {
                (*s)++;
                skip_space(s);
                if (!take_name(s))
                        return false;
                skip_space(s);
        } while (**s == ',');
        if (**s != ']')
                return false;
        (*s)++;
        skip_space(s);
        return true;
}

/* One of "==1.2.*", ">= 2", … */
static bool take_version(const char **s) {
        static const char *const operators[] = { "===", "~=", "==", "!=", "<=", ">=", "<", ">" };
        size_t i = 0, n = 0;
        while (i < ELEMENTSOF(operators) && strncmp(*s, operators[i], strlen(operators[i])) != 0)
                i++;
        if (i == ELEMENTSOF(operators))
                return false;
        *s += strlen(operators[i]);
        skip_space(s);
        for (; is_alnum(**s) || (**s && strchr("-_.*+!", **s)); (*s)++)
                n++;
        skip_space(s);
        return n > 0;
}

static bool take_versions(const char **s) {
        bool brackets = **s == '(';
        if (brackets) {
                (*s)++;
                skip_space(s);
        }
        if (brackets || **s == '<' || **s == '>' || **s == '=' || **s == '!' || **s == '~') {
                if (!take_version(s))
                        return false;
                while (**s == ',') {
                        (*s)++;
                        skip_space(s);
                        if (!take_version(s))
                                return false;
                }
        }
        if (!brackets)
                return true;
        if (**s != ')')
                return false;
        (*s)++;
        skip_space(s);
        return true;
}

/* "; python_version < '3.9' and extra == 'x'": the words are pip's to understand. */
static bool take_marker(const char **s) {
        if (**s != ';')
                return true;
        (*s)++;
        skip_space(s);
        size_t n = 0;
        for (; is_alnum(**s) || (**s && strchr("<>=!~()'\"._-*+ \t,", **s)); (*s)++)
                n++;
        return n > 0;
}

static int refuse(const char *text, const char *where, const char *why, struct error *e) {
        char shown[96];
        size_t n = 0;
        for (; text[n] && n + 1 < sizeof(shown); n++)
                shown[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
        shown[n] = '\0';
        return error_field(e, where, "\"%s\" is not a package requirement: %s", shown, why);
}

static int check_at(const char **s, const char *text, const char *where, struct index_url *ret_url,
                    struct error *e) {
        char url[1024] = "";
        struct index_url parsed;
        size_t n = 0;
        (*s)++;
        skip_space(s);
        for (; (unsigned char) **s > ' ' && n + 1 < sizeof(url); (*s)++)
                url[n++] = **s;
        url[n] = '\0';
        skip_space(s);
        if (strncmp(url, "https://", 8) != 0 || index_url_parse(url, where, &parsed, NULL) < 0)
                return refuse(text, where, "after @ there must be an https:// URL", e);
        if (ret_url)
                *ret_url = parsed;
        return 0;
}

int requirement_check(const char *text, const char *where, struct index_url *ret_url,
                      struct error *e) {
        const char *s = text;
        if (ret_url)
                *ret_url = (struct index_url){ .host = "" };
        if (!*s)
                return refuse(text, where, "it is empty", e);
        if (*s == '-')
                return refuse(text, where, "it begins like an option", e);
        if (strlen(text) > 1000)
                return refuse(text, where, "it is too long", e);
        for (const char *p = text; *p; p++)
                if ((unsigned char) *p < 0x20 || (unsigned char) *p >= 0x7f)
                        return refuse(text, where, "it has a control byte, or is not ASCII", e);
        if (!take_name(&s))
                return refuse(text, where, "a name begins with a letter or a digit", e);
        skip_space(&s);
        bool good = take_extras(&s);
        if (good && *s == '@') {
                int r = check_at(&s, text, where, ret_url, e);
                if (r < 0)
                        return r;
        } else
                good = good && take_versions(&s);
        if (good && take_marker(&s) && !*s)
                return 0;
        return refuse(text, where,
                      "expected NAME, NAME[EXTRA], NAME>=VERSION or NAME @ https://…, and perhaps "
                      "a ; MARKER behind it",
                      e);
}

/* Lines that only choose among what the index has. Others would name another index, a directory, or
 * a file to read. */
static bool is_harmless_option(const char *line) {
        static const char *const options[] = { "--require-hashes", "--no-binary", "--only-binary",
                                               "--prefer-binary", "--pre" };
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                size_t n = strlen(options[i]);
                if (strncmp(line, options[i], n) == 0 &&
                    (!line[n] || line[n] == ' ' || line[n] == '='))
                        return true;
        }
        return false;
}

/* Cuts " --hash=sha256:…" off the end, where pip-compile puts them. */
static void cut_hashes(char *line) {
        char *h = strstr(line, " --hash=");
        if (!h)
                return;
        for (const char *p = h; *p; p++)
                if (!is_alnum(*p) && !strchr(" -=:", *p))
                        return; /* something else: the caller refuses it */
        *h = '\0';
}

static int check_line(char *line, size_t number, const char *where, struct error *e) {
        char *comment = line[0] == '#' ? line : strstr(line, " #");
        if (comment)
                *comment = '\0';
        cut_hashes(line);
        size_t n = strlen(line);
        while (n > 0 && line[n - 1] == ' ')
                line[--n] = '\0';
        while (*line == ' ')
                line++;
        if (!*line || is_harmless_option(line))
                return 0;
        int r = requirement_check(line, where, NULL, e);
        return error_wrap(e, r, "line %zu", number);
}

int requirements_check(const char *text, const char *where, struct error *e) {
        char line[4096];
        size_t n = 0, number = 1, first = 1;
        for (const char *p = text;; p++) {
                if (*p == '\\' && (p[1] == '\n' || (p[1] == '\r' && p[2] == '\n'))) {
                        p += p[1] == '\r' ? 2 : 1;
                        number++;
                        continue;
                }
                if (*p && *p != '\n') {
                        if (*p != '\r' && n + 1 >= sizeof(line))
                                return error_field(e, where, "line %zu is too long", first);
                        if (*p != '\r')
                                line[n++] = *p == '\t' ? ' ' : *p;
                        continue;
                }
                line[n] = '\0';
                int r = check_line(line, first, where, e);
                if (r < 0 || !*p)
                        return r;
                n = 0;
                first = ++number;
        }
}

/* URLs of indexes */

static int bad_url(const char *where, struct error *e) {
        return error_field(e, where,
                           "expected the URL of a package index, as https://host/simple or "
                           "http://127.0.0.1:8080/");
}

static bool parse_port(const char *s, size_t n, unsigned *ret) {
        unsigned port = 0;
        if (n == 0 || n > 5)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (s[i] < '0' || s[i] > '9')
                        return false;
                port = port * 10 + (unsigned) (s[i] - '0');
        }
        *ret = port;
        return port > 0 && port < 65536;
}

int index_url_parse(const char *text, const char *where, struct index_url *ret, struct error *e) {
        struct index_url u = { .plain = strncmp(text, "http://", 7) == 0, .port = 443 };
        if (!u.plain && strncmp(text, "https://", 8) != 0)
                return bad_url(where, e);
        for (const char *p = text; *p; p++)
                if ((unsigned char) *p <= ' ' || (unsigned char) *p >= 0x7f)
                        return bad_url(where, e);
        if (u.plain)
                u.port = 80;
        const char *s = text + (u.plain ? 7 : 8);
        size_t n = strcspn(s, "/?#");
        for (size_t i = 0; i < n; i++)
                if (s[i] == '@') {
                        u.user_at = (size_t) (s - text);
                        u.user_len = i + 1;
                }
        s += u.user_len;
        n -= u.user_len;
        const char *colon = memchr(s, ':', n), *host = s;
        size_t host_len = colon ? (size_t) (colon - s) : n;
        if (*s == '[') {
                const char *end = memchr(s, ']', n);
                if (!end)
                        return bad_url(where, e);
                host = s + 1;
                host_len = (size_t) (end - host);
                colon = end + 1 < s + n ? end + 1 : NULL;
                if (colon && *colon != ':')
                        return bad_url(where, e);
        }
        if (colon && !parse_port(colon + 1, (size_t) (s + n - colon - 1), &u.port))
                return bad_url(where, e);
        if (host_len == 0 || host_len >= sizeof(u.host))
                return bad_url(where, e);
        for (size_t i = 0; i < host_len; i++)
                if (!is_alnum(host[i]) && !strchr(*s == '[' ? ":." : "-._", host[i]))
                        return bad_url(where, e);
        memcpy(u.host, host, host_len);
        u.host[host_len] = '\0';
        u.loopback = strcmp(u.host, "localhost") == 0 || strcmp(u.host, "::1") == 0 ||
                     (strncmp(u.host, "127.", 4) == 0 && strspn(u.host, "0123456789.") == host_len);
        *ret = u;
        return 0;
}
