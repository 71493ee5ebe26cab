# Two fastd: pings and a file through their tunnel.
. "$(dirname "$0")/../lib.sh"
need fastd nc.openbsd ping
[ -c /dev/net/tun ] || skip 'no tun'
for end in s c; do
	fastd --generate-key --machine-readable >$end.key 2>>make.log
	echo "secret \"$(cat $end.key)\";" >$end.conf
	fastd --show-key --machine-readable -c $end.conf >$end.pub 2>>make.log
done
# conf END ADDRESS: prints the configuration of an end.
conf() {
	cat <<-END
	mode tun;
	method "salsa2012+umac";
	mtu 1400;
	interface "fastd$1";
	on up "ip addr add $2/24 dev fastd$1; ip link set fastd$1 up";
	END
}
conf s 10.96.0.1 >>s.conf
conf c 10.96.0.2 >>c.conf
echo "bind $SB:10000; peer \"c\" { key \"$(cat c.pub)\"; }" >>s.conf
echo "bind any:10001; peer \"s\" { key \"$(cat s.pub)\"; remote $SB:10000; }" \
    >>c.conf
server s fastd -c s.conf
wait_server 10000
client_bg c fastd -c c.conf
wait_for 15 on_client ping -c 1 -W 1 10.96.0.1 || fail 'no ping'
on_client ping -q -c 30 -i 0.1 -W 1 10.96.0.1 >ping.log
said ' ([0-9]|10)% packet loss' ping || fail 'pings are lost'
head -c 1000000 /dev/urandom >data
on_server nc.openbsd -N -l 10.96.0.1 9999 <data &
sleep 0.5
on_client timeout 15 nc.openbsd -d 10.96.0.1 9999 >got
cmp -s data got || fail 'the file is not the same'
