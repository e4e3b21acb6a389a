/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What python.* takes and gives. */
#include "shapes-rows.h"

#include "../policy/facts.h"

#define NAME_BYTES 256

static const struct field venv_info_fields[] = {
#define T struct venv_info
        FIELD_STRING(T, path, "path", FIELD_REQUIRED, 0, "Where it is."),
        FIELD_STRING(T, key, "key", FIELD_REQUIRED, 0,
                     "A digest of what it was made from: interpreter, packages, requirements, "
                     "index."),
        FIELD_STRING(T, python, "python", FIELD_REQUIRED, 0,
                     "The interpreter that it was made with."),
        FIELD_STRING(T, version, "version", 0, 0, "That interpreter's version."),
        FIELD_STRING(T, prefix, "prefix", 0, 0, "Where that interpreter is installed."),
        FIELD_STRING(T, installer, "installer", 0, 0, "\"pip\" or \"uv\"."),
        FIELD_STRING(T, index_url, "index_url", 0, 0, "The package index, if one was given."),
        FIELD_STRINGS(T, packages, "packages", FIELD_REQUIRED, 0, "The packages asked for."),
        FIELD_STRINGS(T, requirements, "requirements", 0, 0, "The requirements files."),
        FIELD_BOOL(T, system_site_packages, "system_site_packages", FIELD_REQUIRED,
                   "The packages of the system's Python are visible in it."),
        FIELD_BOOL(T, cached, "cached", FIELD_REQUIRED,
                   "It lies in leash's own place and is shared by all who ask for the same."),
        FIELD_NUMBER(T, created, "created", FIELD_REQUIRED, "When, in seconds since 1970."),
        FIELD_UINT(T, device, "device", 0, 0, 0, "Where its directory is, in leash's own record."),
        FIELD_UINT(T, inode, "inode", 0, 0, 0, "Which directory it is, likewise."),
#undef T
};
SHAPE(venv_info, "VenvInfo", 0, "A virtual environment that leash has made.");

static const struct field python_create_venv_params_fields[] = {
#define T struct python_create_venv_params
        FIELD_STRING(T, path, "path", 0, LIMIT_PATH_BYTES - 1,
                     "Where it shall be; without, in leash's own place, by its content."),
        FIELD_STRING(T, python, "python", 0, LIMIT_PATH_BYTES - 1,
                     "The interpreter: a name, or a path; python3 when absent."),
        FIELD_STRINGS(T, packages, "packages", 0, 0,
                      "What to install: requirements as in PEP 508."),
        FIELD_STRINGS(T, requirements, "requirements", 0, 0, "Files of requirements, one a line."),
        FIELD_STRING(T, index_url, "index_url", 0, LIMIT_PATH_BYTES - 1,
                     "The package index, instead of https://pypi.org/simple."),
        FIELD_STRING(T, proxy, "proxy", 0, LIMIT_PATH_BYTES - 1,
                     "The proxy that leads to the index, as in https_proxy."),
        FIELD_STRINGS(T, no_proxy, "no_proxy", 0, 0, "What is reached without it, as in NO_PROXY."),
        FIELD_TRI(T, system_site_packages, "system_site_packages", 0,
                  "The packages of the system's Python are visible in it."),
        FIELD_UINT(T, timeout_ms, "timeout_ms", 0, 0, TIME_MAX_MS,
                   "It is given up after this many milliseconds; 0 is the default of 10 minutes."),
        FIELD_WORDS(T, accept, "accept", 0, loss_word,
                    "Guarantees that its sandbox can do without, as in a policy."),
        FIELD_BOOL(T, rebuild, "rebuild", 0, "It is made anew, even when nothing has changed."),
#undef T
};
SHAPE(python_create_venv_params, "PythonCreateVenvParams", 0, "Parameters of python.create_venv.");

static const struct field python_create_venv_result_fields[] = {
#define T struct python_create_venv_result
        FIELD_OBJECT(T, venv, "venv", FIELD_REQUIRED, venv_info, "The virtual environment."),
        FIELD_BOOL(T, reused, "reused", FIELD_REQUIRED, "It was there already."),
        FIELD_NUMBER(T, seconds, "seconds", FIELD_REQUIRED, "How long it took."),
        FIELD_LIST(T, denials, "denials", FIELD_REQUIRED, denial,
                   "What was refused to its packages while they were installed."),
#undef T
};
SHAPE(python_create_venv_result, "PythonCreateVenvResult", 0, "Result of python.create_venv.");

static const struct field python_list_venvs_result_fields[] = {
#define T struct python_list_venvs_result
        FIELD_LIST(T, venvs, "venvs", FIELD_REQUIRED, venv_info, "The virtual environments."),
#undef T
};
SHAPE(python_list_venvs_result, "PythonListVenvsResult", 0, "Result of python.list_venvs.");

static const struct field python_remove_venv_params_fields[] = {
#define T struct python_remove_venv_params
        FIELD_STRING(
                T, venv, "venv", FIELD_REQUIRED, LIMIT_PATH_BYTES - 1,
                "Its path; or, where it lies in leash's own place, its key, of which the first 8 "
                "characters are enough."),
#undef T
};
SHAPE(python_remove_venv_params, "PythonRemoveVenvParams", 0, "Parameters of python.remove_venv.");

static const struct field venv_progress_fields[] = {
#define T struct venv_progress
        FIELD_STRING(T, path, "path", FIELD_REQUIRED, 0, "The virtual environment."),
        FIELD_STRING(T, phase, "phase", FIELD_REQUIRED, 0,
                     "\"create\", \"collect\", \"download\", \"build\", \"install\", \"done\" or "
                     "\"failed\"."),
        FIELD_STRING(T, text, "text", 0, 0, "What it is about: a package, say."),
#undef T
};
SHAPE(venv_progress, "VenvProgress", 0, "A step in the making of a virtual environment.");

static const struct field venv_order_fields[] = {
#define T struct venv_order
        FIELD_STRING(T, target, "target", FIELD_REQUIRED, 0, "Where it shall be."),
        FIELD_STRING(T, index_url, "index_url", FIELD_REQUIRED, 0, "The index, or nothing."),
        FIELD_STRING(T, trusted, "trusted", FIELD_REQUIRED, 0, "An index host without TLS."),
        FIELD_STRING(T, uv, "uv", FIELD_REQUIRED, 0, "The path of uv, or nothing."),
        FIELD_STRINGS(T, packages, "packages", FIELD_REQUIRED, 0, "Requirements."),
        FIELD_STRINGS(T, requirements, "requirements", FIELD_REQUIRED, 0, "Text of files."),
        FIELD_BOOL(T, system_site_packages, "system_site_packages", FIELD_REQUIRED, "As asked."),
#undef T
};
SHAPE(venv_order, "VenvOrder", 0, "What the script that makes an environment is told.");

static const struct field venv_report_fields[] = {
#define T struct venv_report
        FIELD_STRING(T, phase, "phase", 0, 16, "As in VenvProgress."),
        FIELD_STRING(T, text, "text", 0, 1024, "As in VenvProgress."),
        FIELD_STRING(T, version, "version", 0, 32, "The interpreter's version."),
        FIELD_STRING(T, prefix, "prefix", 0, LIMIT_PATH_BYTES - 1, "Where it is installed."),
        FIELD_STRING(T, installer, "installer", 0, 8, "pip or uv."),
#undef T
};
SHAPE(venv_report, "VenvReport", 0, "What that script says.");

static const struct field python_run_params_fields[] = {
#define T struct python_run_params
        PLACE_ROWS,
        FIELD_STRING(T, code, "code", 0, 0, "Code to run; either this, a script or a module."),
        FIELD_STRING(T, script, "script", 0, LIMIT_PATH_BYTES - 1,
                     "A file to run; the directory that it lies in may be read."),
        FIELD_STRING(T, module, "module", 0, NAME_BYTES, "A module to run, as python -m does."),
        FIELD_STRINGS(T, args, "args", 0, LIMIT_ARGV_ITEMS, "sys.argv behind the first."),
        FIELD_STRING(T, venv, "venv", 0, LIMIT_PATH_BYTES - 1,
                     "The virtual environment, instead of the policy's."),
        FIELD_STRING(T, python, "python", 0, LIMIT_PATH_BYTES - 1,
                     "The interpreter, where there is no virtual environment; python3 when "
                     "absent."),
        FIELD_BOOL(T, warm, "warm", 0,
                   "It runs in a copy of an interpreter that waits in the sandbox."),
        FIELD_STRINGS(T, imports, "imports", 0, 256,
                      "Modules that the waiting interpreter has imported."),
        COMMAND_ROWS,
        FIELD_BYTES(T, stdin_, stdin_encoding, "stdin", 0, "What it reads; nothing when absent."),
        FIELD_ENUM(T, stdin_encoding, "stdin_encoding", 0, text_encoding_names,
                   "utf-8 (default): stdin is text; base64: it is encoded bytes."),
#undef T
};
SHAPE(python_run_params, "PythonRunParams", 0, "Parameters of python.run.");

/* sessions */

const char *const cell_status_names[CELL_N_] = { NULL, "ok", "error", "interrupted", "timeout" };

static const struct field python_session_start_params_fields[] = {
#define T struct python_session_start_params
        PLACE_ROWS,
        FIELD_STRING(T, venv, "venv", 0, LIMIT_PATH_BYTES - 1,
                     "The virtual environment, instead of the policy's."),
        FIELD_STRING(T, python, "python", 0, LIMIT_PATH_BYTES - 1,
                     "The interpreter, where there is no virtual environment; python3 when "
                     "absent."),
        FIELD_STRINGS(T, imports, "imports", 0, 256, "Modules that are imported to begin with."),
        FIELD_STRING(T, cwd, "cwd", 0, LIMIT_PATH_BYTES - 1,
                     "The directory that it starts in; the working directory when absent."),
        FIELD_PAIRS(T, environment, "environment", 0, LIMIT_ENV_ITEMS,
                    "Variables of the session, over those of the policy."),
        FIELD_BOOL(T, keep_workdir, "keep_workdir", 0,
                   "A directory that leash makes is not removed; only without \"sandbox\"."),
#undef T
};
SHAPE(python_session_start_params, "PythonSessionStartParams", 0,
      "Parameters of python.session.start.");

static const struct field python_session_start_result_fields[] = {
#define T struct python_session_start_result
        FIELD_STRING(T, session, "session", FIELD_REQUIRED, 0, "The session's id."),
        FIELD_STRING(T, sandbox, "sandbox", FIELD_REQUIRED, 0, "The sandbox that it runs in."),
        FIELD_STRING(T, workdir, "workdir", 0, 0, "The sandbox's working directory."),
#undef T
};
SHAPE(python_session_start_result, "PythonSessionStartResult", 0,
      "Result of python.session.start.");

static const struct field python_session_params_fields[] = {
#define T struct python_session_params
        FIELD_STRING(T, session, "session", FIELD_REQUIRED, ID_BYTES, "The session's id."),
#undef T
};
SHAPE(python_session_params, "PythonSessionParams", 0, "One Python session.");

static const struct field python_session_run_params_fields[] = {
#define T struct python_session_run_params
        FIELD_STRING(T, session, "session", FIELD_REQUIRED, ID_BYTES, "The session's id."),
        FIELD_STRING(T, code, "code", FIELD_REQUIRED, 0, "The cell."),
        FIELD_UINT(T, timeout_ms, "timeout_ms", 0, 0, TIME_MAX_MS,
                   "It is interrupted after this many milliseconds; a cell that does not heed that "
                   "loses the session's state. 0 is never."),
        FIELD_UINT(T, max_output_bytes, "max_output_bytes", 0, 0, LIMIT_OUTPUT_MAX,
                   "Bytes of output that are kept, of each stream; 0 is the default of 1 MiB."),
        FIELD_BOOL(T, stream, "stream", 0, "Output comes as python.output, too, while it runs."),
#undef T
};
SHAPE(python_session_run_params, "PythonSessionRunParams", 0, "Parameters of python.session.run.");

static const struct field python_error_fields[] = {
#define T struct python_error
        FIELD_STRING(T, name, "name", FIELD_REQUIRED, 0, "The exception's class."),
        FIELD_STRING(T, value, "value", FIELD_REQUIRED, 0, "Its text."),
        FIELD_STRING(T, traceback, "traceback", 0, 0, "The traceback, as Python prints it."),
#undef T
};
SHAPE(python_error, "PythonError", 0, "An exception that ended a cell.");

#define CELL_ROWS                                                                                 \
        FIELD_UINT(T, count, "count", 0, 0, 0, "The cell's number; a reset begins anew."),        \
                FIELD_ENUM(T, status, "status", 0, cell_status_names, "How it ended."),           \
                FIELD_PAIRS(T, result, "result", 0, 256,                                          \
                            "The value of the last expression, by media type: text/plain is its " \
                            "repr; the others come from its _repr_*_ methods, in base64 where "   \
                            "they give bytes."),                                                  \
                FIELD_OPTIONAL(T, error, "error", 0, python_error,                                \
                               "The exception that ended it."),                                   \
                FIELD_BOOL(T, truncated, "truncated", 0,                                          \
                           "Some of its output or of its result was dropped.")

static const struct field python_cell_result_fields[] = {
#define T struct python_cell_result
        FIELD_STRING(T, session, "session", FIELD_REQUIRED, 0, "The session's id."),
        CELL_ROWS,
        FIELD_BYTES(T, stdout_, encoding, "stdout", FIELD_REQUIRED, "What it wrote to its output."),
        FIELD_BYTES(T, stderr_, encoding, "stderr", FIELD_REQUIRED,
                    "What it wrote to its error output."),
        FIELD_ENUM(T, encoding, "encoding", FIELD_REQUIRED, text_encoding_names,
                   "How stdout and stderr are written here."),
        FIELD_BOOL(T, state_lost, "state_lost", FIELD_REQUIRED,
                   "The interpreter had to be ended: the session has begun anew."),
        FIELD_NUMBER(T, seconds, "seconds", FIELD_REQUIRED, "How long it took."),
        FIELD_LIST(T, denials, "denials", FIELD_REQUIRED, denial, "What was refused meanwhile."),
        FIELD_STRINGS(T, trust_created, "trust_created", FIELD_REQUIRED, 0,
                      "Files that it made and that the host may come to trust."),
#undef T
};
SHAPE(python_cell_result, "PythonCellResult", 0, "Result of python.session.run.");

static const struct field python_output_fields[] = {
#define T struct python_output
        FIELD_STRING(T, session, "session", FIELD_REQUIRED, 0, "The session's id."),
        FIELD_ENUM(T, stream, "stream", FIELD_REQUIRED, stream_names, "Where it wrote to."),
        FIELD_BYTES(T, data, encoding, "data", FIELD_REQUIRED, "What it wrote."),
        FIELD_ENUM(T, encoding, "encoding", FIELD_REQUIRED, text_encoding_names,
                   "How data is written here."),
#undef T
};
SHAPE(python_output, "PythonOutput", 0, "Output of a cell that runs with \"stream\".");

/* the interpreter that waits inside */

static const struct field python_order_fields[] = {
#define T struct python_order
        FIELD_STRING(T, code, "code", 0, 0, "Code."),
        FIELD_STRING(T, script, "script", 0, 0, "Or a file."),
        FIELD_STRING(T, module, "module", 0, 0, "Or a module."),
        FIELD_STRING(T, cwd, "cwd", 0, 0, "Where."),
        FIELD_STRINGS(T, args, "args", 0, LIMIT_ARGV_ITEMS, "sys.argv behind the first."),
        FIELD_PAIRS(T, environment, "environment", 0, LIMIT_ENV_ITEMS, "Variables."),
#undef T
};
SHAPE(python_order, "PythonOrder", 0, "What an interpreter that waits is to run.");

static const struct field python_reply_fields[] = {
#define T struct python_reply
        FIELD_BOOL(T, ready, "ready", 0, "It has imported what it should."),
        FIELD_BOOL(T, isolated, "isolated", 0, "Calls are kept from each other."),
        FIELD_STRING(T, failed, "failed", 0, 0, "A module cannot be imported, and why."),
        FIELD_UINT(T, id, "id", 0, 0, 0, "Which call or cell it is about."),
        FIELD_UINT(T, pid, "pid", 0, 1, 4194304, "It runs."),
        FIELD_BOOL(T, exited, "exited", 0, "It has ended."),
        FIELD_UINT(T, exit, "exit", 0, 0, 65535, "As wait(2) has it."),
        FIELD_UINT(T, user_us, "user_us", 0, 0, 0, "Processor time."),
        FIELD_UINT(T, system_us, "system_us", 0, 0, 0, "The kernel's for it."),
        FIELD_UINT(T, rss_bytes, "rss_bytes", 0, 0, 0, "Memory."),
        CELL_ROWS,
#undef T
};
SHAPE(python_reply, "PythonReply", 0, "What it says.");
