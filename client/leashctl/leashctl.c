/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "commands.h"

int main(int argc, char **argv) {
        return leashctl_main(argc, argv);
}
