/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The few macros that every file of leash relies on. Nothing here does I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _unused_ __attribute__((unused))
#define _pure_ __attribute__((pure))
/* For what runs on a borrowed stack between clone(CLONE_VM) and exec: it never returns, so the
 * marks that the address sanitizer leaves on that stack would meet the next one. */
#define _borrowed_stack_ __attribute__((no_sanitize("address"), noinline))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

/* Moves ownership out of a variable: the cleanup attribute then sees NULL (or -1). */
#define TAKE(p)                                     \
        ({                                          \
                __auto_type take_ptr_ = &(p);       \
                __auto_type take_val_ = *take_ptr_; \
                *take_ptr_ = NULL;                  \
                take_val_;                          \
        })
#define TAKE_FD(fd)                        \
        ({                                 \
                int *take_fd_ = &(fd);     \
                int take_val_ = *take_fd_; \
                *take_fd_ = -1;            \
                take_val_;                 \
        })

/* Defines x_freep() for _cleanup_(x_freep) from a destructor that takes NULL. */
#define DEFINE_CLEANUP(type, func)                     \
        _unused_ static inline void func##p(type *p) { \
                if (*p)                                \
                        (void) func(*p);               \
        }

/* A list whose absence means something else than its emptiness: absent = the preset's value,
 * set and empty = none. Strings are borrowed from the arena that the list lives in. */
struct strings {
        const char **items;
        size_t n;
        bool set;
};

/* NAME=VALUE pairs, in order; later ones win. */
struct pair {
        const char *name;
        const char *value;
};
struct pairs {
        struct pair *items;
        size_t n;
        bool set;
};

/* An optional boolean. */
enum tri {
        TRI_UNSET = 0,
        TRI_NO,
        TRI_YES,
};
