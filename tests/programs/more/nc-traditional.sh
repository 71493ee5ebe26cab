# The old netcat: a server that connects to its first sender, and answers.
. "$(dirname "$0")/../lib.sh"
need nc.traditional
only_v4
(sleep 1; for i in $(seq 10); do echo "down-$i"; sleep 0.1; done; sleep 2) |
    server nc nc.traditional -n -u -l -p 6430 -s "$S"
wait_server 6430
(for i in $(seq 20); do echo "up-$i"; sleep 0.1; done; sleep 1) |
    client nc.traditional -n -u -w 2 "$S" 6430 >client.log 2>&1
n=$(grep -c '^up-' nc.log)
[ "$n" -ge "$(least 20 10)" ] || fail "$n of 20 lines came up"
