# shellcheck shell=bash
# lib.sh - what a script that drives a program can say.  Sourced by more/NAME.sh
# as its first command:
#
#	need nsd dig			else it is not installed
#	server LOG PROGRAM [ARG...]	in the background, in $LOG.log
#	client PROGRAM [ARG...]		to its end, for 20 s at most
#	wait_server PORT, wait_client PORT	until its UDP socket is there
#	wait_for SECONDS COMMAND...	until the command succeeds
#	said REGEX LOG			an extended regular expression
#	fail WHY			else the end of the file is success
#
#	$S, $C		the server's address, the client's
#	$SB		the server's in a URL, $FAMILY: 4 or 6
#	on_server, on_client		in the namespaces, never wrapped
#	least ALL FEWER			what must come: ALL, or FEWER only if
#					links die meanwhile
#
# The script has a directory, mounts and processes of its own; when it ends,
# nothing is left of them.

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
# What each script may use, and not all do.
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

# A client that stays: client_bg LOG PROGRAM...
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
	    fail "the server has no port $1"
}

wait_client() {
	wait_for 10 has_port "$CLIENT_NS" "$1" ||
	    fail "the client has no port $1"
}

least() {
	[ "${FAILOVER:-}" ] && echo "$2" || echo "$1"
}

said() {
	grep -aqE -- "$1" "$2.log"
}
