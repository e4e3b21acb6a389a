#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs inside the machine of kernels.sh, as root or as an ordinary user, on busybox: the programs of leash as
# they are, tools that have to work, and attempts that have to fail, whose twins outside succeed.
#
#   inside.sh TIER [--accept LOSS]…        TIER: namespaces or native (the host then forbids the others)
tier=$1
shift
accept=$*
user=$(id -u)
abi=$(leashctl doctor --json 2>/dev/null | grep -o '"landlock_abi": *-\{0,1\}[0-9]*' | grep -o '[-0-9]*$')
: "${abi:=0}"
work=$HOME/work
doors=/srv/doors-$user
bad=0
passed=0

say() { echo "$tier uid $user: $*"; }
pass() { passed=$((passed + 1)); }
fail() {
        bad=$((bad + 1))
        say "NOT OK: $*"
        cat /tmp/said.$user
}
run() { leashctl run -q $accept -C "$work" "$@" >/tmp/said.$user 2>&1 </dev/null; }
works() { # what, command
        run -- sh -c "$2" && pass || fail "$1: does not work"
}
# The twin may change what is tried next, so it comes last.
stopped() { # what, command
        if run -- sh -c "$2"; then fail "$1: not stopped"; else pass; fi
        sh -c "$2" >/tmp/said.$user 2>&1 </dev/null || fail "$1: fails outside, too: proves nothing"
}
says() { # what, text, leashctl's arguments
        what=$1 text=$2
        shift 2
        run "$@"
        grep -q -- "$text" /tmp/said.$user && pass || fail "$what"
}
session() { ps -o pid,user,args | awk -v u="$USER" '$2 == u && $3 == "leash-session" { p = $1 } END { print p }'; }
gone() { # what, a command line that nobody else has
        for i in 1 2 3 4 5 6 7 8 9 10; do
                ps -o args | grep -qx -- "$2" || { pass; return; }
                sleep 0.3
        done
        ps | grep -v ' \[' >/tmp/said.$user
        fail "$1: still there"
}
until_there() { # a command line
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                ps -o args | grep -qx -- "$1" && return
                sleep 0.3
        done
}

rm -rf "$work" "$doors"
mkdir -p "$work/.git/hooks" "$work/a" "$work/b" "$doors" "$HOME/.ssh" "$HOME/plain"
echo secret >"$HOME/.ssh/id_rsa"
echo '[core]' >"$work/.git/config"
cd "$work" || exit 1

# A refusal names every word that it takes.
if [ -n "$accept" ]; then
        leashctl run -C "$work" -- true >/tmp/said.$user 2>&1 </dev/null && fail "losses: not refused"
        for word in $accept; do
                [ "$word" = --accept ] && continue
                # Root has secrets in /etc; a plain user here has nothing inside of what may be read.
                [ "$word" = no_deny_inside_allow ] && [ "$user" != 0 ] && continue
                grep -q -- "$word" /tmp/said.$user && pass || fail "losses: $word is not named"
        done
fi
# What is lost is told without a run, too, and nothing that is not lost.
asked() { # what, text, leashctl's arguments
        what=$1 text=$2
        shift 2
        leashctl "$@" >/tmp/said.$user 2>&1 </dev/null
        tr -s ' ' </tmp/said.$user | sed 's/\x1b\[[0-9]*m//g' | grep -q -- "$text" && pass || fail "$what"
}
first=$(echo "$accept" | cut -d' ' -f2)
if [ -n "$accept" ]; then
        asked 'status: what is lost' "^ *lost .*$first" status
        asked 'doctor: what is lost' "$first: " doctor
        asked 'doctor: how to go on' "to do without it: --accept $first" doctor
        asked 'explain: refused, as a run is' "accept $first" explain -C "$work"
        asked 'explain: what is given up' "^Given up $first: " explain $accept -C "$work"
else
        asked 'status: nothing is lost' '^ *lost nothing' status
        asked 'doctor: nothing is lost' 'nothing: a default policy is enforced in full' doctor
        asked 'explain: it is enforced' '^Enforced by .*namespaces.*landlock.*seccomp' explain -C "$work"
fi
asked 'status: the tier' "^ *enforced $tier, .*Landlock" status
# Whoever may not make control groups is told so, whatever else is missing.
leashctl run --memory 64M $accept -C "$work" -- true >/tmp/said.$user 2>&1 </dev/null && limits=yes || limits=no
if [ $limits = no ]; then
        grep -q 'leashctl doctor says' /tmp/said.$user && pass || fail 'a limit: not refused'
        asked 'doctor: why limits are missing' 'leash may not make control groups' doctor
fi
run -- true && pass || fail "true"
[ $bad = 0 ] || { say "$bad of $((bad + passed)) failed"; exit 1; }

# tools
works write 'echo x >made && cat made && rm made'
works directory '[ "$(pwd)" = "'"$work"'" ]'
works rename 'echo x >a/r && mv a/r a/s && rm a/s'
[ "$tier $abi" = "native 1" ] || works 'rename between directories' 'echo x >a/r && mv a/r b/r && rm b/r'
works link 'echo x >a/l && ln a/l a/m && ln -s m a/n && cat a/n && rm a/l a/m a/n'
works fifo 'mkfifo f && (echo y >f &) && [ "$(cat f)" = y ] && rm f'
works tar 'tar cf t.tar a b && tar tf t.tar && rm t.tar'
works pipe 'seq 1 2000 | awk "{ s += \$1 } END { exit s != 2001000 }"'
works find 'find . -name config -o -type d >/dev/null'
works jobs 'sleep 0.1 & sleep 0.1 & wait'
works 'temporary files' 'f=$(mktemp) && echo x >$f && [ -n "$TMPDIR" ] && case $f in $TMPDIR/*) rm $f;; *) exit 1;; esac'
works devices 'echo x >/dev/null && head -c 8 /dev/urandom >/dev/null && : </dev/zero'
works 'shared memory' 'echo x >/dev/shm/leash.$$ && rm /dev/shm/leash.$$'
works proc 'cat /proc/self/status >/dev/null && ps >/dev/null'
# A file outside of the view can be written as what it is, but not opened again: so through a pipe.
leashctl run -q $accept -C "$work" -- sh -c 'echo x >/dev/stderr' </dev/null 2>&1 | cat >/tmp/said.$user
grep -q '^x$' /tmp/said.$user && pass || fail stderr
works git 'echo x >.git/HEAD && mkdir .git/objects && rmdir .git/objects && rm .git/HEAD'
works umask '[ "$(umask)" = 0022 ]'
says environment "^HOME=$HOME$" -- env
leashctl run -q $accept -C "$work" -- sh -c 'exit 7' </dev/null && fail status || { [ $? = 7 ] && pass || fail status; }
echo in | leashctl run -q $accept -C "$work" -- cat >/tmp/said.$user 2>&1
grep -q '^in$' /tmp/said.$user && pass || fail stdin
# script gives leashctl a terminal; inside there is another
works 'no terminal' '! tty'
leashctl run -q -t $accept -C "$work" -- sh -c 'tty && echo x >/dev/tty && echo done' </dev/null >/tmp/said.$user 2>&1
grep -q done /tmp/said.$user && grep -q /dev/pts/ /tmp/said.$user && pass || fail terminal
leashctl run -q -t $accept -C "$work" -- sh -c 'cat </dev/stdin; echo x >/dev/stdout && echo done' </dev/null >/tmp/said.$user 2>&1
grep -q done /tmp/said.$user && pass || fail 'terminal by /dev/stdout'

# escapes
stopped 'read a key' 'cat $HOME/.ssh/id_rsa'
stopped 'write outside' 'echo x >/srv/$(id -u)-out'
run -- sh -c 'echo x >$HOME/plain/out'
[ -e "$HOME/plain/out" ] && fail 'write in the home' || pass
stopped 'remove outside' 'touch /srv/$(id -u)-t 2>/dev/null; rm /srv/$(id -u)-t'
stopped 'write a hook' 'echo x >.git/hooks/pre-commit'
stopped 'write git config' 'echo x >>.git/config'
stopped 'move .git away' 'mv .git .tig && mv .tig .git'
stopped 'tasks of an editor' 'mkdir .vscode'
rmdir .vscode
stopped 'a link to tasks of an editor' 'ln -s a .vscode'
rm -f .vscode
says 'deny a pattern' 'ermission denied' --deny '**/.env' -- sh -c 'echo x >a/.env'
echo s >a/.env
says 'deny to read' 'ermission denied' --deny '**/.env' -- cat a/.env
says 'deny by another name' 'ermission denied' --deny '**/.env' -- sh -c 'ln a/.env a/x; mv a/.env a/x; cat a/x a/.env'
# Where user namespaces are forbidden, only root could make others outside.
if [ "$tier" = namespaces ]; then
        [ "$(cat /proc/sys/user/max_user_namespaces)" = 0 ] || stopped 'a user namespace' 'unshare -r true'
        [ "$user" != 0 ] || stopped 'a mount namespace' 'unshare -m true'
fi
sleep 4240 &
victim=$!
if [ "$tier" = namespaces ] || [ "$abi" -ge 6 ]; then
        stopped 'signal a process' "kill -0 $victim"
        stopped 'signal leash' "kill -0 $(session)"
fi
stopped 'environment of a process' "cat /proc/$victim/environ"
stopped 'open files of a process' "ls -l /proc/$victim/fd/"
kill $victim
nc -ll -p 7070 -e cat 2>/dev/null &
server=$!
sleep 0.3
stopped tcp 'echo x | nc -w 2 127.0.0.1 7070'
kill $server
leashd --user --socket "$doors/s" 2>/dev/null &
server=$!
sleep 0.5
stopped 'a socket by path' "LEASH_SOCKET=$doors/s leashctl ps >a/ps 2>&1 && ! grep 'not running' a/ps"
kill $server
if [ "$tier" = namespaces ]; then
        stopped 'modes outside' 'chmod 0700 $HOME/plain'
        stopped 'times outside' 'touch /srv/$(id -u)-out'
fi
if [ "$user" = 0 ]; then
        stopped mount 'mkdir -p a/m && mount -t tmpfs t a/m && umount a/m'
        stopped 'device node' 'mknod a/null c 1 3 && rm a/null'
        stopped shadow 'cat /etc/shadow'
        stopped sysctl 'echo core >/proc/sys/kernel/core_pattern'
        stopped sysrq 'echo h >/proc/sysrq-trigger'
        stopped 'host name' 'hostname other'
fi

# what is left behind
run -- sh -c 'setsid sleep 4241 & (setsid sh -c "setsid sleep 4241 &" &); sleep 0.5'
gone 'orphans after the end' 'sleep 4241'
leashctl run -q $accept -C "$work" -- sh -c 'setsid sleep 4242 & kill -9 $PPID; sleep 4242' </dev/null >/dev/null 2>&1 &
client=$!
until_there 'sleep 4242'
sleep 1
kill $client 2>/dev/null
gone 'killed its init' 'sleep 4242'
leashctl run -q $accept -C "$work" -- sh -c 'setsid sleep 4243 & sleep 4243' </dev/null >/dev/null 2>&1 &
client=$!
until_there 'sleep 4243'
kill -9 $client
gone 'the client was killed' 'sleep 4243'
leashctl run -q $accept -C "$work" -- sh -c 'setsid sleep 4244 & sleep 4244' </dev/null >/dev/null 2>&1 &
until_there 'sleep 4244'
kill -9 $(session)
gone 'the session was killed' 'sleep 4244'
run -- true && pass || fail 'after a session was killed'

if [ $bad = 0 ]; then
        say "Landlock ABI $abi: all $passed passed"
else
        say "Landlock ABI $abi: $bad of $((bad + passed)) failed"
        exit 1
fi
