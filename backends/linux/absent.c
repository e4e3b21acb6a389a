/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* See absent.h. */
#include "absent.h"

#include <string.h>
#include <sys/stat.h>

#include "../../policy/limits.h"
#include "sys.h"

/* Before Linux 6.13 a file system's clock ticks every 1 to 10 ms: a directory that changed just now
 * may change again without showing it. */
#define SETTLED_NS 50000000

static uint64_t hash_of(const char *text, size_t n) { /* FNV-1a, 64 bits */
        uint64_t h = 0xcbf29ce484222325u;

        for (size_t i = 0; i < n; i++)
                h = (h ^ (unsigned char) text[i]) * 0x100000001b3u;
        return h;
}

static size_t parent_length(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? (size_t) (slash - path) : 0;
}

static bool is_settled(const struct timespec *changed) {
        struct timespec now;
        int64_t age;

        clock_gettime(CLOCK_REALTIME, &now);
        age = (int64_t) (now.tv_sec - changed->tv_sec) * 1000000000 + now.tv_nsec -
              changed->tv_nsec;
        return age > SETTLED_NS;
}

void absent_begin(struct absent *a) {
        a->round++;
}

/* Linear probing, a few steps; where all of them are taken, the last one gives way. */
#define PROBES 8

static size_t directory_slot(const struct absent *a, uint64_t hash) {
        size_t slot = hash % ABSENT_DIRECTORIES;

        for (size_t i = 1;
             i < PROBES && a->directories[slot].hash != hash && a->directories[slot].hash != 0; i++)
                slot = (slot + 1) % ABSENT_DIRECTORIES;
        return slot;
}

static size_t name_slot(const struct absent *a, uint64_t hash) {
        size_t slot = hash % ABSENT_NAMES;

        for (size_t i = 1; i < PROBES && a->names[slot].hash != hash && a->names[slot].hash != 0;
             i++)
                slot = (slot + 1) % ABSENT_NAMES;
        return slot;
}

static void directory_look(struct absent *a, size_t slot, int root, const char *path, size_t n,
                           uint64_t hash) {
        char text[LIMIT_PATH_BYTES];
        struct stat st;
        bool same;

        if (n >= sizeof(text))
                return;
        memcpy(text, path, n);
        text[n] = '\0';
        same = a->directories[slot].hash == hash && a->directories[slot].version != 0;
        a->directories[slot].hash = hash;
        a->directories[slot].round = a->round;
        a->directories[slot].missing = fstatat(root, relative(text), &st, 0) < 0;
        if (a->directories[slot].missing) {
                a->directories[slot].version = 0;
                return;
        }
        if (same && a->directories[slot].device == st.st_dev &&
            a->directories[slot].inode == st.st_ino &&
            a->directories[slot].changed.tv_sec == st.st_ctim.tv_sec &&
            a->directories[slot].changed.tv_nsec == st.st_ctim.tv_nsec)
                return;
        a->directories[slot].device = st.st_dev;
        a->directories[slot].inode = st.st_ino;
        a->directories[slot].changed = st.st_ctim;
        a->directories[slot].version = is_settled(&st.st_ctim) ? ++a->versions : 0;
}

bool absent_known(struct absent *a, int root, const char *path) {
        size_t n = parent_length(path), directory, name;
        uint64_t parent = hash_of(path, n), own = hash_of(path, strlen(path));

        directory = directory_slot(a, parent);
        name = name_slot(a, own);
        if (a->directories[directory].hash != parent || a->directories[directory].round != a->round)
                directory_look(a, directory, root, path, n, parent);
        if (a->directories[directory].hash != parent || a->directories[directory].round != a->round)
                return false;
        return a->directories[directory].missing ||
               (a->names[name].hash == own && a->names[name].version != 0 &&
                a->names[name].version == a->directories[directory].version);
}

void absent_note(struct absent *a, const char *path) {
        size_t n = parent_length(path), directory, name;
        uint64_t parent = hash_of(path, n), own = hash_of(path, strlen(path));

        directory = directory_slot(a, parent);
        name = name_slot(a, own);
        if (a->directories[directory].hash != parent || a->directories[directory].round != a->round)
                return;
        a->names[name].hash = own;
        a->names[name].version = a->directories[directory].version;
}
