/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs one fuzz target over the files of folders, so that every corpus is part of the unit tests.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *dir, const char *name) {
        char path[4096];
        uint8_t *data = NULL;
        long size;
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "rb");
        if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) < 0) {
                perror(path);
                return -1;
        }
        data = malloc(size ? (size_t) size : 1); /* exactly: a sanitizer sees a byte too far */
        if (!data || fread(data, 1, (size_t) size, f) != (size_t) size) {
                perror(path);
                return -1;
        }
        fclose(f);
        LLVMFuzzerTestOneInput(data, (size_t) size);
        free(data);
        return 0;
}

int main(int argc, char **argv) {
        size_t n = 0;

        for (int i = 1; i < argc; i++) {
                DIR *dir = opendir(argv[i]);
                struct dirent *entry;

                if (!dir) {
                        perror(argv[i]);
                        return 1;
                }
                while ((entry = readdir(dir))) {
                        if (entry->d_name[0] == '.')
                                continue;
                        if (run_file(argv[i], entry->d_name) < 0)
                                return 1;
                        n++;
                }
                closedir(dir);
        }
        printf("%zu inputs\n", n);
        return n > 0 ? 0 : 1;
}
