/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Rehearsed sandboxes: most callers ask for the same sandbox again and again, so when a plan has
 * been asked for twice, and its sandbox ends, the next one is built at once, before it is asked
 * for.
 *
 * Such a sandbox is nobody's until it is claimed: no command has run in it. It is given only to a
 * plan whose bytes are the same, whose paths lead to the same files as they did (by device, inode
 * and birth, masks included), and only while no mount of ours has changed: then it is what building
 * it now would give. It is dropped after some seconds, since it holds the file system of its
 * working directory busy. What the host changes in other ways while it waits, a sandbox that was
 * created then would have to live with, too (decision 9).
 */
#include "linux.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

static double now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

int rehearse_start(struct engine *en, struct error *e) {
        en->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        en->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        if (en->root < 0 || en->mountinfo < 0)
                return error_set(e, ERROR_IO, errno, "cannot open %s: %s",
                                 en->root < 0 ? "/" : "/proc/self/mountinfo", strerror(errno));
        en->rehearsed_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        return en->rehearsed_timer < 0 ? error_set(e, ERROR_IO, errno, "timer: %s", strerror(errno))
                                       : engine_watch(en, en->rehearsed_timer);
}

/* They stay in the order of their age. */
static void drop(struct engine *en, size_t i) {
        if (en->rehearsed[i].init.control >= 0)
                prepared_kill(en, &en->rehearsed[i].init);
        plan_file_done(&en->rehearsed[i].file);
        en->n_rehearsed--;
        memmove(en->rehearsed + i, en->rehearsed + i + 1,
                (en->n_rehearsed - i) * sizeof(*en->rehearsed));
}

void rehearse_trim(struct engine *en, double max_age) {
        double limit = now() - max_age;
        uint64_t expired;

        (void) !read(en->rehearsed_timer, &expired, sizeof(expired));
        while (en->n_rehearsed > 0 && (max_age <= 0 || en->rehearsed[0].since <= limit))
                drop(en, 0);
}

/* proc_pid_mountinfo(5): poll(2) reports a priority event after each change of our mounts, once. */
static bool mounts_changed(const struct engine *en) {
        struct pollfd p = { .fd = en->mountinfo, .events = POLLPRI };

        return poll(&p, 1, 0) != 0;
}

/* Eight bytes at a time: a plan has some fifteen thousand. Nothing but the choice of what to
 * rehearse depends on it. */
static uint64_t hash_of(const struct plan_file *file) {
        const unsigned char *data = file->data;
        uint64_t h = file->size;

        for (size_t i = 0; i + sizeof(uint64_t) <= file->size; i += sizeof(uint64_t)) {
                uint64_t word;

                memcpy(&word, data + i, sizeof(word));
                h = (h ^ word) * 0x9e3779b97f4a7c15u;
                h ^= h >> 29;
        }
        return h | 1; /* 0 = an empty place */
}

uint64_t rehearse_note(struct engine *en, const struct plan_file *file) {
        uint64_t hash = hash_of(file);

        en->recent[en->at_recent++ % RECENT_MAX] = hash;
        return hash;
}

static bool same_plan(const struct plan_file *a, const struct plan_file *b) {
        return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static bool same_found(const struct found *a, const struct found *b) {
        return a->major == b->major && a->minor == b->minor && a->inode == b->inode &&
               a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

static bool same_files(const struct plan_file *a, const struct plan_file *b) {
        if (a->n_found != b->n_found)
                return false;
        for (size_t i = 0; i < a->n_found; i++)
                if (!same_found(&a->found[i], &b->found[i]))
                        return false;
        return true;
}

/* Ready, or still at work; neither failed nor gone. What a dead one said last is still there to be
 * read, so its end is asked for itself. */
static bool is_well(const struct rehearsed *r) {
        struct pollfd ended = { .fd = r->init.pidfd, .events = POLLIN };
        struct wire_frame f;
        ssize_t n = recv(r->init.control, &f, sizeof(f), MSG_PEEK | MSG_DONTWAIT);

        if (poll(&ended, 1, 0) != 0)
                return false;
        return n < 0 ? errno == EAGAIN : n == sizeof(f) && f.type == WIRE_READY;
}

static const char *workdir_of(const struct rehearsed *r) {
        const struct wire_plan *p = r->file.data;

        return wire_string(p, p->workdir);
}

/* Saves the work of encoding the plan where nothing can come of it. */
static bool is_worth_a_look(const struct engine *en, const struct plan *plan) {
        for (size_t i = 0; i < en->n_rehearsed && !plan->cgroup; i++)
                if (strcmp(workdir_of(&en->rehearsed[i]), plan->subject->workdir) == 0)
                        return true;
        return false;
}

bool rehearse_claim(struct engine *en, const struct plan *plan, struct prepared *ret,
                    uint64_t *ret_hash) {
        _cleanup_(plan_file_done) struct plan_file file = PLAN_FILE_NULL;

        if (!is_worth_a_look(en, plan))
                return false;
        if (mounts_changed(en)) {
                rehearse_trim(en, 0);
                return false;
        }
        if (plan_encode(en, plan, en->root, &file, NULL) < 0)
                return false; /* whoever tries in earnest will say why */
        for (size_t i = 0; i < en->n_rehearsed; i++) {
                struct rehearsed *r = &en->rehearsed[i];
                bool good = same_plan(&r->file, &file);

                if (!good)
                        continue;
                good = same_files(&r->file, &file) && is_well(r);
                if (good) {
                        *ret = r->init;
                        r->init = PREPARED_NULL;
                        *ret_hash = rehearse_note(en, &file);
                        en->n_reused++;
                }
                drop(en, i);
                return good;
        }
        return false;
}

/* Is it asked for often, and is none waiting? */
static bool is_wanted(const struct engine *en, const struct plan *plan, uint64_t hash) {
        size_t n = 0;

        if (engine_is_native(en) || plan->cgroup || hash == 0)
                return false;
        for (size_t i = 0; i < en->n_rehearsed; i++)
                if (en->rehearsed[i].hash == hash)
                        return false;
        for (size_t i = 0; i < RECENT_MAX; i++)
                n += en->recent[i] == hash;
        return n > 1;
}

static void timer_set(struct engine *en) {
        const struct itimerspec in = { .it_value.tv_sec = REHEARSED_SECONDS };

        (void) timerfd_settime(en->rehearsed_timer, 0, &in, NULL);
}

/* What goes wrong here goes wrong again, and is told, when it is done in earnest. */
void rehearse(struct engine *en, const struct plan *plan, uint64_t hash) {
        struct rehearsed r = { .init = PREPARED_NULL, .file = PLAN_FILE_NULL, .since = now() };

        if (!is_wanted(en, plan, hash))
                return;
        if (mounts_changed(en))
                rehearse_trim(en, 0);
        if (!pool_claim_now(en, &r.init))
                return;
        if (plan_encode(en, plan, r.init.root, &r.file, NULL) < 0 ||
            plan_file_send(&r.file, r.init.control) < 0) {
                prepared_kill(en, &r.init);
                plan_file_done(&r.file);
                return;
        }
        plan_file_close(&r.file);
        fd_closep(&r.init.root);
        r.init.root = -1;
        r.hash = hash_of(&r.file);
        if (en->n_rehearsed == REHEARSED_MAX)
                drop(en, 0);
        en->rehearsed[en->n_rehearsed++] = r;
        timer_set(en);
}
