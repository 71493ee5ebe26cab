# ntpd of NTPsec: a server with a socket for each address, and a client of it.
. "$(dirname "$0")/../lib.sh"
need ntpd
conf() {
	printf 'driftfile %s.drift\nrestrict default\n' "$PWD/$1"
	printf '%s\n' "$2"
}
conf s 'refclock local stratum 5' >s.conf
conf c "server $S iburst minpoll 3 maxpoll 3" >c.conf
ntpd=$(command -v ntpd)
server ntps "$ntpd" -n -g -c s.conf -u root -p s.pid
wait_server 123
wait_for 10 said 'Listen normally' ntps || true
client_bg ntpc "$ntpd" -n -g -c c.conf -u root -p c.pid
answered() {
	on_client ntpq -n -c peers 127.0.0.1 | grep -E "^[*+o#x. -]?$S" |
	    awk '$7 != 0 { ok = 1 } END { exit !ok }'
}
wait_for 40 answered || fail "no answer: $(on_client ntpq -n -c peers 127.0.0.1)"
if grep -q 'unable to bind\|Address already in use' ntps.log ntpc.log; then
	fail 'a socket was not bound'
fi
