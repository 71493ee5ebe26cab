# shellcheck shell=bash
# handover.sh - servers whose socket is handed over by fork, dup, exec, ...

# handover HOW [OPTION OF udpload...]: a server of progs/handover.py echoes
# every datagram while the path in use dies silently.
handover() {
	local how=$1 used

	need python3
	reference
	mp_bg "$how" server python3 "$LABDIR/progs/handover.py" "$how" \
	    "${ADDRESS:-0.0.0.0}" 7000
	wait_udp server 7000
	mp_bg "to-$how" client "$B/lab/udpload" -r 50 -d 5 "${@:2}" \
	    client 10.4.0.2 7000
	wait_for 5 carrying || fail "$how: no link is used"
	sleep 1
	used=$(used_link)
	set_link "$used" blackhole on
	wait_for 3 carrying "$used" ||
	    fail "$how: no other link is used after $used died"
	sleep 0.5
	set_link "$used" blackhole off
	finish "to-$how" || fail "$how: the client failed"
	cat "$(log "to-$how")"
	at_most "$how lost" "$(field "$(log "to-$how")" lost)" 0 datagrams
	timed "$how worst" "$(field "$(log "to-$how")" worst)" 250 ms
	expect "$how: no datagram is echoed twice" \
	    [ "$(field "$(log "to-$how")" duplicated)" = 0 ]
	# Also the server's children; the agent's processes stay.
	ip netns pids server | while read -r pid; do
		case $(cat "/proc/$pid/comm") in
		mpshim-*) ;;
		*) kill "$pid" 2>/dev/null || : ;;
		esac
	done
	stop "$how" || :
	wait_for 3 eval "! lab_port server u 7000" ||
	    fail "$how: the port is not free 3 s after the server's end"
}
