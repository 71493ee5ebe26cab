# shellcheck shell=bash
# progs.sh - runs the programs progs/*.c that include prog.h, and their server.

# prog_server [PORT]: starts echo_server on the server, as background program
# echo, under mpshim.
prog_server() {
	mp_bg echo server "$B/lab/echo_server" "${1:-7000}"
	wait_udp server "${1:-7000}"
}

# prog_client HOW PROGRAM [ARG...]: runs PROGRAM HOW ADDRESS PORT ARG... on the
# client under mpshim; its report becomes file HOW.
prog_client() {
	local how=$1 report=$PWD/$1 program=$2 status=0

	shift 2
	mp client "$B/lab/$program" "$how" 10.4.0.2 7000 "$@" \
	    >"$report" 2>&1 || status=$?
	cat "$report"
	[ $status = 0 ] || fail "$how: exit status $status: $(tail -n 1 "$report")"
}

# prog_lost HOW: the report says that no datagram was lost.
prog_lost() {
	at_most "$1 lost" "$(field "$1" lost)" "${2:-0}" datagrams
}

# prog_verdict: ends the server.  It received no datagram twice and none that no
# program sent; the records, if there are any, have no plaintext.
prog_verdict() {
	local f

	f=$(log echo)
	stop echo || fail "the server failed"
	cat "$f"
	at_least received "$(field "$f" received)" 1 datagrams
	at_most alien "$(field "$f" alien)" 0 datagrams
	at_most twice "$(field "$f" twice)" 0 datagrams
	[ ${#RECORDS[@]} = 0 ] || no_clear only-sealed 'bytes for a'
}

# prog_long LONG SHORT: prints LONG, or SHORT with LAB_SHORT.
prog_long() {
	[ -n "${LAB_SHORT:-}" ] && echo "$2" || echo "$1"
}
