/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is known not to exist. A plan names some two hundred places where toolchains, devices and
 * secrets may be, and most hosts have two dozen of them. A missing name stays missing while its
 * directory's modification time stands still, so one stat(2) a directory answers for all names in
 * it.
 */
#pragma once

#include <time.h>

#include "../../policy/base.h"

#define ABSENT_NAMES 512 /* some 150 are asked for; what finds no room costs a look-up, no more */
#define ABSENT_DIRECTORIES 128

struct absent {
        struct {
                uint64_t hash;
                uint32_t version; /* of its directory, when it was missing */
        } names[ABSENT_NAMES];
        struct {
                uint64_t hash;
                uint64_t device, inode;
                struct timespec changed; /* ctime: nobody can set it */
                uint32_t version; /* counts the changes that were seen; 0 = may not be relied on */
                uint32_t round;   /* when it was looked at last */
                bool missing;
        } directories[ABSENT_DIRECTORIES];
        uint32_t round, versions;
};

/* Once before the questions of one plan: each directory is looked at anew. */
void absent_begin(struct absent *a);
/* Is the absolute path known not to exist? `root` is the descriptor it hangs on. */
bool absent_known(struct absent *a, int root, const char *path);
/* A look-up, made after absent_known() said no, found nothing. */
void absent_note(struct absent *a, const char *path);
