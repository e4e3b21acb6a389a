/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Questions on the user's terminal while a command runs. */
#pragma once

#include <poll.h>
#include <stdint.h>

#include "../libleash/internal.h"
#include "terminal.h"

struct asking;
/* Takes the questions of the connection. `terminal` is left while one is put, and entered again. */
struct asking *asking_new(struct leash *l, struct terminal *terminal, bool quiet);
struct asking *asking_free(struct asking *a);
/* A question is on the terminal: whatever is typed is its answer, not the command's input. */
bool asking_is_open(const struct asking *a);
int asking_fd(const struct asking *a);      /* readable: asking_step(); -1: nothing is asked */
int asking_timeout(const struct asking *a); /* ms for poll(2), -1: none */
void asking_step(struct asking *a);

/* Milliseconds of the monotonic clock: for how long a question, or a person's patience, lasts. */
int64_t now_ms(void);
