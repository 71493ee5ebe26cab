# shellcheck shell=bash
# errors.sh - what is said when something is wrong.

# mpshim_lines FILE: the lines of ours in what a program said.
mpshim_lines() {
	grep -ac '^mpshim: ' "$1" || :
}

# says WHAT REGEX COMMAND...: the client's command ends within 20 s; of ours it
# says one line, which is like this.
says() {
	local what=$1 regex=$2 begin=${EPOCHREALTIME/./}

	shift 2
	(trap - ERR; "$@") >said 2>&1 </dev/null &
	wait_for 20 lab_gone $! || {
		cat said
		fail "$what: hangs"
	}
	wait $! || :
	cat said
	figure "$what" $(((${EPOCHREALTIME/./} - begin) / 1000)) ms
	grep -aqE "^(mpshim|mprun|mpctl): .*$regex" said ||
		fail "$what: no line that says \`$regex'"
	[ "$(grep -acE '^(mpshim|mprun|mpctl): ' said)" = 1 ] ||
		fail "$what: not one line"
}

# A client that talks for so many seconds: TALKER.
TALKER=("$B/lab/udpload" -r 10 -w 0.5)
