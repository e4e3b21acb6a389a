/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* /etc/leash/leashd.json, field by field. */
#include "../policy/facts.h"
#include "../policy/limits.h"
#include "row.h"

static const char *level_word(size_t i) {
        return i + 1 < LEVEL_N_ ? level_names[i + 1] : NULL;
}

static const char *mode_word(size_t i) {
        return i + 1 < NETWORK_N_ ? network_mode_names[i + 1] : NULL;
}

static const char *protection_word(size_t i) {
        return i < protections_n ? protections[i].name : NULL;
}

static const struct field floor_fields[] = {
#define T struct floor
        FIELD_WORDS(T, levels, "levels", 0, level_word, "The levels that a policy may have."),
        FIELD_WORDS(T, network_modes, "network_modes", 0, mode_word,
                    "The network modes that a policy may have."),
        FIELD_STRINGS(T, hosts, "hosts", 0, LIMIT_LIST_ITEMS,
                      "network.allow may name these hosts, or parts of them, and no others; the "
                      "modes allow and ask are refused then."),
        FIELD_STRINGS(T, write, "write", 0, LIMIT_LIST_ITEMS,
                      "Working directories and filesystem.write must lie below one of these "
                      "absolute paths; private working directories need not."),
        FIELD_STRINGS(T, deny, "deny", 0, LIMIT_LIST_ITEMS,
                      "Added to every policy's filesystem.deny."),
        FIELD_WORDS(T, protect, "protect", 0, protection_word,
                    "Protections that no policy may take away."),
        FIELD_OBJECT(T, limits, "limits", 0, policy_limits, "No policy may have more than this."),
        FIELD_WORDS(T, accept, "accept", 0, loss_word,
                    "Losses that a policy may accept although they are losses of what this floor "
                    "says. Losses of anything else are its own business."),
#undef T
};
SHAPE(floor, "Floor", 0, "What no user's policy may loosen.");

static const struct field user_limits_fields[] = {
#define T struct user_limits
        FIELD_UINT(T, connections, "connections", 0, 1, LIMIT_CONNECTIONS,
                   "Connections that one user may have open."),
        FIELD_UINT(T, sandboxes, "sandboxes", 0, 1, LIMIT_SANDBOXES,
                   "Sandboxes that one user may have at once."),
        FIELD_UINT(T, requests, "requests", 0, 1, LIMIT_REQUESTS,
                   "Requests of one user that wait for their answer."),
        FIELD_UINT(T, buffer_bytes, "buffer_bytes", 0, LIMIT_LINE_BYTES, LIMIT_BUFFER_BYTES,
                   "Memory for one user's captured output, waiting input and unread answers."),
        FIELD_UINT(T, memory_bytes, "memory_bytes", 0, LIMIT_USER_MEMORY_MIN, 0,
                   "Memory of all that one user runs in sandboxes, and of leash's own programs for "
                   "it."),
        FIELD_UINT(T, processes, "processes", 0, LIMIT_USER_PROCESSES_MIN, LIMIT_PIDS,
                   "Processes and threads of all that one user runs in sandboxes, and of leash's "
                   "own programs for it."),
#undef T
};
SHAPE(user_limits, "UserLimits", 0, "What each user may have.");

static const char *const audit_words[ADMIN_AUDIT_N_] = { NULL, "auto", "off", "on" };

static const struct field admin_config_fields[] = {
#define T struct admin_config
        FIELD_STRING(T, schema, "$schema", 0, 0,
                     "The address of this schema, for editors; ignored."),
        FIELD_OBJECT(T, floor, "floor", 0, floor, "What no user's policy may loosen."),
        FIELD_OBJECT(T, users, "users", 0, user_limits, "What each user may have."),
        FIELD_ENUM(T, audit, "audit", 0, audit_words,
                   "Denials from the kernel's audit records: auto (default) reads them where the "
                   "kernel's audit is on, off never does, on switches the kernel's audit on. Read "
                   "when leashd starts."),
#undef T
};
SHAPE(admin_config, "LeashdConfig", 0,
      "The administrator's configuration of leashd: /etc/leash/leashd.json.");
