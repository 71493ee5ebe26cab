# shellcheck shell=bash
# mp.sh - runs programs under mpshim in the lab, and Mosh with and without it.

# The directory of the build that mprun uses.
export MPSHIM_LIBDIR=${MPSHIM_LIBDIR:-$B}
declare -A KEYS=()

# knows HOST NAME PEER [OPTION...]: the host knows the other one by that name.
knows() {
	on "$1" "$B/mpctl" add-peer "$2" "$(on "$3" "$B/mpctl" identity)" \
	    "${@:4}" >/dev/null
}

# keys SERVER CLIENT...: each client and the server know each other, by the
# client's name, and use what they know in `mp'.
keys() {
	local server=$1 client name

	[ -x "$MPRUN" ] || fail "no $MPRUN: run make"
	[ -x "$B/mpctl" ] || fail "no $B/mpctl: run make"
	shift
	for client; do
		name=lab-$client
		knows "$client" "$name" "$server"
		knows "$server" "$name" "$client"
		KEYS[$client]+=" -k $name"
		KEYS[$server]+=" -k $name"
	done
}

# words_mp HOST: puts the words that run a command on the host under mpshim into
# WORDS.
words_mp() {
	words_on "$1"
	# shellcheck disable=SC2206
	WORDS+=("$MPRUN" ${KEYS[$1]})
}

# mp HOST COMMAND...: as `on', under mpshim.
mp() {
	words_mp "$1"
	shift
	"${WORDS[@]}" "$@"
}

# mp_bg NAME HOST COMMAND...: as `bg', under mpshim.
mp_bg() {
	local name=$1 host=$2

	shift 2
	# shellcheck disable=SC2086
	bg "$name" "$host" "$MPRUN" ${KEYS[$host]} "$@"
}

# Prints the link that carries most octets within 200 ms, or nothing if none
# does.  The figures are emu's counters, independent of what mpshim says; the
# link of the reference (clock) does not count.
used_link() {
	"$EMU" -c "$LAB/emu" show >"$LAB/show1"
	sleep 0.2
	"$EMU" -c "$LAB/emu" show | awk -v before="$LAB/show1" '
		BEGIN { while (getline <before > 0) was[$1, $2] = $10 }
		{ bytes[$1] += $10 - was[$1, $2] }
		END {
			for (l in bytes)
				if (l != "clock" && bytes[l] > most) {
					most = bytes[l]
					used = l
				}
			print used
		}'
}

# carrying [LINK]: a link is used, and it is not LINK.
carrying() {
	local used

	used=$(used_link)
	[ -n "$used" ] && [ "$used" != "${1:-}" ]
}

# kills NAME EVERY DOWN TIMES: while background program NAME runs, the link in
# use dies silently every EVERY seconds and is repaired DOWN seconds later.
kills() {
	local begin=${EPOCHREALTIME/./} n used

	for ((n = 1; n <= $4; n++)); do
		lab_until $((begin + n * $2 * 1000000 - 250000)) "$1" || return 0
		used=$(used_link)
		expect "a link is used" [ -n "$used" ]
		set_link "$used" blackhole on
		lab_until $((begin + (n * $2 + $3) * 1000000)) "$1" || :
		set_link "$used" blackhole off
	done
}

# lab_until TIME NAME: waits until TIME (us); false as soon as the background
# program has ended.
lab_until() {
	while running "$2"; do
		[ "${EPOCHREALTIME/./}" -lt "$1" ] || return 0
		sleep 0.01
	done
	return 1
}

# --- Mosh -------------------------------------------------------------------

# mosh_keys NAME on|mp ADDRESS OPTION...: runs keyecho.py with Mosh from client
# to server, plain (on) or under mpshim (mp).  The report becomes log NAME.
mosh_keys() {
	local name=$1 port=60001 server client

	# Not 60001: the agent may hold that a little longer than the program.
	[ "$2" != on ] || port=60002
	need mosh-server mosh-client python3
	"words_$2" server
	server=("${WORDS[@]}")
	"words_$2" client
	client=("${WORDS[@]}")
	python3 "$LABDIR/keyecho.py" --server "${server[*]@Q}" \
	    --client "${client[*]@Q}" --json "$LAB/$name.json" \
	    "${@:4}" "$3" "$port" >"$LAB/logs/$name" || return
	cat "$LAB/logs/$name"
}

# mosh_both ADDRESS OPTION...: runs Mosh under mpshim (log mp); with MOSH_STOCK
# then also without it (log stock), to compare.  Between the two the scenario's
# function `restore', if there is one, undoes the events.
mosh_both() {
	mosh_keys mp mp "$@"
	[ -n "${MOSH_STOCK:-}" ] || return 0
	[ "$(type -t restore)" != function ] || restore
	mosh_keys stock on "$@" || :
}

# phase NAME FIELD N...: prints a field of phase N in a report of keyecho.py; of
# several phases the largest value, `never' being larger than any number.
phase() {
	local name=$1 want=$2

	shift 2
	awk -v want="$want" -v only=" $* " 'index(only, " " $2 " ") {
		for (i = 1; i < NF && $i != "what"; i += 2) {
			if ($i != want)
				continue
			v = $(i + 1)
			if (v < 0 || v == "never")
				most = "never"
			else if (most != "never" && (most == "" || v > most + 0))
				most = v
		}
	}
	END { print most }' "$LAB/logs/$name"
}

# mosh_at_most WHAT FIELD LIMIT UNIT N...: checks a figure of Mosh under mpshim,
# and prints that of stock Mosh beside it.
mosh_at_most() {
	local what=$1 field=$2 limit=$3 unit=$4 stock='' v

	shift 4
	[ ! -s "$LAB/logs/stock" ] ||
	    stock=" (stock $(phase stock "$field" "$@"))"
	v=$(phase mp "$field" "$@")
	timed "$what" "$v" "$limit" "$unit" "$stock"
}
