# syslog-ng logs each message that loggen sends, with the sender's address.
. "$(dirname "$0")/../lib.sh"
need syslog-ng loggen
cat >conf <<END
@version: 3.38
options { keep-hostname(no); use-dns(no); };
source s { network(ip("$S") port(5515) transport(udp) ip-protocol($FAMILY)); };
destination d { file("$PWD/out" template("\${SOURCEIP} \${MESSAGE}\n")); };
log { source(s); destination(d); };
END
server syslog-ng syslog-ng -F -f "$PWD/conf" --persist-file="$PWD/p" \
    --control="$PWD/ctl" --pidfile="$PWD/pid" --no-caps
wait_server 5515
options=(--dgram --rate 200 --interval 30 --number 800 --size 300 --inet)
[ "$FAMILY" = 4 ] || options+=(--ipv6)
client loggen "${options[@]}" "$S" 5515 >loggen.log 2>&1
came() {
	[ "$(grep -cF "$C " out)" -ge "$(least 800 500)" ]
}
wait_for 5 came || fail "$(grep -cF "$C " out) of 800 messages came"
