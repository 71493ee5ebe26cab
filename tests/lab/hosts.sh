# shellcheck shell=bash
# hosts.sh - hosts whose flows share links, as on real hosts: each link has an
# IPv4 and an IPv6 address, so two links of the client make four flows to a
# server with one link, and eight to a server with two.

# uplink HOST LINK N DELAY METRIC: makes a link from a host to the router inet,
# with addresses of both families.  IPv6 packets leave by the link of their
# source address.
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

# topo_laptop DELAY: the delay is that of one direction.
#
#	client ---- wifi: DELAY ------------- inet ---- wan ---- server
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

# topo_office DELAY: the same; the server has a second link, lan.
topo_office() {
	topo_laptop "$1"
	uplink server lan 8 1ms 200
}

# topo_three_uplinks DELAY: as topo_laptop; the client has a third link, dsl.
topo_three_uplinks() {
	topo_laptop "$1"
	uplink client dsl 3 "$((${1%ms} * 2))ms" 800
}

# echo_begin [OPTION OF udpload...]: starts the reference and an echo of 100
# datagrams per second under mpshim, for SECONDS_LONG (12) s; waits 3 s.
echo_begin() {
	keys server client
	reference
	mp_bg server server "$B/lab/udpload" server 7000
	wait_udp server 7000
	mp_bg echo client "$B/lab/udpload" -r 100 -d "${SECONDS_LONG:-12}" \
	    -l lost "$@" client 10.9.0.2 7000
	sleep 3
}

# echo_end LIMIT: waits for the end of the echo; no datagram was lost, and the
# longest gap was LIMIT ms at most.
echo_end() {
	finish echo || :
	cat "$(log echo)"
	at_most lost "$(field "$(log echo)" lost)" 0 datagrams
	at_most altered "$(field "$(log echo)" altered)" 0 datagrams
	at_most twice "$(field "$(log echo)" duplicated)" 0 datagrams
	timed "longest gap" "$(field "$(log echo)" gap)" "$1" ms
	figure "worst" "$(field "$(log echo)" worst)" ms
}

# nat_uplinks: what the laptop sends by IPv4 bears another address of the router
# for each uplink.
nat_uplinks() {
	need nft
	addr inet wan 10.9.0.3/24
	on inet nft -f - <<-EOF
	table ip nat {
		chain post {
			type nat hook postrouting priority srcnat
			ip saddr 10.1.0.0/24 oifname "wan" snat to 10.9.0.1
			ip saddr 10.2.0.0/24 oifname "wan" snat to 10.9.0.3
		}
	}
	EOF
}

# topo_two_by_four DELAY: topo_office; the client has four links: 16 flows.
topo_two_by_four() {
	topo_office "$1"
	uplink client dsl 3 "$((${1%ms} * 2))ms" 800
	uplink client cable 4 "$((${1%ms} * 5 / 2))ms" 900
}

# frames OPTION OF udpload...: runs a program for 30 s; counts what it costs on
# the client's links in the last 20 s, in log frames (see frames.py).
frames() {
	local l from files=() links=()

	need python3
	for l in wifi lte dsl cable; do
		! ip -n client link show "$l" >/dev/null 2>&1 || links+=("$l")
	done
	capture "${links[@]}"
	mp_bg load client "$B/lab/udpload" -d 30 "$@"
	sleep 9
	from=$EPOCHREALTIME
	finish load || :
	cat "$(log load)"
	capture_end
	for l in "${links[@]}"; do
		files+=("$LAB/$l".*.pcap)
	done
	python3 "$LABDIR/frames.py" "$from" \
	    "$(awk -v f="$from" 'BEGIN { printf "%.6f", f + 20 }')" \
	    "${files[@]}" >"$(log frames)"
	cat "$(log frames)"
}

# probe_cost FLOWS LIMIT: a program with a datagram each second, echoed, costs
# LIMIT octets per second at most each way, besides its data.  On a machine that
# is late flows are asked more often.
probe_cost() {
	local way

	keys server client
	mp_bg server server "$B/lab/udpload" server 7000
	wait_udp server 7000
	frames -r 1 client 10.9.0.2 7000
	for way in up down; do
		at_most "$1 flows, $way" "$(field "$(log frames)" $way)" "$2" \
		    octets/s
	done
}
