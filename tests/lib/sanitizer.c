/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Linked into the programs of a sanitizer build. They start each other with clean environments, so
 * that ASAN_OPTIONS does not reach them, and what leashd or a session has to say when it ends would
 * be read by nobody: each report becomes a file, which tests/report.py counts as a failure.
 */
#include <sys/prctl.h>

#define EXPORT __attribute__((visibility("default"), used))
#define STOP "halt_on_error=1:abort_on_error=1:print_stacktrace=1"

EXPORT const char *__asan_default_options(void);
EXPORT const char *__ubsan_default_options(void);
EXPORT int __lsan_is_turned_off(void);

/* leashd as a service is under a filter by its end, which the search for leaks would hang in. The
 * filter does not know prctl(2) either. */
int __lsan_is_turned_off(void) {
        return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0;
}

#ifdef CONFINED /* it may open no file by then, nor do the calls that a search for leaks takes */
const char *__asan_default_options(void) {
        return STOP ":detect_leaks=0";
}
const char *__ubsan_default_options(void) {
        return STOP;
}
#else
const char *__asan_default_options(void) {
        return STOP ":log_path=" REPORTS;
}
const char *__ubsan_default_options(void) {
        return STOP ":log_path=" REPORTS;
}
#endif
