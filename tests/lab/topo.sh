# shellcheck shell=bash
# topo.sh - networks of hosts and links that many scenarios use.  The times in
# the drawings are round trips; each direction has half of that as its delay.

#	client ---- v4: 20 ms, IPv4 only ---- server
#	       \--- v6: 60 ms, IPv6 only ---/
topo_two_paths() {
	host client
	host server
	link v4 client server delay 10ms
	link v6 client server delay 30ms
	addr client v4 10.4.0.1/24
	addr server v4 10.4.0.2/24
	addr client v6 fd06::1/64
	addr server v6 fd06::2/64
}

#	client ---- p1: 10 ms, 10.0.1.0/24 ---- server
#	       ---- p2: 20 ms, 10.0.2.0/24 ----
#	       ---- p3: 30 ms, 10.0.3.0/24 ----
topo_three_paths() {
	local i

	host client
	host server
	for i in 1 2 3; do
		link "p$i" client server delay $((5 * i))ms
		addr client "p$i" "10.0.$i.1/24"
		addr server "p$i" "10.0.$i.2/24"
	done
}

#	client ---- wifi: 20 ms, 10.1.0.0/24 ---- inet ---- wan ---- server
#	       ---- lte:  60 ms, 10.2.0.0/24 ----/           10.9.0.2
topo_uplinks() {
	host client
	router inet
	host server
	link wifi client inet delay 10ms
	link lte client inet delay 30ms
	link wan inet server
	addr client wifi 10.1.0.2/24
	addr inet wifi 10.1.0.1/24
	addr client lte 10.2.0.2/24
	addr inet lte 10.2.0.1/24
	addr inet wan 10.9.0.1/24
	addr server wan 10.9.0.2/24
	route client default wifi metric 100
	route client default lte metric 600
	route server default wan
}

#	one ---- lan1: 192.168.1.0/24 ---- nat ---- wan: 20 ms ---- server
#	two ---- lan2: 192.168.2.0/24 ----/   10.9.0.1      10.9.0.2
topo_nat() {
	local i names=(- one two)

	router nat
	host server
	link wan nat server delay 10ms
	addr nat wan 10.9.0.1/24
	addr server wan 10.9.0.2/24
	for i in 1 2; do
		host "${names[i]}"
		link "lan$i" "${names[i]}" nat
		addr "${names[i]}" "lan$i" "192.168.$i.2/24"
		addr nat "lan$i" "192.168.$i.1/24"
		route "${names[i]}" default "lan$i"
	done
	nat nat wan
}
