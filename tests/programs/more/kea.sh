# kea-dhcp4, kea-dhcp6: a relay asks for leases, by unicast from its own port.
# The server drops what came, by PKTINFO, to an interface that it does not serve.
. "$(dirname "$0")/../lib.sh"
need kea-dhcp4 kea-dhcp6 python3
server_port=67
[ "$FAMILY" = 4 ] || server_port=547
cat >4.conf <<END
{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ "p1" ], "dhcp-socket-type": "udp" },
  "lease-database": { "type": "memfile", "persist": false },
  "subnet4": [ { "subnet": "10.71.1.0/24",
    "pools": [ { "pool": "10.71.1.20 - 10.71.1.250" } ] } ],
  "loggers": [ { "name": "kea-dhcp4", "severity": "INFO",
    "output_options": [ { "output": "stdout" } ] } ] } }
END
cat >6.conf <<END
{ "Dhcp6": {
  "interfaces-config": { "interfaces": [ "p1/fd71:1::1" ] },
  "lease-database": { "type": "memfile", "persist": false },
  "subnet6": [ { "subnet": "fd71:1::/64",
    "pools": [ { "pool": "fd71:1::1000 - fd71:1::ffff" } ] } ],
  "loggers": [ { "name": "kea-dhcp6", "severity": "INFO",
    "output_options": [ { "output": "stdout" } ] } ] } }
END
cat >relay.py <<'END'
import socket, struct, sys, time
server, own, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
ipv6 = ":" in server
sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET,
                     socket.SOCK_DGRAM)
sock.bind((own, port))
sock.settimeout(2)

def option(code, data):
    return struct.pack("!HH", code, len(data)) + data

def ask4(number, kind, more=b""):
    mac = struct.pack("!HI", 0x0200, number)
    return struct.pack("!BBBBIHH4s4s4s4s16s64s128sI", 1, 1, 6, 1, number, 0, 0,
                       b"", b"", b"", socket.inet_aton(own), mac, b"", b"",
                       0x63825363) + bytes([53, 1, kind]) + more + b"\xff"

def lease4(number):
    sock.sendto(ask4(number, 1), (server, port))
    offer = sock.recv(2048)
    xid, = struct.unpack("!I", offer[4:8])
    at = offer.index(b"\x36\x04", 240)
    more = offer[at:at + 6] + b"\x32\x04" + offer[16:20]
    sock.sendto(ask4(number, 3, more), (server, port))
    ack = sock.recv(2048)
    return xid == number and ack[16:20] == offer[16:20] and \
        b"\x35\x01\x05" in ack[240:]

def ask6(number, kind, more=b""):
    duid = struct.pack("!HHHI", 3, 1, 0x0200, number)
    inner = struct.pack("!I", kind << 24 | number) + option(1, duid) + \
        option(3, struct.pack("!III", 1, 0, 0)) + option(8, b"\0\0") + more
    link = socket.inet_pton(socket.AF_INET6, own)
    peer = socket.inet_pton(socket.AF_INET6, "fe80::1")
    return struct.pack("!BB", 12, 0) + link + peer + option(9, inner)

def inner6(packet):
    assert packet[0] == 13, packet
    found, at = {}, 34
    while at < len(packet):
        code, size = struct.unpack("!HH", packet[at:at + 4])
        found[code] = packet[at + 4:at + 4 + size]
        at += 4 + size
    return found[9]

def lease6(number):
    sock.sendto(ask6(number, 1), (server, port))
    offer = inner6(sock.recv(2048))
    assert offer[0] == 2, offer
    at, identity = 4, b""
    while at < len(offer):
        code, size = struct.unpack("!HH", offer[at:at + 4])
        if code == 2:
            identity = offer[at:at + 4 + size]
        at += 4 + size
    sock.sendto(ask6(number, 3, identity), (server, port))
    reply = inner6(sock.recv(2048))
    return reply[0] == 7 and int.from_bytes(reply[1:4], "big") == number and \
        b"\0\5\0\x18" in reply  # IAADDR

leases = 0
for number in range(1, 101):
    try:
        leases += (lease6 if ipv6 else lease4)(number)
    except (OSError, AssertionError, ValueError) as why:
        print(number, repr(why), flush=True)
    time.sleep(0.05)
print("leases", leases, flush=True)
END
mkdir -p "$PWD/run" /var/lib/kea
mount -t tmpfs none /var/lib/kea # of this script alone; for the DUID
export KEA_PIDFILE_DIR=$PWD/run KEA_LOCKFILE_DIR=$PWD/run
server kea "kea-dhcp$FAMILY" -c "$PWD/$FAMILY.conf"
wait_server $server_port
# shellcheck disable=SC2086
on_client timeout -k 2 40 ${CRUN:-} python3 relay.py "$S" "$C" $server_port \
    >relay.log 2>&1
leases=$(sed -n 's/^leases //p' relay.log)
[ "${leases:-0}" -ge 100 ] || fail "${leases:-0} of 100 leases"
