# nuttcp -u: datagrams in one direction, counted by the receiver.
. "$(dirname "$0")/../lib.sh"
need nuttcp
server nuttcp nuttcp -S --nofork "-$FAMILY" -P 5100
sleep 0.5
client nuttcp -u "-$FAMILY" -R 2m -l 1000 -T 2 -P 5100 -p 5101 "$S" \
    >nuttcp.log 2>&1 || fail 'it does not succeed'
loss=$(sed -n 's/.* \([0-9.]*\) %loss.*/\1/p' nuttcp.log)
awk -v l="${loss:-100}" 'BEGIN { exit !(l < 2) }' || fail "$loss % are lost"
