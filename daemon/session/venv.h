/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Virtual environments. One has a path and a key: a digest of all that it is made from. Those
 * without a path of the caller's lie in leash's own place under their key and are shared by all who
 * ask for the same; nobody inside can write to them. A record beside them, where no sandbox
 * reaches, says which directory was made from what.
 */
#pragma once

#include "../common/sha256.h"
#include "session.h"

#define VENV_ID_BYTES 48

struct venv_spec {
        char id[VENV_ID_BYTES]; /* of the record */
        char key[SHA256_HEX];
        const char *path; /* canonical */
        bool cached, system_site_packages;
        bool whatever; /* only its path was named: one that is there will do, whatever it holds */
        const char *python;           /* as asked for */
        const char *interpreter, *uv; /* paths; uv may be NULL */
        const char *index_url, *proxy;
        struct strings packages, files, texts; /* requirements: their names, their content */
        struct strings accept;
        struct strings no_proxy, grants; /* grants: where the programs live in the home */
        struct strings hosts;            /* of "NAME @ URL" */
        uint64_t timeout_ms;
};

enum venv_state {
        VENV_ABSENT = 0, /* nothing is there, or an empty directory */
        VENV_READY,      /* as asked for */
        VENV_STALE,      /* made by leash from something else, or broken meanwhile */
        VENV_FOREIGN,    /* made by somebody else */
};

/* venv.c. `workdir` NULL: there is none yet, so a relative path cannot be meant. `where`: prefix of
 * pointers in errors. Strings live in `a` or are the policy's. */
int venv_spec(struct session *s, struct arena *a, const struct policy_venv *want,
              const char *workdir, const char *where, struct venv_spec **ret, struct error *e);
/* What is there. VENV_READY and VENV_STALE fill `record`, if there is one. */
int venv_look(struct session *s, struct arena *a, const struct venv_spec *v, enum venv_state *ret,
              struct venv_info *record, struct error *e);
/* Does the policy name an environment? Then ret_spec; NULL otherwise. */
int venv_of_policy(struct session *s, struct arena *a, const struct policy *p, const char *workdir,
                   struct venv_spec **ret, struct error *e);
/* Fills what the plan needs to know. */
int venv_subject(struct session *s, struct arena *a, const struct policy *p, bool real,
                 struct subject *subject, struct error *e);

/* venv_store.c: the place and its records */
struct venvs;
int venvs_open(struct session *s, struct error *e);
void venvs_close(struct session *s);       /* ends what is being made, without a trace */
const char *venvs_base(struct session *s); /* "" = none; need not exist */
int venvs_fd(const struct session *s);
int venv_record_read(struct session *s, struct arena *a, const char *id, struct venv_info *ret);
int venv_record_write(struct session *s, const char *id, const struct venv_info *info,
                      struct error *e);
void venv_record_remove(struct session *s, const char *id);
int venv_lock(struct session *s, const char *id); /* a descriptor; -EWOULDBLOCK: somebody has it */
typedef void (*venv_each_fn)(struct session *s, const char *id, void *userdata);
void venv_each(struct session *s, venv_each_fn fn, void *userdata);
/* Takes parent_fd over; removes `name` below it in slices, then calls done (may be NULL). */
typedef void (*venv_removed_fn)(struct session *s, int r, void *userdata);
void venv_remove_tree(struct session *s, int parent_fd, const char *name, venv_removed_fn done,
                      void *userdata);

/* venv_build.c */
/* 0: it is there. 1: it is being made, and rq will be dispatched again, or answered with an error.
 */
struct layers;
int venv_need(struct request *rq, const struct layers *l, struct error *e);
/* For python.create_venv: rq is dispatched again when it is made; `ret` tells then what was
 * refused. */
int venv_build(struct request *rq, const struct venv_spec *v, struct error *e);
struct venv_made { /* beside a request that waited: what making it was like */
        double seconds;
        bool joined; /* for somebody else, who asked first */
        struct list denials;
};
void venv_peer_gone(struct session *s); /* nobody may be left who waits */
void venv_end_all(struct session *s);
