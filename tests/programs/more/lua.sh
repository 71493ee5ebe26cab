# LuaSocket: udp() with setsockname and setpeername, timeouts by select.
. "$(dirname "$0")/../lib.sh"
need lua5.4
cat >server.lua <<'END'
local socket = require 'socket'
local s = arg[2] == '6' and socket.udp6() or socket.udp()
assert(s:setsockname(arg[1], 6403))
while true do
	local data, ip, port = s:receivefrom()
	if data then s:sendto(data:reverse(), ip, port) end
end
END
cat >client.lua <<'END'
local socket = require 'socket'
local s = arg[2] == '6' and socket.udp6() or socket.udp()
assert(s:setpeername(arg[1], 6403))
s:settimeout(3)
for i = 1, 100 do
	local data = (i .. '.'):rep(i * 3)
	assert(s:send(data))
	assert(s:receive() == data:reverse())
end
END
lua5.4 -e 'require "socket"' 2>/dev/null || skip 'no socket of lua'
server server lua5.4 server.lua "$S" "$FAMILY"
wait_server 6403
client lua5.4 client.lua "$S" "$FAMILY" >client.log 2>&1 || fail 'a wrong echo'
