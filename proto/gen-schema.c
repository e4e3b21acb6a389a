/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * gen-schema [--check] TREE: writes the documents that are made from the tables into the source
 * tree, or says whether the committed ones are still right. They are committed so that a change of
 * the wire shows in review.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "openrpc.h"

static char *print_json(struct json *j, size_t *ret_len) {
        char *text = j ? json_print(j, true, ret_len) : NULL;

        (void) json_unref(j);
        return text;
}

static char *print_openrpc(size_t *ret_len) {
        return print_json(method_openrpc(), ret_len);
}

static char *print_policy_schema(size_t *ret_len) {
        return print_json(policy_schema(), ret_len);
}

static char *print_admin_schema(size_t *ret_len) {
        return print_json(admin_schema(), ret_len);
}

static const struct {
        const char *path;
        char *(*print)(size_t *ret_len);
} documents[] = {
        { "proto/leash.openrpc.json", print_openrpc },
        { "proto/policy.schema.json", print_policy_schema },
        { "proto/leashd.schema.json", print_admin_schema },
        { "docs/reference/api.md", manual_api },
        { "docs/reference/policy.md", manual_policy },
};

static int write_document(const char *path, const char *text, size_t len) {
        FILE *f = fopen(path, "we");
        bool ok;

        if (!f) {
                (void) fprintf(stderr, "gen-schema: %s: %s\n", path, strerror(errno));
                return -1;
        }
        ok = fwrite(text, 1, len, f) == len;
        if (fclose(f) != 0 || !ok) {
                (void) fprintf(stderr, "gen-schema: %s: %s\n", path, strerror(errno));
                return -1;
        }
        return 0;
}

static int check_document(const char *path, const char *text, size_t len) {
        FILE *f = fopen(path, "re");
        size_t line = 1;
        int c = EOF;

        if (!f) {
                (void) fprintf(stderr, "gen-schema: %s: %s\n", path, strerror(errno));
                return -1;
        }
        for (size_t i = 0; i <= len; i++) {
                c = getc(f);
                if (c != (i < len ? (unsigned char) text[i] : EOF)) {
                        (void) fprintf(stderr,
                                       "gen-schema: %s differs from the tables at line %zu; "
                                       "`meson compile generate` writes it anew\n",
                                       path, line);
                        (void) fclose(f);
                        return -1;
                }
                line += c == '\n';
        }
        (void) fclose(f);
        return 0;
}

int main(int argc, char **argv) {
        bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
        const char *tree = argv[argc - 1];
        int failed = 0;

        if (argc != 2 && !check) {
                (void) fprintf(stderr, "usage: gen-schema [--check] TREE\n");
                return 2;
        }
        for (size_t i = 0; i < ELEMENTSOF(documents); i++) {
                size_t len;
                char path[4096], *text = documents[i].print(&len);

                if (!text) {
                        (void) fprintf(stderr, "gen-schema: %s cannot be made\n",
                                       documents[i].path);
                        return 1;
                }
                (void) snprintf(path, sizeof(path), "%s/%s", tree, documents[i].path);
                if ((check ? check_document : write_document)(path, text, len) < 0)
                        failed = 1;
                free(text);
        }
        return failed;
}
