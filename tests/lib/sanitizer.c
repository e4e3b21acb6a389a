/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Linked into the programs of a sanitizer build. They start each other with clean environments, so
 * that ASAN_OPTIONS does not reach them, and what leashd or a session has to say when it ends would
 * be read by nobody: each report becomes a file, which tests/report.py counts as a failure.
 */
#define EXPORT __attribute__((visibility("default"), used))
#define STOP "halt_on_error=1:abort_on_error=1:print_stacktrace=1"

EXPORT const char *__asan_default_options(void);
EXPORT const char *__ubsan_default_options(void);

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
