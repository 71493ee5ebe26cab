# shellcheck shell=bash
# agents.sh - finds the agent's processes, ports and arenas on a host.

# agent HOST keeper|worker: prints its process id; nothing if there is none.
agent() {
	local pid name=mpshim-worker

	[ "$2" = worker ] || name=mpshim-agent
	for pid in $(ip netns pids "$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = $name ] || continue
		echo "$pid"
		return
	done
}

# other_agent HOST keeper|worker PID: there is one with another process id.
other_agent() {
	local pid

	pid=$(agent "$1" "$2")
	[ -n "$pid" ] && [ "$pid" != "$3" ]
}

no_agent() {
	[ -z "$(agent "$1" worker)$(agent "$1" keeper)" ]
}

# since BEGIN: prints the ms since BEGIN, which was ${EPOCHREALTIME/./} (us).
since() {
	echo $(((${EPOCHREALTIME/./} - $1) / 1000))
}

# port_free HOST PORT: no UDP socket has the port, and mpctl shows none.
port_free() {
	[ -z "$(on "$1" ss -Hanu "sport = :$2")" ] &&
	    ! on "$1" "$B/mpctl" status | grep -q "^port $2\$"
}

# arenas HOST: prints how many arenas the worker maps.
arenas() {
	local worker

	worker=$(agent "$1" worker)
	[ -z "$worker" ] || grep -c 'memfd:' "/proc/$worker/maps"
}
