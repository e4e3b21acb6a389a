/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The simple case: run one command to its end and look at what came out. */
#include <leash.h>
#include <stdio.h>

int main(void) {
        const char *const argv[] = { "python3", "-c", "print(6 * 7)", NULL };
        struct leash *l;
        struct leash_sandbox *box = NULL;
        struct leash_result *result = NULL;

        if (leash_connect(NULL, 0, &l) < 0) {
                fprintf(stderr, "no leashd: %s\n", leash_connect_error());
                return 1;
        }
        int r = leash_sandbox_create(l, "{\"limits\": {\"open_files\": 256}}", &box);
        if (r >= 0)
                r = leash_run(box, argv, "{\"timeout_ms\": 10000}", &result);
        if (r >= 0)
                printf("status %d, %s: %s", result->exit_code, result->reason, result->out);
        else
                fprintf(stderr, "%s: %s\n", leash_last_error(l)->where,
                        leash_last_error(l)->message);
        leash_result_free(result);
        leash_sandbox_free(box);
        leash_free(l);
        return r < 0;
}
