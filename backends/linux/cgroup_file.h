/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The files of a control group, below a descriptor of its directory. */
#pragma once

#include <sys/types.h>

#include "../../policy/base.h"

/* Where leash's own processes go when their group gets controllers. A dot: no sandbox has such a
 * name. */
#define CGROUP_LEAF "leash.self"

int cgroup_write(int group, const char *file, const char *text);
/* The text, NUL-terminated and cut to size; 0 or -errno. */
int cgroup_read(int group, const char *file, char *buffer, size_t size);
/* The number behind `key ` in a file of lines; NULL key: the file's only number. 0 if it is not
 * there. */
uint64_t cgroup_read_key(int group, const char *file, const char *key);
uint64_t cgroup_key(int file, const char *key);
/* Up to n of the group's processes. */
size_t cgroup_processes(int group, pid_t *pids, size_t n);
bool cgroup_has_process(int group, pid_t pid);
