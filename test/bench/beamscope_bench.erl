%% @doc The side of the bench that runs on nodes: the data, and the BEAM doing what we are measured against. Times are
%% in microseconds.
-module(beamscope_bench).

-export([process_data/1, proplists/2, decode/2]).
-export([latency/2, throughput/4]).
-export([hold/1, fetch/2, overtaken/2]).
-export([populate/1, watch_gc/1, long_gcs/0, page/3]).

%% Writes what process_info/1,2 says of every process here, again and again up to 600 kB: traffic as it is. A number
%% of bytes.
process_data(Path) ->
    Look = fun() ->
        [
            {P, process_info(P),
                process_info(P, [memory, reductions, current_stacktrace, dictionary, garbage_collection_info])}
         || P <- processes()
        ]
    end,
    Times = 600000 div byte_size(term_to_binary(Look())) + 1,
    write(Path, [Look() || _ <- lists:seq(1, Times)]).

%% Writes a property list for each of Count processes. A number of bytes.
proplists(Path, Count) ->
    Items = [
        registered_name,
        memory,
        reductions,
        message_queue_len,
        current_function,
        initial_call,
        links,
        status,
        dictionary
    ],
    Pids = [
        spawn_link(fun() ->
            put(number, I),
            put('$initial_call', {gen_server, init_it, 6}),
            receive
                stop -> ok
            end
        end)
     || I <- lists:seq(1, Count)
    ],
    Size = write(Path, [[{pid, P} | process_info(P, Items)] || P <- Pids]),
    lists:foreach(fun(P) -> P ! stop end, Pids),
    Size.

write(Path, Term) ->
    Bytes = term_to_binary(Term),
    ok = file:write_file(Path, Bytes),
    byte_size(Bytes).

%% The median time of binary_to_term/1, in a process of its own.
decode(Path, Times) ->
    {ok, Bytes} = file:read_file(Path),
    apart(fun() -> median([micros(fun() -> binary_to_term(Bytes) end) || _ <- lists:seq(1, Times)]) end).

%% The median time of Times calls one after the other.
latency(Node, Times) ->
    apart(fun() -> median([micros(fun() -> erpc:call(Node, erlang, abs, [-1]) end) || _ <- lists:seq(1, Times)]) end).

%% Calls per second, of InFlight processes that make Each calls each.
throughput(Node, Kind, InFlight, Each) ->
    Call =
        case Kind of
            erpc -> fun() -> erpc:call(Node, erlang, abs, [-1]) end;
            bounded -> fun() -> bounded(Node) end
        end,
    Caller = fun() ->
        process_flag(trap_exit, true),
        lists:foreach(fun(_) -> Call() end, lists:seq(1, Each))
    end,
    Micros = apart(fun() ->
        micros(fun() ->
            Monitors = [element(2, spawn_monitor(Caller)) || _ <- lists:seq(1, InFlight)],
            [
                receive
                    {'DOWN', Monitor, process, _, normal} -> ok
                end
             || Monitor <- Monitors
            ]
        end)
    end),
    InFlight * Each * 1.0e6 / Micros.

%% A call whose worker can do the node no harm: it dies with its caller, yields to others, and has a bounded heap.
bounded(Node) ->
    Tag = make_ref(),
    Heap = #{size => 8388608, kill => true, error_logger => false, include_shared_binaries => true},
    Bounds = [link, {priority, low}, {max_heap_size, Heap}],
    Request = erlang:spawn_request(Node, erpc, execute_call, [Tag, erlang, abs, [-1]], Bounds),
    receive
        {spawn_reply, Request, ok, Worker} ->
            receive
                {'EXIT', Worker, {Tag, return, Result}} -> Result
            end
    end.

%% Keeps a binary of Count bytes, to be had by persistent_term:get(beamscope_bench).
hold(Count) ->
    persistent_term:put(?MODULE, binary:copy(<<"0123456789abcdef">>, Count div 16)).

%% The time to get that binary from a node.
fetch(Node, Count) ->
    apart(fun() -> micros(fun() -> Count = byte_size(erpc:call(Node, persistent_term, get, [?MODULE])) end) end).

%% Small calls one after the other while that binary comes: the longest.
overtaken(Node, Count) ->
    apart(fun() ->
        {Pid, Monitor} = spawn_monitor(fun() -> fetch(Node, Count) end),
        overtaken(Node, Pid, Monitor, 0)
    end).

overtaken(Node, Pid, Monitor, Longest) ->
    Micros = micros(fun() -> erpc:call(Node, erlang, abs, [-1]) end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> max(Longest, Micros)
    after 0 -> overtaken(Node, Pid, Monitor, max(Longest, Micros))
    end.

%% Idle processes, one in a thousand with a larger heap.
populate(Count) ->
    [
        spawn(fun() ->
            Kept = [I || I rem 1000 =:= 0, _ <- lists:seq(1, 10000)],
            receive
                stop -> Kept
            end
        end)
     || I <- lists:seq(1, Count)
    ],
    erlang:system_info(process_count).

%% Counts the garbage collections on this node that take Millis or longer, from now on.
watch_gc(Millis) ->
    Self = self(),
    Counter = spawn(fun() ->
        register(?MODULE, self()),
        erlang:system_monitor(self(), [{long_gc, Millis}]),
        Self ! {watching, self()},
        count_gcs(0)
    end),
    receive
        {watching, Counter} -> ok
    end.

count_gcs(Count) ->
    receive
        {monitor, _, long_gc, _} ->
            count_gcs(Count + 1);
        {count, From} ->
            From ! {long_gcs, Count},
            count_gcs(Count)
    end.

%% How many there were.
long_gcs() ->
    ?MODULE ! {count, self()},
    receive
        {long_gcs, Count} -> Count
    end.

%% The time that the agent's module, loaded on Node, takes to answer a specification.
page(Node, Module, Spec) ->
    apart(fun() -> micros(fun() -> #{rows := [_ | _]} = binary_to_term(erpc:call(Node, Module, page, [Spec])) end) end).

apart(Fun) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({done, Fun()}) end),
    receive
        {'DOWN', Monitor, process, Pid, {done, Result}} -> Result
    end.

micros(Fun) ->
    Start = erlang:monotonic_time(),
    Fun(),
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000.

median(Figures) ->
    lists:nth(length(Figures) div 2 + 1, lists:sort(Figures)).
