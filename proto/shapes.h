/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The structs that methods take and give. The tables that map them to JSON are in shapes.c: one row
 * a field. Everything is by name; interfaces.md section 2 is the contract. */
#pragma once

#include "../policy/floor.h"
#include "../policy/policy.h"
#include "field.h"

/* Declares x_shape for struct x, and a name for its type that the row macros check against. */
#define SHAPE_DECLARE(x)              \
        typedef struct x x##_shape_t; \
        extern const struct shape x##_shape;

SHAPE_DECLARE(policy)

/* Where a request wants to run: an existing sandbox, or a policy for one of its own. */
#define PLACE_MEMBERS                                                                          \
        const char *sandbox;                                                                   \
        struct policy *policy; /* FIELD_OPTIONAL */                                            \
        const char *profile;                                                                   \
        struct policy *overrides; /* FIELD_OPTIONAL: the command line's layer; lists append */ \
        struct pairs client_environment;

enum lifetime { LIFETIME_UNSET = 0, LIFETIME_CONNECTION, LIFETIME_DETACHED, LIFETIME_N_ };
struct sandbox_create_params {
        struct policy *policy;
        const char *profile;
        struct policy *overrides;
        struct pairs client_environment;
        const char *name;
        enum lifetime lifetime;
        bool keep_workdir;
};
struct enforcement {
        const char *tier;      /* "namespaces" or "native" */
        struct strings layers; /* in order */
        struct strings losses; /* accepted ones that really were lost */
        int64_t landlock_abi;
        const char *disk; /* "hard", "soft", or NULL: no limit */
};
struct sandbox_create_result {
        const char *sandbox, *workdir;
        struct enforcement enforcement;
};
enum sandbox_state {
        SANDBOX_UNSET_ = 0,
        SANDBOX_STARTING,
        SANDBOX_READY,
        SANDBOX_ENDING,
        SANDBOX_STATE_N_
};
struct sandbox_info {
        const char *sandbox, *name, *workdir;
        enum level level;
        enum network_mode network;
        enum sandbox_state state;
        enum lifetime lifetime;
        uint64_t processes;
        double age_seconds;
        bool mine;             /* made by this connection */
        uint64_t memory_bytes; /* 0: not known */
        struct enforcement enforcement;
};
struct sandbox_params {
        const char *sandbox;
};
struct sandbox_list_result {
        struct list sandboxes;
}; /* of sandbox_info */
struct sandbox_destroy_params {
        const char *sandbox;
        bool keep_workdir;
};
struct empty {
        char none;
};

struct pty_size {
        uint64_t rows, cols;
};
enum on_limit { ON_LIMIT_UNSET = 0, ON_LIMIT_TRUNCATE, ON_LIMIT_KILL, ON_LIMIT_N_ };
enum text_encoding { ENCODING_UNSET = 0, ENCODING_UTF8, ENCODING_BASE64, ENCODING_N_ };
struct stdio_params {
        struct stdio_spec stdin_, stdout_, stderr_;
};
struct process_run_params {
        PLACE_MEMBERS
        struct strings argv;
        const char *cwd;
        struct pairs environment;
        struct bytes stdin_; /* "stdin"; text, or base64 with stdin_encoding */
        enum text_encoding stdin_encoding;
        uint64_t timeout_ms;       /* 0 = none */
        uint64_t max_output_bytes; /* per stream; 0 = LIMIT_OUTPUT_DEFAULT */
        enum on_limit on_limit;
        bool keep_workdir; /* only with a sandbox of its own */
};
struct process_start_params {
        PLACE_MEMBERS
        struct strings argv;
        const char *cwd;
        struct pairs environment;
        struct stdio_params stdio;
        struct pty_size *pty;
        uint64_t timeout_ms, max_output_bytes;
        enum on_limit on_limit;
        bool keep_workdir;
};
/* "exit": {"code": 0} or {"signal": 9} */
struct exit_status {
        int64_t code, signal;
        bool by_signal;
};
struct json *exit_json(const struct exit_status *x); /* NULL when memory is short */
int exit_parse(struct json *j, struct exit_status *ret, struct error *e);
enum exit_reason {
        REASON_UNSET = 0,
        REASON_EXITED,
        REASON_SIGNALLED,
        REASON_TIMEOUT,
        REASON_OUT_OF_MEMORY,
        REASON_OUTPUT_LIMIT,
        REASON_CPU_LIMIT,
        REASON_DISK_LIMIT,
        REASON_DESTROYED,
        REASON_N_,
};
struct sandbox_usage {
        double cpu_seconds;
        uint64_t memory_peak_bytes, processes_peak, read_bytes, written_bytes;
};
struct usage {
        double wall_seconds, user_seconds, system_seconds;
        uint64_t max_rss_bytes;
        struct sandbox_usage *sandbox; /* FIELD_OPTIONAL */
};
struct denial {
        const char *kind; /* "path", "host", "syscall", "socket" */
        const char *path, *host, *syscall, *access;
        int64_t pid;
        const char *process;      /* comm */
        const char *rule, *field; /* what refused it; which policy field would allow it */
        uint64_t count;
};
struct process_run_result {
        const char *process, *sandbox;
        struct json *exit; /* built by exit_json(): {"code":n} or {"signal":n} */
        enum exit_reason reason;
        struct bytes stdout_, stderr_;
        enum text_encoding encoding; /* of both */
        bool truncated;
        struct usage usage;
        struct list denials; /* of denial */
        uint64_t denials_lost;
        struct strings trust_created; /* decision 10 */
        struct strings limits_reached;
};
struct process_start_result {
        const char *process, *sandbox, *workdir;
        uint64_t pid;
        bool has_pty; /* "pty": the master is the first descriptor beside this line */
};
struct process_params {
        const char *process;
};
struct process_write_params {
        const char *process;
        struct bytes data;
        enum text_encoding encoding;
        bool eof;
};
struct process_resize_params {
        const char *process;
        uint64_t rows, cols;
};
struct process_signal_params {
        const char *process;
        const char *signal;
}; /* "TERM", "SIGTERM" or "15" */
struct process_wait_params {
        const char *process;
        uint64_t timeout_ms;
};
struct process_exit { /* result of process.wait, params of process.exited */
        const char *process, *sandbox;
        struct json *exit;
        enum exit_reason reason;
        struct usage usage;
        struct list denials;
        uint64_t denials_lost;
        struct strings trust_created, limits_reached;
        bool truncated;
};
struct process_info {
        const char *process, *sandbox;
        uint64_t pid; /* inside the sandbox */
        struct strings argv;
        double age_seconds;
        bool running;
};
struct process_list_params {
        const char *sandbox;
};
struct process_list_result {
        struct list processes;
};
enum stream { STREAM_UNSET = 0, STREAM_STDOUT, STREAM_STDERR, STREAM_N_ };
struct process_output {
        const char *process;
        enum stream stream;
        struct bytes data;
        enum text_encoding encoding;
};

enum access { ACCESS_UNSET_ = 0, ACCESS_READ_, ACCESS_WRITE_, ACCESS_EXECUTE_, ACCESS_N_ };
struct check_query {
        const char *path;
        enum access access;
        const char *host;
        uint64_t port;
};
struct policy_check_params {
        PLACE_MEMBERS struct list queries;
};
struct check_verdict {
        const char *verdict, *rule, *field, *why;
        const char *path, *host;
        uint64_t port;
};
struct policy_check_result {
        struct list verdicts;
};
struct policy_explain_params {
        PLACE_MEMBERS
};
struct policy_explain_result {
        const char *text;
        struct policy policy;
        struct enforcement enforcement;
};

struct info_mechanism {
        const char *name;
        bool available;
        const char *good_for;
};
struct info_loss {
        const char *name, *guarantee;
};
struct leash_info_result {
        const char *version, *mode, *platform, *kernel, *machine, *backend, *tier, *reason, *socket,
                *cgroup_reason;
        uint64_t uid, pid, sandboxes, connections, prepared;
        int64_t landlock_abi;
        struct list mechanisms; /* of info_mechanism */
        struct list losses;     /* of info_loss: what a default policy would have to accept here */
        struct strings denial_sources; /* decision 26 */
        const char *audit;
};
/* leash.status */
struct ended_sandbox {
        const char *sandbox;
        double ended; /* seconds since the epoch */
};
struct status_limit {
        const char *name, *source;
        uint64_t used, limit;
};
struct leash_status_result {
        const char *version, *mode, *socket, *tier, *reason, *cgroup;
        uint64_t uid, pid, daemon_pid;
        int64_t landlock_abi;
        double uptime_seconds;
        struct strings losses, denial_sources;
        struct list sandboxes; /* of sandbox_info */
        struct list ended;     /* of ended_sandbox, the newest first */
        struct list limits;    /* of status_limit */
        bool admin_broken;
        struct admin_config *admin; /* NULL: there is none */
};
/* leash.stats: named, typed and labelled as Prometheus wants it. */
enum metric_kind {
        METRIC_UNSET = 0,
        METRIC_COUNTER,
        METRIC_GAUGE,
        METRIC_HISTOGRAM,
        METRIC_KIND_N_,
};
struct metric_bucket {
        double le;
        uint64_t count; /* of all that are not above it */
};
struct metric_sample {
        struct pairs labels;
        double value; /* a histogram's: how many there were */
        double sum;
        struct list buckets; /* of metric_bucket */
};
struct metric {
        const char *name, *help;
        enum metric_kind kind;
        struct list samples; /* of metric_sample */
};
struct leash_stats_result {
        uint64_t uid;
        struct list metrics; /* of metric */
};
struct user_use {
        uint64_t uid, sessions, connections, sandboxes;
        uint64_t memory_bytes, memory_max, processes, processes_max; /* 0 = unknown, or none */
};
struct leash_users_result {
        struct list users; /* of user_use */
        bool partial;
};
struct events_subscribe_params {
        const char *sandbox;
        struct strings kinds;
};
/* One connection through leash-gate: at its end, or when it was refused. */
struct network_event {
        const char *host, *address, *protocol, *verdict, *rule, *field, *why, *error;
        uint64_t port, bytes_in, bytes_out;
        double seconds, connect_seconds;
};
/* network.decide: asked of the client that made the sandbox, in mode "ask". */
struct network_decide_params {
        const char *sandbox, *process, *host, *protocol;
        uint64_t port;
};
enum decide_verdict { DECIDE_UNSET = 0, DECIDE_ALLOW, DECIDE_DENY, DECIDE_N_ };
struct network_decide_result {
        enum decide_verdict verdict;
        bool remember;
};
struct network_cancel {
        const char *id;
};
/* Host commands. */
struct ipc_command {
        const char *name, *description;
        struct strings positional;
        const char *stdin_; /* the parameter that standard input goes to */
        bool stream_stdin;  /* … or not a parameter: it is passed on as it comes */
        struct json *params;
        bool shadow;
        uint64_t timeout_ms; /* 0 = IPC_TIMEOUT_MS */
};
#define IPC_TIMEOUT_MS (10u * 60 * 1000)
struct ipc_register_params {
        const char *sandbox;
        struct list commands; /* of ipc_command */
};
struct ipc_register_result {
        const char *directory, *socket; /* as the sandbox sees them */
};
struct ipc_unregister_params {
        const char *sandbox;
        struct strings names;
};
struct ipc_process {
        uint64_t pid;     /* inside the sandbox */
        const char *name; /* comm: what it calls itself */
        const char *process;
};
struct ipc_call_params {
        const char *sandbox, *call, *command;
        struct json *arguments;
        bool stream_stdin;
        struct ipc_process process;
};
struct ipc_call_result {
        struct bytes text;
        enum text_encoding encoding;
        struct json *json;
        uint64_t exit_code;
};
struct ipc_input_params {
        const char *call;
        struct bytes data;
        enum text_encoding encoding;
        bool eof;
};
struct ipc_output_params {
        const char *call;
        enum stream stream;
        struct bytes data;
        enum text_encoding encoding;
};
enum ipc_cancel_reason {
        IPC_CANCEL_UNSET = 0,
        IPC_CANCEL_CALLER, /* it has closed its connection, or said so */
        IPC_CANCEL_TIMEOUT,
        IPC_CANCEL_SANDBOX,
        IPC_CANCEL_N_,
};
struct ipc_cancel {
        const char *call;
        enum ipc_cancel_reason reason;
};
/* python.* */
struct venv_info {
        const char *path, *key, *python, *version, *prefix, *installer, *index_url;
        struct strings packages, requirements;
        bool system_site_packages, cached;
        double created;
        uint64_t device, inode; /* leash's own record only */
};
struct python_create_venv_params {
        const char *path, *python, *index_url, *proxy;
        struct strings packages, requirements, no_proxy, accept;
        enum tri system_site_packages;
        uint64_t timeout_ms;
        bool rebuild;
};
struct python_create_venv_result {
        struct venv_info venv;
        bool reused;
        double seconds;
        struct list denials;
};
struct python_list_venvs_result {
        struct list venvs; /* of venv_info */
};
struct python_remove_venv_params {
        const char *venv;
};
struct venv_progress {
        const char *path, *phase, *text;
};
/* Between the session and the script that makes one, inside. */
struct venv_order {
        const char *target, *index_url, *trusted, *uv;
        struct strings packages, requirements; /* the files' text */
        bool system_site_packages;
};
struct venv_report {
        const char *phase, *text, *version, *prefix, *installer;
};
struct python_session_start_params {
        PLACE_MEMBERS
        const char *venv, *python, *cwd;
        struct strings imports;
        struct pairs environment;
        bool keep_workdir;
};
struct python_session_start_result {
        const char *session, *sandbox, *workdir;
};
struct python_session_params {
        const char *session;
};
struct python_session_run_params {
        const char *session, *code;
        uint64_t timeout_ms, max_output_bytes;
        bool stream;
};
struct python_error {
        const char *name, *value, *traceback;
};
enum cell_status {
        CELL_UNSET = 0,
        CELL_OK,
        CELL_ERROR,
        CELL_INTERRUPTED,
        CELL_TIMEOUT,
        CELL_N_,
};
struct python_cell_result {
        const char *session;
        uint64_t count;
        enum cell_status status;
        struct bytes stdout_, stderr_;
        enum text_encoding encoding;
        bool truncated, state_lost;
        struct pairs result;
        struct python_error *error;
        double seconds;
        struct list denials;
        struct strings trust_created;
};
struct python_output {
        const char *session;
        enum stream stream;
        struct bytes data;
        enum text_encoding encoding;
};
/* To and from the interpreter that waits inside (python_frame.h). */
struct python_order {
        const char *code, *script, *module, *cwd;
        struct strings args;
        struct pairs environment;
};
struct python_reply {
        uint64_t id, pid, exit, user_us, system_us, rss_bytes, count;
        bool ready, isolated, exited, truncated;
        const char *failed;
        enum cell_status status;
        struct pairs result;
        struct python_error *error;
};
struct python_run_params {
        PLACE_MEMBERS
        const char *code, *script, *module, *venv, *python;
        struct strings args, imports;
        bool warm;
        const char *cwd;
        struct pairs environment;
        struct bytes stdin_;
        enum text_encoding stdin_encoding;
        uint64_t timeout_ms, max_output_bytes;
        enum on_limit on_limit;
        bool keep_workdir;
};

/* What a sandbox was made with, in short. */
struct event_plan {
        const char *name, *tier;
        enum level level;
        enum network_mode network;
        struct policy_limits limits;
        struct strings losses;
};
struct event {
        const char *kind; /* event_kind_name() */
        double time;      /* seconds since the epoch */
        uint64_t number;  /* counts the session's events */
        const char *sandbox, *process;
        struct strings argv;
        struct json *exit;
        struct denial *denial;
        struct network_event *network;
        const char *path, *why;
        struct event_plan *plan;
        enum exit_reason reason;
        double seconds;
        uint64_t denials;
        struct venv_progress *venv;
};
struct sandbox_logs_params {
        const char *sandbox;
        uint64_t after;
};
struct sandbox_logs_result {
        struct list events; /* of event */
        uint64_t dropped;
        bool ended;
};

/* The words on the wire of the enums above; [0] is NULL. */
extern const char *const lifetime_names[LIFETIME_N_];
extern const char *const sandbox_state_names[SANDBOX_STATE_N_];
extern const char *const on_limit_names[ON_LIMIT_N_];
extern const char *const text_encoding_names[ENCODING_N_];
extern const char *const exit_reason_names[REASON_N_];
extern const char *const stream_names[STREAM_N_];
extern const char *const access_names[ACCESS_N_];
extern const char *const decide_verdict_names[DECIDE_N_];
extern const char *const metric_kind_names[METRIC_KIND_N_];
extern const char *const cell_status_names[CELL_N_];
extern const char *const ipc_cancel_reason_names[IPC_CANCEL_N_];
const char *event_kind_name(size_t i); /* NULL past the end */

/* The encoding that carries all of these: "utf-8" if each is valid UTF-8 without NUL, else
 * "base64". */
enum text_encoding text_encoding_for(const struct bytes *items, size_t n);

SHAPE_DECLARE(policy_filesystem)
SHAPE_DECLARE(policy_network)
SHAPE_DECLARE(policy_security)
SHAPE_DECLARE(policy_environment)
SHAPE_DECLARE(policy_limits)
SHAPE_DECLARE(floor)
SHAPE_DECLARE(user_limits)
SHAPE_DECLARE(admin_config)
SHAPE_DECLARE(policy_venv)
SHAPE_DECLARE(policy_python)
SHAPE_DECLARE(sandbox_create_params)
SHAPE_DECLARE(enforcement)
SHAPE_DECLARE(sandbox_create_result)
SHAPE_DECLARE(sandbox_info)
SHAPE_DECLARE(sandbox_params)
SHAPE_DECLARE(sandbox_list_result)
SHAPE_DECLARE(sandbox_destroy_params)
SHAPE_DECLARE(empty)
SHAPE_DECLARE(pty_size)
SHAPE_DECLARE(stdio_params)
SHAPE_DECLARE(process_run_params)
SHAPE_DECLARE(process_start_params)
SHAPE_DECLARE(exit_status)
SHAPE_DECLARE(sandbox_usage)
SHAPE_DECLARE(usage)
SHAPE_DECLARE(denial)
SHAPE_DECLARE(process_run_result)
SHAPE_DECLARE(process_start_result)
SHAPE_DECLARE(process_params)
SHAPE_DECLARE(process_write_params)
SHAPE_DECLARE(process_resize_params)
SHAPE_DECLARE(process_signal_params)
SHAPE_DECLARE(process_wait_params)
SHAPE_DECLARE(process_exit)
SHAPE_DECLARE(process_info)
SHAPE_DECLARE(process_list_params)
SHAPE_DECLARE(process_list_result)
SHAPE_DECLARE(process_output)
SHAPE_DECLARE(check_query)
SHAPE_DECLARE(policy_check_params)
SHAPE_DECLARE(check_verdict)
SHAPE_DECLARE(policy_check_result)
SHAPE_DECLARE(policy_explain_params)
SHAPE_DECLARE(policy_explain_result)
SHAPE_DECLARE(info_mechanism)
SHAPE_DECLARE(info_loss)
SHAPE_DECLARE(leash_info_result)
SHAPE_DECLARE(ended_sandbox)
SHAPE_DECLARE(status_limit)
SHAPE_DECLARE(leash_status_result)
SHAPE_DECLARE(metric_bucket)
SHAPE_DECLARE(metric_sample)
SHAPE_DECLARE(metric)
SHAPE_DECLARE(leash_stats_result)
SHAPE_DECLARE(user_use)
SHAPE_DECLARE(leash_users_result)
SHAPE_DECLARE(events_subscribe_params)
SHAPE_DECLARE(network_event)
SHAPE_DECLARE(network_decide_params)
SHAPE_DECLARE(network_decide_result)
SHAPE_DECLARE(network_cancel)
SHAPE_DECLARE(venv_info)
SHAPE_DECLARE(python_create_venv_params)
SHAPE_DECLARE(python_create_venv_result)
SHAPE_DECLARE(python_list_venvs_result)
SHAPE_DECLARE(python_remove_venv_params)
SHAPE_DECLARE(venv_progress)
SHAPE_DECLARE(venv_order)
SHAPE_DECLARE(venv_report)
SHAPE_DECLARE(python_run_params)
SHAPE_DECLARE(python_session_start_params)
SHAPE_DECLARE(python_session_start_result)
SHAPE_DECLARE(python_session_params)
SHAPE_DECLARE(python_session_run_params)
SHAPE_DECLARE(python_error)
SHAPE_DECLARE(python_cell_result)
SHAPE_DECLARE(python_output)
SHAPE_DECLARE(python_order)
SHAPE_DECLARE(python_reply)
SHAPE_DECLARE(event_plan)
SHAPE_DECLARE(event)
SHAPE_DECLARE(sandbox_logs_params)
SHAPE_DECLARE(sandbox_logs_result)
SHAPE_DECLARE(ipc_command)
SHAPE_DECLARE(ipc_register_params)
SHAPE_DECLARE(ipc_register_result)
SHAPE_DECLARE(ipc_unregister_params)
SHAPE_DECLARE(ipc_process)
SHAPE_DECLARE(ipc_call_params)
SHAPE_DECLARE(ipc_call_result)
SHAPE_DECLARE(ipc_input_params)
SHAPE_DECLARE(ipc_output_params)
SHAPE_DECLARE(ipc_cancel)

/* The names that "accept" takes, in order; NULL behind the last. */
const char *loss_word(size_t i);
