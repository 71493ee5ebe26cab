# pdns_recursor (threads, a socket each by SO_REUSEPORT) and dig.
. "$(dirname "$0")/../lib.sh"
need pdns_recursor dig
mkdir run
printf '192.0.2.7 www.example.test\n' >hosts
server recursor pdns_recursor --config-dir="$PWD" --socket-dir="$PWD/run" \
    --local-address="$S" --local-port=5358 --threads=2 --daemon=no \
    --allow-from=0.0.0.0/0,::/0 --export-etc-hosts=yes \
    --etc-hosts-file="$PWD/hosts" --security-poll-suffix= --setuid= --setgid=
wait_server 5358
ask() {
	client dig "@$S" -p 5358 +short +tries=4 +time=2 www.example.test \
	    >dig.log 2>&1 && said '^192\.0\.2\.7$' dig
}
wait_for 10 ask || fail 'no answer'
for _ in $(seq 20); do
	ask || fail 'a wrong answer'
done
