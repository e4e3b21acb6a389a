/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What queue(7) lacks: taking the first of a list, for those who empty one. LIST_FIRST() and
 * LIST_REMOVE() do the same, but through a pointer back to the head, which a static analyser cannot
 * follow: it then believes that the freed first one is still there, and a real use after free would
 * drown in such reports.
 */
#pragma once

#include <sys/queue.h>

/* The first, no longer in the list; NULL when that is empty. */
#define LIST_TAKE_FIRST(head, field)                                                             \
        ({                                                                                       \
                __typeof__(head) list_head_ = (head);                                            \
                __auto_type list_first_ = LIST_FIRST(list_head_);                                \
                if (list_first_) {                                                               \
                        LIST_FIRST(list_head_) = LIST_NEXT(list_first_, field);                  \
                        if (LIST_FIRST(list_head_))                                              \
                                LIST_FIRST(list_head_)->field.le_prev = &LIST_FIRST(list_head_); \
                }                                                                                \
                list_first_;                                                                     \
        })
#define TAILQ_TAKE_FIRST(head, field)                                             \
        ({                                                                        \
                __typeof__(head) list_head_ = (head);                             \
                __auto_type list_first_ = TAILQ_FIRST(list_head_);                \
                if (list_first_) {                                                \
                        TAILQ_FIRST(list_head_) = TAILQ_NEXT(list_first_, field); \
                        if (TAILQ_FIRST(list_head_))                              \
                                TAILQ_FIRST(list_head_)->field.tqe_prev =         \
                                        &TAILQ_FIRST(list_head_);                 \
                        else                                                      \
                                list_head_->tqh_last = &TAILQ_FIRST(list_head_);  \
                }                                                                 \
                list_first_;                                                      \
        })
