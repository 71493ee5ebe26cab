# shellcheck shell=bash
# talk.sh - two programs that copy lines, one on the client and one on the
# server, talk while a path dies.

# ready HOST PORT: a shell's command that succeeds when it is bound.
ready() {
	echo "ip netns exec $1 ss -Hanu 'sport = :$2' | grep -q ."
}

# shellcheck disable=SC2034,SC2004
# talk NAME [OPTION OF talk.py...] COMMAND [COMMAND]: in the background; its
# report is log NAME.
talk() {
	local name=$1

	need python3
	reference
	python3 "$LABDIR/talk.py" "${@:2}" >"$LAB/logs/$name" 2>&1 </dev/null &
	BG[$name]=$!
}

# quoted HOST COMMAND...: the command under mpshim there, as one word.
quoted() {
	words_mp "$1"
	shift
	WORDS+=("$@")
	echo "${WORDS[*]@Q}"
}

# failover NAME: while it talks, the used path dies silently and comes back; the
# other one has taken over meanwhile.
failover() {
	local used

	wait_for 10 said "$1" talking || fail "$1: nobody says anything"
	wait_for 5 carrying || fail "$1: no link is used"
	used=$(used_link)
	set_link "$used" blackhole on
	wait_for 3 carrying "$used" || fail "$1: nothing took over from $used"
	sleep 0.5
	set_link "$used" blackhole off
}

# heard NAME WHO...: it ended; nothing that those (a, b) said was lost, and the
# path's end was hardly noticed.
heard() {
	local name=$1 who what f

	f=$(log "$name")
	finish "$name" || { cat "$f"; fail "$name ended badly"; }
	cat "$f"
	for who in "${@:2}"; do
		for what in lost twice altered; do
			expect "$name: some that $who said is $what" \
			    [ "$(field "$f" "$who-$what")" = 0 ]
		done
		timed "$name $who" "$(field "$f" "$who-worst")" \
		    "${WORST:-250}" ms
	done
}
