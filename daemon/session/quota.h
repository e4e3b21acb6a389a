/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What one user may have at once: the built-in maximum, or the administrator's (/users in
 * /etc/leash/leashd.json). What is there already stays when the latter is lowered. */
#pragma once

#include "session.h"

enum quota {
        QUOTA_CONNECTIONS = 0,
        QUOTA_SANDBOXES,
        QUOTA_REQUESTS,     /* that wait for their answer */
        QUOTA_BUFFER_BYTES, /* captured output, waiting input, unread answers */
        QUOTA_N_,
};
const char *quota_name(enum quota q);
uint64_t quota_used(const struct session *s, enum quota q);
uint64_t quota_max(const struct session *s, enum quota q);
bool quota_is_admins(const struct session *s, enum quota q);
bool quota_allows(const struct session *s, enum quota q, uint64_t more);
/* 0, or ERROR_LIMIT with the limit's name, its value and who says so. */
int quota_check(const struct session *s, enum quota q, uint64_t more, struct error *e);

/* Of all that the user runs, which control groups hold (daemon/launch/user.c). */
void quota_totals(const struct session *s, struct engine_totals *ret);
/* 0, or ERROR_REFUSED: the administrator's total is one that nobody holds here. */
int quota_totals_check(const struct session *s, struct error *e);
