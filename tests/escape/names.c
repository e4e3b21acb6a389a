/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * filesystem.deny inside the writable working directory: files that are there must not be read,
 * names that are not there must not come into being, by any call, spelling or race. World: .env,
 * keys/id.pem and vault/secret exist and are denied; new.env, certs/ (for *.pem) and made/ do not
 * exist.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>

#include "escape.h"

#define DENY                                                                            \
        "--deny $WORKDIR/.env --deny $WORKDIR/new.env --deny $WORKDIR/**/*.pem --deny " \
        "$WORKDIR/vault "                                                               \
        "--deny $WORKDIR/made"

static int read_openat2(const char *arg) {
        struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };
        return read_secret((int) syscall(SYS_openat2, AT_FDCWD, arg, &how, sizeof(how)));
}

/* Another name first, then reading by that. */
static int read_by_link(const char *arg) {
        if (link(arg, "second-name") < 0)
                return -errno;
        return open_secret(AT_FDCWD, "second-name");
}
static int read_by_rename(const char *arg) {
        if (rename(arg, "second-name") < 0)
                return -errno;
        return open_secret(AT_FDCWD, "second-name");
}
static int read_by_exchange(const char *arg) {
        int r = make_file("second-name", "x\n", 0644);
        if (r < 0)
                return r;
        if (renameat2(AT_FDCWD, arg, AT_FDCWD, "second-name", RENAME_EXCHANGE) < 0)
                return -errno;
        return open_secret(AT_FDCWD, "second-name");
}
static int read_by_renamed_parent(const char *arg) {
        if (rename("keys", "open-keys") < 0)
                return -errno;
        if (rename("open-keys/id.pem", "open-keys/id.txt") < 0)
                return -errno;
        return open_secret(AT_FDCWD, "open-keys/id.txt");
}
static int read_by_symlink(const char *arg) {
        if (symlink(arg, "harmless") < 0)
                return -errno;
        return open_secret(AT_FDCWD, "harmless");
}
static int read_by_magic_link(const char *arg) {
        char link[64];
        int fd = open(arg, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        return open_secret(AT_FDCWD, link);
}
static int read_by_mapping(const char *arg) {
        int fd = open(arg, O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        char *m = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        return m == MAP_FAILED ? -errno : strncmp(m, "LEASH-SECRET", 12) == 0 ? 0 : -ENODATA;
}
static int read_by_handle(const char *arg) {
        struct {
                struct file_handle h;
                unsigned char bytes[128];
        } handle = { .h.handle_bytes = 128 };
        int mount;
        if (name_to_handle_at(AT_FDCWD, arg, &handle.h, &mount, 0) < 0)
                return -errno;
        int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return read_secret(open_by_handle_at(here, &handle.h, O_RDONLY));
}

/* io_uring makes no system call that a filter could see. */
static int read_by_ring(const char *arg) {
        struct io_uring_params p = { 0 };
        int ring = (int) syscall(SYS_io_uring_setup, 4, &p);
        if (ring < 0)
                return (errno == ENOSYS || errno == EPERM) && !inside ? NOT_HERE : -errno;
        size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
        size_t cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
        char *sq =
                mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
        char *cq =
                mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
        struct io_uring_sqe *sqe =
                mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
        if (sq == MAP_FAILED || cq == MAP_FAILED || (void *) sqe == MAP_FAILED)
                return -errno;
        sqe[0] = (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT,
                                        .fd = AT_FDCWD,
                                        .addr = (uintptr_t) arg,
                                        .open_flags = O_RDONLY };
        *(unsigned *) (void *) (sq + p.sq_off.array) = 0;
        __atomic_store_n((unsigned *) (void *) (sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
        if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
                return -errno;
        struct io_uring_cqe *cqe = (void *) (cq + p.cq_off.cqes);
        if (cqe->res < 0)
                return cqe->res;
        return read_secret(cqe->res);
}

/* A directory moved to where the glob denies what it holds. */
static int directory_into_glob(const char *arg) {
        if (mkdir("plain", 0755) < 0)
                return -errno;
        int r = make_file("plain/secret", "evil\n", 0644);
        return r < 0 ? r : result(rename("plain", "made"));
}
static int exchange_missing(const char *arg) {
        int r = make_file("evil", "evil\n", 0644);
        return r < 0 ? r : result(renameat2(AT_FDCWD, "evil", AT_FDCWD, "vault", RENAME_EXCHANGE));
}
static int create_deep(const char *arg) {
        if (mkdir("a", 0755) < 0 || mkdir("a/b", 0755) < 0)
                return -errno;
        return op_create("a/b/k.pem");
}
static int create_by_symlinked_directory(const char *arg) {
        if (symlink(".", "here") < 0)
                return -errno;
        return op_create("here/new.env");
}
/* O_CREAT follows a dangling symlink: the name that is checked is not the one that is made. */
static int create_by_dangling_symlink(const char *arg) {
        if (symlink("new.env", "dangling") < 0)
                return -errno;
        return scribble(open("dangling", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}
static int create_long(const char *arg) {
        char path[4096] = "";
        while (strlen(path) < 4000)
                strcat(path, "./");
        strcat(path, "new.env");
        return scribble(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}
/* The path lies across the end of a page that cannot be read: a checker that reads 4096 bytes fails
 * there. */
static int create_at_page_end(const char *arg) {
        size_t n = strlen("new.env") + 1;
        char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED || mprotect(m + 4096, 4096, PROT_NONE) < 0)
                return -errno;
        memcpy(m + 4096 - n, "new.env", n);
        return scribble(open(m + 4096 - n, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}
/* A fresh process, and another program in it. */
static int create_by_child(const char *arg) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
                execl("/bin/sh", "sh", "-c", ": 2>/dev/null > new.env", (char *) NULL);
                _exit(1);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return -errno;
        return status == 0 ? 0 : -EACCES;
}

/* Races: a checker that looks at the path and then lets the kernel look again can be fooled. */
static char race_path[64];
static volatile int race_stop, race_runs;
static void *(*race_flip)(void *);
static volatile int race_runs;
static int race_dirfds[3]; /* the one in use, the harmless one, the one meant */

static void *flip_path(void *unused) {
        while (!race_stop) {
                memcpy(race_path, "harmless", 8);
                asm volatile("" ::: "memory"); /* both copies are made */
                memcpy(race_path, "new.env\0", 8);
        }
        return NULL;
}
static void *flip_dirfd(void *unused) {
        while (!race_stop) {
                dup2(race_dirfds[1], race_dirfds[0]);
                dup2(race_dirfds[2], race_dirfds[0]);
        }
        return NULL;
}
static void *flip_directories(void *unused) {
        while (!race_stop)
                renameat2(AT_FDCWD, "race-dir", AT_FDCWD, "race-link", RENAME_EXCHANGE);
        return NULL;
}
static void *flip_read_path(void *unused) {
        while (!race_stop) {
                memcpy(race_path, "public", 7);
                asm volatile("" ::: "memory");
                memcpy(race_path, ".env\0\0", 7);
        }
        return NULL;
}

static void *flip_on(void *unused) {
        race_runs = 1;
        return race_flip(NULL);
}

/* Runs `step` against `flip` for a while; 0 as soon as it got through. The twin has to, and may
 * take its time. */
static int race(void *(*flip)(void *), int (*step)(void)) {
        struct timespec start, now;
        pthread_t t;
        int r = -EACCES;
        const long patience = inside ? 400 : 20000;
        race_flip = flip;
        if ((errno = pthread_create(&t, NULL, flip_on, NULL)))
                return -errno;
        while (!race_runs) /* a busy machine may take longer than the race does */
                sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &start);
        do {
                for (int i = 0; i < 200 && r != 0; i++)
                        r = step();
                clock_gettime(CLOCK_MONOTONIC, &now);
        } while (r != 0 && now.tv_sec * 1000 + now.tv_nsec / 1000000 <
                                   start.tv_sec * 1000 + start.tv_nsec / 1000000 + patience);
        race_stop = 1;
        pthread_join(t, NULL);
        return r;
}
static int there(const char *path) {
        struct stat st;
        return lstat(path, &st) == 0 ? 0 : -EACCES;
}
static int step_create(void) {
        int fd = open(race_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
                close(fd);
        return there("new.env");
}
static int step_mkdir(void) {
        mkdir(race_path, 0755);
        rmdir("harmless");
        return there("new.env");
}
static int step_rename(void) {
        int fd = open("evil", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
                close(fd);
        rename("evil", race_path);
        return there("new.env");
}
static int step_dirfd(void) {
        /* The name is fine in one directory and denied in the other. */
        int fd = openat(race_dirfds[0], "new.env", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
                close(fd);
        return there("new.env");
}
static int step_directories(void) {
        int fd = open("race-dir/new.env", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
                close(fd);
        return there("new.env");
}
static int step_read(void) {
        return open_secret(AT_FDCWD, race_path);
}
static int race_create(const char *arg) {
        return race(flip_path, step_create);
}
static int race_mkdir(const char *arg) {
        return race(flip_path, step_mkdir);
}
static int race_rename(const char *arg) {
        return race(flip_path, step_rename);
}
static int race_dirfd(const char *arg) {
        if (mkdir("other", 0755) < 0)
                return -errno;
        race_dirfds[1] = open("other", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        race_dirfds[2] = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        race_dirfds[0] = dup(race_dirfds[1]);
        return race(flip_dirfd, step_dirfd);
}
static int race_symlink(const char *arg) {
        if (mkdir("race-dir", 0755) < 0 || symlink(".", "race-link") < 0)
                return -errno;
        return race(flip_directories, step_directories);
}
static int race_read(const char *arg) {
        int r = make_file("public", "nothing\n", 0644);
        return r < 0 ? r : race(flip_read_path, step_read);
}

#define A(name, run, arg, doc) \
        { name, run, arg, S | D | P, 0, DENY, doc }
// clang-format off
const struct attempt attempts_names[] = {
        A("read", op_read_path, ".env", "read a denied file in the working directory"),
        A("read-glob", op_read_path, "keys/id.pem", "read what a glob denies"),
        A("read-tree", op_read_path, "vault/secret", "read below a denied directory"),
        A("read-openat2", read_openat2, ".env", "read it by openat2"),
        A("read-absolute", op_read_path, "@work@/.env", "read it by its absolute name"),
        A("read-slashes", op_read_path, ".//sub/..//.env", "read it, oddly spelled"),
        A("read-proc-cwd", op_read_path, "/proc/thread-self/cwd/.env", "read it through /proc"),
        A("read-symlink", read_by_symlink, ".env", "read it through an own symlink"),
        A("read-link", read_by_link, ".env", "read it by a second name"),
        A("read-link-glob", read_by_link, "keys/id.pem", "read what a glob denies by a second name"),
        A("read-rename", read_by_rename, ".env", "rename it and read it"),
        A("read-rename-glob", read_by_rename, "keys/id.pem", "rename what a glob denies and read it"),
        A("read-rename-tree", read_by_rename, "vault/secret", "move out of a denied directory"),
        A("read-rename-parent", read_by_renamed_parent, 0, "rename the directory around it"),
        A("read-exchange", read_by_exchange, ".env", "exchange it with an own file"),
        A("read-magic-link", read_by_magic_link, ".env", "read it through an O_PATH descriptor"),
        A("read-mapping", read_by_mapping, ".env", "map it"),
        A("read-ring", read_by_ring, ".env", "read it by io_uring"),
        { "read-handle", read_by_handle, ".env", ALL, ROOT, DENY, "read it by its file handle" },
        A("write", op_overwrite, ".env", "write a denied file"),
        A("unlink", op_remove_file, ".env", "remove a denied file"),
        A("create", op_create, "new.env", "create a denied name"),
        A("creat", op_creat, "new.env", "create it by creat(2)"),
        A("create-absolute", op_create, "@work@/new.env", "create it by its absolute name"),
        A("create-slashes", op_create, "sub/..//./new.env", "create it, oddly spelled"),
        A("create-long", create_long, 0, "create it by a very long spelling"),
        A("create-page-end", create_at_page_end, 0, "create it by a path at the end of a page"),
        A("create-dirfd", op_create_at, "@work@/new.env", "create it by a directory descriptor"),
        A("create-cwd", op_create_from_inside, "@work@/new.env", "create it after chdir"),
        A("create-magic-link", op_create_by_magic_link, "@work@/new.env", "create it through /proc/self/fd"),
        A("create-proc-root", op_create, "/proc/self/root@work@/new.env", "create it through /proc/self/root"),
        A("create-proc-cwd", op_create, "/proc/self/cwd/new.env", "create it through /proc/self/cwd"),
        A("create-symlink", create_by_symlinked_directory, 0, "create it through a symlinked directory"),
        A("create-dangling", create_by_dangling_symlink, 0, "create it through a dangling symlink"),
        A("create-child", create_by_child, 0, "create it from another program"),
        A("create-glob", create_deep, 0, "create a name that a glob denies, deep down"),
        A("mkdir", op_make_directory, "new.env", "make a directory of that name"),
        A("mkdir-slash", op_make_directory, "new.env/", "make it with a trailing slash"),
        A("mkdirat", op_mkdirat, "new.env", "make it by mkdirat"),
        A("mkdir-tree", op_make_directory, "made", "make a denied directory"),
        A("mkfifo", op_make_fifo, "new.env", "make a fifo of that name"),
        A("symlink", op_make_symlink, "new.env", "make a symlink of that name"),
        A("link", op_link_out, "new.env", "hard-link an own file to that name"),
        A("rename", op_rename_onto, "new.env", "rename an own file to that name"),
        A("rename-noreplace", op_rename_noreplace, "new.env", "the same by renameat2"),
        A("rename-directory", op_rename_directory, "new.env", "rename an own directory to that name"),
        A("rename-tree", directory_into_glob, 0, "rename a directory to a denied one"),
        A("rename-glob", op_rename_onto, "sub/k.pem", "rename an own file to what a glob denies"),
        A("exchange", exchange_missing, 0, "exchange an own file with a denied directory"),
        A("bind", op_bind, "new.env", "bind a socket of that name"),
        A("tmpfile", op_tmpfile, "new.env", "give an unnamed file that name"),
        A("race-create", race_create, 0, "flip the path while another thread opens it"),
        A("race-mkdir", race_mkdir, 0, "flip the path under mkdir"),
        A("race-rename", race_rename, 0, "flip the path under rename"),
        A("race-dirfd", race_dirfd, 0, "swap the directory descriptor under openat"),
        A("race-symlink", race_symlink, 0, "swap a directory with a symlink under open"),
        A("race-read", race_read, 0, "flip the path of an open for reading"),
        ATTEMPT_END
};
// clang-format on
