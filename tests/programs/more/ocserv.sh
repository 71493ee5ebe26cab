# ocserv and openconnect: a VPN over DTLS.  The server's socket of a client is a
# second one at the listener's port, in the client's own process.
. "$(dirname "$0")/../lib.sh"
need ocserv ocpasswd openconnect certtool openssl python3
[ -c /dev/net/tun ] || skip 'no /dev/net/tun'
printf 'cn = server\nexpiration_days = 2\n' >template
certtool --generate-privkey --outfile key >make.log 2>&1
certtool --generate-self-signed --load-privkey key --template template \
    --outfile crt >>make.log 2>&1 || fail 'no certificate'
printf 'word\nword\n' | ocpasswd -c passwd user >>make.log 2>&1
cat >conf <<EOF
auth = "plain[passwd=$PWD/passwd]"
tcp-port = 4443
udp-port = 4443
run-as-user = root
run-as-group = root
socket-file = $PWD/socket
pid-file = $PWD/pid
server-cert = $PWD/crt
server-key = $PWD/key
isolate-workers = true
max-clients = 9
max-same-clients = 9
keepalive = 300
dpd = 60
try-mtu-discovery = false
use-occtl = false
cert-user-oid = 0.9.2342.19200300.100.1.1
tls-priorities = "NORMAL:%SERVER_PRECEDENCE"
auth-timeout = 40
cookie-timeout = 300
rekey-time = 172800
device = vpns
predictable-ips = true
ipv4-network = 192.168.99.0
ipv4-netmask = 255.255.255.0
ping-leases = false
cisco-client-compat = true
dtls-legacy = true
EOF
cat >script <<'EOF'
#!/bin/sh
[ "$reason" = connect ] || exit 0
ip addr add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"
ip link set "$TUNDEV" mtu 1300 up
EOF
cat >echo.py <<'EOF'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND: the tunnel comes later
s.bind(("192.168.99.1", 7))
while True:
    s.sendto(*s.recvfrom(2000))
EOF
cat >ask.py <<'EOF'
import socket
import sys
import time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("192.168.99.1", 7))
s.settimeout(0.5)
n = 0
for i in range(int(sys.argv[1])):
    try:
        s.send(b"%d" % i)
        while s.recv(99) != b"%d" % i:
            pass
        n += 1
    except OSError:
        pass
    time.sleep(0.02)
print(n)
EOF
chmod 755 script
pin=$(openssl x509 -in crt -pubkey -noout | openssl pkey -pubin -outform der |
    openssl dgst -sha256 -binary | base64)
server ocserv ocserv -f -c conf
wait_server 4443
on_server python3 echo.py >echo.log 2>&1 &
echo word >word
# shellcheck disable=SC2086 # words
on_client ${CRUN:-} openconnect -u user --passwd-on-stdin --no-system-trust \
    --servercert "pin-sha256:$pin" -s "$PWD/script" -i vpnc0 \
    "https://$SB:4443/" <word >oc.log 2>&1 &
wait_for 15 said 'Configured as .* DTLS connected' oc || fail 'no DTLS'
n=$(on_client timeout 30 python3 ask.py 200)
[ "$n" -ge "$(least 200 180)" ] || fail "$n of 200 datagrams came back"
! said 'DTLS.*(failed|error)|Detected dead peer' oc || fail 'DTLS ended'
