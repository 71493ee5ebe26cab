# dnsmasq leases to dhclient: by multicast and between link-local addresses,
# which are plain: --plain fe80::/10.
. "$(dirname "$0")/../lib.sh"
need dnsmasq dhclient
[ "$FAMILY" = 6 ] || skip 'IPv6 only'
[ -z "${SRUN:-}" ] || SRUN="$SRUN --plain fe80::/10"
[ -z "${CRUN:-}" ] || CRUN="$CRUN --plain fe80::/10"
server dnsmasq dnsmasq -k -C /dev/null --log-facility=- --port=0 \
    --interface=p1 --dhcp-range=fd71:1::1000,fd71:1::1fff,64,1h \
    --dhcp-leasefile="$PWD/leases" --log-dhcp --user=root --pid-file
wait_server 547
cat >script <<'END'
#!/bin/sh
echo "$reason $new_ip6_address"
END
chmod +x script
client dhclient -6 -1 -d -lf "$PWD/client.leases" -pf "$PWD/client.pid" \
    -sf "$PWD/script" -cf /dev/null -nw p1 >dhclient.log 2>&1 &
bound() {
	said '^BOUND6 fd71:1::1' dhclient
}
wait_for 15 bound || fail 'no lease'
