# shellcheck shell=bash
# lib.sh - the functions of a scenario.  Every scenario begins like this:
#
#	# What the scenario shows, in one sentence.
#	. "$(dirname "$0")/../../lib.sh"
#	host client; host server
#	link wifi client server delay 10ms
#	addr client wifi 10.1.0.1/24; addr server wifi 10.1.0.2/24
#	on client ping -c 3 10.1.0.2
#
# A host is a network namespace; a link is a pair of TUN devices with the link's
# name, one in each host, and emu between them.  A scenario runs in mount, PID
# and network namespaces of its own, so two scenarios may use the same host
# names, and no process, mount or device outlives one.  It runs as root, or as
# any user where the system allows user namespaces.  Exit status 0: success,
# 77: skipped.
#
#	LAB		the scenario's directory: logs/, and a home for each host
#	B		the directory of the build
#	MPRUN		the path of mprun
#	LAB_SHELL=1	starts a shell in the lab when the scenario has ended
#	LAB_KEEP=1	keeps the directory LAB

set -eE -o pipefail
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
LABDIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TREE=${LABDIR%/tests/lab}
B=$(readlink -m "${B:-$TREE/build}")
export B MPRUN=${MPRUN:-$B/mprun}
export EMU=$B/lab/emu
declare -A BG=() RECORDS=()

# --- The verdict ------------------------------------------------------------

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# expect WHAT COMMAND...: fails unless the command succeeds.  WHAT says what
# should hold.
expect() {
	local what=$1

	shift
	"$@" || fail "this does not hold: $what"
}

# figure WHAT VALUE [UNIT]: prints a measured value, also in the line of `run'.
figure() {
	echo "$*" | tee -a "$LAB/figures"
}

# within LOW VALUE HIGH: LOW <= VALUE <= HIGH; false if VALUE is no number.
within() {
	awk -v l="$1" -v v="$2" -v h="$3" \
	    'BEGIN { exit !(v ~ /^-?[0-9.]+$/ && l <= v && v <= h) }'
}

# at_most WHAT VALUE LIMIT [UNIT]: a figure that fails above its limit, below 0,
# and if it is no number, such as `never'.
at_most() {
	figure "$1" "$2" "${4:-}"
	within 0 "$2" "$3" || fail "$1 is $2, the limit is $3 ${4:-}"
}

# at_least WHAT VALUE LIMIT [UNIT]: the same below its limit.
at_least() {
	figure "$1" "$2" "${4:-}"
	within "$3" "$2" 1e18 || fail "$1 is $2, the least is $3 ${4:-}"
}

# timed WHAT VALUE LIMIT UNIT: a time in ms or s that may exceed its limit only
# because the machine is busy.  It is judged when the scenario ends: the
# lateness of the reference, which must run, is added to the limit.
timed() {
	[ -n "${BG[tick]:-}" ] || fail "no reference runs"
	printf '%s\t' "$@" >>"$LAB/timed"
	echo >>"$LAB/timed"
}

# ratio A B: prints A / B.
ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / b }'
}

# need PROGRAM...: skips the scenario unless all are installed.
need() {
	local p

	for p; do
		command -v "$p" >/dev/null || skip "no $p"
	done
}

# wait_for SECONDS COMMAND...: repeats the command until it succeeds; false if
# it does not within that time.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# field FILE NAME: prints the value after a name in a report of `name value'
# pairs.
field() {
	awk -v name="$2" '{ for (i = 1; i < NF; i++)
		if ($i == name) { print $(i + 1); exit } }' "$1"
}

# --- Hosts ------------------------------------------------------------------

# host NAME: makes a host with loopback and a home.  IPv6 there neither makes
# link-local addresses nor solicits routers, so only the scenario sends.
host() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip netns exec "$1" sysctl -qw \
	    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
	[ ! -d /proc/sys/net/ipv6 ] || ip netns exec "$1" sysctl -qw \
	    net.ipv6.conf.default.addr_gen_mode=1 \
	    net.ipv6.conf.default.accept_dad=0 \
	    net.ipv6.conf.default.router_solicitations=0
	mkdir -p "$LAB/$1/run"
	chmod 700 "$LAB/$1" "$LAB/$1/run"
}

# router NAME: makes a host that forwards packets.
router() {
	host "$1"
	ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1
	[ ! -d /proc/sys/net/ipv6 ] ||
	    ip netns exec "$1" sysctl -qw net.ipv6.conf.all.forwarding=1
}

# nat ROUTER LINK: IPv4 packets that leave through the link get the router's
# address.
nat() {
	need nft
	ip netns exec "$1" nft -f - <<-EOF
	table ip nat {
		chain post {
			type nat hook postrouting priority srcnat
			oifname "$2" masquerade
		}
	}
	EOF
}

# addr HOST LINK ADDRESS/LENGTH
addr() {
	case $3 in
	*:*) ip -n "$1" addr add "$3" dev "$2" nodad ;;
	*) ip -n "$1" addr add "$3" dev "$2" ;;
	esac
}

addr_del() {
	ip -n "$1" addr del "$3" dev "$2"
}

# route HOST DESTINATION LINK [more of ip-route(8)]
route() {
	local host=$1 to=$2 link=$3

	shift 3
	ip -n "$host" route add "$to" dev "$link" "$@"
}

# words_on HOST: puts the words that run a command on the host into WORDS.
words_on() {
	WORDS=(ip netns exec "$1" env -u XDG_CONFIG_HOME -u LD_PRELOAD
		HOME="$LAB/$1" XDG_RUNTIME_DIR="$LAB/$1/run")
}

# on HOST COMMAND...: runs the command on the host.
on() {
	words_on "$1"
	shift
	"${WORDS[@]}" "$@"
}

# bg NAME HOST COMMAND...: the same in the background; its output becomes log
# NAME.
bg() {
	local name=$1

	words_on "$2"
	shift 2
	"${WORDS[@]}" "$@" >"$LAB/logs/$name" 2>&1 </dev/null &
	BG[$name]=$!
}

running() {
	kill -0 "${BG[$1]}" 2>/dev/null
}

# stop NAME [SIGNAL]: ends a background program by a signal (TERM), after 3 s by
# KILL; returns its exit status.
stop() {
	local pid=${BG[$1]}

	unset "BG[$1]"
	kill "-${2:-TERM}" "$pid" 2>/dev/null || :
	wait_for 3 lab_gone "$pid" || kill -KILL "$pid" 2>/dev/null || :
	wait "$pid"
}

# finish NAME: waits for a background program; returns its exit status.
finish() {
	local pid=${BG[$1]}

	unset "BG[$1]"
	wait "$pid"
}

log() {
	echo "$LAB/logs/$1"
}

# said NAME REGEX: a line of log NAME matches.
said() {
	grep -aqE -- "$2" "$LAB/logs/$1"
}

# wait_udp HOST PORT: waits until a UDP socket has the port, 10 s at most.
wait_udp() {
	wait_for 10 lab_port "$1" u "$2" ||
	    fail "no UDP socket on $1 has port $2 after 10 s"
}

wait_tcp() {
	wait_for 10 lab_port "$1" t "$2" ||
	    fail "no TCP socket on $1 has port $2 after 10 s"
}

# --- Links ------------------------------------------------------------------

# link NAME HOSTA HOSTB [WORD...]: makes a link; the words are those of
# set_link, for both directions.
link() {
	local name=$1 a=$2 b=$3

	shift 3
	"$EMU" -c "$LAB/emu" link "$name" "$a" "$name" "$b" "$name"
	# Packets that the device queues while emu does not run: a host that
	# sends in bursts must not lose any there.
	ip -n "$a" link set "$name" txqueuelen 4096
	ip -n "$b" link set "$name" txqueuelen 4096
	[ $# = 0 ] || set_link "$name" "$@"
}

# set_link NAME WORD...: changes a link by the commands of emu_cmd.c.  Several
# links change together: set_link a blackhole on \; b blackhole off
set_link() {
	echo "+ ${EPOCHREALTIME%???} $*"
	"$EMU" -c "$LAB/emu" "$@"
}

# counter LINK DIRECTION NAME: prints a counter of `emu show'; a DIRECTION is
# client'>'server.
counter() {
	"$EMU" -c "$LAB/emu" "$1" "$2" show >"$LAB/show"
	field "$LAB/show" "$3"
}

# Exported for the commands that keyecho.py runs.
export -f set_link addr addr_del route

# capture LINK...: begins to record what both hosts send over each link, in
# LINK.N.pcap; N is 1, and 1 more each time.
capture() {
	local l

	for l; do
		RECORDS[$l]=$((${RECORDS[$l]:-0} + 1))
		"$EMU" -c "$LAB/emu" "$l" pcap "$LAB/$l.${RECORDS[$l]}.pcap"
	done
}

# capture_end: ends all records.
capture_end() {
	local l

	for l in "${!RECORDS[@]}"; do
		"$EMU" -c "$LAB/emu" "$l" pcap off
	done
}

# talked FROM TO LINK...: ends the records; true if a packet from an address
# that matches FROM to one that matches TO was sent over one of the links.
talked() {
	local from=$1 to=$2 l files=()

	shift 2
	for l; do
		files+=("$LAB/$l".*.pcap)
	done
	capture_end
	python3 "$LABDIR/pcap.py" "${files[@]}" >"$LAB/talkers" ||
	    fail "pcap.py cannot read the records"
	grep -Eq "^[0-9]+ $from $to\$" "$LAB/talkers"
}

# in_clear TEXT: a record has the text.
in_clear() {
	grep -aqF -- "$1" "$LAB"/*.pcap
}

# no_clear TEXT...: ends the records; none has any of the texts, and not all are
# empty.
no_clear() {
	local text

	capture_end
	[ "$(cat "$LAB"/*.pcap | wc -c)" -gt 1000 ] ||
	    fail "the records are empty"
	for text; do
		! in_clear "$text" ||
		    fail "\`$text' was sent over a link in plaintext"
	done
}

# --- The machine's own lateness ----------------------------------------------

# reference: starts a plain echo between two hosts of its own, over a link of
# 20 ms.  What its worst echo takes longer is the machine's lateness.
reference() {
	[ -z "${BG[tick]:-}" ] || return 0
	host tick
	host tock
	link clock tick tock delay 10ms
	addr tick clock 10.255.0.1/24
	addr tock clock 10.255.0.2/24
	bg tock tock "$B/lab/udpload" server 7
	wait_udp tock 7
	bg tick tick "$B/lab/udpload" -r 50 -s 64 -d 600 client 10.255.0.2 7
}

# Judges the figures of timed(); the reference has ended.
lab_judge() {
	local late what value limit unit more

	late=$(awk -v worst="$(field "$(log tick)" worst)" \
	    'BEGIN { print (worst > 20 ? worst - 20 : 0) }')
	figure "the machine was late by" "$late" ms
	while IFS=$'\t' read -r what value limit unit more; do
		at_most "$what" "$value" "$(awk -v l="$limit" -v late="$late" \
		    -v unit="$unit" \
		    'BEGIN { print l + late / (unit == "s" ? 1000 : 1) }')" \
		    "$unit${more%$'\t'}"
	done <"$LAB/timed"
}

# --- How a scenario lives ---------------------------------------------------

lab_gone() {
	! kill -0 "$1" 2>/dev/null
}

lab_port() {
	[ -n "$(ip netns exec "$1" ss -Han"$2" "sport = :$3")" ]
}

lab_cleanup() {
	local status=$? name

	trap - EXIT ERR
	set +e
	if [ $status = 0 ] && [ -s "$LAB/timed" ]; then
		stop tick
		(lab_judge) || status=1
	fi
	[ -z "${LAB_SHELL:-}" ] || bash </dev/tty >/dev/tty 2>&1
	for name in "${!BG[@]}"; do
		stop "$name" >/dev/null 2>&1
	done
	[ -z "${LAB_EMU:-}" ] || kill "$LAB_EMU" 2>/dev/null
	wait
	[ -n "${LAB_KEEP:-}" ] || rm -rf "$LAB"
	exit "$status"
}

# Runs this script a second time, as process 1 of new namespaces.
lab_enter() {
	local user new=(-mnpf --kill-child --mount-proc)

	[ -e /dev/net/tun ] || skip "no /dev/net/tun"
	[ -x "$EMU" ] || fail "no $EMU: run make"
	for user in "" -Ur; do
		unshare $user "${new[@]}" sh -c 'mount -t tmpfs t /run' \
		    2>/dev/null || continue
		unshare $user "${new[@]}" sh -c ': <>/dev/net/tun' \
		    2>/dev/null || skip "no right to open /dev/net/tun"
		LAB=${LAB:-$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX")}
		export LAB LAB_INSIDE=1
		# shellcheck disable=SC2093
		exec unshare $user "${new[@]}" bash "$0" "$@"
	done
	skip "no right to make namespaces"
}

lab_begin() {
	trap lab_cleanup EXIT
	trap 'exit 143' TERM INT
	trap 'echo "FAIL: line $LINENO: $BASH_COMMAND" >&2' ERR
	unset LAB_INSIDE
	mount -t tmpfs -o mode=755 tmpfs /run
	mkdir -p /run/netns "$LAB/logs"
	: >"$LAB/figures"
	cd "$LAB"
	"$EMU" ${LAB_SEED:+-s "$LAB_SEED"} "$LAB/emu" &
	LAB_EMU=$!
	wait_for 5 [ -S "$LAB/emu" ] || fail "emu did not start"
}

# shellcheck source=topo.sh
. "$LABDIR/topo.sh"
# shellcheck source=mp.sh
. "$LABDIR/mp.sh"
case ${LAB_INSIDE:-} in
'') lab_enter "$@" ;;
*) lab_begin ;;
esac
