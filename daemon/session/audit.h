/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Denials that the kernel recorded and leashd passed on: decision in docs/decisions.md. */
#pragma once

#include "../common/control.h"
#include "sandbox.h"

/* leashd says with each connection how things stand. */
void audit_note_state(struct session *s, uint32_t state);
/* For leash.info: a word. */
const char *audit_state_word(const struct session *s);
void audit_denial(struct session *s, const struct control_denial *m);
/* Does the kernel record what this sandbox is denied? Its word comes a moment late. */
bool audit_records(const struct sandbox *sb);
/* leash-session --audit-setting: the exit status. */
int audit_print_setting(void);
