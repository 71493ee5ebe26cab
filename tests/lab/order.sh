# shellcheck shell=bash
# order.sh - datagrams over one path arrive in the order of their sending.

# For larger counts than those of `make check-lab'.
MORE=${ORDER_MORE:-1}
# Datagrams of 1000 that may be lost: UDP promises none, and where thousands of
# sessions begin a second all of their first ones pass through the agent.
LOSS=0

#	c4 ---- only IPv4, 2 ms ---- server
#	c6 ---- only IPv6, 2 ms ----/
topo_order() {
	host c4
	host c6
	host server
	link v4 c4 server delay 1ms
	link v6 c6 server delay 1ms
	addr c4 v4 10.4.0.1/24
	addr server v4 10.4.0.2/24
	addr c6 v6 fd06::1/64
	addr server v6 fd06::2/64
	keys server c4 c6
}

# order_is_free N: nobody has any of the server's N ports.
order_is_free() {
	[ -z "$(ip netns exec server ss -Hanu "sport >= :7000 and \
	    sport < :$((7000 + $1))")" ]
}

# order NAME TAKE SEND PORTS SOCKETS DATAGRAMS LEN GAP: three clients, of IPv4,
# of IPv6 and of IPv4 on IPv6 sockets, send to a server, which echoes; the words
# are those of progs/order.c.  Clients that are connected close their sockets
# without waiting for echoes.  What they sent arrives nevertheless, also where the
# server is another process than the one that their hosts knew, and a handshake has
# to come first.
order() {
	local name=$1 take=$2 kind late=0 sent

	mp_bg "$name" server "$B/lab/order" serve "$take" 7000 "$4"
	wait_udp server $((6999 + $4))
	mp_bg "$name-4" c4 "$B/lab/order" send "$3" 10.4.0.2 7000 "${@:4}"
	mp_bg "$name-6" c6 "$B/lab/order" send "$3" fd06::2 7000 "${@:4}"
	mp_bg "$name-m" c4 "$B/lab/order" send "$3" ::ffff:10.4.0.2 7000 \
	    "${@:4}"
	for kind in 4 6 m; do
		finish "$name-$kind" || late=1
		sed "s/^/$name-$kind: /" "$(log "$name-$kind")"
	done
	sleep 0.5
	stop "$name" || late=1
	sed "s/^/$name: /" "$(log "$name")"
	expect "$name: all in order" [ $late = 0 ]
	sent=$(cat "$(log "$name-4")" "$(log "$name-6")" "$(log "$name-m")" |
	    awk '{ for (i = 1; i < NF; i++) n += $i == "sent" ? $(i + 1) : 0 }
	    END { print n }')
	at_most "$name: did not arrive" \
	    $((sent - $(field "$(log "$name")" came))) $((sent * LOSS / 1000))
	# The next server's clients wait for its last port only.
	wait_for 5 order_is_free "$4" ||
	    fail "$name: a port is not free 5 s after the server's end"
}
