# shellcheck shell=bash
# agents.sh - who serves a host, to be killed.

# agent HOST keeper|worker: its process id, or nothing.
agent() {
	local pid name=mpshim-worker

	[ "$2" = worker ] || name=mpshim-agent
	for pid in $(ip netns pids "$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = $name ] || continue
		echo "$pid"
		return
	done
}

# other_agent HOST WHO PID: there is one, and it is not that.
other_agent() {
	local pid

	pid=$(agent "$1" "$2")
	[ -n "$pid" ] && [ "$pid" != "$3" ]
}

no_agent() {
	[ -z "$(agent "$1" worker)$(agent "$1" keeper)" ]
}

# since BEGIN: milliseconds since then; BEGIN is ${EPOCHREALTIME/./}.
since() {
	echo $(((${EPOCHREALTIME/./} - $1) / 1000))
}

# port_free HOST PORT: no UDP socket has it, nor does mpctl know of it.
port_free() {
	[ -z "$(on "$1" ss -Hanu "sport = :$2")" ] &&
	    ! on "$1" "$B/mpctl" status | grep -q "^port $2\$"
}

# arenas HOST: how many the worker maps.
arenas() {
	local worker

	worker=$(agent "$1" worker)
	[ -z "$worker" ] || grep -c 'memfd:' "/proc/$worker/maps"
}
