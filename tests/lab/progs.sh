# shellcheck shell=bash
# progs.sh - the server of the programs progs/*.c that include prog.h, and what it tells at the end.

# prog_server [PORT]: on the server, a echo_server, as background program echo.
prog_server() {
	mp_bg echo server "$B/lab/echo_server" "${1:-7000}"
	wait_udp server "${1:-7000}"
}

# prog_client HOW PROGRAM [ARG...]: the program under mpshim on the client, with the
# server's address and port behind HOW; its report is file HOW.
prog_client() {
	local how=$1 report=$PWD/$1 program=$2 status=0

	shift 2
	mp client "$B/lab/$program" "$how" 10.4.0.2 7000 "$@" \
	    >"$report" 2>&1 || status=$?
	cat "$report"
	[ $status = 0 ] || fail "$how: exit status $status: $(tail -n 1 "$report")"
}

# prog_lost HOW: nothing of it is lost.
prog_lost() {
	at_most "$1 lost" "$(field "$1" lost)" "${2:-0}"
}

# prog_verdict: ends the server; nothing came that nobody sent, nor twice, and
# nothing crossed in clear, if anything is recorded.
prog_verdict() {
	local f

	f=$(log echo)
	stop echo || fail "the server ended badly"
	cat "$f"
	at_least received "$(field "$f" received)" 1
	at_most alien "$(field "$f" alien)" 0
	at_most twice "$(field "$f" twice)" 0
	[ ${#RECORDS[@]} = 0 ] || no_clear only-sealed 'bytes for a'
}

# prog_long LONG SHORT: how long, or how many.
prog_long() {
	[ -n "${LAB_SHORT:-}" ] && echo "$2" || echo "$1"
}
