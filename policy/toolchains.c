/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The parts of a home directory that hold programs: bound read-only into the private home. Where a
 * tool keeps its programs and its keys in one directory, only the parts without keys are named:
 * a mask over a key can be missed when the key is written later, a directory that is not there
 * cannot. Package caches are named where a tool only reads them for work without a network (go,
 * cargo); caches that a tool must be able to write (~/.npm, ~/.cache, ~/.gradle, ~/.m2) start empty
 * and private instead.
 */
#include "compile.h"

const struct toolchain toolchains[] = {
        /* what people and installers put in their own PATH */
        { ".local/bin", ".local/bin" },
        { "bin", "bin" },
        { ".local/lib", NULL }, /* python's user site, and what ~/.local/bin needs */

        /* rust: not ~/.cargo itself, which holds credentials.toml; so ~/.cargo can hold cargo's
           locks */
        { ".cargo/bin", ".cargo/bin" },
        { ".cargo/registry", NULL },
        { ".cargo/git", NULL },
        { ".cargo/config.toml", NULL }, /* linkers, targets, mirrors */
        { ".cargo/config", NULL },
        { ".cargo/env", NULL }, /* sourced by shells */
        { ".rustup", NULL },

        /* python */
        { ".pyenv", ".pyenv/shims" },
        { ".local/pipx", NULL },
        { ".local/share/pipx", NULL },
        { ".local/share/uv", NULL }, /* its credentials directory is masked by protect.c */
        { ".local/share/pypoetry", NULL },
        { ".local/share/hatch", NULL },
        { ".rye", ".rye/shims" },
        { ".pixi", ".pixi/bin" },
        { "miniconda3", NULL }, /* not in PATH: activating an environment is the user's choice */
        { "anaconda3", NULL },
        { "miniforge3", NULL },

        /* javascript */
        { ".nvm", NULL }, /* versions/node/VERSION/bin: nvm.sh puts it in PATH */
        { ".node", ".node/bin" },
        { ".npm-global", ".npm-global/bin" },
        { ".npm-packages", ".npm-packages/bin" },
        { ".local/share/pnpm", ".local/share/pnpm" },
        { ".local/share/fnm", NULL },
        { ".fnm", NULL },
        { ".yarn/bin", NULL }, /* ~/.yarn has berry's caches, ~/.yarnrc.yml the tokens */
        { ".volta", ".volta/bin" },
        { ".bun", ".bun/bin" },
        { ".deno/bin", ".deno/bin" },

        /* go: the module cache is read-only by its own permissions, too */
        { "go/bin", "go/bin" },
        { "go/pkg/mod", NULL },
        { ".local/go", ".local/go/bin" }, /* go itself, unpacked */

        /* ruby: not ~/.gem itself, which holds credentials */
        { ".rbenv", ".rbenv/shims" },
        { ".rvm", NULL },
        { ".gem/ruby", NULL },
        { ".local/share/gem/ruby", NULL },

        /* jvm, .net, and the rest of the languages */
        { ".sdkman", NULL },
        { ".jenv", ".jenv/shims" },
        { ".jdks", NULL },
        { ".dotnet", ".dotnet/tools" },
        { ".ghcup", ".ghcup/bin" },
        { ".opam", NULL },
        { ".juliaup", ".juliaup/bin" },
        { ".julia/juliaup", NULL },
        { ".elan", ".elan/bin" },
        { ".nimble", ".nimble/bin" },
        { ".swiftly", ".swiftly/bin" },
        { ".composer/vendor", NULL }, /* not auth.json beside it */
        { ".config/composer/vendor", NULL },

        /* managers of versions */
        { ".asdf", ".asdf/shims" },
        { ".local/share/mise", ".local/share/mise/shims" },

        /* nix: a symbolic link into /nix; the profile it leads to */
        { ".nix-profile", ".nix-profile/bin" },
        { ".local/state/nix/profiles", NULL },
};
const size_t toolchains_n = ELEMENTSOF(toolchains);
