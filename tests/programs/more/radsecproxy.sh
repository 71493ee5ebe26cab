# radsecproxy between radclient and freeradius, under mprun on its outer side.
. "$(dirname "$0")/../lib.sh"
need radsecproxy radclient python3
CB=$C
[ "$FAMILY" = 4 ] || CB="[$C]"
cat >home.py <<'END'
# A RADIUS server on loopback that accepts everything.
import hashlib, hmac, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 1899))
while True:
    data, peer = s.recvfrom(4096)
    head = b'\x02' + data[1:2] + b'\x00\x26'
    mac = b'\x50\x12' + hmac.new(b'inner', head + data[4:20] + b'\x50\x12' +
                                 bytes(16), 'md5').digest()
    auth = hashlib.md5(head + data[4:20] + mac + b'inner').digest()
    s.sendto(head + auth + mac, peer)
END
cat >conf <<END
ListenUDP $SB:1822
LogLevel 3
LogDestination file://$PWD/proxy.out
Client c {
	host $CB
	type udp
	secret secret
}
Server home {
	host 127.0.0.1:1899
	type udp
	secret inner
}
Realm * {
	server home
}
END
on_server python3 home.py &
server proxy radsecproxy -f -c conf
wait_server 1822
for _ in $(seq 10); do
	echo 'User-Name = anna, User-Password = hello' |
	    client radclient -x -t 2 -r 3 -"$FAMILY" "$SB:1822" auth secret \
	    >answer.log 2>&1
	said 'Received Access-Accept' answer || fail 'not accepted'
done
