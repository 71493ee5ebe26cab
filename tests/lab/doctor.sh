# shellcheck shell=bash
# doctor.sh - checks what mpctl doctor finds.

# How many planted faults were found.
FOUND=0

# The command, on the client.
DOCTOR=("$B/mpctl" doctor)

# doctor [PEER]: its output becomes file `said', its exit status STATUS.
doctor() {
	STATUS=0
	on client "${DOCTOR[@]}" "$@" >said 2>&1 || STATUS=$?
	cat said
}

# well WHAT [PEER]: the doctor finds nothing.
well() {
	local what=$1

	shift
	doctor "$@"
	[ $STATUS = 0 ] || fail "$what: exit $STATUS"
	! grep -Eq '^(fault|remark)' said ||
	    fail "$what: the doctor finds a fault or remark"
	expect "$what: the doctor says all is well" grep -q '^all is well$' said
}

# finds fault|remark REGEX COMMAND [PEER]: the doctor finds this one alone, and
# says this command to mend it; both are extended regular expressions.
finds() {
	local kind=$1 regex=$2 command=$3 want=1

	shift 3
	[ "$kind" = fault ] || want=0
	doctor "$@"
	grep -A1 -E "^$kind: .*$regex" said >row ||
	    fail "no $kind that says \`$regex'"
	[ -z "$command" ] || grep -Eq "^ +$command$" row ||
	    fail "no command \`$command'"
	[ $STATUS = $want ] || fail "$regex: exit $STATUS"
	[ "$(grep -Ec '^(fault|remark):' said)" = 1 ] ||
	    fail "$regex: the doctor finds more than that"
	FOUND=$((FOUND + 1))
}

# mends [PEER]: after the command that the doctor said, it finds nothing.
mends() {
	local command

	command=$(sed -n '2s/^ *//p' row)
	echo "+ $command"
	on client sh -c "$command"
	well "after $command" "$@"
}
