/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * System calls that the filter does not allow, and that a user may wonder about: they come here
 * only so that they can be told of. The answer is the errno of the filter's own table, from the
 * numbers in the notification alone; nothing of the caller's memory is read, and nothing is ever
 * let go on.
 *
 * A program can make a million of them. So the first one of a process is told, and those that
 * follow are counted, for a while, or until the command ends.
 */
#include "judge-internal.h"

#include <string.h>

#include "../frames.h"
#include "../seccomp_table.h"

/* How soon the same is told of a process again: a Python session lives for hours. */
#define REPEAT_US 100000

int refused_check(const struct judge *j) {
        const struct wire_plan *p = j->init->plan;
        const struct wire_refusal *r = plan_at(j->init, p->refusals);

        for (uint64_t i = 0; i < p->n_refusals; i++)
                if (r[i].row >= seccomp_table_n || seccomp_table[r[i].row].err <= 0)
                        return -EBADMSG;
        return 0;
}

/* The row that refuses the call; NULL: none of those that are told. */
static const struct seccomp_row *row_find(const struct caller *c, uint32_t *ret_index) {
        const struct wire_plan *p = c->judge->init->plan;
        const struct wire_refusal *r = plan_at(c->judge->init, p->refusals);
        uint64_t low = 0, high = p->n_refusals;

        while (low < high) {
                uint64_t middle = low + (high - low) / 2;

                if (r[middle].nr < c->data.nr)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < p->n_refusals && r[low].nr == c->data.nr; low++) {
                const struct seccomp_row *row = &seccomp_table[r[low].row];

                if (seccomp_row_matches(row, (const uint64_t *) c->data.args)) {
                        *ret_index = r[low].row;
                        return row;
                }
        }
        return NULL;
}

static uint32_t sum(uint32_t a, uint32_t b) {
        return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void refused_untold(struct listener *l, uint32_t n) {
        l->untold = sum(l->untold, n);
}

static bool note_send(const struct judge *j, const struct note *n, uint32_t count) {
        struct wire_frame f = WIRE_FRAME(WIRE_REFUSED);

        f.id = n->listener->command;
        f.value = count;
        f.usage[0] = n->row;
        f.pid = n->pid;
        memcpy(f.comm, n->comm, sizeof(f.comm));
        return frame_try(j->init->control, &f) >= 0;
}

/* The last word on it. */
static void note_drop(struct judge *j, struct note *n) {
        if (n->more > 0 && !note_send(j, n, n->more))
                refused_untold(n->listener, n->more);
        *n = j->notes[--j->n_notes];
}

static struct note *note_find(struct judge *j, const struct caller *c, uint32_t row) {
        for (size_t i = 0; i < j->n_notes; i++) {
                struct note *n = &j->notes[i];

                if (n->tid == c->tid && n->row == row && n->listener == c->listener)
                        return n;
        }
        return NULL;
}

static struct note *note_new(struct judge *j) {
        struct note *oldest = j->notes;

        if (j->n_notes == JUDGE_NOTES_MAX) {
                for (size_t i = 1; i < j->n_notes; i++)
                        if (j->notes[i].at < oldest->at)
                                oldest = &j->notes[i];
                note_drop(j, oldest);
        }
        return &j->notes[j->n_notes++];
}

static void tell(struct caller *c, uint32_t row) {
        struct judge *j = c->judge;
        struct note *n = note_find(j, c, row);
        int64_t now = now_us();

        if (n && (now - n->at < REPEAT_US || !caller_may_tell(c))) {
                n->more = sum(n->more, 1);
                return;
        }
        if (!n) {
                struct note fresh = { .listener = c->listener, .tid = c->tid, .row = row };

                if (!caller_may_tell(c)) {
                        refused_untold(c->listener, 1);
                        return;
                }
                caller_comm(c, fresh.comm);
                fresh.pid = caller_tgid(c);
                if (fresh.pid < 0)
                        return; /* killed meanwhile: nobody has seen a refusal */
                n = note_new(j);
                *n = fresh;
        }
        n->at = now;
        if (note_send(j, n, sum(n->more, 1)))
                n->more = 0;
        else
                n->more = sum(n->more, 1);
}

bool refused_answer(struct caller *c) {
        uint32_t index = 0;
        const struct seccomp_row *row = row_find(c, &index);

        if (!row)
                return false;
        if (c->tid > 0)
                tell(c,
                     index); /* while it waits: afterwards it may be gone, and its name with it */
        caller_answer(c, -row->err, 0);
        return true;
}

void refused_over(struct judge *j, struct listener *l) {
        struct wire_frame f = WIRE_FRAME(WIRE_UNTOLD);

        for (size_t i = j->n_notes; i-- > 0;)
                if (j->notes[i].listener == l)
                        note_drop(j, &j->notes[i]);
        f.id = l->command;
        f.value = l->untold;
        if (l->untold > 0)
                (void) frame_wait(j->init->control, &f, NULL, 0); /* as the end that follows */
        l->untold = 0;
}
