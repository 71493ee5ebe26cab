# shellcheck shell=bash
# calls.sh - the calls of programs progs/calls_*.c give the same results plain
# and under mpshim.

# calls_other ADDRESS PROGRAM LINK: runs the program, under mpshim, to ADDRESS
# while LINK is dead; its trace becomes file PROGRAM-LINK.
calls_other() {
	local name=$2-$3

	mkfifo "$LAB/$name.go"
	mp client "$B/lab/$2" "$1" 7002 go <"$LAB/$name.go" >"$LAB/$name" \
	    2>"$LAB/logs/$name" &
	exec 9>"$LAB/$name.go"
	wait_for 20 said "$name" ready || fail "$name: no first exchange"
	set_link "$3" blackhole on
	wait_for 20 carrying "$3" || :
	echo >&9
	exec 9>&-
	wait $! || fail "$name: $(cat "$LAB/logs/$name")"
	set_link "$3" blackhole off
}

# same PLAIN OTHER: the two traces are equal.
same() {
	diff "$LAB/$1" "$LAB/$2" >"$LAB/logs/diff" ||
	    fail "$2 differs from $1: $(head -n 60 "$LAB/logs/diff")"
}

# calls_all PROGRAM: compares the traces for an IPv4 and an IPv6 address, plain,
# under mpshim, and under mpshim with only a path of the other family.
calls_all() {
	local prog=$1 a

	topo_two_paths
	keys server client
	bg plain server "$B/lab/calls_peer" 7001
	mp_bg mp server "$B/lab/calls_peer" 7002
	wait_udp server 7001
	wait_udp server 7002
	for a in 10.4.0.2 fd06::2; do
		on client "$B/lab/$prog" $a 7001 >"$LAB/plain-$a"
		mp client "$B/lab/$prog" $a 7002 >"$LAB/mp-$a"
		same "plain-$a" "mp-$a"
	done
	calls_other 10.4.0.2 "$prog" v4
	same plain-10.4.0.2 "$prog-v4"
	calls_other fd06::2 "$prog" v6
	same plain-fd06::2 "$prog-v6"
	figure "compared" "$(cat "$LAB"/plain-* | wc -l)" "lines of results"
}
