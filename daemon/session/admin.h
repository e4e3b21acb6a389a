/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The administrator's configuration, as the session holds it. */
#pragma once

#include "session.h"

#define ADMIN_CONFIG "/etc/leash/leashd.json"

/* trusted: it must be root's. -ENOENT: there is none. */
int admin_read(const char *path, bool trusted, struct admin *ret, struct error *e);
/* Nobody but root may write it: who could would take the floor away. */
int admin_trusted(const char *path, struct error *e);
/* System mode; again on SIGHUP of leashd. < 0: what there is cannot be used, as was logged. */
int admin_load(struct session *s);
int admin_usable(const struct session *s, struct error *e);
/* leash-session --user-totals: a struct launch_totals on standard output; the exit status. */
int admin_print_totals(void);
