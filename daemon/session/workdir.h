/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Fresh working directories, and removing them. */
#pragma once

#include "session.h"

struct workdir;

/* Where they lie, and what dead sessions left there (removed in the background). */
int workdirs_open(struct session *s, struct error *e);
const char *workdirs_base(const struct session *s);
/* To the end, within some seconds; what is left is for the next session. */
void workdirs_close(struct session *s);

int workdir_new(struct session *s, struct workdir **ret, struct error *e);
const char *workdir_path(const struct workdir *w);
/* keep: it stays, and later sessions leave it alone, too. Else it is removed in the background; rq
 * (may be NULL) is answered with {} when that is done. */
void workdir_release(struct session *s, struct workdir *w, bool keep, struct request *rq);
