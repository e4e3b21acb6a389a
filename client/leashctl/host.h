/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* --ipc NAME='COMMAND …': programs out here as commands in there. Words become words, never text
 * for a shell; standard input, output and the exit code go through. */
#pragma once

#include "commands.h"

struct hosts;

/* Registers what the options ask for on a sandbox that this connection has made; 0, or an exit
 * code. *ret is NULL where nothing is asked for. */
int hosts_register(struct ctl *c, const char *sandbox, struct hosts **ret);
struct hosts *hosts_free(struct hosts *h); /* kills what runs */
int hosts_fd(const struct hosts *h);       /* poll for POLLIN; -1 for none */
int hosts_timeout(const struct hosts *h);  /* ms; -1 = none */
void hosts_step(struct hosts *h);
