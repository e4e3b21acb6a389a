/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One row per method and notification. */
#include <string.h>

#include "method.h"

const struct method methods[METHOD_N_] = {
        [METHOD_LEASH_INFO] = { "leash.info", &empty_shape, &leash_info_result_shape, 0,
                                "Tells what leash and this host can do." },
        [METHOD_LEASH_STATUS] = { "leash.status", &empty_shape, &leash_status_result_shape, 0,
                                  "Tells how things stand in the caller's session: what is "
                                  "enforced, what runs, what is used of which limit." },
        [METHOD_LEASH_STATS] = { "leash.stats", &empty_shape, &leash_stats_result_shape, 0,
                                 "Gives what the caller's session has counted since it started." },
        [METHOD_LEASH_USERS] = { "leash.users", &empty_shape, &leash_users_result_shape, 0,
                                 "Tells what every user has and takes; for root, in system mode." },
        [METHOD_RPC_DISCOVER] = { "rpc.discover", &empty_shape, NULL, 0, "Gives this document." },
        [METHOD_SANDBOX_CREATE] = { "sandbox.create", &sandbox_create_params_shape,
                                    &sandbox_create_result_shape, 0,
                                    "Makes a sandbox: a place where many commands can run." },
        [METHOD_SANDBOX_LIST] = { "sandbox.list", &empty_shape, &sandbox_list_result_shape, 0,
                                  "Lists the user's sandboxes." },
        [METHOD_SANDBOX_GET] = { "sandbox.get", &sandbox_params_shape, &sandbox_info_shape, 0,
                                 "Describes one sandbox." },
        [METHOD_SANDBOX_DESTROY] = { "sandbox.destroy", &sandbox_destroy_params_shape, &empty_shape,
                                     0,
                                     "Kills everything in a sandbox and removes it; the answer "
                                     "comes when nothing "
                                     "of it is left." },
        [METHOD_SANDBOX_LOGS] = { "sandbox.logs", &sandbox_logs_params_shape,
                                  &sandbox_logs_result_shape, 0,
                                  "Tells what happened in a sandbox, also in one of the last that "
                                  "have ended." },
        [METHOD_PROCESS_RUN] = { "process.run", &process_run_params_shape,
                                 &process_run_result_shape, 0,
                                 "Runs a command to its end and gives its output." },
        [METHOD_PROCESS_START] = { "process.start", &process_start_params_shape,
                                   &process_start_result_shape, METHOD_TAKES_FDS | METHOD_GIVES_FDS,
                                   "Starts a command; its end is notified as process.exited." },
        [METHOD_PROCESS_WRITE] = { "process.write", &process_write_params_shape, &empty_shape, 0,
                                   "Writes to a process whose stdin is \"pipe\"; the answer comes "
                                   "when it was "
                                   "taken." },
        [METHOD_PROCESS_RESIZE] = { "process.resize", &process_resize_params_shape, &empty_shape, 0,
                                    "Changes the size of a process's terminal." },
        [METHOD_PROCESS_SIGNAL] = { "process.signal", &process_signal_params_shape, &empty_shape, 0,
                                    "Sends a signal to a process." },
        [METHOD_PROCESS_WAIT] = { "process.wait", &process_wait_params_shape, &process_exit_shape,
                                  0, "Waits until a process has ended." },
        [METHOD_PROCESS_LIST] = { "process.list", &process_list_params_shape,
                                  &process_list_result_shape, 0, "Lists processes." },
        [METHOD_POLICY_CHECK] = { "policy.check", &policy_check_params_shape,
                                  &policy_check_result_shape, 0,
                                  "Asks what a policy says to accesses, and why; nothing is run." },
        [METHOD_POLICY_EXPLAIN] = { "policy.explain", &policy_explain_params_shape,
                                    &policy_explain_result_shape, 0,
                                    "Shows what a policy comes to on this host; nothing is run." },
        [METHOD_EVENTS_SUBSCRIBE] = { "events.subscribe", &events_subscribe_params_shape,
                                      &empty_shape, 0,
                                      "Asks for notifications of what happens, until the "
                                      "connection ends." },
        [METHOD_IPC_REGISTER] = { "ipc.register", &ipc_register_params_shape,
                                  &ipc_register_result_shape, 0,
                                  "Offers commands of the caller's to a sandbox that this "
                                  "connection made; calls come as ipc.call." },
        [METHOD_IPC_UNREGISTER] = { "ipc.unregister", &ipc_unregister_params_shape, &empty_shape, 0,
                                    "Takes commands back. Calls that run go on." },
        [METHOD_IPC_OUTPUT] = { "ipc.output", &ipc_output_params_shape, &empty_shape, 0,
                                "Sends a part of a call's output before its answer; the reply "
                                "comes when there is room for more." },
        [METHOD_PYTHON_CREATE_VENV] = { "python.create_venv", &python_create_venv_params_shape,
                                        &python_create_venv_result_shape, 0,
                                        "Makes a virtual environment and installs packages into "
                                        "it, in a sandbox of its own; one that is there with the "
                                        "same content is used again." },
        [METHOD_PYTHON_LIST_VENVS] = { "python.list_venvs", &empty_shape,
                                       &python_list_venvs_result_shape, 0,
                                       "Lists the virtual environments that leash has made." },
        [METHOD_PYTHON_REMOVE_VENV] = { "python.remove_venv", &python_remove_venv_params_shape,
                                        &empty_shape, 0,
                                        "Removes a virtual environment that leash has made." },
        [METHOD_PYTHON_RUN] = { "python.run", &python_run_params_shape, &process_run_result_shape,
                                0,
                                "Runs Python code, a script or a module to its end and gives its "
                                "output." },
        [METHOD_PYTHON_SESSION_START] = { "python.session.start",
                                          &python_session_start_params_shape,
                                          &python_session_start_result_shape, 0,
                                          "Starts an interpreter that runs one cell after the "
                                          "other and keeps their variables." },
        [METHOD_PYTHON_SESSION_RUN] = { "python.session.run", &python_session_run_params_shape,
                                        &python_cell_result_shape, 0,
                                        "Runs a cell and gives its output and the value of its "
                                        "last expression. A cell that ends its interpreter "
                                        "(os._exit(), a crash) ends the session." },
        [METHOD_PYTHON_SESSION_INTERRUPT] = { "python.session.interrupt",
                                              &python_session_params_shape, &empty_shape, 0,
                                              "Raises KeyboardInterrupt in the cell that runs." },
        [METHOD_PYTHON_SESSION_RESET] = { "python.session.reset", &python_session_params_shape,
                                          &python_session_start_result_shape, 0,
                                          "Begins the session anew, in a new interpreter." },
        [METHOD_PYTHON_SESSION_CLOSE] = { "python.session.close", &python_session_params_shape,
                                          &empty_shape, 0,
                                          "Ends the session, and a sandbox that was made for it." },
};

const struct method client_methods[CLIENT_METHOD_N_] = {
        [CLIENT_NETWORK_DECIDE] = { "network.decide", &network_decide_params_shape,
                                    &network_decide_result_shape, 0,
                                    "May this sandbox, whose network.mode is \"ask\", connect "
                                    "there? No answer within 30 seconds is a no, and so is an "
                                    "error; the same question is asked once at a time." },
        [CLIENT_IPC_CALL] = { "ipc.call", &ipc_call_params_shape, &ipc_call_result_shape, 0,
                              "Somebody in the sandbox calls a command that this client has "
                              "registered. An error's message is shown to the caller." },
        [CLIENT_IPC_INPUT] = { "ipc.input", &ipc_input_params_shape, &empty_shape, 0,
                               "The next part of what the caller of a command with "
                               "\"stream_stdin\" has on its standard input; the next one comes "
                               "after the reply." },
};

const char *const methods_planned[] = { NULL };

const struct notification notifications[NOTIFY_N_] = {
        [NOTIFY_PROCESS_OUTPUT] = { "process.output", &process_output_shape,
                                    "Output of a process that this connection started." },
        [NOTIFY_PROCESS_EXITED] = { "process.exited", &process_exit_shape,
                                    "A process that this connection started has ended; all its "
                                    "output came "
                                    "before." },
        [NOTIFY_EVENT] = { "event", &event_shape, "Something that events.subscribe asked for." },
        [NOTIFY_NETWORK_CANCEL] = { "network.cancel", &network_cancel_shape,
                                    "Nobody waits for this answer to network.decide any more: the "
                                    "program that wanted to connect has given up, or ended." },
        [NOTIFY_PYTHON_OUTPUT] = { "python.output", &python_output_shape,
                                   "Output of a cell that runs with \"stream\"." },
        [NOTIFY_IPC_CANCEL] = { "ipc.cancel", &ipc_cancel_shape,
                                "Nobody waits for this call's answer any more." },
};

int client_method_find(const char *name) {
        for (int i = 0; i < CLIENT_METHOD_N_; i++)
                if (strcmp(client_methods[i].name, name) == 0)
                        return i;
        return -1;
}

int method_find(const char *name) {
        for (int i = 0; i < METHOD_N_; i++)
                if (strcmp(methods[i].name, name) == 0)
                        return i;
        return -1;
}
