# shellcheck shell=bash
# hosts.sh - hosts whose flows share links, as real ones do: each link has an
# IPv4 and an IPv6 address, so that two links of the client make four flows to a
# server with one link, and eight to one with two.  What happens to them is the
# scenario's; what may be lost of an echo meanwhile is told here.

# uplink HOST LINK N DELAY METRIC: a link of a host to the router inet, of both
# families.  IPv6 leaves by the link of its source address.
uplink() {
	local host=$1 link=$2 n=$3 delay=$4 metric=$5

	link "$link" "$host" inet delay "$delay"
	addr "$host" "$link" "10.$n.0.2/24"
	addr inet "$link" "10.$n.0.1/24"
	addr "$host" "$link" "fd0$n::2/64"
	addr inet "$link" "fd0$n::1/64"
	route "$host" default "$link" metric "$metric"
	ip -n "$host" -6 route add default from "fd0$n::/64" \
	    via "fd0$n::1" dev "$link" metric "$metric"
	ip -n "$host" -6 route add default via "fd0$n::1" dev "$link" \
	    metric "$metric"
}

#	client ---- wifi: DELAY each way ---- inet ---- wan ---- server
#	       ---- lte: 1.5 times DELAY ----/          10.9.0.2, fd09::2
topo_laptop() {
	local ms=${1%ms}

	host client
	host server
	router inet
	uplink client wifi 1 "${ms}ms" 100
	uplink client lte 2 "$((ms * 3 / 2))ms" 600
	uplink server wan 9 0ms 100
}

# The server has a second link, lan.
topo_office() {
	topo_laptop "$1"
	uplink server lan 8 1ms 200
}

#	... and the client a third one, dsl
topo_three_uplinks() {
	topo_laptop "$1"
	uplink client dsl 3 "$((${1%ms} * 2))ms" 800
}

# echo_begin [OPTION OF udpload...]: an echo of 100 a second under mpshim, and
# the reference; it is up when this returns.
echo_begin() {
	keys server client
	reference
	mp_bg server server "$B/lab/udpload" server 7000
	wait_udp server 7000
	mp_bg echo client "$B/lab/udpload" -r 100 -d "${SECONDS_LONG:-12}" \
	    -l lost "$@" client 10.9.0.2 7000
	sleep 3
}

# echo_end LIMIT: the echo ends, nothing of it is lost, and the gap is LIMIT ms
# at most.
echo_end() {
	finish echo || :
	cat "$(log echo)"
	at_most lost "$(field "$(log echo)" lost)" 0
	at_most altered "$(field "$(log echo)" altered)" 0
	at_most twice "$(field "$(log echo)" duplicated)" 0
	timed "longest gap" "$(field "$(log echo)" gap)" "$1" ms
	figure "worst" "$(field "$(log echo)" worst)" ms
}
