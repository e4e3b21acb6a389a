/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What cppcheck has to know of <sys/queue.h>, which it does not read: that these are loops. */
#pragma once

#define LIST_FOREACH(v, head, field) for ((v) = (head)->lh_first; (v); (v) = (v)->field.le_next)
#define TAILQ_FOREACH(v, head, field) for ((v) = (head)->tqh_first; (v); (v) = (v)->field.tqe_next)
