# udhcpd and udhcpc: raw sockets, broadcast, a socket bound to an interface.
. "$(dirname "$0")/../lib.sh"
need udhcpd udhcpc
only_v4
: >leases
cat >conf <<END
start 10.71.1.100
end 10.71.1.110
interface p1
lease_file $PWD/leases
pidfile $PWD/pid
option subnet 255.255.255.0
END
server udhcpd udhcpd -f "$PWD/conf"
wait_server 67
cat >script <<'END'
#!/bin/sh
echo "$1 $ip"
END
chmod +x script
client udhcpc -f -q -n -i p1 -s "$PWD/script" -t 5 -T 1 >udhcpc.log 2>&1 ||
    fail 'no lease'
said '^bound 10\.71\.1\.1[01][0-9]' udhcpc || fail 'no address'
