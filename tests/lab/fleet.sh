# shellcheck shell=bash
# fleet.sh - three servers behind one address of a layer-4 balancer, made of
# nftables, which keeps no state of flows.
#
#	c1 ... c6 ---- 10 ms ---- lb ---- s1, s2, s3
#	10.1.N.2            10.9.0.1      10.9.N.2, and 10.9.0.1 on lo
#
# The balancer leaves packets as they are and sends them to a server by a route
# (as IPVS does with -g, and Katran in a tunnel): a first INIT by a hash of its
# source, others by the server's number in the session id.  What goes to a
# server's own address passes it as it passes any router.

FLEET=10.9.0.1 FLEET_PORT=7000 FLEET_NET=10.9

# fleet_spread N...: first packets go to these servers.
fleet_spread() {
	local i=0 n map=

	for n; do
		map+="$i : $n, "
		i=$((i + 1))
	done
	on lb nft -f - <<-EOF
	flush chain ip fleet spread
	add rule ip fleet spread meta mark set jhash ip saddr mod $# seed 0x16 \
	    map { ${map%, } } counter
	EOF
}

# fleet_steer N...: packets of sessions go to these servers.
fleet_steer() {
	local n

	on lb nft flush map ip fleet servers
	for n; do
		on lb nft add element ip fleet servers \
		    "{ $(printf '0xc%x' "$n") : $n }"
	done
}

# The rules.  Of a handshake packet (the magic) byte 4 is the type, 1: INIT, and
# what begins at byte 8 is for others a session id of the server.
fleet_rules() {
	on lb nft -f - <<-EOF
	table ip fleet {
		map servers {
			typeof @th,64,8 : meta mark
		}
		chain spread {
		}
		chain balance {
			@th,64,32 0x9d4ec2b7 @th,96,8 1 goto spread
			@th,64,32 0x9d4ec2b7 meta mark set \
			    @th,128,8 map @servers counter accept
			meta mark set @th,64,8 map @servers counter accept
			goto spread
		}
		chain pre {
			type filter hook prerouting priority mangle
			ip daddr $FLEET udp dport $FLEET_PORT \
			    counter jump balance
		}
	}
	EOF
}

# fleet_client N: a client's host and its link.
fleet_client() {
	host "c$1"
	link "c$1" "c$1" lb delay 5ms
	addr "c$1" "c$1" "10.1.$1.2/24"
	addr lb "c$1" "10.1.$1.1/24"
	route "c$1" default "c$1"
}

fleet_server() {
	host "s$1"
	link "s$1" lb "s$1"
	addr "s$1" "s$1" "$FLEET_NET.$1.2/24"
	addr lb "s$1" "$FLEET_NET.$1.1/24"
	ip -n "s$1" addr add "$FLEET/32" dev lo
	route "s$1" default "s$1"
	ip -n lb route add default via "$FLEET_NET.$1.2" dev "s$1" table "$1"
	ip -n lb rule add fwmark "$1" lookup "$1"
}

# fleet_nat [snat]: the balancer writes the server's own address into packets
# instead, and remembers flows (conntrack), so the address is no server's.  What
# comes to a server has the client's address as source, so its answers come from
# its own; with snat the balancer's, and answers come back through it.
fleet_nat() {
	local n

	for n in 1 2 3; do
		ip -n "s$n" addr del "$FLEET/32" dev lo
	done
	on lb nft delete table ip fleet
	on lb nft -f - <<-EOF
	table ip fleet {
		chain pre {
			type nat hook prerouting priority dstnat
			ip daddr $FLEET udp dport $FLEET_PORT \
			    counter jump balance
		}
		chain balance {
			@th,64,32 0x9d4ec2b7 @th,96,8 1 goto spread
			@th,64,32 0x9d4ec2b7 dnat to @th,128,8 map \
			    { 0xc1 : 10.9.1.2, 0xc2 : 10.9.2.2, 0xc3 : 10.9.3.2 }
			dnat to @th,64,8 map \
			    { 0xc1 : 10.9.1.2, 0xc2 : 10.9.2.2, 0xc3 : 10.9.3.2 }
			goto spread
		}
		chain spread {
			dnat to jhash ip saddr mod 3 seed 0x16 map \
			    { 0 : 10.9.1.2, 1 : 10.9.2.2, 2 : 10.9.3.2 }
		}
		chain post {
			type nat hook postrouting priority srcnat
			${1:+ct status dnat masquerade}
		}
	}
	EOF
}

# fleet_hosts CLIENTS
fleet_hosts() {
	local n

	need nft
	router lb
	for n in 1 2 3; do
		fleet_server "$n"
	done
	for n in $(seq "$1"); do
		fleet_client "$n"
	done
}

# topo_fleet CLIENTS
topo_fleet() {
	fleet_hosts "$1"
	fleet_rules
	fleet_steer 1 2 3
	fleet_spread 1 2 3
}

# fleet_keys CLIENT...: the servers share an identity and their peers, and are
# one peer, `fleet', to each client.
fleet_keys() {
	local c n

	for c; do
		knows "$c" fleet s1
		knows s1 "lab-$c" "$c"
	done
	for n in 2 3; do
		mkdir -p "$LAB/s$n/.config"
		cp -a "$LAB/s1/.config/mpshim" "$LAB/s$n/.config/"
	done
	for n in 1 2 3; do
		echo "server-id $n" >"$LAB/s$n/.config/mpshim/config"
	done
}

# fleet_echo N...: starts the echo servers.
fleet_echo() {
	local n

	for n; do
		mp_bg "s$n" "s$n" "$B/lab/udpload" server $FLEET_PORT
		wait_udp "s$n" $FLEET_PORT
	done
}

# fleet_peers N: how many sessions are up on a server.
fleet_peers() {
	on "s$1" "$B/mpctl" status 2>/dev/null | grep -c '^  peer .*: up' || :
}

# fleet_has N CLIENT: the client has a session with the server.
fleet_has() {
	on "s$1" "$B/mpctl" status 2>/dev/null >"$LAB/has" &&
	    grep -q "^  peer lab-$2 at .*: up" "$LAB/has"
}

# fleet_server_of CLIENT: prints which server it has a session with.
fleet_server_of() {
	local n

	for n in 1 2 3; do
		! fleet_has "$n" "$1" || echo "$n"
	done
}

# fleet_flow CLIENT: prints the remote address of its flow in use.
fleet_flow() {
	on "$1" "$B/mpctl" status | awk '/ in use / { getline; print $3; exit }'
}

# fleet_bypass CLIENT...: each one's flow in use is to a server's own address.
fleet_bypass() {
	local c

	for c; do
		[[ $(fleet_flow "$c") == $FLEET_NET.[123].2:* ]] || return
	done
}

# fleet_entered: prints how many packets went through the balancer.
fleet_entered() {
	on lb nft list chain ip fleet pre | awk '/ counter / {
		for (i = 1; i < NF; i++) if ($i == "packets") print $(i + 1) }'
}

# fleet_clients SECONDS RATE CLIENT...: starts their programs.
fleet_clients() {
	local c

	for c in "${@:3}"; do
		mp_bg "$c" "$c" "$B/lab/udpload" -r "$2" -d "$1" \
		    -l "$LAB/lost-$c" client $FLEET $FLEET_PORT
	done
}

fleet_served() {
	[ -n "$(fleet_server_of "$1")" ]
}

# fleet_up CLIENT...: each has a session with one server.
fleet_up() {
	local c

	for c; do
		wait_for 10 fleet_served "$c" || return
	done
}

# fleet_end LOST CLIENT...: waits for the programs; none lost more.
fleet_end() {
	local c

	for c in "${@:2}"; do
		finish "$c" || :
		cat "$(log "$c")"
		at_most "$c: lost" "$(field "$(log "$c")" lost)" "$1" datagrams
		expect "$c: none twice" \
		    [ "$(field "$(log "$c")" duplicated)" = 0 ]
	done
}
