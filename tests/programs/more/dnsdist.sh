# dnsdist forwards queries to dnsmasq, by sockets on loopback.
. "$(dirname "$0")/../lib.sh"
need dnsdist dnsmasq dig
cat >conf <<END
addLocal("$SB:5359", {reusePort=true})
addLocal("$SB:5359", {reusePort=true})
newServer({address="127.0.0.1:5454", checkName="www.example.test."})
setACL({"0.0.0.0/0", "::/0"})
END
server dnsmasq dnsmasq -k -C /dev/null -p 5454 -u root --no-resolv --no-hosts \
    --listen-address=127.0.0.1 --bind-interfaces \
    --address=/example.test/192.0.2.7
wait_server 5454
server dnsdist dnsdist -C conf --supervised --disable-syslog -u root -g root
wait_server 5359
ask() {
	client dig "@$S" -p 5359 +short +tries=4 +time=2 "$1.example.test" \
	    >dig.log 2>&1 && said '^192\.0\.2\.7$' dig
}
wait_for 10 ask www || fail 'no answer'
for i in $(seq 20); do
	ask "n$i" || fail 'a wrong answer'
done
