/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The synthetic addresses of one sandbox. Numbers are given in order and, once all are used, again
 * from the beginning: a name that was asked for 16,384 names ago is asked for anew. An open hash of
 * numbers finds a name; it is never more than half full.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"

#define SLOTS (GATE_MAX_NAMES * 2)
#define EMPTY UINT32_MAX
#define FIRST 1 /* 198.18.0.0 looks like a network's own address to some */

struct names {
        char *names[GATE_MAX_NAMES];
        uint32_t slots[SLOTS];
        uint32_t next;
};

struct names *names_new(void) {
        struct names *n = calloc(1, sizeof(*n));
        if (n)
                memset(n->slots, 0xff, sizeof(n->slots));
        return n;
}

struct names *names_free(struct names *n) {
        for (size_t i = 0; n && i < GATE_MAX_NAMES; i++)
                free(n->names[i]);
        free(n);
        return NULL;
}

/* FNV-1a. Whoever makes names collide slows down his own sandbox: at most SLOTS steps each. */
static uint32_t slot_of(const char *name) {
        uint32_t h = 2166136261u;
        for (; *name; name++)
                h = (h ^ (uint8_t) *name) * 16777619u;
        return h % SLOTS;
}

/* Linear probing without tombstones: what follows the hole moves up (Knuth 6.4, algorithm R). */
static void forget(struct names *n, uint32_t number) {
        uint32_t i = slot_of(n->names[number]);
        while (n->slots[i] != number)
                i = (i + 1) % SLOTS;
        for (uint32_t j = (i + 1) % SLOTS; n->slots[j] != EMPTY; j = (j + 1) % SLOTS) {
                uint32_t home = slot_of(n->names[n->slots[j]]);
                if ((j - home + SLOTS) % SLOTS < (j - i + SLOTS) % SLOTS)
                        continue;
                n->slots[i] = n->slots[j];
                i = j;
        }
        n->slots[i] = EMPTY;
        free(n->names[number]);
        n->names[number] = NULL;
}

int names_number(struct names *n, const struct host *name, uint32_t *ret) {
        uint32_t i = slot_of(name->name);
        for (; n->slots[i] != EMPTY; i = (i + 1) % SLOTS)
                if (strcmp(n->names[n->slots[i]], name->name) == 0) {
                        *ret = n->slots[i] + FIRST;
                        return 0;
                }
        char *copy = strdup(name->name);
        if (!copy)
                return -ENOMEM;
        uint32_t number = n->next;
        n->next = (n->next + 1) % GATE_MAX_NAMES;
        if (n->names[number])
                forget(n, number);
        for (i = slot_of(copy); n->slots[i] != EMPTY; i = (i + 1) % SLOTS)
                ;
        n->slots[i] = number;
        n->names[number] = copy;
        *ret = number + FIRST;
        return 0;
}

void names_address(uint32_t number, bool v6, struct host *ret) {
        uint8_t six[16] = GATE_POOL6;
        uint32_t four = htonl(v6 ? number : GATE_POOL4 + number);
        memcpy(six + 12, &four, 4);
        if (v6)
                host_from_ipv6(six, ret);
        else
                host_from_ipv4(six + 12, ret);
}

int names_find(const struct names *n, const struct host *address, struct host *ret) {
        static const uint8_t six[12] = GATE_POOL6;
        uint32_t number;
        struct host h;

        memcpy(&number, address->addr + (address->kind == HOST_IPV6 ? 12 : 0), 4);
        number = ntohl(number);
        if (address->kind == HOST_IPV4 && number - GATE_POOL4 < GATE_POOL4_SIZE)
                number -= GATE_POOL4;
        else if (address->kind != HOST_IPV6 || memcmp(address->addr, six, 8) != 0)
                return 0;
        if (address->kind == HOST_IPV6 && memcmp(address->addr, six, 12) != 0)
                return -ENOENT;
        if (number < FIRST || number - FIRST >= GATE_MAX_NAMES || !n->names[number - FIRST])
                return -ENOENT;
        const char *name = n->names[number - FIRST];
        if (host_parse(name, strlen(name), &h, NULL) < 0)
                return -ENOENT;
        *ret = h;
        return 1;
}
