/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sandbox's directory of host commands: leash-ipc, a link to it for each command, and the socket.
 */
#include "ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../backends/posix/socket.h"
#include "../common/process.h"

#define PROGRAM "leash-ipc"
/* Those that find no place in it wait in connect(2), each with a thread of leash-init where that
 * call is judged, which has 64 of them. */
#define BACKLOG 1024

/* the directory */

static int copy_program(int bin, struct error *e) {
        char path[LIMIT_PATH_BYTES];
        struct stat st;
        off_t at = 0;
        int r = process_sibling(PROGRAM, path, sizeof path);
        if (r < 0)
                return error_set(e, ERROR_IO, -r, "cannot find %s", PROGRAM);
        _cleanup_(fd_closep) int from = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_(fd_closep) int to =
                openat(bin, PROGRAM, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
        if (from < 0 || to < 0 || fstat(from, &st) < 0)
                return error_set(e, ERROR_IO, errno, "cannot copy %s: %s", path, strerror(errno));
        while (at < st.st_size) {
                ssize_t n = sendfile(to, from, &at, (size_t) (st.st_size - at));
                if (n <= 0)
                        return error_set(e, ERROR_IO, errno, "cannot copy %s: %s", path,
                                         strerror(n < 0 ? errno : EIO));
        }
        return 0;
}

/* Bound through a descriptor: the directory has no path out here, and a path on the host may be
 * longer than an address. */
static int bind_socket(int dir, int *ret, struct error *e) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        const int on = 1;
        _cleanup_(fd_closep) int fd =
                socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/socket", dir);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
            bind(fd, (const struct sockaddr *) &a, sizeof a) < 0 || listen(fd, BACKLOG) < 0)
                return error_set(e, ERROR_IO, errno, "cannot make the socket for host commands: %s",
                                 strerror(errno));
        *ret = TAKE_FD(fd);
        return 0;
}

static int open_directory(const struct sandbox *sb, struct error *e) {
        const struct backend *b = sb->session->backend;
        int fd = b->box_ipc ? b->box_ipc(sb->box) : -1;
        /* O_PATH: what init gave away is such a one, and no more is needed. */
        fd = fd >= 0         ? fcntl(fd, F_DUPFD_CLOEXEC, 3)
             : sb->place.ipc ? open(sb->place.subject.ipc_dir,
                                    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                             : -1;
        if (fd < 0)
                return error_set(e, ERROR_UNSUPPORTED, EOPNOTSUPP,
                                 "this sandbox has no place for host commands");
        return fd;
}

/* connections */

static void on_accept(evutil_socket_t fd, short what, void *userdata) {
        struct ipc *ipc = userdata;
        int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (conn < 0)
                return;
        if (ipc_conn_new(ipc, conn) < 0)
                fd_close(conn);
        if (ipc->n_conns >= LIMIT_IPC_CONNECTIONS) /* the others wait in the backlog */
                (void) event_del(ipc->accept_event);
}

void ipc_accept_again(struct ipc *ipc) {
        if (ipc->accept_event && ipc->n_conns < LIMIT_IPC_CONNECTIONS)
                (void) event_add(ipc->accept_event, NULL);
}

void ipc_resume(struct peer *p) {
        struct sandbox *sb;
        struct ipc_conn *c;
        if (p->ipc_waiting == 0)
                return;
        LIST_FOREACH(sb, &p->session->sandboxes, link)
                if (sb->ipc && sb->owner == p)
                        LIST_FOREACH(c, &sb->ipc->conns, link)
                                if (c->waits_for_peer)
                                        ipc_conn_kick(c);
}

int ipc_open(struct sandbox *sb, struct ipc **ret, struct error *e) {
        if (sb->ipc) {
                *ret = sb->ipc;
                return 0;
        }
        struct ipc *ipc = calloc(1, sizeof *ipc);
        if (!ipc)
                return error_nomem(e);
        ipc->sandbox = sb;
        ipc->bin = ipc->listener = -1;
        LIST_INIT(&ipc->entries);
        LIST_INIT(&ipc->conns);
        sb->ipc = ipc;
        int r = ipc->dir = open_directory(sb, e);
        if (r >= 0 && mkdirat(ipc->dir, "bin", 0755) < 0)
                r = error_set(e, ERROR_IO, errno, "cannot make a directory for host commands: %s",
                              strerror(errno));
        if (r >= 0) {
                ipc->bin = openat(ipc->dir, "bin", O_PATH | O_DIRECTORY | O_CLOEXEC);
                r = ipc->bin < 0 ? error_set(e, ERROR_IO, errno, "cannot open it again") : 0;
        }
        if (r >= 0)
                r = copy_program(ipc->bin, e);
        if (r >= 0)
                r = bind_socket(ipc->dir, &ipc->listener, e);
        if (r >= 0) {
                ipc->accept_event = event_new(sb->session->base, ipc->listener,
                                              EV_READ | EV_PERSIST, on_accept, ipc);
                if (!ipc->accept_event || event_add(ipc->accept_event, NULL) < 0)
                        r = error_nomem(e);
        }
        if (r < 0) {
                if (ipc->bin >= 0)
                        (void) unlinkat(ipc->bin, PROGRAM, 0);
                if (ipc->dir >= 0) {
                        (void) unlinkat(ipc->dir, "bin", AT_REMOVEDIR);
                        (void) unlinkat(ipc->dir, "socket", 0);
                }
                ipc_free(sb);
                return r;
        }
        *ret = ipc;
        return 0;
}

void ipc_free(struct sandbox *sb) {
        struct ipc *ipc = sb->ipc;
        if (!ipc)
                return;
        if (ipc->accept_event)
                event_free(TAKE(ipc->accept_event));
        while (!LIST_EMPTY(&ipc->conns))
                ipc_conn_free(LIST_FIRST(&ipc->conns), IPC_CANCEL_SANDBOX);
        while (!LIST_EMPTY(&ipc->entries)) {
                struct ipc_entry *x = LIST_FIRST(&ipc->entries);
                LIST_REMOVE(x, link);
                ipc_entry_unref(x);
        }
        fd_close(ipc->listener);
        fd_close(ipc->bin);
        fd_close(ipc->dir);
        free(ipc);
        sb->ipc = NULL;
}

/* commands */

void ipc_entry_unref(struct ipc_entry *x) {
        if (--x->references > 0)
                return;
        json_unref(x->command.params);
        x->arena = arena_free(x->arena);
        free(x);
}

struct ipc_entry *ipc_find(struct ipc *ipc, const char *name) {
        struct ipc_entry *x;
        LIST_FOREACH(x, &ipc->entries, link)
                if (strcmp(x->command.name, name) == 0)
                        return x;
        return NULL;
}

/* Is there a program of this name in the sandbox's PATH? Asked of the host, whose directories the
 * view shows; it may show fewer. */
static bool is_program(const struct sandbox *sb, const char *name, char *ret, size_t size) {
        const struct pairs *env = &sb->place.plan->environment;
        const char *path = "";
        for (size_t i = 0; i < env->n; i++)
                if (strcmp(env->items[i].name, "PATH") == 0)
                        path = env->items[i].value;
        for (; *path; path += *path == ':') {
                size_t n = strcspn(path, ":");
                bool ours = strncmp(path, sb->place.subject.ipc_dir, n) == 0 ||
                            strncmp(path, IPC_DIRECTORY, sizeof IPC_DIRECTORY - 1) == 0;
                if (n > 0 && !ours) {
                        snprintf(ret, size, "%.*s/%s", (int) n, path, name);
                        if (faccessat(AT_FDCWD, ret, X_OK, 0) == 0)
                                return true;
                }
                path += n;
        }
        return false;
}

int ipc_add(struct ipc *ipc, const struct ipc_command *c, struct error *e) {
        char program[LIMIT_PATH_BYTES];
        int r = host_command_check(c, e);
        if (r < 0)
                return r;
        if (ipc_find(ipc, c->name))
                return error_field(e, "/name", "\"%s\" is registered already", c->name);
        if (ipc->n_entries >= LIMIT_IPC_COMMANDS)
                return error_set(e, ERROR_LIMIT, E2BIG, "at most %u commands in a sandbox",
                                 LIMIT_IPC_COMMANDS);
        if (!c->shadow && is_program(ipc->sandbox, c->name, program, sizeof program))
                return error_field(
                        e, "/name",
                        "\"%s\" is a program that the sandbox has already (%.200s): take "
                        "another name, or say \"shadow\": true",
                        c->name, program);
        struct ipc_entry *x = calloc(1, sizeof *x);
        if (!x)
                return error_nomem(e);
        x->references = 1;
        x->arena = arena_new();
        if (!x->arena || host_command_copy(x->arena, c, &x->command) < 0) {
                ipc_entry_unref(x);
                return error_nomem(e);
        }
        if (symlinkat(PROGRAM, ipc->bin, c->name) < 0) {
                r = error_set(e, ERROR_IO, errno, "cannot make the command %s: %s", c->name,
                              strerror(errno));
                ipc_entry_unref(x);
                return r;
        }
        LIST_INSERT_HEAD(&ipc->entries, x, link);
        ipc->n_entries++;
        return 0;
}

void ipc_remove(struct ipc *ipc, struct ipc_entry *x) {
        (void) unlinkat(ipc->bin, x->command.name, 0);
        LIST_REMOVE(x, link);
        ipc->n_entries--;
        ipc_entry_unref(x);
}
