# gnutls-serv and gnutls-cli over DTLS: lines are echoed.
. "$(dirname "$0")/../lib.sh"
need gnutls-serv gnutls-cli certtool
printf 'cn = server\nexpiration_days = 2\n' >template
certtool --generate-privkey --outfile key >make.log 2>&1
certtool --generate-self-signed --load-privkey key --template template \
    --outfile crt >>make.log 2>&1 || fail 'no certificate'
server gnutls gnutls-serv --udp --echo --port 4433 --x509keyfile key \
    --x509certfile crt --priority NORMAL
wait_server 4433
lines() {
	sleep 1.5
	for i in $(seq 20); do
		echo "line-$i"
		sleep 0.1
	done
	sleep 1
}
lines | client gnutls-cli --udp --insecure -p 4433 "$S" >cli.log 2>&1
# DTLS does not repeat datagrams that a failover loses.
n=$(grep -c '^line-' cli.log)
[ "$n" -ge "$(least 20 10)" ] || fail "$n of 20 lines came back"
said '^line-20$' cli || fail 'the last line did not come back'
