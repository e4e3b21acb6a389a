/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What of git is in a working directory, and who the user is for git (decision 10, 13). */
#pragma once

#include "session.h"

/* Fills git_dirs, hook_dirs and git_common_dirs of the subject, whose workdir is set. */
int workspace_survey(struct arena *a, struct subject *subject, const char *home, struct error *e);
/* Fills git_name and git_email from the user's configuration; remembered while its files do not
 * change. */
void workspace_identity(struct session *s, struct arena *a, struct subject *subject);
void workspace_forget(struct session *s);
