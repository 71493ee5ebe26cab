# shellcheck shell=bash
# errors.sh - checks the one line that mpshim says about a mistake.

# mpshim_lines FILE: prints how many lines of a program's output are mpshim's.
mpshim_lines() {
	grep -ac '^mpshim: ' "$1" || :
}

# says WHAT REGEX COMMAND...: the command ends within 20 s, and exactly one line
# of its output is of mpshim, mprun or mpctl and matches REGEX.
says() {
	local what=$1 regex=$2 begin=${EPOCHREALTIME/./}

	shift 2
	(trap - ERR; "$@") >said 2>&1 </dev/null &
	wait_for 20 lab_gone $! || {
		cat said
		fail "$what: the command has not ended after 20 s"
	}
	wait $! || :
	cat said
	figure "$what" $(((${EPOCHREALTIME/./} - begin) / 1000)) ms
	grep -aqE "^(mpshim|mprun|mpctl): .*$regex" said ||
		fail "$what: no line that says \`$regex'"
	[ "$(grep -acE '^(mpshim|mprun|mpctl): ' said)" = 1 ] ||
		fail "$what: mpshim says another number of lines than one"
}

# A client that sends 10 datagrams per second; add -d SECONDS and the address.
TALKER=("$B/lab/udpload" -r 10 -w 0.5)
