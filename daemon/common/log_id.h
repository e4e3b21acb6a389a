/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The records that an administrator may look for: MESSAGE_ID and LEASH_EVENT in the journal. An id
 * is for ever: other words get another one. systemd/leash.catalog explains each (a test compares
 * both), docs/operating.md lists them.
 */
#pragma once

#define LOG_ID_LIST(X)                                                                  \
        X(DAEMON_STARTED, "daemon.started", "25d9dc978fcc4aebae7a50751fb9fa7e")         \
        X(DAEMON_ENDING, "daemon.ending", "01369cbaa5344973973c415ea1b13bd8")           \
        X(CONFIG_LOADED, "config.loaded", "f51c6b141a10449a9e1363bed029dfaa")           \
        X(CONFIG_REFUSED, "config.refused", "950d4ae783ff4e2dbe7bcc267ba44d48")         \
        X(SESSION_STARTED, "session.started", "467a8f0214c44e459c6e6b31474324f6")       \
        X(SESSION_TAKEN_OVER, "session.taken_over", "037758ad8c12406a913261f604a80ce8") \
        X(SESSION_ENDED, "session.ended", "d5cfaf7035454f588ce432be692b619e")           \
        X(SESSION_CRASHED, "session.crashed", "2da308c963114896ae4692cc2540874e")       \
        X(SESSION_REFUSED, "session.refused", "9adf83cdc49f4d41ba164b9094cdecc1")       \
        X(SESSION_UNLIMITED, "session.unlimited", "15a2c38a959e486b83a4091edc6ad860")   \
        X(CALLER_REFUSED, "caller.refused", "75aab21362504f80b60f15d221a65202")         \
        X(CLIENT_DROPPED, "client.dropped", "1c7bd22a7b84498e84e42c1c254ce2ce")         \
        X(SANDBOX_FAILED, "sandbox.failed", "c5db98aeea814541b1fa2ee43e110d9e")         \
        X(SANDBOX_DENIED, "sandbox.denied", "afd81a05562f49358ec52e65c3f6e0a0")         \
        X(LIMIT_REACHED, "limit.reached", "1f300a9c3d564537a830b5058c25f19c")           \
        X(OUT_OF_MEMORY, "out_of_memory", "a2f9bd280bab48f68a0b143172ad1b91")           \
        X(GATE_STARTED, "gate.started", "3bcb6855dfed4526b07161977e4faea7")             \
        X(GATE_GONE, "gate.gone", "8cd01609243d4adba0a1d562c04d9da4")                   \
        X(HELPER_GONE, "helper.gone", "7eaee5964c844c2eaa227e344835bde1")

enum log_id {
        LOG_ID_NONE = 0, /* nobody need look for it: lines of text, without a limit on how many */
#define LOG_ID_ENUM(name, event, id) LOG_##name,
        LOG_ID_LIST(LOG_ID_ENUM)
#undef LOG_ID_ENUM
                LOG_ID_N_,
};
