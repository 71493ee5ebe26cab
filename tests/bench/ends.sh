# shellcheck shell=bash
# ends.sh - two hosts for benchmarks, each with a processor of its own:
#
#	client  10.9.0.2 ---- veth ---- 10.9.0.1  server
#
# Sourced in the root of the tree.  REALTIME=0 goes without the priority by which
# nothing else runs on the two processors, B is the build.
: "${B:=build}" "${REALTIME:=1}"
B=$(realpath "$B")
dir=$(mktemp -d)
S=mpbench_s_$$ C=mpbench_c_$$ me=${0##*/}
pids=()

cleanup() {
	kill "${pids[@]}" 2>/dev/null || :
	ip netns del "$S" 2>/dev/null || :
	ip netns del "$C" 2>/dev/null || :
	rm -rf "$dir"
}
trap cleanup EXIT
if [ "$(id -u)" -ne 0 ]; then
	echo "$me: skipped: needs root"
	exit 0
fi
client_cpu=(taskset -c 0) server_cpu=(taskset -c 1)
if [ "$(nproc)" -lt 2 ]; then
	echo "$me: both ends share the only processor"
	client_cpu=() server_cpu=()
fi
# An agent sleeps mostly, and comes when it is due: above its programs.
if [ "$REALTIME" = 1 ] && ! chrt -f 2 true 2>/dev/null; then
	echo "$me: no real-time priority: other programs disturb"
	REALTIME=0
fi
above=()
if [ "$REALTIME" = 1 ]; then
	client_cpu+=(chrt -f 1) server_cpu+=(chrt -f 1) above=(chrt -f 2)
fi

ip netns add "$S"
ip netns add "$C"
ip -n "$S" link add v0 type veth peer name v0 netns "$C"
ip -n "$S" addr add 10.9.0.1/24 dev v0
ip -n "$C" addr add 10.9.0.2/24 dev v0
for ns in "$S" "$C"; do
	ip -n "$ns" link set v0 up
	ip -n "$ns" link set lo up
done

for end in s c; do
	mkdir -p "$dir/$end/run"
	chmod 700 "$dir/$end/run"
done
for end in s:c c:s; do
	HOME=$dir/${end#*:} "$B/mpctl" add-peer bench \
	    "$(HOME=$dir/${end%:*} "$B/mpctl" identity)" >/dev/null
done

# listens NAMESPACE PORT: waits for a socket there.
listens() {
	until [ -n "$(ip netns exec "$1" ss -Hanu "sport = :$2")" ]; do
		sleep 0.1
	done
}

# --- Agents ---

# end c|s COMMAND...: becomes the command on that end; DAEMON=1: above others.
end() {
	local namespace=$C cpu=("${client_cpu[@]}")

	[ "$1" = c ] || namespace=$S cpu=("${server_cpu[@]}")
	[ ! "${DAEMON-}" ] || cpu+=("${above[@]}")
	export HOME=$dir/$1 MPSHIM_RUNTIME_DIR=$dir/$1/run
	exec ip netns exec "$namespace" "${cpu[@]}" "${@:2}"
}

# background c|s COMMAND...: the same, until the script ends.
background() {
	end "$@" &
	pids+=($!)
}

# An agent has the processor and the priority of the first program that needs it,
# and lives as long as there is one.
for side in c s; do
	DAEMON=1 background $side "$B/mprun" -k bench \
	    "$B/bench/bench_udp" serve 6999
done
listens "$C" 6999
listens "$S" 6999

# --- For those who source it ---

spin=()
# on plain|wrapped COMMAND...: runs the command on the client.
on() {
	local under=()

	[ "$1" = plain ] || under=("$B/mprun" "${spin[@]}" -k bench)
	(end c "${under[@]}" "${@:2}")
}

# median FILE COLUMN
median() {
	awk -v c="$2" '{ print $c }' "$dir/$1" | sort -n |
	    awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
