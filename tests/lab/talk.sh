# shellcheck shell=bash
# talk.sh - two programs that copy lines between standard input or output and
# the network, on client and server, talk while a path dies (talk.py).

# ready HOST PORT: prints a command that succeeds if a UDP socket has the port.
ready() {
	echo "ip netns exec $1 ss -Hanu 'sport = :$2' | grep -q ."
}

# shellcheck disable=SC2034,SC2004
# talk NAME [OPTION OF talk.py...] COMMAND [COMMAND]: starts the talk in the
# background; its report becomes log NAME.
talk() {
	local name=$1

	need python3
	reference
	python3 "$LABDIR/talk.py" "${@:2}" >"$LAB/logs/$name" 2>&1 </dev/null &
	BG[$name]=$!
}

# quoted HOST COMMAND...: prints, as one word, the command that runs COMMAND on
# the host under mpshim.
quoted() {
	words_mp "$1"
	shift
	WORDS+=("$@")
	echo "${WORDS[*]@Q}"
}

# failover NAME: during the talk the path in use dies silently, another one is
# used, and the first is repaired.
failover() {
	local used

	wait_for 10 said "$1" talking || fail "$1: the talk does not begin"
	wait_for 5 carrying || fail "$1: no link is used"
	used=$(used_link)
	set_link "$used" blackhole on
	wait_for 3 carrying "$used" ||
	    fail "$1: no other link is used after $used died"
	sleep 0.5
	set_link "$used" blackhole off
}

# heard NAME a|b...: the talk ended well; no line of these ends was lost, and
# none took longer than WORST (250) ms.
heard() {
	local name=$1 end what f

	f=$(log "$name")
	finish "$name" || { cat "$f"; fail "$name: the talk failed"; }
	cat "$f"
	for end in "${@:2}"; do
		for what in lost twice altered; do
			expect "$name: no line of $end is $what" \
			    [ "$(field "$f" "$end-$what")" = 0 ]
		done
		timed "$name slowest line of $end" \
		    "$(field "$f" "$end-worst")" "${WORST:-250}" ms
	done
}
