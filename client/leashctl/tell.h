/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a person is told of numbers and words that the daemon gave: all of it goes into `ret`. */
#pragma once

#include "../../proto/shapes.h"

const char *level_word(enum level l); /* "?": of another version's daemon */
const char *network_word(enum network_mode m);
const char *state_word(enum sandbox_state s);
/* "4s", "12m", "3h", "9d": one number is enough to recognise a sandbox by. */
void age_text(double seconds, char *ret, size_t size);
void size_text(uint64_t bytes, char *ret, size_t size);    /* "512", "1.5K", "24M" */
void seconds_text(double seconds, char *ret, size_t size); /* "3.1 ms", "2.5 s" */
void time_text(double when, char *ret, size_t size);       /* seconds since 1970, in local time */
void argv_text(const struct strings *argv, char *ret, size_t size); /* as a shell takes it back */
/* "memory_bytes 512M, processes 64": those that have a value; "" = none. */
void limits_text(const struct policy_limits *limits, char *ret, size_t size);
