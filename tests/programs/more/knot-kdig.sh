# knotd (SO_REUSEPORT pairs, one per thread) and kdig, answers small and large.
. "$(dirname "$0")/../lib.sh"
need knotd kdig
mkdir run db
# shellcheck disable=SC2016
{
	printf '$ORIGIN example.test.\n$TTL 60\n'
	printf '@ SOA ns host 1 3600 900 86400 60\n@ NS ns\nns A 192.0.2.1\n'
	printf 'www A 192.0.2.7\n'
	for i in $(seq 30); do
		printf 'big TXT "piece-%d-%040d"\n' "$i" "$i"
	done
} >zone
cat >knot.conf <<END
server:
  rundir: "$PWD/run"
  listen: $S@5356
  udp-workers: 2
  udp-max-payload: 4096
database:
  storage: "$PWD/db"
zone:
  - domain: example.test
    file: "$PWD/zone"
END
server knot knotd -c knot.conf
wait_server 5356
ask() {
	client kdig "@$S" -p 5356 "$@" >kdig.log 2>&1
}
wait_for 10 ask www.example.test A +noall +answer || fail 'no answer'
for _ in $(seq 20); do
	ask www.example.test A || fail 'no answer'
	said '192\.0\.2\.7' kdig || fail 'a wrong answer'
done
ask big.example.test TXT +bufsize=4096 +ignore || fail 'no large answer'
said 'piece-30-' kdig || fail 'a large answer is cut'
