/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * leash-gate's own types: one context, the sandboxes, their connections.
 *
 * One thread, one epoll instance, every descriptor registered once and edge-triggered: a busy
 * tunnel costs no epoll_ctl(2). Nothing is freed while events of the same round may still name it:
 * objects go to the grave, which is emptied between rounds.
 */
#pragma once

#include <netinet/in.h>
#include <sys/queue.h>

#include "../../policy/arena.h"
#include "../../policy/gate.h"
#include "../../policy/host.h"
#include "../../proto/dns.h"
#include "../../proto/gate_wire.h"
#include "../../proto/http.h"
#include "../common/log.h"

/* Limits, each with its reason. Those of a policy (limits.connections, network_bytes, network_rate)
 * are below them. */
#define GATE_MAX_CONNS 4096      /* of one sandbox: a browser test holds some hundred */
#define GATE_SPARE_CONNS 64      /* beyond a sandbox's limit, that are told so */
#define GATE_MAX_CONNS_ALL 16384 /* of all: two descriptors each, of the usual hard limit */
#define GATE_ACCEPTS_AT_ONCE 32  /* then others get their turn */
#define GATE_ROUNDS 8            /* of one tunnel before others get their turn: some MiB */
#define GATE_MAX_NAMES 16384     /* synthetic addresses of one sandbox; the oldest are used again */
#define GATE_MAX_CACHE 4096      /* resolved names, some KiB each at worst */
#define GATE_MAX_QUERIES 512     /* DNS questions in flight */
#define GATE_QUESTIONS_RATE 100  /* upstream questions a second of one sandbox: far above what */
#define GATE_QUESTIONS_BURST 1000      /* … tools need; a brake on telling secrets by names */
#define GATE_FRAMES_KEPT 1024          /* for a session that has no time: a burst */
#define GATE_MAX_ASKS 64               /* open questions of one sandbox; nobody answers more */
#define GATE_MAX_ANSWERS 1024          /* remembered ones */
#define GATE_DIAL_ADDRESSES 16         /* that are tried for one connection */
#define GATE_BUFFER (16u * 1024)       /* first size of a connection's buffer: heads are smaller */
#define TLS_BYTES_SNIFFED (20u * 1024) /* TLS_HELLO_MAX_BYTES and a little */

struct gate;
struct sandbox;
struct conn;

/* loop.c: descriptors */
enum { IO_IN = 1u << 0, IO_OUT = 1u << 1, IO_HUP = 1u << 2 };
struct io {
        int fd;         /* -1: none */
        unsigned ready; /* what has been reported and not been used up */
        void (*fn)(struct gate *g, struct io *io);
};
int io_open(struct gate *g, struct io *io, int fd, void (*fn)(struct gate *, struct io *));
/* Level-triggered, reading only: listeners and datagram sockets, which are left with more to do. */
int io_open_level(struct gate *g, struct io *io, int fd, void (*fn)(struct gate *, struct io *));
void io_pause(struct gate *g, struct io *io, bool pause); /* the same */
/* Another owner for the same descriptor; what is ready is reported anew. */
int io_move(struct gate *g, struct io *from, struct io *to, void (*fn)(struct gate *, struct io *));
void io_close(struct io *io);
void io_reset(struct io *io); /* closes with RST */

/* loop.c: timers. All of a class last equally long, so that each class is a queue in order. */
enum timer_class {
        TIMER_RATE = 0, /* 20 ms until a sandbox that was too fast goes on, or the session does */
        TIMER_DELAY,    /* 250 ms before the next address is tried, too (RFC 8305 section 5) */
        TIMER_DNS,      /* 2 s for an answer: resolv.conf(5) has 5, programs are impatient */
        TIMER_CONNECT,  /* 20 s: three SYNs are seven seconds apart at most */
        TIMER_HEAD,     /* 30 s for a request head, a SOCKS greeting, a ClientHello */
        TIMER_ASK,      /* 35 s: the session says no after 30 */
        TIMER_KEEP,     /* 90 s between two requests; node keeps 5, browsers 120 */
        TIMER_IDLE,     /* 1 h for a tunnel without a byte: ssh without keep-alives */
        TIMER_N_,
};
struct timer {
        TAILQ_ENTRY(timer) link;
        uint64_t due; /* µs; 0: not set */
        uint8_t class;
        void (*fn)(struct gate *g, struct timer *t);
};
TAILQ_HEAD(timer_queue, timer);
void timer_set(struct gate *g, struct timer *t, enum timer_class class);
void timer_clear(struct gate *g, struct timer *t);

/* Whatever is freed at the end of the round; the first member of what has one. */
struct grave {
        struct grave *next;
};
void gate_bury(struct gate *g, struct grave *what); /* free() between rounds */

/* names.c: the synthetic addresses of a sandbox */
struct names;
struct names *names_new(void);
struct names *names_free(struct names *n);
/* The name's number; made if it has none. -ENOMEM. */
int names_number(struct names *n, const struct host *name, uint32_t *ret);
/* The name behind an address: 1; 0: not one of ours; -ENOENT: ours and no name. */
int names_find(const struct names *n, const struct host *address, struct host *ret);
void names_address(uint32_t number, bool v6, struct host *ret);

/* resolve.c */
struct answer {
        enum dns_rcode rcode;
        uint32_t ttl;
        size_t n;
        struct host addresses[DNS_MAX_ADDRESSES];
};
struct lookup { /* embedded in whoever waits */
        LIST_ENTRY(lookup) link;
        bool waiting;
        void (*fn)(struct gate *g, struct lookup *l, const struct answer *a);
};
LIST_HEAD(lookup_list, lookup);
struct resolver;
int resolver_new(struct gate *g);
void resolver_free(struct gate *g);
int resolver_set(struct gate *g, const void *base, size_t size); /* takes a copy */
/* Calls back at once, or later. `sb` pays. */
void resolve(struct gate *g, struct sandbox *sb, const struct host *name, struct lookup *l);
void resolve_cancel(struct lookup *l);

/* ask.c */
struct question;
LIST_HEAD(question_list, question);
struct asker {
        LIST_ENTRY(asker) link;
        struct question *waits_for; /* or NULL */
        void (*fn)(struct gate *g, struct asker *a, bool yes);
};
LIST_HEAD(asker_list, asker);
struct ask_answer;
void ask(struct gate *g, struct sandbox *sb, const struct host *h, uint16_t port, enum gate_via via,
         struct asker *a);
void ask_cancel(struct gate *g, struct asker *a); /* the last one takes the question back */
void ask_decide(struct gate *g, struct sandbox *sb, const struct gate_frame *f);
void ask_forget(struct gate *g, struct sandbox *sb);

/* accept.c */
struct listener {
        struct grave grave; /* of the first one: they are one array */
        struct io io;
        struct sandbox *sb;
        enum gate_via via;  /* HTTP: the proxy; TCP; DNS */
        uint64_t round;     /* the last one that something waited in */
        unsigned at_once;   /* so many were accepted then */
        struct timer timer; /* descriptors have run out: a pause */
};
int listener_open(struct gate *g, struct sandbox *sb, int fd, unsigned which);
void accept_prepare(void);        /* before the gate confines itself */
void accept_rest(struct gate *g); /* nothing has happened for a while */

/* dns.c */
struct dns_query_pending;
LIST_HEAD(pending_list, dns_query_pending);
struct dns_stream;
LIST_HEAD(stream_list, dns_stream);
void dns_on_datagram(struct gate *g, struct io *io);
void dns_accept(struct gate *g, struct sandbox *sb, int fd);
void dns_end(struct gate *g, struct sandbox *sb);

/* sandbox.c */
TAILQ_HEAD(conn_list, conn);
struct parent_proxy {
        bool set;
        struct host host;
        uint16_t port;
        const char *authorization;
        struct host_rule *exceptions;
        size_t n_exceptions;
        bool never; /* NO_PROXY=* */
};
struct quota {
        uint64_t connections; /* at one time */
        uint64_t bytes;       /* in sum, both ways; UINT64_MAX: no limit */
        uint64_t rate;        /* bytes per second; 0: no limit */
        uint64_t used;
        int64_t tokens; /* bytes; below 0 what was moved at once is paid for later */
        uint64_t at;    /* when there were that many */
        struct timer timer;
};
struct sandbox {
        struct grave grave;
        struct quota quota;
        LIST_ENTRY(sandbox) link;
        uint64_t number;
        struct arena *arena;
        struct network_rules rules;
        struct parent_proxy parent;
        struct listener *listeners;
        size_t n_listeners;
        bool captures6; /* there is a listener for captured IPv6 */
        struct names *names;
        struct conn_list conns;
        size_t n_conns;
        struct question_list questions;
        size_t n_questions;
        struct ask_answer *answers;
        size_t n_answers;
        struct pending_list pending;
        struct stream_list streams;
        size_t n_pending;
        uint64_t tokens, tokens_at; /* of upstream DNS questions, in 1/1,000,000 */
};
LIST_HEAD(sandbox_list, sandbox);
int sandbox_add(struct gate *g, const struct gate_frame *f, int *fds, size_t n_fds);
void sandbox_remove(struct gate *g, struct sandbox *sb);
/* A sealed memfd's content, malloc'd. */
int sandbox_read_file(int fd, void **ret, size_t *ret_size);
struct sandbox *sandbox_by_number(struct gate *g, uint64_t number);

/* quota.c: what a sandbox may carry */
void quota_start(struct gate *g, struct quota *q);
/* How many bytes may be read now. 0: none; when that changes every connection gets a turn. */
uint64_t quota_room(struct gate *g, struct quota *q);
void quota_spend(struct gate *g, struct quota *q, uint64_t n);
/* May there be one more connection? false: `ret` says why not. */
bool quota_admits(const struct sandbox *sb, struct decision *ret);

/* rules.c: the one place where anything is decided */
void rules_decide(const struct sandbox *sb, const struct host *h, uint16_t port,
                  struct decision *ret);
/* `name` led to `address`; true: it may be connected to. */
bool rules_address(const struct sandbox *sb, const struct host *name, const struct host *address,
                   uint16_t port, struct decision *ret);
/* A name that the program said inside a connection (SNI, Host) to `target`. */
bool rules_said(const struct sandbox *sb, const struct host *target, const struct host *said,
                uint16_t port, const char *where, struct decision *ret);
bool rules_is_local(const struct host *h); /* the host's loopback */

/* dial.c: from a target to a connected socket */
struct dial;
typedef void (*dial_fn)(struct gate *g, struct conn *c, int fd, int err);
/* `parent_http`: the target is reached by the parent proxy in absolute-form, so no CONNECT. The
 * callback gets a descriptor, or -1, a positive errno and c->decision for what the rules refused
 * (EACCES). */
void dial_start(struct gate *g, struct conn *c, bool parent_http);
bool dial_uses_parent(const struct conn *c);
void dial_cancel(struct gate *g, struct dial *d);

/* One direction of a connection. */
struct buffer {
        char *data;
        size_t at, checked, end, size; /* [at, checked) may be sent, [checked, end) not yet */
};
struct half {
        struct io *from, *to;
        struct quota *quota;
        struct buffer out; /* goes first */
        int pipe[2];
        size_t in_pipe;
        uint64_t bytes;
        bool ended; /* nothing more will come */
        bool shut;  /* … and that has been passed on */
        bool flows; /* in pieces that are worth a pipe */
};

enum conn_state {
        CONN_FIRST = 0, /* which protocol? */
        CONN_SOCKS,
        CONN_HTTP,    /* http.c */
        CONN_DIALING, /* deciding, asking, resolving, connecting: not for CONN_HTTP */
        CONN_TUNNEL,
        CONN_CLOSING, /* an answer goes out, then it ends */
};
struct http;
struct conn {
        struct grave grave;
        TAILQ_ENTRY(conn) link;
        TAILQ_ENTRY(conn) again_link; /* … or of gate->leaving */
        struct gate *gate;
        struct sandbox *sb;
        struct io client, up;
        struct half out, in; /* from the sandbox; to it */
        struct buffer head;  /* from the client, not looked at yet */
        struct buffer early; /* from the far end, before the tunnel stood */
        struct timer timer;
        struct asker asker;
        struct dial *dial;
        struct http *http;
        struct decision decision;
        struct host host;    /* the target; kind HOST_NAME with an empty name: none yet */
        struct host address; /* that is connected to */
        uint16_t port;
        uint16_t parent_status; /* what the parent proxy answered instead of 200 */
        uint8_t state, via;
        bool again;                  /* on gate->again */
        bool sniff;                  /* what the client says first is still to be checked */
        bool dead;                   /* buried */
        bool open;                   /* stands, and its event has not gone out */
        bool greeted;                /* SOCKS */
        uint64_t started, connected; /* µs */
};

/* conn.c */
struct conn *conn_new(struct gate *g, struct sandbox *sb, int fd, enum gate_via via);
void conn_again(struct conn *c); /* its turn comes again without waiting for an event */
void conn_run(struct conn *c);
void conn_end(struct conn *c, int err);             /* in good order, or err: with RST */
void conn_leave(struct gate *g, struct conn *last); /* closes up to this one; NULL: all of them */
void conn_refuse(struct conn *c);        /* as c->decision says, in the way of its protocol */
void conn_gave_up(struct conn *c);       /* before anybody decided */
void conn_fail(struct conn *c, int err); /* could not be connected */
void conn_target(struct conn *c, const struct host *h, uint16_t port); /* decide, then dial */
void conn_event(struct conn *c, bool allowed, int err);
void conn_close_up(struct conn *c); /* the far end, in good order; its event goes out */
void conn_answer(struct conn *c, const void *data, size_t n); /* the last words, then the end */
void conn_on_up(struct gate *g, struct io *io);
/* c->up stands; or a positive errno: EACCES with c->decision is what the rules refused. */
void conn_dialed(struct conn *c, int err);
/* Reads into c->head: > 0, 0 nothing now, -EPIPE the end, -EMSGSIZE no room, or -errno. */
ssize_t conn_read_head(struct conn *c, size_t max);

/* relay.c */
void relay_run(struct conn *c);
int half_flush(struct gate *g,
               struct half *h); /* 1: h->out is empty, 0: not yet, < 0: h->to is broken */
/* Moves up to `max` bytes without looking. > 0: that many were read; 0: nothing now, or the end
 * (h->ended); < 0: broken. What is in the pipe, or in h->out, goes first the next time. */
int64_t half_move(struct gate *g, struct half *h, uint64_t max);
void half_release(struct gate *g, struct half *h); /* an empty pipe goes back */
int buffer_add(struct buffer *b, const void *data, size_t n);
int buffer_room(struct buffer *b, size_t n); /* at least n free bytes at the end */
void buffer_done(struct buffer *b);
void half_done(struct gate *g, struct half *h);

/* sniff.c: what c->head begins with; < 0: refused (c->decision) */
enum { SNIFF_MORE = 0, SNIFF_PASS, SNIFF_HTTP };
int sniff(struct conn *c, bool ended);

/* http.c */
int http_begin(struct conn *c, bool fixed); /* then http_run() */
void http_run(struct conn *c);
void http_done(struct conn *c);
void http_answer(struct conn *c, unsigned status, const char *why); /* of our own, then the end */
void http_refuse(struct conn *c);
void http_dialed(struct conn *c);
bool http_is_connect(const struct conn *c);

/* socks.c */
void socks_run(struct conn *c);
void socks_refuse(struct conn *c, int err); /* 0: by the rules */
int socks_granted(struct conn *c);

/* control.c */
int control_start(struct gate *g);
void control_send(struct gate *g, const struct gate_frame *f); /* soon, or now */
void control_hurry(struct gate *g);                            /* all of it at the round's end */
void control_round(struct gate *g);                            /* that is now */

#define GATE_SCRATCH (64u * 1024)
#define GATE_PIPES \
        64 /* that wait for use: as many busy directions as one thread can serve at once */
struct gate {
        struct log log;
        int epoll_fd;
        struct io control;
        uint64_t now; /* µs, monotonic; once a round */
        struct timer_queue timers[TIMER_N_];
        struct conn_list again;
        struct conn_list
                leaving; /* ended in good order, to be closed when others have had theirs */
        struct grave *graves;
        uint64_t round;
        struct sandbox_list sandboxes;
        size_t n_conns, max_conns;
        struct resolver *resolver;
        uint64_t last_question;
        struct gate_frame *frames; /* of this round, which go out together; and some more */
        size_t n_frames;
        bool frames_hurry; /* one of them is waited for */
        struct timer frames_timer;
        uint64_t lost; /* events that found no room */
        int pipes[GATE_PIPES][2];
        size_t n_pipes;
        char *scratch;
        bool ending;
        bool guarded; /* accept.c */
};
int loop_new(struct gate *g);
void loop_run(struct gate *g);
void loop_free(struct gate *g);
uint64_t clock_micros(void);

_unused_ static inline bool host_same(const struct host *a, const struct host *b) {
        return a->kind == b->kind && __builtin_strcmp(a->name, b->name) == 0;
}
/* The object around a member. */
#define OWNER(ptr, type, member) ((type *) (void *) ((char *) (ptr) -offsetof(type, member)))
