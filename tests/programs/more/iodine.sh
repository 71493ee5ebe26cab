# iodined and iodine: pings through the tunnel; its port 53 is plain.
. "$(dirname "$0")/../lib.sh"
need iodined iodine ping
[ -c /dev/net/tun ] || skip 'no tun'
only_v4
server s iodined -f -c -l "$S" -P word -d dnsts 10.95.0.1 t.example.test
wait_server 53
client_bg c iodine -f -r -P word -d dnstc "$S" t.example.test
wait_for 20 on_client ping -c 1 -W 1 10.95.0.1 || fail 'no ping'
on_client ping -q -c 30 -i 0.1 -W 2 10.95.0.1 >ping.log
said ' ([0-9]|10)% packet loss' ping || fail 'pings are lost'
