# openssl s_server -dtls -listen: connects its socket to the peer that returned a
# cookie.
. "$(dirname "$0")/../lib.sh"
need openssl
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -days 2 \
    -subj /CN=server >make.log 2>&1 || fail 'no certificate'
mkfifo in out
exec 7<>in 8<>out
# shellcheck disable=SC2086 # words
on_server ${SRUN:-} openssl s_server -"$FAMILY" -dtls -listen -timeout \
    -accept "$SB:4433" -key key -cert crt -quiet <in >s.log 2>&1 &
wait_server 4433
# shellcheck disable=SC2086 # words
on_client ${CRUN:-} openssl s_client -"$FAMILY" -dtls -timeout \
    -connect "$SB:4433" -quiet -no_ign_eof <out >c.log 2>&1 &
for n in $(seq 50); do
	echo "from-client-$n" >&8
	echo "to-client-$n" >&7
	sleep 0.1
done
wait_for 8 said '^from-client-50$' s || fail 'the server hears nothing'
wait_for 8 said '^to-client-50$' c || fail 'the client hears nothing'
for n in from-client:s to-client:c; do
	n=$(grep -c "^${n%:*}-" "${n#*:}.log")
	[ "$n" -ge "$(least 50 40)" ] || fail "$n of 50 lines came"
done
