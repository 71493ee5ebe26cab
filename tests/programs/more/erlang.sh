# Erlang: gen_udp, active and passive.
. "$(dirname "$0")/../lib.sh"
need erl
cat >server.erl <<'END'
-module(server).
-export([main/1]).
main([Address]) ->
	{ok, Ip} = inet:parse_address(Address),
	{ok, S} = gen_udp:open(6405, [binary, {ip, Ip}, {active, true}]),
	loop(S).
loop(S) ->
	receive {udp, S, Ip, Port, Data} ->
		ok = gen_udp:send(S, Ip, Port, Data), loop(S)
	end.
END
cat >client.erl <<'END'
-module(client).
-export([main/1]).
main([Address]) ->
	{ok, Ip} = inet:parse_address(Address),
	Family = case size(Ip) of 4 -> inet; 8 -> inet6 end,
	{ok, S} = gen_udp:open(0, [binary, Family, {active, false}]),
	lists:foreach(fun(I) ->
		Data = binary:copy(<<I:32>>, I),
		ok = gen_udp:send(S, Ip, 6405, Data),
		{ok, {Ip, 6405, Data}} = gen_udp:recv(S, 0, 3000)
	end, lists:seq(1, 100)),
	halt(0).
END
erlc server.erl client.erl >make.log 2>&1 || skip 'no erlc that runs'
server server erl -noshell -run server main "$S"
wait_server 6405
client erl -noshell -run client main "$S" >client.log 2>&1 ||
    fail 'a wrong echo'
