# sipsak talks to kamailio: forked workers that read one socket.
. "$(dirname "$0")/../lib.sh"
need kamailio sipsak
only_v4
cat >conf <<END
debug=1
log_stderror=yes
fork=yes
children=3
disable_tcp=yes
auto_aliases=no
listen=udp:$SB:5062
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
request_route {
	sl_send_reply("200", "fine");
}
END
server kamailio kamailio -DD -E -f "$PWD/conf" -m 32 -M 8 -Y "$PWD"
wait_server 5062
sleep 0.5
for _ in $(seq 20); do
	client sipsak -s "sip:x@$S:5062" -vv >sip.log 2>&1 || fail 'no answer'
	said '200 fine' sip || fail 'a wrong answer'
done
