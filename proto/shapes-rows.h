/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Rows that several methods have in common: where a command runs, how, and how it ended. */
#pragma once

#include "../policy/limits.h"
#include "row.h"

#define TIME_MAX_MS \
        (INT64_C(366) * 24 * 3600 * 1000) /* a year: sums of such times stay far from overflow */
#define ID_BYTES 64                       /* ids are shorter; what is longer is none */

#define CLIENT_ENVIRONMENT                                                                        \
        FIELD_PAIRS(T, client_environment, "client_environment", 0, LIMIT_ENV_ITEMS,              \
                    "The caller's own variables: environment.pass of the profile and the policy " \
                    "takes values from here, and nothing else does.")

#define PLACE_ROWS \
        PLACE_ROWS_OF("An existing sandbox; without it, one of its own is made from the policy.")
#define PLACE_ROWS_OF(sandbox_text)                                                              \
        FIELD_STRING(T, sandbox, "sandbox", 0, ID_BYTES, sandbox_text),                          \
                FIELD_OPTIONAL(T, policy, "policy", 0, policy,                                   \
                               "The policy, not together with a sandbox."),                      \
                FIELD_STRING(T, profile, "profile", 0, LIMIT_NAME_BYTES,                         \
                             "A preset or a profile that the policy is laid over."),             \
                FIELD_OPTIONAL(T, overrides, "overrides", 0, policy,                             \
                               "A last layer (the command line's): its lists are appended, not " \
                               "replaced."),                                                     \
                CLIENT_ENVIRONMENT

#define ARGV_ROW                                                         \
        FIELD_STRINGS(T, argv, "argv", FIELD_REQUIRED, LIMIT_ARGV_ITEMS, \
                      "The program (looked up in PATH inside) and its arguments.")

#define COMMAND_ROWS                                                                               \
        FIELD_STRING(T, cwd, "cwd", 0, LIMIT_PATH_BYTES - 1,                                       \
                     "The directory that it starts in; the working directory when absent."),       \
                FIELD_PAIRS(T, environment, "environment", 0, LIMIT_ENV_ITEMS,                     \
                            "Variables for this command, over those of the policy."),              \
                FIELD_UINT(T, timeout_ms, "timeout_ms", 0, 0, TIME_MAX_MS,                         \
                           "It is killed after this many milliseconds; 0 is never."),              \
                FIELD_UINT(T, max_output_bytes, "max_output_bytes", 0, 0, LIMIT_OUTPUT_MAX,        \
                           "Bytes of output that are kept, of each stream; 0 is the default of 1 " \
                           "MiB."),                                                                \
                FIELD_ENUM(T, on_limit, "on_limit", 0, on_limit_names,                             \
                           "What happens beyond that: truncate (default) drops the rest, kill "    \
                           "ends it."),                                                            \
                FIELD_BOOL(                                                                        \
                        T, keep_workdir, "keep_workdir", 0,                                        \
                        "A directory that leash makes is not removed; only without \"sandbox\".")

#define ENDED_ROWS                                                                                \
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, 0, "The process's id."),              \
                FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0,                            \
                             "The sandbox that it ran in."),                                      \
                FIELD_JSON(T, exit, "exit", FIELD_REQUIRED, exit_status, "How it ended."),        \
                FIELD_ENUM(T, reason, "reason", FIELD_REQUIRED, exit_reason_names,                \
                           "Why it ended."),                                                      \
                FIELD_OBJECT(T, usage, "usage", FIELD_REQUIRED, usage, "What it used up."),       \
                FIELD_LIST(T, denials, "denials", FIELD_REQUIRED, denial,                         \
                           "What was refused meanwhile, as far as the host tells (leash.info)."), \
                FIELD_UINT(T, denials_lost, "denials_lost", 0, 0, 0,                              \
                           "At least so many more were refused, too fast to be listed."),         \
                FIELD_STRINGS(T, trust_created, "trust_created", FIELD_REQUIRED, 0,               \
                              "Files that it made and that the host may come to trust: git "      \
                              "hooks, say."),                                                     \
                FIELD_STRINGS(T, limits_reached, "limits_reached", 0, 0,                          \
                              "Limits that were reached while it ran, where a control group "     \
                              "tells: /limits/... is the policy's, /users/... the "               \
                              "administrator's, of all that the user runs."),                     \
                FIELD_BOOL(T, truncated, "truncated", FIELD_REQUIRED,                             \
                           "Some of its output was dropped.")
