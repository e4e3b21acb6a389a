/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What python.* takes and gives. */
#include "shapes-rows.h"

#include "../policy/facts.h"

#define NAME_BYTES 256

static const char *loss_word(size_t i) {
        return i < LOSS_N_ ? losses[i].name : NULL;
}

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
        FIELD_STRING(T, venv, "venv", FIELD_REQUIRED, LIMIT_PATH_BYTES - 1,
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
