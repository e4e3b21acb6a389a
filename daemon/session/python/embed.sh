#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# embed.sh NAME FILE: the file as a NUL-terminated C array, on stdout.
set -eu
echo "/* Generated from $(basename "$2"). */"
echo "static const char $1[] = {"
od -An -v -tu1 "$2" | sed 's/\([0-9][0-9]*\)/\1,/g'
echo "0 };"
