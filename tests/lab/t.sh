# shellcheck shell=bash
# t.sh - the server of the programs t??_*.c, and what it tells at the end.

# t_server [PORT]: on the server, a t00_echo, as background program echo.
t_server() {
	mp_bg echo server "$B/lab/t00_echo" "${1:-7000}"
	wait_udp server "${1:-7000}"
}

# t_client HOW PROGRAM [ARG...]: the program under mpshim on the client, with the
# server's address and port behind HOW; its report is file HOW.
t_client() {
	local how=$1 report=$PWD/$1 program=$2 status=0

	shift 2
	mp client "$B/lab/$program" "$how" 10.4.0.2 7000 "$@" \
	    >"$report" 2>&1 || status=$?
	cat "$report"
	[ $status = 0 ] || fail "$how: exit status $status: $(tail -n 1 "$report")"
}

# t_lost HOW: nothing of it is lost.
t_lost() {
	at_most "$1 lost" "$(field "$1" lost)" "${2:-0}"
}

# t_verdict: ends the server; nothing came that nobody sent, nor twice, and
# nothing crossed in clear, if anything is recorded.
t_verdict() {
	local f

	f=$(log echo)
	stop echo || fail "the server ended badly"
	cat "$f"
	at_least received "$(field "$f" received)" 1
	at_most alien "$(field "$f" alien)" 0
	at_most twice "$(field "$f" twice)" 0
	[ ${#RECORDS[@]} = 0 ] || no_clear only-sealed 'bytes for a'
}

# t_long LONG SHORT: how long, or how many.
t_long() {
	[ -n "${LAB_SHORT:-}" ] && echo "$2" || echo "$1"
}
