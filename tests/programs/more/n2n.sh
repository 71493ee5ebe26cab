# supernode and two edges: pings and a file, directly or by the supernode.
. "$(dirname "$0")/../lib.sh"
need supernode edge nc.openbsd ping
only_v4
[ -c /dev/net/tun ] || skip 'no tun'
server super supernode -l 7654 -f
wait_server 7654
server s edge -d n2ns -a 10.98.0.1 -c lab -k word -l "$S:7654" -f
client_bg c edge -d n2nc -a 10.98.0.2 -c lab -k word -l "$S:7654" -f
wait_for 20 on_client ping -c 1 -W 1 10.98.0.1 || fail 'no ping'
on_client ping -q -c 30 -i 0.1 -W 1 10.98.0.1 >ping.log
said ' ([0-9]|10)% packet loss' ping || fail 'pings are lost'
head -c 500000 /dev/urandom >data
on_server nc.openbsd -N -l 10.98.0.1 9999 <data &
sleep 0.5
on_client timeout 15 nc.openbsd -d 10.98.0.1 9999 >got
cmp -s data got || fail 'the file is not the same'
