/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The daemon speaks of policy fields, people of options. A field comes as a JSON pointer
 * ("/overrides/limits/ memory_bytes", "/policy/filesystem/read/2") or with dots
 * ("filesystem.write"); both name the same row.
 */
#include <stdlib.h>
#include <string.h>

#include "../../policy/path.h"
#include "options.h"

/* Without the layer's prefix and with slashes: "/limits/memory_bytes". */
static bool canonical(const char *field, char *ret, size_t size) {
        static const char *const layers[] = { "/overrides/", "/policy/", "overrides.", "policy." };

        for (size_t i = 0; i < ELEMENTSOF(layers); i++)
                if (strncmp(field, layers[i], strlen(layers[i])) == 0) {
                        field += strlen(layers[i]) - (field[0] == '/');
                        break;
                }
        int n = snprintf(ret, size, "%s%s", field[0] == '/' ? "" : "/", field);
        if (n <= 0 || (size_t) n >= size || !ret[1])
                return false;
        if (field[0] != '/')
                for (char *p = ret + 1; *p; p++)
                        if (*p == '.')
                                *p = '/';
        return true;
}

static const struct option *row_for(const char *pointer) {
        for (size_t i = 0; i < options_n; i++) {
                const char *f = options[i].field;
                size_t n = f ? strlen(f) : 0;
                if (n > 0 && strcmp(f, "/security") != 0 && strncmp(pointer, f, n) == 0 &&
                    (pointer[n] == '\0' || pointer[n] == '/'))
                        return &options[i];
        }
        return NULL;
}

static const struct protection *protection_for(const char *pointer) {
        static const char prefix[] = "/security/";

        if (strncmp(pointer, prefix, sizeof(prefix) - 1) != 0)
                return NULL;
        for (size_t i = 0; i < protections_n; i++)
                if (strcmp(pointer + sizeof(prefix) - 1, protections[i].name) == 0)
                        return &protections[i];
        return NULL;
}

/* "--memory"; for protections "--no-protect credentials", which is what a person would look up; for
 * what is not an option but an operand, its name in the usage line. */
bool option_for_field(const char *field, char *ret, size_t size) {
        char pointer[256];

        if (!canonical(field, pointer, sizeof(pointer)))
                return false;
        const struct protection *p = protection_for(pointer);
        const struct option *row = row_for(pointer);
        if (p)
                snprintf(ret, size, "--no-protect %s", p->option);
        else if (row)
                snprintf(ret, size, "%s%s", row->letter == 'C' ? "-" : "--",
                         row->letter == 'C' ? "C" : row->name);
        else if (strncmp(pointer, "/argv", 5) == 0)
                snprintf(ret, size, "COMMAND");
        else if (strncmp(pointer, "/timeout_ms", 11) == 0)
                snprintf(ret, size, "--timeout");
        else
                return false;
        return true;
}

void shell_quote(const char *word, char *ret, size_t size) {
        size_t n = 0;

        ret[0] = '\0';
        if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "_-+=.,/:@%^") == strlen(word)) {
                snprintf(ret, size, "%s", word);
                return;
        }
        if (size < 3)
                return;
        ret[n++] = '\'';
        for (; *word && n + 6 < size; word++)
                if (*word == '\'') {
                        memcpy(ret + n, "'\\''", 4);
                        n += 4;
                } else {
                        ret[n++] = *word;
                }
        ret[n++] = '\'';
        ret[n] = '\0';
}

bool field_allows(const char *field, const char *what, char *ret, size_t size) {
        char pointer[256], option[128], word[LIMIT_PATH_BYTES + 64];

        if (!field || !canonical(field, pointer, sizeof(pointer)))
                return false;
        const struct option *row = row_for(pointer);
        if (row && strcmp(row->name, "deny") == 0) {
                /* No option takes an entry of a deny list away: lists of that kind only grow. */
                snprintf(ret, size, "drop that rule from filesystem.deny");
                return true;
        }
        if (row && strcmp(row->name, "deny-host") == 0) {
                snprintf(ret, size, "drop that rule from network.deny");
                return true;
        }
        if (!option_for_field(field, option, sizeof(option)))
                return false;
        if (strcmp(pointer, "/network/mode") == 0 && what) {
                /* The narrowest that does: --net allow would open the rest, too. */
                shell_quote(what, word, sizeof(word));
                snprintf(ret, size, "--allow-host %s", word);
        } else if (strcmp(pointer, "/network/mode") == 0)
                snprintf(ret, size, "--net allow");
        else if (strcmp(pointer, "/level") == 0) {
                /* What only this level leaves open; /sys stays read-only in each. */
                if (what && path_is_under(what, "/sys"))
                        return false;
                snprintf(ret, size, "--level permissive");
        } else if (strcmp(pointer, "/network/local_ports") == 0 && what) {
                const char *colon = strrchr(what, ':'); /* a port is wanted, not a host */
                snprintf(ret, size, "--local-port %s",
                         colon && colon[1] >= '0' && colon[1] <= '9' ? colon + 1 : "PORT");
        } else if (row && row->arg && what && strncmp(pointer, "/limits", 7) != 0) {
                shell_quote(what, word, sizeof(word));
                snprintf(ret, size, "%s %s", option, word);
        } else if (row && row->arg)
                snprintf(ret, size, "%s %s", option, row->arg);
        else
                snprintf(ret, size, "%s", option);
        return true;
}

bool option_that_allows(const struct denial *d, char *ret, size_t size) {
        return field_allows(d->field, d->path ? d->path : d->host, ret, size);
}

static const struct strings *list_of(const struct policy *p, const char *pointer) {
        const struct option *row = row_for(pointer);
        size_t base = offsetof(struct options, overrides);

        /* Only lists are asked for by index; their rows' members lie in the policy. */
        if (!row || row->offset < base || row->offset >= base + sizeof(struct policy))
                return NULL;
        return (const struct strings *) (const void *) ((const char *) p + (row->offset - base));
}

const char *option_value_at(const struct options *o, const char *pointer) {
        char rest[256], *end;

        if (strncmp(pointer, "/overrides/", 11) != 0 || !canonical(pointer, rest, sizeof(rest)))
                return NULL;
        const char *index = strrchr(rest, '/');
        unsigned long i = strtoul(index + 1, &end, 10);
        if (index == rest || end == index + 1 || *end)
                return NULL;
        const struct strings *list = list_of(&o->overrides, rest);
        return list && i < list->n ? list->items[i] : NULL;
}
