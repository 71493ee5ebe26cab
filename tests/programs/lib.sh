# shellcheck shell=bash
# lib.sh - the functions of a script that drives a program.  Sourced by
# more/NAME.sh as its first command:
#
#	need nsd dig			skips unless these are installed
#	server LOG PROGRAM [ARG...]	starts it in the background; the output
#					is LOG.log
#	client PROGRAM [ARG...]		runs it to its end, 20 s at most
#	client_bg LOG PROGRAM [ARG...]	as server, on the client
#	wait_server PORT, wait_client PORT	waits until a UDP socket has it
#	wait_for SECONDS COMMAND...	repeats the command until it succeeds
#	said REGEX LOG			a line of LOG.log matches (extended)
#	fail WHY			the end of the script is success
#
#	$S, $C		the addresses of server and client
#	$SB		the server's address as in a URL
#	$FAMILY		4 or 6
#	on_server, on_client		runs a command there without mprun
#	least ALL FEWER			prints how much must arrive: ALL, or
#					FEWER if links die meanwhile
#
# The script has a directory, mounts and processes of its own, which end with
# it.

set -u
: "${SERVER_NS:?}" "${CLIENT_NS:?}" "${SERVER_ADDR:?}" "${CLIENT_ADDR:?}"
NAME=$(basename "$0" .sh)

if [ -z "${PROGRAM_DIR:-}" ]; then
	PROGRAM_DIR=$(mktemp -d /tmp/program.XXXXXX)
	chmod 755 "$PROGRAM_DIR"
	export PROGRAM_DIR
	status=0
	timeout -k 5 60 unshare --mount --pid --fork --kill-child --mount-proc \
	    bash "$0" </dev/null || status=$?
	case $status in
	0 | 77) ;;
	*) tail -n 20 "$PROGRAM_DIR"/*.log | tr -cd '\11\12\40-\176' ;;
	esac
	rm -rf "$PROGRAM_DIR"
	exit $status
fi

cd "$PROGRAM_DIR" || exit
S=$SERVER_ADDR C=$CLIENT_ADDR SB=$SERVER_ADDR FAMILY=4
case $S in
*:*) SB="[$S]" FAMILY=6 ;;
esac
# For the scripts; not each uses all.
export S C SB FAMILY

fail() {
	echo "$NAME: FAIL: $*"
	exit 1
}

skip() {
	echo "skip: $*"
	exit 77
}

need() {
	local program

	for program; do
		command -v "$program" >/dev/null || skip "no $program"
	done
}

only_v4() {
	[ "$FAMILY" = 4 ] || skip 'IPv4 only'
}

on_server() {
	ip netns exec "$SERVER_NS" "$@"
}

on_client() {
	ip netns exec "$CLIENT_NS" "$@"
}

server() {
	local log=$1

	shift
	# shellcheck disable=SC2086 # words
	on_server ${SRUN:-} "$@" >"$log.log" 2>&1 &
}

client_bg() {
	local log=$1

	shift
	# shellcheck disable=SC2086 # words
	on_client ${CRUN:-} "$@" >"$log.log" 2>&1 &
}

client() {
	# shellcheck disable=SC2086 # words
	on_client timeout -k 2 20 ${CRUN:-} "$@"
}

wait_for() {
	local end=$((SECONDS + $1 + 1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

has_port() {
	[ -n "$(ip netns exec "$1" ss -Hanu "sport = :$2")" ]
}

wait_server() {
	wait_for 10 has_port "$SERVER_NS" "$1" ||
	    fail "no UDP socket of the server has port $1 after 10 s"
}

wait_client() {
	wait_for 10 has_port "$CLIENT_NS" "$1" ||
	    fail "no UDP socket of the client has port $1 after 10 s"
}

least() {
	[ "${FAILOVER:-}" ] && echo "$2" || echo "$1"
}

said() {
	grep -aqE -- "$1" "$2.log"
}
