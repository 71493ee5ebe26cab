# shellcheck shell=bash
# attack.sh - one host attacks another one to which it is a peer, or makes it
# attack others (tests/attack/attack.py).

#	attacker ---- bad ---\
#	friend ------ good -- inet ---- wan -- target    10.9.0.2
#	victims ----- far ---/                           10.7.0.0/24
topo_attack() {
	local host link name n

	need python3
	python3 -c 'import cryptography' 2>/dev/null || skip "no cryptography"
	router inet
	for name in attacker friend victims target; do
		host $name
	done
	for name in bad:attacker:5 good:friend:6 far:victims:7 wan:target:9; do
		IFS=: read -r link host n <<<"$name"
		link "$link" "$host" inet delay 5ms
		addr "$host" "$link" "10.$n.0.2/24"
		addr inet "$link" "10.$n.0.1/24"
		route "$host" default "$link"
	done
	for ((n = 10; n < 26; n++)); do
		addr victims far "10.7.0.$n/24"
	done
	# Nobody listens there: a host that answered by ICMP would show less.
	on victims sysctl -qw net.ipv4.icmp_ratelimit=0
}

# Octets of IP that the attacker sent, and that reached the victims, so far.
octets() {
	counter bad 'attacker>inet' inbytes
	counter far 'inet>victims' inbytes
}

# attack NAME MODE PEER SECONDS ADDRESS PORT: plays a mode against a host; sets
# SENT and STRAY to what the attacker sent and the victims got meanwhile.
attack() {
	local before after

	mapfile -t before < <(octets)
	on attacker python3 "$TREE/tests/attack/attack.py" "$2" \
	    "$LAB/attacker/.config/mpshim/identity" \
	    "$(on "$3" "$B/mpctl" identity)" "$4" "$5" "$6" >"$(log "$1")" 2>&1 ||
	    fail "$2: $(tail -n 1 "$(log "$1")")"
	cat "$(log "$1")"
	mapfile -t after < <(octets)
	SENT=$((after[0] - before[0]))
	STRAY=$((after[1] - before[1]))
}

# amplified MODE LIMIT: what an attack made others send to the victims; judged by
# attack_end(), so that all modes are played.
amplified() {
	local r

	r=$(ratio $STRAY $((SENT > 0 ? SENT : 1)))
	figure "$1: $SENT octets, $STRAY to others, ratio" "$r"
	at_least "$1: sent" $SENT 200 octets
	within 0 "$r" "$2" || echo "$1 $r" >>"$LAB/over"
}

attack_end() {
	[ ! -s "$LAB/over" ] || fail "over the limit: $(paste -sd, "$LAB/over")"
}
