# gdnsd (threads with a socket each, sendmmsg and recvmmsg) and dig.
. "$(dirname "$0")/../lib.sh"
need gdnsd dig
mkdir -p etc/zones run state
cat >etc/config <<END
options => {
	listen => [ "$SB:5360" ]
	udp_threads => 2
	run_dir => "$PWD/run"
	state_dir => "$PWD/state"
}
END
cat >etc/zones/example.test <<'END'
@ SOA ns host 1 3600 900 86400 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.7
END
server gdnsd gdnsd -c "$PWD/etc" start
wait_server 5360
for _ in $(seq 20); do
	client dig "@$S" -p 5360 +short +tries=4 +time=2 www.example.test \
	    >dig.log 2>&1
	said '^192\.0\.2\.7$' dig || fail 'no answer, or a wrong one'
done
