# udp-sender to udp-receiver: a file, announced by broadcast, sent by unicast.
. "$(dirname "$0")/../lib.sh"
need udp-sender udp-receiver
only_v4
head -c 2000000 /dev/urandom >data
client_bg receiver udp-receiver --interface p1 --portbase 9400 --nokbd \
    --file got --log receiver.txt
wait_client 9400
# shellcheck disable=SC2086
on_server timeout -k 2 30 ${SRUN:-} udp-sender --interface p1 --portbase 9400 \
    --nokbd --pointopoint --min-receivers 1 --max-bitrate 20m --file data \
    >sender.log 2>&1 || fail 'udp-sender'
wait_for 5 cmp -s data got || fail 'the file is not the same'
