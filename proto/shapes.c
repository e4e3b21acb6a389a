/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What methods about sandboxes and processes take and give, field by field. */
#include "../policy/limits.h"
#include "json.h"
#include "shapes-rows.h"

#define TEXT_BYTES 4096 /* a path, or a sentence */

const char *const lifetime_names[LIFETIME_N_] = { NULL, "connection", "detached" };
const char *const sandbox_state_names[SANDBOX_STATE_N_] = { NULL, "starting", "ready", "ending" };
const char *const on_limit_names[ON_LIMIT_N_] = { NULL, "truncate", "kill" };
const char *const text_encoding_names[ENCODING_N_] = { NULL, "utf-8", "base64" };
const char *const exit_reason_names[REASON_N_] = {
        NULL,           "exited",    "signalled",  "timeout",   "out_of_memory",
        "output_limit", "cpu_limit", "disk_limit", "destroyed",
};
const char *const stream_names[STREAM_N_] = { NULL, "stdout", "stderr" };

const struct shape empty_shape = { .name = "Empty",
                                   .size = sizeof(struct empty),
                                   .doc = "An empty object." };

static const struct field enforcement_fields[] = {
#define T struct enforcement
        FIELD_STRING(T, tier, "tier", FIELD_REQUIRED, 0,
                     "\"namespaces\", or \"native\" where there are none."),
        FIELD_STRINGS(T, layers, "layers", FIELD_REQUIRED, 0,
                      "What enforces the policy, outermost first."),
        FIELD_STRINGS(T, losses, "losses", FIELD_REQUIRED, 0,
                      "Accepted losses that this host really has: what is not promised."),
        FIELD_INT(T, landlock_abi, "landlock_abi", 0, 0, 0, "Version of Landlock that is in use."),
        FIELD_STRING(T, disk, "disk", 0, 0,
                     "With limits.disk_bytes: \"hard\" where the kernel holds all of it; \"soft\" "
                     "where the working directory is measured and all ends when it grows by more."),
#undef T
};
SHAPE(enforcement, "Enforcement", 0, "How a sandbox is enforced.");

/* sandboxes */

static const struct field sandbox_create_params_fields[] = {
#define T struct sandbox_create_params
        FIELD_OPTIONAL(T, policy, "policy", 0, policy,
                       "The policy; what it leaves out the preset says."),
        FIELD_STRING(T, profile, "profile", 0, LIMIT_NAME_BYTES,
                     "A preset or a profile that the policy is laid over."),
        FIELD_OPTIONAL(T, overrides, "overrides", 0, policy,
                       "A last layer (the command line's): its lists are appended, not replaced."),
        CLIENT_ENVIRONMENT,
        FIELD_STRING(T, name, "name", 0, LIMIT_NAME_BYTES, "A name for people, shown in lists."),
        FIELD_ENUM(T, lifetime, "lifetime", 0, lifetime_names,
                   "connection (default): ends with this connection; detached: lives until it is "
                   "destroyed."),
        FIELD_BOOL(T, keep_workdir, "keep_workdir", 0,
                   "A directory that leash makes is not removed with the sandbox."),
#undef T
};
SHAPE(sandbox_create_params, "SandboxCreateParams", 0, "Parameters of sandbox.create.");

static const struct field sandbox_create_result_fields[] = {
#define T struct sandbox_create_result
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "The new sandbox's id."),
        FIELD_STRING(T, workdir, "workdir", FIELD_REQUIRED, 0, "Its working directory."),
        FIELD_OBJECT(T, enforcement, "enforcement", FIELD_REQUIRED, enforcement,
                     "How it is enforced."),
#undef T
};
SHAPE(sandbox_create_result, "SandboxCreateResult", 0, "Result of sandbox.create.");

static const struct field sandbox_info_fields[] = {
#define T struct sandbox_info
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "The sandbox's id."),
        FIELD_STRING(T, name, "name", 0, 0, "The name that it was given."),
        FIELD_STRING(T, workdir, "workdir", 0, 0, "Its working directory."),
        FIELD_ENUM(T, level, "level", 0, level_names, "Its policy's level."),
        FIELD_ENUM(T, network, "network", 0, network_mode_names, "Its network mode."),
        FIELD_ENUM(T, state, "state", FIELD_REQUIRED, sandbox_state_names,
                   "Where it is in its life."),
        FIELD_ENUM(T, lifetime, "lifetime", 0, lifetime_names, "What ends it."),
        FIELD_UINT(T, processes, "processes", FIELD_REQUIRED, 0, 0,
                   "How many commands run in it now."),
        FIELD_NUMBER(T, age_seconds, "age_seconds", FIELD_REQUIRED, "How long ago it was made."),
        FIELD_BOOL(T, mine, "mine", FIELD_REQUIRED, "This connection made it."),
        FIELD_UINT(T, memory_bytes, "memory_bytes", 0, 0, 0,
                   "Memory that it takes now; absent where it has no control group of its own."),
        FIELD_OBJECT(T, enforcement, "enforcement", FIELD_REQUIRED, enforcement,
                     "How it is enforced."),
#undef T
};
SHAPE(sandbox_info, "SandboxInfo", 0, "A sandbox.");

static const struct field sandbox_params_fields[] = {
#define T struct sandbox_params
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, ID_BYTES, "The sandbox's id."),
#undef T
};
SHAPE(sandbox_params, "SandboxParams", 0, "One sandbox.");

static const struct field sandbox_list_result_fields[] = {
#define T struct sandbox_list_result
        FIELD_LIST(T, sandboxes, "sandboxes", FIELD_REQUIRED, sandbox_info,
                   "All sandboxes of this user."),
#undef T
};
SHAPE(sandbox_list_result, "SandboxListResult", 0, "Result of sandbox.list.");

static const struct field sandbox_destroy_params_fields[] = {
#define T struct sandbox_destroy_params
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, ID_BYTES, "The sandbox's id."),
        FIELD_BOOL(T, keep_workdir, "keep_workdir", 0,
                   "A working directory that leash made is not removed."),
#undef T
};
SHAPE(sandbox_destroy_params, "SandboxDestroyParams", 0, "Parameters of sandbox.destroy.");

/* processes */

static const struct field pty_size_fields[] = {
#define T struct pty_size
        FIELD_UINT(T, rows, "rows", FIELD_REQUIRED, 1, UINT16_MAX, "Lines of the terminal."),
        FIELD_UINT(T, cols, "cols", FIELD_REQUIRED, 1, UINT16_MAX, "Columns of the terminal."),
#undef T
};
SHAPE(pty_size, "PtySize", 0, "Size of a terminal.");

static const struct field stdio_params_fields[] = {
#define T struct stdio_params
        FIELD_STDIO(T, stdin_, "stdin", 0, "Where the command reads from; null when absent."),
        FIELD_STDIO(T, stdout_, "stdout", 0, "Where it writes to; null when absent."),
        FIELD_STDIO(T, stderr_, "stderr", 0, "Where it complains to; null when absent."),
#undef T
};
SHAPE(stdio_params, "Stdio", 0,
      "The three standard streams: \"null\", \"pipe\" (through the daemon: process.output, "
      "process.write), "
      "\"pty\", or a descriptor of the caller's that comes beside the line.");

static const struct field process_run_params_fields[] = {
#define T struct process_run_params
        PLACE_ROWS,
        ARGV_ROW,
        COMMAND_ROWS,
        FIELD_BYTES(T, stdin_, stdin_encoding, "stdin", 0,
                    "What the command reads; nothing when absent."),
        FIELD_ENUM(T, stdin_encoding, "stdin_encoding", 0, text_encoding_names,
                   "utf-8 (default): stdin is text; base64: it is encoded bytes."),
#undef T
};
SHAPE(process_run_params, "ProcessRunParams", 0, "Parameters of process.run.");

static const struct field process_start_params_fields[] = {
#define T struct process_start_params
        PLACE_ROWS,
        ARGV_ROW,
        COMMAND_ROWS,
        FIELD_OBJECT(T, stdio, "stdio", 0, stdio_params, "The standard streams."),
        FIELD_OPTIONAL(T, pty, "pty", 0, pty_size,
                       "The terminal's size, where a stream is \"pty\"."),
#undef T
};
SHAPE(process_start_params, "ProcessStartParams", 0, "Parameters of process.start.");

static const struct field exit_status_fields[] = {
#define T struct exit_status
        FIELD_INT(T, code, "code", 0, 0, 255, "The exit code of a command that ended by itself."),
        FIELD_INT(T, signal, "signal", 0, 1, 64, "The signal that ended it."),
#undef T
};
SHAPE(exit_status, "Exit", SHAPE_ONE, "How a command ended: {\"code\": n} or {\"signal\": n}.");

static const struct field sandbox_usage_fields[] = {
#define T struct sandbox_usage
        FIELD_NUMBER(T, cpu_seconds, "cpu_seconds", FIELD_REQUIRED, "Processor time."),
        FIELD_UINT(T, memory_peak_bytes, "memory_peak_bytes", 0, 0, 0,
                   "The most memory at one time, files in /tmp and caches included."),
        FIELD_UINT(T, processes_peak, "processes_peak", 0, 0, 0,
                   "The most processes and threads at one time."),
        FIELD_UINT(T, read_bytes, "read_bytes", 0, 0, 0, "Read from disks, not from caches."),
        FIELD_UINT(T, written_bytes, "written_bytes", 0, 0, 0, "Written to disks so far."),
#undef T
};
SHAPE(sandbox_usage, "SandboxUsage", 0,
      "What all that ever ran in a sandbox has used together. Absent is unknown.");

static const struct field usage_fields[] = {
#define T struct usage
        FIELD_NUMBER(T, wall_seconds, "wall_seconds", FIELD_REQUIRED, "Time by the clock."),
        FIELD_NUMBER(T, user_seconds, "user_seconds", FIELD_REQUIRED,
                     "Processor time of its code."),
        FIELD_NUMBER(T, system_seconds, "system_seconds", FIELD_REQUIRED,
                     "Processor time that the kernel spent for it."),
        FIELD_UINT(T, max_rss_bytes, "max_rss_bytes", FIELD_REQUIRED, 0, 0,
                   "The most memory that one of its processes had resident."),
        FIELD_OPTIONAL(T, sandbox, "sandbox", 0, sandbox_usage,
                       "Of the whole sandbox up to then, where a limit gave it a control group."),
#undef T
};
SHAPE(usage, "Usage", 0, "What a command used up.");

static const struct field denial_fields[] = {
#define T struct denial
        FIELD_STRING(T, kind, "kind", FIELD_REQUIRED, 0,
                     "What was attempted: \"path\", \"host\", \"syscall\" or \"socket\"."),
        FIELD_STRING(T, path, "path", 0, 0, "The path."),
        FIELD_STRING(T, host, "host", 0, 0, "The host, with its port."),
        FIELD_STRING(T, syscall, "syscall", 0, 0, "The system call, by its name."),
        FIELD_STRING(T, access, "access", 0, 0, "\"read\", \"write\", \"execute\" or \"connect\"."),
        FIELD_INT(T, pid, "pid", 0, 0, 0, "The process, by its id in the sandbox."),
        FIELD_STRING(T, process, "process", 0, 0, "That process's name."),
        FIELD_STRING(T, rule, "rule", 0, 0,
                     "The rule that refused it; of a system call, what speaks against it."),
        FIELD_STRING(
                T, field, "field", 0, 0,
                "The policy field that would allow it; of a system call, none: nothing would."),
        FIELD_UINT(T, count, "count", FIELD_REQUIRED, 0, 0, "How many times."),
#undef T
};
SHAPE(denial, "Denial", 0, "Something that the sandbox refused.");

static const struct field process_run_result_fields[] = {
#define T struct process_run_result
        ENDED_ROWS,
        FIELD_BYTES(T, stdout_, encoding, "stdout", FIELD_REQUIRED, "What it wrote to its output."),
        FIELD_BYTES(T, stderr_, encoding, "stderr", FIELD_REQUIRED,
                    "What it wrote to its error output."),
        FIELD_ENUM(T, encoding, "encoding", FIELD_REQUIRED, text_encoding_names,
                   "How stdout and stderr are written here: base64 where one of them is not UTF-8 "
                   "text."),
#undef T
};
SHAPE(process_run_result, "ProcessRunResult", 0, "Result of process.run.");

static const struct field process_start_result_fields[] = {
#define T struct process_start_result
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, 0, "The new process's id."),
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "The sandbox that it runs in."),
        FIELD_STRING(T, workdir, "workdir", 0, 0, "The sandbox's working directory."),
        FIELD_UINT(T, pid, "pid", FIELD_REQUIRED, 0, 0, "Its process id inside the sandbox."),
        FIELD_BOOL(T, has_pty, "pty", FIELD_REQUIRED,
                   "It has a terminal, whose master is the first descriptor beside this line."),
#undef T
};
SHAPE(process_start_result, "ProcessStartResult", 0, "Result of process.start.");

static const struct field process_params_fields[] = {
#define T struct process_params
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, ID_BYTES, "The process's id."),
#undef T
};
SHAPE(process_params, "ProcessParams", 0, "One process.");

static const struct field process_write_params_fields[] = {
#define T struct process_write_params
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, ID_BYTES, "The process's id."),
        FIELD_BYTES(T, data, encoding, "data", 0, "What goes to its standard input."),
        FIELD_ENUM(T, encoding, "encoding", 0, text_encoding_names,
                   "utf-8 (default): data is text; base64: it is encoded bytes."),
        FIELD_BOOL(T, eof, "eof", 0, "The input ends behind the data."),
#undef T
};
SHAPE(process_write_params, "ProcessWriteParams", 0, "Parameters of process.write.");

static const struct field process_resize_params_fields[] = {
#define T struct process_resize_params
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, ID_BYTES, "The process's id."),
        FIELD_UINT(T, rows, "rows", FIELD_REQUIRED, 1, UINT16_MAX, "Lines of the terminal."),
        FIELD_UINT(T, cols, "cols", FIELD_REQUIRED, 1, UINT16_MAX, "Columns of the terminal."),
#undef T
};
SHAPE(process_resize_params, "ProcessResizeParams", 0, "Parameters of process.resize.");

static const struct field process_signal_params_fields[] = {
#define T struct process_signal_params
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, ID_BYTES, "The process's id."),
        FIELD_STRING(T, signal, "signal", FIELD_REQUIRED, ID_BYTES,
                     "The signal: \"TERM\", \"SIGTERM\" or \"15\"."),
#undef T
};
SHAPE(process_signal_params, "ProcessSignalParams", 0, "Parameters of process.signal.");

static const struct field process_wait_params_fields[] = {
#define T struct process_wait_params
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, ID_BYTES, "The process's id."),
        FIELD_UINT(T, timeout_ms, "timeout_ms", 0, 0, TIME_MAX_MS,
                   "An error \"timeout\" comes after this many milliseconds; 0 is never."),
#undef T
};
SHAPE(process_wait_params, "ProcessWaitParams", 0, "Parameters of process.wait.");

static const struct field process_exit_fields[] = {
#define T struct process_exit
        ENDED_ROWS,
#undef T
};
SHAPE(process_exit, "ProcessExit", 0, "The end of a process.");

static const struct field process_info_fields[] = {
#define T struct process_info
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, 0, "The process's id."),
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "The sandbox that it runs in."),
        FIELD_UINT(T, pid, "pid", FIELD_REQUIRED, 0, 0, "Its process id inside the sandbox."),
        FIELD_STRINGS(T, argv, "argv", FIELD_REQUIRED, LIMIT_ARGV_ITEMS,
                      "The program and its arguments."),
        FIELD_NUMBER(T, age_seconds, "age_seconds", FIELD_REQUIRED, "How long ago it was started."),
        FIELD_BOOL(T, running, "running", FIELD_REQUIRED, "It has not ended yet."),
#undef T
};
SHAPE(process_info, "ProcessInfo", 0, "A process.");

static const struct field process_list_params_fields[] = {
#define T struct process_list_params
        FIELD_STRING(T, sandbox, "sandbox", 0, ID_BYTES, "Only those of this sandbox."),
#undef T
};
SHAPE(process_list_params, "ProcessListParams", 0, "Parameters of process.list.");

static const struct field process_list_result_fields[] = {
#define T struct process_list_result
        FIELD_LIST(T, processes, "processes", FIELD_REQUIRED, process_info, "The processes."),
#undef T
};
SHAPE(process_list_result, "ProcessListResult", 0, "Result of process.list.");

static const struct field process_output_fields[] = {
#define T struct process_output
        FIELD_STRING(T, process, "process", FIELD_REQUIRED, 0, "The process's id."),
        FIELD_ENUM(T, stream, "stream", FIELD_REQUIRED, stream_names, "Where it wrote to."),
        FIELD_BYTES(T, data, encoding, "data", FIELD_REQUIRED, "What it wrote."),
        FIELD_ENUM(T, encoding, "encoding", FIELD_REQUIRED, text_encoding_names,
                   "How data is written here."),
#undef T
};
SHAPE(process_output, "ProcessOutput", 0, "Output of a process whose stream is \"pipe\".");

/* policy.check and policy.explain share the place with the methods above. */

static const struct field policy_check_params_fields[] = {
#define T struct policy_check_params
        PLACE_ROWS_OF(
                "An existing sandbox, whose policy is meant; without it, the policy given here."),
        FIELD_LIST(T, queries, "queries", FIELD_REQUIRED, check_query, "What to ask about."),
#undef T
};
SHAPE(policy_check_params, "PolicyCheckParams", 0, "Parameters of policy.check.");

static const struct field policy_explain_params_fields[] = {
#define T struct policy_explain_params
        PLACE_ROWS_OF(
                "An existing sandbox, whose policy is meant; without it, the policy given here."),
#undef T
};
SHAPE(policy_explain_params, "PolicyExplainParams", 0, "Parameters of policy.explain.");
