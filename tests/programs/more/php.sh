# PHP: the sockets extension and streams.
. "$(dirname "$0")/../lib.sh"
need php
php -r 'exit(extension_loaded("sockets") ? 0 : 1);' || skip 'no sockets of php'
cat >server.php <<'END'
<?php
$s = socket_create($argv[2] == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM, SOL_UDP);
socket_bind($s, $argv[1], 6401) or exit(1);
while (socket_recvfrom($s, $data, 65535, 0, $from, $port) !== false)
	socket_sendto($s, strrev($data), strlen($data), 0, $from, $port);
END
cat >client.php <<'END'
<?php
$f = stream_socket_client("udp://$argv[1]:6401");
stream_set_timeout($f, 3);
for ($i = 0; $i < 100; $i++) {
	$data = str_repeat("$i.", 1 + $i * 3);
	fwrite($f, $data);
	if (fread($f, 65535) !== strrev($data))
		exit(1);
}
END
server server php server.php "$S" "$FAMILY"
wait_server 6401
client php client.php "$SB" >client.log 2>&1 || fail 'a wrong echo'
