# shellcheck shell=bash
# bundle.sh - datagrams that a program sends many at a time.
. "$LABDIR/order.sh"

COUNT=1000000
[ ! "${LAB_SHORT:-}" ] || COUNT=50000

# bundle NAME WAY ADDRESS COUNT LEN EACH [RATE]: a stream from c4, or from c6, to
# the server; the words are those of progs/bundle.c.
bundle() {
	local name=$1 host=c4

	case $3 in fd*) host=c6 ;; esac
	bundle_begin "$name" server $host "${@:2}"
	bundle_end "$name"
	at_most "$name: late" "$(field "$(log "$name-take")" late)" 0
}

# bundle_begin NAME TAKER SENDER WAY ADDRESS COUNT LEN EACH [RATE]
bundle_begin() {
	mp_bg "$1-take" "$2" "$B/lab/bundle" take 7000 "$6"
	wait_udp "$2" 7000
	mp_bg "$1-send" "$3" "$B/lab/bundle" send "$4" "$5" 7000 "${@:6}"
}

# bundle_end NAME: all came, once each.
bundle_end() {
	local name=$1 word

	finish "$name-send" ||
	    fail "$(cat "$(log "$name-send")" "$(log "$name-take")")"
	finish "$name-take" || fail "$(cat "$(log "$name-take")")"
	sed "s/^/$name: /" "$(log "$name-send")" "$(log "$name-take")"
	for word in lost twice bad; do
		at_most "$name: $word" "$(field "$(log "$name-take")" $word)" 0
	done
}
