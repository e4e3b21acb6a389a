/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where leashd meets its host: readiness, watchdog and the descriptor store of systemd
 * (sd_notify(3), file-descriptor store: systemd.service(5)). Without systemd all of it does
 * nothing. */
#pragma once

#include "leashd.h"

/* Descriptors 3… that came with names: the listening socket (*ret_listen, -1 = none) and the
 * control sockets of sessions that a leashd before us started, which are taken over. */
int host_descriptors(struct leashd *d, int *ret_listen, struct error *e);
int host_start(struct leashd *d, struct error *e); /* the watchdog's timer */
void host_ready(struct leashd *d);
void host_stopping(struct leashd *d);
void host_stop(struct leashd *d);
/* Whether systemd keeps `fd` for the leashd after us. */
bool host_keep(struct leashd *d, const char *name, int fd);
void host_drop(struct leashd *d, const char *name);
