/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files that make up plan_compile() share. Private to policy/. */
#pragma once

#include "path.h"
#include "plan.h"

struct compile {
        struct arena *a;
        const struct policy *policy;
        const struct facts *facts;
        const struct subject *subject;
        struct plan *plan;

        const char *home;  /* where HOME points; "" when the user has none that a view could have */
        bool home_private; /* covered by an empty one */
        bool accepted[LOSS_N_];
        /* Losses that are not accepted: told all at once, with the first one's reason. */
        bool refused[LOSS_N_];
        size_t n_refused;
        const char *refused_text, *refused_field;

        /* What filesystem.read/write/execute grant, expanded. */
        struct grant *grants;
        size_t n_grants;

        struct plan_mount *mounts;
        size_t n_mounts, room_mounts;
        struct plan_mount *masks;
        size_t n_masks, room_masks;
        struct plan_name *names;
        size_t n_names, room_names;

        /* A directory with no mount below it: all in it looks alike (compile_scope). */
        const char *scope;
        struct view scope_view;

        const char *pinned; /* all above this directory is pinned already, or need not be */

        bool no_memory; /* set by the adders below, looked at once at the end */
};

struct grant {
        const char *path, *field;
        bool write, execute;
};

/* compile.c: tools */
const char *compile_text(struct compile *c, const char *fmt, ...) _printf_(2, 3);
const char *compile_join(struct compile *c, const char *dir, const char *name);
const char *compile_home(struct compile *c, const char *name); /* home/name */
void compile_mount(struct compile *c, struct plan_mount m);
void compile_mask(struct compile *c, enum mount_kind kind, const char *path, const char *field);
/* `path` is literal; in a pattern it is escaped. */
void compile_name(struct compile *c, const char *path, bool read_too, const char *field);
void compile_name_pattern(struct compile *c, const char *pattern, bool read_too, const char *field);
void compile_trust_pattern(struct compile *c, const char *pattern, const char *field);
void compile_list(struct compile *c, struct strings *list, const char *path); /* each once */
/* Is the first component of `path` among these names? True when they are unknown. */
bool compile_may_exist(const struct strings *names, const char *path);
/* A guarantee cannot be kept: noted, as accepted or as what the plan is refused for in the end. */
void compile_lose(struct compile *c, enum loss loss, const char *field, const char *fmt, ...)
        _printf_(4, 5);
bool compile_protects(const struct compile *c, size_t offset);
#define PROTECTS(c, member) compile_protects(c, offsetof(struct policy_security, member))

/* disk.c: before the view is made */
void compile_disk(struct compile *c);
/* grant.c: the paths that the policy names, and the working directory */
int compile_grants(struct compile *c, struct error *e);
int compile_check_workdir(const struct compile *c, struct error *e);

/* view.c: what is where */
void compile_view(struct compile *c);
/* mask.c: what is covered again */
int compile_masks(struct compile *c, struct error *e);
void compile_sort_mounts(struct compile *c); /* parents first, and nothing twice */
void compile_sort_masks(struct compile *c);
extern const char *const compile_strict_roots[];
extern const size_t compile_strict_roots_n;

/* The next calls are about paths in `dir`: look its place up once, if it has only one. */
void compile_scope(struct compile *c, const char *dir);
/* Masks `path` where it shows something of the host; where it can be written, with all that makes a
 * mask hold: pins and the name. */
void compile_mask_inside(struct compile *c, enum mount_kind kind, const char *path, bool read_too,
                         const char *field);

/* protected.c: the tables */
struct protected_paths {
        size_t offset;            /* of the enum tri in struct policy_security */
        const char *reason;       /* "security.protect_credentials" */
        const char *field;        /* "/security/protect_credentials" */
        const char *const *paths; /* below home */
        size_t n;
};
extern const struct protected_paths protected_paths[];
extern const size_t protected_paths_n;
extern const char *const system_secrets[];
extern const size_t system_secrets_n;

/* protect.c */
/* The protection (or other reason) that `path` lies in or is, or NULL. */
const char *compile_protected_by(const struct compile *c, const char *path);
void compile_protections(struct compile *c);
/* Calls visit(c, path, field) for all that is protected; true when one of the calls was. */
bool compile_each_protected(struct compile *c,
                            bool (*visit)(struct compile *c, const char *path, const char *field));
/* The same for leash's own sockets and state. */
bool compile_each_own(struct compile *c,
                      bool (*visit)(struct compile *c, const char *path, const char *field));
/* workspace.c */
void compile_workspace(struct compile *c);
/* The trusted files alone, as names: where no mount can hold them. */
void compile_workspace_names(struct compile *c);
/* native.c */
int compile_native(struct compile *c, struct error *e);
/* landlock.c */
void compile_landlock(struct compile *c);
/* environment.c */
void compile_environment(struct compile *c);

/* toolchains.c: what of a home makes programs work and holds no secrets */
struct toolchain {
        const char *path; /* below home */
        const char *bin;  /* for PATH, below home, or NULL */
};
extern const struct toolchain toolchains[];
extern const size_t toolchains_n;
/* python.c: the virtual environment */
int compile_venv_check(struct compile *c, struct error *e);
void compile_venv_view(struct compile *c);
void compile_venv_masks(struct compile *c);
/* devices.c */
void compile_devices(struct compile *c);
