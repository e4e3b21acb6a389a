/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the script inside says, and the tools that it runs. All of it may be lies: lines are
 * bounded, words are checked, and what is shown has no control bytes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../policy/path.h"
#include "venv_build.h"

static void clean(char *text) {
        bool valid = utf8_is_valid(text, strlen(text));
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || *text == 0x7f ||
                    (!valid && (unsigned char) *text >= 0x80))
                        *text = '?';
}

static const char *keep(struct venv_build *b, const char *text) {
        char *copy = text ? arena_strdup(b->arena, text) : NULL;
        if (copy)
                clean(copy);
        return copy;
}

static void take_line(struct venv_build *b) {
        static const char *const phases[] = { "create", "collect", "download", "build", "install" };
        _cleanup_(json_unrefp) struct json *j = NULL;
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct venv_report report = { 0 };
        bool first = !b->heard;
        b->heard = true;
        if (!a || json_parse(b->line, b->line_len, &j, NULL) < 0 ||
            shape_decode(&venv_report_shape, j, a, &report, NULL) < 0)
                return;
        if (first) { /* nothing of a package's has run yet: this the interpreter says itself */
                b->info.version = keep(b, report.version);
                b->info.installer = keep(b, report.installer);
                if (report.prefix && path_check(report.prefix, false, "", NULL) >= 0 &&
                    report.prefix[0] == '/')
                        b->info.prefix = keep(b, report.prefix);
                return;
        }
        for (size_t i = 0; report.phase && i < ELEMENTSOF(phases); i++)
                if (strcmp(report.phase, phases[i]) == 0) {
                        char text[256];
                        snprintf(text, sizeof text, "%s", report.text ? report.text : "");
                        text[utf8_whole(text, strlen(text))] = 0;
                        clean(text);
                        venv_tell(b, phases[i], text);
                }
}

static void on_output(struct process *p, enum stream stream, const char *data, size_t len) {
        struct venv_build *b = p->userdata;
        if (stream == STREAM_STDERR) {
                if (len > VENV_TAIL_BYTES) {
                        data += len - VENV_TAIL_BYTES;
                        len = VENV_TAIL_BYTES;
                }
                size_t old =
                        b->tail_len + len > VENV_TAIL_BYTES ? VENV_TAIL_BYTES - len : b->tail_len;
                memmove(b->tail, b->tail + b->tail_len - old, old);
                memcpy(b->tail + old, data, len);
                b->tail_len = old + len;
                return;
        }
        for (size_t i = 0; i < len; i++) {
                if (data[i] != '\n') {
                        b->line_long = b->line_long || b->line_len >= VENV_LINE_BYTES;
                        if (!b->line_long)
                                b->line[b->line_len++] = data[i];
                        continue;
                }
                if (!b->line_long)
                        take_line(b);
                b->line_len = 0;
                b->line_long = false;
        }
}

static size_t add_line(char *ret, size_t size, size_t used, const char *line, size_t n) {
        while (n > 0 && *line == ' ') {
                line++;
                n--;
        }
        if (n == 0 || used + n + 3 >= size)
                return used;
        return used + (size_t) snprintf(ret + used, size - used, "%s%.*s", used ? "; " : "",
                                        (int) n, line);
}

/* Within pip's three layers of exceptions, what leash-gate answered: that is what a person needs.
 */
static size_t add_broken(char *ret, size_t size, size_t used, const char *line, size_t n) {
        static const char by[] = " by leash: ";
        const char *said = memmem(line, n, by, sizeof(by) - 1);

        if (!said)
                return add_line(ret, size, used, line, n);
        said += sizeof(by) - 1;
        size_t len = (size_t) (line + n - said);
        const char *quote = memchr(said, '\'', len);
        len = quote ? (size_t) (quote - said) : len;
        while (len > 0 && said[len - 1] == '.')
                len--;
        return add_line(ret, size, used, said, len);
}

static bool has(const char *line, size_t n, const char *word) {
        return memmem(line, n, word, strlen(word)) != NULL;
}

/* The lines of the tools that say what went wrong, and the last one of what a build has printed. */
static size_t explain_marked(const struct venv_build *b, char *ret, size_t size) {
        static const char *const marks[] = { "ERROR: ", "error: ", "Error: ", "Caused by: ",
                                             "connection broken by " };
        const char *text = b->tail, *end = text + b->tail_len, *last = text;
        size_t used = 0, last_len = 0;
        bool broken = false;
        while (text < end) {
                const char *stop = memchr(text, '\n', (size_t) (end - text));
                size_t n = (size_t) ((stop ? stop : end) - text);
                bool wanted = false;
                for (size_t k = 0; k < ELEMENTSOF(marks) && !wanted; k++)
                        wanted = has(text, n < 100 ? n : 100, marks[k]);
                if (has(text, n, "connection broken by ")) { /* once is enough */
                        wanted = !broken;
                        broken = true;
                }
                if (has(text, n, "[end of output]"))
                        used = add_line(ret, size, used, last, last_len);
                else if (wanted && has(text, n, "connection broken by "))
                        used = add_broken(ret, size, used, text, n);
                else if (wanted)
                        used = add_line(ret, size, used, text, n);
                if (n > 0) {
                        last = text;
                        last_len = wanted ? 0 : n;
                }
                text += n + 1;
        }
        return used;
}

static void explain(const struct venv_build *b, char *ret, size_t size) {
        ret[0] = 0;
        if (explain_marked(b, ret, size) == 0) { /* then the end of it, whatever it is */
                size_t len = b->tail_len;
                while (len > 0 && b->tail[len - 1] == '\n')
                        len--;
                size_t n = len < size / 2 ? len : size / 2;
                (void) snprintf(ret, size, "%.*s", (int) n, b->tail + len - n);
        }
        for (char *p = ret; *p; p++)
                if (*p == '\n')
                        *p = ';';
        clean(ret);
}

static void add_denials(const struct process *p, char *ret, size_t size) {
        size_t used = strlen(ret);
        for (size_t i = 0; i < p->n_denials && i < 3 && used < size; i++) {
                const struct denial *d = &p->denials[i];
                used += (size_t) snprintf(ret + used, size - used, "%s %s %.200s",
                                          i ? "," : " (leash refused:", d->access ? d->access : "",
                                          d->path   ? d->path
                                          : d->host ? d->host
                                                    : "?");
        }
        if (p->n_denials > 0 && used < size)
                (void) snprintf(ret + used, size - used, ")");
}

static void note_failure(struct venv_build *b, struct process *p) {
        char why[800] = "";
        if (p->reason == REASON_TIMEOUT) {
                error_set(&b->error, ERROR_TIMEOUT, ETIMEDOUT,
                          "making %.400s took longer than %llu s", b->spec->path,
                          (unsigned long long) (b->allowed_ms / 1000));
                return;
        }
        explain(b, why, 600);
        add_denials(p, why, sizeof why);
        error_set(&b->error, ERROR_VENV, EIO, "cannot make the virtual environment: %s",
                  why[0] ? why : "its tools ended without saying why");
}

static void on_ended(struct process *p, const struct error *e) {
        struct venv_build *b = p->userdata;
        const struct list denials = { p->denials, p->n_denials, true };
        b->made.denials = venv_copy_denials(b->arena, &denials);
        b->ok = !e && p->status == 0 && p->reason == REASON_UNSET && b->heard;
        if (e) {
                b->error = *e;
                if (e->code == ERROR_EXEC_NOT_FOUND || e->code == ERROR_EXEC_DENIED)
                        (void) error_wrap(&b->error, 0, "%.200s cannot be used as the interpreter",
                                          b->spec->interpreter);
        } else if (!b->ok)
                note_failure(b, p);
}

const struct process_hooks venv_hooks = { on_output, on_ended };
