/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every maximum that a peer can run into, with its reason. */
#pragma once

/* wire */
#define LIMIT_LINE_BYTES (4u * 1024 * 1024) /* one JSON line; stdin and output ride in it */
#define LIMIT_JSON_DEPTH 32                 /* a policy needs 5 levels, a JSON Schema some 20 */
#define LIMIT_JSON_WEIGHT                                                                 \
        (1u << 20)        /* values in one text, containers 16-fold: some 60 MB at worst, \
                             where a line of empty objects would take a gigabyte */
#define LIMIT_LINE_FDS 16 /* decision 18 */
#define LIMIT_OUT_QUEUE_BYTES (8u * 1024 * 1024) /* unread answers before a peer is paused */
#define LIMIT_REQUESTS_IN_FLIGHT 1024            /* per connection */
#define LIMIT_REQUESTS 16384 /* all of a user's; each holds its decoded parameters */

/* strings and lists in a policy */
#define LIMIT_PATH_BYTES 4096 /* PATH_MAX */
#define LIMIT_NAME_BYTES 64   /* names of sandboxes and profiles */
#define LIMIT_LIST_ITEMS 4096 /* rules per list */
#define LIMIT_HOST_BYTES 253  /* RFC 1035 2.3.4, without the root label */
#define LIMIT_ARGV_ITEMS 16384
#define LIMIT_ARGV_BYTES (2u * 1024 * 1024) /* ARG_MAX with the usual 8 MiB stack */
#define LIMIT_ENV_ITEMS 4096

/* output */
#define LIMIT_OUTPUT_DEFAULT \
        (1u * 1024 * 1024) /* captured bytes per stream without max_output_bytes */
#define LIMIT_OUTPUT_MAX (16u * 1024 * 1024) /* more belongs into a file, or a stream */
/* All captures of one user together: beyond it outputs are cut as at their own limit. Four commands
 * may still have the largest limit on both streams. */
#define LIMIT_CAPTURED_BYTES (8ul * LIMIT_OUTPUT_MAX)
/* Input that waits, of all commands of one user. Requests hold a copy of the text, too. */
#define LIMIT_INPUT_BYTES (32ul * LIMIT_OUT_QUEUE_BYTES)
/* All that waits for somebody to read it, unread answers included. */
#define LIMIT_BUFFER_BYTES (LIMIT_CAPTURED_BYTES + LIMIT_INPUT_BYTES + 16ul * LIMIT_OUT_QUEUE_BYTES)

/* host commands, per sandbox: who calls is hostile */
#define LIMIT_IPC_COMMANDS 256
#define LIMIT_IPC_CONNECTIONS 128         /* more wait in the backlog */
#define LIMIT_IPC_CALLS_PER_CONNECTION 64 /* at once */
#define LIMIT_IPC_CALLS 256               /* at once: each may be a process of the host */
#define LIMIT_IPC_PARTIAL_BYTES \
        (16u * 1024 * 1024) /* of lines that are not whole yet, all connections together */
#define LIMIT_IPC_STDIN_BYTES                                               \
        (16u * 1024 * 1024) /* that become a parameter; as LIMIT_OUTPUT_MAX \
                             */
#define LIMIT_IPC_HELD_BYTES \
        (64u * 1024 * 1024) /* of arguments and such input, all calls together, until they end */
#define LIMIT_IPC_CHUNK_BYTES (256u * 1024) /* of a stream, in one message */
#define LIMIT_IPC_DEPTH 128                 /* of schemas that are applied within each other */

/* objects of one user */
#define LIMIT_CONNECTIONS 512
#define LIMIT_SANDBOXES 4096 /* the test of issue 2 runs 1,000 at once */
#define LIMIT_PROCESSES_PER_SANDBOX 4096
#define LIMIT_DENIALS_PER_RESULT 64
#define LIMIT_PIDS (4u * 1024 * 1024) /* the kernel's PID_MAX_LIMIT: there cannot be more */
/* Totals of a user's below which leash's own programs for him (a session, its warden, its gate and
 * what is prepared) would have nothing left to work with. */
#define LIMIT_USER_MEMORY_MIN (64ul * 1024 * 1024)
#define LIMIT_USER_PROCESSES_MIN 64

/* what sandbox.logs remembers, of one user */
#define LIMIT_HISTORY_RECORDS 512u               /* of one sandbox */
#define LIMIT_HISTORY_BYTES (64u * 1024)         /* of one sandbox */
#define LIMIT_HISTORIES_ENDED 64u                /* sandboxes that have ended */
#define LIMIT_HISTORIES_BYTES (2u * 1024 * 1024) /* all together */
