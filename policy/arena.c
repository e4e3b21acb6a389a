/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A bump allocator: blocks that double in size, freed together. Lists that grow by arena_push are
 * remembered in a small table with what they have room for. A list that is not in the table (a
 * static one, or a copy of another list that has grown since) is copied first, so that two lists
 * never write into one array.
 */
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define BLOCK_FIRST 4000u /* most policies and all small requests fit one page */
#define BLOCK_LARGEST 65536u
#define GROWING 8u /* lists that grow at the same time in one decoder */

struct block {
        struct block *next;
        size_t size, used;
        alignas(max_align_t) unsigned char data[];
};

struct growing {
        const void *items;
        size_t room, used; /* in elements */
};

struct arena {
        struct block *blocks;
        size_t next_size;
        struct growing growing[GROWING];
        size_t oldest;
};

struct arena *arena_new(void) {
        struct arena *a = calloc(1, sizeof(*a));
        if (a)
                a->next_size = BLOCK_FIRST;
        return a;
}

struct arena *arena_free(struct arena *a) {
        if (!a)
                return NULL;
        for (struct block *b = a->blocks, *next; b; b = next) {
                next = b->next;
                free(b);
        }
        free(a);
        return NULL;
}

static struct block *block_new(struct arena *a, size_t least) {
        size_t size = a->next_size > least ? a->next_size : least;
        if (size > SIZE_MAX - sizeof(struct block))
                return NULL;
        struct block *b = calloc(1, sizeof(*b) + size); /* zeroed: so is all that is cut from it */
        if (!b)
                return NULL;
        b->size = size;
        if (a->next_size < BLOCK_LARGEST)
                a->next_size *= 2;
        /* The current block stays first when the new one is for a single large thing. */
        if (a->blocks && least > BLOCK_LARGEST / 2) {
                b->next = a->blocks->next;
                a->blocks->next = b;
        } else {
                b->next = a->blocks;
                a->blocks = b;
        }
        return b;
}

void *arena_alloc(struct arena *a, size_t size) {
        const size_t align = alignof(max_align_t);
        if (size > PTRDIFF_MAX - align) /* no object is larger (malloc(3)) */
                return NULL;
        size = size == 0 ? align : (size + align - 1) / align * align;

        struct block *b = a->blocks;
        if (!b || b->size - b->used < size) {
                b = block_new(a, size);
                if (!b)
                        return NULL;
        }
        void *p = b->data + b->used;
        b->used += size;
        return p;
}

void *arena_array(struct arena *a, size_t n, size_t size) {
        size_t total;
        if (__builtin_mul_overflow(n, size, &total))
                return NULL;
        return arena_alloc(a, total);
}

static char *copy(struct arena *a, const char *s, size_t len) {
        char *text = arena_alloc(a, len + 1);
        if (text)
                memcpy(text, s, len); /* the rest is zero */
        return text;
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
        return copy(a, s, strnlen(s, n));
}

char *arena_strdup(struct arena *a, const char *s) {
        return copy(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
        va_list ap, again;
        va_start(ap, fmt);
        va_copy(again, ap);
        int n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);

        char *text = n < 0 ? NULL : arena_alloc(a, (size_t) n + 1);
        if (text)
                (void) vsnprintf(text, (size_t) n + 1, fmt, again);
        va_end(again);
        return text;
}

/* Returns the array with room for one more element at index n, or NULL when memory is short. */
static void *grow(struct arena *a, void *items, size_t n, size_t size) {
        struct growing *g = NULL;
        for (size_t i = 0; i < GROWING; i++)
                if (items && a->growing[i].items == items)
                        g = &a->growing[i];
        if (g && g->used == n && n < g->room) {
                g->used++;
                return items;
        }
        if (n > SIZE_MAX / 4)
                return NULL;

        size_t room = n < 4 ? 8 : n * 2;
        void *larger = arena_array(a, room, size);
        if (!larger)
                return NULL;
        if (n > 0)
                memcpy(larger, items, n * size);
        /* Reuse the row of the array that was outgrown, but not when another list still ends there.
         */
        if (!g || g->used != n) {
                g = &a->growing[a->oldest];
                a->oldest = (a->oldest + 1) % GROWING;
        }
        *g = (struct growing){ .items = larger, .room = room, .used = n + 1 };
        return larger;
}

bool arena_push(struct arena *a, struct strings *list, const char *s) {
        const char *text = arena_strdup(a, s);
        if (!text)
                return false;
        const char **items = grow(a, list->items, list->n, sizeof(*items));
        if (!items)
                return false;
        items[list->n] = text;
        *list = (struct strings){ .items = items, .n = list->n + 1, .set = true };
        return true;
}

const char *pairs_get(const struct pairs *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i].name, name) == 0)
                        return list->items[i].value;
        return NULL;
}

bool arena_push_pair(struct arena *a, struct pairs *list, const char *name, const char *value) {
        struct pair pair = { .name = arena_strdup(a, name), .value = arena_strdup(a, value) };
        if (!pair.name || !pair.value)
                return false;
        struct pair *items = grow(a, list->items, list->n, sizeof(*items));
        if (!items)
                return false;
        items[list->n] = pair;
        *list = (struct pairs){ .items = items, .n = list->n + 1, .set = true };
        return true;
}
