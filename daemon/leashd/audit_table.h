/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whose is a denial? The kernel says once, at a domain's first denial, which process and which user
 * made the domain; later records have its number only. So this remembers the domains of users whom
 * it serves, says each denial to the right one, and sees to it that nobody is told more than he can
 * read: repeats are counted, each domain has so many a second, and one that floods is to be muted
 * (audit_filter.h). No I/O, no clock.
 */
#pragma once

#include "../../proto/audit_record.h"

#define AUDIT_DOMAINS_PER_USER 1024 /* that had a denial; one a sandbox that lives */
#define AUDIT_DOMAINS_MAX 8192
#define AUDIT_PENDING 32 /* denials that wait for the word on their domain: it follows at once */
#define AUDIT_PENDING_MS 2000
#define AUDIT_BURST 64 /* as leash-init's supervisor: init/judge.c */
#define AUDIT_PER_SECOND 16
#define AUDIT_TICK_MS 10    /* how long repeats are counted before they are told */
#define AUDIT_MUTE_AT 1000u /* records of one domain in one second */
#define AUDIT_MUTE_MS 10000 /* for so long */
#define AUDIT_MUTED_MAX 8   /* at a time; each costs every record some instructions */

/* rights == 0: only `lost` is of interest. */
struct audit_told {
        uint32_t uid;
        int32_t pid; /* who made the domain: a sandbox's leash-init */
        uint32_t rights;
        uint16_t port;
        const char *path;
        uint64_t count; /* times, since it was told last */
        uint64_t lost;  /* other denials of the domain that are not told one by one */
};

struct audit_sink {
        bool (*wants)(uint32_t uid, void *userdata); /* has this user anybody who listens? */
        void (*tell)(const struct audit_told *t, void *userdata);
        void *userdata;
};

struct audit_table;
struct audit_table *audit_table_new(const struct audit_sink *sink); /* NULL: no memory */
struct audit_table *audit_table_free(struct audit_table *t);
void audit_table_record(struct audit_table *t, const struct audit_record *r, int64_t now_ms);
/* Tells what has gathered. Milliseconds until it is to be called again; -1 = not before the next
 * record. */
int audit_table_tick(struct audit_table *t, int64_t now_ms);
/* The domains whose records shall not even arrive. */
size_t audit_table_muted(const struct audit_table *t, uint64_t ret[AUDIT_MUTED_MAX]);
/* Counts up with each change of that list. */
unsigned audit_table_mutes(const struct audit_table *t);
