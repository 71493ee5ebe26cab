# coap-server and coap-client: a small resource, a block-wise one, put and get.
. "$(dirname "$0")/../lib.sh"
need coap-server-notls coap-client-notls
head -c 5000 /dev/urandom | base64 >data
server coap coap-server-notls -A "$S" -p 5683 -d 10
wait_server 5683
client coap-client-notls -B 5 "coap://$SB:5683/" >small.log 2>&1
said 'test server made with libcoap' small || fail 'no small answer'
client coap-client-notls -B 5 -m put -f data -b 512 "coap://$SB:5683/file" \
    >put.log 2>&1
client coap-client-notls -B 5 -o got "coap://$SB:5683/file" >get.log 2>&1
cmp -s data got || fail 'what was put is not what was got'
