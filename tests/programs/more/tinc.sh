# Two tincd: pings and a file through their tunnel; data go over UDP.
. "$(dirname "$0")/../lib.sh"
need tincd nc.openbsd ping openssl
[ -c /dev/net/tun ] || skip 'no tun'
# conf END ADDRESS PEER ADDRESS: writes the configuration of an end.
conf() {
	mkdir -p "$1/hosts"
	printf 'Name = %s\nDeviceType = tun\nInterface = tinc%s\n' "$1" "$1"
	printf 'AddressFamily = ipv%s\n' "$FAMILY"
	openssl genrsa -traditional -out "$1/rsa_key.priv" 2048 2>/dev/null
	chmod 600 "$1/rsa_key.priv"
	cat >"$1/tinc-up" <<-END
	#!/bin/sh
	ip addr add $2 dev tinc$1 peer $4
	ip link set tinc$1 up
	END
	chmod +x "$1/tinc-up"
}
mkdir s c
conf s 10.97.0.1 c 10.97.0.2 >s/tinc.conf
conf c 10.97.0.2 s 10.97.0.1 >c/tinc.conf
echo "BindToAddress = $S 6550" >>s/tinc.conf
echo 'ConnectTo = s' >>c/tinc.conf
public() {
	openssl rsa -in "$1/rsa_key.priv" -RSAPublicKey_out 2>/dev/null
}
{
	printf 'Address = %s\nPort = 6550\nSubnet = 10.97.0.1/32\n' "$S"
	public s
} | tee s/hosts/s >c/hosts/s
{
	printf 'Port = 6551\nSubnet = 10.97.0.2/32\n'
	public c
} | tee s/hosts/c >c/hosts/c
server s tincd -D -d 3 -c "$PWD/s" --pidfile="$PWD/s.pid"
wait_server 6550
client_bg c tincd -D -d 3 -c "$PWD/c" --pidfile="$PWD/c.pid"
wait_for 15 on_client ping -c 1 -W 1 10.97.0.1 || fail 'no ping'
on_client ping -q -c 30 -i 0.1 -W 1 10.97.0.1 >ping.log
said ' ([0-9]|10)% packet loss' ping || fail 'pings are lost'
head -c 1000000 /dev/urandom >data
on_server nc.openbsd -N -l 10.97.0.1 9999 <data &
sleep 0.5
on_client timeout 15 nc.openbsd -d 10.97.0.1 9999 >got
cmp -s data got || fail 'the file is not the same'
