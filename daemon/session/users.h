/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* leash.users: what every user has and takes, for root. */
#pragma once

#include "../common/control.h"
#include "session.h"

void users_told(struct session *s, const struct control_user *m);
void users_stop(struct session *s);
