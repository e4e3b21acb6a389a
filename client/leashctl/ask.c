/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * network.decide, answered by whoever sits at the terminal: one question at a time, on /dev/tty, so
 * that stdout and stderr stay the command's. Without a terminal, or in the background, the answer
 * is no.
 */
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "print.h"

#define PATIENCE_MS 30000 /* the daemon's own time limit */

struct waiting {
        struct waiting *next;
        char *id;
        char text[400];
        int64_t until;
};

struct asking {
        struct leash *l;
        bool quiet;
        struct terminal *terminal;
        FILE *tty; /* open while a question is */
        struct waiting *first, **last;
        bool was_raw;
        char line[64];
        size_t n;
};

int64_t now_ms(void) {
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool asking_is_open(const struct asking *a) {
        return a && a->tty;
}

int asking_fd(const struct asking *a) {
        return asking_is_open(a) ? fileno(a->tty) : -1;
}

int asking_timeout(const struct asking *a) {
        if (!asking_is_open(a))
                return -1;
        int64_t left = a->first->until - now_ms();
        return left > 0 ? (int) left : 0;
}

static void close_terminal(struct asking *a) {
        if (!a->tty)
                return;
        fclose(TAKE(a->tty));
        if (a->was_raw)
                (void) terminal_raw(a->terminal);
}

/* In the foreground only: reading would stop us, and the answer would be the shell's input. */
static bool open_terminal(struct asking *a) {
        int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return false;
        if (tcgetpgrp(fd) != getpgrp() || !(a->tty = fdopen(fd, "r+"))) {
                close(fd);
                return false;
        }
        a->was_raw = a->terminal->raw;
        terminal_restore(a->terminal);
        a->n = 0;
        return true;
}

static void put(struct asking *a) {
        fputs("\rleash: allow ", a->tty);
        print_escaped(a->tty, a->first->text);
        fputs("? [y]es, [a]lways, [n]o: ", a->tty);
        fflush(a->tty);
}

/* The first one is done with: what comes next? */
static void forget(struct asking *a) {
        struct waiting *w = a->first;
        a->first = w->next;
        if (!a->first)
                a->last = &a->first;
        free(w->id);
        free(w);
        a->n = 0;
        if (!a->first)
                close_terminal(a);
        else if (a->tty)
                put(a);
}

static void answer(struct asking *a, enum leash_decision d) {
        (void) leash_decide(a->l, a->first->id, d); /* a lost connection is noticed by the loop */
        forget(a);
}

static void answer_line(struct asking *a) {
        a->line[a->n] = '\0';
        const char *word = a->line + strspn(a->line, " \t");
        switch (*word) {
        case 'y':
        case 'Y':
                answer(a, LEASH_YES);
                return;
        case 'a':
        case 'A':
                answer(a, LEASH_YES_REMEMBER);
                return;
        case 'n':
        case 'N':
                answer(a, LEASH_NO);
                return;
        default: /* a line that was typed for the command is no answer */
                a->n = 0;
                put(a);
        }
}

void asking_step(struct asking *a) {
        char typed[64];
        if (!asking_is_open(a))
                return;
        if (a->first->until <= now_ms()) {
                fputs("\nleash: no answer; refused\n", a->tty);
                answer(a, LEASH_NO);
                return;
        }
        struct pollfd p = { .fd = fileno(a->tty), .events = POLLIN };
        if (poll(&p, 1, 0) <= 0)
                return;
        ssize_t n = read(p.fd, typed, sizeof(typed));
        if (n <= 0) { /* ^D, or the terminal has gone */
                if (n == 0 || errno != EINTR)
                        answer(a, LEASH_NO);
                return;
        }
        for (ssize_t i = 0; i < n && a->tty; i++) {
                if (typed[i] == '\n')
                        answer_line(a);
                else if (a->n < sizeof(a->line) - 1)
                        a->line[a->n++] = typed[i];
        }
}

/* Else the command's own error would be all there is, and "asked, and refused" not the truth. */
static void tell_unasked(const struct leash_question *q, bool six) {
        fputs("leashctl: no terminal to ask on (or not in its foreground): refused ", stderr);
        fputs(six ? "[" : "", stderr);
        print_escaped(stderr, q->host);
        fprintf(stderr, "%s:%u; --allow-host allows it without a question\n", six ? "]" : "",
                q->port);
}

static enum leash_decision on_question(struct leash *l, const struct leash_question *q,
                                       void *userdata) {
        struct asking *a = userdata;
        struct waiting *w = calloc(1, sizeof(*w));
        bool six = strchr(q->host, ':');

        (void) l;
        if (w)
                w->id = strdup(q->id);
        bool asked = a->tty || open_terminal(a);
        if (!asked && !a->quiet)
                tell_unasked(q, six);
        if (!w || !w->id || !asked) {
                if (w)
                        free(w->id);
                free(w);
                return LEASH_NO;
        }
        snprintf(w->text, sizeof(w->text), six ? "[%s]:%u" : "%s:%u", q->host, q->port);
        w->until = now_ms() + PATIENCE_MS;
        bool first = !a->first;
        *a->last = w;
        a->last = &w->next;
        if (first)
                put(a);
        return LEASH_LATER;
}

static void on_unasked(struct leash *l, const char *id, void *userdata) {
        struct asking *a = userdata;
        struct waiting **at = &a->first, *w;

        (void) l;
        while (*at && strcmp((*at)->id, id) != 0)
                at = &(*at)->next;
        if (!*at)
                return;
        if (*at == a->first && a->tty) {
                fputs("\nleash: no longer needed: the program has given up\n", a->tty);
                forget(a);
                return;
        }
        w = *at;
        *at = w->next;
        if (!*at)
                a->last = at;
        free(w->id);
        free(w);
}

struct asking *asking_new(struct leash *l, struct terminal *terminal, bool quiet) {
        struct asking *a = calloc(1, sizeof(*a));
        if (!a)
                return NULL;
        a->l = l;
        a->quiet = quiet;
        a->terminal = terminal;
        a->last = &a->first;
        leash_set_decide(l, on_question, a);
        leash_set_undecide(l, on_unasked, a);
        return a;
}

struct asking *asking_free(struct asking *a) {
        if (!a)
                return NULL;
        leash_set_decide(a->l, NULL, NULL);
        leash_set_undecide(a->l, NULL, NULL);
        a->was_raw = false;
        if (a->first && a->tty)
                fputc('\n', a->tty); /* the command ended under the question */
        close_terminal(a);
        while (a->first) {
                struct waiting *w = a->first;
                a->first = w->next;
                free(w->id);
                free(w);
        }
        free(a);
        return NULL;
}
