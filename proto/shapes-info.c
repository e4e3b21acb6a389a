/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What leash tells about itself, about policies and about what happens, field by field. */
#include "../policy/limits.h"
#include "json.h"
#include "row.h"

const char *const access_names[ACCESS_N_] = { NULL, "read", "write", "execute" };

const char *event_kind_name(size_t i) {
        static const char *const names[] = {
                "sandbox.created", "sandbox.destroyed", "process.started", "process.exited",
                "denied",          "trust_created",     "network",         "venv.progress",
                "sandbox.failed",  "process.failed",
        };

        return i < ELEMENTSOF(names) ? names[i] : NULL;
}

static const struct field check_query_fields[] = {
#define T struct check_query
        FIELD_STRING(T, path, "path", 0, LIMIT_PATH_BYTES - 1, "A path; either this or a host."),
        FIELD_ENUM(T, access, "access", 0, access_names,
                   "What to do with the path; read when absent."),
        FIELD_STRING(T, host, "host", 0, LIMIT_HOST_BYTES, "A host name or an address."),
        FIELD_UINT(T, port, "port", 0, 1, UINT16_MAX, "The port; 443 when absent."),
#undef T
};
SHAPE(check_query, "CheckQuery", 0,
      "A question to a policy: a path that is accessed, or a host that is talked to.");

static const struct field check_verdict_fields[] = {
#define T struct check_verdict
        FIELD_STRING(T, verdict, "verdict", FIELD_REQUIRED, 0, "\"allow\", \"deny\" or \"ask\"."),
        FIELD_STRING(T, rule, "rule", 0, 0, "The rule that gave it."),
        FIELD_STRING(T, field, "field", 0, 0, "The policy field that would change it."),
        FIELD_STRING(T, why, "why", 0, 0, "The reason, for people."),
        FIELD_STRING(T, path, "path", 0, 0,
                     "The path that was asked about, in its canonical form."),
        FIELD_STRING(T, host, "host", 0, 0,
                     "The host that was asked about, in its canonical form."),
        FIELD_UINT(T, port, "port", 0, 0, UINT16_MAX, "The port that was asked about."),
#undef T
};
SHAPE(check_verdict, "CheckVerdict", 0, "What a policy says to a question.");

static const struct field policy_check_result_fields[] = {
#define T struct policy_check_result
        FIELD_LIST(T, verdicts, "verdicts", FIELD_REQUIRED, check_verdict,
                   "One verdict for each query, in the same order."),
#undef T
};
SHAPE(policy_check_result, "PolicyCheckResult", 0, "Result of policy.check.");

static const struct field policy_explain_result_fields[] = {
#define T struct policy_explain_result
        FIELD_STRING(T, text, "text", FIELD_REQUIRED, 0, "The plan in words, for people."),
        FIELD_OBJECT(T, policy, "policy", FIELD_REQUIRED, policy,
                     "The policy with all layers merged."),
        FIELD_OBJECT(T, enforcement, "enforcement", FIELD_REQUIRED, enforcement,
                     "How it is or would be enforced on this host."),
#undef T
};
SHAPE(policy_explain_result, "PolicyExplainResult", 0, "Result of policy.explain.");

static const struct field info_mechanism_fields[] = {
#define T struct info_mechanism
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, 0, "The mechanism."),
        FIELD_BOOL(T, available, "available", FIELD_REQUIRED, "It was tried, and it works here."),
        FIELD_STRING(T, good_for, "good_for", FIELD_REQUIRED, 0, "What leash does with it."),
#undef T
};
SHAPE(info_mechanism, "Mechanism", 0, "A mechanism of the host, and whether it works.");

static const struct field info_loss_fields[] = {
#define T struct info_loss
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, 0, "The word for policy.accept."),
        FIELD_STRING(T, guarantee, "guarantee", FIELD_REQUIRED, 0,
                     "What is then no longer promised."),
#undef T
};
SHAPE(info_loss, "Loss", 0, "A guarantee that this host cannot give.");

static const struct field leash_info_result_fields[] = {
#define T struct leash_info_result
        FIELD_STRING(T, version, "version", FIELD_REQUIRED, 0, "leash's version."),
        FIELD_STRING(T, mode, "mode", FIELD_REQUIRED, 0, "\"user\" or \"system\"."),
        FIELD_STRING(T, platform, "platform", FIELD_REQUIRED, 0, "The operating system."),
        FIELD_STRING(T, kernel, "kernel", 0, 0, "The kernel's release."),
        FIELD_STRING(T, machine, "machine", 0, 0, "The machine's architecture."),
        FIELD_STRING(T, backend, "backend", FIELD_REQUIRED, 0, "What enforces policies here."),
        FIELD_STRING(T, tier, "tier", 0, 0, "\"namespaces\", or \"native\" where there are none."),
        FIELD_STRING(T, reason, "reason", 0, 0, "Why the first missing mechanism is missing."),
        FIELD_STRING(T, cgroup_reason, "cgroup_reason", 0, 0,
                     "Why control groups or their controllers are missing, and so limits."),
        FIELD_STRING(T, socket, "socket", 0, 0, "The socket that this daemon listens on."),
        FIELD_UINT(T, uid, "uid", FIELD_REQUIRED, 0, 0, "The user that sandboxes run as."),
        FIELD_UINT(T, pid, "pid", FIELD_REQUIRED, 0, 0, "The process that answers."),
        FIELD_UINT(T, sandboxes, "sandboxes", FIELD_REQUIRED, 0, 0,
                   "How many sandboxes there are."),
        FIELD_UINT(T, connections, "connections", FIELD_REQUIRED, 0, 0,
                   "How many clients are connected."),
        FIELD_UINT(T, prepared, "prepared", FIELD_REQUIRED, 0, 0,
                   "How many sandboxes are prepared for coming requests."),
        FIELD_INT(T, landlock_abi, "landlock_abi", FIELD_REQUIRED, 0, 0,
                  "Version of Landlock; 0 is none, -1 is switched off at boot."),
        FIELD_LIST(T, mechanisms, "mechanisms", FIELD_REQUIRED, info_mechanism,
                   "What this host can enforce, mechanism by mechanism."),
        FIELD_LIST(T, losses, "losses", FIELD_REQUIRED, info_loss,
                   "What a default policy would have to accept here."),
        FIELD_STRINGS(T, denial_sources, "denial_sources", FIELD_REQUIRED, 0,
                      "Where denials are learned from; without one, an empty list of denials says "
                      "nothing."),
        FIELD_STRING(T, audit, "audit", 0, 0,
                     "The kernel's records of denials: \"on\"; \"off\" where the kernel's audit is "
                     "off; \"denied\" where leashd may not read them; \"disabled\" by the "
                     "administrator; \"unsupported\" by the kernel."),
#undef T
};
SHAPE(leash_info_result, "LeashInfoResult", 0, "Result of leash.info.");

static const struct field events_subscribe_params_fields[] = {
#define T struct events_subscribe_params
        FIELD_STRING(T, sandbox, "sandbox", 0, LIMIT_NAME_BYTES, "Only events of this sandbox."),
        FIELD_WORDS(T, kinds, "kinds", 0, event_kind_name, "Only events of these kinds."),
#undef T
};
SHAPE(events_subscribe_params, "EventsSubscribeParams", 0, "Parameters of events.subscribe.");

const char *const decide_verdict_names[DECIDE_N_] = { NULL, "allow", "deny" };

static const struct field network_event_fields[] = {
#define T struct network_event
        FIELD_STRING(T, host, "host", 0, 0, "The name or address that it was for."),
        FIELD_UINT(T, port, "port", 0, 0, UINT16_MAX, "The port; absent for a look-up."),
        FIELD_STRING(T, address, "address", 0, 0, "The address that was connected to, or refused."),
        FIELD_STRING(T, protocol, "protocol", FIELD_REQUIRED, 0,
                     "How it came to the gate: \"http\", \"connect\", \"socks5\", \"tcp\" "
                     "(captured), \"dns\" or \"local\"."),
        FIELD_STRING(T, verdict, "verdict", FIELD_REQUIRED, 0, "\"allow\" or \"deny\"."),
        FIELD_STRING(T, rule, "rule", 0, 0, "The rule that gave it."),
        FIELD_STRING(T, field, "field", 0, 0, "The policy field that would change it."),
        FIELD_STRING(T, why, "why", 0, 0, "The reason, for people."),
        FIELD_STRING(T, error, "error", 0, 0, "Why an allowed connection failed."),
        FIELD_UINT(T, bytes_in, "bytes_in", 0, 0, 0, "Bytes that the sandbox received."),
        FIELD_UINT(T, bytes_out, "bytes_out", 0, 0, 0, "Bytes that the sandbox sent."),
        FIELD_NUMBER(T, seconds, "seconds", 0, "How long it lived."),
        FIELD_NUMBER(T, connect_seconds, "connect_seconds", 0, "How long it took until it stood."),
#undef T
};
SHAPE(network_event, "NetworkEvent", 0,
      "A connection of a sandbox: at its end, or when it was refused.");

static const struct field network_decide_params_fields[] = {
#define T struct network_decide_params
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "The sandbox that asks."),
        FIELD_STRING(T, process, "process", 0, 0,
                     "The command that runs in it, when there is only one."),
        FIELD_STRING(T, host, "host", FIELD_REQUIRED, 0,
                     "The name or address, in its canonical form."),
        FIELD_UINT(T, port, "port", FIELD_REQUIRED, 0, UINT16_MAX, "The port."),
        FIELD_STRING(T, protocol, "protocol", FIELD_REQUIRED, 0,
                     "How it came to the gate; as in NetworkEvent."),
#undef T
};
SHAPE(network_decide_params, "NetworkDecideParams", 0, "Parameters of network.decide.");

static const struct field network_decide_result_fields[] = {
#define T struct network_decide_result
        FIELD_ENUM(T, verdict, "verdict", FIELD_REQUIRED, decide_verdict_names, "The answer."),
        FIELD_BOOL(T, remember, "remember", 0,
                   "It holds for this host and port as long as the sandbox lives."),
#undef T
};
SHAPE(network_decide_result, "NetworkDecideResult", 0, "Result of network.decide.");

static const struct field network_cancel_fields[] = {
#define T struct network_cancel
        FIELD_STRING(T, id, "id", FIELD_REQUIRED, 0, "The id of the request."),
#undef T
};
SHAPE(network_cancel, "NetworkCancel", 0, "Parameters of network.cancel.");

static const struct field event_plan_fields[] = {
#define T struct event_plan
        FIELD_STRING(T, name, "name", 0, 0, "The name that it was given."),
        FIELD_STRING(T, tier, "tier", 0, 0, "\"namespaces\", or \"native\" where there are none."),
        FIELD_ENUM(T, level, "level", 0, level_names, "Its policy's level."),
        FIELD_ENUM(T, network, "network", 0, network_mode_names, "Its network mode."),
        FIELD_OBJECT(T, limits, "limits", 0, policy_limits, "The limits that it has."),
        FIELD_STRINGS(T, losses, "losses", 0, 0, "Accepted losses that this host really has."),
#undef T
};
SHAPE(event_plan, "EventPlan", 0, "What a sandbox was made with, in short.");

static const struct field event_fields[] = {
#define T struct event
        FIELD_STRING(T, kind, "kind", FIELD_REQUIRED, 0,
                     "What happened: sandbox.created, sandbox.destroyed, process.started, "
                     "process.exited, denied, "
                     "trust_created, network, venv.progress, sandbox.failed (it could not be "
                     "made) or process.failed (it could not be started)."),
        FIELD_NUMBER(T, time, "time", FIELD_REQUIRED, "When, in seconds since 1970."),
        FIELD_UINT(T, number, "number", 0, 0, 0,
                   "Counts the events of this session, from 1 on; what is dropped counts, too."),
        FIELD_STRING(T, sandbox, "sandbox", 0, 0, "In which sandbox."),
        FIELD_STRING(T, process, "process", 0, 0, "By which process."),
        FIELD_STRINGS(T, argv, "argv", 0, LIMIT_ARGV_ITEMS, "The command that was started."),
        FIELD_JSON(T, exit, "exit", 0, exit_status, "How the process ended."),
        FIELD_ENUM(T, reason, "reason", 0, exit_reason_names, "Why the process ended."),
        FIELD_NUMBER(T, seconds, "seconds", 0, "How long the process ran."),
        FIELD_UINT(T, denials, "denials", 0, 0, 0,
                   "How many refusals of the process were noticed, repeats included."),
        FIELD_OPTIONAL(T, plan, "plan", 0, event_plan, "What the sandbox was made with."),
        FIELD_STRING(T, why, "why", 0, 0, "Why the sandbox ended, or why it failed."),
        FIELD_OPTIONAL(T, denial, "denial", 0, denial, "What was refused."),
        FIELD_OPTIONAL(T, network, "network", 0, network_event, "The connection."),
        FIELD_STRING(T, path, "path", 0, 0,
                     "The file that the host may come to trust, or the sandbox's directory."),
        FIELD_OPTIONAL(T, venv, "venv", 0, venv_progress,
                       "How far a virtual environment has come that is being made."),
#undef T
};
SHAPE(event, "Event", 0, "Something that happened in a sandbox.");

static const struct field sandbox_logs_params_fields[] = {
#define T struct sandbox_logs_params
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, LIMIT_NAME_BYTES, "The sandbox's id."),
        FIELD_UINT(T, after, "after", 0, 0, 0, "Only events whose number is above this one."),
#undef T
};
SHAPE(sandbox_logs_params, "SandboxLogsParams", 0, "Parameters of sandbox.logs.");

static const struct field sandbox_logs_result_fields[] = {
#define T struct sandbox_logs_result
        FIELD_LIST(T, events, "events", FIELD_REQUIRED, event, "What happened, the oldest first."),
        FIELD_UINT(T, dropped, "dropped", FIELD_REQUIRED, 0, 0,
                   "How many events are not kept any more; the first one always is."),
        FIELD_BOOL(T, ended, "ended", FIELD_REQUIRED, "The sandbox is gone: nothing will come."),
#undef T
};
SHAPE(sandbox_logs_result, "SandboxLogsResult", 0, "Result of sandbox.logs.");

struct json *exit_json(const struct exit_status *x) {
        _cleanup_(json_object_unrefp) struct json_object *o = json_object_new_object();

        if (!o || !json_put(o, x->by_signal ? "signal" : "code",
                            json_object_new_int64(x->by_signal ? x->signal : x->code)))
                return NULL;
        return json_from_c(TAKE(o));
}

int exit_parse(struct json *j, struct exit_status *ret, struct error *e) {
        struct exit_status x = { .code = 0 };
        int r;

        /* two integers: nothing needs an arena */
        r = shape_decode(&exit_status_shape, j, NULL, &x, e);
        if (r < 0)
                return r;
        x.by_signal = x.signal != 0;
        *ret = x;
        return 0;
}
